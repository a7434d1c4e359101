"""A person outside is erased: alone or among others, as author or as party; and told all that is kept about her."""

from __future__ import annotations

import base64
from contextlib import closing
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room

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


# -- every column in which an address may stand

ADDRESS_STANDS_IN = {
    "address.address", "_address_form.form", "lead_address.address", "message.author_address", "message.subject",
    "message_text.subject", "message_text.text", "message_text.note", "envelope_note.note", "message.snippet",
    "envelope.reverse_path", "_delivery_report.address", "_delivery_report.reason", "_absence.address",
    "_picture.author", "_forwarded.author", "_address_health.bounce_reason", "message_address.display_name",
    "_reference.internet_message_id", "message.internet_message_id", "part.filename", "thread.base_subject",
    "_reference.base_subject", "_forwarded.base_subject", "message.author_name", "lead_address.address_key",
    "_delivery_report.about", "blob.content", "part.content_id",
}  # fmt: skip
"""All columns in which an address stands as text once mail as below is filed: a new one belongs here, and is erased."""

LETTERS = "zora@bücher.example"
KEY = "zora@xn--bcher-kva.example"
OF_HER = f"Zora <{KEY}>"


def holding(room: Room, *words: str) -> set[str]:
    """The columns of the whole schema in which one of these words stands, whatever their type."""
    found = set()
    for (table,) in room.rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"):
        for column in [name for (_, name, *_) in room.rows(f"PRAGMA table_xinfo({table})")]:
            texts = room.rows(f"SELECT DISTINCT CAST({column} AS BLOB) FROM {table}")
            if any(word.encode() in (text or b"").lower() for (text,) in texts for word in words):
                found.add(f"{table}.{column}")
    return found


def bounce(*who: str, minute: int = 20, daemon: str = "mailer-daemon@mx.elsewhere.example") -> bytes:
    groups = "".join(
        f"Final-Recipient: utf-8; {each}\r\nAction: failed\r\nStatus: 5.1.1\r\nDiagnostic-Code: smtp; 550 <{each}> unknown\r\n\r\n"
        for each in who
    )
    return (
        f"From: {daemon}\r\nTo: bob@example.org\r\nDate: Mon, 02 Mar 2026 10:{minute}:00 +0000\r\n"
        f"Message-ID: <{minute}.b@mx.example>\r\nSubject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\nNo such user: {', '.join(who)}\r\n--b\r\n"
        f"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n{groups}\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: bob@example.org\r\nMessage-ID: <o@example.org>\r\n\r\n--b--\r\n"
    ).encode()


def test_her_address_stands_in_no_column_of_the_whole_schema(room: Room):
    room.sql("INSERT INTO lead (id, name) VALUES (3, 'L')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (3, ?)", LETTERS)
    logo = b"\x89PNG\r\n\x1a\n" + b"x" * 3000
    picture = message(
        from_=OF_HER, to=["bob@example.org", "anna@lead.example"], subject="Mine", message_id="<p@xn--bcher-kva.example>",
        text=f"I am {LETTERS}\n", fields={"In-Reply-To": "<o@example.org>"}, attach={f"{KEY}.png": logo, "image001.png": logo + b"x"},
    ).replace(b"application/octet-stream", b"image/png")  # fmt: skip
    forward = (
        f"see {KEY}\n\n---------- Forwarded message ---------\nFrom: <{KEY}>\nDate: Mon, Mar 2, 2026 at 9:31 AM\n"
        f"Subject: Of {KEY}\nTo: <bob@example.org>, <anna@lead.example>\n\nhi\n"
    )
    away = message(
        OF_HER, "bob@example.org", subject="Automatic reply: Offer", message_id="<a@x.example>", date="Mon, 02 Mar 2026 10:30:00 +0000",
        text="I am out of the office until 20 March 2026.\n", fields={"Auto-Submitted": "auto-replied"},
    )  # fmt: skip
    room.file(
        message(to=[OF_HER, "anna@lead.example"], message_id="<o@example.org>"),
        picture, away, bounce(KEY), bounce("zora+tag@xn--bcher-kva.example", minute=21), bounce(KEY, "x@y.example", minute=22),
        sender=KEY,
    )  # fmt: skip
    room.file(message(to=CAPTURE, subject="Fwd: Question", text=forward, message_id="<f@example.org>"))
    room.settle()
    before = holding(room, LETTERS, KEY, "zora+tag@")
    assert before >= {
        "address.address", "_address_form.form", "lead_address.address", "message.author_address", "envelope.reverse_path",
        "_delivery_report.address", "_delivery_report.reason", "_absence.address", "_picture.author", "_forwarded.author",
        "message_text.text", "envelope_note.note", "part.filename",
    }  # fmt: skip
    assert before <= ADDRESS_STANDS_IN

    with closing(open_store(room.path)) as db:
        found = of.find(db, LETTERS)
        assert (found.alone, found.wrote, found.named) == ((3, 4, 5), (2, 7), (1, 6))
        assert of.places(db, found) == [6], "a report on others too stays, and names her"
        erase(db, room.path.parent / "vault", found, leads=True)
    room.settle()
    assert holding(room, LETTERS, KEY, "zora+tag@") <= {"message_text.text", "message.snippet", "blob.content"}
    mine = room.rows("SELECT message_id FROM part JOIN blob USING (digest) WHERE instr(content, CAST(? AS BLOB))", KEY)
    assert set(mine) == {(6,)}, "what is left stands in the message that was told"
    assert room.rows("SELECT id FROM message WHERE id <> 6") == [(1,), (2,), (7,)]
    assert room.rows("SELECT count(*) FROM lead WHERE id = 3") == [(0,)]
    room.verify()
