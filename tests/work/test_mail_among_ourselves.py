"""Internal needs another person of ours; our mail to oneself, to nobody or to the undisclosed went to somebody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room

from relay.store.connection import open_store
from relay.store.decision import attach


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    for name, addresses in (("Bob", ["bob@example.org", "bob@private.example"]), ("Kim", ["kim@private.example"])):
        room.sql("INSERT INTO staff (name) VALUES (?)", name)
        for address in addresses:
            room.sql("INSERT INTO staff_address (staff_id, address) SELECT max(id), ? FROM staff", address)
    room.sql("INSERT INTO lead (name) VALUES ('Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    yield room
    room.verify()


def directions(room: Room) -> list[tuple[str, str]]:
    return room.rows("SELECT direction, direction_reason FROM message ORDER BY id")


@pytest.mark.parametrize(
    "to",
    ["Bob <bob@example.org>", "BOB+notes@example.org", "bob@private.example", CAPTURE, "undisclosed-recipients:;", ""],
    ids=["author", "author's plus tag", "author's other address", "capture address", "undisclosed", "empty"],
)
def test_our_mail_to_nobody_that_is_seen_is_outgoing_and_waits_until_a_person_attaches_it(room: Room, to: str) -> None:
    room.file(message(to=to, text="A note on our talk.\n"))
    room.settle()
    assert directions(room) == [("outgoing", "no-other-party")]
    assert room.rows("SELECT message_id, why FROM unresolved_message") == [(1, "no-outside-party")]
    assert room.rows("SELECT why FROM handed_in") == [("no-outside-party",)]
    db = open_store(room.path)
    attach(db, [1], [1])
    db.close()
    room.settle()
    assert room.rows("SELECT * FROM unresolved_message") == []
    assert room.rows("SELECT lead_id, direction, reason FROM lead_timeline") == [(1, "outgoing", "person")]
    assert room.rows("SELECT lead_count, why FROM handed_in") == [(1, None)]


def test_without_any_recipient_field_it_is_outgoing_too(room: Room) -> None:
    room.file(message().replace(b"To: Anna Lindqvist <anna@lead.example>\r\n", b""))
    assert directions(room) == [("outgoing", "no-other-party")]


@pytest.mark.parametrize(
    "other", ["boss@example.org", "Kim@private.example", "bob@example.org, nobody.known@example.org"]
)
def test_mail_with_another_person_of_ours_alone_is_internal_and_nobodys_to_do(room: Room, other: str) -> None:
    room.file(message(to=other))
    room.settle()
    assert directions(room) == [("internal", "only-ours")]
    assert room.rows("SELECT * FROM unresolved_message") == []
    assert room.rows("SELECT why FROM handed_in") == [("internal",)]


def test_internal_mail_is_on_no_timeline_not_even_by_an_address_on_a_lead_or_by_its_thread(room: Room) -> None:
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'boss@example.org')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'kim@private.example')")
    answers = {"In-Reply-To": "<1@lead.example>"}
    room.file(
        message("anna@lead.example", "bob@example.org", message_id="<1@lead.example>"),
        message(to="boss@example.org", subject="Re: Offer", fields=answers),
        message(to="kim@private.example", subject="Re: Offer", fields=answers),
    )
    room.settle()
    assert [direction for direction, _ in directions(room)] == ["incoming", "internal", "internal"]
    assert room.rows("SELECT lead_id, message_id FROM lead_timeline") == [(1, 1)]
    assert room.rows("SELECT lead_id, message_id FROM lead_timeline_all") == [(1, 1)]
    room.sql("DELETE FROM lead_address WHERE address_key = 'kim@private.example'")
    room.settle()
