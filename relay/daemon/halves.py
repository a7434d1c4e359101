"""The line between the two halves of the work when each is a service of its own: `--only accept`, `--only file`.

Hostile mail is read by the half that files; as a service of its own it needs no network at all. It listens on a unix
socket in the vault's folder, which nobody else may enter. An octet there means "something new"; `REREAD` means "read
the configuration again, and say `DONE` when whoever files knows it": mail for a new capture address must not be filed
by one that takes it for somebody's. Neither half needs the other: without the line the filer looks by itself, every
second, and mail is accepted all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

from relay.capture.listener import ListenError
from relay.capture.unix_socket import PRIVATE, listen_unix, remove
from relay.log import log

NAME = "filing.sock"
"""In the vault's folder."""

NEWS, REREAD, DONE = b"\n", b"R", b"."

AGAIN = 1.0
"""Seconds between two attempts to reach the other half. It may not be there yet, or be restarted."""

LINES = 4
"""Connections that wait to be taken; there is one accepting half, and during a restart two."""


def _inside(folder: Path) -> tuple[int, str]:
    """A descriptor of the folder, and the socket's name by it: a vault's path may be longer than a socket's can be."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return descriptor, f"/proc/self/fd/{descriptor}/{NAME}"


class FilingEnd:
    """Listens in the folder of the vault from `start` to `stop`. Both functions are called in the loop.

    `news`: there is something new. `reread`: read the configuration again; returns when it is in effect.
    """

    def __init__(self, folder: Path, news: Callable[[], None], reread: Callable[[], Awaitable[None]]) -> None:
        self._folder = folder
        self._news = news
        self._reread = reread
        self._server: asyncio.Server | None = None
        self._made: os.stat_result | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Where it cannot be, the filer looks by itself."""
        try:
            descriptor, name = _inside(self._folder)
            try:
                opened = listen_unix(Path(name), PRIVATE)
                self._made = (self._folder / NAME).lstat()
            finally:
                os.close(descriptor)
            self._server = await asyncio.start_unix_server(self._met, sock=opened, backlog=LINES)
        except (OSError, ListenError) as error:
            log().warning("filing.no_line", why=str(error))

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        if self._made is not None:
            remove(self._folder / NAME, self._made)
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  for the type checker
        self._talks.add(task)
        try:
            with contextlib.suppress(OSError):  # the other half has gone
                while said := await reader.read(65536):
                    if REREAD in said:
                        await self._reread()
                        writer.write(DONE)
                    if NEWS in said:
                        self._news()
        except asyncio.CancelledError:
            pass  # we stop; the streams' own callback would tell of it as of a fault
        finally:
            self._talks.discard(task)
            writer.close()


class AcceptingEnd:
    """Keeps the line to the other half from `start` to `stop`. All of it belongs to the loop's thread."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: asyncio.StreamWriter | None = None
        self._answered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def wake(self) -> None:
        """Tell that there is something new, if anybody is there to hear it."""
        writer = self._writer
        # What has not been taken yet says the same.
        if writer is not None and not writer.is_closing() and writer.transport.get_write_buffer_size() == 0:
            writer.write(NEWS)

    async def reread(self, grace: float) -> None:
        """Let the other half take over the configuration, and wait for it at most so long.

        When nobody is there nothing files by the old one, and whoever comes reads the new one.
        """
        writer = self._writer
        if writer is None or writer.is_closing():
            return
        self._answered.clear()
        writer.write(REREAD)
        try:
            await asyncio.wait_for(self._answered.wait(), grace)
        except TimeoutError:
            why = "the service that files has not taken over the configuration: systemctl restart bcc-relay-filer"
            log().warning("filing.silent", for_s=grace, why=why)

    async def _keep(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                await self._live()
            self._writer = None
            self._answered.set()  # nobody is left to wait for
            await asyncio.sleep(AGAIN)

    async def _live(self) -> None:
        """One connection, to its end. Raises OSError where there is none."""
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            descriptor, name = _inside(self._folder)
            try:
                # Unix sockets connect at once or not at all: a full backlog is one more attempt later.
                opened.connect(name)
            finally:
                os.close(descriptor)
            reader, writer = await asyncio.open_unix_connection(sock=opened)
        except BaseException:
            opened.close()
            raise
        self._writer = writer
        self.wake()  # what was said while nobody heard it
        try:
            while said := await reader.read(64):
                if DONE in said:
                    self._answered.set()
        finally:
            writer.close()
