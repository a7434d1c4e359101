"""Clients that hand in numbered messages, note when each 250 came, and try again what was put off, as MTAs do."""

from __future__ import annotations

import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

CAPTURE = "crm@crm.example.org"
LEAD = "anna@lead.example"
NUMBER = re.compile(rb"^X-Number: (\d+)\r?$", re.MULTILINE)


def message(number: int) -> bytes:
    """Message `number`: most are small, some have a body of tens of kilobytes, a few of hundreds."""
    rnd = random.Random(number)
    size = rnd.choice((300, 900, 2_000, 2_000, 4_000, 4_000, 9_000, 40_000))
    if number % 41 == 40:
        size = 400_000
    words = rnd.randbytes(size // 2).hex()
    body = "\r\n".join(words[at : at + 70] for at in range(0, len(words), 70))
    return (
        f"From: bob@example.org\r\nTo: {LEAD}\r\nSubject: number {number}\r\nDate: Tue, 3 Feb 2026 10:11:12 +0100\r\n"
        f"Message-ID: <{number}@example.org>\r\nX-Number: {number}\r\n\r\n{body}\r\n"
    ).encode()


def number_of(content: bytes) -> int:
    found = NUMBER.search(content)
    assert found is not None, content[:200]
    return int(found[1])


@dataclass
class Load:
    """What clients were told. Times of CLOCK_MONOTONIC, in seconds."""

    acknowledged: dict[int, float] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    put_off: int = 0
    refused: list[str] = field(default_factory=list)
    """Permanent refusals: there may be none, each is mail that a sender gives up."""
    longest: float = 0.0
    """Seconds that the slowest 250 took, from the end of data."""


class Sender:
    """One client: connects, hands in, and again when it was put off or cut off."""

    def __init__(self, load: Load, port: Callable[[], int], source: str = "127.0.0.1") -> None:
        self._load = load
        self._port = port
        self._source = source
        self._socket: socket.socket | None = None
        self._rest = b""

    def hand_in(self, number: int, deadline: float) -> bool:
        """Whether message `number` was acknowledged before `deadline`."""
        while time.monotonic() < deadline:
            try:
                code, said = self._once(number)
            except OSError:
                code, said = 0, ""
            if code == 250:
                return True
            if code >= 500:
                self._load.refused.append(said)
                return False
            self._load.put_off += code > 0
            self._close()
            time.sleep(0.05)
        return False

    def _once(self, number: int) -> tuple[int, str]:
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port()), 20, source_address=(self._source, 0))
            self._socket.settimeout(60)
            self._rest = b""
            for words in (b"", b"EHLO client.example.org\r\n"):
                code, said = self._say(words)
                if code >= 400:
                    return code, said
        said = ""
        for words in (b"MAIL FROM:<bob@example.org>\r\n", f"RCPT TO:<{CAPTURE}>\r\n".encode(), b"DATA\r\n"):
            code, said = self._say(words)
            if code >= 400:
                return code, said
        began = time.monotonic()
        code, said = self._say(message(number) + b".\r\n")
        if code == 250:
            now = time.monotonic()
            self._load.acknowledged[number] = now
            self._load.ids[number] = said.split()[-1]
            self._load.longest = max(self._load.longest, now - began)
        return code, said

    def _say(self, words: bytes) -> tuple[int, str]:
        assert self._socket is not None
        if words:
            self._socket.sendall(words)
        while True:
            line, end, rest = self._rest.partition(b"\n")
            if end:
                self._rest = rest
                if line[3:4] != b"-":
                    return int(line[:3]), line.decode().strip()
                continue
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionError("closed")
            self._rest += more

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def hand_in(
    load: Load, port: Callable[[], int], numbers: Iterable[int], *, clients: int = 4, seconds: float = 60.0,
    source: str = "127.0.0.1",
) -> None:  # fmt: skip
    """All of `numbers`, by several clients at once, each until it is acknowledged or the time is over."""
    left = iter(numbers)
    turn = threading.Lock()
    deadline = time.monotonic() + seconds

    def work() -> None:
        sender = Sender(load, port, source)
        while time.monotonic() < deadline:
            with turn:
                number = next(left, None)
            if number is None:
                break
            sender.hand_in(number, deadline)
        sender._close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 90)
