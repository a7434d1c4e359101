"""Faults on our side while mail is judged: put off, never refused, and never taken on a guess."""

from __future__ import annotations

import signal
import time

import dkim
import pytest
from dns_stub import SILENT, NameServer
from running import PATIENCE
from world import TRUSTED, World, key, mail, records, signed


@pytest.fixture
def world(tmp_path):
    with NameServer(records()) as dns:
        made = World(tmp_path / "relay", dns)
        try:
            yield made
        finally:
            made.relay.stop()


def test_faults_of_ours_put_mail_off_and_end_by_themselves(world):
    proved, secret = signed(mail()), world.secret
    # relay.db is away: nobody who needs it is refused or taken, and full trust needs it for nothing. The filer, which
    # would make it anew, is not there either, and has left nothing of it in a WAL.
    world.relay.stop()
    world.relay.start("--only", "accept")
    hidden = world.relay.database.with_name("hidden.db")
    world.relay.database.rename(hidden)
    for content, to in ((proved, ()), (mail(), ()), (mail("x@else.example"), ()), (mail(), (secret,))):
        code, text = world.say(content, **({"to": to} if to else {}))
        assert (code, text[:6]) == (451, "4.3.0 "), "what cannot be looked up decides nothing"
    world.taken(mail(), client=TRUSTED)
    hidden.rename(world.relay.database)
    world.taken(proved)
    # DNS is silent: the time for all questions together is over, and the sender tries again
    world.dns.say("late._domainkey.example.org TXT", *SILENT)
    plain = mail()
    began = time.monotonic()
    code, text = world.say(dkim.sign(plain, b"late", b"example.org", key()[0]) + plain)
    assert (code, text[:6]) == (451, "4.7.5 ")
    assert time.monotonic() - began < PATIENCE / 2
    # another configuration, with the same resolver: what DNS said is still known, and rules count at once
    asked = len(world.dns.questions)
    text = world.relay.file.read_text().replace('arc_sealers = ["sealer.example"]', "arc_sealers = []")
    world.relay.file.write_text(text)
    assert world.relay.process is not None
    world.relay.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + PATIENCE
    while "config.reloaded" not in world.relay.log():
        assert time.monotonic() < end, world.relay.log()
        time.sleep(0.01)
    last = world.taken(signed(mail()))
    assert len(world.dns.questions) == asked, "its answers are remembered over a reload"
    world.relay.stop()
    world.relay.start()
    world.relay.filed(last)
    world.relay.verify()
