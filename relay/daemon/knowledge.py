"""Knowledge: what the daemon asks of relay.db about whoever hands in mail.

One connection in a thread of its own, so that neither a slow disk nor a large table holds up a session. What cannot be
asked now (an upgrade is under way, the database is away, the disk hangs) is `CannotTell`: the sender tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from relay import sqlite
from relay.capture.judge import CannotTell
from relay.store import senders
from relay.store.connection import open_store
from relay.store.opening import SameFile, StoreError

LOCKED = 0.5
"""Seconds that a look waits for a lock: readers of such a database need none but for the moment of an upgrade."""

PATIENCE = 5.0
"""Seconds that somebody waits for a look, those before it included."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class People:
    """Our people: address key -> staff.id, and staff.id -> when that person left."""

    addresses: dict[str, int] = field(default_factory=dict)
    left: dict[int, datetime] = field(default_factory=dict)


class Knowledge:
    """From the first question to `close`."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "knowledge")
        self._db: sqlite.Connection | None = None
        self._file: SameFile | None = None
        self._version = -1
        self._people = People()

    async def ask(self, question: Callable[[sqlite.Connection], T]) -> T:
        """What `question` finds in the database. It runs in the thread. Raises CannotTell."""
        asked = asyncio.get_running_loop().run_in_executor(self._thread, self._asked, question)
        try:
            return await asyncio.wait_for(asked, PATIENCE)
        except TimeoutError:
            raise CannotTell(f"{self._store}: no answer from the disk") from None

    def people(self, db: sqlite.Connection) -> People:
        """Our people, for a question: read again when another program has written something."""
        (version,) = db.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            self._people = People(*senders.people(db))
            self._version = version
        if not self._people.addresses:
            # Nobody can be told from a stranger: a database that was just made, or made anew where one was lost.
            raise CannotTell("no address of our people is known yet: bcc-relay staff add NAME ADDRESS")
        return self._people

    async def close(self) -> None:
        """No more questions."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._forget)
        self._thread.shutdown(wait=False)

    def _asked(self, question: Callable[[sqlite.Connection], T]) -> T:
        try:
            if self._file is not None:
                self._file.check()
            if self._db is None:
                self._db = open_store(self._store, read_only=True, timeout=LOCKED)
                self._file, self._version = SameFile(self._store), -1
            return question(self._db)
        except (StoreError, sqlite.Error, OSError) as error:
            self._forget()
            raise CannotTell(str(error)) from error

    def _forget(self) -> None:
        db, self._db, self._file = self._db, None, None
        if db is not None:
            with contextlib.suppress(sqlite.Error):
                db.close()
