"""The front door, judged: what a stranger, a forger and a trusted client hear. Pure; `dialogue` talks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from ipaddress import IPv4Network, IPv6Network, ip_address

from relay.attribution.admission import host
from relay.doctor.dialogue import Doors, Met
from relay.doctor.finding import Finding, error, hint, ok, unseen, warning

WIDE = {4: 22, 6: 48}
"""Prefixes of public networks below which full trust is given to more than a house has."""

Networks = Sequence[IPv4Network | IPv6Network]


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the daemon from this machine: to `host`:`port`, coming from `source`."""

    host: str
    port: int
    source: str


def ways(doors: Doors, machine: Iterable[str], networks: Networks) -> list[Way]:
    """All ways there are, by addresses of this machine. `networks`: all that the configuration names."""
    found = []
    own = [*machine, "127.0.0.1", "::1"]
    # Any address of 127/8 is ours.
    own += [str(next(iter(each.hosts()), each[0])) for each in networks if each.is_loopback and each.version == 4]
    for place, port in doors.smtp:
        listening = ip_address(place)
        for source in dict.fromkeys(own):
            here = ip_address(source)
            if here.version != listening.version and place != "::":
                continue
            if listening.is_unspecified:
                # Our own address leads to us, and the kernel takes it for the source too.
                found.append(Way("127.0.0.1" if here.is_loopback and here.version == 4 else source, port, source))
            elif listening.is_loopback == here.is_loopback:
                found.append(Way(place, port, source))
    return found


def trusted(way: Way, networks: Networks) -> bool:
    found = host(way.source)
    return found is not None and any(found in network for network in networks)


def trust(networks: Networks, upstream: Networks, machine: Sequence[str]) -> list[Finding]:
    """Is full trust given to more than a house has?"""
    told = []
    for network in networks:
        if network.prefixlen == 0:
            told.append(error("trust", f"[admission] networks has {network}: everybody writes into every timeline",
                              "editor bcc-relay.toml    # [admission] networks"))  # fmt: skip
        elif not network.is_private and network.prefixlen < WIDE[network.version]:
            told.append(warning("trust", f"[admission] networks has {network}, all of it with full trust",
                                "editor bcc-relay.toml    # [admission] networks, or upstream"))  # fmt: skip
    for network in upstream:
        inside = [each for each in machine if (found := host(each)) is not None and found in network]
        if inside:
            told.append(warning("trust", f"[[admission.upstream]] {network} has this machine in it: "
                                "any program here may say what was proved",
                                "editor bcc-relay.toml    # name the server's own address"))  # fmt: skip
    return told or [ok("trust", "full trust has " + (", ".join(map(str, networks)) or "nobody"))]


def reached(met: Met, hostname: str, *, passed_on: bool) -> Finding:
    """The door at the address that DNS tells."""
    if met.trouble:
        told = f"{met.place} ({hostname}) cannot be reached from here: {met.trouble}"
        todo = f"swaks --server {hostname} --quit-after EHLO    # from outside: a firewall?"
        return hint("port", told, todo) if passed_on else warning("port", told, todo)
    return ok("port", f"{met.place} ({hostname}) answers, as seen from this machine")


def greeting(met: Met, hostname: str) -> Finding:
    words = met.greeting.split()
    if len(words) > 1 and words[0] == "220" and words[1].lower() == hostname:
        return ok("greeting", f"{met.place} greets as {hostname}")
    told = f"{met.place} greets as {words[1] if len(words) > 1 else 'nobody'} and not as {hostname}"
    return error("greeting", f"{told}: another program has the port", "ss -ltnp 'sport = :25'")


def starttls(met: Met, *, configured: bool) -> Finding:
    if met.tls_trouble:
        return error("starttls", f"TLS with {met.place} fails: {met.tls_trouble}", "journalctl -u bcc-relay -p warning")
    if met.tls:
        return ok("starttls", f"{met.place} speaks {met.tls}")
    todo = "install -m 600 privkey.pem /etc/credstore/bcc-relay.tls.key    # and fullchain.pem: docs/operating.md, Keys"
    if configured:
        return error(
            "starttls", f"{met.place} does not offer STARTTLS, and [tls] is set", "systemctl restart bcc-relay"
        )
    return warning("starttls", f"{met.place} does not offer STARTTLS: mail comes in readable on its way", todo)


def relaying(place: str, reply: str) -> Finding:
    """`reply`: to RCPT for an address elsewhere."""
    if reply.startswith("5"):
        return ok("open-relay", f"{place} refuses mail for elsewhere ({reply[:3]})")
    if reply.startswith("2"):
        return error("open-relay", f"{place} takes mail for elsewhere: this is not bcc-relay, or a fault of it",
                     "ss -ltnp 'sport = :25'")  # fmt: skip
    return unseen("open-relay", f"{place} did not say whether it takes mail for elsewhere: {reply[:100]}")


def forged(place: str, reply: str, of: str) -> Finding:
    """`reply`: to a message that pretends to be of ours. `of`: what was forged, for a person."""
    if reply.startswith("5"):
        return ok("forged", f"{of} is refused ({reply[:9].rstrip()})")
    if reply.startswith("250"):
        return error("forged", f"{of} was TAKEN at {place} as {_id(reply)}",
                     f"bcc-relay explain {_id(reply)}; bcc-relay forget {_id(reply)}")  # fmt: skip
    if reply.startswith("4"):
        return warning("forged", f"whether {of} is taken could not be decided: {reply[:120]}", "see the check resolver")
    return unseen("forged", f"{of} could not be tried: {reply[4:120]}")


def _id(reply: str) -> str:
    """The vault id in `250 2.0.0 accepted as ID`."""
    return reply.rpartition(" ")[2]


def message(author: str, to: str, token: str, now: datetime, results: str = "") -> bytes:
    """A mail that says what it is. `results`: an Authentication-Results above it, as a forger writes one."""
    above = f"Authentication-Results: {results}\r\n" if results else ""
    return (
        f"{above}From: <{author}>\r\nTo: <{to}>\r\nDate: {format_datetime(now)}\r\n"
        f"Message-ID: <doctor-{token}@doctor.invalid>\r\n"
        "Subject: bcc-relay doctor\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
        f"A test of the relay by itself ({token}). It takes this back at once.\r\n"
    ).encode()
