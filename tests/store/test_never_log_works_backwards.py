"""`never-log add --purge`: what an entry would have stopped is found by what is stored, and goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from relay.attribution.directory import Directory
from relay.attribution.never_log import Entry, Judged, Pattern
from relay.store import purging
from relay.store.verify import verify
from tests.store.mailroom import Mailroom

OURS = Directory(domains=frozenset({"own.example"}), staff={"rep@own.example": 1, "rep@mail.example": 1})


@pytest.fixture
def mailroom(tmp_path: Path):
    room = Mailroom(tmp_path / "relay.db")
    room.db.execute("INSERT INTO _company_domain VALUES ('own.example')")
    yield room
    room.settle()
    # What came by no envelope is no mail: the mailroom writes messages alone.
    assert [str(each) for each in verify(room.db) if each.name != "envelope"] == []
    room.close()


def entry(pattern: str, mode: str = "drop-message", staff: int | None = None) -> Entry:
    read = Pattern.read(pattern)
    assert read is not None
    return Entry(read, mode, staff)


def stopped(room: Mailroom, wanted: Entry) -> dict[int, Judged]:
    found = list(purging.stopped(room.db, wanted, OURS))
    assert len(dict(found)) == len(found), "each once"
    return dict(found)


def purge(room: Mailroom, wanted: Entry) -> purging.Purged:
    messages = list(stopped(room, wanted))
    room.db.execute("BEGIN IMMEDIATE")
    done = purging.purge(room.db, wanted, messages, OURS)
    room.db.execute("COMMIT")
    assert stopped(room, wanted) == {}, "a second time finds nothing"
    return done


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("law@x.example", {1, 2}),
        ("law+a@x.example", {2}),
        ("@x.example", {1, 2, 3}),
        ("*.x.example", {1, 2, 3, 4}),
        ("@else.example", set()),
    ],
)
def test_mail_is_found_by_every_kind_of_pattern(mailroom: Mailroom, pattern: str, found: set[int]) -> None:
    for each in (
        "Law@x.example",
        "law+a@x.example",
        "lax@x.example",
        "law@a.x.example",
        "law@xx.example",
        "lawyer@y.example",
    ):
        mailroom.message("rep@own.example", ["anna@lead.example", each], direction="outgoing")
    assert set(stopped(mailroom, entry(pattern))) == found


def test_many_addresses_and_messages_are_looked_through_in_bounded_steps(
    mailroom: Mailroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "ADDRESSES", 3)
    monkeypatch.setattr(purging, "MESSAGES", 2)
    for number in range(12):
        mailroom.message("rep@own.example", [f"p{number}@x.example", "same@x.example"], on=3)
    assert set(stopped(mailroom, entry("@x.example"))) == set(range(1, 13))
    assert set(stopped(mailroom, entry("same@x.example"))) == set(range(1, 13))


def test_a_whole_domain_of_ours_stops_mail_among_ourselves_only(mailroom: Mailroom) -> None:
    mailroom.message("rep@own.example", "boss@own.example", direction="internal")
    mailroom.message("rep@own.example", "anna@lead.example", direction="outgoing")
    mailroom.message("stranger@mail.example", "rep@own.example")
    assert set(stopped(mailroom, entry("@own.example"))) == {1}
    assert set(stopped(mailroom, entry("@mail.example"))) == {3}


def test_dropped_messages_go_with_all_that_belongs_to_them_and_others_stay(mailroom: Mailroom) -> None:
    mailroom.db.execute("INSERT INTO lead (name) VALUES ('Anna')")
    mailroom.db.execute("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    for other in ("law@x.example", "max@y.example"):
        mailroom.message("rep@own.example", ["anna@lead.example", other], direction="outgoing")
    assert purge(mailroom, entry("law@x.example")) == purging.Purged(dropped=1)
    assert mailroom.db.execute("SELECT message_id FROM lead_message").fetchall() == [(2,)]
    assert mailroom.db.execute("SELECT count(*) FROM address WHERE domain = 'x.example'").fetchone() == (0,)
    assert mailroom.db.execute(
        "SELECT entity_id FROM change WHERE op = 'delete' AND entity = 'message'"
    ).fetchall() == [(1,)]


def test_a_party_is_left_out_of_what_stays_and_its_lead_loses_the_message(mailroom: Mailroom) -> None:
    for lead, address in ((1, "anna@lead.example"), (2, "law@x.example")):
        mailroom.db.execute("INSERT INTO lead (name) VALUES ('Someone')")
        mailroom.db.execute("INSERT INTO lead_address (lead_id, address) VALUES (?, ?)", (lead, address))
    mailroom.message("rep@own.example", ["law@x.example", "anna@lead.example"], direction="outgoing")
    mailroom.message("rep@own.example", "law@x.example", direction="outgoing")
    mailroom.message("law@x.example", ["rep@own.example", "anna@lead.example"])
    (seq,) = mailroom.db.execute("SELECT max(seq) FROM change").fetchone()
    assert purge(mailroom, entry("law@x.example", "drop-party")) == purging.Purged(dropped=2, left_out=1)
    assert mailroom.db.execute("SELECT lead_id, message_id FROM lead_message").fetchall() == [(1, 1)]
    assert mailroom.db.execute(
        "SELECT a.address FROM message_address m JOIN address a ON a.id = m.address_id ORDER BY m.position"
    ).fetchall() == [("rep@own.example",), ("anna@lead.example",)]
    told = mailroom.db.execute(
        "SELECT entity_id, op FROM change WHERE entity = 'message' AND seq > ? ORDER BY 1", (seq,)
    )
    assert told.fetchall() == [(1, "update"), (2, "delete"), (3, "delete")]


def test_a_personal_entry_takes_only_what_every_colleague_it_holds_for_handed_in(mailroom: Mailroom) -> None:
    for number, hands in enumerate(([1], [1, 2], [2], []), 1):
        mailroom.message("law@x.example", "desk@own.example")
        for staff in hands:
            mailroom.db.execute(
                "INSERT INTO envelope (vault_id, position, message_id, route, reverse_path, client, admitted_by, "
                "staff_id, received_at) VALUES (?, 0, ?, 'bcc', '', '', 'network', ?, '2026-03-03T12:00:00.000Z')",
                (f"0a1b2c3d-{number}{staff}", number, staff),
            )
    assert set(stopped(mailroom, entry("law@x.example", staff=1))) == {1}
    mailroom.db.execute("UPDATE message SET staff_id = 1 WHERE id = 4")
    assert set(stopped(mailroom, entry("law@x.example", staff=1))) == {1, 4}
    mailroom.db.execute("DELETE FROM envelope")
