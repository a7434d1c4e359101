"""The examination: facts gathered check by check, and judged, in the order in which a person puts things right.

Only looks, but for two mails: a forged one, that must be refused, and `hand_over` below, whose caller takes back what
it brought in.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from relay import __version__, sqlite
from relay.config.settings import Settings
from relay.doctor import certificate, dialogue, door, looking, machine, names, neighbour, people, zone
from relay.doctor.certificate import Shown
from relay.doctor.dialogue import Doors, Met
from relay.doctor.door import Way
from relay.doctor.finding import Finding, error, ok, unseen, warning
from relay.health import figures
from relay.health.report import report
from relay.mail import dmarc as dmarc_records
from relay.mail.envelope import VaultId
from relay.proof.resolver import Answer, Resolver
from relay.store import accounts, examined
from relay.store.connection import open_store
from relay.store.crm_setting import REMOTE
from relay.store.opening import StoreError

FETCH = 5.0
"""Seconds for the policy of MTA-STS; RFC 8461 §3.3 lets senders wait a minute."""

POLICY = 64 * 1024
"""Octets of it that are read (RFC 8461 §3.3 suggests this limit)."""

DOMAINS = 50
"""Domains of our people that are asked for."""

UPSTREAMS = 5
"""Servers whose results are forged."""

FILED = 20.0
"""Seconds in which the test mail must have been filed: a filer without a backlog takes a tenth of one."""

CREDENTIAL = Path("/etc/credstore/bcc-relay.tls.certificate")
"""Where docs/operating.md puts the certificate for systemd; root's."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined. `file`: the configuration. `network`: other hosts may be asked."""

    settings: Settings
    file: Path | None
    now: datetime
    network: bool

    @property
    def passed_on(self) -> bool:
        """Another mail server of ours may hand mail in, so that nothing need come here by itself."""
        admission = self.settings.admission
        far = any(not network.is_loopback for network in admission.networks)
        return bool(far or admission.upstream or self.settings.capture.lmtp)

    @property
    def ours(self) -> frozenset[str]:
        return frozenset(self.settings.company.domains)


@dataclass(frozen=True, slots=True)
class Rooted:
    """What only root may see, looked at before the command goes on as the data's owner."""

    shown: Shown | None
    findings: tuple[Finding, ...]
    postfix: neighbour.Postfix | None


def as_root(patient: Patient) -> Rooted:
    """The certificate's files and the Postfix beside us."""
    tls, found, shown = patient.settings.tls, [], None
    path = tls.certificate
    with contextlib.suppress(OSError):
        path = path or (CREDENTIAL if CREDENTIAL.exists() else None)
    key = tls.key or (CREDENTIAL.with_name("bcc-relay.tls.key") if path == CREDENTIAL else None)
    if path is not None:
        try:
            shown = certificate.read_pem(path.read_bytes())
        except (OSError, ValueError) as problem:
            found.append(error("certificate", f"{path}: {_said(problem)}", "bcc-relay config check"))
        else:
            found += certificate.judge(shown, patient.settings.capture.hostname, patient.now, str(path))
    if key is not None:
        try:
            mode, octets = key.stat().st_mode, key.read_bytes()
            fits = certificate.key_fits(octets, shown) if shown else None
            found.append(certificate.key(str(key), mode, fits=fits))
        except PermissionError:
            found.append(unseen("key", f"{key}: no right to read it", "sudo bcc-relay doctor"))
        except (OSError, ValueError) as problem:
            found.append(error("key", f"{key}: {_said(problem)}", "bcc-relay config check"))
    return Rooted(shown, tuple(found), neighbour.ask(patient.settings.capture.addresses))


def _said(problem: Exception) -> str:
    return problem.strerror or str(problem) if isinstance(problem, OSError) else str(problem).partition("\n")[0]


def examine(patient: Patient, rooted: Rooted) -> Iterator[Finding]:
    """All checks but the mail through the front door (`hand_over`)."""
    settings = patient.settings
    here = looking.interface_addresses()
    running = figures.read(settings.store.path.parent, patient.now.timestamp())
    yield from _running(patient)
    yield machine.versions(__version__, [each.version for each in running])
    yield from front_door(patient, here)
    met: list[Met] = []
    if patient.network:
        yield from asyncio.run(_names(patient, here, rooted, met))
    else:
        yield unseen("dns", "nothing was asked of DNS or of other hosts (--no-network)")
    yield from rooted.findings
    presented = next((each.certificate for each in met if each.certificate), b"")
    if not rooted.findings and presented:
        with contextlib.suppress(ValueError):
            shown = certificate.read_der(presented)
            yield from certificate.judge(shown, settings.capture.hostname, patient.now, "the certificate that is shown")
    yield from _machine(patient)
    if rooted.postfix is not None:
        yield from _neighbour(patient, rooted.postfix)
    yield from _people(patient)


def doors(patient: Patient) -> Doors:
    """Where the running daemon listens; where none tells, what the configuration says."""
    settings = patient.settings
    running = figures.read(settings.store.path.parent, patient.now.timestamp())
    told = [place for each in running for place in each.places]
    if not told:
        told = [str(each) for each in settings.capture.listen if each.port]
        told += [f"tls:{each}" for each in settings.capture.listen_tls if each.port]
    return dialogue.doors(told)


def _running(patient: Patient) -> Iterator[Finding]:
    found = report(patient.settings, patient.now)
    judge = {"critical": error, "warning": warning}.get(found["level"], unseen)
    for problem in found["problems"]:
        yield judge("running", problem, "bcc-relay status")
    if not found["problems"]:
        yield ok("running", "mail is accepted and filed")


def front_door(patient: Patient, here: Sequence[str]) -> Iterator[Finding]:
    """What is heard at the door by a stranger and by a forger, who come from this machine."""
    admission, hostname = patient.settings.admission, patient.settings.capture.hostname
    upstream = [network for each in admission.upstream for network in each.networks]
    yield from door.trust(admission.networks, upstream, here)
    ways = door.ways(doors(patient), here, (*admission.networks, *upstream))
    if not ways:
        yield unseen("greeting", "no daemon tells where it listens, so nobody was spoken to", "bcc-relay status")
        return
    met = dialogue.meet(ways[0].host, ways[0].port, hostname, source=ways[0].source)
    if met.trouble:
        yield error("greeting", f"{met.place} does not answer: {met.trouble}", "systemctl status bcc-relay")
        return
    yield door.greeting(met, hostname)
    yield door.starttls(met, configured=patient.settings.tls.certificate is not None)
    yield door.relaying(met.place, met.foreign)
    stranger = next((way for way in ways if not door.trusted(way, (*admission.networks, *upstream))), None)
    if stranger is None:
        yield unseen("forged", "every address of this machine has full trust, so no stranger could be played")
        return
    if not door.trusted(ways[0], admission.networks):
        yield from _forge(patient, stranger)
        return
    met = dialogue.meet(stranger.host, stranger.port, hostname, source=stranger.source)
    yield door.relaying(f"{met.place}, to a stranger,", met.foreign or f"000 {met.trouble}")
    yield from _forge(patient, stranger)


def _forge(patient: Patient, way: Way) -> Iterator[Finding]:
    """Mail that pretends to be of ours, bare, and with what each upstream of ours would say above it."""
    settings = patient.settings
    author, recipient = _of_ours(patient), settings.capture.addresses[0]
    domain = author.rpartition("@")[2]
    results = {"": "a forged mail of ours"}
    for each in settings.admission.upstream[:UPSTREAMS]:
        if each.authserv_id:
            forged = f"{each.authserv_id}; dkim=pass header.d={domain}; dmarc=pass header.from={domain}"
            results[forged] = f"a mail with forged results of {each.authserv_id}"
    for written, what in results.items():
        content = door.message(author, f"customer@{dialogue.NAME}", _token(patient), patient.now, written)
        reply = dialogue.hand_in(way.host, way.port, content, f"forger@{dialogue.NAME}", recipient, source=way.source)
        yield door.forged(f"{way.host}:{way.port}", reply, what)


def _of_ours(patient: Patient) -> str:
    """An address that counts as one of us: a colleague's, else one of our domains."""
    with contextlib.suppress(StoreError, sqlite.Error), _store(patient) as db:
        for _, _, address in examined.our_people(db):
            return address
    return f"doctor@{_domain(patient)}"


def _domain(patient: Patient) -> str:
    settings = patient.settings
    return next(iter(settings.company.domains), "") or settings.capture.addresses[0].rpartition("@")[2]


def _token(patient: Patient) -> str:
    return f"{int(patient.now.timestamp() * 1000):x}"


def _store(patient: Patient) -> contextlib.closing[sqlite.Connection]:
    return contextlib.closing(open_store(patient.settings.store.path, read_only=True, timeout=2.0))


# -- a mail through the front door -------------------------------------------------------------------


def hand_over(patient: Patient) -> tuple[str, Finding | None]:
    """A mail by a client with full trust. (its vault id, None), or ('', why there is none)."""
    settings = patient.settings
    networks = settings.admission.networks
    ways = door.ways(doors(patient), looking.interface_addresses(), networks)
    way = next((each for each in ways if door.trusted(each, networks)), None)
    if way is None:
        told = "no address of this machine may hand in mail, so none was sent through the front door"
        return "", unseen("front-door", told, "bcc-relay captured    # after a mail of your own to the capture address")
    domain = _domain(patient)
    content = door.message(f"doctor@{domain}", f"doctor-answer@{domain}", _token(patient), patient.now)
    reply = dialogue.hand_in(
        way.host, way.port, content, f"doctor@{domain}", settings.capture.addresses[0], source=way.source
    )
    vault_id = VaultId.read(reply.rpartition(" ")[2]) if reply.startswith("250") else None
    if vault_id is None:
        told = f"a mail from {way.source}, which has full trust, is not taken at {way.host}:{way.port}: {reply[:160]}"
        return "", error("front-door", told, "journalctl -u 'bcc-relay*' -n 20")
    return str(vault_id), None


def follow(patient: Patient, vault_id: str, began: float) -> tuple[list[int], Finding]:
    """Wait until it has its row. (ids of messages to take back, what to say). `began`: by time.monotonic."""
    wanted = VaultId.read(vault_id)
    end = time.monotonic() + FILED
    while wanted is not None and time.monotonic() < end:
        try:
            with _store(patient) as db:
                found = examined.outcome(db, wanted)
        except (StoreError, sqlite.Error) as problem:
            return [], unseen("front-door", f"accepted as {vault_id}; what became of it cannot be seen: {problem}")
        if found is not None:
            outcome, messages = found
            took = time.monotonic() - began
            told = f"a mail through the front door was accepted as {vault_id} and {outcome} after {took:.1f} s"
            if outcome == "filed" and messages:
                return messages, ok("front-door", f"{told}, as message {messages[0]}; taken back")
            if outcome == "dropped":
                return [], ok("front-door", f"{told}: never-log keeps no mail among ourselves")
            return messages, error("front-door", told, f"bcc-relay raw {vault_id}")
        time.sleep(0.05)
    told = f"a mail through the front door was accepted as {vault_id} and not filed within {FILED:g} s"
    return [], warning("front-door", told, f"bcc-relay status; later: bcc-relay forget {vault_id} --yes")


# -- names -----------------------------------------------------------------------------------------


async def _names(patient: Patient, here: Sequence[str], rooted: Rooted, met: list[Met]) -> list[Finding]:
    """Everything that DNS is asked. `met`: is given whom we met at the address that DNS tells."""
    settings = patient.settings
    hostname = settings.capture.hostname
    found = [await _resolver(patient, server) for server in settings.dns.servers or ("",)]
    ask = Resolver(settings.dns.servers, lifetime=settings.dns.timeout).ask
    own = [await ask(hostname, kind) for kind in ("A", "AAAA")]
    found.append(names.addresses(hostname, own, here, passed_on=patient.passed_on))
    listed = [record for answer in own for record in answer.records]
    resolver = Resolver(settings.dns.servers, lifetime=settings.dns.timeout)
    found += [names.reverse(each, hostname, await resolver.host_name(each)) for each in listed[:4]]
    for domain in zone.domains_of(settings.capture.addresses):
        found += await _domain_names(patient, domain, ask)
    for address in listed[:4]:
        each = await asyncio.to_thread(dialogue.meet, address, 25, hostname)
        met.append(each)
        found.append(door.reached(each, hostname, passed_on=patient.passed_on))
        if each.tls:
            why = await asyncio.to_thread(dialogue.distrust, each, address, 25, hostname)
            found.append(_verified(each, why))
    signed = any([(await ask(each, "DS")).records for each in _above(hostname)])
    keys, whole = (rooted.shown.keys, rooted.shown.whole) if rooted.shown else ((), ())
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


async def _resolver(patient: Patient, server: str) -> Finding:
    began = time.monotonic()
    try:
        resolver = Resolver((server,) if server else (), lifetime=patient.settings.dns.timeout)
        answer = await resolver.ask(patient.settings.capture.hostname, "A")
    except Exception as problem:  # noqa: BLE001  a system without any: dnspython has several ways to say so
        answer = Answer(fault=str(problem) or type(problem).__name__)
    took = time.monotonic() - began
    return names.resolver(server or "of the system", answer, took, patient.settings.dns.timeout)


async def _domain_names(patient: Patient, domain: str, ask: Callable[[str, str], Awaitable[Answer]]) -> list[Finding]:
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
        return None, f"https://mta-sts.{domain}: {_said(problem) or type(problem).__name__}"
    finally:
        asked.close()


# -- this machine, and our people --------------------------------------------------------------------


def _machine(patient: Patient) -> Iterator[Finding]:
    settings = patient.settings
    store, vault = settings.store.path, settings.vault.path
    for folder in dict.fromkeys((store.parent, vault)):
        disk = looking.disk(folder)
        if disk is not None:
            health = settings.health
            yield from machine.disk(disk, REMOTE, low=health.disk_warning, critical=health.disk_critical)
    yield machine.sync(str(vault), looking.sync_seconds(vault))
    yield machine.vault(looking.place(vault), str(vault))
    shared = looking.place(store.parent)
    if shared is not None:
        members = looking.members(shared.group, shared.owner)
        yield from machine.shared(shared, looking.place(store), members)
    file = looking.place(patient.file) if patient.file else None
    if file is not None:
        yield machine.configuration(file, file.owner)
    behind = None
    with contextlib.suppress(StoreError, sqlite.Error, ValueError), _store(patient) as db:
        newest = examined.newest_capture(db)
        behind = (newest - patient.now).total_seconds() if newest else None
    yield machine.clock(looking.clock_is_kept(), behind)


def _neighbour(patient: Patient, postfix: neighbour.Postfix) -> Iterator[Finding]:
    capture, ours = patient.settings.capture, doors(patient)
    holds = False
    if not any(port == 25 for _, port in ours.smtp):  # so whoever answers there is another
        holds = not dialogue.meet("127.0.0.1", 25, capture.hostname).trouble
    lmtp = str(capture.lmtp or next(iter(ours.lmtp), ""))
    yield from neighbour.judge(
        postfix, capture.addresses, capture.hostname, capture.max_size, lmtp=lmtp, holds_port=holds
    )


def _people(patient: Patient) -> Iterator[Finding]:
    settings = patient.settings
    try:
        with _store(patient) as db:
            listed, seen = examined.our_people(db), examined.seen_openly(db)
            kept: accounts.Accounts = {}
            with contextlib.suppress(StoreError):
                kept = accounts.read(accounts.place(settings.vault.path)).of(db)
    except (StoreError, sqlite.Error) as problem:
        yield unseen("people", f"our people could not be looked at: {problem}", "bcc-relay status")
        return
    keys = {id_: (account.key_at or "") for id_, account in kept.items()}
    by_id: dict[int, tuple[str, list[str]]] = {}
    for id_, name, address in listed:
        by_id.setdefault(id_, (name, []))[1].append(address)
    colleagues = [people.Colleague(name, tuple(found), keys.get(id_, "")) for id_, (name, found) in by_id.items()]
    yield from people.anybody(colleagues, settings.company.domains)
    if patient.network:
        domains = sorted({*settings.company.domains, *(a.rpartition("@")[2] for _, _, a in listed)})[:DOMAINS]
        yield from people.provable(colleagues, asyncio.run(_published(patient, domains)))
    yield from people.openly([(name, when) for _, name, when in seen], {name: keys.get(i, "") for i, name, _ in seen})


async def _published(patient: Patient, domains: Sequence[str]) -> dict[str, bool]:
    """Domain -> does it publish SPF or DMARC? Only of those that DNS answered for."""
    resolver = Resolver(patient.settings.dns.servers, lifetime=patient.settings.dns.timeout)

    async def one(domain: str) -> tuple[str, bool | None]:
        answers = [await resolver.ask(domain, "TXT")]
        answers += [await resolver.ask(name, "TXT") for name in dmarc_records.names(domain)]
        texts = [text.lower() for answer in answers for text in answer.records]
        if any(text.startswith(("v=spf1", "v=dmarc1")) for text in texts):
            return domain, True
        return domain, None if any(answer.fault for answer in answers) else False

    found = await asyncio.gather(*map(one, domains))
    return {domain: published for domain, published in found if published is not None}
