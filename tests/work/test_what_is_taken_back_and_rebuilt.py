"""After mail was taken back, came in other words or belongs to nobody: nothing is left over, and rebuilding agrees."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room, Shelved

from relay.store import removal
from relay.store.connection import open_store

LARGE = b"x" * 300_000
WORDS = (
    "The garden price is better than the blue table, please send the letter of the project to all of us "
    "before summer or tomorrow"
)


def room_of(folder: Path, *, keeps_unknown: bool = True) -> Room:
    room = Room(folder, keeps_unknown=keeps_unknown)
    room.shelf = Shelved(folder / "vault")
    return room


def forget(room: Room, *ids: int) -> None:
    with closing(open_store(room.path)) as db:
        db.execute("BEGIN IMMEDIATE")
        for each in ids:
            removal.bury(db, each)
        removal.remove(db, ids)
        db.execute("COMMIT")
    room.settle()


def written(subject: str = "Offer", **named: object) -> bytes:
    words = {"from_": "anna@lead.example", "to": "bob@example.org", "subject": subject, "text": WORDS, **named}
    return message(**words)


def forwarded(subject: str = "Offer", at: str = "11:15", text: str = WORDS) -> bytes:
    block = (
        f"---------- Forwarded message ---------\nFrom: <anna@lead.example>\nDate: Mon, 2 Mar 2026 at {at}\n"
        f"Subject: {subject}\nTo: <bob@example.org>\n\n{text}\n"
    )
    return message(to=CAPTURE, subject=f"Fwd: {subject}", text=block, message_id=f"<f{at}@example.org>")


def test_mail_that_is_about_to_be_erased_proves_nothing(tmp_path: Path) -> None:
    """One of two originals was taken back; the daemon has not come to the vault's copy yet."""
    room = room_of(tmp_path)
    one, other = written(message_id="<1@lead.example>"), written("Lunch", message_id="<2@lead.example>")
    answer = {"In-Reply-To": "<2@lead.example>", "References": "<2@lead.example>"}
    room.file(
        message(to=CAPTURE, subject="Fwd", text="", forward=[one, other]),
        message(subject="Re: Lunch", message_id="<3@example.org>", fields=answer),
    )
    forget(room, 2)
    room.agrees()


def test_a_conversation_stays_together_when_the_message_that_joined_it_is_taken_back(tmp_path: Path) -> None:
    room = room_of(tmp_path)
    both = {"References": "<1@lead.example> <2@lead.example>", "In-Reply-To": "<2@lead.example>"}
    room.file(
        written(message_id="<1@lead.example>"),
        written(text="Another one.\n", message_id="<2@lead.example>"),
        written("Re: Offer", text="To both.\n", message_id="<3@lead.example>", fields=both),
    )
    forget(room, 3)
    assert len(room.rows("SELECT DISTINCT thread_id FROM message")) == 1
    room.agrees()
    forget(room, 1, 2)
    assert room.rows("SELECT count(*) FROM _cut_thread") == [(0,)]


@pytest.mark.parametrize("again", [False, True], ids=["filed", "read again"])
def test_a_copy_with_another_attachment_leaves_none_of_it(tmp_path: Path, again: bool) -> None:
    """A scanner of mail has put another file in its place: the copy that came first counts."""
    room = room_of(tmp_path)
    room.file(written(message_id="<1@lead.example>", attach={"a.pdf": LARGE}))
    room.file(written(message_id="<1@lead.example>", attach={"a.pdf": LARGE + b"scanned"}))
    if again:
        room.again()
    assert room.rows("SELECT count(*) FROM message") == [(1,)]
    assert room.rows("SELECT length(content) FROM blob") == [(len(LARGE),)]
    room.agrees()


def test_nothing_of_a_body_is_stored_where_it_is_read_only_to_find_out_whether_it_is_a_copy(tmp_path: Path) -> None:
    room = room_of(tmp_path, keeps_unknown=False)
    corrected = WORDS.replace("tomorrow", "today")
    room.file(written(message_id="<1@lead.example>", text=corrected, attach={"a.pdf": LARGE}))
    room.file(forwarded(at="10:15"))
    room.settle()
    assert room.rows("SELECT count(*) FROM message") == [(2,)]
    assert room.rows("SELECT count(*) FROM blob") == [(0,)]
    room.agrees()


def test_of_mail_of_nobody_the_original_says_more_than_its_forward(tmp_path: Path) -> None:
    room = room_of(tmp_path, keeps_unknown=False)
    answer = {"In-Reply-To": "<0@lead.example>", "References": "<0@lead.example>"}
    room.file(written(text="First.\n", message_id="<0@lead.example>"), forwarded(at="12:15"))
    room.file(written(message_id="<1@lead.example>", fields=answer))
    room.settle()
    assert room.rows("SELECT internet_message_id, originated_at, thread_id FROM message ORDER BY id") == [
        ("0@lead.example", "2026-03-02T10:15:00.000Z", 1),
        ("1@lead.example", "2026-03-02T10:15:00.000Z", 1),
    ]
    room.agrees()


def test_mail_whose_conversation_has_a_lead_that_is_not_there_is_not_read_without_end(tmp_path: Path) -> None:
    room = room_of(tmp_path, keeps_unknown=False)
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (7, 'vera@lead.example')")  # no lead 7
    answer = {"In-Reply-To": "<0@lead.example>", "References": "<0@lead.example>"}
    room.file(
        message("vera@lead.example", "bob@example.org", text="First.\n", message_id="<0@lead.example>"),
        written("Re: Offer", message_id="<1@lead.example>", fields=answer),
        forwarded("Re: Offer", at="10:15", text=WORDS.replace("tomorrow", "today")),
    )
    room.again()
    room.settle()  # ends
    assert room.rows("SELECT count(*) FROM _read_again") == [(0,)]
    room.agrees()
