"""Erasures: the queue of what was removed from relay.db and still lies in other files, and how it is worked off.

Nobody has to be told of anything: the daemon's vault overwrites what the queue names, the indexer cleans the
index, the checkpointer empties the log, and the filer, who alone writes here, takes a row away when it sees that
it is done. Whoever dies, the row stays until somebody has done it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from relay import sqlite
from relay.mail.envelope import VaultId
from relay.store.contents import drop_contents
from relay.store.search import search_path

AT_ONCE = 200
"""Rows looked at together: a purge of thousands is done bit by bit."""

CONTENT_AGAIN = 10.0
"""Seconds after which a removed content is looked for once more: by then nobody is still filing the mail it was in."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits to be erased. `mails`: in the vault, each with whether it carried messages that stay."""

    mails: dict[VaultId, bool]
    contents: tuple[str, ...]
    log: str | None
    search: str | None

    def __bool__(self) -> bool:
        return bool(self.mails or self.contents or self.log or self.search)


NOTHING = Waiting({}, (), None, None)


def waiting(db: sqlite.Connection, *, now: bool = False) -> Waiting:
    """The next rows of the queue. `now`: also what is better done a moment later."""
    if db.execute("SELECT 1 FROM _erasure LIMIT 1").fetchone() is None:
        return NOTHING
    mails = db.execute(
        "SELECT subject, EXISTS (SELECT 1 FROM envelope e WHERE e.vault_id = subject) FROM _erasure "
        # but not mail that carried others too, whose text is still to be fetched from it
        "WHERE kind = 'mail' AND NOT EXISTS (SELECT 1 FROM envelope e JOIN _read_again r "
        "ON r.message_id = e.message_id WHERE e.vault_id = subject) ORDER BY asked_at LIMIT ?",
        (AT_ONCE,),
    ).fetchall()
    contents = db.execute(
        "SELECT subject FROM _erasure WHERE kind = 'content' AND asked_at <= "
        "strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?) LIMIT ?",
        (f"-{0 if now else CONTENT_AGAIN} seconds", AT_ONCE),
    ).fetchall()
    own = dict(db.execute("SELECT kind, asked_at FROM _erasure WHERE kind IN ('log', 'search')").fetchall())
    return Waiting(
        {each: bool(others) for text, others in mails if (each := VaultId.read(text)) is not None},
        tuple(digest for (digest,) in contents),
        own.get("log"),
        own.get("search"),
    )


def done(
    db: sqlite.Connection, mails: Iterable[VaultId], contents: Iterable[str], asked: Iterable[tuple[str, str]]
) -> int:
    """Take these rows away, in the transaction that is open. Contents are removed once more.

    `asked`: (kind, asked_at) of 'log' and 'search'; one that was asked for again meanwhile stays. Returns how many.
    """
    found = list(contents)
    drop_contents(db, found)
    rows = [("mail", str(each)) for each in mails] + [("content", each) for each in found]
    before = db.total_changes
    db.executemany("DELETE FROM _erasure WHERE kind = ? AND subject = ?", rows)
    db.executemany("DELETE FROM _erasure WHERE kind = ? AND subject = '' AND asked_at = ?", list(asked))
    return db.total_changes - before


def search_cleaned(store: Path) -> str | None:
    """The asking ('asked_at') that the index of the database at `store` has last followed.

    None: for none yet, or it cannot be read now. '': there is no index, and nothing to clean.
    """
    path = search_path(store)
    if not path.exists():
        return ""
    with (
        contextlib.suppress(sqlite.Error),
        contextlib.closing(sqlite.connect(path, read_only=True, timeout=0.2)) as index,
    ):
        row = index.execute("SELECT value FROM _search WHERE name = 'cleaned'").fetchone()
        return None if row is None else str(row[0])
    return None


def oldest(db: sqlite.Connection) -> tuple[int, str | None]:
    """(mail objects that wait to be erased, since when the oldest row of any kind waits)."""
    count, at = db.execute("SELECT count(*) FILTER (WHERE kind = 'mail'), min(asked_at) FROM _erasure").fetchone()
    return int(count), at
