"""Reading the vault, from any process: mail objects in the order in which they were accepted.

Never writes. Each call is a short read of its own, so a reader never holds back the writer's log for
longer than it takes to fetch one batch. A vault id that the vault no longer has (an erased mail, an old
epoch) still has a place in the order: what follows it is what was accepted later.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from relay import sqlite
from relay.mail.envelope import MailObject, VaultId, decode
from relay.vault.failure import VaultDamagedError, explain
from relay.vault.segment import Segment, check_version, segments

OPEN_SEGMENTS = 4
"""Connections kept: the one being written, the one being caught up with, and two that a person looks at."""


class Reader:
    """The vault in `path`, for reading. For one thread; not to be carried over a fork."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: OrderedDict[Path, sqlite.Connection] = OrderedDict()

    def after(
        self, vault_id: VaultId | None, limit: int, max_octets: int = 64 * 1024 * 1024
    ) -> list[tuple[VaultId, MailObject]]:
        """Up to `limit` mail objects that follow `vault_id` (None: from the first), in the vault's order.

        Stops before `max_octets` of content are passed, but gives at least one if there is one. Raises a VaultError.
        """
        found: list[tuple[VaultId, MailObject]] = []
        octets = 0
        for segment, number in self._following(vault_id):
            # The sizes first (SQLite tells them without reading the contents): memory is bounded before it is used.
            sizes = self._rows(
                segment,
                "SELECT number, length(content) FROM mail WHERE number > ? ORDER BY number LIMIT ?",
                number,
                limit - len(found),
            )
            last = number
            full = False
            for candidate, size in sizes:
                full = octets + size > max_octets and (bool(found) or last > number)
                if full:
                    break
                octets += size
                last = candidate
            rows = self._rows(
                segment,
                "SELECT number, envelope, content FROM mail WHERE number > ? AND number <= ? ORDER BY number",
                number,
                last,
            )
            found += [(VaultId(segment.epoch, at), self._mail(segment, *written)) for at, *written in rows]
            if full or len(found) >= limit:
                break
        return found

    def get(self, vault_id: VaultId) -> MailObject | None:
        """One mail object, or None when the vault does not have it. Raises a VaultError."""
        for segment in reversed(self._segments()):
            if segment.epoch == vault_id.epoch:
                row = self._one(segment, "SELECT envelope, content FROM mail WHERE number = ?", vault_id.number)
                if row is not None:
                    return self._mail(segment, row[0], row[1])
        return None

    def is_erased(self, vault_id: VaultId) -> bool:
        """Is nothing of the content here: overwritten, or not in the vault (any more)? Raises a VaultError."""
        for segment in self._segments():
            if segment.epoch == vault_id.epoch:
                row = self._one(segment, "SELECT envelope FROM mail WHERE number = ?", vault_id.number)
                if row is not None:
                    return self._mail(segment, row[0], b"").erased
        return True

    def erased(self) -> Iterator[VaultId]:
        """All mail objects that were erased and of which no message stays. Reads a segment's at a time."""
        for segment in self._segments():
            if self._one(segment, "SELECT 1 FROM sqlite_master WHERE name = 'erased'"):
                for (number,) in self._rows(segment, "SELECT number FROM erased WHERE NOT others ORDER BY number"):
                    yield VaultId(segment.epoch, number)

    def last(self) -> VaultId | None:
        """The mail object accepted last, None in an empty vault."""
        for segment in reversed(self._segments()):
            row = self._one(segment, "SELECT max(number) FROM mail")
            if row is not None and row[0] is not None:
                return VaultId(segment.epoch, row[0])
        return None

    def count_after(self, vault_id: VaultId | None) -> int:
        """How many mail objects follow `vault_id`: how far behind somebody is who stands there.

        Told from the numbers without reading the mail, so erased ones in between are counted too.
        """
        count = 0
        for segment, number in self._following(vault_id):
            row = self._one(segment, "SELECT min(number), max(number) FROM mail WHERE number > ?", number)
            if row is not None and row[0] is not None:
                count += row[1] - row[0] + 1
        return count

    def ids(self) -> Iterator[VaultId]:
        """All vault ids in the vault's order. Reads a segment's ids at a time."""
        for segment in self._segments():
            for (number,) in self._rows(segment, "SELECT number FROM mail ORDER BY number"):
                yield VaultId(segment.epoch, number)

    def ends(self) -> dict[str, tuple[int, int]]:
        """Epoch -> (number of its first mail object here, of its last); epochs without mail are left out."""
        found: dict[str, tuple[int, int]] = {}
        for segment in self._segments():
            row = self._one(segment, "SELECT min(number), max(number) FROM mail")
            if row is not None and row[0] is not None:
                first, _ = found.get(segment.epoch, (row[0], 0))
                found[segment.epoch] = first, row[1]
        return found

    def close(self) -> None:
        while self._open:
            self._open.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _segments(self) -> list[Segment]:
        try:
            return segments(self._path)
        except FileNotFoundError:
            return []  # no vault yet: nothing was accepted
        except OSError as error:
            raise explain(error, self._path) from error

    def _following(self, vault_id: VaultId | None) -> list[tuple[Segment, int]]:
        """The segments that may hold what follows `vault_id`, each with the number after which to read."""
        found = self._segments()
        if vault_id is None:
            return [(segment, 0) for segment in found]
        own = [place for place, segment in enumerate(found) if segment.epoch == vault_id.epoch]
        if not own:
            # Its epoch is no more here: it was older than all (retention), or the vault was replaced.
            return [(segment, 0) for segment in found]
        # Begin with the last segment of the epoch that starts at or before the number.
        start = own[0]
        for place in reversed(own):
            row = self._one(found[place], "SELECT first_number FROM segment")
            if row is not None and row[0] <= vault_id.number:
                start = place
                break
        return [(s, vault_id.number if s.epoch == vault_id.epoch else 0) for s in found[start:]]

    def _mail(self, segment: Segment, envelope: Any, content: Any) -> MailObject:
        try:
            mail = MailObject(decode(bytes(envelope)), bytes(content))
            return MailObject(mail.envelope, b"") if mail.erased else mail  # what it was overwritten with is nothing
        except ValueError as error:
            raise VaultDamagedError(f"vault: {segment.path}: {error}; is this program older than the vault?") from error

    def _one(self, segment: Segment, query: str, *arguments: object) -> tuple[Any, ...] | None:
        return next(iter(self._rows(segment, query, *arguments)), None)

    def _rows(self, segment: Segment, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """All rows of a short query; the read is over when this returns."""
        try:
            return self._connection(segment).execute(query, arguments).fetchall()
        except (OSError, sqlite.Error) as error:
            if not segment.path.exists():
                return []  # removed by retention between listing and reading
            raise explain(error, segment.path) from error

    def _connection(self, segment: Segment) -> sqlite.Connection:
        connection = self._open.get(segment.path)
        if connection is not None:
            self._open.move_to_end(segment.path)
            return connection
        connection = open_for_reading(segment)
        self._open[segment.path] = connection
        if len(self._open) > OPEN_SEGMENTS:
            self._open.popitem(last=False)[1].close()
        return connection


def open_for_reading(segment: Segment) -> sqlite.Connection:
    """Read-only. Where the log has to be replayed first (the writer was killed, or stopped without
    putting the log away) SQLite needs the right to write; then an ordinary connection does it.
    """
    try:
        connection = sqlite.connect(segment.path, read_only=True)
        check_version(connection, segment.path)
        connection.execute("SELECT first_number FROM segment").fetchone()
    except sqlite.OperationalError:
        if not segment.path.exists():
            raise FileNotFoundError(segment.path) from None
        connection = sqlite.connect(segment.path)
        with contextlib.suppress(sqlite.Error):
            connection.execute("PRAGMA query_only = ON")
        check_version(connection, segment.path)
    return connection
