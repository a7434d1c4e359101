"""The loopback listener: two pages, bounded, and never in the way of mail."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relay.config.settings import Endpoint
from relay.health import listener
from relay.health.listener import Listener, ListenerError
from tests.running import Relay

WELL: dict[str, Any] = {"level": "ok", "problems": [], "now": 1.0}


class Served:
    """A listener in a loop of its own."""

    def __init__(self, look: Callable[[], dict[str, Any]]) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.listener = Listener(Endpoint("127.0.0.1", 0), look)
        self.do(self.listener.start())

    def do(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(20)

    def end(self) -> None:
        self.do(self.listener.stop())
        self.do(self.loop.shutdown_default_executor())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)
        self.loop.close()

    def get(self, path: str, method: str = "GET") -> tuple[int, str, dict[str, str]]:
        client = http.client.HTTPConnection("127.0.0.1", self.listener.port, timeout=20)
        client.request(method, path)
        answer = client.getresponse()
        found = answer.status, answer.read().decode(), {key.lower(): value for key, value in answer.getheaders()}
        client.close()
        return found

    def say(self, octets: bytes) -> bytes:
        """What is answered to these octets, until the end."""
        with socket.create_connection(("127.0.0.1", self.listener.port), 20) as there:
            there.settimeout(20)
            there.sendall(octets)
            got = b""
            try:
                while more := there.recv(65536):
                    got += more
            except ConnectionResetError:
                pass  # what was still on its way to a server that had closed
            return got


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    running: list[Served] = []

    def start(look: Callable[[], dict[str, Any]] = lambda: WELL) -> Served:
        running.append(Served(look))
        return running[-1]

    yield start
    for each in running:
        each.end()


def test_the_pages(serve: Callable[..., Served]) -> None:
    served = serve()
    status, text, fields = served.get("/metrics?x=1")
    assert (status, fields["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "bcc_relay_health_level 0" in text
    assert served.get("/healthz")[:2] == (200, "ok\n")
    assert served.get("/")[0] == 404
    assert served.get("/metrics", "POST")[0] == 405
    status, text, fields = served.get("/metrics", "HEAD")
    assert (status, text) == (200, "")
    assert int(fields["content-length"]) > 50


def test_only_what_is_critical_takes_it_out_of_service(serve: Callable[..., Served]) -> None:
    assert serve(lambda: {**WELL, "level": "warning", "problems": ["a"]}).get("/healthz")[:2] == (200, "warning\na\n")
    assert serve(lambda: {**WELL, "level": "critical", "problems": ["b"]}).get("/healthz")[:2] == (503, "critical\nb\n")


@pytest.mark.parametrize(
    ("octets", "answer"),
    [
        (b"\r\n\r\n", b"400"),
        (b"EHLO x\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x00\r\n\r\n", b"400"),
        (b"GET /metrics HTTP/2.0\r\n\r\n", b"400"),
        (b"GET /metrics\r\n\r\n", b"400"),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 5_000 + b"\r\n", b"431"),
        (b"GET /metrics HTTP/1.0\r\n\r\n", b"200"),
    ],
)
def test_whatever_is_sent_is_answered_and_bounded(serve: Callable[..., Served], octets: bytes, answer: bytes) -> None:
    got = serve().say(octets)
    assert got.startswith(b"HTTP/1.1 " + answer) or (answer == b"431" and got == b""), got[:100]


def test_who_says_nothing_is_sent_away(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "PATIENCE", 0.1)
    began = time.monotonic()
    assert serve().say(b"GET /metr") == b""
    assert time.monotonic() - began < 10


def test_many_who_wait_leave_room_for_an_answer(serve: Callable[..., Served]) -> None:
    served = serve()
    waiting = [socket.create_connection(("127.0.0.1", served.listener.port)) for _ in range(listener.CONNECTIONS)]
    end = time.monotonic() + 20
    while served.get("/healthz")[0] != 503:
        assert time.monotonic() < end
    for each in waiting:
        each.close()
    while served.get("/healthz")[0] != 200:
        assert time.monotonic() < end


def test_many_who_ask_at_once_cost_one_look(serve: Callable[..., Served]) -> None:
    looks: list[int] = []
    go_on = threading.Event()

    def look() -> dict[str, Any]:
        looks.append(1)
        go_on.wait(20)
        return WELL

    served = serve(look)
    asking = [socket.create_connection(("127.0.0.1", served.listener.port), 20) for _ in range(5)]
    for each in asking:
        each.sendall(b"GET /healthz HTTP/1.1\r\n\r\n")
    # They are in the order of the listener's queue: who comes after them is answered after they began to wait.
    assert served.get("/nowhere")[0] == 404, "the loop turns while a look takes its time"
    go_on.set()
    for each in asking:
        with each, each.makefile("rb") as answer:
            assert answer.read().startswith(b"HTTP/1.1 200 ")
    assert len(looks) == 1


def test_a_look_that_fails_is_500_and_the_next_one_is_tried(serve: Callable[..., Served]) -> None:
    outcomes: list[Any] = [WELL, ValueError("Geheim")]

    def look() -> dict[str, Any]:
        outcome = outcomes.pop()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    served = serve(look)
    status, text, _ = served.get("/healthz")
    assert status == 500
    assert "Geheim" not in text
    assert served.get("/healthz")[0] == 200


def test_a_port_in_use_is_told_in_one_line() -> None:
    async def start(port: int) -> None:
        await Listener(Endpoint("127.0.0.1", port), lambda: WELL).start()

    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ListenerError, match=r"\[health\] listen: cannot"),
    ):
        asyncio.run(start(taken.getsockname()[1]))


def test_the_real_daemon_tells_how_it_is_and_ends_with_a_client_that_stays(tmp_path: Path) -> None:
    relay = Relay(tmp_path, '[health]\nlisten = "127.0.0.1:0"\n')
    try:
        relay.start()
        [line] = [line for line in relay.log().splitlines() if "health.listening" in line]
        port = int(line.rpartition(":")[2])
        relay.filed(*relay.send(b"From: a@example.org\nTo: b@lead.example\n\nx\n"))
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        client.request("GET", "/metrics")
        text = client.getresponse().read().decode()
        assert "bcc_relay_accepted_messages_total 1\n" in text, "as it is now, not as it was seconds ago"
        assert "bcc_relay_messages 1\n" in text
        assert 'bcc_relay_replies_total{code_class="3xx"} 1\n' in text
        with socket.create_connection(("127.0.0.1", port)):
            assert relay.stop() == 0
    finally:
        relay.stop()
    assert "level=error" not in relay.log()
