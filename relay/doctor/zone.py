"""The DNS records that a configuration asks for: the lines of the zones, each with what it is good for. Pure.

The one place that knows them: the installer prints them, and the doctor's advice quotes them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

PLACEHOLDER = "192.0.2.1"
"""Printed where this machine has no public address: for a person to replace."""


@dataclass(frozen=True, slots=True)
class Line:
    """One record. `owner` without a dot at its end; `why`: a note for a person, '' where it needs none."""

    owner: str
    kind: str
    value: str
    why: str = ""
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.owner}.  IN  {self.kind}  {self.value}" + (f"    ; {self.why}" if self.why else "")


def domains_of(addresses: Iterable[str]) -> list[str]:
    """The domains of the capture addresses."""
    return sorted({address.rpartition("@")[2] for address in addresses})


def public(machine: Iterable[str]) -> list[str]:
    """Those of the machine's addresses by which the internet may reach it."""
    return [address for address in machine if ip_address(address.partition("%")[0]).is_global]


def a(hostname: str, address: str, why: str = "") -> Line:
    return Line(hostname, "A" if ip_address(address).version == 4 else "AAAA", address, why)


def mx(domain: str, hostname: str) -> Line:
    return Line(domain, "MX", f"10 {hostname}.")


def spf(domain: str) -> Line:
    return Line(domain, "TXT", '"v=spf1 -all"', f"nobody sends mail as {domain}; leave it out if somebody does")


def dmarc(domain: str) -> Line:
    return Line(f"_dmarc.{domain}", "TXT", '"v=DMARC1; p=reject"', "as above")


def tls_reports(domain: str) -> Line:
    return Line(
        f"_smtp._tls.{domain}",
        "TXT",
        f'"v=TLSRPTv1; rua=mailto:postmaster@{domain}"',
        "name a mailbox that somebody reads",
        optional=True,
    )


def mta_sts(domain: str, day: str) -> Line:
    """`day`: YYYYMMDD; another one whenever the policy changes."""
    return Line(f"_mta-sts.{domain}", "TXT", f'"v=STSv1; id={day}"', "with the policy below", optional=True)


def policy(domain: str, hostname: str) -> str:
    """What https://mta-sts.DOMAIN/.well-known/mta-sts.txt must say (RFC 8461 §3.2), in one line for a shell."""
    text = f"version: STSv1\\nmode: enforce\\nmx: {hostname}\\nmax_age: 604800\\n"
    return f"printf '{text}' > mta-sts.txt    # at https://mta-sts.{domain}/.well-known/mta-sts.txt"


def tlsa(hostname: str, digest: str) -> Line:
    """`digest`: SHA-256 of the certificate's public key (SPKI), hexadecimal (RFC 6698: 3 1 1)."""
    why = "only in a zone signed by DNSSEC, and only while renewals keep the key"
    return Line(f"_25._tcp.{hostname}", "TLSA", f"3 1 1 {digest}", why, optional=True)


def lines(hostname: str, addresses: Iterable[str], machine: Iterable[str], ours: Iterable[str] = ()) -> list[Line]:
    """The records for these capture addresses. `machine`: IP addresses here.

    `ours`: domains our people send from. A capture address in one of these is passed on by its mail server; an MX line
    of ours would bring all mail of the house here.
    """
    here = public(machine)
    found = [a(hostname, each) for each in here]
    found = found or [a(hostname, PLACEHOLDER, "put the public address of this machine here")]
    sending = frozenset(ours)
    for domain in domains_of(addresses):
        if domain not in sending:
            found += [mx(domain, hostname), spf(domain), dmarc(domain), tls_reports(domain)]
    return found
