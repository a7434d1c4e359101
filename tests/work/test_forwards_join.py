"""A forward in the text and the mail that it copies are one message, whichever comes first; two mails never are."""

from __future__ import annotations

import textwrap
from itertools import permutations
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room

ANNA, BOB, CARL = "Anna Lindqvist <anna@lead.example>", "Bob Baker <bob@example.org>", "Carl Cole <carl@example.org>"
WORDS = (
    "Dear Bob,\n\nthank you for the offer of last week. We have talked it over with our board, and everybody likes the "
    "second variant best. Could you send us the price for forty seats instead of twenty, and tell us by when you could "
    "deliver? Our meeting is on Thursday.\n\nKind regards\nAnna\n"
)


def original(
    text: str = WORDS, *, at: str = "Mon, 02 Mar 2026 10:15:24 +0000", id_: str = "<1@lead.example>", to: str = BOB
) -> bytes:
    return message(from_=ANNA, to=to, subject="Your offer", text=text, date=at, message_id=id_)


def forward(
    text: str = WORDS,
    *,
    by: str = BOB,
    note: str = "",
    at: str = "Mon, 2 Mar 2026 at 10:15",
    width: int = 60,
    to: str = BOB,
    subject: str = "Your offer",
    author: str = ANNA,
) -> bytes:
    """As a client makes it: lines broken anew, the block above without seconds and zone."""
    lines = "\n".join(textwrap.fill(line, width) for line in text.splitlines())
    block = f"---------- Forwarded message ---------\nFrom: {author}\nDate: {at}\nSubject: {subject}\nTo: {to}\n\n\n"
    above = f"{note}\n\n" if note else ""
    return message(from_=by, to=CAPTURE, subject=f"Fwd: {subject}", text=above + block + lines)


def attached(mail: bytes, *, by: str = CARL) -> bytes:
    return message(from_=by, to=CAPTURE, subject="Fwd: see there", text="As it came.", forward=[mail])


COPIES = {
    "inline by Bob": forward(note="Forty seats, please call her."),
    "inline by Carl": forward(by=CARL, note="I know the board.", width=40, at="Mon, 2 Mar 2026 at 11:15"),
    "attached by Carl": attached(original()),
    "copied by the mail server": original(),
}


def room_of(folder: Path, *, keeps_unknown: bool = True) -> Room:
    folder.mkdir(exist_ok=True)
    room = Room(folder, keeps_unknown=keeps_unknown)
    for number, (name, address) in enumerate((("Bob", "bob@example.org"), ("Carl", "carl@example.org")), 1):
        room.sql(f"INSERT INTO staff (name) VALUES ('{name}')")
        room.sql(f"INSERT INTO staff_address (staff_id, address) VALUES ({number}, '{address}')")
    room.sql("INSERT INTO lead (name) VALUES ('Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    return room


def count(room: Room) -> tuple[int, int]:
    [(messages, envelopes)] = room.rows("SELECT (SELECT count(*) FROM message), (SELECT count(*) FROM envelope)")
    return messages, envelopes  # type: ignore[return-value]


@pytest.mark.parametrize("order", list(permutations(COPIES))[::3], ids=" - ".join)
def test_all_copies_are_one_message_in_any_order(tmp_path: Path, order: tuple[str, ...]) -> None:
    room = room_of(tmp_path)
    if order[0] < order[1]:
        room.file(*(COPIES[name] for name in order))
    else:
        for name in order:
            room.file(COPIES[name])
    room.settle()
    assert count(room) == (1, 4)
    found = room.rows(
        "SELECT id, internet_message_id, direction, originated_at, date_source, author_address FROM message"
    )
    assert found == [(1, "1@lead.example", "incoming", "2026-03-02T10:15:24.000Z", "header", "anna@lead.example")]
    assert room.rows("SELECT lead_id, message_id, reason FROM lead_message") == [(1, 1, "address")]
    notes = room.rows(
        "SELECT e.staff_id, n.note FROM envelope_note n JOIN envelope e ON e.id = n.envelope_id ORDER BY 1, 2"
    )
    assert notes == [(1, "Forty seats, please call her."), (2, "As it came."), (2, "I know the board.")]
    [(note,)] = room.rows("SELECT note FROM message_text")
    assert all(each in str(note) for _, each in notes)
    assert room.rows("SELECT count(*) FROM unresolved_message") == [(0,)]
    room.verify()
    before = room.content()
    room.again()
    assert room.content() == before


def test_the_forward_is_first_and_its_message_takes_over_all_that_the_mail_says(tmp_path: Path) -> None:
    room = room_of(tmp_path)
    room.file(COPIES["inline by Bob"])
    room.sql("INSERT INTO lead (name) VALUES ('The board')")
    room.sql("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (1, 2)")
    seq = room.end_of_feed()
    answer = message(
        from_=ANNA, to=BOB, subject="Re: Your offer", text="And one thing more.", message_id="<2@lead.example>",
        fields={"In-Reply-To": "<1@lead.example>"},
    )  # fmt: skip
    room.file(answer, COPIES["copied by the mail server"])
    room.settle()
    assert room.rows("SELECT id, internet_message_id FROM message ORDER BY id") == [
        (1, "1@lead.example"), (2, "2@lead.example")
    ]  # fmt: skip
    assert room.rows("SELECT count(DISTINCT thread_id) FROM message") == [(1,)]
    assert ("message", 1, "update") in room.told_since(seq)
    assert room.rows("SELECT lead_id FROM lead_message WHERE message_id = 1 ORDER BY 1") == [(1,), (2,)]
    room.verify()


@pytest.mark.parametrize("order", [0, 1])
def test_where_only_facts_are_kept_the_two_are_found_to_be_one_all_the_same(tmp_path: Path, order: int) -> None:
    room = room_of(tmp_path, keeps_unknown=False)
    mails = [original(), forward(note="Whose is this?")]
    room.sql("DELETE FROM lead_address")
    for mail in mails if order else reversed(mails):
        room.file(mail)
    room.settle()
    assert count(room) == (1, 2)
    room.verify()


def test_two_forwards_and_their_original_in_a_conversation_become_one_in_one_reading(tmp_path: Path) -> None:
    """Of mail of nobody only its text, read again, tells; each of the three has a conversation of its own till then."""
    room = room_of(tmp_path, keeps_unknown=False)
    room.sql("DELETE FROM lead_address")
    before = {"In-Reply-To": "<0@lead.example>"}
    other = message(from_=BOB, to=CARL, subject="Your offer", text="Look.\n", message_id=None, fields=before)
    mail = message(
        from_=ANNA, to=BOB, subject="Your offer", text=WORDS, date="Mon, 02 Mar 2026 10:15:24 +0000",
        message_id="<1@lead.example>", fields=before,
    )  # fmt: skip
    room.file(forward(at="Mon, 2 Mar 2026 at 05:15"), other)
    room.file(forward(by=CARL))
    room.file(mail)
    room.settle()
    assert count(room) == (2, 4)
    assert room.rows("SELECT count(DISTINCT thread_id) FROM message") == [(1,)]
    assert room.rows("SELECT message_id FROM _reference WHERE internet_message_id = '1@lead.example'") == [(1,)]
    room.verify()


TRAPS = {
    "a corrected number": [original(), forward(WORDS.replace("forty", "fifty"))],
    "the same words a day later": [original(at="Sun, 01 Mar 2026 10:15:24 +0000"), forward()],
    "a week later": [original(at="Mon, 23 Feb 2026 10:15:24 +0000"), forward()],
    "thanks, twice a day": [original("OK, thanks"), forward("OK, thanks", at="Mon, 2 Mar 2026 at 16:40")],
    "to somebody else": [original(to=CARL), forward(to="dora@other.example")],
    "another author": [original(), forward(author="Arne Lindqvist <arne@lead.example>")],
    "another subject": [original(), forward(subject="Your invoice")],
    "other words": [original(), forward("Dear Bob,\n\nplease find the minutes of our last meeting below. " * 4)],
    "two forwards of two mails": [forward(), forward(WORDS.replace("Thursday", "Friday"), by=CARL)],
    "one Message-ID for two mails": [
        original(),
        original("Something else altogether.", at="Tue, 03 Mar 2026 09:00:00 +0000"),
    ],
}


@pytest.mark.parametrize("trap", TRAPS)
def test_two_mails_are_never_made_one(tmp_path: Path, trap: str) -> None:
    for number, order in enumerate((TRAPS[trap], TRAPS[trap][::-1])):
        room = room_of(tmp_path / str(number))
        room.file(order[0])
        room.file(order[1])
        room.settle()
        assert count(room)[0] == 2
        room.verify()


def test_one_text_that_went_to_many_one_by_one_stays_many(tmp_path: Path) -> None:
    room = room_of(tmp_path)
    people = [f"p{number}@other.example" for number in range(12)]
    letters = [
        message(from_=BOB, to=to, subject="News", text=WORDS, date=f"Mon, 02 Mar 2026 10:15:{n:02} +0000", message_id=f"<{n}@x>")
        for n, to in enumerate(people)
    ]  # fmt: skip
    sent = [forward(author=BOB, to=to, subject="News", by=BOB) for to in people[:3]]
    room.file(*letters[:6], *sent, *letters[6:])
    room.settle()
    assert count(room) == (12, 15)
    query = (
        "SELECT count(DISTINCT m.id) FROM message m JOIN envelope e ON e.message_id = m.id WHERE e.route = 'forward'"
    )
    assert room.rows(query) == [(3,)]
    room.verify()
