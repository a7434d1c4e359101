"""What `doctor` asks of DNS, and how long it waits for it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import pytest
from dns_stub import FAILING, SILENT, NameServer
from running import Relay

from relay.config.loading import load
from relay.doctor import asking
from relay.doctor.finding import Level
from relay.doctor.patient import Patient

NAMES = ("A", "AAAA", "MX", "TXT")


@pytest.mark.parametrize("first", [SILENT, FAILING])
def test_who_has_no_dns_waits_for_one_question_and_not_for_all(tmp_path, monkeypatch, first):
    monkeypatch.setattr(asking, "HURRIED", 0.01)
    every = [f"{above}crm.example.org" for above in ("", "_mta-sts.", "_dmarc.", "_smtp._tls.", "_25._tcp.")]
    records = {f"{name} {kind}": SILENT for name in every for kind in (*NAMES, "TLSA", "DS")}
    records |= {"_dmarc.example.org TXT": SILENT, "example.org DS": SILENT, "crm.example.org A": first}
    with NameServer(records) as dns:
        relay = Relay(tmp_path / "relay", f'[dns]\nservers = ["{dns.place}"]\ntimeout = "1 s"\n')
        patient = Patient(load(relay.file, {}).settings, relay.file, datetime.now(UTC), network=True)
        began = time.monotonic()
        found = asyncio.run(asking.examine(patient, [], None, []))
        took = time.monotonic() - began
    assert found[0].level is Level.ERROR
    assert {each.level for each in found[1:]} == {Level.UNSEEN}
    assert len(found) > 5
    assert took < 5.0, "it was a second for each"
