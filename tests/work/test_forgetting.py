"""What a person takes back is gone, octet by octet, and stays away by whatever way it comes again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room

from relay.attribution.tombstone import FORGOTTEN
from relay.store import removal
from relay.store.connection import open_store

SECRET = "Krankschreibung Quarzuhr"
PRIVATE = {
    "from_": "Zacharias Quastenflosser <zacharias@privatpost.example>",
    "to": "Bob Baker <bob@example.org>",
    "subject": "Quastenflosser Diagnose",
    "text": f"Lieber Bob,\n{SECRET} im Anhang.\n",
    "message_id": "<geheimnis-771@privatpost.example>",
    "attach": {"attest-quastenflosser.pdf": b"ATTEST-INHALT-QUARZUHR" * 3000},
}
WORDS = (b"quastenflosser", b"quarzuhr", b"geheimnis-771", b"privatpost", b"zacharias")


def octets(room: Room) -> bytes:
    """All that is in the database's files."""
    with closing(open_store(room.path)) as db:
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    found = [path.read_bytes() for path in room.path.parent.glob("relay.db*")]
    return b"".join(found).lower()


def forget(room: Room, *ids: int, tombstone: bool = True) -> removal.Removed:
    with closing(open_store(room.path)) as db:
        db.execute("BEGIN IMMEDIATE")
        if tombstone:
            for each in ids:
                removal.bury(db, each)
        removed = removal.remove(db, ids)
        db.execute("COMMIT")
    room.settle()
    return removed


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_nothing_of_it_is_left_in_the_database(room: Room):
    room.sql("INSERT INTO lead (id, name) VALUES (1, 'Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    for number in range(60):
        room.file(message(message_id=f"<offer-{number}@example.org>", subject=f"Offer {number}"))
    [vault_id] = room.file(message(**PRIVATE))
    for number in range(60):
        room.file(message(message_id=f"<later-{number}@example.org>", subject=f"Later {number}"))
    [(secret,)] = room.rows("SELECT message_id FROM envelope WHERE vault_id = ?", str(vault_id))
    room.sql("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (?, 1)", secret)
    assert all(word in octets(room) for word in WORDS)
    seq = room.end_of_feed()

    removed = forget(room, secret)

    assert removed == removal.Removed((secret,), (vault_id,), ())
    assert [word for word in WORDS if word in octets(room)] == []
    assert ("message", secret, "delete") in room.told_since(seq)
    assert room.rows("SELECT outcome FROM _vault_outcome WHERE number = ?", vault_id.number) == [(FORGOTTEN,)]
    assert ("mail", str(vault_id)) in room.rows("SELECT kind, subject FROM _erasure")
    room.verify()


COPY = {"from_": PRIVATE["from_"], "to": PRIVATE["to"], "subject": PRIVATE["subject"], "text": PRIVATE["text"]}


def forwarded(at: str, words: str, to: str = "Bob Baker <bob@example.org>") -> bytes:
    """A colleague forwards the private mail, or one like it, in the text."""
    return message(
        to=CAPTURE,
        subject=f"Fwd: {PRIVATE['subject']}",
        message_id="<f@example.org>",
        text="---------- Forwarded message ---------\nFrom: Zacharias Quastenflosser <zacharias@privatpost.example>\n"
        f"Date: Mon, 2 Mar 2026 at {at}\nSubject: {PRIVATE['subject']}\nTo: {to}\n\n{words}",
    )


@pytest.mark.parametrize(
    "again",
    [
        message(**PRIVATE),
        message(**{**PRIVATE, "cc": "kim@example.org"}),  # another colleague's copy
        message(**{**PRIVATE, "text": str(PRIVATE["text"]) + "--\nFooter of a list\n"}),
        message(
            to=CAPTURE, subject="Fwd: private", text="", message_id="<w@example.org>", forward=[message(**PRIVATE)]
        ),
        forwarded("11:15", f"Lieber Bob,\n{SECRET} im Anhang.\n"),
        forwarded("10:15", f"{SECRET[:12]} [...]\n"),
    ],
    ids=["retry", "copy", "footer", "attached", "inline", "inline, its words cut"],
)
def test_whatever_brings_it_again_is_dropped_and_erased(room: Room, again: bytes):
    [vault_id] = room.file(message(**PRIVATE))
    forget(room, 1)

    [back] = room.file(again)

    assert room.rows("SELECT count(*) FROM message") == [(0,)]
    assert room.rows("SELECT outcome FROM _vault_outcome ORDER BY number") == [(FORGOTTEN,), (FORGOTTEN,)]
    queued = {subject for kind, subject in room.rows("SELECT kind, subject FROM _erasure") if kind == "mail"}
    assert queued == {str(vault_id), str(back)}
    assert [word for word in WORDS if word in octets(room)] == []
    room.verify()


@pytest.mark.parametrize(
    "other",
    [
        {**PRIVATE, "message_id": "<another@privatpost.example>"},  # its like, written by a person again
        {**PRIVATE, "subject": "Something else", "text": "Other words.\n"},  # a program that has one Message-ID for all
        {**PRIVATE, "from_": "Carla <carla@privatpost.example>"},
    ],
    ids=["another Message-ID", "one Message-ID for all", "another author"],
)
def test_another_mail_is_not_taken_for_it(room: Room, other: dict[str, object]):
    room.file(message(**PRIVATE))
    forget(room, 1)
    room.file(message(**other))
    assert room.rows("SELECT count(*) FROM message") == [(1,)]
    room.verify()


@pytest.mark.parametrize(
    "other",
    [
        forwarded("10:40", "Noch etwas: bis morgen!\n"),
        forwarded("10:15", "Noch etwas: bis morgen!\n", to="Kim Lee <kim@example.org>"),
    ],
    ids=["the next one of the conversation", "one to somebody else in the same minute"],
)
def test_a_forward_of_another_mail_is_not_taken_for_it(room: Room, other: bytes):
    room.file(message(**PRIVATE))
    forget(room, 1)
    room.file(other)
    assert room.rows("SELECT count(*) FROM message") == [(1,)]
    room.verify()


def test_a_tombstone_is_a_hash_and_no_other_database_has_the_same(tmp_path: Path):
    found = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        room = Room(tmp_path / name)
        room.file(message(**PRIVATE))
        forget(room, 1)
        found.append({mark for (mark,) in room.rows("SELECT mark FROM _tombstone")})
    assert all(len(mark) == 64 and set(mark) <= set("0123456789abcdef") for mark in found[0])
    assert found[0]
    assert not found[0] & found[1]


def test_of_several_originals_one_goes_and_no_reading_brings_it_back(room: Room):
    others = [message(message_id=f"<o{n}@lead.example>", subject=f"Other {n}") for n in range(2)]
    wrapper = message(
        to=CAPTURE, subject="Fwd", message_id="<w@example.org>", forward=[others[0], message(**PRIVATE), others[1]]
    )
    [vault_id] = room.file(wrapper)
    [(secret,)] = room.rows("SELECT id FROM message WHERE subject = ?", PRIVATE["subject"])

    removed = forget(room, secret)

    assert removed == removal.Removed((secret,), (), (vault_id,))
    assert room.rows("SELECT outcome FROM _vault_outcome") == [("filed",)]
    room.again()  # refile, before the vault's copy is overwritten
    assert [subject for (subject,) in room.rows("SELECT subject FROM message ORDER BY id")] == ["Other 0", "Other 1"]
    assert [word for word in WORDS if word in octets(room)] == []
    assert ("mail", str(vault_id)) in room.rows("SELECT kind, subject FROM _erasure")
    room.verify()


def test_what_the_lead_answered_is_not_missing_then(room: Room):
    room.sql("INSERT INTO lead (id, name) VALUES (1, 'Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    asked = {"message_id": "<asked@example.org>", "subject": "Offer"}
    answer = {
        "from_": "anna@lead.example", "to": "bob@example.org", "subject": "Re: Offer",
        "fields": {"In-Reply-To": "<asked@example.org>", "References": "<asked@example.org>"},
    }  # fmt: skip
    room.file(message(**asked), message(**answer, message_id="<a1@lead.example>"))
    forget(room, 1)
    room.file(message(**answer, text="And more.\n", message_id="<a2@lead.example>"))
    assert room.rows("SELECT count(*) FROM message") == [(2,)]
    assert room.rows("SELECT * FROM missing_message") == []
    assert len(room.rows("SELECT DISTINCT thread_id FROM message")) == 1
    room.verify()


def test_a_part_that_others_have_too_stays_with_them(room: Room):
    shared = {"price.pdf": b"PRICES" * 100}
    room.file(message(message_id="<1@example.org>", subject="One", attach=shared))
    room.file(message(message_id="<2@example.org>", subject="Two", attach=shared))
    forget(room, 1)
    assert room.rows("SELECT content FROM blob") == [(b"PRICES" * 100,)]
    room.verify()


def test_an_address_of_a_lead_keeps_its_row_and_new_mail_finds_the_lead(room: Room):
    room.sql("INSERT INTO lead (id, name) VALUES (1, 'Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    room.file(message(message_id="<1@example.org>", cc="carla@gone.example"))
    forget(room, 1)
    assert room.rows("SELECT address FROM address ORDER BY 1") == [("anna@lead.example",)]
    room.file(message(message_id="<2@example.org>", subject="Next", text="Other words.\n"))
    assert room.rows("SELECT lead_id FROM lead_message") == [(1,)]
    room.verify()


def test_no_table_that_belongs_to_a_message_is_forgotten(room: Room):
    """Every column of ours that names a message, an envelope or an address is gone through."""
    room.file(message(**PRIVATE))
    with closing(open_store(room.path)) as db:
        columns = {
            (table, column[1])
            for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for column in db.execute(f"PRAGMA table_info({table})")
        }
    owned = {
        (table, column) for table, column in columns if column in ("message_id", "envelope_id", "address_id", "part_id")
    }
    forget(room, 1)
    left = [each for each in owned if room.rows(f"SELECT 1 FROM {each[0]} WHERE {each[1]} IS NOT NULL LIMIT 1")]
    assert left == []
