"""Lineage: is this relay.db the one whose ids and changes we gave out last, or an older or another one?

A database that was restored goes on where its backup stood. Programs that follow the change feed have seen
more than it knows: their cursors point beyond its end, and would miss what comes now. So it gets a new
`feed_id` ("start over"), and all its ids leap ahead, so that none which was given out after the backup
comes back with another meaning. This must also be noticed when somebody restores with `cp`. Three things
tell, each for what the others miss:

* relay.db notes the inode of its file (`_relay`, 'file'): a file found at another one is a copy;
* the copy in a backup of ours says so itself ('copy'), whatever file it is put into;
* a small private file beside the vault, the mark, remembers the feed id and the highest ids given out: it
  is written about once a second, and a database behind it is older.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from relay import sqlite
from relay.log import log
from relay.mail.envelope import VaultId
from relay.store import filed, who
from relay.store.connection import open_store
from relay.store.migrations import MODE

NAME = "feed.mark"
"""The mark's file, in the vault's folder: private, and not restored with relay.db."""

COPY = "copy"
"""What `_relay` says instead of an inode in the copy that a backup holds."""

LEAP = 1_000_000
"""Ids left out after a restore. More than anybody gives out between a backup and the next."""

EVERY = 1.0
"""Seconds between two writings of the mark while something changes."""

_ROOM = 4096
"""Octets of the mark: one page of the disk, overwritten in place."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What was given out: the feed, the highest id of each table, and how far the vault was filed."""

    feed_id: str
    sequences: Mapping[str, int] = field(default_factory=dict)
    filed_up_to: VaultId | None = None

    def encode(self) -> bytes:
        filed = None if self.filed_up_to is None else str(self.filed_up_to)
        text = json.dumps({"feed_id": self.feed_id, "sequences": dict(self.sequences), "filed_up_to": filed})
        return text.encode("ascii").ljust(_ROOM)

    @classmethod
    def decode(cls, octets: bytes) -> Mark | None:
        """None for whatever is no mark: a power failure may have left half of one."""
        try:
            form = json.loads(octets)
            sequences = {str(name): int(seq) for name, seq in form["sequences"].items()}
            return cls(str(form["feed_id"]), sequences, VaultId.read(form["filed_up_to"] or ""))
        except (ValueError, TypeError, KeyError, AttributeError):
            return None


def read_mark(vault: Path) -> Mark | None:
    """The mark beside the vault in folder `vault`, None when there is none that can be read."""
    try:
        return Mark.decode((vault / NAME).read_bytes())
    except OSError:
        return None


def write_mark(vault: Path, mark: Mark) -> None:
    """Remember what a database that was just restored gives out. Raises OSError."""
    descriptor = os.open(vault / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.pwrite(descriptor, mark.encode(), 0)
    finally:
        os.close(descriptor)


def marks(connection: sqlite.Connection) -> Mark:
    """What the database gives out now. Tables of a CRM (`x_*`) are its own affair."""
    found = dict(connection.execute("SELECT name, value FROM _relay WHERE name IN ('feed_id', 'filed_up_to')"))
    sequences = {
        name: seq
        for name, seq in connection.execute("SELECT name, seq FROM sqlite_sequence")
        if not name.startswith("x_") and isinstance(seq, int)
    }
    return Mark(found.get("feed_id") or "", sequences, VaultId.read(found.get("filed_up_to") or ""))


def filed_marks(path: Path, vault: Path) -> dict[str, int]:
    """Epoch -> highest number that was ever filed: what the vault in folder `vault` must not give out again.

    From the outcomes in relay.db, and from the mark, since relay.db may have been restored together with the vault.
    """
    found = filed.highest(path)
    mark = read_mark(vault)
    if mark is not None and mark.filed_up_to is not None:
        epoch, number = mark.filed_up_to.epoch, mark.filed_up_to.number
        found[epoch] = max(number, found.get(epoch, 0))
    return found


def why_new_feed(connection: sqlite.Connection, path: Path, mark: Mark | None) -> str | None:
    """Why readers of this database must start over, in a few words; None when they need not."""
    row = connection.execute("SELECT value FROM _relay WHERE name = 'file'").fetchone()
    now = marks(connection)
    if row is not None and row[0] != str(path.stat().st_ino):
        return "it is a copy, restored or moved here"
    if mark is None:
        return None
    if mark.feed_id != now.feed_id:
        return "another database was used here last"
    if any(seq > now.sequences.get(name, 0) for name, seq in mark.sequences.items()):
        return "it is older than what was given out"
    return None


def begin_new_feed(execute: Callable[..., sqlite.Cursor], mark: Mark | None) -> None:
    """A new feed id, and ids that leap ahead of all that was given out. To be called in a transaction."""
    execute("UPDATE _relay SET value = lower(hex(randomblob(8))) WHERE name = 'feed_id'")
    given_out = mark.sequences if mark else {}
    present = dict(execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    tables = [
        name
        for name, sql in execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        if not name.startswith(("x_", "sqlite_")) and re.search(r"\bAUTOINCREMENT\b", sql or "")
    ]
    for name in tables:
        seq = max(present.get(name) or 0, given_out.get(name, 0)) + LEAP
        if name in present:
            execute("UPDATE sqlite_sequence SET seq = ? WHERE name = ?", (seq, name))
        else:
            execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, seq))


def note_file(execute: Callable[..., sqlite.Cursor], path: Path) -> None:
    """Note that the database in the file `path` is at home there."""
    execute("INSERT OR REPLACE INTO _relay (name, value) VALUES ('file', ?)", (str(path.stat().st_ino),))


class _Execute(Protocol):
    execute: Callable[..., sqlite.Cursor]


Writing = Callable[[Callable[[], None]], AbstractContextManager[_Execute]]
"""The filer's way to the write lock (`Filing.writing`)."""


class Lineage:
    """The mark, kept by the one filer of a vault. Raises StoreError, OSError when it cannot be had."""

    def __init__(self, path: Path, vault: Path, domains: Iterable[str] = (), capture: Iterable[str] = ()) -> None:
        self._path = path
        self._ours = frozenset(domains), frozenset(capture)
        self._db = open_store(path, read_only=True)
        try:
            self._file = os.open(vault / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except BaseException:
            self._db.close()
            raise
        self._version = -1
        self._kept_at = -EVERY
        self._written = os.pread(self._file, _ROOM, 0)

    def begin(self, writing: Writing, alive: Callable[[], None] = lambda: None) -> str | None:
        """Before anything is filed: begin a new feed if this database needs one. Tells why, or None."""
        mark = Mark.decode(self._written)
        why = why_new_feed(self._db, self._path, mark)
        row = self._db.execute("SELECT value FROM _relay WHERE name = 'file'").fetchone()
        if why is not None or row is None:
            with writing(alive) as transaction:
                if why is not None:
                    begin_new_feed(transaction.execute, mark)
                note_file(transaction.execute, self._path)
        if why is not None:
            self._open_to_the_crm()
            log().warning("store.new_feed", why=f"relay.db: {why}; CRMs that follow the feed start over")
        self._note_who(writing, alive)
        self._keep()
        return why

    def _open_to_the_crm(self) -> None:
        """A file that somebody put here with `cp` has the rights that `cp` gave it, not those of a shared database."""
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):  # not ours to change: `doctor` tells
                Path(f"{self._path}{suffix}").chmod(MODE)

    def keep(self, writing: Writing, alive: Callable[[], None] = lambda: None) -> None:
        """Write the mark if something was given out since. To be called often; does little."""
        now = time.monotonic()
        if now - self._kept_at < EVERY:
            return
        self._kept_at = now
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._version = version
            self._note_who(writing, alive)
            self._keep()

    def _note_who(self, writing: Writing, alive: Callable[[], None]) -> None:
        now = who.digest(self._db, *self._ours)
        if not who.is_noted(self._db, now):
            with writing(alive) as transaction:
                who.note(transaction.execute, now)

    def _keep(self) -> None:
        octets = marks(self._db).encode()
        # One page without a sync: after a power failure it may be older than the database, never newer.
        if octets != self._written and len(octets) <= _ROOM:
            os.pwrite(self._file, octets, 0)
            self._written = octets

    def close(self) -> None:
        with contextlib.suppress(sqlite.Error, OSError):
            self._keep()
        self._db.close()
        os.close(self._file)
