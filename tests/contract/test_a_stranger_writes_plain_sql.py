"""What a CRM in any language gets by plain SQL on a default connection, with nobody of ours running."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.store.migrations import prepare
from tests.store.mailroom import Mailroom
from tests.store.stranger import Stranger, sqlite3_command


@pytest.fixture
def old_mail(tmp_path: Path) -> Path:
    """A database with mail of long ago, and no process of ours that has it open."""
    path = tmp_path / "relay.db"
    prepare(path)
    room = Mailroom(path)
    room.db.execute("INSERT INTO _company_domain VALUES ('own.example')")
    room.message("anna@lead.example", "rep@own.example", subject="First")
    room.message(
        "rep@own.example", ["anna+offers@lead.example", "bob@other.example"], direction="outgoing", subject="Second"
    )
    room.message("carl@münchen.example", "rep@own.example", subject="Third")
    room.close()
    return path


@pytest.fixture
def crm(old_mail: Path) -> Iterator[Stranger]:
    stranger = Stranger(old_mail)
    yield stranger
    stranger.close()


def test_an_address_added_with_the_sqlite3_command_attaches_old_mail_at_once(old_mail: Path) -> None:
    sqlite3_command(
        old_mail,
        "INSERT INTO lead (name) VALUES ('Anna'); INSERT INTO lead_address (lead_id, address) VALUES (1, 'Anna@Lead.example ')",
    )
    seen = sqlite3_command(
        old_mail, "SELECT subject, role, direction FROM lead_timeline WHERE lead_id = 1 ORDER BY originated_at DESC"
    )
    assert seen == "Second|to|outgoing\nFirst|from|incoming\n"


def test_the_exact_address_of_another_lead_takes_the_mail_of_a_tagged_one(crm: Stranger) -> None:
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    assert crm("SELECT lead_id, message_id FROM lead_message ORDER BY message_id") == [[1, 1], [1, 2]]
    crm("INSERT INTO lead_address (lead_id, address) VALUES (2, 'anna+offers@lead.example')")
    assert crm("SELECT lead_id, message_id FROM lead_message ORDER BY message_id") == [[1, 1], [2, 2]]
    crm("DELETE FROM lead_address WHERE lead_id = 2")
    assert crm("SELECT lead_id, message_id FROM lead_message ORDER BY message_id") == [[1, 1], [1, 2]]


def test_an_address_typed_in_letters_finds_mail_in_a_labels(old_mail: Path) -> None:
    sqlite3_command(old_mail, "INSERT INTO lead_address (lead_id, address) VALUES (3, 'carl@münchen.example')")
    assert sqlite3_command(old_mail, "SELECT message_id FROM lead_message WHERE lead_id = 3") == "3\n"


def test_a_staff_address_is_never_on_a_lead(crm: Stranger) -> None:
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'bob@other.example')")
    crm("INSERT INTO staff_address (staff_id, address) VALUES (1, ' BOB@other.example')")
    assert crm("SELECT * FROM lead_message") == []
    crm("DELETE FROM staff_address")
    assert crm("SELECT lead_id, message_id, role FROM lead_message") == [[1, 2, "to"]]


def test_insert_or_replace_of_a_lead_keeps_addresses_deals_and_decisions(crm: Stranger) -> None:
    for recursive in (0, 1):
        for keys in (0, 1):
            crm(f"PRAGMA recursive_triggers = {recursive}")
            crm(f"PRAGMA foreign_keys = {keys}")
            crm("DELETE FROM lead")
            crm("DELETE FROM lead_address")
            crm("DELETE FROM explicit_attribution")
            crm("DELETE FROM deal")
            [[lead]] = crm("INSERT INTO lead (external_id, name) VALUES ('c-1', 'Anna') RETURNING id")
            crm("INSERT INTO lead_address (lead_id, address) VALUES (?, 'anna@lead.example')", lead)
            [[deal]] = crm(
                "INSERT INTO deal (lead_id, external_id, title) VALUES (?, 'd-1', 'Boat') RETURNING id", lead
            )
            crm("INSERT INTO explicit_attribution (message_id, lead_id, deal_id) VALUES (3, ?, ?)", lead, deal)
            crm("INSERT OR REPLACE INTO lead (id, external_id, name) VALUES (?, 'c-1', 'Anna A.')", lead)
            timeline = "SELECT message_id, reason, deal_id FROM lead_timeline WHERE lead_id = ? ORDER BY message_id"
            wanted = [[1, "address", None], [2, "address", None], [3, "person", deal]]
            assert crm(timeline, lead) == wanted
            [[moved]] = crm("INSERT OR REPLACE INTO lead (external_id, name) VALUES ('c-1', 'Anna B.') RETURNING id")
            assert moved != lead
            assert crm(timeline, moved) == wanted
            assert crm("SELECT lead_id FROM deal") == [[moved]]
            [[again]] = crm(
                "INSERT OR REPLACE INTO deal (lead_id, external_id, title) VALUES (?, 'd-1', 'Ship') RETURNING id",
                moved,
            )
            assert crm(timeline, moved)[2] == [3, "person", again]


def test_merging_leads_moves_addresses_deals_and_decisions(crm: Stranger) -> None:
    crm("INSERT INTO lead (id, name) VALUES (1, 'Anna'), (2, 'Anna again')")
    crm(
        "INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example'), (2, 'bob@other.example'), (2, 'anna@lead.example')"
    )
    crm("INSERT INTO deal (lead_id, title) VALUES (2, 'Boat')")
    crm("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (3, 2)")
    crm("UPDATE lead SET merged_into = 1 WHERE id = 2")
    assert crm("SELECT lead_id, address_key FROM lead_address ORDER BY 2") == [
        [1, "anna@lead.example"],
        [1, "bob@other.example"],
    ]
    assert crm("SELECT lead_id FROM deal") == [[1]]
    assert crm("SELECT lead_id, message_id FROM lead_message ORDER BY 2") == [[1, 1], [1, 2], [1, 3]]
    assert crm("SELECT op, lead_id FROM change WHERE entity = 'lead' AND entity_id = 2 ORDER BY op") == [
        ["insert", 2],
        ["merge", 1],
        ["update", 2],
    ]


def test_a_decision_beats_every_rule_and_can_be_taken_back(crm: Stranger) -> None:
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    crm("INSERT INTO explicit_attribution (message_id, lead_id, verdict) VALUES (1, 1, 'detach')")
    assert crm("SELECT message_id FROM lead_message WHERE lead_id = 1") == [[2]]
    crm("UPDATE explicit_attribution SET verdict = 'attach', deal_id = 9")
    assert crm("SELECT role, reason, deal_id FROM lead_message WHERE message_id = 1") == [["from", "address", 9]]
    crm("DELETE FROM lead_address")
    assert crm("SELECT message_id, role, reason, deal_id FROM lead_message") == [[1, None, "person", 9]]
    crm("DELETE FROM explicit_attribution")
    assert crm("SELECT * FROM lead_message") == []


def test_a_rolled_back_write_leaves_nothing(crm: Stranger) -> None:
    crm("BEGIN IMMEDIATE")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    crm("ROLLBACK")
    assert crm(
        "SELECT (SELECT count(*) FROM lead_message) + (SELECT count(*) FROM _match) + (SELECT count(*) FROM _unsettled)"
    ) == [[0]]


def test_a_deleted_lead_is_off_every_timeline_at_once(crm: Stranger) -> None:
    crm("INSERT INTO lead (id, name) VALUES (1, 'Anna')")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    crm("DELETE FROM lead")
    assert crm("SELECT * FROM lead_timeline") == []
    assert crm("SELECT lead_count FROM handed_in") == []


def test_times_that_are_no_text_times_are_refused_where_only_the_relay_writes(crm: Stranger) -> None:
    refused = crm.ask(
        "INSERT INTO message (direction, originated_at, received_at) VALUES ('incoming', '2026-01-01 10:00', '2026-01-01 10:00')"
    )
    assert "CHECK" in refused


def test_the_writer_gets_defaults_keys_and_ids_that_never_come_back(crm: Stranger) -> None:
    crm("INSERT INTO lead (name) VALUES ('Anna')")
    [[lead, status, created, updated]] = crm("SELECT id, status, created_at, updated_at FROM lead")
    assert (lead, status) == (1, "open")
    assert created == updated
    crm("UPDATE lead SET name = 'Anne'")
    assert crm("SELECT updated_at > ?, created_at = ? FROM lead", "2026", created) == [[1, 1]]
    crm("UPDATE lead SET name = 'Anna', updated_at = '2030-01-01T00:00:00.000Z'")
    assert crm("SELECT updated_at FROM lead") == [["2030-01-01T00:00:00.000Z"]]
    crm("DELETE FROM lead")
    assert crm("INSERT INTO lead (name) VALUES ('Bob') RETURNING id") == [[2]]
