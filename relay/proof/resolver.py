"""The resolver: questions to DNS, under a deadline that the asker sets, with a memory.

Three answers are possible, and they must not be mixed up: the records, "there are none" (which decides), and "nobody
answered" (which decides nothing: the sender is told to try again). What was asked a moment ago is not asked again; what
is being asked is asked once, however many wait for it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from dns import asyncresolver, exception, name, resolver, reversename
from dns.rdata import Rdata
from dns.rdtypes.ANY.TXT import TXT

SHORTEST, LONGEST = 5.0, 3600.0
"""Seconds for which an answer is remembered, whatever its own time to live: one key is asked for by many mails at once,
and a domain that moves its mail today must not wait for tomorrow."""

NOTHING_FOR = 60.0
"""Seconds for which "there are none" is remembered: somebody may be publishing the record just now."""

REMEMBERED = 8 * 1024 * 1024
"""Characters of answers and names that are kept, so ten thousand or so answers: strangers choose both."""

ENTRY = 300
"""Characters that an entry counts for beside its text: so much memory it takes at least."""

AT_ONCE = 64
"""Questions that may wait for servers at the same time: each takes a file descriptor, and strangers choose the servers
that do not answer (`capture.bounds.SPARE_DESCRIPTORS` leaves room for them). What waits for its turn
waits within its own deadline."""

TRY = 2.0
"""Seconds for one attempt with one server; the deadline of the asker ends all attempts."""

TOO_LATE = 0.05
"""Seconds left below which a question that had to wait for its turn is not asked any more: answers from afar take
longer."""

LONGEST_NAME = 253
"""Characters of a name (RFC 1035 §2.3.4)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Records as text, in the order that DNS gives them: the strings of a TXT record joined, addresses, names (lower
    case, no dot at the end), MX as 'preference name'. `fault`: nobody answered, and why; '' otherwise.
    """

    records: tuple[str, ...] = ()
    fault: str = ""


class Resolver:
    """Asks the servers given ('192.0.2.1', '192.0.2.1:5300', '[2001:db8::1]:53'), or the system's where none is."""

    def __init__(self, servers: Sequence[str] = (), *, lifetime: float = 8.0) -> None:
        """`lifetime`: seconds after which a question is a fault, also when the asker would wait longer."""
        self._servers = tuple(servers)
        self._lifetime = lifetime
        self._memory: OrderedDict[tuple[str, str], tuple[float, Answer]] = OrderedDict()
        self._remembered = 0
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._asked: dict[tuple[str, str], asyncio.Task[tuple[Answer, float]]] = {}
        self._resolver: asyncresolver.Resolver | None = None

    async def ask(self, domain: str, kind: str) -> Answer:
        """The records of that type ('TXT', 'A', 'AAAA', 'MX', 'PTR', 'CNAME', 'NS', 'TLSA') under that very name."""
        domain = domain.rstrip(".").lower()
        asked = _name(domain)
        if asked is None:
            return Answer()
        key = (domain, kind)
        known = self._memory.get(key)
        clock = asyncio.get_running_loop().time
        if known is not None and clock() < known[0]:
            return known[1]
        task = self._asked.get(key)
        if task is None:
            # A task of its own: who gives up waiting does not take the answer from the others.
            task = self._asked[key] = asyncio.get_running_loop().create_task(self._question(asked, kind))
            task.add_done_callback(lambda _: self._asked.pop(key, None))
        answer, seconds = await asyncio.shield(task)
        if seconds:
            self._remember(key, (clock() + seconds, answer))
        return answer

    def _remember(self, key: tuple[str, str], entry: tuple[float, Answer]) -> None:
        """Keep an answer; the oldest make room for it."""
        self._remembered -= _size(key, self._memory.pop(key, None))
        self._memory[key] = entry
        self._remembered += _size(key, entry)
        while self._remembered > REMEMBERED:
            oldest, forgotten = self._memory.popitem(last=False)
            self._remembered -= _size(oldest, forgotten)

    async def host_name(self, address: str) -> str:
        """The name of an IP address that leads back to it (RFC 8601 §2.7.3, 'iprev'); '' when there is none."""
        try:
            reverse = reversename.from_address(address)
        except (exception.SyntaxError, ValueError):
            return ""
        kind = "AAAA" if ":" in address else "A"
        for found in (await self.ask(reverse.to_text(), "PTR")).records[:3]:
            back = await self.ask(found, kind)
            if any(_same_address(address, record) for record in back.records):
                return found
        return ""

    async def _question(self, domain: name.Name, kind: str) -> tuple[Answer, float]:
        """(the answer, seconds for which it may be remembered)."""
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._lifetime), self._turns:
                left = began + self._lifetime - asyncio.get_running_loop().time()
                if left < TOO_LATE:
                    return Answer(fault="no answer in time"), 0.0
                found = await self._source().resolve(
                    domain, kind, search=False, lifetime=left, raise_on_no_answer=False
                )
        except resolver.NXDOMAIN:
            return Answer(), NOTHING_FOR
        except (resolver.NoNameservers, resolver.YXDOMAIN) as error:
            return Answer(fault=type(error).__name__), 0.0
        except (exception.Timeout, TimeoutError):
            return Answer(fault="no answer in time"), 0.0
        except (exception.DNSException, OSError) as error:
            return Answer(fault=type(error).__name__), 0.0
        if found.rrset is None:
            return Answer(), NOTHING_FOR
        written = _WRITTEN.get(kind, _plain)
        return Answer(tuple(written(each) for each in found.rrset)), min(max(found.rrset.ttl, SHORTEST), LONGEST)

    def _source(self) -> asyncresolver.Resolver:
        """Made at the first question: raises NoResolverConfiguration where the system has none."""
        if self._resolver is None:
            made = asyncresolver.Resolver(configure=not self._servers)
            if self._servers:
                places = [_place(server) for server in self._servers]
                made.nameservers = [address for address, _ in places]
                made.nameserver_ports = dict(places)
            made.timeout = TRY
            made.retry_servfail = False
            made.use_edns(0, 0, 1232)  # the largest that is never fragmented; what is longer comes by TCP
            self._resolver = made
        return self._resolver


def _name(domain: str) -> name.Name | None:
    """A name as the labels that it writes, without escapes and without any mending: macros of SPF may have made
    anything of it. None when it cannot exist.
    """
    if not domain or len(domain) > LONGEST_NAME:
        return None
    try:
        return name.Name((*(label.encode("utf-8", "replace") for label in domain.split(".")), b""))
    except exception.DNSException:
        return None


def _size(key: tuple[str, str], entry: tuple[float, Answer] | None) -> int:
    """What an entry of the memory counts for."""
    return 0 if entry is None else ENTRY + len(key[0]) + sum(map(len, entry[1].records))


def _place(server: str) -> tuple[str, int]:
    """(IP address, port) of a resolver as the configuration names it."""
    if server.startswith("["):
        address, _, port = server[1:].partition("]")
        return address, int(port.removeprefix(":") or 53)
    if server.count(":") == 1:
        address, _, port = server.partition(":")
        return address, int(port)
    return server, 53


def _same_address(one: str, other: str) -> bool:
    return bool(reversename.from_address(one) == reversename.from_address(other))


def _plain(record: Rdata) -> str:
    return record.to_text().rstrip(".").lower()


def _txt(record: Rdata) -> str:
    return b"".join(cast(TXT, record).strings).decode("utf-8", "replace")


def _exactly(record: Rdata) -> str:
    return record.to_text()


_WRITTEN: dict[str, Callable[[Rdata], str]] = {"TXT": _txt, "TLSA": _exactly}
