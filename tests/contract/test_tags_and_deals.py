"""What a mail asks for by tag is done when it agrees with the parties, and each message finds its deal without a guess."""

from __future__ import annotations

import json

import pytest

from relay.store import dealing
from relay.store.decision import attach, thread_of
from relay.store.verify import verify
from tests.store.definition import kept, whole
from tests.store.mailroom import Mailroom, day
from tests.store.stranger import Stranger


@pytest.fixture
def anna(mailroom: Mailroom, crm: Stranger):
    """Anna and Carl of Acme, Bob of nowhere; deal 1 is Anna's, deal 2 is Bob's."""
    crm(
        "INSERT INTO lead (name, organization, external_id) VALUES ('Anna', 'Acme', 'A1'), ('Bob', NULL, 'B1'), ('Carl', 'ACME ', 'C1')"
    )
    crm(
        "INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example'), (2, 'bob@y.example'), (3, 'carl@x.example')"
    )
    crm("INSERT INTO deal (lead_id, title, external_id) VALUES (1, 'Roof', 'R7'), (2, 'Boat', 'S9')")
    yield crm
    mailroom.settle()
    assert kept(mailroom.db) == whole(mailroom.db)
    assert [str(difference) for difference in verify(mailroom.db)] == []


def leads(crm: Stranger, message: int) -> list[list[object]]:
    return crm("SELECT lead_id, deal_id, reason FROM lead_timeline WHERE message_id = ? ORDER BY lead_id", message)


def defects(crm: Stranger, message: int) -> list[str]:
    return json.loads(str(crm("SELECT defects FROM message WHERE id = ?", message)[0][0]))


@pytest.mark.parametrize("tag", ["deal-1", "DEAL-1", "deal-ext-r7", "lead-1+deal-ext-R7", "[D-1]", "[d-ext-R7]"])
def test_a_tag_puts_mail_of_nobody_known_on_its_lead_and_deal(mailroom: Mailroom, anna: Stranger, tag: str) -> None:
    message = mailroom.message("new@z.example", "rep@own.example", tags=[tag])
    reason = "subject-tag" if tag.startswith("[") else "address-tag"
    assert leads(anna, message) == [[1, 1, reason]]
    assert defects(anna, message) == []


def test_a_tag_that_disagrees_with_the_parties_is_not_applied_and_can_be_seen(
    mailroom: Mailroom, anna: Stranger
) -> None:
    message = mailroom.message("bob@y.example", "rep@own.example", tags=["deal-1"])
    assert leads(anna, message) == [[2, 2, "address"]]
    assert anna("SELECT message_id, tag, lead_id FROM disputed_tag") == [[message, "deal-1", 1]]
    assert defects(anna, message) == ["tag-disagrees"]


def test_a_colleague_of_the_lead_among_the_parties_is_enough(mailroom: Mailroom, anna: Stranger) -> None:
    message = mailroom.message("carl@x.example", "rep@own.example", tags=["deal-1"])
    assert leads(anna, message) == [[1, 1, "address-tag"], [3, None, "address"]]


def test_an_unknown_tag_is_applied_when_what_it_names_comes_tomorrow(mailroom: Mailroom, anna: Stranger) -> None:
    message = mailroom.message("new@z.example", "rep@own.example", tags=["deal-ext-T5", "lead-ext-E5"])
    assert defects(anna, message) == ["unknown-tag"]
    anna("INSERT INTO lead (id, external_id) VALUES (9, 'e5')")
    mailroom.settle()
    assert leads(anna, message) == [[9, None, "address-tag"]]
    assert defects(anna, message) == ["unknown-tag"]
    anna("INSERT INTO deal (id, lead_id, external_id) VALUES (5, 9, 't5')")
    mailroom.settle()
    assert leads(anna, message) == [[9, 5, "address-tag"]]
    assert defects(anna, message) == []


def test_a_deal_that_a_crm_writes_before_its_lead_is_found_when_the_lead_comes(
    mailroom: Mailroom, anna: Stranger
) -> None:
    anna("INSERT INTO deal (id, lead_id) VALUES (5, 9)")
    message = mailroom.message("new@z.example", "rep@own.example", tags=["deal-5"])
    assert defects(anna, message) == ["unknown-tag"]
    anna("INSERT INTO lead (id, name) VALUES (9, 'Dora')")
    mailroom.settle()
    assert leads(anna, message) == [[9, 5, "address-tag"]]
    assert defects(anna, message) == []


@pytest.mark.usefixtures("no_grace")
@pytest.mark.parametrize(
    "gone", ["DELETE FROM lead WHERE id = 1", "REPLACE INTO lead (id, external_id) VALUES (9, 'A1')"]
)
def test_a_disputed_tag_of_a_lead_that_is_gone_names_nothing(mailroom: Mailroom, anna: Stranger, gone: str) -> None:
    message = mailroom.message("bob@y.example", "rep@own.example", tags=["lead-1"])
    assert defects(anna, message) == ["tag-disagrees"]
    anna(gone)
    mailroom.settle()
    assert defects(anna, message) == ["unknown-tag"]
    assert anna("SELECT count(*) FROM disputed_tag") == [[0]]


def test_a_disputed_tag_is_applied_when_its_lead_becomes_a_party_or_one_of_the_organization(
    mailroom: Mailroom, anna: Stranger
) -> None:
    first = mailroom.message("bob@y.example", "rep@own.example", tags=["deal-1"])
    second = mailroom.message("bob@y.example", ["anna@private.example"], tags=["deal-1"])
    anna("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@private.example')")
    mailroom.settle()
    assert leads(anna, first) == [[2, 2, "address"]]
    assert leads(anna, second) == [[1, 1, "address"], [2, 2, "address"]]
    anna("UPDATE lead SET organization = 'acme' WHERE id = 2")
    mailroom.settle()
    assert leads(anna, first) == [[1, 1, "address-tag"], [2, 2, "address"]]
    assert anna("SELECT * FROM disputed_tag") == []


@pytest.mark.parametrize(
    "word",
    [
        "UPDATE explicit_attribution SET verdict = 'detach', reason = 'person'",
        "DELETE FROM explicit_attribution",
    ],
)
def test_what_a_person_or_a_crm_says_of_an_applied_tag_stands(mailroom: Mailroom, anna: Stranger, word: str) -> None:
    message = mailroom.message("new@z.example", "rep@own.example", tags=["lead-1"])
    anna(word)
    anna("UPDATE lead SET organization = 'Other' WHERE id = 1")
    anna("INSERT INTO lead_address (lead_id, address) VALUES (2, 'new@z.example')")
    mailroom.settle()
    assert [row[0] for row in leads(anna, message)] == [2]


def test_a_person_settles_a_disputed_tag(mailroom: Mailroom, anna: Stranger) -> None:
    message = mailroom.message("bob@y.example", "rep@own.example", tags=["lead-1"])
    anna("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (?, 1)", message)
    mailroom.settle()
    assert anna("SELECT * FROM disputed_tag") == []
    assert leads(anna, message) == [[1, 1, "person"], [2, 2, "address"]]


def test_a_tag_narrows_an_address_that_several_leads_share(mailroom: Mailroom, anna: Stranger) -> None:
    anna("INSERT INTO lead_address (lead_id, address) VALUES (1, 'info@x.example'), (3, 'info@x.example')")
    plain = mailroom.message("info@x.example", "rep@own.example")
    tagged = mailroom.message("info@x.example", "rep@own.example", tags=["lead-1"])
    both = mailroom.message("info@x.example", "carl@x.example", tags=["lead-1"])
    assert [[row[0] for row in leads(anna, each)] for each in (plain, tagged, both)] == [[1, 3], [1], [1, 3]]
    anna("INSERT INTO lead_address (lead_id, address) VALUES (2, 'info@x.example')")
    mailroom.settle()
    assert [[row[0] for row in leads(anna, each)] for each in (plain, tagged)] == [[1, 2, 3], [1]]
    anna("DELETE FROM explicit_attribution WHERE verdict = 'detach' AND lead_id = 3")
    mailroom.settle()
    assert [row[0] for row in leads(anna, tagged)] == [1, 3], "what a CRM takes back is not written again"


def test_a_person_narrows_a_shared_address_and_moves_a_whole_thread(mailroom: Mailroom, anna: Stranger) -> None:
    anna("INSERT INTO lead_address (lead_id, address) VALUES (1, 'info@x.example'), (3, 'info@x.example')")
    thread = mailroom.thread()
    made = [mailroom.message("info@x.example", "rep@own.example", thread=thread) for _ in range(2)]
    attach(mailroom.db, made[:1], [3], only=True)
    assert [[row[0] for row in leads(anna, each)] for each in made] == [[3], [1, 3]]
    attach(mailroom.db, made, [2], only=True)
    later = mailroom.message("p@private.example", "rep@own.example", thread=thread)
    assert [[row[0] for row in leads(anna, each)] for each in (*made, later)] == [[2], [2], [2]]


def test_what_comes_later_to_a_thread_that_was_moved_goes_by_the_rules(mailroom: Mailroom, anna: Stranger) -> None:
    thread = mailroom.thread()
    first = mailroom.message("anna@x.example", "rep@own.example", thread=thread)
    attach(mailroom.db, thread_of(mailroom.db, first, shown=True), [2], only=True)
    unknown = mailroom.message("p@private.example", "rep@own.example", thread=thread)
    mailroom.settle()
    assert [[row[0] for row in leads(anna, each)] for each in (first, unknown)] == [[2], [2]]
    again = mailroom.message("anna@x.example", "rep@own.example", thread=thread)
    mailroom.settle()
    assert [row[0] for row in leads(anna, first)] == [2], "a person's word stays"
    assert [row[0] for row in leads(anna, again)] == [1], "an address of a lead counts, whatever the thread"
    assert leads(anna, unknown) == [], "of two leads none is taken"
    assert anna("SELECT why FROM unresolved_message WHERE message_id = ?", unknown) == [["no-lead"]]


def test_a_thread_is_moved_without_what_no_timeline_shows(mailroom: Mailroom, anna: Stranger) -> None:
    thread = mailroom.thread()
    first = mailroom.message("p@private.example", "rep@own.example", thread=thread)
    inside = mailroom.message("rep@own.example", "boss@own.example", thread=thread, direction="internal")
    hidden = mailroom.message("p@private.example", "rep@own.example", thread=thread, visibility="withdrawn")
    assert thread_of(mailroom.db, first) == [first, inside, hidden]
    attach(mailroom.db, thread_of(mailroom.db, first, shown=True), [2])
    assert anna("SELECT message_id FROM lead_timeline WHERE lead_id = 2") == [[first]]
    attach(mailroom.db, thread_of(mailroom.db, inside, shown=True), [1])
    assert anna("SELECT message_id FROM lead_timeline WHERE lead_id = 1 ORDER BY 1") == [[first], [inside]], (
        "it was named"
    )


def test_of_two_tags_for_one_lead_the_first_deal_counts(mailroom: Mailroom, anna: Stranger) -> None:
    anna("INSERT INTO deal (lead_id) VALUES (1)")
    message = mailroom.message("anna@x.example", "rep@own.example", tags=["deal-3", "[D-1]"])
    assert leads(anna, message) == [[1, 3, "address"]]
    assert anna("SELECT tag FROM disputed_tag") == [["deal-1"]]


def test_a_merged_lead_is_found_by_its_old_number(mailroom: Mailroom, anna: Stranger) -> None:
    anna("UPDATE lead SET merged_into = 3 WHERE id = 1")
    message = mailroom.message("new@z.example", "rep@own.example", tags=["lead-1"])
    assert [row[0] for row in leads(anna, message)] == [3]


# ---------------------------------------------------------------- deals


def deals(crm: Stranger) -> list[object]:
    return [
        row[0] for row in crm("SELECT deal_id FROM lead_message WHERE lead_id = 1 ORDER BY originated_at, message_id")
    ]


def test_a_deal_that_is_won_keeps_its_mail_and_gets_no_more(mailroom: Mailroom, anna: Stranger) -> None:
    for number in (1, 2):
        mailroom.message("anna@x.example", "rep@own.example", on=number)
    assert deals(anna) == [1, 1]
    anna("UPDATE deal SET outcome = 'won' WHERE id = 1")
    mailroom.settle()
    assert deals(anna) == [1, 1], "when it was won the CRM has not said: not before it wrote so"
    anna("UPDATE deal SET closed_at = ? WHERE id = 1", day(1)[:10] + " 23:00:00")
    mailroom.settle()
    assert deals(anna) == [1, None]
    for closed, wanted in ((day(1)[:10], [1, None]), (day(2)[:10], [1, 1]), (day(1)[:10] + " 00:00:00", [None, None])):
        anna("UPDATE deal SET closed_at = ? WHERE id = 1", closed)
        mailroom.settle()
        assert deals(anna) == wanted, "a day without a time is over at its end"
    anna("INSERT OR REPLACE INTO deal (lead_id, external_id) VALUES (1, 'R7')")
    mailroom.settle()
    (number,) = anna("SELECT id FROM deal WHERE external_id = 'R7'")[0]
    assert deals(anna) == [number, number]
    anna("DELETE FROM deal WHERE id = ?", number)
    mailroom.settle()
    assert deals(anna) == [None, None]


def test_the_deal_of_the_thread_goes_on_when_there_are_two_and_the_rest_is_ambiguous(
    mailroom: Mailroom, anna: Stranger
) -> None:
    thread = mailroom.thread()
    mailroom.message("anna@x.example", "rep@own.example", thread=thread, on=1)
    anna("INSERT INTO deal (lead_id, opened_at) VALUES (1, ?)", day(2))
    mailroom.message("anna@x.example", "rep@own.example", thread=thread, on=3)
    alone = mailroom.message("anna@x.example", "rep@own.example", on=4)
    mailroom.settle()
    assert deals(anna) == [1, 1, None]
    assert anna("SELECT * FROM ambiguous_deal") == [[1, alone, 2]]


@pytest.mark.parametrize("place", [1, 2, 3])
def test_a_deal_that_somebody_names_holds_for_the_thread(mailroom: Mailroom, anna: Stranger, place: int) -> None:
    anna("INSERT INTO deal (lead_id) VALUES (1)")
    thread = mailroom.thread()
    made = [mailroom.message("anna@x.example", "rep@own.example", thread=thread) for _ in range(3)]
    assert deals(anna) == [None, None, None]
    seq = anna("SELECT max(seq) FROM change")[0][0]
    anna("INSERT INTO explicit_attribution (message_id, lead_id, deal_id) VALUES (?, 1, 3)", made[place - 1])
    mailroom.settle()
    assert deals(anna) == [3, 3, 3]
    told = anna("SELECT DISTINCT entity_id FROM change WHERE seq > ? AND entity = 'message' ORDER BY 1", seq)
    assert {row[0] for row in told} >= set(made) - {made[place - 1]}, "the feed tells whose deal is another"
    anna("DELETE FROM explicit_attribution")
    mailroom.settle()
    assert deals(anna) == [None, None, None]


def test_a_new_deal_of_a_lead_with_much_mail_is_decided_a_stretch_at_a_time(
    mailroom: Mailroom, anna: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dealing, "STRIDE", 5)
    thread = mailroom.thread()
    for number in range(30):
        mailroom.message("bob@y.example", "rep@own.example", thread=thread if number % 2 else None)
    anna("UPDATE deal SET lead_id = 1 WHERE id = 2")
    mailroom.settle()
    assert anna("SELECT count(*) FROM lead_message WHERE deal_id IS NOT NULL") == [[0]]
    anna("INSERT INTO deal (lead_id) VALUES (2)")
    mailroom.settle()
    assert anna("SELECT count(*) FROM lead_message WHERE lead_id = 2 AND deal_id = 3") == [[30]]
    assert anna("SELECT count(*) FROM _deal_due") == [[0]]


# ---------------------------------------------------------------- threads


def test_a_private_address_joins_the_one_lead_of_its_thread_and_is_offered(mailroom: Mailroom, anna: Stranger) -> None:
    thread = mailroom.thread()
    mailroom.message("rep@own.example", "anna@x.example", direction="outgoing", thread=thread)
    answer = mailroom.message("ann@private.example", "rep@own.example", thread=thread)
    assert leads(anna, answer) == [[1, 1, "thread"]]
    assert ["ann@private.example"] in anna("SELECT address FROM unknown_address")
    mailroom.message("bob@y.example", "rep@own.example", thread=thread)
    assert leads(anna, answer) == [], "the thread has two leads now: no guess"


def test_mondays_mail_and_tuesdays_answer_attach_when_the_lead_is_added_on_friday(
    mailroom: Mailroom, anna: Stranger
) -> None:
    thread = mailroom.thread()
    monday = mailroom.message("rep@own.example", "eva@w.example", direction="outgoing", thread=thread)
    tuesday = mailroom.message("eva@private.example", "rep@own.example", thread=thread)
    anna("INSERT INTO lead (id) VALUES (7)")
    anna("INSERT INTO lead_address (lead_id, address) VALUES (7, 'eva@w.example')")
    mailroom.settle()
    assert leads(anna, monday) == [[7, None, "address"]]
    assert leads(anna, tuesday) == [[7, None, "thread"]]


def test_what_a_person_moved_stays_moved(mailroom: Mailroom, anna: Stranger) -> None:
    thread = mailroom.thread()
    mailroom.message("rep@own.example", "anna@x.example", direction="outgoing", thread=thread)
    moved = mailroom.message("p@private.example", "rep@own.example", thread=thread)
    anna(
        "INSERT INTO explicit_attribution (message_id, lead_id, verdict) VALUES (?, 1, 'detach'), (?, 2, 'attach')",
        moved,
        moved,
    )
    mailroom.settle()
    for later in (
        "INSERT INTO lead_address (lead_id, address) VALUES (3, 'q@private.example')",
        "UPDATE lead SET merged_into = 3 WHERE id = 1",
        "DELETE FROM lead_address WHERE lead_id = 3",
    ):
        anna(later)
        mailroom.message("p@private.example", "rep@own.example", thread=thread)
        mailroom.settle()
        assert [row[0] for row in leads(anna, moved)] == [2]


def test_after_a_whole_thread_was_moved_later_answers_of_unknown_addresses_follow(
    mailroom: Mailroom, anna: Stranger
) -> None:
    thread = mailroom.thread()
    for _ in range(2):
        message = mailroom.message("p@private.example", "rep@own.example", thread=thread)
        anna("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (?, 2)", message)
    later = mailroom.message("q@private.example", "rep@own.example", thread=thread)
    assert [row[0] for row in leads(anna, later)] == [2]
