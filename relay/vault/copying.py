"""Copying a segment while it is written: for a backup.

The copy of the segment that is still growing is marked as a copy (inode 0, which no file has): put back
by whatever means, the vault's writer finds that it may not go on numbering there, since the original may
have given out ids that the copy does not know. A sealed segment gives out no ids.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from relay import sqlite
from relay.mail.envelope import decode
from relay.vault.failure import VaultDamagedError, explain
from relay.vault.reader import open_for_reading
from relay.vault.segment import Segment


@dataclass(frozen=True, slots=True)
class Held:
    """What a segment holds: the highest number (`first_number - 1` when empty), and when the newest mail
    object was accepted (None when empty).
    """

    last_number: int
    newest_at: datetime | None


def held(connection: sqlite.Connection, path: Path) -> Held:
    """What the segment that `connection` reads holds. Raises a VaultError, sqlite.Error."""
    (last_number,) = connection.execute(
        "SELECT coalesce(max(number), (SELECT first_number - 1 FROM segment)) FROM mail"
    ).fetchone()
    newest = connection.execute("SELECT envelope FROM mail ORDER BY number DESC LIMIT 1").fetchone()
    try:
        return Held(last_number, None if newest is None else decode(bytes(newest[0])).received_at)
    except ValueError as error:
        raise VaultDamagedError(f"vault: {path}: {error}; is this program older than the vault?") from error


def copy_segment(
    segment: Segment, target: Path, *, growing: bool, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Held:
    """Copy `segment` as it is now into the empty file `target`; the caller syncs it. Tells what the copy holds.

    Raises a VaultError when the segment cannot be read, FileNotFoundError when retention has removed it,
    sqlite.Error when the copy cannot be written.
    """
    try:
        source = open_for_reading(segment)
    except sqlite.Error as error:
        raise explain(error, segment.path) from error
    with contextlib.closing(source):
        sqlite.copy(source, target, progress)
    with contextlib.closing(sqlite.alone(target)) as copied:
        # A sealed segment whose log was never put away is a plain file from here on.
        copied.execute("PRAGMA journal_mode = DELETE").fetchone()
        if growing:
            copied.execute("UPDATE segment SET inode = 0")
        return held(copied, target)


def whole(path: Path) -> bool:
    """Is the segment in the file `path` intact and ours? For a copy that nobody uses."""
    with contextlib.closing(sqlite.alone(path)) as connection:
        return [row[0] for row in connection.execute("PRAGMA quick_check(1)")] == ["ok"]


def erased_in(path: Path) -> int:
    """How many mail objects of the segment in the file `path` were erased: one with more is another content, of the
    same size. Raises a VaultError.
    """
    try:
        with contextlib.closing(sqlite.connect(path, read_only=True)) as connection:
            if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'erased'").fetchone() is None:
                return 0
            return int(connection.execute("SELECT count(*) FROM erased").fetchone()[0])
    except sqlite.Error as error:
        raise explain(error, path) from error
