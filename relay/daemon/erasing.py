"""Erasing in the vault, by the daemon, which alone writes there: what the queue in relay.db names is overwritten.

Beside the mail that comes in: in a thread, a mail object at a time. relay.db is only read; that a thing is done the
filer sees by itself. Whatever goes wrong is tried again at the next look.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

from relay import sqlite
from relay.log import log
from relay.store import erasures
from relay.store.connection import open_store
from relay.store.opening import StoreError
from relay.vault.failure import VaultError
from relay.vault.writer import Vault

EVERY = 1.0
"""Seconds between two looks at the queue: one small read, and what a person took back is gone while she looks."""


class Erasing:
    """From `start` to `stop`. `store` tells where relay.db is: a reload may change it."""

    def __init__(self, vault: Vault, store: Callable[[], Path]) -> None:
        self._vault = vault
        self._store = store
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._refused = ""

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """The mail object that is being overwritten is finished; the vault may be closed then."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), EVERY)
                return
            try:
                await asyncio.to_thread(self.step)
            except (VaultError, sqlite.Error, OSError) as error:
                if str(error) != self._refused:  # once, not each second
                    log().warning("vault.not_erased", why=str(error))
                self._refused = str(error)
            else:
                self._refused = ""

    def step(self) -> int:
        """Overwrite what waits for it. Returns how much was. Raises a VaultError, sqlite.Error, OSError."""
        try:
            with contextlib.closing(open_store(self._store(), read_only=True, timeout=0.5)) as db:
                found = erasures.waiting(db)
        except StoreError:
            return 0  # not there yet, or being upgraded: others say so
        return self._vault.erase(found.mails) if found.mails else 0
