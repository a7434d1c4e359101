"""The supervisor: keeps one process alive beside the event loop: the filer, the indexer.

The filer reads hostile octets with native code, so it is a process of its own, started by exec (a
fork would inherit our sockets, threads and SQLite locks). We hold its standard input: an octet there
means "something new", end of file means "finish and exit", so it never outlives us. Its standard output
is its heartbeat (`lifeline` is the other end). What it must know it is told in its command line, so that a
change of it is another process (`pause`, `resume`). The supervisor knows nothing of mail.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from relay.log import log
from relay.work.lifeline import LEAVE

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
        self.command = command
        self._heartbeat_limit = heartbeat_limit
        self._process: Process | None = None
        self._stopping = asyncio.Event()
        self._may_run = asyncio.Event()
        self._may_run.set()
        self._resting = asyncio.Event()
        self._nudged = asyncio.Event()  # look again at the three above
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

    async def pause(self, grace: float) -> None:
        """Send the process away, and kill it after `grace` seconds. None is running when this returns."""
        if self._task is None or self._stopping.is_set():
            return
        self._may_run.clear()
        self._nudged.set()
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(LEAVE)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._resting.wait(), grace)
        if not self._resting.is_set():
            self._log.warning(f"{self.name}.stuck", pid=self.pid, silent_s=grace)
            self._kill()
            await self._resting.wait()

    def resume(self, command: Sequence[str]) -> None:
        """After `pause`: go on, with `command`."""
        self.command = command
        self._may_run.set()

    def kill(self) -> None:
        """There is no more time: end the process at once. It can be done at any moment; see the filer."""
        self._stopping.set()
        self._kill()

    async def stop(self, grace: float) -> bool:
        """Let the filer finish what it has begun, at most `grace` seconds. Tells whether it did."""
        self._stopping.set()
        self._may_run.set()
        self._nudged.set()
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
            if not self._may_run.is_set():
                self._resting.set()
                await self._may_run.wait()
                self._resting.clear()
                deaths = 0
                continue
            self._nudged.clear()
            began = asyncio.get_running_loop().time()
            status = await self._live()
            if self._stopping.is_set():
                return
            if not self._may_run.is_set():
                continue
            lived = asyncio.get_running_loop().time() - began
            deaths = 1 if lived > LIVED_WELL else deaths + 1
            pause = PAUSES[min(deaths, len(PAUSES)) - 1]
            self.restarts += 1
            self._log.error(f"{self.name}.died", status=status, lived_s=round(lived, 1), restart_in_s=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), pause)

    async def _live(self) -> str:
        """One life. Tells how it ended."""
        try:
            # A session of its own: Ctrl-C at a terminal is for us, also in the moment before a child ignores it.
            process = await asyncio.create_subprocess_exec(
                *self.command, stdin=PIPE, stdout=PIPE, start_new_session=True
            )
        except OSError as error:
            return f"not started: {error.strerror or error}"
        self._process = process
        self.wake()  # what was said while there was nobody to hear it
        self._log.info(f"{self.name}.started", pid=process.pid)
        if process.stdin is not None:  # what was decided while it was being started
            if self._stopping.is_set():
                process.stdin.close()
            elif not self._may_run.is_set():
                process.stdin.write(LEAVE)
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
