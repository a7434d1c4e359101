"""DNS, asked: all that the judgements in `names` need, and who answers at the address that it tells."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Awaitable, Callable, Sequence

from relay.doctor import dialogue, door, names, zone
from relay.doctor.certificate import Shown
from relay.doctor.dialogue import Met
from relay.doctor.finding import Finding, ok, warning
from relay.doctor.patient import Patient
from relay.mail import dmarc as dmarc_records
from relay.proof.resolver import Answer, Resolver

FETCH = 5.0
"""Seconds for the policy of MTA-STS; RFC 8461 §3.3 lets senders wait a minute."""

HURRIED = 0.25
"""Seconds for each question once no resolver has answered the first: a dozen times [dns] timeout is two minutes, and an
operator whose DNS is down waits for all the rest that can be said.
"""

POLICY = 64 * 1024
"""Octets of it that are read (RFC 8461 §3.3 suggests this limit)."""


async def examine(patient: Patient, here: Sequence[str], shown: Shown | None, met: list[Met]) -> list[Finding]:
    """All checks of names. `shown`: the certificate, as far as it could be read. `met`: is given whom we met."""
    settings = patient.settings
    hostname = settings.capture.hostname
    tried = [await _resolver(patient, server) for server in settings.dns.servers or ("",)]
    found = [told for told, _ in tried]
    patience = settings.dns.timeout if any(answers for _, answers in tried) else HURRIED
    resolver = Resolver(settings.dns.servers, lifetime=patience)
    ask = resolver.ask
    own = [await ask(hostname, kind) for kind in ("A", "AAAA")]
    found.append(names.addresses(hostname, own, here, passed_on=patient.passed_on))
    listed = [record for answer in own for record in answer.records]
    found += [names.reverse(each, hostname, await resolver.host_name(each)) for each in listed[:4]]
    for domain in zone.domains_of(settings.capture.addresses):
        found += await _names_of(patient, domain, ask)
    for address in listed[:4]:
        each = await asyncio.to_thread(dialogue.meet, address, 25, hostname)
        met.append(each)
        found.append(door.reached(each, hostname, passed_on=patient.passed_on))
        if each.tls:
            why = await asyncio.to_thread(dialogue.distrust, each, address, 25, hostname)
            found.append(_verified(each, why))
    signed = any([(await ask(each, "DS")).records for each in _above(hostname)])
    keys, whole = (shown.keys, shown.whole) if shown else ((), ())
    told = names.tlsa(hostname, await ask(f"_25._tcp.{hostname}", "TLSA"), keys, whole, signed=signed)
    return [*found, told] if told else found


def _above(hostname: str) -> list[str]:
    """The names that may be the beginning of its zone, but for the top."""
    labels = hostname.split(".")
    return [".".join(labels[at:]) for at in range(len(labels) - 1)]


def _verified(met: Met, why: str) -> Finding:
    if not why:
        return ok("chain", f"a client that verifies takes the certificate of {met.place}")
    return warning("chain", f"a client that verifies does not take the certificate of {met.place}: {why}",
                   "put the whole chain behind the certificate (fullchain.pem)")  # fmt: skip


async def _resolver(patient: Patient, server: str) -> tuple[Finding, bool]:
    """(what is said of it, whether it answers)."""
    began = time.monotonic()
    try:
        resolver = Resolver((server,) if server else (), lifetime=patient.settings.dns.timeout)
        answer = await resolver.ask(patient.settings.capture.hostname, "A")
    except Exception as problem:  # noqa: BLE001  a system without any: dnspython has several ways to say so
        answer = Answer(fault=str(problem) or type(problem).__name__)
    took = time.monotonic() - began
    told = names.resolver(server or "of the system", answer, took, patient.settings.dns.timeout)
    return told, not answer.fault


async def _names_of(patient: Patient, domain: str, ask: Callable[[str, str], Awaitable[Answer]]) -> list[Finding]:
    """The capture domain."""
    hostname, ours = patient.settings.capture.hostname, domain in patient.ours
    day = f"{patient.now:%Y%m%d}"
    records = await ask(f"_mta-sts.{domain}", "TXT")
    policy, why = None, "the record is not there"
    if records.records:
        policy, why = await asyncio.to_thread(_policy, domain)
    dmarc = [(name, await ask(name, "TXT")) for name in dmarc_records.names(domain)]
    return [
        names.mx(domain, hostname, await ask(domain, "MX"), passed_on=patient.passed_on, ours=ours),
        names.spf(domain, await ask(domain, "TXT"), ours=ours),
        names.dmarc(domain, dmarc, ours=ours),
        *names.mta_sts(domain, hostname, records, policy, why, day),
        names.tls_reports(domain, await ask(f"_smtp._tls.{domain}", "TXT")),
    ]


def _policy(domain: str) -> tuple[str | None, str]:
    """(text of the policy, ''), or (None, why not). No redirection is followed (RFC 8461 §3.3)."""
    asked = http.client.HTTPSConnection(f"mta-sts.{domain}", timeout=FETCH)
    try:
        asked.request("GET", "/.well-known/mta-sts.txt", headers={"User-Agent": "bcc-relay doctor"})
        answer = asked.getresponse()
        if answer.status != 200:
            return None, f"https://mta-sts.{domain} answers {answer.status}"
        return answer.read(POLICY).decode("utf-8", "replace"), ""
    except (OSError, http.client.HTTPException) as problem:
        return None, f"https://mta-sts.{domain}: {problem}"
    finally:
        asked.close()


async def published(patient: Patient, domains: Sequence[str]) -> dict[str, bool]:
    """Domain -> does it publish SPF or DMARC? Only of those that DNS answered for."""
    resolver = Resolver(patient.settings.dns.servers, lifetime=patient.settings.dns.timeout)

    async def one(domain: str) -> tuple[str, bool | None]:
        answers = await asyncio.gather(*(resolver.ask(name, "TXT") for name in (domain, *dmarc_records.names(domain))))
        texts = [text.lower() for answer in answers for text in answer.records]
        if any(text.startswith(("v=spf1", "v=dmarc1")) for text in texts):
            return domain, True
        return domain, None if any(answer.fault for answer in answers) else False

    found = await asyncio.gather(*map(one, domains))
    return {domain: published for domain, published in found if published is not None}
