"""Judging: what is looked up of a mail, beside a real database and a real name server."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from dns_stub import NameServer
from mailbuilder import message
from running import CAPTURE, Relay

from relay.capture.judge import Handed
from relay.config.loading import load
from relay.daemon.judging import Judging
from relay.daemon.knowledge import Knowledge
from relay.mail.address import Address
from relay.mail.envelope import Client
from relay.store import senders
from relay.store.connection import open_store
from relay.store.logins import Logins
from relay.store.people import add_staff


def test_the_same_is_looked_up_for_a_colleague_and_for_a_stranger(tmp_path, monkeypatch):
    """Else the time until a refusal would tell who works here."""
    asked = []
    is_party = senders.is_party
    monkeypatch.setattr(senders, "is_party", lambda *given: asked.append(given[1:]) or is_party(*given))
    with NameServer() as dns:
        relay = Relay(tmp_path / "relay", f'[admission]\nnetworks = []\n[dns]\nservers = ["{dns.place}"]\n')
        db = open_store(relay.database)
        add_staff(db, "Bob", ["bob@example.org"])
        db.close()
        settings = load(relay.file, {}).settings

        async def refusals() -> list[object]:
            knowledge = Knowledge(settings.store.path)
            judging = Judging(settings, knowledge, Logins(settings.store.path, settings.vault.path))
            try:
                return [(await judging.decide(_handed(who))).refusal for who in ("bob", "nobody")]
            finally:
                await knowledge.close()

        colleague, stranger = asyncio.run(refusals())
    assert colleague == stranger
    assert [answered for answered, _ in asked] == [("1@x.example",)] * 2


def _handed(who: str) -> Handed:
    author = f"{who}@example.org"
    content = message(author, cc=CAPTURE, fields={"References": "<1@x.example>"})
    capture = Address.read(CAPTURE)
    assert capture is not None
    return Handed(
        Client("192.0.2.1", "mx.example.org"), Address.read(author), (capture,), (), content, datetime.now(UTC), "s"
    )
