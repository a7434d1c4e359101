"""The supervisor: keeps one process alive beside the event loop: the filer, the indexer.

The filer reads hostile octets with native code, so it is a process of its own, started by exec (a
fork would inherit our sockets, threads and SQLite locks). We hold its standard input: an octet there
means "something new", end of file means "finish and exit", so it never outlives us. Its standard output
is its heartbeat (`lifeline` is the other end). The supervisor knows nothing of mail.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from relay.log import log

HEARTBEAT_LIMIT = 60.0
"""Seconds without a heartbeat after which a process is taken for stuck and killed. The slowest honest
work between two heartbeats (reading a 50 MiB mail on a loaded machine) takes about two."""

LAST_BREATH = 10.0
"""Seconds that a process may go on after it closed its output."""

PAUSES = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before each restart in a row: the first is quick, since a mail that kills its reader must be
met again to be known; the later ones spare a machine on which it cannot live."""

LIVED_WELL = 60.0
"""Seconds of life after which the next death counts as the first again."""


class Supervisor:
    """Runs `command` until `stop`, and calls it `name` in the log. `wake` belongs to the loop's thread."""

    def __init__(self, name: str, command: Sequence[str], *, heartbeat_limit: float = HEARTBEAT_LIMIT) -> None:
        self.name = name
        self._command = command
        self._heartbeat_limit = heartbeat_limit
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._log = log()
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The process id, None while there is none."""
        process = self._process
        return None if process is None or process.returncode is not None else process.pid

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep())

    def wake(self) -> None:
        """Tell the process that there is something new."""
        process = self._process
        if process is None or process.stdin is None or process.stdin.is_closing():
            return
        # A full pipe holds thousands of wake-ups not yet read: one more says nothing new.
        if process.stdin.transport.get_write_buffer_size() == 0:
            process.stdin.write(b"\n")

    async def stop(self, grace: float) -> bool:
        """Let the filer finish what it has begun, at most `grace` seconds. Tells whether it did."""
        self._stopping.set()
        process, task = self._process, self._task
        if process is not None and process.stdin is not None:
            process.stdin.close()
        if task is None:
            return True
        done, _ = await asyncio.wait([task], timeout=grace)
        if not done:
            self._kill()
            await task
        return bool(done)

    async def _keep(self) -> None:
        deaths = 0
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            status = await self._live()
            if self._stopping.is_set():
                return
            lived = asyncio.get_running_loop().time() - began
            deaths = 1 if lived > LIVED_WELL else deaths + 1
            pause = PAUSES[min(deaths, len(PAUSES)) - 1]
            self.restarts += 1
            self._log.error(f"{self.name}.died", status=status, lived_s=round(lived, 1), restart_in_s=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _live(self) -> str:
        """One life. Tells how it ended."""
        try:
            process = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE)
        except OSError as error:
            return f"not started: {error.strerror or error}"
        self._process = process
        self.wake()  # what was said while there was nobody to hear it
        self._log.info(f"{self.name}.started", pid=process.pid)
        if self._stopping.is_set() and process.stdin is not None:
            process.stdin.close()
        await self._watch(process)
        try:
            code = await asyncio.wait_for(process.wait(), LAST_BREATH)
        except TimeoutError:
            self._kill()  # its heart has stopped, and it holds what its successor needs
            code = await process.wait()
        return _why(code)

    async def _watch(self, process: Process) -> None:
        """Return when the filer closed its output (it is dead or dying) or was killed for silence."""
        assert process.stdout is not None  # noqa: S101  asked for above
        while True:
            try:
                beat = await asyncio.wait_for(process.stdout.read(4096), self._heartbeat_limit)
            except TimeoutError:
                self._log.error(f"{self.name}.stuck", pid=process.pid, silent_s=self._heartbeat_limit)
                self._kill()
                return
            if not beat:
                return

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()


def _why(code: int) -> str:
    if code >= 0:
        return f"exit {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
