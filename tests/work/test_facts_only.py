"""`[filing] unknown = "facts"`: of mail with no known lead nothing of the body is kept, until a lead appears."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room

from relay.store.search import Indexer

WORD = "Quetzalcoatl"
"""Stands in every body, every attachment, and nowhere in a subject."""

FACTS_ONLY = '["text-not-kept"]'


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path, keeps_unknown=False)
    room.sql("INSERT INTO lead (name) VALUES ('Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    return room


def mail(number: int, *, to: str = "carl@new.example", size: int = 10, **named) -> bytes:
    return message(
        to=to, subject=f"Subject {number}", message_id=f"<{number}@example.org>", text=f"{WORD} said this.\n",
        html=f"<p>{WORD} said <b>this</b></p>", attach={f"{number}.bin": WORD.encode() * size}, **named,
    )  # fmt: skip


def written(room: Room) -> bool:
    """Does the word stand anywhere in the files of both databases, also in what was deleted?"""
    with contextlib.closing(Indexer(room.path)) as indexer:
        while indexer.catch_up():
            pass
    files = [path for path in room.path.parent.iterdir() if ".db" in path.name]
    assert any(b"Subject 1" in path.read_bytes() for path in files), "the databases are read as they are"
    return any(WORD.encode() in path.read_bytes() for path in files)


def texts(room: Room) -> list[tuple[object, ...]]:
    return room.rows(
        "SELECT m.id, t.text <> '', t.html <> '', m.snippet <> '', m.attachment_count, m.defects,"
        " (SELECT count(*) FROM part p WHERE p.message_id = m.id) FROM message m"
        " JOIN message_text t ON t.message_id = m.id ORDER BY m.id"
    )


KEPT, BARE = (1, 1, 1, 1, "[]", 1), (0, 0, 0, 0, FACTS_ONLY, 0)


def test_nothing_of_a_body_is_ever_written_of_mail_with_no_lead_nor_of_mail_among_ourselves(room: Room) -> None:
    room.file(
        mail(1),
        mail(2, to="boss@example.org"),
        mail(3, size=100_000),
        message(to=CAPTURE, subject="Fwd", text=f"{WORD} in a note\n", forward=[mail(4, from_="max@x.example")]),
    )
    room.settle()
    assert [row[1:] for row in texts(room)] == [BARE] * 4
    assert not written(room)
    assert room.rows("SELECT subject, author_address FROM message WHERE id = 1") == [("Subject 1", "bob@example.org")]
    assert room.rows("SELECT count(*) FROM message_address")[0][0] == 8, "who is on it is known"
    assert room.rows("SELECT party_address, why FROM unresolved_message WHERE message_id = 1") == [
        ("carl@new.example", "no-lead")
    ]
    room.verify()


def test_mail_on_a_lead_is_kept_and_told_once(room: Room) -> None:
    seq = room.end_of_feed()
    room.file(mail(1), mail(2, to="anna@lead.example"), mail(3, to="Anna@LEAD.example, carl@new.example"))
    assert [row[1:] for row in texts(room)] == [BARE, KEPT, KEPT]
    assert room.told_since(seq) == [("message", n, "insert") for n in (1, 2, 3)]
    assert room.rows("SELECT * FROM _facts_only") == [(1,)]
    room.settle()
    assert room.told_since(seq) == [("message", n, "insert") for n in (1, 2, 3)]
    room.verify()


def test_a_large_attachment_of_mail_on_a_lead_comes_a_moment_later(room: Room) -> None:
    room.file(mail(1, to="anna@lead.example", size=100_000))
    room.settle()
    assert [row[1:] for row in texts(room)] == [KEPT]
    assert room.rows("SELECT * FROM _facts_only") == []
    room.verify()


def test_a_thread_makes_a_lead_known_and_the_older_mail_of_it_too(room: Room) -> None:
    room.file(mail(1, fields={"References": "<0@q.example>"}))
    room.file(
        message(
            from_="anna@lead.example", to="bob@example.org", subject="Subject 1", message_id="<2@lead.example>",
            fields={"In-Reply-To": "<1@example.org>"}, text="I agree.\n",
        )
    )  # fmt: skip
    assert room.rows("SELECT message_id, reason FROM lead_message ORDER BY 1") == [(1, "thread"), (2, "address")]
    room.settle()
    assert texts(room)[0][1:] == KEPT
    room.file(
        message(
            from_="new@lead.example", to="bob@example.org", subject="Subject 1", message_id="<3@lead.example>",
            fields={"In-Reply-To": "<2@lead.example>"}, text="Me too.\n",
        )
    )  # fmt: skip
    assert room.rows("SELECT reason FROM lead_message WHERE message_id = 3") == [("thread",)]
    assert room.rows("SELECT text FROM message_text WHERE message_id = 3") == [("Me too.",)]
    room.verify()


@pytest.mark.parametrize(
    "writes",
    [
        ["INSERT INTO lead_address (lead_id, address) VALUES (1, 'Carl@new.example')"],
        ["INSERT INTO lead (id, name) VALUES (7, 'Carl')", "INSERT INTO lead_address (lead_id, address) VALUES (7, 'carl@new.example')"],
        ["INSERT INTO lead_address (lead_id, address) VALUES (7, 'carl@new.example')", "INSERT INTO lead (id, name) VALUES (7, 'Carl')"],
        ["INSERT INTO explicit_attribution (message_id, lead_id) VALUES (1, 1)"],
        ["INSERT INTO explicit_attribution (message_id, lead_id, verdict) VALUES (1, 1, 'detach')", "UPDATE explicit_attribution SET verdict = 'attach'"],
        ["UPDATE lead_address SET address = 'carl@new.example'"],
    ],
)  # fmt: skip
def test_the_text_comes_when_a_lead_appears_however_a_crm_writes_it(room: Room, writes: list[str]) -> None:
    room.file(mail(1), mail(2, to="else@new.example"))
    for statement in writes:
        room.sql(statement)
        seq = room.end_of_feed()
        room.settle()
    assert [row[1:] for row in texts(room)] == [KEPT, BARE]
    assert [row for row in room.told_since(seq) if row[0] == "message"] == [("message", 1, "update")]
    assert room.rows("SELECT * FROM _read_again") == []
    room.verify()


def test_an_address_that_is_no_longer_a_colleagues_makes_its_mail_known(room: Room) -> None:
    room.sql("INSERT INTO staff_address (staff_id, address) VALUES (1, 'carl@new.example')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'carl@new.example')")
    room.file(mail(1, from_="max@x.example"))
    assert [row[1:] for row in texts(room)] == [BARE]
    room.sql("DELETE FROM staff_address")
    room.settle()
    assert [row[1:] for row in texts(room)] == [KEPT]


def test_mail_among_ourselves_gets_its_text_only_when_a_person_puts_it_on_a_lead(room: Room) -> None:
    room.file(mail(1, to="boss@example.org"))
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'boss@example.org')")
    room.settle()
    assert [row[1:] for row in texts(room)] == [BARE], "an address in our own domain is no lead's business"
    room.sql("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (1, 1)")
    room.settle()
    assert [row[1:] for row in texts(room)] == [KEPT]
    room.verify()


def test_a_lead_that_goes_takes_no_text_away(room: Room) -> None:
    room.file(mail(1, to="anna@lead.example"))
    room.sql("DELETE FROM lead_address")
    room.settle()
    room.again()
    room.settle()
    assert [row[1:] for row in texts(room)] == [KEPT]
    assert room.rows("SELECT * FROM lead_message") == []


def test_what_the_vault_has_no_more_stays_facts_only(room: Room) -> None:
    room.file(mail(1))
    room.shelf.mails.clear()
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'carl@new.example')")
    room.settle()
    assert [row[1:] for row in texts(room)] == [BARE]
    assert room.rows("SELECT * FROM _read_again") == []
    room.verify()


def test_reading_again_leaves_facts_only_as_they_are_until_everything_is_to_be_kept(room: Room) -> None:
    room.file(mail(1), mail(2, to="boss@example.org"), mail(3, size=100_000))
    room.again()
    assert [row[1:] for row in texts(room)] == [BARE] * 3
    assert not written(room)
    room.keeps_unknown = True
    with room.filing() as store:
        assert store.outdated("1", 0, 10) == [1, 2, 3]
    room.again()
    assert [row[1:] for row in texts(room)] == [KEPT] * 3
    room.verify()


def test_more_originals_than_before_are_facts_only_too_unless_they_are_on_a_lead(room: Room) -> None:
    first, second = mail(1, from_="max@x.example"), mail(2, from_="anna@lead.example")
    both = message(to=CAPTURE, subject="Fwd", text="Two.\n", message_id="<w@x>", forward=[first, second])
    room.file(both, older=lambda records: records[:1])
    assert [row[1:] for row in texts(room)] == [BARE]
    room.again()
    assert [row[1:] for row in texts(room)] == [BARE, BARE]
    room.settle()
    assert [row[1:] for row in texts(room)] == [BARE, KEPT]
    room.verify()


def test_an_attachment_that_is_not_kept_however_large_calls_for_no_second_reading(tmp_path: Path) -> None:
    room = Room(tmp_path, keeps_unknown=False, attachments_up_to=1000)
    room.sql("INSERT INTO lead (name) VALUES ('Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    room.file(mail(1, to="anna@lead.example", size=30_000))
    assert [row[1:] for row in texts(room)] == [(1, 1, 1, 1, '["attachments-not-kept"]', 1)]
    assert room.rows("SELECT count(*) FROM blob") == [(0,)]
    assert room.rows("SELECT * FROM _read_again") == []
    room.verify()


def test_a_message_of_which_only_facts_are_kept_can_be_deleted(room: Room) -> None:
    room.file(mail(1))
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'carl@new.example')")
    assert room.rows("SELECT * FROM _read_again") == [(1,)]
    room.sql("DELETE FROM message WHERE id = 1")
    assert room.rows("SELECT * FROM _facts_only UNION SELECT * FROM _read_again") == []


def test_the_daemon_keeps_facts_only_and_fetches_the_text_within_moments(relay_running) -> None:
    relay = relay_running('[filing]\nunknown = "facts"\n')
    relay.run("lead", "add", "Anna", "anna@lead.example")
    relay.filed(*relay.send(mail(1), mail(2, to="anna@lead.example"), mail(3, to="boss@example.org")))
    rows = relay.sql("SELECT defects, snippet <> '' FROM message ORDER BY id")
    assert rows == [[FACTS_ONLY, 0], ["[]", 1], [FACTS_ONLY, 0]]
    assert "Facts only" in relay.run("explain", "1")
    relay.sql("INSERT INTO lead (name) VALUES ('Carl')")
    relay.sql("INSERT INTO lead_address (lead_id, address) VALUES (2, 'carl@new.example')")
    relay.until("SELECT text LIKE ? FROM message_text WHERE message_id = 1", f"{WORD}%")
    assert relay.sql("SELECT defects, attachment_count FROM message WHERE id = 1") == [["[]", 1]]
    relay.until("SELECT count(*) FROM change WHERE entity = 'message' AND entity_id = 1 AND op = 'update'")
