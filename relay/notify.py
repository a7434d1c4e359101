"""Telling systemd how we are (sd_notify(3)): one datagram to the socket it named, nothing without it."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

PATIENCE = 0.5
"""Seconds that a datagram may wait for a systemd that is busy. Our loop waits with it."""


def notify(*states: str) -> None:
    """Send `states` ('READY=1', 'STATUS=...') in one datagram if systemd listens. A state is one line."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):  # Linux abstract namespace
        address = "\0" + address[1:]
    told = "\n".join(" ".join(state.splitlines()) for state in states)
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        line.settimeout(PATIENCE)
        line.connect(address)
        line.sendall(told.encode("utf-8", "replace"))


def listens() -> bool:
    """Is there a systemd (or another supervisor of its kind) that wants to be told?"""
    return os.environ.get("NOTIFY_SOCKET", "").startswith(("/", "@"))


def monotonic_usec() -> str:
    """What must go with RELOADING=1 for Type=notify-reload: the moment it began (sd_notify(3))."""
    return f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}"


def watchdog_seconds(environment: Mapping[str, str]) -> float | None:
    """Seconds without WATCHDOG=1 after which systemd takes us for dead; None: it does not watch us.

    As sd_watchdog_enabled(3) has it: the variables may have been meant for our parent.
    """
    usec, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not (usec.isascii() and usec.isdigit()) or int(usec) == 0:
        return None
    if pid and pid != str(os.getpid()):
        return None
    return int(usec) / 1_000_000
