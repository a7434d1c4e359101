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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from relay import log as logs
from relay import sqlite
from relay.lock import Lock, Taken
from relay.store.checkpoint import Checkpointer
from relay.store.filing import Filing
from relay.store.opening import StoreError
from relay.store.search import Indexer
from relay.vault.failure import VaultError
from relay.vault.reader import Reader
from relay.work.filer import Filer, Step
from relay.work.note import Note

IDLE = 1.0
"""Seconds to wait for news from the daemon before looking by ourselves what a CRM has written."""

LAST_WORDS = 10.0
"""Seconds for which we go on filing after the daemon has gone."""

BEAT = 5.0
"""Seconds between two heartbeats while nothing happens."""

INDEX_EVERY = 0.25
"""Seconds between two looks of the search index at new mail while there is a backlog. Each look costs a
commit; search.db may be a second behind."""

INDEX_STEP = 600
"""Messages in one such look: more than are filed in between, and a fraction of a second of work."""

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
            store = opened.enter_context(
                contextlib.closing(Filing(work.store, work.domains, work.capture, daemon.beat))
            )
            reader = opened.enter_context(contextlib.closing(Reader(work.vault)))
            note = opened.enter_context(contextlib.closing(Note(work.vault / "filer.note")))
            indexer = opened.enter_context(contextlib.closing(Indexer(work.store)))
            opened.enter_context(contextlib.closing(Checkpointer(work.store)))
            rounds = _Rounds(Filer(reader, store, note, alive=daemon.beat, at=at), store, indexer, daemon.beat)
            while True:
                try:
                    done = rounds.next()
                except (sqlite.Error, VaultError) as error:
                    log.error("store.refused", why=str(error), again_in_s=TROUBLE)  # noqa: TRY400  no fault of ours
                    daemon.listen(TROUBLE)
                else:
                    if not done and daemon.gone:
                        return 0
                    if not done:
                        daemon.listen(IDLE)
                daemon.beat()
    except _Gone:
        return 0
    except (StoreError, VaultError, OSError) as error:
        log.error("filer.cannot_work", why=str(error))  # noqa: TRY400  the sentence says it all
        return 1


class _Rounds:
    """What is to be done next: mail first, the index often enough, what a CRM has written when there is time."""

    def __init__(self, filer: Filer, store: Filing, indexer: Indexer, beat: Callable[[], None]) -> None:
        self._filer = filer
        self._store = store
        self._indexer = indexer
        self._beat = beat
        self._indexed_at = 0.0

    def next(self) -> int:
        """One round. Returns how much was done; 0: there is nothing to do. Raises what the databases raise."""
        filed = self._filer.step()
        if filed and time.monotonic() - self._indexed_at < INDEX_EVERY:
            return filed
        done = filed + self._indexer.catch_up(INDEX_STEP)
        self._indexed_at = time.monotonic()
        return done if filed else done + self._store.settle(self._beat)


@contextlib.contextmanager
def _alone(work: Work, beat: Callable[[], None]) -> Iterator[None]:
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
