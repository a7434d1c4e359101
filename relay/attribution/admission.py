"""Admission: may this client hand in this mail, and is that recipient a capture address?

Pure: everything is an argument, and the answer is a decision with the name of its reason, which is logged and stored
(`envelope.admitted_by`). Asked three times:

* at connect, `client`: full trust, or `TO_BE_PROVED`, which may go on but must prove itself;
* at RCPT, `recipient`;
* at the end of data, only of who has no full trust, `admit(facts, known, rules, now)`: the rules in their order, and
  the first that holds admits. None may be left out for speed: the same is asked of DNS whoever the author is, so that
  neither a reply nor its delay tells a stranger who works here.

A DNS that does not answer decides nothing. If the answer could have admitted the mail, the sender is told to try again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from relay.attribution import tag
from relay.attribution.directory import Directory
from relay.mail import reply
from relay.mail.address import Address
from relay.mail.dmarc import aligned
from relay.mail.heading import LONGEST, MOST_FIELDS, MOST_RECEIVED, Heading
from relay.mail.proof import Proof, Result, Trust
from relay.mail.reply import Reply

FRESH = timedelta(days=7)
"""Age of a signature up to which it counts for a shared capture address: whoever has a signed mail can send it again,
and mail servers give up after five days."""

AHEAD = timedelta(days=1)
"""How far the time of a signature may lie in the future: a clock may be wrong, but not make a signature eternal."""

CAPTURE_VISIBLE = "capture-address-visible"
PERSONAL_VISIBLE = "personal-address-visible"

Networks = Iterable[IPv4Network | IPv6Network]


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason`: the rule that held, or why none did. `refusal`: what to answer, None when admitted.

    The rest is told only of admitted mail. `trust`: what its origin is worth. `also`: further rules that hold.
    `staff`: staff.id of who handed it in, None where that is not known (a customer who answered to all, full trust).
    `defects`: what is to be noted on the message.
    """

    reason: str
    refusal: Reply | None = None
    trust: Trust | None = None
    also: tuple[str, ...] = ()
    staff: int | None = None
    defects: tuple[str, ...] = ()

    @property
    def admitted(self) -> bool:
        return self.refusal is None


BY_NETWORK = Decision("network", trust=Trust.VOUCHED)
BY_LMTP = Decision("lmtp", trust=Trust.VOUCHED)  # whoever may open the socket; the rights on it are the admission
BY_DELIVER = Decision("deliver", trust=Trust.VOUCHED)  # `bcc-relay deliver` by a user who may write the vault
BY_IMPORT = Decision("import", trust=Trust.VOUCHED)  # `bcc-relay import` by such a user: old mail out of mailboxes
FULL_TRUST = frozenset({BY_NETWORK.reason, BY_LMTP.reason, BY_DELIVER.reason, BY_IMPORT.reason})
"""Rules whose clients are believed in all they say: their operator trusts them with every timeline."""

TO_BE_PROVED = Decision("to-be-proved")
"""The client may say MAIL, RCPT and DATA; then the mail must prove itself."""
NOT_ADMITTED = Decision("client-not-admitted", reply.CLIENT_NOT_ADMITTED)
CAPTURE_ADDRESS = Decision("capture-address")
NO_CAPTURE_ADDRESS = Decision("no-capture-address", reply.NO_CAPTURE_ADDRESS)


@dataclass(frozen=True, slots=True)
class Upstream:
    """An MTA of ours that takes mail from the internet: only what it says it proved is believed.

    `authserv_id`: '' proves nothing. `certificate`: a name that its TLS client certificate must have, '' for none.
    """

    networks: tuple[IPv4Network | IPv6Network, ...]
    authserv_id: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings of [admission]. `arc_sealers`: domains, lower-case A-labels."""

    upstreams: tuple[Upstream, ...] = ()
    arc_sealers: frozenset[str] = frozenset()

    def upstream(self, address: str) -> Upstream | None:
        """The upstream that connects from that IP address, whatever its certificate."""
        found = host(address)
        return None if found is None else next((one for one in self.upstreams if _within(found, one.networks)), None)


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


def client(address: str, networks: Networks) -> Decision:
    """Is the host with this IP address trusted with everything, or may nothing be taken from it unseen?"""
    found = host(address)
    return BY_NETWORK if found is not None and _within(found, networks) else NOT_ADMITTED


def recipient(forward_path: Address, directory: Directory) -> Decision:
    """Is the recipient a capture address, with or without a tag?"""
    return CAPTURE_ADDRESS if directory.is_capture(forward_path) else NO_CAPTURE_ADDRESS


def admit(facts: Facts, known: Known, rules: Rules, now: datetime) -> Decision:
    """May a mail be taken from a client without full trust? `now`: an aware time."""
    broken = malformed(facts.heading)
    if broken is not None:
        return broken
    case = _Case(facts, known, rules, now)
    decision = case.decide()
    if decision is not None:
        return decision
    if facts.party is None and _Case(replace(facts, party=True), known, rules, now).decide() is not None:
        return Decision("thread-unknown", reply.LATER)
    hopeful = replace(facts, proof=_hopeful(facts.proof), party=facts.party is not False)
    if _Case(hopeful, known, rules, now).decide() is not None:
        return Decision("dns-no-answer", reply.DNS_NO_ANSWER)
    return case.refuse()


def _within(address: IPv4Address | IPv6Address, networks: Networks) -> bool:
    return any(address in network for network in networks)


def malformed(heading: Heading) -> Decision | None:
    """The refusal of what no proof can mend, None when there is something to be proved. Ask it before DNS."""
    if heading.octets > LONGEST + 4 or heading.fields > MOST_FIELDS:
        return Decision("header-too-long", reply.HEADER_TOO_LONG)
    if heading.received > MOST_RECEIVED:
        return Decision("loop", reply.TOO_MANY_HOPS)
    if heading.from_fields == 0 or not heading.authors:
        return Decision("no-author", reply.NO_AUTHOR)
    if heading.author is None:
        return Decision("several-authors", reply.SEVERAL_AUTHORS)
    return None


def _hopeful(proof: Proof) -> Proof:
    """The proof as it would be if DNS, where it did not answer, had answered to the sender's advantage."""
    trouble = Result.TEMPERROR
    return replace(
        proof,
        spf=replace(proof.spf, result=Result.PASS) if proof.spf.result is trouble else proof.spf,
        signatures=tuple(
            replace(one, result=Result.PASS) if one.result is trouble else one for one in proof.signatures
        ),
        dmarc=replace(proof.dmarc, result=Result.NONE, policy="") if proof.dmarc.result is trouble else proof.dmarc,
        arc=replace(proof.arc, result=Result.PASS) if proof.arc.result is trouble else proof.arc,
    )


class _Case:
    """One mail and the rules. Each rule gives the decision with which it admits, or None."""

    def __init__(self, facts: Facts, known: Known, rules: Rules, now: datetime) -> None:
        author = facts.heading.author
        assert author is not None  # noqa: S101  for the type checker: `admit` has looked
        self.facts, self.known, self.rules, self.now = facts, known, rules, now
        self.author = author
        self.staff = self.person(author)
        self.upstream = rules.upstream(facts.client)
        self.personal = tuple(owner for owner in facts.owners if self.is_here(owner))

    def decide(self) -> Decision | None:
        """The first rule that holds, and the names of the others."""
        holding = [found for rule in _RULES if (found := rule(self)) is not None]
        if not holding:
            return None
        first, *others = holding
        return replace(
            first,
            also=tuple(dict.fromkeys(each.reason for each in others)),
            defects=(*first.defects, *self.leaked()),
        )

    def refuse(self) -> Decision:
        """Why no rule holds, in words that tell nobody who works here unless the author's domain is our own."""
        if self.facts.account is not None:
            return Decision("not-the-account", reply.NOT_THE_ACCOUNT)
        if self.personal and self.rejected():
            return Decision("dmarc-reject", reply.DMARC_REJECT)
        if self.author.domain not in self.known.directory.domains:
            return Decision("not-proved", reply.NOT_PROVED)
        if self.proved():
            return Decision("not-registered", reply.NOT_REGISTERED)
        if self.proved(old=True):
            return Decision("signature-old", reply.SIGNATURE_OLD)
        return Decision("not-proved", reply.not_proved(self.author.domain))

    # -- who is who --------------------------------------------------------------------------------

    def is_here(self, person: int) -> bool:
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
        if found is None or not found.authserv_id or said.authserv_id.lower() != found.authserv_id.lower():
            return ()
        if found.certificate and found.certificate.lower() not in self.facts.certificates:
            return ()
        return said.passed

    def sealed(self) -> bool:
        """Does a listed sealer say that the author's domain was proved when it had the message?"""
        arc, heading = self.facts.proof.arc, self.facts.heading
        return (
            heading.proper
            and arc.result is Result.PASS
            and arc.sealer in self.rules.arc_sealers
            and self.fresh(arc.sealed_at or heading.date)
            and self.said(arc.passed, "dkim", "dmarc")
        )

    def rejected(self) -> bool:
        """Does a domain of ours, or of a person of ours, want mail refused that it has not proved?"""
        dmarc = self.facts.proof.dmarc
        ours = self.staff is not None or self.author.domain in self.known.directory.domains
        return ours and dmarc.result is not Result.PASS and dmarc.policy == "reject" and not self.proved(old=True)

    def leaked(self) -> tuple[str, ...]:
        """Is a personal address seen where others read it? By a customer, or beside one."""
        heading, directory = self.facts.heading, self.known.directory
        if not any(self.is_personal(one) for one in heading.recipients):
            return ()
        others = [one for one in heading.recipients if not directory.is_capture(one) and not directory.is_ours(one)]
        return (PERSONAL_VISIBLE,) if others or self.staff is None else ()

    def is_personal(self, address: Address) -> bool:
        found = self.known.directory.capture_address(address)
        return found is not None and any(one.kind == "me" for one in tag.read(found[1]))

    # -- the rules, in their order -----------------------------------------------------------------

    def auth(self) -> Decision | None:
        """Who logged in is the author, or sends it on (RFC 5322 §3.6.6)."""
        account, resent = self.facts.account, self.facts.heading.resent_from
        if account is None or not self.is_here(account):
            return None
        if self.staff == account:
            return Decision("auth", trust=Trust.PROVED, staff=account)
        if len(resent) == 1 and self.person(resent[0]) == account:
            return Decision("auth", trust=Trust.VOUCHED, staff=account)
        return None

    def by_upstream(self) -> Decision | None:
        """An upstream of ours proved the author; of mail that was sent on, who sent it on as well."""
        passed = self.vouched()
        if not self.said(passed, "dkim", "dmarc", "spf"):
            return None
        if self.staff is not None:
            return Decision("upstream", trust=Trust.VOUCHED, staff=self.staff)
        reverse = self.facts.reverse_path
        by = self.person(reverse)
        if reverse is None or by is None or ("spf", reverse.domain) not in passed:
            return None
        return Decision("upstream", trust=Trust.VOUCHED, staff=by) if self.said(passed, "dkim", "dmarc") else None

    def dkim(self) -> Decision | None:
        if self.staff is None or not self.signed():
            return None
        return Decision("dkim", trust=Trust.PROVED, staff=self.staff)

    def spf(self) -> Decision | None:
        if self.staff is None or not self.sent():
            return None
        return Decision("spf", trust=Trust.PROVED, staff=self.staff)

    def arc(self) -> Decision | None:
        """A listed sealer had it from the author; of a customer's mail, we must know that one of us sent it on."""
        if not self.sealed():
            return None
        if self.staff is not None:
            return Decision("arc", trust=Trust.VOUCHED, staff=self.staff)
        reverse, proof = self.facts.reverse_path, self.facts.proof
        by = self.person(reverse)
        sent = (
            self.upstream is None
            and reverse is not None
            and proof.spf.result is Result.PASS
            and proof.spf.domain == reverse.domain
        )
        if by is not None and sent:
            return Decision("arc", trust=Trust.VOUCHED, staff=by)
        if any(aligned(proof.arc.sealer, domain) for domain in self.known.directory.domains):
            return Decision("arc", trust=Trust.VOUCHED, staff=by)
        return None

    def personal_address(self) -> Decision | None:
        if not self.personal or self.rejected():
            return None
        dmarc = self.facts.proof.dmarc
        trust = Trust.PROVED if self.proved() else Trust.ADDRESS_ONLY
        if dmarc.result is Result.TEMPERROR and (
            self.staff is not None or self.author.domain in self.known.directory.domains
        ):
            return None  # the domain may want it refused
        return Decision("personal-address", trust=trust, staff=self.staff if self.proved() else self.personal[0])

    def known_thread(self) -> Decision | None:
        """A customer answers to all, and the capture address was in sight."""
        directory = self.known.directory
        if self.staff is not None or not self.facts.party or not self.proved():
            return None
        if not any(directory.is_capture(one) for one in self.facts.heading.recipients):
            return None
        return Decision("known-thread", trust=Trust.PROVED, defects=(CAPTURE_VISIBLE,))


_RULES: tuple[Callable[[_Case], Decision | None], ...] = (
    _Case.auth,
    _Case.by_upstream,
    _Case.dkim,
    _Case.spf,
    _Case.arc,
    _Case.personal_address,
    _Case.known_thread,
)
