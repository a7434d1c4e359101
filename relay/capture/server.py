"""The server: listeners, and the sessions on them, from start to an orderly stop.

Takes its collaborators as arguments: where mail goes, whether there is room for it, who we are. It does
not know the vault.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import socket
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from relay.attribution.directory import Directory
from relay.capture import bounds
from relay.capture.bounds import STRANGER, TRUSTED, Bounds
from relay.capture.budget import Budget
from relay.capture.gate import Gate
from relay.capture.house import House, Log, Put, SafeLog
from relay.capture.listener import BACKLOG, ListenError, endpoint_of, listen, take_inherited
from relay.capture.memory import give_back
from relay.capture.session import Session
from relay.config.settings import Admission, Capture, Endpoint, Limits
from relay.log import log as our_log


def _now() -> datetime:
    return datetime.now(UTC)


class Server:
    """Mail in, on all listeners.

    `put` takes a mail object and a function that is told, in the loop's thread, the vault id once the mail
    is on the disk, or the exception. `room` tells whether mail may be taken at all. `directory` is asked
    for each recipient. `at` is called at each of `relay.capture.reception.STEPS`.
    """

    def __init__(
        self,
        capture: Capture,
        admission: Admission,
        limits: Limits,
        *,
        put: Put,
        directory: Callable[[], Directory],
        room: Callable[[], bool] = lambda: True,
        clock: Callable[[], datetime] = _now,
        log: Log | None = None,
        memory: int | None = None,
        trusted: Bounds = TRUSTED,
        stranger: Bounds = STRANGER,
        at: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._capture = capture
        self._servers: list[asyncio.Server] = []
        self.endpoints: list[Endpoint] = []
        self.inherited = False
        self._giving_back: asyncio.TimerHandle | None = None
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._house = House(
            hostname=capture.hostname,
            max_size=capture.max_size,
            networks=admission.networks,
            put=put,
            room=room,
            directory=directory,
            clock=clock,
            log=SafeLog(log or our_log()),
            budget=Budget(bounds.memory(capture.max_size) if memory is None else memory, self._calm),
            gate=Gate(limits, ceiling=max(16, soft - bounds.SPARE_DESCRIPTORS)),
            at=at,
            trusted=trusted,
            stranger=stranger,
        )
        # The library writes addresses at INFO and octets of mail at DEBUG: neither may reach a log.
        logging.getLogger("mail.log").setLevel(logging.WARNING)

    @property
    def sessions(self) -> int:
        """How many connections are open."""
        return len(self._house.sessions)

    @property
    def memory_reserved(self) -> int:
        """Octets of the memory budget that large messages hold now."""
        return self._house.budget.reserved

    @property
    def memory_held(self) -> int:
        """Octets of small messages that are here now, in the vault's queue or not yet whole."""
        return self._house.budget.held

    def _calm(self) -> None:
        """Little or nothing is in flight any more: if it stays so for a moment, give the memory back."""
        if self._giving_back is None:
            self._giving_back = asyncio.get_running_loop().call_later(bounds.CALM, self._give_back)

    def _give_back(self) -> None:
        self._giving_back = None
        if not self._house.budget.reserved:
            give_back()

    async def start(self) -> None:
        """Listen. Sockets inherited from systemd win over [capture] listen. Raises ListenError."""
        sockets = take_inherited(os.environ)
        self.inherited = bool(sockets)
        if not sockets and not self._capture.listen:
            raise ListenError("nowhere to listen: set [capture] listen, or start it by a systemd socket")
        await self.start_on(sockets or listen(self._capture.listen))
        self._house.log.info(
            "server.listening",
            on=" ".join(map(str, self.endpoints)),
            sockets="inherited from systemd; [capture] listen is not used" if self.inherited else "[capture] listen",
        )

    async def start_on(self, sockets: Sequence[socket.socket]) -> None:
        """Serve on sockets that listen already."""
        loop = asyncio.get_running_loop()
        house = self._house
        self.endpoints = [endpoint_of(opened) for opened in sockets]
        for opened in sockets:
            self._servers.append(await loop.create_server(lambda: Session(house, loop), sock=opened, backlog=BACKLOG))

    async def stop(self, grace: float) -> None:
        """Take no new connections, send idle ones away, and wait up to `grace` seconds for the others.

        Afterwards there is no connection left. What was handed to the vault is committed all the same.
        """
        house = self._house
        house.closing = True
        if self._giving_back is not None:
            self._giving_back.cancel()
        for server in self._servers:
            server.close()
        self._servers = []
        emptied = asyncio.Event()
        house.emptied = emptied.set
        house.log.info("server.stopping", sessions=len(house.sessions))
        for session in list(house.sessions):
            session.shut_down()
        if house.sessions:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(emptied.wait(), grace)
        for session in list(house.sessions):
            session.abort()
        if house.sessions:
            emptied.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(emptied.wait(), 1.0)  # an aborted connection is gone at the next turn
        house.log.info("server.stopped")
