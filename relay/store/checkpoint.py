"""Checkpoints of relay.db: keeping its write-ahead log short, and keeping strangers from resetting it.

Two dangers. A log that nobody truncates grows for as long as the machine runs. And SQLite libraries
from 3.7.0 to 3.51.2, which the programs beside us may use, can corrupt a database when one connection
resets the log while another finishes a checkpoint. So a connection of ours, the keeper, holds a read
mark: as long as it stands nobody can reset the log. It is let go only for the moment of our own
truncation, which our library does safely.

All of it happens in a thread of its own: a checkpoint syncs the disk, and filing must not wait.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from relay import sqlite
from relay.log import log

LOOK = 0.5
"""Seconds between two looks at the size of the log."""

LARGE = 32 * 1024 * 1024
"""Octets of log from which a checkpoint is due even while mail is being filed."""

QUIET_LOOKS = 6
"""Looks without growth (three seconds) after which any log is folded in: the machine is idle."""

WORRYING = 256 * 1024 * 1024
"""Octets of log that mean some reader has held a snapshot for long; said once a minute."""

PATIENCE = 0.02
"""Seconds that a truncation may hold up writers while it waits for readers to go: what we allow ourselves
when filing. It is tried again at the next look."""


class Checkpointer:
    """Works from construction to `close`."""

    def __init__(self, path: Path) -> None:
        self._log_file = path.with_name(path.name + "-wal")
        self._path = path
        self._done = threading.Event()
        self._log = log()
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop, after a last attempt to fold the log in."""
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            keeper = sqlite.connect(self._path, threads=True)
            folder = sqlite.connect(self._path, timeout=PATIENCE, threads=True)
        except sqlite.Error as error:
            self._log.error("checkpoint.impossible", why=str(error))
            return
        with contextlib.closing(keeper), contextlib.closing(folder):
            # A checkpoint must reach the disk before the log it came from is reused.
            folder.execute("PRAGMA synchronous = FULL")
            size, quiet, looks = 0, 0, 0
            _hold(keeper)
            while not self._done.wait(LOOK):
                looks += 1
                now = self._size()
                quiet = quiet + 1 if now == size else 0
                size = now
                if size > LARGE or (size and quiet >= QUIET_LOOKS):
                    self._fold(keeper, folder)
                    quiet, size = 0, self._size()
                if size > WORRYING and looks % 120 == 0:
                    self._log.warning("store.log_grows", octets=size, why="a program has read without end; see status")
            self._fold(keeper, folder)

    def _size(self) -> int:
        try:
            return self._log_file.stat().st_size
        except OSError:
            return 0

    def _fold(self, keeper: sqlite.Connection, folder: sqlite.Connection) -> None:
        with contextlib.suppress(sqlite.OperationalError):  # busy: the next look tries again
            _release(keeper)
            # PASSIVE moves nearly everything while others go on writing; TRUNCATE then has little left
            # to do in the moment in which it holds the write lock.
            folder.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            folder.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        with contextlib.suppress(sqlite.OperationalError):
            _hold(keeper)


def _hold(keeper: sqlite.Connection) -> None:
    keeper.execute("BEGIN")
    keeper.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # a read mark comes with the first read


def _release(keeper: sqlite.Connection) -> None:
    if keeper.in_transaction:
        keeper.execute("COMMIT")
