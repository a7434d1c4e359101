"""The manifest of a backup: which files it is made of, what is in them, and how they are known to be whole.

A folder holds one backup. Its files have names of their own for each run (only sealed segments keep
theirs), the manifest names those that belong together, and it is put in place last, by renaming: until
then the backup before is whole and is the backup.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from relay import sqlite
from relay.vault.segment import sync_folder

FORM = 1
"""Version of the manifest's form that this program reads and writes."""

NAME = "manifest.json"
LOCK = "backup.lock"
SEGMENTS = "vault"

_OURS = re.compile(
    r"relay-[0-9TZ.]+\.db|accounts-[0-9TZ.]+\.json|[0-9a-f]{8}-[0-9]{6,9}(\.growing-[0-9TZ.]+)?\.db|manifest\.json"
)
_UNFINISHED = re.compile(rf"({_OURS.pattern})\.part(-wal|-shm|-journal)?")

CHUNK = 1 << 20
"""Octets read at once for a digest."""


class BackupError(Exception):
    """A backup cannot be made, read or put back. Its text is one line for a person."""


@dataclass(frozen=True, slots=True)
class StoreCopy:
    """relay.db: its `file` in the backup, and its highest marks (`filed_up_to`: '' when nothing was filed)."""

    file: str
    size: int
    sha256: str
    schema: int
    feed_id: str
    seq: int
    filed_up_to: str
    messages: int


@dataclass(frozen=True, slots=True)
class SegmentCopy:
    """A segment of the vault, by the `name` it has there; `sealed`: it will not change any more.

    `newest_at`: when its newest mail was accepted, ISO 8601, '' while it is empty.
    """

    name: str
    file: str
    sealed: bool
    size: int
    sha256: str
    last: str
    newest_at: str


@dataclass(frozen=True, slots=True)
class FileCopy:
    """A file that is copied as it is: `accounts.json`, which lies in the vault's folder."""

    file: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """One backup. `made_at`: when relay.db was copied, UTC; `program`: the version that made it."""

    made_at: str
    program: str
    store: StoreCopy
    vault: tuple[SegmentCopy, ...]
    accounts: FileCopy | None = None

    def encode(self) -> bytes:
        form = {
            "what": "a backup of bcc-relay: restore it with `bcc-relay restore`",
            "form": FORM,
            **asdict(self),
            "vault_last": self.vault_last,
        }
        return (json.dumps(form, indent=1) + "\n").encode()

    @property
    def vault_last(self) -> str:
        """The highest vault id in the backup, '' when there is none."""
        filled = [segment.last for segment in self.vault if segment.newest_at]
        return filled[-1] if filled else ""

    @property
    def files(self) -> set[str]:
        """The files that belong to the backup, as paths in its folder."""
        accounts = () if self.accounts is None else (self.accounts.file,)
        return {self.store.file, *accounts, *(segment.file for segment in self.vault)}


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in `folder`, None when there is none. Raises BackupError, OSError."""
    path = folder / NAME
    try:
        octets = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        form = json.loads(octets)
        if form["form"] != FORM:
            raise BackupError(f"{path}: written by another version of bcc-relay (form {form['form']}); use that one")
        found = Manifest(
            form["made_at"],
            form["program"],
            StoreCopy(**form["store"]),
            tuple(SegmentCopy(**segment) for segment in form["vault"]),
            FileCopy(**form["accounts"]) if form.get("accounts") else None,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise BackupError(f"{path}: this is no manifest of a backup ({error}); take another backup") from error
    for file in found.files:
        # What the manifest names is copied into the vault's folder: no path may lead elsewhere.
        if Path(file).name not in (file, file.removeprefix(f"{SEGMENTS}/")) or not _OURS.fullmatch(Path(file).name):
            raise BackupError(f"{path}: names a file {file!r} that no backup has; take another backup")
    return found


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest in place, on the disk. Everything it names must be there. Raises OSError."""
    with becoming(folder / NAME) as part:
        part.write_bytes(manifest.encode())
    sync_folder(folder)


@contextmanager
def becoming(path: Path) -> Iterator[Path]:
    """A new, private file to write, which is synced and becomes `path` when all went well. Raises OSError."""
    part = path.with_name(f"{path.name}.part")
    _remove(part)  # of one that was killed: also its log, which SQLite would replay into ours
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield part
        descriptor = os.open(part, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            _remove(part)
        raise


def _remove(part: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        Path(f"{part}{suffix}").unlink(missing_ok=True)


def remove_others(folder: Path, manifest: Manifest) -> None:
    """Remove what earlier backups left that this one does not need. Files that are not ours stay. Raises OSError."""
    for place, prefix in ((folder, ""), (folder / SEGMENTS, f"{SEGMENTS}/")):
        for path in place.iterdir():
            stale = _OURS.fullmatch(path.name) and path.name != NAME and f"{prefix}{path.name}" not in manifest.files
            if stale or _UNFINISHED.fullmatch(path.name):
                path.unlink()


def digest(path: Path, progress: Callable[[int], None] = lambda _: None) -> str:
    """SHA-256 of a file, hexadecimal. `progress` is told the octets of each piece. Raises OSError."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            found.update(piece)
            progress(len(piece))
    return found.hexdigest()


@contextmanager
def told(folder: Path, what: str) -> Iterator[None]:
    """Faults of the disk under `folder` as one line: what could not be done, why, and what to do."""
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise BackupError(f"{what}: the disk of {folder} is full; make room and run it again") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise BackupError(
                f"{what}: no right to use {where}; run it as the user that runs bcc-relay, and give that user {folder}"
            ) from error
        if error.errno == errno.EROFS:
            raise BackupError(f"{what}: the disk of {folder} is read-only") from error
        raise BackupError(f"{what}: {where}: {error.strerror or error}") from error
    except sqlite.Error as error:
        if "full" in str(error):
            raise BackupError(f"{what}: the disk of {folder} is full; make room and run it again") from error
        raise BackupError(f"{what}: {error}; see whether the disk of {folder} is well") from error


def copy_file(source: Path, target: Path, progress: Callable[[int], None] = lambda _: None) -> str:
    """Copy a file into the existing file `target`. Returns the SHA-256 of what was read. Raises OSError."""
    found = hashlib.sha256()
    with source.open("rb") as read, target.open("wb") as written:
        while piece := read.read(CHUNK):
            found.update(piece)
            written.write(piece)
            progress(len(piece))
    return found.hexdigest()
