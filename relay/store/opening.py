"""How a connection of ours is set, each setting with its reason, and what we say when there is none.

Neither the file nor the library remembers any setting except WAL, so every connection passes here. It
does not know the schema: `connection.open_store` is the door for everybody who works with it.
"""

from __future__ import annotations

from pathlib import Path

from relay import sqlite

APPLICATION_ID = 0x62636372
"""'bccr' in the file's header: `file relay.db` and our own start can tell it from any other database."""

BUSY_TIMEOUT = 5.0
"""Seconds a statement waits for another writer. As long as we ask of a CRM."""

CACHE = 64 * 1024
"""KiB of pages a writing connection keeps: the inner pages of every index at a million messages, so that
filing into a large store costs what it costs in an empty one."""

MMAP = 1 << 30
"""Octets of the file read through the page cache instead of by copying: random reads of a large store
cost a third less. Only reads: writes go to the write-ahead log as ever."""

AUTOCHECKPOINT = 16384
"""Pages (64 MiB) of log from which a commit of ours checkpoints. Normally it never comes to that: the
checkpointer folds the log in earlier and off the writer's path. This is for commands that run alone."""


class StoreError(Exception):
    """The database cannot be used. Its text is one line that says which file, what is wrong and what to do."""


class SameFile:
    """Made right after a database was opened: does its path still lead to that file?

    A person who deletes or replaces a database in use leaves us with a file that nobody else sees, and
    SQLite does not tell. What we wrote there would be lost until the next start.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._found()

    def check(self) -> None:
        """Raises StoreError when it was deleted or replaced. Costs one stat."""
        if self._found() != self._file:
            raise StoreError(
                f"{self._path}: deleted or replaced while in use; opening anew (stop bcc-relay before doing so)"
            )

    def _found(self) -> tuple[int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def connect(
    path: Path, *, read_only: bool = False, timeout: float = BUSY_TIMEOUT, threads: bool = False
) -> sqlite.Connection:
    """A connection with our settings and no look at the schema. Raises StoreError when it cannot be opened."""
    try:
        connection = sqlite.connect(path, read_only=read_only, timeout=timeout, threads=threads)
    except sqlite.Error as error:
        raise refused(path, error) from error
    try:
        # An id or a feed number that a CRM has read must not come back after a power failure with other
        # content: NORMAL may lose the last commits of a WAL database, FULL does not.
        connection.execute("PRAGMA synchronous = FULL")
        # The schema has no REFERENCES; a CRM's x_ tables may, and their rules are the CRM's, not ours to enforce.
        connection.execute("PRAGMA foreign_keys = OFF")
        # What strangers' connections have, so that a trigger does the same whoever fires it (sqlite-utils and our
        # own build of SQLite turn it on).
        connection.execute("PRAGMA recursive_triggers = OFF")
        connection.execute(f"PRAGMA cache_size = -{CACHE}")
        connection.execute(f"PRAGMA mmap_size = {MMAP}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT}")
        # Sorts and the JSON lists of ids are small; a temporary file would be a sync away from the disk.
        connection.execute("PRAGMA temp_store = MEMORY")
        # A log left large by one long reader is cut back by the next checkpoint that resets it.
        connection.execute(f"PRAGMA journal_size_limit = {AUTOCHECKPOINT * 4096}")
        # What is deleted, and what SQLite moves between pages, is overwritten with zeros: mail that a person takes back
        # must not be legible in the file. Pages that are freed whole are written once more; filing seldom frees any.
        connection.execute("PRAGMA secure_delete = ON").fetchone()
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except sqlite.Error as error:
        connection.close()
        raise refused(path, error) from error
    return connection


def refused(path: Path, error: Exception) -> StoreError:
    """What SQLite said, as one line for a person who has to do something about it."""
    said = str(error)
    folder = path.parent
    if not folder.is_dir():
        advice = f"the folder {folder} does not exist; make it (mode 2770, group of the CRM)"
    elif "unable to open" in said or "readonly" in said:
        advice = f"no right to write there; give this user the folder {folder} and the file"
    elif "full" in said:
        advice = f"the disk of {folder} is full; nothing was written, make room and start again"
    elif "not a database" in said or "malformed" in said:
        advice = "this is no intact bcc-relay database; look at [store] path, or restore a backup"
    elif "locked" in said or "busy" in said:
        advice = "another program holds the write lock; try again when it has finished"
    else:
        advice = "see the disk and the rights of the folder"
    return StoreError(f"{path}: {said}: {advice}")
