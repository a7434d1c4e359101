"""merged_into is a standing order: whatever comes first, the winner has everything and the merged lead nothing."""

from __future__ import annotations

import itertools

import pytest

from relay.store.verify import verify
from tests.store.mailroom import Mailroom
from tests.store.stranger import Stranger


@pytest.fixture
def three(mailroom: Mailroom, crm: Stranger) -> Stranger:
    """Leads 1, 2, 3 with a mail, a deal and a decision each."""
    for lead, name in enumerate(("anna", "bob", "carl"), 1):
        mailroom.message(f"{name}@x.example", "rep@own.example")
        other = mailroom.message("somebody@y.example", "rep@own.example")
        crm("INSERT INTO lead (id, external_id) VALUES (?, ?)", lead, name)
        crm("INSERT INTO lead_address (lead_id, address) VALUES (?, ?)", lead, f"{name}@x.example")
        crm("INSERT INTO deal (lead_id, title) VALUES (?, ?)", lead, name)
        crm("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (?, ?)", other, lead)
    return crm


def counts(crm: Stranger) -> dict[int, list[object]]:
    """lead.id -> [messages, addresses, deals, decisions] of those that have anything."""
    rows = crm(
        "SELECT l.id, (SELECT count(*) FROM lead_timeline t WHERE t.lead_id = l.id), (SELECT count(*) FROM lead_address a WHERE a.lead_id = l.id),"
        " (SELECT count(*) FROM deal d WHERE d.lead_id = l.id), (SELECT count(*) FROM explicit_attribution e WHERE e.lead_id = l.id) FROM lead l"
    )
    return {int(str(lead)): rest for lead, *rest in rows if any(rest)}


def merges(crm: Stranger) -> list[list[object]]:
    return crm("SELECT entity_id, lead_id FROM change WHERE entity = 'lead' AND op = 'merge' ORDER BY seq")


@pytest.mark.parametrize("order", list(itertools.permutations([(1, 2), (2, 3)])))
def test_a_chain_ends_at_its_last_lead_in_whatever_order_it_was_made(three: Stranger, order) -> None:
    for loser, winner in order:
        three("UPDATE lead SET merged_into = ? WHERE id = ?", winner, loser)
    assert counts(three) == {3: [6, 3, 3, 3]}
    assert merges(three)[-1][1] == 3


def test_a_merged_lead_may_be_written_before_the_one_it_was_merged_into(three: Stranger) -> None:
    three("UPDATE lead SET merged_into = 99 WHERE id = 1")
    assert counts(three)[1] == [2, 1, 1, 1], "there is nowhere to go yet"
    three("INSERT INTO lead (id) VALUES (99)")
    assert counts(three)[99] == [2, 1, 1, 1]
    assert 1 not in counts(three)
    assert merges(three) == [[1, 99]]


def test_what_is_written_for_a_merged_lead_later_goes_the_same_way(mailroom: Mailroom, three: Stranger) -> None:
    three("UPDATE lead SET merged_into = 2 WHERE id = 1")
    three("UPDATE lead SET merged_into = 3 WHERE id = 2")
    new = mailroom.message("anna@new.example", "rep@own.example")
    three("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@new.example')")
    three("INSERT OR IGNORE INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")  # it has that already
    three("INSERT INTO deal (lead_id) VALUES (1)")
    three("INSERT INTO explicit_attribution (message_id, lead_id, reason) VALUES (?, 1, 'address-tag')", new)
    assert counts(three) == {3: [7, 4, 4, 4]}
    assert [str(difference) for difference in verify(mailroom.db)] == []


def test_unmerged_it_keeps_what_is_written_from_then_on(three: Stranger) -> None:
    three("UPDATE lead SET merged_into = 2 WHERE id = 1")
    three("UPDATE lead SET merged_into = NULL WHERE id = 1")
    assert counts(three)[2] == [4, 2, 2, 2], "what belonged to whom is not known any more"
    three("INSERT INTO deal (lead_id) VALUES (1)")
    assert counts(three)[1] == [0, 0, 1, 0]


@pytest.mark.parametrize("recursive", [0, 1])
def test_of_a_circle_the_last_word_holds_and_verify_tells(mailroom: Mailroom, three: Stranger, recursive: int) -> None:
    three(f"PRAGMA recursive_triggers = {recursive}")
    three("UPDATE lead SET merged_into = 2 WHERE id = 1")
    three("UPDATE lead SET merged_into = 1 WHERE id = 2")
    assert counts(three) == {1: [4, 2, 2, 2], 3: [2, 1, 1, 1]}
    three("INSERT INTO deal (lead_id) VALUES (2)")
    assert counts(three)[2] == [0, 0, 1, 0], "it stays where it was put"
    assert {d.row["lead_id"] for d in verify(mailroom.db) if d.name == "merge-circle"} == {1, 2}
    three("UPDATE lead SET merged_into = NULL WHERE id = 1")
    assert [d.name for d in verify(mailroom.db)] == []


@pytest.mark.parametrize("recursive", [0, 1])
def test_a_lead_merged_into_itself_is_not_merged(three: Stranger, recursive: int) -> None:
    three(f"PRAGMA recursive_triggers = {recursive}")
    before = counts(three)
    three("UPDATE lead SET merged_into = id")
    three("INSERT INTO lead_address (lead_id, address) VALUES (1, 'a@z.example')")
    three("DELETE FROM lead_address WHERE address = 'a@z.example'")
    assert counts(three) == before
    assert merges(three) == []


def test_a_lead_merged_into_a_deleted_one_keeps_its_own(three: Stranger) -> None:
    three("DELETE FROM lead WHERE id = 2")
    three("UPDATE lead SET merged_into = 2 WHERE id = 1")
    assert counts(three)[1] == [2, 1, 1, 1]


def test_merges_follow_a_lead_that_gets_a_new_id(three: Stranger) -> None:
    three("UPDATE lead SET merged_into = 2 WHERE id = 1")
    three("INSERT OR REPLACE INTO lead (external_id) VALUES ('bob')")
    [[new]] = three("SELECT id FROM lead WHERE external_id = 'bob'")
    assert three("SELECT merged_into FROM lead WHERE id = 1") == [[new]]
    three("UPDATE lead SET id = 70 WHERE id = ?", new)
    assert three("SELECT merged_into FROM lead WHERE id = 1") == [[70]]
    three("INSERT INTO deal (lead_id) VALUES (1)")
    assert counts(three)[70] == [4, 2, 3, 2]


def test_a_thousand_leads_are_merged_in_one_statement(mailroom: Mailroom, crm: Stranger) -> None:
    for n in range(1, 1001):
        mailroom.db.execute("INSERT INTO lead (id) VALUES (?)", (n,))
        mailroom.db.execute("INSERT INTO lead_address (lead_id, address) VALUES (?, ?)", (n, f"a{n % 700}@x.example"))
    for n in range(0, 700, 7):
        mailroom.message(f"a{n}@x.example", "rep@own.example", on=n // 7)
    crm("UPDATE lead SET merged_into = 1 WHERE id > 1")
    assert counts(crm) == {1: [100, 700, 0, 0]}
    assert crm("SELECT count(*) FROM lead_message") == [[100]]
    mailroom.settle()
    assert [str(difference) for difference in verify(mailroom.db)] == []
