"""The house: what all sessions of a server share. Settings read once, replies written once, and the doors
to the rest: where mail goes, who we are, what time it is.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from relay.attribution import admission
from relay.attribution.admission import Decision
from relay.attribution.directory import Directory
from relay.capture.bounds import STRANGER, TRUSTED, Bounds
from relay.capture.budget import Budget
from relay.capture.gate import Gate
from relay.config.settings import Network
from relay.mail import reply
from relay.mail.envelope import MailObject, VaultId

Done = Callable[[VaultId | Exception], None]

Put = Callable[[MailObject, Done], None]
"""Takes a mail object and tells `Done`, in the loop's thread, when it is on the disk or why it is not."""


class Log(Protocol):
    """What we ask of a logger: structlog's, or any with these methods."""

    def debug(self, event: str, **facts: Any) -> Any: ...
    def info(self, event: str, **facts: Any) -> Any: ...
    def warning(self, event: str, **facts: Any) -> Any: ...
    def error(self, event: str, **facts: Any) -> Any: ...


class Guest(Protocol):
    """What the house asks of a connection when it closes."""

    def shut_down(self) -> None: ...
    def abort(self) -> None: ...


class SafeLog:
    """A log that cannot hurt: whatever happens to what we say, mail goes on (a pipe nobody reads, a full disk)."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def debug(self, event: str, **facts: Any) -> None:
        with suppress(Exception):
            self._log.debug(event, **facts)

    def info(self, event: str, **facts: Any) -> None:
        with suppress(Exception):
            self._log.info(event, **facts)

    def warning(self, event: str, **facts: Any) -> None:
        with suppress(Exception):
            self._log.warning(event, **facts)

    def error(self, event: str, **facts: Any) -> None:
        with suppress(Exception):
            self._log.error(event, **facts)


@dataclass(slots=True, weakref_slot=True, eq=False)
class House:
    """`room`: may mail be taken, as far as the disk is concerned? `at`: called at each step of `reception.STEPS`."""

    hostname: str
    max_size: int
    networks: tuple[Network, ...]
    put: Put
    room: Callable[[], bool]
    directory: Callable[[], Directory]
    clock: Callable[[], datetime]
    log: SafeLog
    budget: Budget
    gate: Gate
    at: Callable[[str], None]
    trusted: Bounds = TRUSTED
    stranger: Bounds = STRANGER
    sessions: set[Guest] = field(default_factory=set)
    closing: bool = False
    emptied: Callable[[], None] | None = None
    greeting: bytes = field(init=False)
    helo: bytes = field(init=False)
    ehlo: bytes = field(init=False)
    too_large: reply.Reply = field(init=False)
    admit: Callable[[str], Decision] = field(init=False)
    _said: dict[str, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.greeting = reply.greeting(self.hostname).wire
        self.helo = reply.helo(self.hostname).wire
        self.ehlo = reply.ehlo(self.hostname, self.max_size)
        self.too_large = reply.too_large(self.max_size)
        networks = self.networks
        # The same few hosts come again and again; strangers push each other out.
        self.admit = lru_cache(maxsize=1024)(lambda address: admission.client(address, networks))

    def warn_now_and_then(self, now: float, event: str, *, why: str, **facts: Any) -> None:
        """Log something that strangers can bring about as often as they like: once a minute for each `why`."""
        if now - self._said.get(why, -60.0) >= 60.0:
            self._said[why] = now
            self.log.warning(event, why=why, **facts)
