"""The indexer as a process: keeps search.db in step with relay.db.

Search is derived: it must never be in the way of mail, neither by its locks (it has a file of its own) nor
by its faults nor by the time it takes. So it is a process of its own, takes what is left of the machine,
and follows the change feed from wherever it stands.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from relay import log as logs
from relay import sqlite
from relay.store.migrations import awaits_upgrade
from relay.store.opening import StoreError
from relay.store.search import Indexer
from relay.store.verify import tell_strange_schema
from relay.work.lifeline import Gone, Lifeline

LOOK = 0.2
"""Seconds between two looks at relay.db while nothing happens: search.db may be a second behind."""

STEP = 500
"""Messages in one transaction: a fraction of a second, and one sync of the disk."""

NICENESS = 10
"""How far we stand back when the processor is short: mail first."""

LAST_WORDS = 2.0
"""Seconds for which we go on after the daemon has gone. What is missing then is indexed at the next start."""

TROUBLE = 2.0
"""Seconds to wait after a database refused us before the next attempt."""


def run(store: Path) -> int:
    """Index until the daemon goes. Returns the exit status."""
    daemon = Lifeline(LAST_WORDS)
    log = logs.log()
    os.nice(NICENESS)
    try:
        while awaits_upgrade(store):  # the filer does it
            if daemon.gone:
                return 0
            daemon.listen(LOOK)
            daemon.beat()
        with contextlib.closing(Indexer(store)) as indexer:
            with contextlib.suppress(sqlite.Error):  # no business of search; but this process has the time
                tell_strange_schema(store)
            while True:
                indexer.must_be_there()
                done = 0
                began = time.monotonic()
                try:
                    done = indexer.catch_up(STEP) or int(indexer.clean(daemon.beat))
                except sqlite.Error as error:
                    log.error("search.refused", why=str(error), again_in_s=TROUBLE)  # noqa: TRY400  no fault of ours
                    daemon.listen(TROUBLE)
                if not done:
                    if daemon.gone:
                        return 0
                    # Not woken by new mail, which is not in relay.db yet when the daemon knows of it.
                    daemon.listen(max(0.0, LOOK - (time.monotonic() - began)))
                daemon.beat()
    except Gone:
        return 0
    except (StoreError, OSError) as error:
        log.error("indexer.cannot_work", why=str(error))  # noqa: TRY400  the sentence says it all
        return 1
