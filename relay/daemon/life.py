"""The life of the daemon: which part begins when, and in which order they end.

Parts are begun one after the other and each says, where it begins, how it ends; they end in the reverse
order. So what takes mail goes first, then the vault is closed (all that was accepted is in it), and only
then is the filer told that no more will come.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from relay.attribution.directory import Directory
from relay.capture.server import Server
from relay.config.settings import Settings
from relay.log import log
from relay.notify import notify
from relay.store.lineage import filed_marks
from relay.vault.retention import sealed_after
from relay.vault.writer import RESERVE, Vault
from relay.work.supervisor import Supervisor

SESSIONS_GRACE = 20.0
"""Seconds that sessions in the middle of a message have to finish it after SIGTERM."""

FILER_GRACE = 15.0
"""Seconds that the filer has for what was accepted; what is left then waits in the vault."""

Ready = Callable[[list[str]], None]
"""Told the addresses we listen on."""


class Life:
    """One run of the daemon. `kept`: the processes beside it, the filer first."""

    def __init__(
        self,
        settings: Settings,
        kept: Sequence[Supervisor],
        *,
        accept: bool,
        directory: Directory,
        at: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.directory = directory
        self.vault: Vault | None = None
        self.server: Server | None = None
        self._kept = kept
        self._accept = accept
        self._at = at
        self._log = log()

    async def run(self, ready: Ready | None) -> int:
        """From start to end. Returns the exit status. Raises the one-line errors of the parts."""
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with AsyncExitStack() as parts:
            for supervisor in reversed(self._kept):
                parts.push_async_callback(self._leave, supervisor)
            if self._accept:
                await self._begin_accepting(parts)
            for supervisor in self._kept:
                supervisor.start()
            notify("READY=1")
            self._log.info("daemon.ready", pid=os.getpid())
            if ready:
                ready(self.server.places if self.server else [])
            await stop.wait()
            notify("STOPPING=1")
            self._log.info("daemon.stopping")
        self._log.info("daemon.stopped")
        return 0

    async def _begin_accepting(self, parts: AsyncExitStack) -> None:
        """The vault, and then whatever brings mail to it."""
        settings = self.settings
        filer = self._kept[0] if self._kept else None
        self.vault = vault = Vault.open(
            settings.vault.path,
            filed=filed_marks(settings.store.path, settings.vault.path),
            seal_after=sealed_after(settings.vault.keep),
            on_commit=(lambda _: filer.wake()) if filer else None,
            at=self._at,
        )
        parts.callback(vault.close)
        if not vault.has_room():
            why = f"less than {RESERVE >> 20} MiB free: mail is put off (452) until there is room"
            self._log.warning("vault.no_room", path=str(settings.vault.path), why=why)
        self.server = server = Server(
            settings.capture,
            settings.admission,
            settings.limits,
            put=vault.hand_over,
            room=vault.has_room,
            directory=lambda: self.directory,
            at=self._at,
        )
        await server.start()
        parts.push_async_callback(server.stop, SESSIONS_GRACE)

    async def _leave(self, supervisor: Supervisor) -> None:
        """No more mail comes: let the process finish."""
        if not await supervisor.stop(FILER_GRACE):
            why = "no more time; it goes on at the next start"
            self._log.warning("daemon.work_left", name=supervisor.name, why=why)
