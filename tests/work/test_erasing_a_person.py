"""A person outside is erased: alone or among others, as author or as party; and told all that is kept about her."""

from __future__ import annotations

import base64
from contextlib import closing
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import Room

from relay.store import person as of
from relay.store.connection import open_store
from relay.store.people import RefusedError
from relay.work.forgetting import erase

HER = "Zacharias Quastenflosser <zacharias+crm@privatpost.example>"
ADDRESS = "zacharias@privatpost.example"
WORDS = (b"quastenflosser", b"quarzuhr", b"privatpost", b"zacharias")

ALONE = message(from_=HER, to="bob@example.org", subject="Quarzuhr", message_id="<1@privatpost.example>")
WROTE = message(
    from_=HER, to=["bob@example.org", "anna@lead.example"], subject="Quarzuhr for all", text="My Quarzuhr is broken.\n",
    message_id="<2@privatpost.example>", attach={"quarzuhr.pdf": b"QUARZUHR" * 500},
)  # fmt: skip
NAMED = message(
    to="anna@lead.example", cc=HER, subject="Offer", text="Dear both, here it is.\n", message_id="<3@example.org>"
)
PLACE = message(
    from_="anna@lead.example", to="bob@example.org", subject="Re: Offer", message_id="<4@lead.example>",
    text="Ask Zacharias Quastenflosser.\n", fields={"In-Reply-To": "<3@example.org>", "References": "<3@example.org>"},
)  # fmt: skip


def octets(room: Room) -> bytes:
    with closing(open_store(room.path)) as db:
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    return b"".join(path.read_bytes() for path in room.path.parent.glob("relay.db*")).lower()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.sql("INSERT INTO lead (id, name) VALUES (1, 'Anna'), (2, 'Z.')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example'), (2, ?)", ADDRESS)
    return room


def erased(room: Room, *, leads: bool = True) -> of.Person:
    with closing(open_store(room.path)) as db:
        found = of.find(db, ADDRESS)
        erase(db, room.path.parent / "vault", found, leads=leads)
    room.settle()
    return found


def test_messages_with_her_alone_go_and_out_of_others_she_is_taken(room: Room):
    ids = room.file(ALONE, WROTE, NAMED)
    found = erased(room)

    assert (found.alone, found.wrote, found.named) == ((1,), (2,), (3,))
    assert room.rows("SELECT id, subject, author_address FROM message ORDER BY id") == [
        (2, "", None),
        (3, "Offer", "bob@example.org"),
    ]
    assert room.rows("SELECT text FROM message_text ORDER BY message_id") == [("",), ("Dear both, here it is.",)]
    assert room.rows("SELECT lead_id, message_id FROM lead_message ORDER BY 1, 2") == [(1, 2), (1, 3)]
    assert [word for word in WORDS if word in octets(room)] == []
    queued = {subject for kind, subject in room.rows("SELECT kind, subject FROM _erasure") if kind == "mail"}
    assert queued == {str(each) for each in ids}
    assert room.rows("SELECT name FROM lead") == [("Anna",)]
    room.verify()


def test_no_copy_and_no_reading_again_brings_her_back(room: Room):
    room.file(ALONE, WROTE, NAMED)
    erased(room)
    room.again()
    room.file(ALONE, WROTE, NAMED)
    assert room.rows("SELECT count(*) FROM message") == [(2,)]
    assert [word for word in WORDS if word in octets(room)] == []
    room.verify()


def test_what_the_crm_wrote_stays_unless_asked_for_and_places_are_told(room: Room):
    room.file(NAMED, PLACE)
    with closing(open_store(room.path, read_only=True)) as db:
        found = of.find(db, ADDRESS)
        assert of.places(db, found) == [2]
        assert [(row["lead_id"], row["address"]) for row in of.leads_of(db, found)] == [(2, ADDRESS)]
    erased(room, leads=False)
    assert room.rows("SELECT address FROM lead_address WHERE lead_id = 2") == [(ADDRESS,)]
    assert room.rows("SELECT text FROM message_text WHERE message_id = 2") == [("Ask Zacharias Quastenflosser.",)]
    room.verify()


def test_our_own_people_are_not_erased_so(room: Room):
    room.sql("INSERT INTO staff (id, name) VALUES (1, 'Kim')")
    room.sql("INSERT INTO staff_address (staff_id, address) VALUES (1, 'kim@privatpost.example')")
    with closing(open_store(room.path, read_only=True)) as db:
        for address in ("bob@example.org", "kim@privatpost.example"):
            with pytest.raises(RefusedError, match="one of ours"):
                of.find(db, address)
        with pytest.raises(RefusedError, match="not an address"):
            of.find(db, "nobody")


def test_an_export_has_every_message_with_words_copies_and_attachments(room: Room):
    room.file(ALONE, WROTE, NAMED)
    with closing(open_store(room.path, read_only=True)) as db:
        found = list(of.everything(db, of.find(db, ADDRESS), contents=True))
    assert [each["kind"] for each in found] == ["export", "message", "message", "message", "lead"]
    assert found[0]["addresses"] == [ADDRESS, "zacharias+crm@privatpost.example"]
    assert found[0]["names"] == ["Zacharias Quastenflosser"]
    wrote = found[2]
    assert wrote["text"] == "My Quarzuhr is broken."
    assert base64.b64decode(wrote["parts"][0]["content"]) == b"QUARZUHR" * 500
    assert wrote["envelopes"][0]["vault_id"]
    assert {party["address"] for party in wrote["parties"]} >= {"anna@lead.example", "bob@example.org"}
