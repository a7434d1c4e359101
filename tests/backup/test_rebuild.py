"""Rebuild: what the vault says must be what relay.db says, with the same ids."""

from __future__ import annotations

import json

import pytest
from mailbuilder import message


@pytest.fixture
def filed(house):
    """A house with all sorts of mail: copies, a conversation with a ghost, a forward of two, nonsense, decisions."""
    anna, bob, crm = "Anna <anna@lead.example>", "Bob <bob@example.org>", "crm@crm.example.org"
    house.accept(
        message(subject="Offer", message_id="<1@x>", attach={"offer.pdf": b"%PDF" * 50}),
        message(subject="Offer", message_id="<1@x>", attach={"offer.pdf": b"%PDF" * 50}),
        message(from_=anna, to=bob, subject="Re: Offer", message_id="<2@y>", fields={"In-Reply-To": "<1@x>"}),
        message(from_="x@elsewhere.example", to=bob, subject="Re: Offer", fields={"In-Reply-To": "<2@y>"}),
        message(from_=anna, to=bob, subject="Re: Ghost", message_id="<3@y>", fields={"References": "<ghost@x>"}),
        message(to=anna, subject="Re: Ghost", message_id="<4@y>", fields={"References": "<ghost@x>"}),
        message(
            to=crm,
            subject="Fwd: two",
            forward=[
                message(from_="carl@lead.example", to=bob, subject="First", message_id="<f1@z>"),
                message(from_="dora@lead.example", to=bob, subject="Second", message_id="<f2@z>"),
            ],
        ),
        message(from_=bob, to="colleague@example.org", subject="Among ourselves"),
        b"\x00\xff nonsense",
        b"",
        *house.mails(0, 10),
    )
    house.run("staff", "add", "Bob", "bob@example.org")
    house.run("file")
    house.run("lead", "add", "Anna", "anna@lead.example")
    house.run("lead", "add", "Dora", "dora@lead.example", "a1@lead.example")
    house.run("attach", "<f1@z>", "1")
    house.run("detach", "<4@y>", "1")
    house.run("unresolved", "dismiss", "<0@example.org>")
    return house


def test_everything_comes_out_the_same(filed):
    said = json.loads(filed.run("rebuild", "--verify", "--json"))
    assert said == {"same": filed.one("SELECT count(*) FROM message"), "outdated": 0, "gone": 0, "differences": []}
    assert said["same"] >= 18
    assert "came out the same" in filed.run("rebuild", "--verify", "--sample", "5")


@pytest.mark.parametrize(
    ("change", "repair", "told"),
    [
        (
            "UPDATE message SET subject = 'Forged' WHERE internet_message_id = '1@x'",
            "UPDATE message SET subject = 'Offer' WHERE internet_message_id = '1@x'",
            "columns=subject",
        ),
        (
            "UPDATE part SET size = size + 1 WHERE filename = 'offer.pdf'",
            "UPDATE part SET size = size - 1 WHERE filename = 'offer.pdf'",
            "table=part",
        ),
        (
            "UPDATE message_address SET role = 'cc' WHERE role = 'to' AND message_id = 1",
            "UPDATE message_address SET role = 'to' WHERE role = 'cc' AND message_id = 1",
            "table=message_address",
        ),
        (
            "UPDATE message SET thread_id = 1 + thread_id WHERE internet_message_id = '2@y'",
            "UPDATE message SET thread_id = thread_id - 1 WHERE internet_message_id = '2@y'",
            "table=thread",
        ),
        (
            "UPDATE lead_message SET reason = 'person' WHERE reason = 'address' AND message_id = 1",
            "UPDATE lead_message SET reason = 'address' WHERE reason = 'person' AND message_id = 1",
            "table=lead_message",
        ),
        (
            "UPDATE envelope SET reverse_path = 'eve@example.org' WHERE position = 1",
            "UPDATE envelope SET reverse_path = 'bob@example.org' WHERE position = 1",
            "table=envelope",
        ),
    ],
)
def test_whatever_was_changed_by_hand_is_shown(filed, change, repair, told):
    filed.sql(change)
    said = filed.run("rebuild", "--verify", status=1)
    assert told in said
    assert "Forged" not in said, "what a mail says is not told"
    assert "eve@" not in said
    filed.sql(repair)
    filed.run("rebuild", "--verify")


def test_a_changed_people_is_no_fault_but_is_told(filed):
    filed.run("staff", "add", "Anna, now one of us", "anna@lead.example")
    said = json.loads(filed.run("rebuild", "--verify", "--json"))
    assert said["differences"] == []
    assert said["outdated"] >= 3
    assert "would be read otherwise today" in filed.run("rebuild", "--verify")
    filed.sql("DELETE FROM staff_address WHERE address = 'anna@lead.example'")


def test_it_may_run_beside_the_daemon_and_a_writing_crm(filed):
    filed.start()
    for n in range(3):
        sent = filed.send(*filed.mails(100 + n * 10, 10))
        filed.sql("INSERT INTO lead (name) VALUES ('x')")
        filed.sql("INSERT INTO lead_address (lead_id, address) SELECT max(id), ? FROM lead", f"a{n}@lead.example")
        filed.run("rebuild", "--verify")
    filed.filed(*sent)


def test_what_the_vault_has_lost_is_counted_and_the_rest_is_proved(filed):
    [path] = filed.vault.glob("*-*.db")
    import sys
    from subprocess import run

    program = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('DELETE FROM mail WHERE number = 1'); db.commit()"
    run([sys.executable, "-I", "-c", program, str(path)], check=True)  # erased
    said = json.loads(filed.run("rebuild", "--verify", "--json"))
    assert said["gone"] == 1
    assert said["same"] == filed.one("SELECT count(*) FROM message") - 1
    assert said["differences"] == []


def test_usage_is_told(house):
    assert "--verify" in house.run("rebuild", status=2)
    assert "not both" in house.run("rebuild", "--verify", "--full", "--sample", "3", status=2)
