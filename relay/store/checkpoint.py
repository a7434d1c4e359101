"""Checkpoints of relay.db: keeping its write-ahead log short, and keeping strangers from resetting it.

Two dangers. A log that nobody starts again grows for as long as the machine runs. And SQLite libraries
from 3.7.0 to 3.51.2, which the programs beside us may use, can corrupt a database when one connection
resets the log while another finishes a checkpoint. So a connection of ours, the keeper, holds a read
mark: as long as it stands nobody can reset the log. It is let go only for the moment of our own
checkpoint, which our library does safely.

All of it happens in a thread of its own: a checkpoint syncs the disk, and filing must not wait. The bulk
is moved beside the others' writing, what is left while the filer holds still (`turn`), and then the log
begins anew in the file it has: a log cut to nothing would make each commit wait for the file to grow.

Where another program takes the checkpoints (Litestream, which must see every page of the log before it is
reused) nothing of this is done: no checkpoint, no read mark; only the log's size is watched.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from relay import sqlite
from relay.log import log
from relay.store.readers import held

LOOK = 0.5
"""Seconds between two looks at the log."""

PAGE = 4096
"""Octets of a page of relay.db (SQLite's default)."""

LARGE = 32 * 1024 * 1024 // PAGE
"""Pages in the log from which a checkpoint is due even while mail is being filed."""

QUIET_LOOKS = 6
"""Looks without growth (three seconds) after which any log is folded in: the machine is idle."""

WORRYING = 256 * 1024 * 1024 // PAGE
"""Pages in the log that mean some reader has held a snapshot for long; said once a minute."""

PATIENCE = 0.02
"""Seconds that starting the log again may hold up writers while it waits for readers to go. It is tried
again at the next look."""


class Checkpointer:
    """Works from construction to `close`. Whoever writes from this process holds `turn` meanwhile."""

    def __init__(self, path: Path, turn: threading.Lock, *, external: bool = False) -> None:
        self._path = path
        self._turn = turn
        self._external = external
        self._done = threading.Event()
        self._asked = self._emptied = ""
        self._log = log()
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def empty(self, asked: str) -> bool:
        """Cut the log to nothing, as something was erased that older pages in it still show. Returns whether it is.

        It is done in our thread, when no reader is in the way; ask again, with the same word. Where another program
        takes the checkpoints it is not ours to do, and counts as done.
        """
        if not self._external:
            self._asked = asked
        return self._external or self._emptied == asked

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
            pages, quiet, looks = 0, 0, 0
            self._hold(keeper)
            while not self._done.wait(LOOK):
                looks += 1
                try:
                    now, moved = _log(folder)
                except sqlite.Error as error:  # a full disk, a damaged file: the filer says so too, and may get over it
                    if looks % 120 == 1:
                        self._log.warning("checkpoint.refused", why=str(error))
                    continue
                quiet = quiet + 1 if now == pages else 0
                pages = now
                if pages > LARGE or (pages > moved and quiet >= QUIET_LOOKS) or self._asked != self._emptied:
                    self._fold(keeper, folder)
                    quiet = 0
                if pages > WORRYING and looks % 120 == 0:
                    self._log.warning(
                        "store.log_grows",
                        octets=pages * PAGE,
                        why="the program that takes the checkpoints has not done so; is Litestream running?"
                        if self._external
                        else self._who(),
                    )
            self._fold(keeper, folder)

    def _who(self) -> str:
        """Which programs hold a snapshot: only they can let it go."""
        found = [f"{h.program} (process {h.pid or 'elsewhere'})" for h in held(self._path).in_the_way[:3]]
        told = ", ".join(found) or "a program"
        return f"{told} has an old snapshot open: a transaction or a query that was never ended"

    def _fold(self, keeper: sqlite.Connection, folder: sqlite.Connection) -> None:
        if self._external:
            return
        with contextlib.suppress(sqlite.Error):  # busy, or worse: the next look tries again
            with (
                self._turn
            ):  # a mark at the end of the log: all before it can be moved, and still nobody begins it anew
                _release(keeper)
                self._hold(keeper)
            folder.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            with self._turn:
                _release(keeper)
                folder.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                # Nothing or next to nothing is left for the moment in which this holds the write lock.
                asked = self._asked
                mode = "RESTART" if asked == self._emptied else "TRUNCATE"
                (busy, _, _) = folder.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
                if not busy:
                    self._emptied = asked
        self._hold(keeper)

    def _hold(self, keeper: sqlite.Connection) -> None:
        if self._external:
            return
        with contextlib.suppress(sqlite.Error):  # not to be had now: the next fold takes it
            if not keeper.in_transaction:
                keeper.execute("BEGIN")
            keeper.execute("SELECT count(*) FROM sqlite_schema").fetchall()  # a read mark comes with the first read


def _log(connection: sqlite.Connection) -> tuple[int, int]:
    """(pages in the log, those of them that are in the database already)."""
    _, pages, moved = connection.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
    return max(0, pages), max(0, moved)


def _release(keeper: sqlite.Connection) -> None:
    if keeper.in_transaction:
        keeper.execute("COMMIT")
