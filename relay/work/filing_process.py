"""The filer as a process: what it opens, what it does next, and when it ends.

Mail comes first; what a CRM has written is settled when there is time. When the daemon has gone we file
what is there, for a while, and go.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from relay import log as logs
from relay import sqlite
from relay.lock import Lock, Taken
from relay.store.checkpoint import Checkpointer
from relay.store.filing import Filing
from relay.store.lineage import Lineage
from relay.store.migrations import awaits_upgrade
from relay.store.opening import StoreError
from relay.vault.failure import VaultError
from relay.vault.reader import Reader
from relay.work.assignment import Work
from relay.work.erasing import Sweep, behind_the_vault
from relay.work.filer import Filer, Step
from relay.work.lifeline import Gone, Lifeline
from relay.work.note import Note
from relay.work.rereading import Rereader

IDLE = 1.0
"""Seconds to wait for news from the daemon before looking by ourselves what a CRM has written."""

LAST_WORDS = 10.0
"""Seconds for which we go on filing after the daemon has gone."""

SETTLE_EVERY = 0.5
"""Seconds between two looks at what a CRM has written while there is a backlog of mail."""

TROUBLE = 2.0
"""Seconds to wait after the database refused us (a full disk, an I/O error) before the next attempt."""


def run(work: Work, *, at: Step = lambda _: None) -> int:
    """File until the daemon goes. Returns the exit status."""
    daemon = Lifeline(LAST_WORDS)
    log = logs.log()
    settled = 0.0
    try:
        with _alone(work, daemon), contextlib.ExitStack() as opened:
            store = opened.enter_context(contextlib.closing(_open(work, daemon)))
            reader = opened.enter_context(contextlib.closing(Reader(work.vault)))
            note = opened.enter_context(contextlib.closing(Note(work.vault / "filer.note")))
            checkpointer = opened.enter_context(
                contextlib.closing(Checkpointer(work.store, store.turn, external=work.external))
            )
            if work.external:
                store.leave_checkpoints()
            lineage = opened.enter_context(
                contextlib.closing(Lineage(work.store, work.vault, work.domains, work.capture))
            )
            lineage.begin(store.writing, daemon.beat)
            behind_the_vault(store, reader, daemon.beat)
            sweep = Sweep(work.store, store, reader, checkpointer)
            opened.enter_context(_clear_when_gone(note))
            filer = Filer(reader, store, note, alive=daemon.beat, at=at)
            rereader = Rereader(reader, store, note, alive=daemon.beat, at=at)
            while True:
                store.must_be_there()
                try:
                    done = filer.step()
                    if not done or time.monotonic() - settled > SETTLE_EVERY:
                        done += store.settle(daemon.beat)
                        done += rereader.wanted()
                        done += sweep.step(daemon.beat)
                        settled = time.monotonic()
                    lineage.keep(store.writing, daemon.beat)
                except (sqlite.Error, VaultError) as error:
                    log.error("store.refused", why=str(error), again_in_s=TROUBLE)  # noqa: TRY400  no fault of ours
                    daemon.listen(TROUBLE)
                else:
                    if not done and daemon.gone:
                        return 0
                    if not done:
                        daemon.listen(IDLE)
                daemon.beat()
    except Gone:
        return 0
    except (StoreError, VaultError, OSError) as error:
        log.error("filer.cannot_work", why=str(error))  # noqa: TRY400  the sentence says it all
        return 1


def _open(work: Work, daemon: Lifeline) -> Filing:
    """The database, upgraded when an older program made it. Raises StoreError, Gone."""
    older = awaits_upgrade(work.store)
    began = time.monotonic()
    if older:
        logs.log().info(
            "store.upgrading", path=str(work.store), why="made by an older bcc-relay; mail is filed after it"
        )
    store = Filing(
        work.store,
        work.domains,
        work.capture,
        daemon.beat,
        keeps_unknown=work.keeps_unknown,
        attachments_up_to=work.attachments_up_to,
    )
    if older:
        logs.log().info("store.upgraded", path=str(work.store), took_s=round(time.monotonic() - began, 1))
    return store


@contextlib.contextmanager
def _clear_when_gone(note: Note) -> Iterator[None]:
    """A mail that was being read when we were sent away has killed nobody."""
    try:
        yield
    except Gone:
        note.clear()
        raise


@contextlib.contextmanager
def _alone(work: Work, daemon: Lifeline) -> Iterator[None]:
    """Wait until no other filer works on this vault (one whose daemon was killed finishes first)."""
    said = False
    while True:
        daemon.beat()
        if daemon.gone:
            raise Gone
        try:
            lock = Lock(work.vault / "filer.lock")
        except Taken as taken:
            if not said:
                logs.log().info("filer.waiting", for_process=taken.holder)
            said = True
            daemon.listen(0.1)
            continue
        with lock:
            yield
        return
