"""A listener for monitoring: GET /metrics and /healthz on a loopback address, in the daemon's loop.

Mail comes first. So a scrape never blocks the loop (the look at the databases is a thread's), is answered from
a look of at most a second ago, and what a client may send, hold and wait for is bounded. HTTP/1.1 as far as
these two pages need it (RFC 9112): one request a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from relay.config.settings import Endpoint
from relay.health.metrics import CONTENT_TYPE, exposition
from relay.log import log

REQUEST = 8192
"""Octets of a request, its header fields included; Prometheus sends 300."""

PATIENCE = 5.0
"""Seconds in which a request must be here, and in which its answer must be taken."""

LOOKING = 20.0
"""Seconds that a look at the databases may take: a scrape gives up after ten."""

CONNECTIONS = 8
"""At the same time; more are answered 503 at once."""

FRESH = 1.0
"""Seconds for which one look is told to all who ask."""

Look = Callable[[], dict[str, Any]]
"""Gives a report (`relay.health.report`), with the daemon's own figures as they are now. Called in a thread."""

_PLAIN = "text/plain; charset=utf-8"


class ListenerError(Exception):
    """We cannot listen there. Its text is one line for a person."""


class Listener:
    """Answers on `endpoint` from `start` to `stop`."""

    def __init__(self, endpoint: Endpoint, look: Look) -> None:
        self._endpoint = endpoint
        self._look = look
        self._server: asyncio.Server | None = None
        self._open = 0
        self._looked = float("-inf")
        self._looking: asyncio.Future[dict[str, Any]] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The real port, also where 0 was asked for."""
        assert self._server is not None  # noqa: S101  after `start`
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen. Raises ListenerError."""
        try:
            self._server = await asyncio.start_server(
                self._met, self._endpoint.host, self._endpoint.port, limit=REQUEST, backlog=CONNECTIONS
            )
        except OSError as error:
            raise ListenerError(
                f"[health] listen: cannot listen on {self._endpoint}: {error.strerror or error}"
            ) from error
        log().info("health.listening", on=f"{self._endpoint.host}:{self.port}")

    async def stop(self) -> None:
        """Listen no more and cut off whoever is still here."""
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=1.0)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  for the type checker
        self._tasks.add(task)
        self._open += 1
        try:
            # Whoever goes away, sends nonsense or is slow harms only themselves.
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                writer.write(await self._answer(reader))
                async with asyncio.timeout(PATIENCE):
                    await writer.drain()
        finally:
            self._open -= 1
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        """The answer to one request."""
        if self._open > CONNECTIONS:
            return _response("503 Service Unavailable", "too many at once\n")
        try:
            async with asyncio.timeout(PATIENCE):
                request = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _response("431 Request Header Fields Too Large", "too long\n")
        words = request.partition(b"\r\n")[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return _response("400 Bad Request", "this is HTTP/1.1\n")
        method, path = words[0], words[1].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", "GET or HEAD\n", extra="Allow: GET, HEAD\r\n")
        page = {b"/metrics": self._metrics, b"/healthz": self._healthz}.get(path)
        if page is None:
            return _response("404 Not Found", "there are /metrics and /healthz\n")
        try:
            async with asyncio.timeout(LOOKING):
                seen = await self._seen()
        except TimeoutError:
            return _response("503 Service Unavailable", "the databases do not answer\n")
        except Exception:  # noqa: BLE001  `_done` has told what it was
            return _response("500 Internal Server Error", "the look failed, see the log\n")
        return page(seen, body=method == b"GET")

    @staticmethod
    def _metrics(seen: dict[str, Any], *, body: bool) -> bytes:
        return _response("200 OK", exposition(seen), kind=CONTENT_TYPE, body=body)

    @staticmethod
    def _healthz(seen: dict[str, Any], *, body: bool) -> bytes:
        """200 unless it is critical: a warning is no reason to take anything out of service."""
        status = "503 Service Unavailable" if seen["level"] == "critical" else "200 OK"
        return _response(status, "\n".join([seen["level"], *seen["problems"]]) + "\n", body=body)

    async def _seen(self) -> dict[str, Any]:
        """The last look, or a new one when it is older than `FRESH`. There is only one at a time."""
        looking = self._looking
        if looking is None or (looking.done() and time.monotonic() - self._looked > FRESH):
            self._looking = looking = asyncio.ensure_future(asyncio.to_thread(self._look))
            looking.add_done_callback(self._done)
        return await asyncio.shield(looking)

    def _done(self, looking: asyncio.Future[dict[str, Any]]) -> None:
        self._looked = time.monotonic()
        if not looking.cancelled() and (error := looking.exception()) is not None:
            self._looking = None  # the next one asks anew
            log().error("health.look_failed", exc_info=error)


def _response(status: str, text: str, *, kind: str = _PLAIN, extra: str = "", body: bool = True) -> bytes:
    octets = text.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(octets)}\r\n"
        f"Cache-Control: no-store\r\nConnection: close\r\n{extra}\r\n"
    )
    return head.encode() + (octets if body else b"")
