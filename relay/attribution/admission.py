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

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from relay.attribution.directory import Directory
from relay.attribution.proved import Facts, Known, Networks, Proved, Rules, Upstream, hopeful, host, within
from relay.mail import reply
from relay.mail.address import Address
from relay.mail.dmarc import aligned
from relay.mail.heading import LONGEST, MOST_FIELDS, MOST_RECEIVED, Heading
from relay.mail.proof import Result, Trust
from relay.mail.reply import Reply

__all__ = ["Decision", "Facts", "Known", "Rules", "Upstream", "admit", "client", "host", "malformed", "recipient"]

CAPTURE_VISIBLE = "capture-address-visible"
PERSONAL_VISIBLE = "personal-address-visible"
"""Defects: a capture address stands where customers read it. One that is personal is no secret any more."""

SOMEBODY = 0
"""In place of a staff.id: whoever the author may be."""


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


def client(address: str, networks: Networks) -> Decision:
    """Is the host with this IP address trusted with everything, or may nothing be taken from it unseen?"""
    found = host(address)
    return BY_NETWORK if found is not None and within(found, networks) else NOT_ADMITTED


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
    hoped = replace(facts, proof=hopeful(facts), party=facts.party is not False)
    if _Case(hoped, known, rules, now).decide() is not None:
        return Decision("dns-no-answer", reply.DNS_NO_ANSWER)
    # The same for whom we do not know: else who can make DNS fail could ask us whether somebody works here.
    anybody, hoped_for = (_Case(each, known, rules, now, SOMEBODY).decide() for each in (facts, hoped))
    if anybody is None and hoped_for is not None:
        return Decision("dns-no-answer", reply.DNS_NO_ANSWER)
    return case.refuse()


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


class _Case(Proved):
    """One mail and the rules. Each rule gives the decision with which it admits, or None."""

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

    def leaked(self) -> tuple[str, ...]:
        """Is a personal address seen where others read it? By a customer, or beside one."""
        heading, directory = self.facts.heading, self.known.directory
        if not any(self.is_personal(one) for one in heading.recipients):
            return ()
        others = [one for one in heading.recipients if not directory.is_capture(one) and not directory.is_ours(one)]
        return (PERSONAL_VISIBLE,) if others or self.staff is None else ()

    # -- the rules, in their order -----------------------------------------------------------------

    def auth(self) -> Decision | None:
        """Who logged in is the author. Who only sends it on has a personal address for that: a login is to write as
        oneself.
        """
        account = self.facts.account
        if account is None or self.staff != account or not self.is_here(account):
            return None
        return Decision("auth", trust=Trust.PROVED, staff=account)

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
        proved = self.proved()
        if dmarc.result is Result.TEMPERROR and self.ours():
            return None  # the domain may want it refused
        return Decision(
            "personal-address",
            trust=Trust.PROVED if proved else Trust.ADDRESS_ONLY,
            staff=self.staff if proved and self.staff is not None else self.personal[0],
        )

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
