"""Erasing what was taken back, in all files but relay.db, and seeing that it is done.

The filer's side (`Sweep`): takes rows out of the queue when it sees that they are done. A command's side
(`at_rest`): does by itself, under the same locks, what a daemon would do if one ran, and else waits for it.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from relay import sqlite
from relay.lock import Lock, Taken
from relay.log import log
from relay.store import erasures, relation
from relay.store.checkpoint import Checkpointer
from relay.store.erasures import Waiting
from relay.store.filing import Filing
from relay.store.search import Indexer
from relay.vault.erasing import erase
from relay.vault.reader import Reader

PATIENCE = 8.0
"""Seconds that a command waits for the daemon to do it."""

LOOK = 0.2
"""Seconds between two looks meanwhile."""

TOGETHER = 20
"""Mail objects whose messages are removed in one transaction, from a database that is older than that."""


class Sweep:
    """The filer's part, a step at a time."""

    def __init__(self, path: Path, store: Filing, vault: Reader, checkpointer: Checkpointer) -> None:
        self._path = path
        self._store = store
        self._vault = vault
        self._checkpointer = checkpointer

    def step(self, alive: Callable[[], None]) -> int:
        """Take from the queue what is done. Returns how many rows; costs one look when the queue is empty."""
        found = self._store.erasures()
        if not found:
            return 0
        mails = [each for each in found.mails if self._vault.is_erased(each)]
        asked = []
        if found.log and self._checkpointer.empty(found.log):
            asked.append(("log", found.log))
        if found.search and erasures.search_cleaned(self._path) in (found.search, ""):
            asked.append(("search", found.search))
        if not (mails or found.contents or asked):
            return 0
        count = self._store.erased(mails, found.contents, asked, alive)
        if mails:
            log().info("mail.erased", count=len(mails))
        return count


def behind_the_vault(store: Filing, vault: Reader, alive: Callable[[], None]) -> int:
    """Remove from a relay.db that is older than that what the vault says was taken back. Returns how many messages.

    For a database that was restored, by whatever means: it does not know what was forgotten after it was copied. At
    each start: a segment tells in a millisecond that it has nothing erased.
    """
    count = 0
    erased = vault.erased()
    while part := list(islice(erased, TOGETHER)):
        alive()
        came_in = store.messages_of(part)
        gone = [message for message, mails in came_in.items() if all(vault.is_erased(each) for each in mails)]
        if gone:
            count += store.remove(gone, alive)
    if count:
        log().warning("store.forgotten_again", count=count, why="restored; the vault knows what was taken back since")
    return count


def at_rest(
    path: Path, vault: Path, db: sqlite.Connection, *, external: bool = False, patience: float = PATIENCE
) -> Waiting:
    """Do what waits, where no daemon runs, or wait for the one that does. Returns what is still waiting then.

    `external`: another program takes the checkpoints of relay.db, so emptying its log is not ours to do. Raises a
    VaultError, StoreError, sqlite.Error.
    """
    end = time.monotonic() + patience
    while found := erasures.waiting(db, now=True):
        _as_the_daemon(vault, found)
        if _as_the_filer(path, vault, db, external):
            continue
        if not (found.mails or found.log or found.search) or time.monotonic() > end:
            return found  # contents are looked for once more by the filer, in a while
        time.sleep(LOOK)
    return found


def _as_the_daemon(vault: Path, found: Waiting) -> None:
    """Overwrite in the vault, unless somebody else writes it: then that one does."""
    if not found.mails or not vault.is_dir():
        return
    with contextlib.suppress(Taken), Lock(vault / "writer.lock"):
        erase(vault, found.mails)


def _as_the_filer(path: Path, vault: Path, db: sqlite.Connection, external: bool) -> bool:
    """The rest, unless a filer runs. Returns whether anything came of it."""
    with contextlib.ExitStack() as opened:
        if vault.is_dir():
            try:
                opened.enter_context(Lock(vault / "filer.lock"))
            except Taken:
                return False
        while relation.settle(db):
            pass
        found = erasures.waiting(db, now=True)
        reader = opened.enter_context(contextlib.closing(Reader(vault)))
        mails = [each for each in found.mails if reader.is_erased(each)]
        asked = []
        if found.search and _index_cleaned(path):
            asked.append(("search", found.search))
        if found.log and (external or _emptied(db)):
            asked.append(("log", found.log))
        db.execute("BEGIN IMMEDIATE")
        count = erasures.done(db, mails, found.contents, asked)
        db.execute("COMMIT")
        return count > 0


def _index_cleaned(path: Path) -> bool:
    with contextlib.suppress(sqlite.Error), contextlib.closing(Indexer(path)) as indexer:
        while indexer.catch_up():
            pass
        indexer.clean()
        return True
    return False


def _emptied(db: sqlite.Connection) -> bool:
    (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
