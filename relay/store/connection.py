"""The door to relay.db: a connection to a database that is there, ours, and of our version.

How the connection is set is in `opening`, how the database is made in `migrations`. Checkpoints are the
checkpointer's (`checkpoint`), which also keeps strangers from resetting the write-ahead log.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from relay import sqlite
from relay.store import migrations
from relay.store.opening import BUSY_TIMEOUT, StoreError, connect

__all__ = ["StoreError", "open_store"]


def open_store(
    path: Path,
    *,
    read_only: bool = False,
    timeout: float = BUSY_TIMEOUT,
    threads: bool = False,
    alive: Callable[[], None] = lambda: None,
) -> sqlite.Connection:
    """A connection to the contract database, of this program's schema version.

    A writing connection makes or upgrades the database when it must (`alive` is called meanwhile). A
    read-only one never changes anything. Raises StoreError when the file is missing (read_only), not ours,
    newer than this program, or cannot be opened.
    """
    if read_only:
        if not path.exists():
            raise StoreError(f"{path}: no such database; `bcc-relay serve` makes it")
    elif not migrations.is_current(path):
        migrations.prepare(path, alive)
    connection = connect(path, read_only=read_only, timeout=timeout, threads=threads)
    try:
        migrations.must_be_current(path, connection)
    except BaseException:
        connection.close()
        raise
    return connection
