"""Clients that mean no good, or want too much at once: idle ones, dripping ones, and many with large messages."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

from tests.faults.clients import CAPTURE


class Crowd:
    """Connections that are held open. `dripping` ones send an octet of a command that never ends each half second."""

    def __init__(self, port: int, idle: int, dripping: int, sources: tuple[str, ...] = ()) -> None:
        self._port = port
        self._sources = sources or tuple(f"127.{place // 200 + 1}.{place % 200}.9" for place in range(80))
        self._wanted = idle + dripping
        self._dripping = dripping
        self._sockets: list[socket.socket] = []
        self._refused: set[socket.socket] = set()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._hold)

    def __enter__(self) -> Self:
        for place in range(self._wanted):
            opened = socket.socket()
            opened.settimeout(10)
            opened.bind((self._sources[place % len(self._sources)], 0))
            opened.connect(("127.0.0.1", self._port))
            opened.setblocking(False)
            self._sockets.append(opened)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        for opened in self._sockets:
            opened.close()

    @property
    def here(self) -> int:
        """How many are connected still."""
        return len(self._sockets) - len(self._refused)

    def settle(self) -> None:
        """Wait until those have been sent away who will be."""
        time.sleep(1.5)

    def until_greeted(self, seconds: float) -> float:
        """How long a stranger from elsewhere, who tries again each second, waits to be greeted."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            with contextlib.suppress(OSError), socket.socket() as opened:
                opened.settimeout(5)
                opened.bind(("127.250.0.1", 0))
                opened.connect(("127.0.0.1", self._port))
                if opened.recv(100).startswith(b"220"):
                    return time.monotonic() - began
            time.sleep(1)
        raise AssertionError(f"a stranger from elsewhere was not greeted in {seconds} s")

    def _hold(self) -> None:
        dripping = self._sockets[: self._dripping]
        with selectors.DefaultSelector() as selector:
            for opened in self._sockets:
                selector.register(opened, selectors.EVENT_READ)
            dripped = time.monotonic()
            while not self._done.is_set():
                for key, _ in selector.select(0.1):
                    opened = key.fileobj
                    assert isinstance(opened, socket.socket)
                    try:
                        said = opened.recv(4096)
                    except OSError:
                        said = b""
                    if not said:
                        selector.unregister(opened)
                        self._refused.add(opened)
                if time.monotonic() - dripped > 0.5:
                    dripped = time.monotonic()
                    for opened in dripping:
                        if opened not in self._refused:
                            with contextlib.suppress(OSError):
                                opened.send(b"E")


def large(port: int, clients: int, size: int) -> list[str]:
    """Hand in a message of `size` octets by each of `clients` at once; the vault ids."""

    def one(place: int) -> str:
        line = (f"{place:04d} " + "w" * 70 + "\r\n").encode()
        head = f"From: bob@example.org\r\nTo: anna@lead.example\r\nSubject: large {place}\r\nMessage-ID: <{-place}@example.org>\r\n\r\n"
        content = head.encode() + line * (size // len(line))
        for _ in range(60):
            with socket.create_connection(("127.0.0.1", port), 300) as opened, opened.makefile("rb") as replies:
                replies.readline()
                for words in (b"HELO c", f"MAIL FROM:<bob@example.org>\r\nRCPT TO:<{CAPTURE}>\r\nDATA".encode()):
                    opened.sendall(words + b"\r\n")
                    for _ in range(words.count(b"\r\n") + 1):
                        said = replies.readline()
                opened.sendall(content)
                opened.sendall(b".\r\n")
                said = replies.readline()
                if said.startswith(b"250"):
                    return said.split()[-1].decode()
                assert said.startswith(b"4"), said
            time.sleep(1)
        raise AssertionError("put off sixty times")

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, range(1, clients + 1)))
