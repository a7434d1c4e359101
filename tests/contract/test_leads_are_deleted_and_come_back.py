"""A lead that a CRM deletes on purpose floods no list; one that it replaces, in whatever words, loses nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.store import relation
from relay.store.migrations import prepare
from relay.store.verify import verify
from tests.store.mailroom import Mailroom, day
from tests.store.stranger import Stranger

UNRESOLVED = "SELECT message_id FROM unresolved_message ORDER BY message_id"


@pytest.fixture
def anna(mailroom: Mailroom, crm: Stranger) -> Stranger:
    """Lead 1 with two mails, a third by a decision, a fourth by its thread; mail 5 is nobody's."""
    mailroom.db.execute("INSERT INTO _company_domain VALUES ('own.example')")
    thread = mailroom.thread()
    mailroom.message("anna@x.example", "rep@own.example", thread=thread)
    mailroom.message("rep@own.example", "anna@x.example", direction="outgoing")
    mailroom.message("bob@y.example", "rep@own.example")
    mailroom.message("anna.private@z.example", "rep@own.example", thread=thread)
    mailroom.message("nobody@y.example", "rep@own.example")
    crm("INSERT INTO lead (id, external_id) VALUES (1, 'c-1')")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    crm("INSERT INTO deal (id, lead_id, external_id) VALUES (1, 1, 'd-1')")
    crm("INSERT INTO explicit_attribution (message_id, lead_id, deal_id) VALUES (3, 1, 1)")
    mailroom.settle()
    assert timeline(crm, 1) == [[1], [2], [3], [4]]
    assert crm(UNRESOLVED) == [[5]]
    return crm


def timeline(crm: Stranger, lead: int) -> list[list[object]]:
    return crm("SELECT message_id FROM lead_timeline WHERE lead_id = ? ORDER BY message_id", lead)


def sound(room: Mailroom) -> None:
    assert [str(difference) for difference in verify(room.db)] == []


@pytest.mark.usefixtures("no_grace")
def test_the_mail_of_a_deleted_lead_waits_for_nobody_before_and_after_the_sweep(
    mailroom: Mailroom, anna: Stranger
) -> None:
    anna("DELETE FROM lead")
    assert timeline(anna, 1) == []
    assert anna(UNRESOLVED) == [[5]]
    mailroom.settle()
    assert anna(UNRESOLVED) == [[5]]
    assert anna("SELECT (SELECT count(*) FROM lead_address) + (SELECT count(*) FROM lead_message)") == [[0]]
    sound(mailroom)


@pytest.mark.usefixtures("no_grace")
@pytest.mark.parametrize("at_once", [True, False])
def test_nor_when_an_orm_deletes_what_belongs_to_it_first(mailroom: Mailroom, anna: Stranger, at_once: bool) -> None:
    if at_once:
        anna("BEGIN IMMEDIATE")
    anna("DELETE FROM explicit_attribution WHERE lead_id = 1")
    anna("DELETE FROM deal WHERE lead_id = 1")
    anna("DELETE FROM lead_address WHERE lead_id = 1")
    anna("DELETE FROM lead WHERE id = 1")
    if at_once:
        anna("COMMIT")
    assert anna(UNRESOLVED) == [[5]]
    mailroom.settle()
    assert anna(UNRESOLVED) == [[5]]
    sound(mailroom)


@pytest.mark.usefixtures("no_grace")
def test_new_mail_of_a_deleted_lead_waits_for_a_person_and_goes_on_waiting(mailroom: Mailroom, anna: Stranger) -> None:
    anna("DELETE FROM lead")
    new = mailroom.message("anna@x.example", "rep@own.example")
    assert anna(UNRESOLVED) == [[5], [new]]
    mailroom.settle()
    newer = mailroom.message("anna@x.example", "rep@own.example")
    assert anna(UNRESOLVED) == [[5], [new], [newer]]
    # making a lead of it brings the old mail, too
    anna("INSERT INTO lead (id) VALUES (9)")
    anna("INSERT INTO lead_address (lead_id, address) VALUES (9, 'anna@x.example')")
    assert timeline(anna, 9) == [[1], [2], [new], [newer]]
    mailroom.settle()
    assert timeline(anna, 9) == [[1], [2], [4], [new], [newer]]
    anna("DELETE FROM lead_address")
    assert [1] in anna(UNRESOLVED), "an address taken off a lead that stays is another matter"
    mailroom.settle()
    sound(mailroom)


def test_mail_that_a_person_took_off_a_lead_still_waits_when_the_lead_is_deleted(
    mailroom: Mailroom, anna: Stranger
) -> None:
    anna("INSERT INTO explicit_attribution (message_id, lead_id, verdict) VALUES (2, 1, 'detach')")
    assert anna(UNRESOLVED) == [[2], [5]]
    anna("DELETE FROM lead")
    assert anna(UNRESOLVED) == [[2], [5]]
    sound(mailroom)


def test_an_address_taken_off_long_ago_is_no_part_of_the_deletion(mailroom: Mailroom, anna: Stranger) -> None:
    anna("DELETE FROM lead_address")
    mailroom.db.execute("UPDATE _last_lead SET left_at = '2020-01-01T00:00:00.000Z'")
    before = anna(UNRESOLVED)
    assert [1] in before
    anna("DELETE FROM lead")
    assert anna(UNRESOLVED) == before


def test_did_it_arrive_is_answered_for_mail_of_a_deleted_lead(
    mailroom: Mailroom, anna: Stranger, no_grace: None
) -> None:
    mailroom.db.execute(
        "INSERT INTO envelope (vault_id, message_id, route, received_at) SELECT '00000000-' || id, id, 'bcc', received_at FROM message"
    )
    why = "SELECT message_id, why FROM handed_in ORDER BY message_id"
    assert anna(why) == [[1, None], [2, None], [3, None], [4, None], [5, "no-lead"]]
    anna("DELETE FROM lead")
    deleted = [[n, "lead-deleted"] for n in (1, 2, 3, 4)] + [[5, "no-lead"]]
    assert anna(why) == deleted
    mailroom.settle()
    assert anna(why) == deleted


@pytest.mark.parametrize("recursive", [0, 1])
@pytest.mark.parametrize("foreign_keys", [0, 1])
@pytest.mark.parametrize(
    "replace",
    [
        ("INSERT OR REPLACE INTO lead (id, external_id) VALUES (1, 'c-1')",),
        ("INSERT OR REPLACE INTO lead (external_id) VALUES ('c-1')",),
        ("REPLACE INTO lead (id, external_id) VALUES (77, 'c-1')",),
        ("DELETE FROM lead WHERE id = 1", "INSERT INTO lead (id, external_id) VALUES (1, 'c-1')"),
        ("DELETE FROM lead WHERE external_id = 'c-1'", "INSERT INTO lead (external_id) VALUES ('c-1')"),
        ("UPDATE lead SET id = 50 WHERE id = 1",),
        ("UPDATE lead SET external_id = 'other' WHERE id = 1",),
        ("INSERT INTO lead (external_id) VALUES ('n')", "UPDATE OR REPLACE lead SET external_id = 'c-1' WHERE external_id = 'n'"),
        ("INSERT INTO lead (external_id) VALUES ('c-1') ON CONFLICT (external_id) DO UPDATE SET name = excluded.name",),
        ("INSERT INTO lead (id, external_id) VALUES (1, 'c-1') ON CONFLICT (id) DO UPDATE SET external_id = excluded.external_id, name = 'A'",),
        ("UPDATE lead SET id = id, external_id = external_id, name = name, status = status, merged_into = merged_into, extra = extra",),
    ],
    ids=lambda statements: statements[-1][:50],
)  # fmt: skip
def test_a_lead_that_is_replaced_keeps_everything(
    mailroom: Mailroom, anna: Stranger, replace: tuple[str, ...], recursive: int, foreign_keys: int
) -> None:
    anna(f"PRAGMA recursive_triggers = {recursive}")
    anna(f"PRAGMA foreign_keys = {foreign_keys}")
    for sql in replace:
        anna(sql)
    [[lead]] = anna("SELECT id FROM lead")
    assert timeline(anna, int(str(lead))) == [[1], [2], [3]] + ([[4]] if lead == 1 else [])
    mailroom.settle()  # threads are the relay's
    assert timeline(anna, int(str(lead))) == [[1], [2], [3], [4]]
    assert anna("SELECT lead_id, address FROM lead_address") == [[lead, "anna@x.example"]]
    assert anna("SELECT lead_id FROM deal") == [[lead]]
    assert anna("SELECT message_id, lead_id, deal_id FROM explicit_attribution") == [[3, lead, 1]]
    assert anna(UNRESOLVED) == [[5]]
    sound(mailroom)


@pytest.mark.parametrize("recursive", [0, 1])
@pytest.mark.parametrize(
    "replace",
    [
        "INSERT OR REPLACE INTO deal (id, lead_id, external_id) VALUES (1, 1, 'd-1')",
        "INSERT OR REPLACE INTO deal (lead_id, external_id) VALUES (1, 'd-1')",
        "UPDATE deal SET id = 9",
        "INSERT INTO deal (lead_id, external_id) VALUES (1, 'd-1') ON CONFLICT (external_id) DO UPDATE SET title = 'T'",
    ],
)
def test_a_deal_that_is_replaced_keeps_its_mail(anna: Stranger, replace: str, recursive: int) -> None:
    anna(f"PRAGMA recursive_triggers = {recursive}")
    anna(replace)
    [[deal]] = anna("SELECT id FROM deal")
    assert anna("SELECT deal_id FROM lead_timeline WHERE message_id = 3") == [[deal]]


def test_a_deal_that_takes_the_place_of_another_takes_its_mail(anna: Stranger) -> None:
    anna("INSERT INTO deal (id, lead_id, external_id) VALUES (2, 1, 'd-2')")
    anna("UPDATE OR REPLACE deal SET external_id = 'd-1' WHERE id = 2")
    assert anna("SELECT id FROM deal") == [[2]]
    assert anna("SELECT deal_id FROM lead_timeline WHERE message_id = 3") == [[2]]


def test_colleagues_that_are_replaced_or_renumbered_keep_their_addresses(anna: Stranger) -> None:
    anna("INSERT INTO staff (id, name) VALUES (4, 'Rep')")
    anna("INSERT INTO staff_address (staff_id, address) VALUES (4, 'rep@private.example')")
    anna("INSERT OR REPLACE INTO staff (id, name) VALUES (4, 'Rep R.')")
    anna("INSERT OR REPLACE INTO staff_address (staff_id, address) VALUES (4, 'Rep@private.example')")
    anna("UPDATE staff SET id = 8")
    assert anna("SELECT staff_id, address_key FROM staff_address") == [[8, "rep@private.example"]]


def test_an_address_of_a_colleague_names_the_leads_it_takes_mail_from(anna: Stranger) -> None:
    told = "SELECT op, lead_id FROM change WHERE entity = 'staff_address' AND lead_id IS NOT NULL"
    anna("INSERT INTO staff_address (staff_id, address) VALUES (4, 'ANNA@x.example')")
    assert [1] not in timeline(anna, 1)
    assert anna(told) == [["insert", 1]]
    anna("DELETE FROM staff_address")
    assert anna(told) == [["insert", 1], ["delete", 1]]


@pytest.fixture
def many(tmp_path: Path) -> Iterator[tuple[Mailroom, Stranger]]:
    """2,000 leads with three mails each."""
    path = tmp_path / "relay.db"
    prepare(path)
    room, crm = Mailroom(path), Stranger(path)
    room.db.execute("BEGIN")
    for n in range(1, 2001):
        room.db.execute("INSERT INTO lead (id) VALUES (?)", (n,))
        room.db.execute("INSERT INTO lead_address (lead_id, address) VALUES (?, ?)", (n, f"a{n}@x.example"))
        room.address(f"a{n}@x.example")
    at = day(5)
    for n in range(6000):
        message = room.db.execute(
            "INSERT INTO message (direction, originated_at, received_at) VALUES ('incoming', ?, ?)", (at, at)
        ).lastrowid
        room.db.execute(
            "INSERT INTO message_address (message_id, address_id, originated_at, role) VALUES (?, ?, ?, 'from')",
            (message, n % 2000 + 1, at),
        )
    relation.relate(room.db, range(1, 6001))
    room.db.execute("COMMIT")
    room.settle()
    yield room, crm
    crm.close()
    room.close()


@pytest.mark.usefixtures("no_grace")
def test_leads_deleted_in_bulk_are_gone_at_once_and_swept_in_short_steps(many: tuple[Mailroom, Stranger]) -> None:
    room, crm = many
    began = time.monotonic()
    crm("DELETE FROM lead")
    assert time.monotonic() - began < 5, "a fraction of a second on any machine"
    assert crm("SELECT count(*) FROM lead_timeline") == crm("SELECT count(*) FROM unresolved_message") == [[0]]
    steps = 0
    while relation.settle(room.db):
        steps += 1
        assert crm("SELECT count(*) FROM unresolved_message") == [[0]]
    assert steps >= 2000 / relation.SWEPT, "the write lock is given back in between"
    assert crm("SELECT (SELECT count(*) FROM lead_address) + (SELECT count(*) FROM lead_message)") == [[0]]
    sound(room)


def test_a_sync_that_deletes_all_leads_and_inserts_them_anew_loses_nothing(many: tuple[Mailroom, Stranger]) -> None:
    room, crm = many
    crm("UPDATE lead SET external_id = 'c-' || id")
    crm("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (1, 7)")
    crm("DELETE FROM lead")
    room.settle()  # nothing yet: they may come back
    crm(
        "WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO lead (external_id) SELECT 'c-' || i FROM n"
    )
    room.settle()
    assert crm("SELECT count(DISTINCT lead_id), count(*) FROM lead_timeline") == [[2000, 6001]]
    assert crm("SELECT l.external_id FROM explicit_attribution e JOIN lead l ON l.id = e.lead_id") == [["c-7"]]
    assert crm("SELECT count(*) FROM unresolved_message") == [[0]]
    sound(room)
