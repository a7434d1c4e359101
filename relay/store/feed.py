"""The change feed as a program follows it: what came after a cursor, and when a cursor means nothing any more.

A cursor is the `seq` of the last change seen. It is good for one feed (`contract.feed_id`): a restored
database has another one, and then everything has to be read again. What is looked for costs one stat and
one PRAGMA when nothing was written, so following the feed closely costs nothing. Only reads, and keeps no
read open between two looks (that would hold the write-ahead log).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relay import sqlite
from relay.store.connection import open_store
from relay.store.opening import SameFile, StoreError
from relay.store.reading import Row, rows

PAGE = 1000
"""Changes read at once while following: a few hundred KiB, printed before the next are read."""


class CursorError(Exception):
    """A cursor that is not one of this feed. Its text is one line for a person."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Which feed it is (`feed_id`), the `oldest` seq that is kept, and the `newest` that was given."""

    feed_id: str
    oldest: int
    newest: int

    def knows(self, seq: int) -> bool:
        """Can a reader that has seen everything up to `seq` go on from there?"""
        return self.oldest - 1 <= seq <= self.newest


def feed(db: sqlite.Connection) -> Feed:
    """The feed as it is now."""
    feed_id, oldest, newest = db.execute(
        "SELECT feed_id, oldest_seq,"
        " coalesce((SELECT max(seq) FROM change), (SELECT seq FROM sqlite_sequence WHERE name = 'change'), 0)"
        " FROM contract"
    ).fetchone()
    return Feed(feed_id, oldest, newest)


def after(db: sqlite.Connection, seq: int, limit: int) -> list[Row]:
    """At most `limit` rows of `change` after `seq`, oldest first."""
    return rows(db, "SELECT * FROM change WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit))


def newest(db: sqlite.Connection, limit: int) -> list[Row]:
    """The newest `limit` rows of `change`, oldest first."""
    return rows(db, "SELECT * FROM (SELECT * FROM change ORDER BY seq DESC LIMIT ?) ORDER BY seq", (limit,))


def cursor(now: Feed, written: str) -> int:
    """The seq that --since names: SEQ, or FEED_ID:SEQ, which is refused in another feed. Raises CursorError."""
    name, _, number = written.rpartition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise CursorError(f'"{written}" is no place in the feed; write SEQ or FEED_ID:SEQ, as in --since {now.newest}')
    seq = int(number)
    if name and name != now.feed_id:
        raise CursorError(
            f"the feed is {now.feed_id} now, not {name} (was the database restored?):"
            f" read everything again, then go on with --since {now.feed_id}:{now.newest}"
        )
    if seq > now.newest:
        raise CursorError(
            f"the feed ends at {now.newest}; a cursor of {seq} is of another feed (was the database restored?):"
            f" read everything again, then go on with --since {now.newest}"
        )
    if seq < now.oldest - 1 and seq:
        raise CursorError(
            f"changes before {now.oldest} are no longer kept:"
            f" read everything again, then go on with --since {now.newest}"
        )
    return seq


def described(db: sqlite.Connection, found: list[Row]) -> dict[tuple[str, int], str]:
    """(entity, id) -> what a person calls it: names of leads, staff and deals, subjects of messages."""
    named: dict[tuple[str, int], str] = {}
    for entity, column, table in (
        ("lead", "name", "lead"),
        ("staff", "name", "staff"),
        ("deal", "title", "deal"),
        ("message", "subject", "message"),
    ):
        ids = {row["entity_id"] for row in found if row["entity"] == entity}
        ids |= {row["entity_id"] for row in found if entity == "message" and row["entity"] == "dismissal"}
        ids |= {row["lead_id"] for row in found if entity == "lead" and row["lead_id"] is not None}
        numbers = ", ".join(str(int(each)) for each in ids)
        query = f"SELECT id, coalesce({column}, '') FROM {table} WHERE id IN ({numbers})"
        named.update({(entity, number): name for number, name in db.execute(query)})
    return named


@dataclass(frozen=True, slots=True)
class News:
    """One look: `changes`, oldest first; and the `feed`, when the reader has to start over with it."""

    changes: list[Row]
    feed: Feed | None = None


class Following:
    """A reader that stays. `seq` is the last change it has given; None begins with what comes next.

    Raises StoreError when there is no database, CursorError when `since` is no place in its feed.
    """

    def __init__(self, path: Path, since: str | None = None) -> None:
        self._path = path
        self._open()
        self.feed = feed(self.db)
        try:
            self.seq = self.feed.newest if since is None else cursor(self.feed, since)
        except BaseException:
            self.db.close()
            raise
        self._version = -1

    def _open(self) -> None:
        self.db = open_store(self._path, read_only=True)
        self._file = SameFile(self._path)

    def close(self) -> None:
        self.db.close()

    def look(self) -> News:
        """What has come since the last look. Raises StoreError while the file is away (being replaced)."""
        try:
            self._file.check()
        except StoreError:
            self._reopen()
        (version,) = self.db.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return News([])
        # One transaction: the feed's name and its rows are of the same moment.
        self.db.execute("BEGIN")
        try:
            now = feed(self.db)
            over = None
            if now.feed_id != self.feed.feed_id or not (now.knows(self.seq) or self.seq == 0):
                over, self.seq = now, now.newest
            found = after(self.db, self.seq, PAGE)
        finally:
            self.db.execute("COMMIT")
        self.feed = now
        if len(found) < PAGE:  # else there is more than was read: look again although nobody writes
            self._version = version
        if found:
            self.seq = found[-1]["seq"]
        return News(found, over)

    def _reopen(self) -> None:
        old = self.db
        self._open()  # raises StoreError while there is none; the old connection stays, and the next look tries again
        old.close()
        self._version = -1
