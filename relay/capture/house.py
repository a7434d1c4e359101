"""The house: what all sessions of a server share. Settings read once, replies written once, and the doors
to the rest: where mail goes, who we are, what time it is.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, TypedDict

from relay.attribution import admission
from relay.attribution.admission import Decision, Rules
from relay.attribution.directory import Directory
from relay.capture.bounds import KNOWN, STRANGER, TRUSTED, Bounds
from relay.capture.budget import Budget
from relay.capture.gate import Gate
from relay.capture.judge import Judge
from relay.capture.logins import Logins
from relay.capture.tls import Certificate
from relay.config.settings import Network
from relay.log import TELLING, Tally
from relay.mail import reply
from relay.mail.envelope import MailObject, VaultId

Done = Callable[[VaultId | Exception], None]

Put = Callable[[MailObject, Done], None]
"""Takes a mail object and tells `Done`, in the loop's thread, when it is on the disk or why it is not."""


UPSTREAM = Decision("upstream-client")
"""An MTA of ours that takes mail from the internet: each mail has to be proved, but there are no limits for it."""


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


class Told(TypedDict):
    """What joins all events of a session."""

    session: str
    client: str


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
    log: Log
    budget: Budget
    gate: Gate
    at: Callable[[str], None]
    rules: Rules = field(default_factory=Rules)
    trusted: Bounds = TRUSTED
    stranger: Bounds = STRANGER
    known: Bounds = KNOWN
    certificate: Certificate | None = None
    """What TLS shows; None: there is no TLS."""
    logins: Logins | None = None
    """Where our people log in; None: they cannot."""
    sessions: set[Guest] = field(default_factory=set)
    judge: Judge | None = None
    """Decides about mail from those without full trust; None: nothing is taken from them."""
    closing: bool = False
    emptied: Callable[[], None] | None = None
    run: str = field(default_factory=lambda: secrets.token_hex(2))
    """Told before the number of each session: two runs of the daemon may stand in one log."""
    opened: int = 0
    """Connections since the start."""
    accepted: int = 0
    """Messages that were kept since the start."""
    octets: int = 0
    """Octets of them."""
    refusals: Counter[str] = field(default_factory=Counter)
    """Mail and recipients that were refused or put off, by reason."""
    replies: list[int] = field(default_factory=lambda: [0] * 256)
    """Replies by the first octet of their code: `replies[ord("4")]` were refusals for a time."""
    greeting: bytes = field(init=False)
    lmtp_greeting: bytes = field(init=False)
    helo: bytes = field(init=False)
    ehlo: bytes = field(init=False)
    ehlo_starttls: bytes = field(init=False)
    ehlo_secured: bytes = field(init=False)
    too_large: reply.Reply = field(init=False)
    admit: Callable[[str], Decision] = field(init=False)
    _said: dict[str, float] = field(init=False, default_factory=dict)
    _tallies: dict[tuple[str, str], Tally] = field(init=False, default_factory=dict)
    _telling: asyncio.TimerHandle | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.adopt(self.hostname, self.max_size, self.networks, self.rules)

    def adopt(self, hostname: str, max_size: int, networks: tuple[Network, ...], rules: Rules) -> None:
        """Go by these from now on. Who is here already stays what they were when they came in."""
        self.rules = rules
        self.hostname, self.max_size, self.networks = hostname, max_size, networks
        self.greeting = reply.greeting(self.hostname).wire
        self.lmtp_greeting = reply.lmtp_greeting(self.hostname).wire
        self.helo = reply.helo(self.hostname).wire
        self.ehlo = reply.ehlo(self.hostname, self.max_size)
        self.ehlo_starttls = reply.ehlo(self.hostname, self.max_size, "STARTTLS")
        logins = ("AUTH PLAIN LOGIN",) if self.logins is not None else ()
        self.ehlo_secured = reply.ehlo(self.hostname, self.max_size, *logins)
        self.too_large = reply.too_large(self.max_size)
        # The same few hosts come again and again; strangers push each other out.
        self.admit = lru_cache(maxsize=1024)(lambda address: _client(address, networks, rules))

    def warn_now_and_then(self, now: float, event: str, *, why: str, **facts: Any) -> None:
        """Log something that strangers can bring about as often as they like: once a minute for each `why`."""
        if now - self._said.get(why, -60.0) >= 60.0:
            self._said[why] = now
            self.log.warning(event, why=why, **facts)

    def tell(self, event: str, by: str, why: str = "", **facts: Any) -> None:
        """Log something of everyday, each by itself or, when it comes in floods, in sums for each `why`."""
        tally = self._tallies.get((event, why))
        if tally is None:
            always = {"why": why} if why else {}
            tally = self._tallies[event, why] = Tally(event, by, log=self.log, always=always)
        tally.add(**facts)
        if tally.waiting and self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELLING, self._tell_sums)

    def _tell_sums(self) -> None:
        self._telling = None
        for tally in self._tallies.values():
            tally.tell(now=True)

    def turned_away(self, reason: str, _told: Told, **facts: Any) -> None:
        """Mail or a recipient is refused or put off: counted, and told."""
        self.refusals[reason] += 1
        self.tell("mail.refused", "session", reason, **_told, **facts)

    def tell_all(self) -> None:
        """Tell the sums that are left: the end."""
        if self._telling is not None:
            self._telling.cancel()
        self._tell_sums()


def _client(address: str, networks: tuple[Network, ...], rules: Rules) -> Decision:
    """What a client is by its address alone."""
    found = admission.client(address, networks)
    return UPSTREAM if not found.admitted and rules.upstream(address) is not None else found


def unlimited(client: Decision) -> bool:
    """Is it a server of ours, which no limit on connections and sessions holds back?"""
    return client is UPSTREAM or client.reason in admission.FULL_TRUST
