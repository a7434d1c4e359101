"""Telling others how the daemon is: its figures in their file every few seconds, and the loopback listener."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from relay import __version__
from relay.capture.server import Server
from relay.config.settings import Settings
from relay.health import figures
from relay.health.figures import Figures
from relay.health.listener import Listener
from relay.health.report import report
from relay.log import log
from relay.vault.writer import Vault
from relay.work.supervisor import Supervisor

HOUR = int(3600 / figures.EVERY)
"""Writings for which counts are remembered."""


class Telling:
    """From `start` to `stop`. `settings` is asked each time: a reload may change them."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        server: Server | None,
        vault: Vault | None,
        kept: Sequence[Supervisor],
        faults: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._settings = settings
        self._server = server
        self._vault = vault
        self._kept = kept
        self._started_at = time.time()
        self._faults = faults
        self._before: deque[Figures] = deque(maxlen=HOUR)
        self._listener: Listener | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._refused = False

    async def start(self) -> None:
        """Raises ListenerError."""
        endpoint = self._settings().health.listen
        # Of two halves the one that accepts tells of both: that which files has no network.
        if endpoint is not None and self._server is not None:
            self._listener = Listener(endpoint, self._report)
            await self._listener.start()
        await self._write(self.figures())
        self._task = asyncio.get_running_loop().create_task(self._keep_telling())

    async def stop(self) -> None:
        if self._listener is not None:
            await self._listener.stop()
        if self._task is not None:
            self._stopping.set()  # not cancelled: a writing in its thread would outlive that, and what is removed
            await self._task
        figures.remove(self.figures(), self._settings().store.path.parent)

    async def _keep_telling(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), figures.EVERY)
                return
            now = self.figures()
            self._before.append(now)
            await self._write(now)

    async def _write(self, now: Figures) -> None:
        folder = self._settings().store.path.parent
        try:
            await asyncio.to_thread(figures.write, now, folder)  # the disk may be slow
        except OSError as error:
            if not self._refused:
                log().warning("health.not_written", path=str(folder), why=error.strerror or str(error))
            self._refused = True
        else:
            self._refused = False

    def figures(self) -> Figures:
        """The daemon as it is now. Plain reads of numbers, from any thread."""
        restarts = {each.name: each.restarts for each in self._kept}
        before = self._before[0] if self._before else None
        now = Figures(
            version=__version__,
            pid=os.getpid(),
            started_at=self._started_at,
            at=time.time(),
            accepts=self._server is not None,
            files=bool(self._kept),
            restarts=restarts,
            restarts_recent=_since(restarts, before.restarts if before else {}),
        )
        if self._server is None or self._vault is None:
            return now
        counted, vault = self._server.counted, self._vault
        refusals, faults = dict(counted.refusals), dict(self._faults())
        return replace(
            now,
            places=dict.fromkeys(self._server.places, 1),
            sessions_open=self._server.sessions,
            sessions=counted.sessions,
            accepted=counted.accepted,
            octets=counted.octets,
            replies=counted.replies,
            refusals=refusals,
            refusals_recent=_since(refusals, before.refusals if before else {}),
            dns_faults=faults,
            dns_faults_recent=_since(faults, before.dns_faults if before else {}),
            commits=list(vault.commits.counts),
            commit_seconds=vault.commits.seconds,
            commit_failures=vault.commit_failures,
            commit_trouble=str(vault.trouble or ""),
            certificate_from=self._server.certificate.not_before or 0.0,
            certificate_until=self._server.certificate.not_after or 0.0,
            certificate_trouble=self._server.certificate.trouble[:500],
            commit_waits=vault.stalled(),
            memory=self._server.memory_held + self._server.memory_reserved,
        )

    def _report(self) -> dict[str, Any]:
        """For the listener, in a thread."""
        return report(self._settings(), datetime.now(UTC), own=self.figures())


def _since(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """What has come since then, by name."""
    return {name: count - before.get(name, 0) for name, count in now.items()}
