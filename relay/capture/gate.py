"""The gate: may this connection come in at all?

Counts connections in all, per client network (/24, /64) and new ones per minute. A refused client is told
421 and why. Clients in [admission] networks pass, up to the number of file descriptors we have. Knows no
sockets; time is an argument.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address

from relay.attribution.admission import host
from relay.config.settings import Limits

MINUTE = 60.0

STRANGERS = 0.75
"""Share of our descriptors that strangers may hold, where that is less than [limits] connections: the rest is left for
clients with full trust.
"""

REMEMBERED = 50_000
"""Client networks counted in one minute. IPv6 has more /64 than we have memory: beyond that counting starts over."""


class Gate:
    def __init__(self, limits: Limits, ceiling: int) -> None:
        """`ceiling`: connections that we have descriptors for, trusted ones included."""
        self._limits = limits
        self._ceiling = ceiling
        self.open = 0
        self._strangers = 0
        self._here: Counter[str] = Counter()
        self._recent: Counter[str] = Counter()
        self._minute = 0.0

    def adopt(self, limits: Limits, ceiling: int) -> None:
        """Go by these from now on; nobody who is inside is sent away."""
        self._limits = limits
        self._ceiling = ceiling

    def enter(self, address: str, now: float, *, trusted: bool) -> str:
        """Count one more connection and say why it may not stay, or ''. Each needs one `leave`."""
        self.open += 1
        if trusted:
            return "no-descriptors" if self.open > self._ceiling else ""
        self._strangers += 1
        network = client_network(address)
        self._here[network] += 1
        if now - self._minute >= MINUTE or len(self._recent) >= REMEMBERED:
            self._minute = now
            self._recent.clear()
        self._recent[network] += 1
        limits = self._limits
        if self.open > self._ceiling:
            return "no-descriptors"
        if self._strangers > self._most:
            return "connections"
        if limits.connections_per_client and self._here[network] > limits.connections_per_client:
            return "connections-per-client"
        if limits.new_connections_per_minute and self._recent[network] > limits.new_connections_per_minute:
            return "new-connections-per-minute"
        return ""

    def leave(self, address: str, *, trusted: bool) -> None:
        self.open -= 1
        if trusted:
            return
        self._strangers -= 1
        network = client_network(address)
        self._here[network] -= 1
        if self._here[network] <= 0:
            del self._here[network]

    def crowded(self, share: float) -> bool:
        """Do strangers hold more than this share of the connections they may have?"""
        return self._strangers > share * self._most

    @property
    def _most(self) -> int:
        """Connections that strangers may have."""
        return min(self._limits.connections, int(self._ceiling * STRANGERS))


def client_network(address: str) -> str:
    """What counts as one client: the /24 of IPv4, the /64 of IPv6 (what one customer is given)."""
    found = host(address)
    if found is None:
        return address
    if isinstance(found, IPv4Address):
        return str(found).rpartition(".")[0]
    return found.exploded[:19]
