"""The examination: facts gathered check by check, and judged, in the order in which a person puts things right."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from relay import __version__, sqlite
from relay.doctor import asking, certificate, dialogue, looking, machine, neighbour, people
from relay.doctor.certificate import Shown
from relay.doctor.dialogue import Met
from relay.doctor.finding import Finding, error, ok, unseen, warning
from relay.doctor.front import front_door
from relay.doctor.patient import Patient, doors, opened
from relay.health import figures
from relay.health.exposed import exposed
from relay.health.report import report
from relay.store import accounts, examined
from relay.store.crm_setting import REMOTE
from relay.store.opening import StoreError

DOMAINS = 50
"""Domains of our people that are asked for."""

CREDENTIAL = Path("/etc/credstore/bcc-relay.tls.certificate")
"""Where docs/operating.md puts the certificate for systemd; root's."""


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
    """All checks but the mail through the front door (`front.hand_over`)."""
    settings = patient.settings
    here = looking.interface_addresses()
    running = figures.read(settings.store.path.parent, patient.now.timestamp())
    yield from _running(patient)
    yield machine.versions(__version__, [each.version for each in running])
    yield from front_door(patient, here)
    met: list[Met] = []
    if patient.network:
        yield from asyncio.run(asking.examine(patient, here, rooted.shown, met))
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


def _running(patient: Patient) -> Iterator[Finding]:
    found = report(patient.settings, patient.now)
    judge = {"critical": error, "warning": warning}.get(found["level"], unseen)
    for problem in found["problems"]:
        yield judge("running", problem, "bcc-relay status")
    if not found["problems"]:
        yield ok("running", "mail is accepted and filed")


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
    with contextlib.suppress(StoreError, sqlite.Error, ValueError), opened(patient) as db:
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
        with opened(patient) as db:
            listed, seen = examined.our_people(db), exposed(db, settings.vault.path)
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
        yield from people.provable(colleagues, asyncio.run(asking.published(patient, domains)))
    if seen is None:
        yield unseen("personal-address", "who has one is not to be seen by this user", "sudo bcc-relay doctor")
    else:
        yield from people.openly([(each["name"], each["seen_at"]) for each in seen])
