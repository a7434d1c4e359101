"""Appending to the vault: which epoch, which segment, which number, and one transaction for a batch.

Decides where the next mail object lies. For one thread at a time; the queue in front of it, and who is
told what, is `relay.vault.writer`.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from relay import sqlite
from relay.log import log
from relay.mail.envelope import MailObject, VaultId
from relay.vault.checkpoint import Checkpointer, put_away
from relay.vault.failure import explain
from relay.vault.segment import (
    PAGE_SIZE,
    Segment,
    contents,
    make_segment,
    open_segment,
    remove_segment,
    remove_unfinished,
    segments,
)

MAIL_OVERHEAD = 512
"""Octets that a small mail object takes beside its content, from above: envelope, row, its share of a page."""


LARGE = 80 * 1024
"""Octets from which a content is written by itself. All statements together then hold 10 MB at the most."""


class Appender:
    """The end of the vault. Made by `Appender.open`."""

    def __init__(
        self,
        folder: Path,
        segment: Segment,
        connection: sqlite.Connection,
        next_number: int,
        *,
        segment_size: int,
        seal_after: float | None = None,
        clock: Callable[[], float],
        at: Callable[[str], None],
    ) -> None:
        self.segment = segment
        self._folder = folder
        self._connection: sqlite.Connection | None = connection
        self._next = next_number
        self._segment_size = segment_size
        self.seal_after = seal_after
        self._clock = clock
        self._at = at
        self._size = _size(connection)
        (self._begun,) = connection.execute("SELECT created_at FROM segment").fetchone()
        self.checkpointer = Checkpointer(segment)

    @classmethod
    def open(
        cls,
        folder: Path,
        filed: Mapping[str, int],
        *,
        segment_size: int,
        seal_after: float | None = None,
        clock: Callable[[], float],
        at: Callable[[str], None],
    ) -> Appender:
        """The end of the vault in `folder`, where a new epoch is begun if need be. Raises a VaultError."""
        connection: sqlite.Connection | None = None
        try:
            remove_unfinished(folder)
            known = segments(folder)
            if known:
                segment = known[-1]
                connection = open_segment(segment)
                held = contents(connection, segment)
                next_number = held.last_number + 1
                # Less than what counts as filed, or a copy: an older state that must not go on numbering.
                behind = filed.get(segment.epoch, 0) - held.last_number
                if behind > 0 or held.copied:
                    put_away(connection)
                    connection = None
            if connection is None:
                epoch = _draw_epoch({*filed, *(segment.epoch for segment in known)})
                if known:
                    why = f"{behind} filed mails are not in it" if behind > 0 else "it is a copy"
                    log().warning("vault.new_epoch", epoch=epoch, after=known[-1].epoch, why=f"restored: {why}")
                segment = make_segment(folder, epoch, known[-1].ordinal + 1 if known else 1, 1, clock())
                next_number = 1
                connection = open_segment(segment)
            return cls(
                folder,
                segment,
                connection,
                next_number,
                segment_size=segment_size,
                seal_after=seal_after,
                clock=clock,
                at=at,
            )
        except (OSError, sqlite.Error) as error:
            if connection is not None:
                connection.close()
            raise explain(error, folder) from error

    def append(self, mails: Sequence[MailObject]) -> list[VaultId]:
        """Commit `mails` in one transaction; they are on the disk when this returns.

        Raises whatever stood in the way; nothing of the batch is kept then, and the next one may be tried.
        """
        octets = sum(_room(len(mail.content)) for mail in mails)
        with self.checkpointer.turn:
            if self._connection is None:
                self._reopen()
            if self._size + octets > self._segment_size and self._size > 4 * PAGE_SIZE:
                self._begin_segment()
            connection = self._connection
            assert connection is not None  # noqa: S101  for the type checker: reopened above
            first = self._next
            try:
                connection.execute("BEGIN IMMEDIATE")
                self._at("vault.begin")
                _insert(connection, first, mails)
                size = _size(connection)
                self._at("vault.inserted")
                connection.execute("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise
            self._next = first + len(mails)
            self._size = size
            self.checkpointer.wrote(octets)
        epoch = self.segment.epoch
        return [VaultId(epoch, number) for number in range(first, self._next)]

    def seal_by_age(self) -> None:
        """Go on in a new segment when the current one has mail and is older than `seal_after` seconds.

        Retention unlinks whole sealed segments; where little mail comes none would ever be full. Raises what
        stood in the way; it is tried again the next time.
        """
        if self.seal_after is None or self._clock() - self._begun < self.seal_after:
            return
        with self.checkpointer.turn:
            if self._connection is None:
                self._reopen()
            connection = self._connection
            assert connection is not None  # noqa: S101  for the type checker: reopened above
            if connection.execute("SELECT EXISTS (SELECT 1 FROM mail)").fetchone()[0]:
                self._begin_segment()

    def close(self) -> None:
        """Put the log away and close."""
        self.checkpointer.stop()
        if self._connection is not None:
            put_away(self._connection)
            self._connection = None

    def _roll_back(self, connection: sqlite.Connection) -> None:
        """Undo, so that the next batch finds a clean connection; where even that fails, take a new one.

        After some errors (disk full, I/O) SQLite has rolled back by itself.
        """
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite.Error:
            with contextlib.suppress(sqlite.Error):
                connection.close()
            self._connection = None

    def _reopen(self) -> None:
        connection = open_segment(self.segment)
        self._next = contents(connection, self.segment).last_number + 1
        self._size = _size(connection)
        self._connection = connection

    def _begin_segment(self) -> None:
        """Go on in a new file of the same epoch. When that fails the old one stays the current one."""
        segment = make_segment(self._folder, self.segment.epoch, self.segment.ordinal + 1, self._next, self._clock())
        try:
            connection = open_segment(segment)
            self.checkpointer.follow(segment)
        except BaseException:
            # It must not stay: the old one goes on numbering, and at the next start the last file says where we are.
            remove_segment(segment)
            raise
        finished, self._connection = self._connection, connection
        if finished is not None:
            finished.close()  # the checkpointer still has it open: this moves no log
        self.segment = segment
        self._size = _size(connection)
        self._begun = self._clock()
        self._at("vault.rotated")


def _insert(connection: sqlite.Connection, first: int, mails: Sequence[MailObject]) -> None:
    """Write `mails` from number `first` on, many in one statement.

    For each statement the interpreter is left once, and the event loop's thread need not be waited for as often as
    for single rows. A statement goes on holding what was bound to it last, so there are few of them (the
    powers of two), and a large content is bound to one that is then bound to nothing.
    """
    rows: list[object] = []
    large: list[tuple[int, bytes, bytes]] = []
    for number, mail in enumerate(mails, first):
        row = (number, mail.envelope.encode(), mail.content)
        if len(mail.content) > LARGE:
            large.append(row)
        else:
            rows += row
    start = 0
    for count, statement in _ROWS:
        while len(rows) - start >= 3 * count:
            connection.execute(statement, rows[start : start + 3 * count])
            start += 3 * count
    for row in large:
        connection.execute(_ONE_LARGE, row)
    if large:
        connection.execute(_ONE_LARGE, (None, None, None))


_ROWS = tuple(
    (count, "INSERT INTO mail (number, envelope, content) VALUES " + ",".join(["(?, ?, ?)"] * count))
    for count in (64, 32, 16, 8, 4, 2, 1)
)

_ONE_LARGE = "INSERT INTO mail (number, envelope, content) SELECT ?1, ?2, ?3 WHERE ?1 IS NOT NULL"


def _room(size: int) -> int:
    """Octets that a content of `size` takes in a segment, from above: a large one has pages of its own."""
    return size + MAIL_OVERHEAD + (2 * PAGE_SIZE if size > PAGE_SIZE // 8 else 0)


def _size(connection: sqlite.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0]) * PAGE_SIZE


def _draw_epoch(taken: set[str]) -> str:
    """Eight hex digits that no epoch we know of has."""
    while (epoch := secrets.token_hex(4)) in taken:
        pass
    return epoch
