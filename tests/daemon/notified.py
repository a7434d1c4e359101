"""A systemd that listens beside the real daemon."""

from __future__ import annotations

import socket
import time
from pathlib import Path

from running import PATIENCE

INTERVAL = 0.6
"""Seconds of WATCHDOG_USEC in these tests."""


class Systemd:
    """The end of NOTIFY_SOCKET that systemd has."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.heard: list[str] = []

    @property
    def environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self.path), "WATCHDOG_USEC": str(int(INTERVAL * 1_000_000))}

    def hear(self, seconds: float) -> list[str]:
        """What is said within so many seconds, datagram by datagram."""
        heard = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                heard.append(self.socket.recv(4096).decode())
            except TimeoutError:
                break
        self.heard += heard
        return heard

    def until(self, beginning: str, times: int = 1) -> str:
        """Wait for datagrams that begin so. Returns the last of them."""
        end = time.monotonic() + PATIENCE
        said: list[str] = []
        while True:
            self.socket.settimeout(max(0.01, end - time.monotonic()))
            try:
                said.append(self.socket.recv(4096).decode())
            except TimeoutError:
                raise AssertionError(f"waited in vain for {beginning!r}; heard {said}") from None
            self.heard.append(said[-1])
            times -= said[-1].startswith(beginning)
            if not times:
                return said[-1]
