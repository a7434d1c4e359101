from __future__ import annotations

import pytest

from tests.store.mailroom import Mailroom
from tests.store.stranger import Stranger


@pytest.fixture(autouse=True)
def company(mailroom: Mailroom) -> None:
    mailroom.db.execute("INSERT INTO _company_domain VALUES ('own.example')")


def test_unresolved_mail_says_why_and_whom_to_make_a_lead_of(mailroom: Mailroom, crm: Stranger) -> None:
    room = mailroom
    room.message("anna@x.example", "rep@own.example", staff_id=4)
    room.message("rep@own.example", ["bob@y.example", "carl@z.example"], direction="outgoing")
    room.message("rep@own.example", "colleague@own.example", direction="internal")
    room.message("rep@own.example", direction="unknown", direction_reason="sender-not-recovered")
    room.message("rep@own.example", direction="unknown", defects='["sender-not-recovered","x"]')
    room.message("rep@own.example", "other@own.example", direction="unknown")
    room.message("?@unreadable.example", direction="unknown", status="unparsed")
    room.message("dan@x.example", visibility="withdrawn")
    assert crm("SELECT message_id, party_address, party_count, why FROM unresolved_message ORDER BY message_id") == [
        [1, "anna@x.example", 1, "no-lead"],
        [2, "bob@y.example", 2, "no-lead"],
        [4, None, 0, "sender-not-recovered"],
        [5, None, 0, "sender-not-recovered"],
        [6, None, 0, "no-outside-party"],
        [7, "?@unreadable.example", 1, "unparsed"],
    ]
    crm("INSERT INTO dismissal (message_id) VALUES (6)")
    crm("INSERT INTO lead (id) VALUES (1)")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    assert crm("SELECT message_id FROM unresolved_message ORDER BY 1") == [[2], [4], [5], [7]]
    crm("DELETE FROM dismissal")
    crm("DELETE FROM lead_address")
    assert crm("SELECT message_id FROM unresolved_message ORDER BY 1") == [[1], [2], [4], [5], [6], [7]]


def test_an_outside_address_of_a_colleague_is_no_party_to_make_a_lead_of(mailroom: Mailroom, crm: Stranger) -> None:
    mailroom.message("rep@private.example", "anna@x.example", direction="outgoing")
    crm("INSERT INTO staff_address (staff_id, address) VALUES (1, 'Rep@private.example')")
    assert crm("SELECT party_address, party_count FROM unresolved_message") == [["anna@x.example", 1]]
    assert crm("SELECT address FROM unknown_address") == [["anna@x.example"]]


def test_unknown_addresses_are_those_who_are_no_lead_yet(mailroom: Mailroom, crm: Stranger) -> None:
    mailroom.message("anna@x.example", "rep@own.example")
    mailroom.message("rep@own.example", ["anna@x.example", "bob@y.example"], direction="outgoing")
    mailroom.db.execute("UPDATE message_address SET display_name = 'Anna L.' WHERE address_id = 1 AND message_id = 1")
    rows = crm(
        "SELECT address, domain, display_name, message_count, substr(last_at, 1, 10) FROM unknown_address ORDER BY last_at DESC, address"
    )
    assert rows == [
        ["anna@x.example", "x.example", "Anna L.", 2, "2026-01-03"],
        ["bob@y.example", "y.example", "", 1, "2026-01-03"],
    ]
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    assert crm("SELECT address FROM unknown_address") == [["bob@y.example"]]


def test_handed_in_tells_where_every_copy_landed(mailroom: Mailroom, crm: Stranger) -> None:
    mailroom.message("anna@x.example", "rep@own.example")
    mailroom.message("rep@own.example", "rep2@own.example", direction="internal")
    mailroom.message("bob@y.example", "rep@own.example", status="unparsed")
    for message in (1, 1, 2, 3):
        vault = f"00000000-{mailroom.db.execute('SELECT count(*) FROM envelope').fetchone()[0]}"
        mailroom.db.execute(
            "INSERT INTO envelope (vault_id, message_id, route, staff_id, received_at) VALUES (?, ?, 'bcc', 7, '2026-01-01T00:00:00.000Z')",
            (vault, message),
        )
    crm("INSERT INTO lead (id) VALUES (1)")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    rows = crm(
        "SELECT staff_id, envelope_id, message_id, route, lead_count, why, defects FROM handed_in ORDER BY envelope_id"
    )
    assert rows == [
        [7, 1, 1, "bcc", 1, None, "[]"],
        [7, 2, 1, "bcc", 1, None, "[]"],
        [7, 3, 2, "bcc", 0, "internal", "[]"],
        [7, 4, 3, "bcc", 0, "unparsed", "[]"],
    ]


def test_a_message_that_could_belong_to_several_deals_is_shown(mailroom: Mailroom, crm: Stranger) -> None:
    mailroom.message("anna@x.example", on=10)
    mailroom.message("anna@x.example", on=20)
    crm("INSERT INTO lead (id) VALUES (1)")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    crm("INSERT INTO deal (lead_id, opened_at) VALUES (1, '2026-01-05')")  # as an ORM writes it
    crm(
        "INSERT INTO deal (lead_id, opened_at, closed_at, outcome) VALUES (1, '2026-01-06 10:00:00', '2026-01-15 00:00', 'won')"
    )
    assert crm("SELECT * FROM ambiguous_deal") == [[1, 1, 2]]
    crm("INSERT INTO explicit_attribution (message_id, lead_id, deal_id) VALUES (1, 1, 1)")
    assert crm("SELECT * FROM ambiguous_deal") == []


def test_mail_of_ours_that_a_lead_answered_and_that_never_came_is_missing_until_it_comes(
    mailroom: Mailroom, crm: Stranger
) -> None:
    answer = mailroom.message("anna@x.example", "rep@own.example", staff_id=3)
    mailroom.db.execute("INSERT INTO _answer VALUES (?, 'lost@own.example')", (answer,))
    crm("INSERT INTO lead (id) VALUES (1)")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    assert crm("SELECT internet_message_id, lead_id, staff_id, seen_in FROM missing_message") == [
        ["lost@own.example", 1, 3, answer]
    ]
    mailroom.message("rep@own.example", "anna@x.example", direction="outgoing", internet_message_id="lost@own.example")
    assert crm("SELECT * FROM missing_message") == []


def test_what_is_withdrawn_or_internal_is_on_no_timeline_unless_somebody_put_it_there(
    mailroom: Mailroom, crm: Stranger
) -> None:
    mailroom.message("anna@x.example", visibility="withdrawn")
    mailroom.message("anna@x.example", visibility="responsible")
    mailroom.message("anna@x.example", direction="internal")
    crm("INSERT INTO lead (id) VALUES (1), (2)")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    assert crm("SELECT * FROM lead_timeline") == []
    assert crm("SELECT message_id, visibility FROM lead_timeline_all ORDER BY 1") == [
        [1, "withdrawn"],
        [2, "responsible"],
    ]
    crm("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (3, 2)")
    assert crm("SELECT lead_id, message_id, reason FROM lead_timeline") == [[2, 3, "person"]]


def test_health_and_disputed_tags_are_empty_until_they_are_read(crm: Stranger) -> None:
    assert crm("SELECT * FROM address_health") == crm("SELECT * FROM disputed_tag") == []
