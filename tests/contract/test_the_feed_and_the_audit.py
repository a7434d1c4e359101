from __future__ import annotations

import pytest

from relay.store.verify import verify
from tests.store.mailroom import Mailroom
from tests.store.stranger import Stranger


def fed(crm: Stranger, after: int = 0) -> list[list[object]]:
    return crm("SELECT entity, entity_id, op, lead_id FROM change WHERE seq > ? ORDER BY seq", after)


def last(crm: Stranger) -> int:
    [[seq]] = crm("SELECT coalesce(max(seq), 0) FROM change")
    assert isinstance(seq, int)
    return seq


def test_every_write_of_a_crm_is_in_the_feed_once(crm: Stranger) -> None:
    for sql, wanted in (
        ("INSERT INTO lead (name) VALUES ('Anna')", ["lead", 1, "insert", 1]),
        ("UPDATE lead SET name = 'Anne'", ["lead", 1, "update", 1]),
        ("INSERT INTO lead_address (lead_id, address) VALUES (1, 'a@x.example')", ["lead_address", 1, "insert", 1]),
        ("UPDATE lead_address SET address = 'b@x.example'", ["lead_address", 1, "update", 1]),
        ("INSERT INTO staff (name) VALUES ('Rep')", ["staff", 1, "insert", None]),
        (
            "INSERT INTO staff_address (staff_id, address) VALUES (1, 'r@x.example')",
            ["staff_address", 1, "insert", None],
        ),
        ("INSERT INTO deal (lead_id, title) VALUES (1, 'Boat')", ["deal", 1, "insert", 1]),
        ("UPDATE deal SET outcome = 'won'", ["deal", 1, "update", 1]),
        (
            "INSERT INTO explicit_attribution (message_id, lead_id) VALUES (5, 1)",
            ["explicit_attribution", 1, "insert", 1],
        ),
        ("INSERT INTO dismissal (message_id) VALUES (5)", ["dismissal", 5, "insert", None]),
        ("INSERT INTO never_log (pattern) VALUES ('@bank.example')", ["never_log", 1, "insert", None]),
        ("DELETE FROM never_log", ["never_log", 1, "delete", None]),
        ("DELETE FROM dismissal", ["dismissal", 5, "delete", None]),
        ("DELETE FROM explicit_attribution", ["explicit_attribution", 1, "delete", 1]),
        ("DELETE FROM deal", ["deal", 1, "delete", 1]),
        ("DELETE FROM staff_address", ["staff_address", 1, "delete", None]),
        ("DELETE FROM staff", ["staff", 1, "delete", None]),
        ("DELETE FROM lead_address", ["lead_address", 1, "delete", 1]),
        ("DELETE FROM lead", ["lead", 1, "delete", 1]),
    ):
        before = last(crm)
        crm(sql)
        assert fed(crm, before) == [wanted], sql


def test_an_update_that_changes_nothing_is_not_in_the_feed(crm: Stranger) -> None:
    crm("INSERT INTO lead (name) VALUES ('Anna')")
    before = last(crm)
    crm("UPDATE lead SET name = name, status = 'open'")
    assert fed(crm, before) == []


def test_an_address_that_moves_names_both_leads(crm: Stranger) -> None:
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'a@x.example')")
    before = last(crm)
    crm("UPDATE lead_address SET lead_id = 2")
    assert fed(crm, before) == [["lead_address", 1, "update", 1], ["lead_address", 1, "update", 2]]


def test_messages_are_in_the_feed_without_a_lead(mailroom: Mailroom, crm: Stranger) -> None:
    message = mailroom.message("anna@x.example", "rep@own.example")
    mailroom.db.execute("UPDATE message SET visibility = 'withdrawn'")
    mailroom.db.execute("INSERT INTO message_alias VALUES (?, 99)", (message,))
    mailroom.db.execute("DELETE FROM message")
    assert fed(crm) == [["message", message, op, None] for op in ("insert", "update", "merge", "delete")]


@pytest.mark.usefixtures("no_grace")
def test_old_mail_that_a_thread_puts_on_a_lead_is_told(mailroom: Mailroom, crm: Stranger) -> None:
    thread = mailroom.thread()
    mailroom.message("anna@x.example", "rep@own.example", thread=thread)
    reply = mailroom.message("anna.private@y.example", "rep@own.example", thread=thread)
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    before = last(crm)
    mailroom.settle()
    assert fed(crm, before) == [["message", reply, "update", None]]
    assert crm("SELECT message_id, reason FROM lead_message ORDER BY 1") == [[1, "address"], [reply, "thread"]]
    assert list(verify(mailroom.db)) == []


def test_sequence_numbers_never_come_back_and_the_oldest_kept_is_told(crm: Stranger) -> None:
    crm("INSERT INTO lead (name) VALUES ('a'), ('b'), ('c')")
    assert crm("SELECT oldest_seq FROM contract") == [[1]]
    crm("DELETE FROM change WHERE seq < 3")
    assert crm("SELECT oldest_seq FROM contract") == [[3]]
    crm("DELETE FROM change")
    assert crm("SELECT oldest_seq FROM contract") == [[4]]
    crm("INSERT INTO lead (name) VALUES ('d')")
    assert crm("SELECT seq FROM change") == [[4]]


def test_the_audit_only_grows(crm: Stranger) -> None:
    crm("INSERT INTO audit (actor, action) VALUES ('staff:1', 'erase')")
    for sql in (
        "UPDATE audit SET actor = 'nobody'",
        "DELETE FROM audit",
        "INSERT OR REPLACE INTO audit (id, actor, action) VALUES (1, 'nobody', 'nothing')",
    ):
        assert crm.ask(sql) == "audit is append-only", sql
    assert crm("SELECT actor, action FROM audit") == [["staff:1", "erase"]]


@pytest.mark.usefixtures("no_grace")
def test_the_rows_of_a_deleted_lead_are_swept_later_and_a_lead_that_is_back_has_lost_nothing(
    mailroom: Mailroom, crm: Stranger
) -> None:
    mailroom.message("anna@x.example", "rep@own.example")
    mailroom.message("bob@y.example", "rep@own.example")
    crm("INSERT INTO lead (id) VALUES (1), (2)")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example'), (2, 'bob@y.example')")
    crm("DELETE FROM lead")
    crm("INSERT INTO lead (id) VALUES (2)")
    mailroom.settle()
    assert crm("SELECT lead_id FROM lead_address") == [[2]]
    assert crm("SELECT lead_id, message_id FROM lead_message") == [[2, 2]]
    assert crm("SELECT message_id FROM unresolved_message") == []
