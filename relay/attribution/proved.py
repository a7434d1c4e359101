"""Proved: what of a mail's origin can be believed, given who we are and what the rules are.

Pure. Says nothing of what follows from it: that is `admission`'s.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeVar

from relay.attribution import tag
from relay.attribution.directory import Directory
from relay.mail.address import Address
from relay.mail.dmarc import aligned
from relay.mail.heading import Heading
from relay.mail.proof import Proof, Result, Signature, Spf

FRESH = timedelta(days=7)
"""Age of a signature up to which it counts for a shared capture address: whoever has a signed mail can send it again,
and mail servers give up after five days."""

AHEAD = timedelta(days=1)
"""How far the time of a signature may lie in the future: a clock may be wrong, but not make a signature eternal."""

Networks = Iterable[IPv4Network | IPv6Network]

_Judged = TypeVar("_Judged", Signature, Spf)


@dataclass(frozen=True, slots=True)
class Upstream:
    """An MTA of ours that takes mail from the internet: only what it says it proved is believed.

    `authserv_id`: '' proves nothing. `certificate`: a name that its TLS client certificate must have, '' for none.
    """

    networks: tuple[IPv4Network | IPv6Network, ...]
    authserv_id: str = ""
    certificate: str = ""

    def is_sure(self, certificates: Collection[str]) -> bool:
        """Has the client the certificate that it must have? `certificates`: its names, lower case."""
        return not self.certificate or self.certificate.lower() in certificates


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of [admission]. `arc_sealers`: domains, lower-case A-labels."""

    upstreams: tuple[Upstream, ...] = ()
    arc_sealers: frozenset[str] = frozenset()

    def upstream(self, address: str, certificates: Collection[str] = ()) -> Upstream | None:
        """The upstream that connects from that IP address: the one with that certificate if there is one."""
        found = host(address)
        there = [one for one in self.upstreams if found is not None and within(found, one.networks)]
        return next((one for one in there if one.is_sure(certificates)), there[0] if there else None)


@dataclass(frozen=True, slots=True)
class Known:
    """Who we are. `left`: staff.id -> when that person left (aware); such a person's addresses open no door."""

    directory: Directory
    left: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one mail when its last octet is there.

    `client`: IP address; `certificates`: names in its TLS client certificate, if that was verified, lower case.
    `account`: staff.id of who logged in, None for nobody. `reverse_path`: None is the null one.
    `owners`: staff.id of those whose personal capture addresses (valid ones, in their grace too) are among the
    recipients; empty when only shared ones are. `party`: is the author a party of the thread that the mail answers
    (by In-Reply-To and References)? None when that could not be looked up.
    """

    client: str
    heading: Heading
    proof: Proof
    reverse_path: Address | None = None
    account: int | None = None
    certificates: tuple[str, ...] = ()
    owners: tuple[int, ...] = ()
    party: bool | None = False


def host(address: str) -> IPv4Address | IPv6Address | None:
    """The IP address that `address` writes, IPv4 also when it came mapped into IPv6; None if it is none."""
    try:
        found = ip_address(address.partition("%")[0])  # fe80::1%eth0: the zone is no part of it
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def within(address: IPv4Address | IPv6Address, networks: Networks) -> bool:
    return any(address in network for network in networks)


def hopeful(facts: Facts) -> Proof:
    """The proof as it would be if DNS, where it did not answer, had answered to the sender's advantage."""
    proof, author = facts.proof, facts.heading.author
    near = proof.dmarc.result is Result.TEMPERROR and author is not None  # how near a domain must be was not answered

    def hoped(one: _Judged) -> _Judged:
        return replace(
            one,
            result=Result.PASS if one.result is Result.TEMPERROR else one.result,
            aligned=one.aligned or (near and author is not None and aligned(one.domain, author.domain)),
        )

    return replace(
        proof,
        spf=hoped(proof.spf),
        signatures=tuple(map(hoped, proof.signatures)),
        dmarc=replace(proof.dmarc, result=Result.NONE, policy="") if near else proof.dmarc,
        arc=replace(proof.arc, result=Result.PASS) if proof.arc.result is Result.TEMPERROR else proof.arc,
    )


class Proved:
    """One mail, by what is known of it."""

    def __init__(self, facts: Facts, known: Known, rules: Rules, now: datetime, otherwise: int | None = None) -> None:
        """`otherwise`: staff.id to go by when the author is none of us."""
        author = facts.heading.author
        assert author is not None  # noqa: S101  for the type checker: `admit` has looked
        self.facts, self.known, self.rules, self.now = facts, known, rules, now
        self.author = author
        found = self.person(author)
        self.staff = found if found is not None else otherwise
        self.upstream = rules.upstream(facts.client, facts.certificates)
        self.personal = tuple(owner for owner in facts.owners if self.is_here(owner))

    # -- who is who --------------------------------------------------------------------------------

    def is_here(self, person: int) -> bool:
        """Has that person not left?"""
        left = self.known.left.get(person)
        return left is None or left > self.now

    def person(self, address: Address | None) -> int | None:
        """The person of ours with that address, who has not left.

        Plus tags are cut off only in our own domains: elsewhere `ann+x@` may be somebody else's mailbox.
        """
        directory = self.known.directory
        if address is None:
            return None
        found = directory.staff.get(address.key)
        if found is None and address.domain in directory.domains:
            found = directory.staff_id(address)
        return found if found is not None and self.is_here(found) else None

    def ours(self) -> bool:
        """Is the author one of us, or writes as one: from a domain of ours, or from below one?"""
        domain = f".{self.author.domain}"
        return self.staff is not None or any(domain.endswith(f".{one}") for one in self.known.directory.domains)

    # -- what is proved ----------------------------------------------------------------------------

    def fresh(self, moment: datetime | None) -> bool:
        """Is a signature of that time new enough? Personal addresses are secrets, so a replay gains nothing there."""
        return bool(self.personal) or (moment is not None and -AHEAD <= self.now - moment <= FRESH)

    def signed(self, *, old: bool = False) -> bool:
        """Does a signature of the author's organisation hold?"""
        return self.facts.heading.proper and any(
            one.result is Result.PASS and one.aligned and (old or self.fresh(one.signed_at))
            for one in self.facts.proof.signatures
        )

    def sent(self) -> bool:
        """Did a host of the author's organisation send it? Of an upstream's mail that cannot be seen from here."""
        spf = self.facts.proof.spf
        return (
            self.upstream is None
            and self.facts.reverse_path is not None
            and spf.result is Result.PASS
            and spf.domain == self.facts.reverse_path.domain
            and spf.aligned
        )

    def proved(self, *, old: bool = False) -> bool:
        """Does the author's organisation vouch for the message?"""
        return self.signed(old=old) or self.sent()

    def said(self, passed: Iterable[tuple[str, str]], *methods: str) -> bool:
        """Do another server's results prove the author's domain?"""
        author = self.author.domain
        return any(
            method in methods and (domain == author if method == "dmarc" else aligned(domain, author))
            for method, domain in passed
        )

    def vouched(self) -> tuple[tuple[str, str], ...]:
        """What passed by the word of the upstream that handed it in."""
        found, said = self.upstream, self.facts.proof.said
        if found is None or not found.authserv_id or not found.is_sure(self.facts.certificates):
            return ()
        return said.passed if said.authserv_id.lower() == found.authserv_id.lower() else ()

    def sealed(self) -> bool:
        """Does a listed sealer say that the author's domain was proved when it had the message?"""
        arc, heading = self.facts.proof.arc, self.facts.heading
        return (
            heading.proper
            and arc.result is Result.PASS
            and arc.sealer in self.rules.arc_sealers
            and self.fresh(arc.sealed_at)
            and self.said(arc.passed, "dkim", "dmarc")
        )

    def rejected(self) -> bool:
        """Does a domain of ours, or of a person of ours, want mail refused that it has not proved?"""
        dmarc = self.facts.proof.dmarc
        asked = dmarc.policy == "reject" and dmarc.result is not Result.PASS
        return asked and self.ours() and not self.proved(old=True)

    def is_personal(self, address: Address) -> bool:
        """Is it somebody's personal capture address?"""
        found = self.known.directory.capture_address(address)
        return found is not None and any(one.kind == "me" for one in tag.read(found[1]))
