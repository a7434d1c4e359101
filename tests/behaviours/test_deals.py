"""Behaviours 16 and 17: deals are chosen by a word or by what is certain, never by a guess."""

from __future__ import annotations

import pytest
from running import CAPTURE


def deal_of(company, message: int, lead: int) -> object:
    [[deal]] = company.crm("SELECT deal_id FROM lead_message WHERE message_id = ? AND lead_id = ?", message, lead)
    return deal


def ambiguous(company, message: int) -> list[list[object]]:
    return company.crm("SELECT lead_id, deal_count FROM ambiguous_deal WHERE message_id = ?", message)


def test_16_deal_choice_is_never_a_silent_guess(company):
    """No open deal: none. One: that one. Three: none, flagged as ambiguous with how many there are."""
    none, one, three = (company.lead(name) for name in ("Nora", "Otto", "Thea"))
    only = company.deal(one, "Hall")
    for title in ("Gate", "Roof", "Wall"):
        company.deal(three, title)
    messages = [company.copy(company.at(name)) for name in ("nora", "otto", "thea")]
    assert [deal_of(company, *each) for each in zip(messages, (none, one, three), strict=True)] == [None, only, None]
    assert [ambiguous(company, each) for each in messages] == [[], [], [[three, 3]]]


def test_16_a_closed_deal_is_never_chosen_by_rule(company):
    """What was won in February gets no mail of March, and a mail of January stays on it."""
    anna = company.lead("Anna")
    won = company.deal(anna, "Old hall", outcome="won", closed_at="2026-02-15")
    assert deal_of(company, company.copy(company.at("anna")), anna) is None
    assert deal_of(company, company.copy(company.at("anna"), date="Mon, 02 Feb 2026 10:00:00 +0000"), anna) == won


def test_16_the_deal_of_the_thread_goes_before_the_only_open_one(company):
    """An answer stays where the conversation is."""
    anna = company.lead("Anna")
    hall = company.deal(anna, "Hall")
    company.deal(anna, "Gate")
    first = company.copy(company.at("anna"), message_id=f"<hall@{company.domain}>", subject=f"[D-{hall}] Hall")
    answer = company.file(
        company.mail(company.at("anna"), "bob@example.org", subject="Re: Hall", answers=f"<hall@{company.domain}>")
    )
    company.until("SELECT deal_id FROM lead_message WHERE message_id = ?", answer)
    assert [deal_of(company, each, anna) for each in (first, answer)] == [hall, hall]


@pytest.mark.parametrize("form", ["crm+deal-{}@crm.example.org", "crm.deal-{}@crm.example.org", "crm-deal-{}@crm.example.org",
                                  "CRM+Deal-{}@crm.example.org", "deal-{}@crm.example.org"])  # fmt: skip
def test_17_explicit_deal_address(company, form):
    """`crm+deal-42@...` in Bcc, in the forms that survive clients which strip or rewrite tags, in any case."""
    anna = company.lead("Anna")
    company.deal(anna, "Gate")
    hall = company.deal(anna, "Hall")
    message = company.file(company.mail("bob@example.org", company.at("anna")), to=form.format(hall))
    assert deal_of(company, message, anna) == hall


def test_17_a_token_in_the_subject(company):
    """`[D-42]` does the same."""
    anna = company.lead("Anna")
    company.deal(anna, "Gate")
    hall = company.deal(anna, "Hall")
    assert deal_of(company, company.copy(company.at("anna"), subject=f"Re: [D-{hall}] Hall"), anna) == hall


def test_17_a_bad_or_foreign_id_is_reported_and_the_mail_is_not_dropped(company):
    """An id that nobody has, and the deal of somebody else (autocomplete): the mail is on its lead, the tag is told."""
    anna, carl = company.lead("Anna"), company.lead("Carl")
    foreign = company.deal(carl, "Carl's")
    bad = company.file(company.mail("bob@example.org", company.at("anna")), to="crm+deal-99999999@crm.example.org")
    wrong = company.file(
        company.mail("bob@example.org", company.at("anna")), to=CAPTURE.replace("@", f"+deal-{foreign}@")
    )
    assert [company.leads(each) for each in (bad, wrong)] == [{anna: "address"}] * 2
    assert [deal_of(company, each, anna) for each in (bad, wrong)] == [None, None]
    told = [company.crm("SELECT tag FROM disputed_tag WHERE message_id = ?", each) for each in (bad, wrong)]
    assert told[1] == [[f"deal-{foreign}"]]
    assert "tag" in str(company.of(bad, "defects"))
