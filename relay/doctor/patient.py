"""Who is examined: a configuration, and what the running daemon says of itself."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from relay import sqlite
from relay.config.settings import Settings
from relay.doctor import dialogue
from relay.doctor.dialogue import Doors
from relay.health import figures
from relay.store import examined
from relay.store.connection import open_store
from relay.store.opening import StoreError

PATIENCE = 2.0
"""Seconds that we wait for the database."""


@dataclass(frozen=True, slots=True)
class Patient:
    """What is examined. `file`: the configuration. `network`: other hosts may be asked; `mail`: mails may be sent."""

    settings: Settings
    file: Path | None
    now: datetime
    network: bool
    mail: bool = True

    @property
    def passed_on(self) -> bool:
        """Another mail server of ours may hand mail in, so that nothing need come here by itself."""
        admission = self.settings.admission
        far = any(not network.is_loopback for network in admission.networks)
        return bool(far or admission.upstream or self.settings.capture.lmtp)

    @property
    def ours(self) -> frozenset[str]:
        return frozenset(self.settings.company.domains)


def doors(patient: Patient) -> Doors:
    """Where the running daemon listens; where none tells, what the configuration says."""
    settings = patient.settings
    running = figures.read(settings.store.path.parent, patient.now.timestamp())
    told = [place for each in running for place in each.places]
    if not told:
        told = [str(each) for each in settings.capture.listen if each.port]
        told += [f"tls:{each}" for each in settings.capture.listen_tls if each.port]
    return dialogue.doors(told)


def of_ours(patient: Patient) -> str:
    """An address that counts as one of us: a colleague's, else one of our domains."""
    with contextlib.suppress(StoreError, sqlite.Error), opened(patient) as db:
        for _, _, address in examined.our_people(db):
            return address
    return f"doctor@{our_domain(patient)}"


def our_domain(patient: Patient) -> str:
    settings = patient.settings
    return next(iter(settings.company.domains), "") or settings.capture.addresses[0].rpartition("@")[2]


def opened(patient: Patient) -> contextlib.closing[sqlite.Connection]:
    return contextlib.closing(open_store(patient.settings.store.path, read_only=True, timeout=PATIENCE))
