"""The front door, tried: by a stranger, a forger and a trusted client, who all come from this machine.

Two mails are sent: a forged one, that must be refused, and one by `hand_over`, whose caller takes back what it brought
in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from relay import sqlite
from relay.doctor import dialogue, door, looking
from relay.doctor.door import Way
from relay.doctor.finding import Finding, error, ok, unseen, warning
from relay.doctor.patient import Patient, doors, of_ours, opened, our_domain
from relay.mail.envelope import VaultId
from relay.store import examined
from relay.store.opening import StoreError

UPSTREAMS = 5
"""Servers whose results are forged."""

FILED = 20.0
"""Seconds in which the test mail must have been filed: a filer without a backlog takes a tenth of one."""


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
    if door.trusted(ways[0], admission.networks):
        met = dialogue.meet(stranger.host, stranger.port, hostname, source=stranger.source)
        yield door.relaying(f"{met.place}, to a stranger,", met.foreign or f"000 {met.trouble}")
    if patient.mail:
        yield from _forge(patient, stranger)


def _forge(patient: Patient, way: Way) -> Iterator[Finding]:
    """Mail that pretends to be of ours, bare, and with what each upstream of ours would say above it."""
    settings = patient.settings
    author, recipient = of_ours(patient), settings.capture.addresses[0]
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


def _token(patient: Patient) -> str:
    return f"{int(patient.now.timestamp() * 1000):x}"


def hand_over(patient: Patient) -> VaultId | Finding:
    """A mail by a client with full trust: its vault id, or why there is none."""
    settings = patient.settings
    networks = settings.admission.networks
    ways = door.ways(doors(patient), looking.interface_addresses(), networks)
    way = next((each for each in ways if door.trusted(each, networks)), None)
    if way is None:
        told = "no address of this machine may hand in mail, so none was sent through the front door"
        return unseen("front-door", told, "bcc-relay captured    # after a mail of your own to the capture address")
    domain = our_domain(patient)
    content = door.message(f"doctor@{domain}", f"doctor-answer@{domain}", _token(patient), patient.now)
    reply = dialogue.hand_in(
        way.host, way.port, content, f"doctor@{domain}", settings.capture.addresses[0], source=way.source
    )
    vault_id = VaultId.read(reply.rpartition(" ")[2]) if reply.startswith("250") else None
    if vault_id is None:
        told = f"a mail from {way.source}, which has full trust, is not taken at {way.host}:{way.port}: {reply[:160]}"
        return error("front-door", told, "journalctl -u 'bcc-relay*' -n 20")
    return vault_id


def follow(patient: Patient, vault_id: VaultId, began: float) -> tuple[list[int], Finding]:
    """Wait until it has its row. (ids of messages to take back, what to say). `began`: by time.monotonic."""
    end = time.monotonic() + FILED
    while time.monotonic() < end:
        try:
            with opened(patient) as db:
                found = examined.outcome(db, vault_id)
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
