"""The one door to SQLite.

Two SQLite libraries on one file in one process cancel each other's POSIX locks, so exactly one module
imports one (the import check forbids others). It must be new enough to be without the WAL-reset
corruption bug (3.7.0 to 3.51.2), because our processes do the checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    import sqlite3 as driver  # pysqlite3 is the same interface, without types
else:
    import pysqlite3 as driver

Connection = driver.Connection
Cursor = driver.Cursor
Row = driver.Row
Error = driver.Error
DatabaseError = driver.DatabaseError
DataError = driver.DataError
IntegrityError = driver.IntegrityError
InterfaceError = driver.InterfaceError
OperationalError = driver.OperationalError
ProgrammingError = driver.ProgrammingError
version: str = driver.sqlite_version
complete_statement = driver.complete_statement


def connect(path: Path, *, read_only: bool = False, timeout: float = 5.0, threads: bool = False) -> Connection:
    """A connection in autocommit mode: transactions are begun and ended in so many words.

    `timeout` in seconds is how long a statement waits for another writer. `threads` allows use from
    other threads than this one (the caller then sees to it that only one uses it at a time). Raises
    OperationalError when the file cannot be opened.
    """
    mode = "ro" if read_only else "rwc"
    connection = driver.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=timeout,
        isolation_level=None,
        check_same_thread=not threads,
        cached_statements=256,
    )
    # Views and triggers of a database that strangers write may not call functions that do more than compute.
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


COPIED_AT_ONCE = 2048
"""Pages copied between two calls that tell how far a copy has come: some milliseconds."""


def copy(source: Connection, target: Path, progress: Callable[[int, int], None] = lambda _done, _all: None) -> None:
    """What `source` sees at this moment, as a database of its own in the empty file `target`.

    One snapshot from the first page to the last: writers go on meanwhile, and however much they write the
    copy never begins again (without the snapshot it would, at each commit). It takes no lock that anybody
    waits for; the log cannot be begun anew until it is done. Measured beside constant writes it takes half
    the time of VACUUM INTO and does not lengthen a single commit. The caller syncs the file.
    `progress` is told (pages copied, pages in all). Raises sqlite.Error.
    """
    made = driver.connect(str(target), isolation_level=None)
    try:
        # A copy that is cut short is thrown away: nothing in it need be safe before it is whole.
        made.execute("PRAGMA synchronous = OFF")
        made.execute("PRAGMA journal_mode = OFF").fetchone()
        source.execute("BEGIN")
        try:
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the snapshot comes with the first read
            source.backup(
                made, pages=COPIED_AT_ONCE, progress=lambda _status, left, pages: progress(pages - left, pages)
            )
        finally:
            source.execute("COMMIT")
    finally:
        made.close()


def alone(path: Path) -> Connection:
    """A connection to a database that nobody else may use meanwhile: no shared memory, its log folded in at close.

    For copies: a backup may lie on a disk that has no shared memory for SQLite. Raises sqlite.Error.
    """
    connection = connect(path)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
    return connection


def connect_memory() -> Connection:
    """A connection to an empty database in memory, gone when it is closed."""
    return driver.connect(":memory:", isolation_level=None)
