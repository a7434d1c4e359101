"""The life of the daemon: which part begins when, what a reload changes, and in which order the parts end.

Parts are begun one after the other and each says, where it begins, how it ends; they end in the reverse
order. So what takes mail goes first, then the vault is closed (all that was accepted is in it), and only
then is the filer told that no more will come.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack

from relay import log as logs
from relay.capture.server import Server
from relay.config.settings import Settings
from relay.daemon import condition
from relay.daemon.derived import directory, raise_descriptor_limit
from relay.daemon.erasing import Erasing
from relay.daemon.halves import AcceptingEnd, FilingEnd
from relay.daemon.judging import Judging
from relay.daemon.knowledge import Knowledge
from relay.daemon.reloading import Change, Reread, reread
from relay.daemon.signals import Signals
from relay.daemon.telling import Telling
from relay.daemon.watchdog import Watchdog
from relay.notify import monotonic_usec, notify, watchdog_seconds
from relay.store.lineage import filed_marks
from relay.store.logins import Logins
from relay.vault.retention import sealed_after
from relay.vault.writer import RESERVE, Vault
from relay.work.supervisor import Supervisor

SESSIONS_GRACE = 20.0
"""Seconds that sessions in the middle of a message have to finish it after SIGTERM."""

FILER_GRACE = 15.0
"""Seconds that the filer has for what was accepted; what is left then waits in the vault. Also the time in which
it has to make way for another one that knows a new configuration."""

Ready = Callable[[list[str]], None]
"""Told the addresses we listen on."""

Command = Callable[[Settings], Sequence[str]]
"""The command line of a kept process, which tells it what it must know of the configuration."""


class Life:
    """One run of the daemon. `commands`: by name the processes to keep beside it, the filer first.

    `read` gives the configuration anew at SIGHUP; None: there is nothing to read.
    """

    def __init__(
        self,
        settings: Settings,
        commands: dict[str, Command],
        *,
        accept: bool,
        read: Reread | None,
        at: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self.directory = directory(settings)
        self.vault: Vault | None = None
        self.server: Server | None = None
        self.judging: Judging | None = None
        self._commands = commands
        self._kept = [Supervisor(name, command(settings)) for name, command in commands.items()]
        self._accept = accept
        self._read = read
        self._at = at
        self._rejected = False
        self._rereading = asyncio.Lock()
        self._other: AcceptingEnd | None = None
        self._log = logs.log()

    async def run(self, ready: Ready | None) -> int:
        """From start to end. Returns the exit status. Raises the one-line errors of the parts."""
        signals = Signals()
        async with AsyncExitStack() as parts:
            parts.callback(signals.end)
            self._beside(parts, self._hurry(signals))
            for supervisor in reversed(self._kept):
                parts.push_async_callback(self._leave, supervisor)
            if self._accept:
                await self._begin_accepting(parts)
            for supervisor in self._kept:
                supervisor.start()
            if self._kept and not self._accept:
                line = FilingEnd(self.settings.vault.path, self._kept[0].wake, self._take_over)
                await line.start()
                parts.push_async_callback(line.stop)
            watchdog = Watchdog(watchdog_seconds(os.environ), self.vault, self._condition)
            watchdog.start()
            parts.push_async_callback(watchdog.stop)
            self._beside(parts, self._reloads(signals))
            telling = Telling(lambda: self.settings, self.server, self.vault, self._kept, self._dns_faults)
            await telling.start()
            parts.push_async_callback(telling.stop)
            notify("READY=1")
            self._log.info("daemon.ready", pid=os.getpid())
            if ready:
                ready(self.server.places if self.server else [])
            await signals.stop.wait()
            notify("STOPPING=1", "STATUS=finishing what was accepted")
            self._log.info("daemon.stopping")
        self._log.info("daemon.stopped")
        return 0

    async def _begin_accepting(self, parts: AsyncExitStack) -> None:
        """The vault, and then whatever brings mail to it."""
        settings = self.settings
        if self._kept:
            wake = self._kept[0].wake
        else:
            self._other = AcceptingEnd(settings.vault.path)
            wake = self._other.wake
        self.vault = vault = Vault.open(
            settings.vault.path,
            filed=filed_marks(settings.store.path, settings.vault.path),
            seal_after=sealed_after(settings.vault.keep),
            on_commit=lambda _: wake(),
            at=self._at,
        )
        parts.callback(vault.close)
        if self._other is not None:
            self._other.start()
            parts.push_async_callback(self._other.stop)
        knowledge = Knowledge(settings.store.path)
        parts.push_async_callback(knowledge.close)
        logins = Logins(settings.store.path, settings.vault.path)
        self.judging = Judging(settings, knowledge, logins)
        erasing = Erasing(vault, lambda: self.settings.store.path)
        erasing.start()
        parts.push_async_callback(erasing.stop)
        if not vault.has_room():
            why = f"less than {RESERVE >> 20} MiB free: mail is put off (452) until there is room"
            self._log.warning("vault.no_room", path=str(settings.vault.path), why=why)
        self.server = server = Server(
            settings.capture,
            settings.admission,
            settings.limits,
            put=vault.hand_over,
            room=vault.has_room,
            judge=self.judging,
            tls=settings.tls,
            check=logins.check,
            directory=lambda: self.directory,
            at=self._at,
        )
        await server.start()
        await server.open_door(settings.vault.path)
        parts.push_async_callback(server.stop, SESSIONS_GRACE)

    def _beside(self, parts: AsyncExitStack, work: Coroutine[object, object, None]) -> None:
        """Do `work` beside the rest until the parts after it have ended."""
        task = asyncio.get_running_loop().create_task(work)

        async def end() -> None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

        parts.push_async_callback(end)

    async def _hurry(self, signals: Signals) -> None:
        """A second signal: nobody waits for anything any more. What was accepted is in the vault."""
        await signals.hurry.wait()
        self._log.warning("daemon.hurried", why="told again to stop; sessions are cut, unfiled mail waits in the vault")
        if self.server:
            self.server.hurry()
        for supervisor in self._kept:
            supervisor.kill()

    async def _leave(self, supervisor: Supervisor) -> None:
        """No more mail comes: let the process finish."""
        if not await supervisor.stop(FILER_GRACE):
            why = "no more time; it goes on at the next start"
            self._log.warning("daemon.work_left", name=supervisor.name, why=why)

    def _dns_faults(self) -> Mapping[str, int]:
        return self.judging.faults if self.judging else {}

    def _condition(self) -> str:
        """One line for `systemctl status`. Called in a thread of its own."""
        settings = self.settings
        told = ["the configuration has mistakes (see the log), the old one is in effect"] if self._rejected else []
        if self.server and self.vault:
            told += condition.accepting(self.server, self.vault)
        if self._kept:
            told += condition.filing(self._kept, settings.store.path, settings.vault.path)
        return "; ".join(told)

    # -- reloading ---------------------------------------------------------------------------------

    async def _reloads(self, signals: Signals) -> None:
        while True:
            await signals.reload.wait()
            signals.reload.clear()
            await self._take_over()

    async def _take_over(self) -> None:
        """Read the configuration again and go by it."""
        async with self._rereading:
            notify("RELOADING=1", monotonic_usec())
            self._log.info("config.reloading")
            try:
                await self._reload()
            except Exception as error:  # noqa: BLE001  whatever it is: systemd waits for READY, and the next SIGHUP counts
                self._log.error("config.not_reloaded", exc_info=error)
            notify("READY=1")

    async def _reload(self) -> None:
        if self._read is None:
            return
        found = await asyncio.to_thread(reread, self.settings, self._read)
        self._rejected = found is None
        if found is not None:
            await self._go_by(found)
            self._log.info("config.reloaded", changed=", ".join(found.changed) or "nothing")

    async def _go_by(self, found: Change) -> None:
        """Take over what has changed, for new sessions at once.

        The filer is first sent away, and another one is started that knows the new configuration: mail for a new
        capture address must not be filed by one that takes it for somebody's.
        """
        settings = self.settings = found.settings
        log_changed = any(key.startswith("log.") for key in found.changed)
        if log_changed:
            logs.configure(level=settings.log.level, form=settings.log.format)
        commands = [self._commands[each.name](settings) for each in self._kept]
        told = [
            (each, command)
            for each, command in zip(self._kept, commands, strict=True)
            if log_changed or command != each.command
        ]
        try:
            await asyncio.gather(*(each.pause(FILER_GRACE) for each, _ in told))
            if self._other is not None:
                await self._other.reread(2 * FILER_GRACE)
            self.directory = directory(settings)
            if self.vault:
                self.vault.seal_after(sealed_after(settings.vault.keep))
            if self.server:
                raise_descriptor_limit(settings.limits.connections)
                self.server.adopt(settings.capture, settings.admission, settings.limits, settings.tls)
            if self.judging:
                self.judging.adopt(settings)
        finally:
            for each, command in told:
                each.resume(command)
