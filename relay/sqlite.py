"""The one door to SQLite.

Two SQLite libraries on one file in one process cancel each other's POSIX locks, so exactly one module
imports one (the import check forbids others). It must be new enough to be without the WAL-reset
corruption bug (3.7.0 to 3.51.2), because our processes do the checkpoints.
"""

from __future__ import annotations

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
IntegrityError = driver.IntegrityError
OperationalError = driver.OperationalError
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
