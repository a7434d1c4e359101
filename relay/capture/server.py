"""The server: listeners, and the sessions on them, from start to an orderly stop.

Takes its collaborators as arguments: where mail goes, whether there is room for it, who we are. It does
not know the vault.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from relay.attribution.admission import Rules, Upstream
from relay.attribution.directory import Directory
from relay.capture import bounds
from relay.capture.bounds import STRANGER, TRUSTED, Bounds
from relay.capture.budget import Budget
from relay.capture.gate import Gate
from relay.capture.house import House, Log, Put
from relay.capture.importing import ImportSession, listen_in
from relay.capture.judge import Judge
from relay.capture.listener import BACKLOG, ListenError, endpoint_of, listen, take_inherited
from relay.capture.lmtp import LmtpSession
from relay.capture.logins import DELAY, Check, Logins
from relay.capture.memory import give_back
from relay.capture.session import SecuredSession, Session
from relay.capture.tls import WATCH, Certificate
from relay.capture.unix_socket import listen_unix, remove
from relay.config.settings import Admission, Capture, Endpoint, Limits, Tls
from relay.log import log as our_log


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Counted:
    """Since the start: connections, messages kept and their octets, replies by the class of their code ("4xx"),
    refused mail and recipients by reason.
    """

    sessions: int
    accepted: int
    octets: int
    replies: Mapping[str, int]
    refusals: Mapping[str, int]


def rules(admission: Admission) -> Rules:
    """The rules that [admission] states."""
    upstreams = (Upstream(one.networks, one.authserv_id, one.client_certificate) for one in admission.upstream)
    return Rules(tuple(upstreams), frozenset(admission.arc_sealers))


def _ceiling() -> int:
    """How many connections we have descriptors for."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, soft - bounds.SPARE_DESCRIPTORS)


class Server:
    """Mail in, on all listeners.

    `put` takes a mail object and a function that is told, in the loop's thread, the vault id once the mail
    is on the disk, or the exception. `room` tells whether mail may be taken at all. `directory` is asked
    for each recipient. `judge` decides about mail from those without full trust; None: nothing is taken from them.
    `check` compares names with passwords, in a thread; None: nobody logs in.
    `at` is called at each of `relay.capture.reception.STEPS`.
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
        judge: Judge | None = None,
        tls: Tls | None = None,
        check: Check | None = None,
        clock: Callable[[], datetime] = _now,
        log: Log | None = None,
        memory: int | None = None,
        trusted: Bounds = TRUSTED,
        stranger: Bounds = STRANGER,
        login_delay: tuple[float, float] = DELAY,
        at: Callable[[str], None] = lambda _: None,
    ) -> None:
        log = log or our_log()
        self._capture = capture
        self._servers: list[asyncio.Server] = []
        self.endpoints: list[Endpoint] = []
        self.secured: list[Endpoint] = []
        self.sockets: list[Path] = []
        self.inherited = False
        self._made: tuple[Path, os.stat_result] | None = None  # the unix socket that we remove in the end
        self._door: tuple[Path, os.stat_result] | None = None  # the socket for imports, likewise
        self._giving_back: asyncio.TimerHandle | None = None
        self._watching: asyncio.TimerHandle | None = None
        self.certificate = Certificate(tls or Tls(), admission, log)
        self._logins = None if check is None else Logins(check, time.monotonic, login_delay)
        self._memory = memory
        self._house = House(
            hostname=capture.hostname,
            max_size=capture.max_size,
            networks=admission.networks,
            put=put,
            room=room,
            judge=judge,
            rules=rules(admission),
            directory=directory,
            clock=clock,
            log=log,
            budget=Budget(bounds.memory(capture.max_size) if memory is None else memory, self._calm),
            gate=Gate(limits, ceiling=_ceiling()),
            at=at,
            trusted=trusted,
            stranger=stranger,
            certificate=self.certificate,
            logins=self._logins,
        )

    def adopt(self, capture: Capture, admission: Admission, limits: Limits, tls: Tls | None = None) -> None:
        """Go by another configuration: who may come in for new sessions, how large a message may be at once.

        Where we listen stays as it is.
        """
        house = self._house
        house.adopt(capture.hostname, capture.max_size, admission.networks, rules(admission))
        house.gate.adopt(limits, _ceiling())
        self.certificate.adopt(tls or Tls(), admission)
        if self._memory is None:
            # Never less: what large messages have reserved was reserved of the old size.
            house.budget.size = max(house.budget.size, bounds.memory(capture.max_size))

    def hurry(self) -> None:
        """There is no more time: end all sessions at once. Nobody has been told 250 for what is lost by it."""
        for session in list(self._house.sessions):
            session.abort()

    @property
    def counted(self) -> Counted:
        """What has happened since the start, for `relay.health`."""
        house = self._house
        return Counted(
            sessions=house.opened,
            accepted=house.accepted,
            octets=house.octets,
            replies={f"{code}xx": house.replies[ord(code)] for code in "2345"},
            refusals=dict(house.refusals),
        )

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

    @property
    def places(self) -> list[str]:
        """Where we listen, as a person reads it: endpoints, then `tls:ENDPOINT`, then `lmtp:PATH`."""
        secured = (f"tls:{endpoint}" for endpoint in self.secured)
        return [*map(str, self.endpoints), *secured, *(f"lmtp:{path}" for path in self.sockets)]

    async def start(self) -> None:
        """Listen. Sockets inherited from systemd win over those of [capture]. Raises ListenError."""
        capture = self._capture
        given = take_inherited(os.environ)
        self.inherited = bool(given.smtp)
        wanted = capture.listen or capture.listen_tls or capture.lmtp
        if not (given.smtp or given.smtps or given.lmtp or wanted):
            raise ListenError("nowhere to listen: set [capture] listen or lmtp, or start it by a systemd socket")
        lmtp: Sequence[socket.socket] = given.lmtp
        # One call for both: all of them or none.
        opened = listen((*(() if given.smtp else capture.listen), *(() if given.smtps else capture.listen_tls)))
        plain = 0 if given.smtp else len(capture.listen)
        smtp: Sequence[socket.socket] = given.smtp or opened[:plain]
        smtps: Sequence[socket.socket] = given.smtps or opened[plain:]
        if not lmtp and capture.lmtp is not None:
            try:
                lmtp = [listen_unix(capture.lmtp)]
            except ListenError:
                for each in opened:
                    each.close()
                raise
            self._made = capture.lmtp, capture.lmtp.lstat()
        await self.start_on(smtp, lmtp, smtps)
        where = {
            "[capture] listen": bool(smtp) and not given.smtp,
            "[capture] lmtp": bool(lmtp) and not given.lmtp,
            "inherited from systemd; [capture] listen is not used": bool(given.smtp),
            "[capture] listen_tls": bool(smtps) and not given.smtps,
            "TLS inherited from systemd; [capture] listen_tls is not used": bool(given.smtps),
            "lmtp inherited from systemd; [capture] lmtp is not used": bool(given.lmtp),
        }
        told = "; ".join(name for name, holds in where.items() if holds)
        self._house.log.info("server.listening", on=" ".join(self.places), sockets=told)

    async def start_on(
        self,
        smtp: Sequence[socket.socket],
        lmtp: Sequence[socket.socket] = (),
        smtps: Sequence[socket.socket] = (),
    ) -> None:
        """Serve on sockets that listen already."""
        loop = asyncio.get_running_loop()
        house = self._house
        self.endpoints = [endpoint_of(opened) for opened in smtp]
        self.secured = [endpoint_of(opened) for opened in smtps]
        self.sockets = [Path(os.fsdecode(opened.getsockname())) for opened in lmtp]
        if self._made is not None:
            self.sockets = [self._made[0]]  # the kernel knows it by the name it was made with
        for opened in smtp:
            self._servers.append(await loop.create_server(lambda: Session(house, loop), sock=opened, backlog=BACKLOG))
        for opened in smtps:
            self._servers.append(
                await loop.create_server(lambda: SecuredSession(house, loop), sock=opened, backlog=BACKLOG)
            )
        self._watch()
        for opened in lmtp:
            self._servers.append(
                await loop.create_unix_server(lambda: LmtpSession(house, loop), sock=opened, backlog=BACKLOG)
            )

    def _watch(self) -> None:
        """Look at the certificate now and then, also while nobody asks for it."""
        loop = asyncio.get_running_loop()
        self.certificate.look(loop.time())
        self._watching = loop.call_later(WATCH, self._watch)

    async def open_door(self, folder: Path) -> None:
        """Listen for `bcc-relay import` in the vault's folder. Where that cannot be, mail is taken all the same."""
        loop, house = asyncio.get_running_loop(), self._house
        try:
            opened, path = listen_in(folder)
            self._door = path, path.lstat()
        except (OSError, ListenError) as error:
            house.log.warning("server.no_imports", why=str(error))
            return
        self._servers.append(
            await loop.create_unix_server(lambda: ImportSession(house, loop), sock=opened, backlog=BACKLOG)
        )

    async def stop(self, grace: float) -> None:
        """Take no new connections, send idle ones away, and wait up to `grace` seconds for the others.

        Afterwards there is no connection left. What was handed to the vault is committed all the same.
        """
        house = self._house
        house.closing = True
        for timer in (self._giving_back, self._watching):
            if timer is not None:
                timer.cancel()
        for server in self._servers:
            server.close()
        self._servers = []
        if self._made is not None:
            remove(*self._made)
            self._made = None
        if self._door is not None:
            remove(*self._door)
            self._door = None
        await asyncio.sleep(0)  # who was accepted a moment ago has a session now
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
        if self._logins is not None:
            self._logins.close()
        house.tell_all()
        house.log.info("server.stopped")
