"""Segments: the files of the vault, `EPOCH-000017.db`, and what each of them holds.

Decides names, order, table and settings of a segment. The number in the name counts segments, over all
epochs: by it the segments are in the order in which mail was accepted. Inside, `number` counts mail
objects of the epoch; with the epoch it is the vault id. A segment of at most 1 GiB can be copied by a
backup once the next one is begun, and retention removes it whole, so nothing is ever vacuumed.

A segment also notes the inode at which it was made. A file found at another one is a copy: the original
may have given out ids that the copy does not know, so numbering goes on in a new epoch.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from relay import sqlite
from relay.vault.failure import VaultDamagedError, VaultError, VaultNewerError, explain

VERSION = 1
"""PRAGMA user_version of the segments this program writes."""

APPLICATION = 0x62636356
"""PRAGMA application_id: 'bccV', so that `file` and a person can tell what it is."""

PAGE_SIZE = 16384
"""Octets. Mail is written once and read whole: large pages mean few overflow pages (25 MB: 1,600 instead
of 6,400); beyond 16 KiB the rewritten last page makes the commit of a single small mail slower."""

WAL_KEPT = 64 * 1024 * 1024
"""Octets. A log that a slow reader let grow is cut back to this when it is next reset; shorter files would
have to be lengthened again, and lengthening costs a journal commit of the file system in each fsync."""

CACHE_KIB = 8 * 1024
"""Page cache of a connection. Appending needs little; a mail of 25 MB spills into the log instead of memory."""

UNFINISHED_RESTORE = "restore.unfinished"
"""While this file is in the vault's folder a restore is under way, or was interrupted: nothing may be written."""

_NAME = re.compile(r"([0-9a-f]{8})-([0-9]{6,9})\.db")
_UNFINISHED = ".making"

_SCHEMA = f"""
PRAGMA page_size = {PAGE_SIZE};
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
-- The segment itself: one row.
CREATE TABLE segment (
    epoch TEXT NOT NULL,            -- of all vault ids in this file
    first_number INTEGER NOT NULL,  -- the number of the first mail object, also while there is none
    created_at REAL NOT NULL,       -- seconds since 1970, UTC
    inode INTEGER NOT NULL          -- where the file was made: elsewhere it is a copy
);
-- One accepted mail object. `envelope` is relay.mail.envelope's written form, `content` the octets received.
CREATE TABLE mail (
    number INTEGER PRIMARY KEY,
    envelope BLOB NOT NULL,
    content BLOB NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of the vault. `ordinal` gives the order of the segments."""

    path: Path
    epoch: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a segment says about itself. `last_number` is `first_number - 1` while it is empty."""

    epoch: str
    first_number: int
    last_number: int
    copied: bool


def segments(folder: Path) -> list[Segment]:
    """The segments in `folder` in the vault's order. Raises OSError when the folder cannot be read."""
    found = [
        Segment(folder / match[0], match[1], int(match[2]))
        for match in map(_NAME.fullmatch, os.listdir(folder))  # noqa: PTH208  names will do; called for each read
        if match
    ]
    found.sort(key=lambda segment: (segment.ordinal, segment.epoch))
    return found


def make_folder(folder: Path) -> None:
    """The vault's folder, for nobody else. Raises a VaultError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)  # mail of everybody: not for the group, not for the CRM
    except OSError as error:
        raise explain(error, folder) from error
    must_not_be_half_restored(folder)


def must_not_be_half_restored(folder: Path) -> None:
    """Raises a VaultError while a restore is under way in the vault's folder, or was interrupted there."""
    if (folder / UNFINISHED_RESTORE).exists():
        raise VaultError(
            f"vault: {folder}: a restore was interrupted here; run `bcc-relay restore` again, with --force"
        )


def remove_unfinished(folder: Path) -> None:
    """Remove segments whose making was interrupted: nothing was ever in them. For the only writer. Raises OSError."""
    for leftover in folder.glob(f"*{_UNFINISHED}*"):
        leftover.unlink()


def make_segment(folder: Path, epoch: str, ordinal: int, first_number: int, created_at: float) -> Segment:
    """A new, empty segment, on the disk with its directory entry before this returns.

    It is made under another name: a crash in the middle leaves a file that nobody takes for a segment.
    Raises a VaultError.
    """
    segment = Segment(folder / f"{epoch}-{ordinal:06d}.db", epoch, ordinal)
    making = segment.path.with_suffix(_UNFINISHED)
    try:
        # SQLite would create it 0644 less umask; -wal and -shm take their mode from it.
        descriptor = os.open(making, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        inode = os.fstat(descriptor).st_ino
        os.close(descriptor)
        connection = sqlite.connect(making)
        try:
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.executescript(_SCHEMA)
            connection.execute("INSERT INTO segment VALUES (?, ?, ?, ?)", (epoch, first_number, created_at, inode))
        finally:
            connection.close()
        making.rename(segment.path)
        sync_folder(folder)
    except (OSError, sqlite.Error) as error:
        with contextlib.suppress(OSError):
            making.unlink(missing_ok=True)
        raise explain(error, segment.path) from error
    return segment


def remove_segment(segment: Segment) -> None:
    """Remove a segment in which there is nothing. Raises a VaultError."""
    try:
        for suffix in ("-wal", "-shm", ""):
            Path(f"{segment.path}{suffix}").unlink(missing_ok=True)
        sync_folder(segment.path.parent)
    except OSError as error:
        raise explain(error, segment.path) from error


def sync_folder(folder: Path) -> None:
    """Bring directory entries to the disk (SQLite does not tell when this fails). Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_segment(segment: Segment, *, checkpoints: bool = False) -> sqlite.Connection:
    """A writing connection, usable from any one thread at a time. Raises a VaultError.

    `checkpoints`: the connection that only takes checkpoints.
    """
    try:
        # Nobody else writes here; only a closing reader may hold a lock for a moment.
        connection = sqlite.connect(segment.path, timeout=10.0, threads=True)
        check_version(connection, segment.path)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        # FULL: the log is synced at each commit. It is what stands behind a 250 (NORMAL loses mail at power loss).
        connection.execute("PRAGMA synchronous = FULL")
        # Checkpoints are taken by a thread of their own, never inside somebody's commit.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        # What SQLite moves between pages leaves zeros behind, or an erased mail would stay legible in an old place.
        connection.execute("PRAGMA secure_delete = FAST").fetchone()
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT}")
        connection.execute(f"PRAGMA cache_size = -{64 if checkpoints else CACHE_KIB}")
    except (OSError, sqlite.Error) as error:
        raise explain(error, segment.path) from error
    return connection


def check_version(connection: sqlite.Connection, path: Path) -> None:
    """Refuse a file that is no segment or of a newer version. Raises a VaultError or sqlite.Error."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise VaultNewerError(
            f"vault: {path} was written by a newer bcc-relay (vault version {version}, this one reads {VERSION}); "
            "start the newer program"
        )
    if version != VERSION or connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise VaultDamagedError(f"vault: {path} is not a segment of a vault; move the file away")


def contents(connection: sqlite.Connection, segment: Segment) -> Contents:
    """What the segment says about itself. Raises a VaultError."""
    try:
        row = connection.execute(
            "SELECT epoch, first_number, inode, (SELECT max(number) FROM mail) FROM segment"
        ).fetchone()
        if row is None or row[0] != segment.epoch:
            raise VaultDamagedError(f"vault: {segment.path} does not know its epoch; move the file away")
        epoch, first_number, inode, last_number = row
        return Contents(
            epoch,
            first_number,
            first_number - 1 if last_number is None else last_number,
            segment.path.stat().st_ino != inode,
        )
    except (OSError, sqlite.Error) as error:
        raise explain(error, segment.path) from error
