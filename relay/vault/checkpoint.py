"""Checkpoints of the segment being written, off the writer's path.

A checkpoint moves what was committed from the log into the segment. In the writer's thread it would add
tens of milliseconds to somebody's commit; here it runs beside the commits. The log starts again at its
beginning only if all of it has been moved when the next commit begins, so after the bulk is done the
writer is held for the last few pages (`turn`). When nothing comes for a while the log is cut to nothing.
"""

from __future__ import annotations

import contextlib
import threading
import time

from relay import sqlite
from relay.log import log
from relay.vault.segment import Segment, open_segment

LOG_MOVED_AT = 16 * 1024 * 1024
"""Octets in the log after which it is moved. Less means more syncs for the same mail, more a longer replay
after a crash (16 MiB: well below a second) and a longer last step."""

QUIET = 1.0
"""Seconds without mail after which the log is emptied: long enough not to do it between two mails of a
stream, short enough that an idle vault is a plain file."""

READER_WAIT_MS = 20
"""How long emptying waits for a reader that is just fetching; it is tried again at the next quiet moment."""


class Checkpointer:
    """Moves the log of `segment`. The writer holds `turn` while it writes, and reports to `wrote`."""

    def __init__(self, segment: Segment) -> None:
        self.turn = threading.Lock()
        self._in_trouble = False
        self._connection = _open(segment)
        self._finished: list[sqlite.Connection] = []
        self._pending = 0  # octets committed since the log was last moved
        self._log = False  # is there anything in the log file, moved or not?
        self._last_write = 0.0
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="vault-checkpoint", daemon=True)
        self._thread.start()

    def wrote(self, octets: int) -> None:
        """Tell that the writer committed that much. Called with `turn` held."""
        idle = not self._log
        self._log = True
        self._pending += octets
        self._last_write = time.monotonic()
        if idle or self._pending >= LOG_MOVED_AT:
            self._wake.set()

    def follow(self, segment: Segment) -> None:
        """Go on with another segment; the one before is finished. Called with `turn` held, by the writer."""
        self._finished.append(self._connection)
        self._connection = _open(segment)
        self._pending = 0
        self._log = False
        self._wake.set()

    def stop(self) -> None:
        """End the thread; what is in the log stays there, it is as safe."""
        self._stopping = True
        self._wake.set()
        self._thread.join()
        self._seal()
        self._connection.close()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(QUIET if self._log else None)
            self._wake.clear()
            try:
                self._seal()
                if self._pending >= LOG_MOVED_AT:
                    self._move()
                elif self._log and time.monotonic() - self._last_write >= QUIET:
                    self._empty()
                self._in_trouble = False
            except sqlite.Error as error:
                # Nothing is lost: the log holds the mail. It grows until this works again.
                if not self._in_trouble:
                    log().warning("vault.checkpoint_refused", why=str(error))
                self._in_trouble = True
                time.sleep(QUIET)

    def _move(self) -> None:
        with self.turn:
            connection = self._connection
        _checkpoint(connection, "PASSIVE")
        with self.turn:
            _checkpoint(self._connection, "PASSIVE")
            self._pending = 0

    def _seal(self) -> None:
        """Put the finished segments away: only this thread uses their connections."""
        while self._finished:
            put_away(self._finished.pop())

    def _empty(self) -> None:
        with self.turn:
            if _checkpoint(self._connection, "TRUNCATE"):
                self._pending = 0
                self._log = False


def _open(segment: Segment) -> sqlite.Connection:
    connection = open_segment(segment, checkpoints=True)
    connection.execute(f"PRAGMA busy_timeout = {READER_WAIT_MS}")
    return connection


def _checkpoint(connection: sqlite.Connection, mode: str) -> bool:
    """Whether all was moved; a reader in the middle of a fetch may stand in the way."""
    busy, pages, moved = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    return not busy and pages == moved


def put_away(connection: sqlite.Connection) -> None:
    """Close a segment with its log written into it and removed: a plain file that any reader can open.

    Where a reader has it open the log file may stay, empty; that is no harm.
    """
    with contextlib.suppress(sqlite.Error):
        connection.execute("PRAGMA busy_timeout = 200")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    with contextlib.suppress(sqlite.Error):
        connection.close()
