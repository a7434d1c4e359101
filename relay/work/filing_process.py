"""The filer as a process: its life beside the daemon that started it.

Standard input tells us what the daemon knows: an octet means "something new", end of file means "file
what is there and go". Standard output carries our heartbeat. Nothing else is said: SIGTERM and SIGINT
reach the whole group when a person or systemd stops the daemon, and it is the daemon that tells us.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from relay import log as logs
from relay import sqlite
from relay.store.checkpoint import Checkpointer
from relay.store.filing import Filing
from relay.store.search import Indexer
from relay.vault.reader import Reader
from relay.work.filer import Filer, Step
from relay.work.lock import Lock, Taken
from relay.work.note import Note

IDLE = 1.0
"""Seconds to wait for news from the daemon before looking by ourselves what a CRM has written."""

LAST_WORDS = 10.0
"""Seconds for which we go on filing after the daemon has gone."""

BEAT = 5.0
"""Seconds between two heartbeats while nothing happens."""

TROUBLE = 2.0
"""Seconds to wait after the database refused us (a full disk, an I/O error) before the next attempt."""


@dataclass(frozen=True, slots=True)
class Work:
    """What the filer must know, given by the daemon as one argument in JSON."""

    store: Path
    vault: Path
    domains: tuple[str, ...]
    capture: tuple[str, ...]

    def encode(self) -> str:
        return json.dumps([str(self.store), str(self.vault), self.domains, self.capture])

    @classmethod
    def decode(cls, text: str) -> Work:
        store, vault, domains, capture = json.loads(text)
        return cls(Path(store), Path(vault), tuple(domains), tuple(capture))


def command(work: Work) -> tuple[str, ...]:
    """The command line that runs the filer for `work` with the interpreter that runs us."""
    return (sys.executable, "-m", "relay.work", work.encode())


class _Gone(Exception):  # noqa: N818  not an error: the daemon has gone and so do we
    pass


class _Daemon:
    """Our line to the daemon."""

    def __init__(self) -> None:
        self._beaten = 0.0
        self._leave_by: float | None = None
        os.set_blocking(1, False)

    @property
    def gone(self) -> bool:
        return self._leave_by is not None

    def beat(self) -> None:
        """Tell that we live (not oftener than needed). Raises _Gone when it is time to stop at once."""
        now = time.monotonic()
        if now - self._beaten > BEAT / 5:
            self._beaten = now
            with contextlib.suppress(OSError):  # a full pipe has beats enough; a closed one has no reader
                os.write(1, b".")
            self.listen(0.0)
        if self._leave_by is not None and now > self._leave_by:
            raise _Gone

    def listen(self, seconds: float) -> None:
        """Wait for news, at most so long."""
        if self._leave_by is not None:
            return
        ready, _, _ = select.select([0], [], [], seconds)
        if ready and not os.read(0, 65536):
            self._leave_by = time.monotonic() + LAST_WORDS


def run(work: Work, *, at: Step = lambda _: None) -> int:
    """File until the daemon goes. Returns the exit status."""
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    daemon = _Daemon()
    log = logs.log()
    try:
        with _alone(work, daemon.beat), contextlib.ExitStack() as opened:
            store = opened.enter_context(contextlib.closing(Filing(work.store, work.domains, work.capture)))
            reader = opened.enter_context(contextlib.closing(Reader(work.vault)))
            note = opened.enter_context(contextlib.closing(Note(work.vault / "filer.note")))
            indexer = opened.enter_context(contextlib.closing(Indexer(work.store)))
            opened.enter_context(contextlib.closing(Checkpointer(work.store)))
            filer = Filer(reader, store, note, alive=daemon.beat, at=at)
            while True:
                filed, wrong = _attempt(filer, store, indexer, daemon.beat)
                if wrong:
                    log.error("store.refused", why=wrong, again_in_s=TROUBLE)
                if not filed and daemon.gone:
                    return 0
                if not filed:
                    daemon.listen(TROUBLE if wrong else IDLE)
                daemon.beat()
    except _Gone:
        return 0


def _attempt(filer: Filer, store: Filing, indexer: Indexer, beat: Callable[[], None]) -> tuple[int, str]:
    """One round of work: (mail objects filed or rows set right, what the database said against it)."""
    try:
        filed = filer.step()
        done = indexer.catch_up()
        if not filed:  # mail first; what a CRM has written is looked at when there is time
            done += store.settle(beat)
    except (sqlite.OperationalError, sqlite.DatabaseError) as error:
        return 0, str(error)
    return filed + done, ""


@contextlib.contextmanager
def _alone(work: Work, beat: Callable[[], None]):  # type: ignore[no-untyped-def]  # noqa: ANN202
    """Wait until no other filer works on this vault (one whose daemon was killed finishes first)."""
    while True:
        beat()
        try:
            lock = Lock(work.vault / "filer.lock")
        except Taken:
            time.sleep(0.1)
            continue
        with lock:
            yield
        return
