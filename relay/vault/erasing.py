"""Erasing: the content of mail objects is overwritten where it lies, in any segment. Their ids stay taken.

Decides what is left of an erased mail object: its number and the time of its receipt, by which retention goes.
Content and envelope are overwritten with as many octets, so that SQLite rewrites the pages in place and moves
nothing; then the log, which may hold older pages, is emptied. Which ones were erased stands in the segment,
so a database that is older than the erasure can learn of it.

Each mail object is a commit of its own: a crash leaves it as it was or erased, and doing it again does no harm.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from relay import sqlite
from relay.mail.envelope import ERASED, Client, Envelope, VaultId, decode
from relay.vault.checkpoint import put_away
from relay.vault.failure import explain
from relay.vault.segment import Segment, open_segment, segments

STEPS = ("vault.erasing", "vault.erased", "vault.emptied")
"""Named steps at which a test may stop the process: overwritten and not committed, committed, out of the log."""

ATTEMPTS = 100
"""Times that emptying the log is tried, while readers are in the middle of a fetch."""

PAUSE = 0.02
"""Seconds in between."""

_LIST = """
CREATE TABLE IF NOT EXISTS erased (
    number INTEGER PRIMARY KEY, -- of the mail object
    at REAL NOT NULL,           -- seconds since 1970, UTC
    others INTEGER NOT NULL     -- 1: it carried messages that stay
)
"""


def erase(
    folder: Path,
    mails: Mapping[VaultId, bool],
    *,
    turn: threading.Lock | None = None,
    clock: Callable[[], float] = time.time,
    at: Callable[[str], None] = lambda _: None,
) -> int:
    """Overwrite these mail objects of the vault in `folder`. Returns how many were there and not yet erased.

    `mails`: each with whether messages that it carried stay (it is noted in the segment).
    For the process that has the writer's lock. `turn`: held by the appender while it writes, so by us too in the
    segment that grows. Raises a VaultError; what was erased until then is erased.
    """
    wanted: dict[str, dict[int, bool]] = {}
    for each, others in mails.items():
        wanted.setdefault(each.epoch, {})[each.number] = others
    try:
        known = segments(folder)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise explain(error, folder) from error
    count = 0
    for segment in known:
        if segment.epoch in wanted:
            growing = segment == known[-1]
            count += _erase_in(segment, wanted[segment.epoch], turn if growing else None, growing, clock, at)
    return count


def _erase_in(
    segment: Segment,
    numbers: Mapping[int, bool],
    turn: threading.Lock | None,
    growing: bool,
    clock: Callable[[], float],
    at: Callable[[str], None],
) -> int:
    if not segment.path.exists():
        return 0  # retention was faster
    connection = open_segment(segment)
    try:
        first, last = connection.execute("SELECT min(number), max(number) FROM mail").fetchone()
        found = sorted(number for number in numbers if first is not None and first <= number <= last)
        count = 0
        for number in found:
            with turn or contextlib.nullcontext():
                count += _overwrite(connection, number, clock(), at, others=numbers[number])
            at("vault.erased")
        if found:  # also when all were erased before: perhaps it was interrupted before the log was emptied
            _empty_log(connection, turn)
            at("vault.emptied")
    except (OSError, sqlite.Error) as error:
        raise explain(error, segment.path) from error
    finally:
        if growing:
            connection.close()
        else:
            put_away(connection)
    return count


def _overwrite(
    connection: sqlite.Connection, number: int, now: float, at: Callable[[str], None], *, others: bool
) -> int:
    """In one commit. Returns 1 when it was there and not erased."""
    connection.execute("PRAGMA secure_delete = ON").fetchone()
    connection.execute("BEGIN IMMEDIATE")
    try:
        row = connection.execute("SELECT envelope FROM mail WHERE number = ?", (number,)).fetchone()
        envelope = None if row is None else decode(bytes(row[0]))
        fresh = envelope is not None and envelope.admitted_by != ERASED
        if fresh and envelope is not None:
            left = erased(envelope).encode().ljust(len(row[0]))  # blanks after JSON mean nothing
            connection.execute(
                "UPDATE mail SET envelope = ?, content = zeroblob(length(content)) WHERE number = ?", (left, number)
            )
            connection.execute(_LIST)
            connection.execute(
                "INSERT OR IGNORE INTO erased (number, at, others) VALUES (?, ?, ?)", (number, now, others)
            )
        at("vault.erasing")
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise
    return int(fresh)


def erased(envelope: Envelope) -> Envelope:
    """What is left of it: when it was received."""
    return replace(
        envelope, reverse_path=None, forward_paths=(), client=Client(""), admitted_by=ERASED, dated=None, owners=(),
        origin=None,
    )  # fmt: skip


def _empty_log(connection: sqlite.Connection, turn: threading.Lock | None) -> bool:
    """Move the log into the file and cut it to nothing. A reader stands in the way for a moment only."""
    connection.execute("PRAGMA busy_timeout = 20")
    for _ in range(ATTEMPTS):
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()  # the bulk, beside the appender
        with turn or contextlib.nullcontext():
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return True
        time.sleep(PAUSE)
    return False  # the checkpointer does it at the next quiet moment
