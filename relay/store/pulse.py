"""The pulse of relay.db: what `status` asks of it. Quick at any size: indexes, and bounded stretches of them."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from relay import sqlite
from relay.mail.envelope import VaultId
from relay.store import erasures
from relay.store.search import search_path
from relay.store.share import share
from relay.store.times import read_time, text_time

RECENT = timedelta(days=30)
"""Shares are of mail written since then: what was wrong a year ago is nobody's work today."""

SAMPLE = 5000
"""Messages looked at for a share, the newest: 20 to 50 ms. Where mail is plenty, `RECENT` is shorter."""

COUNTED = 100_000
"""Rows up to which they are counted; a million take half a second when they are not in memory."""

UNPARSED = timedelta(days=1)
"""For so long a mail that could not be read is told."""

HANDED_IN = 20
"""Copies of each of our people looked at, the newest: how often they hand in mail, and when last."""

PEOPLE = 2000
"""Of our people looked at, the newest: 10 us for each."""


def pulse(db: sqlite.Connection, now: datetime) -> dict[str, Any]:
    """How much is in the database, how well it is resolved, and when mail last came. Times are UTC text.

    `unresolved` is exact up to `SAMPLE`; beyond, `unresolved_more` is true. `recent` counts the mail written
    since `recent["since"]`.
    """
    found: dict[str, Any] = {
        "messages": _number(db, "message"),
        "leads": _number(db, "lead"),
        "staff": _one(db, "SELECT count(*) FROM staff WHERE left_at IS NULL"),
        "last_capture_at": _one(db, "SELECT max(received_at) FROM envelope"),
        "filed_up_to": _one(db, "SELECT value FROM _relay WHERE name = 'filed_up_to'"),
    }
    found["unresolved"], found["unresolved_more"] = _unresolved(db)
    found["recent"] = _recent(db, now)
    found["erasures_waiting"], found["erasures_since"] = erasures.oldest(db)
    found["unparsed"] = _unparsed(db, found["filed_up_to"], now)
    return found


def _one(db: sqlite.Connection, query: str, *arguments: object) -> Any:
    row = db.execute(query, arguments).fetchone()
    return None if row is None else row[0]


def _number(db: sqlite.Connection, table: str) -> int:
    """How many rows: counted while they are few, else as many as ids were given out (some are gone since)."""
    last: int = _one(db, f"SELECT coalesce(max(id), 0) FROM {table}")  # a name of ours
    if last > COUNTED:
        return last
    count: int = _one(db, f"SELECT count(*) FROM {table}")
    return count


def _unresolved(db: sqlite.Connection) -> tuple[int, bool]:
    """(how many, are there more?). The view is asked for the newest `SAMPLE` candidates only."""
    oldest = _one(db, "SELECT originated_at FROM _unrelated ORDER BY originated_at DESC LIMIT 1 OFFSET ?", SAMPLE)
    count = _one(db, "SELECT count(*) FROM unresolved_message WHERE originated_at >= ?", oldest or "")
    return count, oldest is not None


def _recent(db: sqlite.Connection, now: datetime) -> dict[str, Any]:
    """`messages` and `unresolved` since `since`. Mail that claims to come from the future is left out."""
    since, until = text_time(now - RECENT), text_time(now + timedelta(days=1))
    cut = _one(
        db,
        "SELECT originated_at FROM message WHERE originated_at BETWEEN ? AND ?"
        " ORDER BY originated_at DESC LIMIT 1 OFFSET ?",
        since,
        until,
        SAMPLE - 1,
    )
    since = cut or since
    between = "originated_at BETWEEN ? AND ?"
    return {
        "since": since,
        "messages": _one(db, f"SELECT count(*) FROM message WHERE {between}", since, until),
        "unresolved": _one(db, f"SELECT count(*) FROM unresolved_message WHERE {between}", since, until),
    }


def _unparsed(db: sqlite.Connection, filed_up_to: str | None, now: datetime) -> int:
    """Mails of the last day that could not be read, among the newest of the vault's epoch."""
    last = VaultId.read(filed_up_to or "")
    if last is None:
        return 0
    query = "SELECT count(*) FROM _vault_outcome WHERE epoch = ? AND number > ? AND outcome = 'unparsed' AND at >= ?"
    count: int = _one(db, query, last.epoch, last.number - SAMPLE, text_time(now - UNPARSED))
    return count


def shares(db: sqlite.Connection, since: str) -> list[dict[str, Any]]:
    """staff_id, name, here, missing: the mail of each of our people to leads since then (`relay.store.share`)."""
    return [row._asdict() for row in share(db, read_time(since))]


def handed_in_by(db: sqlite.Connection) -> list[tuple[int, str, list[str]]]:
    """(staff.id, name, when they last handed in mail, newest first) of our people who have not left."""
    people = db.execute(
        "SELECT id, coalesce(name, '') FROM staff WHERE left_at IS NULL ORDER BY id DESC LIMIT ?", (PEOPLE,)
    ).fetchall()
    query = "SELECT received_at FROM envelope WHERE staff_id = ? ORDER BY received_at DESC LIMIT ?"
    return [(id_, name, [at for (at,) in db.execute(query, (id_, HANDED_IN))]) for id_, name in people]


def search_waits_since(db: sqlite.Connection, store: Path) -> str | None:
    """Since when the search index has lacked something, None when it is in step.

    Raises sqlite.Error when search.db cannot be read (there is none yet, or this user may not).
    """
    with contextlib.closing(sqlite.connect(search_path(store), read_only=True, timeout=0.2)) as index:
        state = dict(index.execute("SELECT name, value FROM _search").fetchall())
    feed, oldest = db.execute("SELECT feed_id, oldest_seq FROM contract").fetchone()
    seq = int(state.get("seq", 0)) if state.get("feed_id") == feed else oldest - 1
    waiting: str | None = _one(db, "SELECT at FROM change WHERE seq > ? ORDER BY seq LIMIT 1", seq)
    return waiting
