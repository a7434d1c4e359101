"""Judging: mail from those without full trust, at the end of its data.

What can be known is gathered at once: from DNS by `relay.proof`, of our people from relay.db. What follows from it is
`relay.attribution.admission`'s to decide. Nothing is taken on a guess: what cannot be told now is a 451.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import datetime

from relay import sqlite
from relay.attribution import admission
from relay.attribution.admission import Facts, Known
from relay.capture.judge import Handed, Judged
from relay.capture.server import rules
from relay.config.settings import Settings
from relay.daemon.derived import directory
from relay.daemon.knowledge import Knowledge
from relay.log import log
from relay.mail import heading, reply, trace
from relay.mail.canonical import split
from relay.mail.heading import Heading
from relay.mail.origin import Origin
from relay.mail.proof import Proof, Trust
from relay.proof.gathering import Asked, Gatherer
from relay.proof.resolver import Resolver
from relay.store import senders
from relay.store.logins import Logins

MARGIN = 60.0
"""Seconds beyond [dns] timeout: a look into the database, and hashing a large body, half a second for 25 MB, one
message after the other. Clients wait ten minutes for this reply (RFC 5321 §4.5.3.2.6)."""

ONE_TRACE = 1
"""Received fields with our own name that may be honest: a server before us may have it too. We add none ourselves."""

NOT_PROVED = "not-proved"
"""Defect: nothing proves who wrote the mail; it came to a personal address."""


class Judging:
    """The judge of all sessions, from one configuration to the next."""

    def __init__(self, settings: Settings, knowledge: Knowledge, logins: Logins) -> None:
        self._knowledge = knowledge
        self._logins = logins
        self._dns = settings.dns
        self._resolver = Resolver(self._dns.servers, lifetime=self._dns.timeout)
        self.faults: Counter[str] = Counter()
        """Mails of which DNS did not answer everything: 'put-off' where that decided, 'no-matter' where it did not."""
        self.adopt(settings)

    def adopt(self, settings: Settings) -> None:
        """Go by these settings from now on. What DNS has answered stays known while the same resolvers are asked."""
        dns = settings.dns
        if dns != self._dns:
            self._dns, self._resolver = dns, Resolver(dns.servers, lifetime=dns.timeout)
        self._gatherer = Gatherer(self._resolver, dns.timeout)
        self._rules = rules(settings.admission)
        self._hostname = settings.capture.hostname
        self._directory = directory(settings)
        self.deadline = dns.timeout + MARGIN

    async def owners(self, tokens: tuple[str, ...], now: datetime) -> tuple[int, ...]:
        """staff.id of those whose personal addresses these are now. Raises CannotTell."""

        def whose(db: sqlite.Connection) -> tuple[int, ...]:
            self._knowledge.people(db)  # who knows nobody knows no addresses of theirs either
            found = self._logins.owners(db, now)
            return tuple(dict.fromkeys(found[token] for token in tokens if token in found))

        return await self._knowledge.ask(whose)

    async def decide(self, handed: Handed) -> Judged:
        """May it be kept? Raises CannotTell."""
        head = heading.read(handed.content)
        decision = admission.malformed(head) or self._loop(handed, head)
        if decision is not None:
            return Judged(decision.reason, refusal=decision.refusal)
        upstream = self._rules.upstream(handed.client.address, handed.certificates)
        asked = Asked(
            handed.client.address,
            handed.client.name,
            handed.reverse_path,
            handed.content,
            head,
            upstream is not None,
            "" if upstream is None else upstream.authserv_id,
        )
        gathering = asyncio.get_running_loop().create_task(self._gatherer.gather(asked, handed.received_at))
        try:
            known, party, ended = await self._knowledge.ask(lambda db: self._known(db, handed, head))
            if ended:
                return Judged("login-ended", refusal=reply.LOGIN_ENDED)
            proof = await gathering
        finally:
            gathering.cancel()
        facts = Facts(
            client=handed.client.address,
            heading=head,
            proof=proof,
            reverse_path=handed.reverse_path,
            account=None if handed.login is None else handed.login.staff,
            certificates=handed.certificates,
            owners=handed.owners,
            party=party,
        )
        decision = admission.admit(facts, known, self._rules, handed.received_at)
        if proof.faults:
            self._tell_faults(handed, proof, decided=decision.reason == "dns-no-answer")
        if decision.refusal is not None:
            return Judged(decision.reason, refusal=decision.refusal)
        trust = decision.trust or Trust.ADDRESS_ONLY
        defects = decision.defects + ((NOT_PROVED,) if trust is Trust.ADDRESS_ONLY else ())
        return Judged(decision.reason, Origin(trust, decision.also, decision.staff, proof, defects))

    def _known(self, db: sqlite.Connection, handed: Handed, head: Heading) -> tuple[Known, bool, bool]:
        """(our people, whether the author is on the conversation that the mail answers, whether the password with which
        the client logged in is none any more). In the thread.
        """
        people = self._knowledge.people(db)
        whole = replace(self._directory, staff=people.addresses)
        author = head.author
        party = False
        if author is not None and any(whole.is_capture(one) for one in head.recipients):
            # Asked of our own people, too, of whom it decides nothing: else the time would tell who works here.
            answers = senders.is_party(db, trace.answered(handed.content[: head.octets]), author)
            party = answers and whole.staff_id(author) is None
        ended = handed.login is not None and not self._logins.holds(db, *handed.login)
        return Known(whole, people.left), party, ended

    def _loop(self, handed: Handed, head: Heading) -> admission.Decision | None:
        """Was the mail here before? An upstream of ours may have our name, and filters that hand mail back to it."""
        if not head.received or self._rules.upstream(handed.client.address) is not None:
            return None
        fields, _ = split(handed.content, heading.LONGEST)
        here = trace.times_here(fields, self._hostname)
        return admission.Decision("loop", reply.TOO_MANY_HOPS) if here > ONE_TRACE else None

    def _tell_faults(self, handed: Handed, proof: Proof, *, decided: bool) -> None:
        """DNS did not answer all that was asked; told where it decided. No names: strangers choose them."""
        self.faults["put-off" if decided else "no-matter"] += 1
        what = ",".join(dict.fromkeys(fault.partition(" ")[0] for fault in proof.faults))
        if decided:
            log().info("dns.no_answer", what=what, session=handed.session, client=handed.client.address)
