"""Several reports of one mail are one message with all who received it, in any order and however it is read again."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room

OFFER = message(to="carl@example.org", subject="Offer", message_id="<offer@example.org>")
EXCHANGE = "Microsoft Exchange <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.org>"


def report(*recipients: str) -> bytes:
    lines = "".join(f"{line}\n" for line in recipients)
    text = f"Sender: bob@example.org\nSubject: Offer\nMessage-Id: <offer@example.org>\n{lines}"
    return message(
        from_=EXCHANGE, to=CAPTURE, subject="Offer", text=text, forward=[OFFER], fields={"X-MS-Journal-Report": ""}
    )


INSIDE = report("To: carl@example.org")
OUTSIDE = report("Bcc: anna@lead.example")
LIST = report("Recipient: dora@lead.example, Expanded: team@example.org")


def room_of(folder: Path, *, keeps_unknown: bool = True) -> Room:
    folder.mkdir(exist_ok=True)
    room = Room(folder, keeps_unknown=keeps_unknown)
    room.sql("INSERT INTO staff (name) VALUES ('Bob')")
    room.sql("INSERT INTO staff_address (staff_id, address) VALUES (1, 'bob@example.org')")
    room.sql("INSERT INTO lead (name) VALUES ('Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    return room


def people(room: Room) -> dict[str, str]:
    query = "SELECT a.address, ma.role FROM message_address ma JOIN address a ON a.id = ma.address_id"
    return dict(room.rows(query))  # type: ignore[arg-type]


@pytest.mark.parametrize("keeps_unknown", [True, False])
def test_a_receiver_that_a_later_report_names_is_on_the_message_its_lead_has_it_and_the_feed_tells(
    tmp_path: Path, keeps_unknown: bool
) -> None:
    room = room_of(tmp_path, keeps_unknown=keeps_unknown)
    room.file(INSIDE)
    assert room.rows("SELECT direction, direction_reason FROM message") == [("internal", "only-ours")]
    assert room.rows("SELECT lead_id FROM lead_message") == []
    seq = room.end_of_feed()
    room.file(OUTSIDE)
    assert people(room) == {"bob@example.org": "from", "carl@example.org": "to", "anna@lead.example": "bcc"}
    assert room.rows("SELECT lead_id, role, reason FROM lead_message") == [(1, "bcc", "address")]
    assert room.rows("SELECT direction, direction_reason FROM message") == [("outgoing", "author-ours")]
    assert ("message", 1, "update") in room.told_since(seq)
    room.settle()
    assert room.rows("SELECT text FROM message_text") == [("Dear Anna, here it is.",)]
    room.verify()
    before = room.content()
    assert [each.renewed for each in room.again()] == [()]
    assert room.content() == before


def test_reports_join_in_any_order_also_within_one_batch_and_beside_a_copy(tmp_path: Path) -> None:
    wanted = {
        "bob@example.org": "from", "carl@example.org": "to", "anna@lead.example": "bcc", "dora@lead.example": "bcc",
        "team@example.org": "bcc",
    }  # fmt: skip
    for number, order in enumerate(permutations([INSIDE, OUTSIDE, LIST, OFFER])):
        if number % 4:
            continue  # six of the 24 orders, each mail first and last once
        room = room_of(tmp_path / str(number))
        if number % 8:
            room.file(*order)
        else:
            for each in order:
                room.file(each)
        room.settle()
        assert people(room) == wanted
        assert room.rows("SELECT count(*) FROM message") == [(1,)]
        assert room.rows("SELECT lead_id FROM lead_message") == [(1,)]
        assert room.rows("SELECT direction FROM message") == [("outgoing",)]
        room.verify()
        before = room.content()
        room.again()
        assert room.content() == before


def test_a_report_that_the_vault_has_no_more_goes_on_counting(tmp_path: Path) -> None:
    room = room_of(tmp_path)
    first, second = room.file(INSIDE, OUTSIDE)
    before = people(room)
    del room.shelf.mails[second]
    room.again()
    assert people(room) == before
    assert room.rows("SELECT direction FROM message") == [("outgoing",)]
    assert first in room.shelf.mails
