"""What is kept of a mail's origin, and what people hear of it."""

from __future__ import annotations

import json

from running import CAPTURE
from world import BOB, CUSTOMER, UPSTREAM, mail, signed


def test_explain_tells_what_was_looked_at_and_what_it_is_worth(world):
    vault_id = world.taken(signed(mail()))
    world.relay.filed(vault_id)
    told = " ".join(world.relay.run("explain", vault_id).split())
    assert "Proved by dkim: the author’s domain, or the author’s password, stands for this very mail." in told
    assert "its name by DNS is mail.client.example" in told
    assert "SPF of example.org (the author’s): fail" in told
    assert "DKIM of example.org (the author’s; key s, rsa-sha256, 1024 bits): pass." in told
    [envelope] = json.loads(world.relay.run("explain", vault_id, "--json"))["envelopes"]
    assert envelope["proof"]["trust"] == "proved"
    assert envelope["proof"]["signatures"][0]["domain"] == "example.org"


def test_show_tells_it_in_one_phrase(world):
    vault_id = world.taken(mail(CUSTOMER, BOB), sender=CUSTOMER, to=(world.secret,))
    world.relay.filed(vault_id)
    told = " ".join(world.relay.run("show", vault_id).split())
    assert f"as {vault_id}; address only by personal-address" in told
    assert "not-proved" in told


def test_what_an_upstream_said_is_told_as_vouched_for(world):
    results = "Authentication-Results: mx.example.org; dkim=pass header.d=example.org\r\n"
    vault_id = world.taken(mail(fields=results), client=UPSTREAM)
    world.relay.filed(vault_id)
    assert f"as {vault_id}; vouched by upstream" in " ".join(world.relay.run("show", vault_id).split())
    assert "Vouched by upstream: " in " ".join(world.relay.run("explain", vault_id).split())


def test_a_colleague_hears_that_customers_see_the_address(world):
    offer = "<sight.of.bob@example.org>"
    world.relay.filed(world.taken(signed(mail(message_id=offer))))
    shared = mail(CUSTOMER, f"{BOB}, {CAPTURE}", fields=f"In-Reply-To: {offer}\r\n")
    world.relay.filed(world.taken(signed(shared, "lead.example"), sender=CUSTOMER))
    personal = mail(CUSTOMER, f"{BOB}, {world.secret}", fields=f"In-Reply-To: {offer}\r\n")
    world.relay.filed(world.taken(signed(personal, "lead.example"), sender=CUSTOMER, to=(world.secret,)))
    told = world.relay.run("captured", "--staff", "Bob Baker")
    assert f"{CUSTOMER} answered with the capture address in sight" in told
    assert f"{CUSTOMER} answered with a personal address in sight" in told
    assert "bcc-relay staff capture-address 'Bob Baker' --rotate" in told
    assert world.secret not in told
    assert "outsiders saw it: --rotate" in " ".join(world.relay.run("staff", "list").split())
    [bob] = [row for row in json.loads(world.relay.run("staff", "list", "--json")) if row["id"] == 1]
    assert bob["capture_address_seen_at"]
    status = json.loads(world.relay.run("status", "--json", status=None))
    assert status["addresses_seen"] == [{"staff_id": 1, "name": "Bob Baker", "seen_at": bob["capture_address_seen_at"]}]
    page = " ".join(world.relay.run("status", status=None).split())
    assert "Seen outside: the personal address of Bob Baker" in page
    assert "bcc_relay_staff_addresses_seen 1" in world.relay.run("status", "--metrics", status=None)


def test_all_of_it_comes_out_the_same_when_made_again_from_the_vault(world):
    vault_id = world.taken(signed(mail()), to=(CAPTURE, world.secret))
    world.relay.filed(vault_id)
    assert "came out the same" in world.relay.run("rebuild", "--verify")


def test_what_was_refused_is_counted_by_reason_and_told(world):
    world.say(mail())
    log = world.relay.log()
    assert "event=mail.refused why=not-proved" in log
    world.taken(signed(mail()))
    assert "event=mail.admitted why=dkim" in world.relay.log()
    assert world.secret.partition("+me-")[2].partition("@")[0] not in world.relay.log()
