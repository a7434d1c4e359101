"""The same small picture again and again from one author is a piece of a signature, whatever its name."""

from __future__ import annotations

import contextlib
import itertools
import random
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import pytest
from rereading_room import Room, Shelf, Shelved

from relay.store.connection import open_store

LOGO = b"\x89PNG\r\n\x1a\n" + b"logo" * 700
ICON = b"\x89PNG\r\n\x1a\n" + b"icon" * 50
PDF = b"%PDF-1.7 price list"

KINDS = (
    "SELECT m.internet_message_id, p.filename, p.kind FROM part p JOIN message m ON m.id = p.message_id ORDER BY 1, 2"
)


@pytest.fixture
def room(tmp_path):
    room = Room(tmp_path)
    yield room
    room.verify()


def letter(
    number: int,
    *,
    author: str = "anna@lead.example",
    shown: tuple[bytes, ...] = (LOGO,),
    attached: tuple[tuple[str, str, bytes], ...] = (),
    cid: str = "",
) -> bytes:
    """A mail with pictures in its HTML, and files."""
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = author, "bob@example.org", f"Letter {number}"
    mail["Date"], mail["Message-ID"] = "Mon, 02 Mar 2026 10:15:00 +0000", f"<{number}@lead.example>"
    mail.set_content(f"Letter {number}")
    mail.add_alternative(
        "<p>Letter</p>" + "".join(f'<img src="cid:i{n}@x">' for n in range(len(shown))), subtype="html"
    )
    body = mail.get_payload()[1]
    for n, picture in enumerate(shown):
        body.add_related(picture, "image", "png", cid=f"<i{n}@x>", filename=f"image00{n}.png")
    for name, media_type, content in attached:
        options = {"cid": f"<{cid}>"} if cid else {}
        mail.add_attachment(content, *media_type.split("/"), filename=name, **options)
    return mail.as_bytes()


def kinds(room: Room) -> list[str]:
    return [kind for _, _, kind in room.rows(KINDS)]


def test_a_picture_in_three_messages_of_one_author_is_a_signature_on_all_of_them(room):
    room.file(letter(1), letter(2))
    assert kinds(room) == ["inline"] * 2
    room.file(letter(3))
    assert kinds(room) == ["signature"] * 3
    room.file(letter(4), letter(5))
    assert kinds(room) == ["signature"] * 5


def test_every_message_that_changes_is_told_once_however_many_pictures_its_signature_has(room):
    room.file(letter(1, shown=(LOGO, ICON)), letter(2, shown=(LOGO, ICON)))
    end = room.end_of_feed()
    room.file(letter(3, shown=(LOGO, ICON)))
    told = [(op, i) for entity, i, op in room.told_since(end) if entity == "message"]
    assert sorted(told) == [("insert", 3), ("update", 1), ("update", 2)]


def test_the_same_picture_of_three_authors_is_no_logo(room):
    room.file(*(letter(n, author=f"a{n}@lead.example") for n in range(3)))
    assert kinds(room) == ["inline"] * 3


def test_a_picture_three_times_in_one_message_is_one_message(room):
    room.file(letter(1, shown=(LOGO, LOGO, LOGO)), letter(2))
    assert kinds(room) == ["signature"] * 3 + ["inline"]


@pytest.mark.parametrize("sent", [("prices.pdf", "application/pdf", PDF), ("IMG_1.jpg", "image/jpeg", LOGO),
                                  ("image001.png", "image/png", LOGO * 10)])  # fmt: skip
def test_what_a_person_attaches_stays_an_attachment_however_often_it_is_sent(room, sent):
    room.file(*(letter(n, author="bob@example.org", shown=(), attached=(sent,)) for n in range(6)))
    assert kinds(room) == ["attachment"] * 6


@pytest.mark.parametrize(("name", "cid"), [("image001.png", ""), ("Outlook-a1b2c3.png", ""), ("bob.png", "x@y")])
def test_a_logo_that_a_program_attached_is_no_attachment_once_it_returns(room, name, cid):
    files = ((name, "image/png", LOGO),)
    room.file(*(letter(n, shown=(), attached=files, cid=cid) for n in range(2)))
    assert room.rows("SELECT attachment_count FROM message") == [(1,), (1,)]
    room.file(letter(2, shown=(), attached=(*files, ("offer.pdf", "application/pdf", PDF)), cid=cid))
    assert room.rows("SELECT attachment_count FROM message ORDER BY id") == [(0,), (0,), (1,)]


def test_any_order_of_arrival_gives_the_same(tmp_path):
    mails = [
        letter(1), letter(2, shown=(LOGO, ICON)), letter(3, author="eve@lead.example"), letter(4, shown=(ICON,)),
        letter(5, shown=(), attached=(("image001.png", "image/png", LOGO),)),
    ]  # fmt: skip
    seen = set()
    for n, order in enumerate(random.Random(7).sample(list(itertools.permutations(mails)), 8)):
        (folder := tmp_path / f"{n}").mkdir()
        room = Room(folder)
        for mail in order:
            room.file(mail)
        room.verify()
        seen.add(
            str((room.rows(KINDS), room.rows("SELECT internet_message_id, attachment_count FROM message ORDER BY 1")))
        )
    assert len(seen) == 1, seen
    assert "signature" in seen.pop()


def test_when_too_few_are_left_they_are_what_they_were(room):
    files = (("image001.png", "image/png", LOGO),)
    room.file(letter(1), letter(2, shown=(), attached=files), letter(3))
    assert kinds(room) == ["signature"] * 3
    with room.filing() as store, store.renewing() as renewal:
        renewal._merge(3, 2)  # the third is the second, as it turned out
    assert kinds(room) == ["inline", "attachment"]
    assert room.rows("SELECT attachment_count FROM message ORDER BY id") == [(0,), (1,)]


def test_mail_that_was_filed_before_is_counted_when_it_is_read_again(room):
    room.file(*(letter(n) for n in range(3)))
    with contextlib.closing(open_store(room.path)) as db:  # as an older version left it
        db.execute("DELETE FROM _picture")
        db.execute("UPDATE part SET kind = 'inline'")
    room.again()
    assert kinds(room) == ["signature"] * 3
    end = room.end_of_feed()
    assert [again.renewed for again in room.again()] == [()] * 3
    assert room.end_of_feed() == end


def test_reading_again_that_changes_the_author_counts_for_the_new_one(room):
    room.file(*(letter(n) for n in range(3)))
    with contextlib.closing(open_store(room.path)) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM _picture WHERE message_id = 1")  # it was read as somebody else's
        db.execute("UPDATE message SET author_address = 'x@lead.example' WHERE id = 1")
        db.execute("UPDATE part SET kind = 'inline' WHERE message_id = 1")
        db.execute(
            "INSERT INTO _picture SELECT id, message_id, digest, 'x@lead.example', kind FROM part WHERE message_id = 1"
        )
        db.execute("COMMIT")
    assert kinds(room) == ["inline"] * 3
    room.verify()
    room.again(1)
    assert kinds(room) == ["signature"] * 3


def test_made_anew_from_the_vault_they_are_the_same_whatever_else_is_looked_at(tmp_path):
    room = Room(tmp_path)
    room.shelf = Shelved(tmp_path / "vault")
    room.file(*(letter(n) for n in range(4)), letter(9, shown=(), attached=(("image001.png", "image/png", LOGO),)))
    for sample in (1, None):
        compared = room.rebuilt(sample)
        assert (compared.differences, compared.outdated) == ([], 0)
    room.verify()


def test_mail_of_which_only_facts_are_kept_counts_when_its_text_comes(tmp_path: Path):
    room = Room(tmp_path, keeps_unknown=False)
    assert isinstance(room.shelf, Shelf)
    room.file(*(letter(n) for n in range(3)))
    assert kinds(room) == []
    room.sql("INSERT INTO lead (name) VALUES ('Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    room.settle()
    assert kinds(room) == ["signature"] * 3
    room.verify()
