"""A real server on a free port in a thread of its own, and a client that speaks octets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import uvloop

from relay.attribution.directory import Directory
from relay.capture.bounds import STRANGER, TRUSTED, Bounds
from relay.capture.server import Server
from relay.config.settings import Admission, Capture, Endpoint, Limits
from relay.mail.envelope import MailObject, VaultId

CRM = "crm@crm.example.org"
DEADLINE = 30.0
"""Seconds that any wait may take on a loaded machine."""


class Client:
    """One connection, octets in and out. Closed by the fixture."""

    def __init__(self, place: int | Path, host: str = "127.0.0.1", source: str | None = None) -> None:
        if isinstance(place, Path):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(DEADLINE)
            self.socket.connect(str(place))
        else:
            self.socket = socket.create_connection(
                (host, place), timeout=DEADLINE, source_address=(source, 0) if source else None
            )
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.socket.makefile("rb")

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> str:
        """The next reply, all its lines; '' when the server has closed."""
        lines = []
        with contextlib.suppress(ConnectionError):
            while line := self.file.readline():
                lines.append(line.decode().removesuffix("\r\n"))
                if line[3:4] != b"-":
                    break
        return "\n".join(lines)

    def say(self, line: str | bytes) -> str:
        self.send((line.encode() if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def hello(self) -> Client:
        assert self.reply().startswith("220 ")
        assert self.say("EHLO rep.example.org").startswith("250-")
        return self

    def lhlo(self) -> Client:
        assert self.reply().startswith("220 ")
        assert self.say("LHLO mta.example.org").startswith("250-")
        return self

    def until_data(self, sender: str = "rep@example.org", *recipients: str, parameters: str = "") -> Client:
        assert self.say(f"MAIL FROM:<{sender}>{parameters}").startswith("250 ")
        for recipient in recipients or (CRM,):
            assert self.say(f"RCPT TO:<{recipient}>").startswith("250 ")
        assert self.say("DATA").startswith("354 ")
        return self

    def closed(self) -> bool:
        """Has the server closed, with nothing more to say?"""
        with contextlib.suppress(ConnectionError):
            return self.file.read() == b""
        return True

    def close(self) -> None:
        self.file.close()
        self.socket.close()


@dataclass
class Running:
    """A server that keeps mail in `mails`, or does with it what `put` was given."""

    server: Server
    loop: asyncio.AbstractEventLoop
    clients: list[Client]
    mails: list[MailObject] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.server.endpoints[0].port

    def connect(self, **options: Any) -> Client:
        client = Client(self.port, **options)
        self.clients.append(client)
        return client

    def connect_tls(self, **options: Any) -> Client:
        """To the port with TLS from the first octet; nothing is said yet."""
        client = Client(self.server.secured[0].port, **options)
        self.clients.append(client)
        return client

    def hello(self, **options: Any) -> Client:
        return self.connect(**options).hello()

    def connect_lmtp(self) -> Client:
        client = Client(self.server.sockets[0])
        self.clients.append(client)
        return client

    def lhlo(self) -> Client:
        return self.connect_lmtp().lhlo()

    def call(self, function: Callable[[], Any]) -> Any:
        """Run it in the server's thread."""
        done: Future[Any] = Future()
        self.loop.call_soon_threadsafe(lambda: done.set_result(function()))
        return done.result(DEADLINE)

    def stop(self, grace: float = 5.0) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(self.server.stop(grace), self.loop)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until it holds, in the server's thread."""
        end = time.monotonic() + DEADLINE
        while not self.call(condition):
            assert time.monotonic() < end, "did not come to pass"
            threading.Event().wait(0.002)

    def names(self) -> list[str]:
        return [name for name, _ in self.events]


class Recorder:
    """A logger that remembers."""

    def __init__(self, events: list[tuple[str, dict[str, Any]]]) -> None:
        self._events = events

    def debug(self, event: str, **facts: Any) -> None:
        facts.pop("session", None)  # drawn by lot; tests/health looks at it
        self._events.append((event, facts))

    info = warning = error = debug


def bounds_of(base: Bounds, **changes: Any) -> Bounds:
    return replace(base, **changes)


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """`serve(...)` starts a server. Options: `max_size`, `networks`, `limits`, `put`, `room`, `memory`, `trusted`, `stranger`, `listen`, `lmtp`, `loop`."""
    with contextlib.ExitStack() as undo:

        def start(
            *,
            max_size: int = 1024 * 1024,
            networks: Any = None,
            limits: Limits | None = None,
            trusted: dict[str, Any] | None = None,
            stranger: dict[str, Any] | None = None,
            listen: tuple[Endpoint, ...] = (Endpoint("127.0.0.1", 0),),
            listen_tls: tuple[Endpoint, ...] = (),
            admission: Admission | None = None,
            lmtp: Path | None = None,
            put: Any = None,
            loop: str = "uvloop",
            directory: Any = None,
            log: Any = None,
            **options: Any,
        ) -> Running:
            event_loop = uvloop.new_event_loop() if loop == "uvloop" else asyncio.new_event_loop()
            thread = threading.Thread(target=event_loop.run_forever)
            thread.start()
            mails: list[MailObject] = []
            events: list[tuple[str, dict[str, Any]]] = []

            def keep(mail: MailObject, done: Callable[[VaultId | Exception], None]) -> None:
                mails.append(mail)
                event_loop.call_soon(done, VaultId("0123abcd", len(mails)))

            who = Directory(capture=frozenset({CRM}))
            server = Server(
                Capture(
                    hostname="crm.example.org",
                    listen=listen,
                    listen_tls=listen_tls,
                    lmtp=lmtp,
                    addresses=(CRM,),
                    max_size=max_size,
                ),
                admission or (Admission() if networks is None else Admission(networks=networks)),
                limits or Limits(),
                put=put or keep,
                directory=directory or (lambda: who),
                log=log or Recorder(events),
                trusted=bounds_of(TRUSTED, **(trusted or {})),
                stranger=bounds_of(STRANGER, **{"greeting_delay": 0.0, **(stranger or {})}),
                **options,
            )
            running = Running(server, event_loop, [], mails, events)

            def end() -> None:
                asyncio.run_coroutine_threadsafe(server.stop(0), event_loop).result(DEADLINE)
                event_loop.call_soon_threadsafe(event_loop.stop)
                thread.join(DEADLINE)
                event_loop.close()

            def close() -> None:
                for client in running.clients:
                    client.close()

            undo.callback(end)
            undo.callback(close)
            asyncio.run_coroutine_threadsafe(server.start(), event_loop).result(DEADLINE)
            return running

        yield start
