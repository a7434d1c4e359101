"""Behaviours 6 to 9 and 18 to 20: leads, our people, threads and spellings."""

from __future__ import annotations

import pytest
from company import BOB, MIA, MONDAY_AT
from running import CAPTURE


def test_06_an_unknown_address_is_never_lost_and_never_makes_junk_silently(company):
    """It waits in the list of unresolved mail with the reason; no lead is made of it; it can be assigned or dismissed."""
    before = company.crm("SELECT count(*) FROM lead")
    message, other = company.copy(f"Eve Doe <{company.at('eve')}>"), company.copy(company.at("spam"))
    assert company.crm(
        "SELECT why, party_address, party_name FROM unresolved_message WHERE message_id = ?", message
    ) == [["no-lead", company.at("eve"), "Eve Doe"]]
    assert company.crm("SELECT count(*) FROM lead") == before
    lead = int(company.relay.run("lead", "add", "Eve Doe", "--from", str(message)).split()[0])
    assert company.leads(message) == {lead: "address"}
    company.crm("INSERT INTO dismissal (message_id) VALUES (?)", other)
    assert (company.why(message), company.why(other)) == (None, None)


def test_07_retro_attach(company):
    """Monday's mail is in the bin; the lead comes on Friday, then an address more: attached with its Monday date, at once."""
    message, other = company.copy(company.at("anna")), company.copy(company.at("private"))
    lead = company.lead("Anna")
    assert company.crm("SELECT originated_at, message_id FROM lead_timeline WHERE lead_id = ?", lead) == [
        [MONDAY_AT, message]
    ]
    company.address(lead, company.at("private"))
    assert company.leads(other) == {lead: "address"}
    assert company.why(other) is None


def test_07_what_a_person_set_by_hand_stays(company):
    """An address that comes later brings back no mail that somebody took off the lead."""
    lead = company.lead("Anna", company.at("other"))
    message = company.copy(company.at("anna"))
    company.crm(
        "INSERT INTO explicit_attribution (message_id, lead_id, verdict, decided_by) VALUES (?, ?, 'detach', 1)",
        message,
        lead,
    )
    company.address(lead, company.at("anna"))
    assert company.leads(message) == {}


def test_08_every_recipient_counts(company):
    """To has two leads, Cc a third and a colleague: three rows with their roles, none for the colleague."""
    anna, carl, eve = (company.lead(name) for name in ("Anna", "Carl", "Eve"))
    message = company.copy(f"{company.at('anna')}, {company.at('carl')}", cc=f"{company.at('eve')}, {MIA}")
    assert company.roles(message) == {anna: "to", carl: "to", eve: "cc"}


@pytest.mark.parametrize(
    "author",
    [
        "BOB@Example.ORG",
        "bob+sent@example.org",
        "bob@private.example",
        '"bob"@example.org',
        "Bob+x@xn--bro-hoa.example",
    ],
)
def test_09_rep_aliases_are_the_rep(company, author):
    """Another case, a plus tag, another domain, its letters as `xn--`: it is Bob who writes, and the mail goes out."""
    anna = company.lead("Anna")
    message = company.file(company.mail(author, company.at("anna")))
    assert company.of(message, "direction", "staff_id") == ("outgoing", 1)
    assert company.leads(message) == {anna: "address"}


def test_09_an_address_of_ours_is_never_matched_as_a_lead_and_reported(company):
    """A lead with Mia's address gets none of her mail, and `verify` says so."""
    lead = company.lead("Mia the lead", "mia@example.org")
    message = company.file(company.mail(MIA, company.at("anna")))
    assert company.leads(message) == {}
    assert f"lead_id={lead}, address=mia@example.org" in company.relay.run("verify", status=1)
    told = " ".join(company.relay.run("explain", str(message)).split())
    assert f"Mia the lead (lead {lead}) has mia@example.org, but that is an address of our people" in told
    company.crm("DELETE FROM lead_address WHERE lead_id = ?", lead)


def test_09_an_address_in_our_own_domains_is_reported_on_a_lead_though_no_row_says_whose_it_is(company):
    """Whoever writes from there counts as one of us, so the CRM's row is a mistake."""
    lead = company.lead("Somebody", "somebody.new@example-two.example")
    assert f"lead_id={lead}, address=somebody.new@example-two.example" in company.relay.run("verify", status=1)
    company.crm("DELETE FROM lead_address WHERE lead_id = ?", lead)


def test_18_replies_follow_the_thread(company):
    """A lead answers from an address not on file: the same lead, reason `thread`, and the address is offered."""
    anna = company.lead("Anna")
    company.copy(company.at("anna"), message_id=f"<offer@{company.domain}>")
    answer = company.file(
        company.mail(company.at("anna.at.home"), BOB, subject="Re: Offer", answers=f"<offer@{company.domain}>")
    )
    company.until("SELECT count(*) FROM lead_message WHERE message_id = ?", answer)
    assert company.leads(answer) == {anna: "thread"}
    assert company.crm("SELECT message_count FROM unknown_address WHERE address = ?", company.at("anna.at.home")) == [
        [1]
    ]


def test_18_not_when_the_first_mail_had_several_leads(company):
    """With two leads in the thread nobody knows whose the answer is: it waits for a person."""
    company.lead("Anna"), company.lead("Carl")
    company.copy(f"{company.at('anna')}, {company.at('carl')}", message_id=f"<offer@{company.domain}>")
    answer = company.file(
        company.mail(company.at("home"), BOB, subject="Re: Offer", answers=f"<offer@{company.domain}>")
    )
    assert (company.leads(answer), company.why(answer)) == ({}, "no-lead")


def test_18_the_subject_alone_is_never_enough(company):
    """An answer in the subject only is on no lead."""
    company.lead("Anna")
    company.copy(company.at("anna"), subject=f"Offer for {company.domain}")
    answer = company.file(company.mail(company.at("home"), BOB, subject=f"Re: Offer for {company.domain}"))
    assert company.leads(answer) == {}


def test_18_the_order_of_arrival_makes_no_difference(company):
    """The answer first, the mail that it answers later: the same thread, the same lead."""
    anna = company.lead("Anna")
    answer = company.file(
        company.mail(company.at("home"), BOB, subject="Re: Offer", answers=f"<offer@{company.domain}>")
    )
    company.copy(company.at("anna"), message_id=f"<offer@{company.domain}>")
    company.until("SELECT count(*) FROM lead_message WHERE message_id = ?", answer)
    assert company.leads(answer) == {anna: "thread"}


@pytest.mark.parametrize(
    ("on_file", "written"),
    [
        ("Anna.Meier@{0}", "anna.meier@{1}"),
        ("anna@{0}", "Anna+News@{0}"),
        ("anna@xn--mller-kva.{0}", "anna@müller.{0}"),
        ("anna@müller.{0}", "anna@xn--mller-kva.{0}"),
        ("anna@MÜLLER.{0}", "anna@xn--mller-kva.{0}"),
        ("anna@Österreich.{0}", "anna@österreich.{0}"),
        ("anna meier@{0}", '"anna meier"@{0}'),
        ("anna@{0}", '"anna@{0}" <anna@{0}>'),
        ("anna@{0}", "<mailto:anna@{0}>"),
        ("anna@{0}", "'anna@{0}'"),
    ],
)
def test_19_alternate_addresses_and_canonical_form(company, on_file, written):
    """Case, plus tags, both forms of a domain, quotes and mailto: it is the same address."""
    lead = company.lead("Anna", on_file.format(company.domain, company.domain.upper()))
    mail = company.mail(BOB, "x@x.example").replace(
        b"To: x@x.example", f"To: {written}".format(company.domain, company.domain.upper()).encode()
    )
    assert company.leads(company.file(mail)) == {lead: "address"}


def test_19_a_plus_tag_is_ignored_only_if_no_exact_row_exists(company):
    """Who is on file with the tag gets the mail with the tag, and nobody else."""
    plain, tagged = company.lead("Anna", company.at("anna")), company.lead("News", company.at("anna+news"))
    assert company.leads(company.copy(company.at("anna+news"))) == {tagged: "address"}
    assert company.leads(company.copy(company.at("anna+other"))) == {plain: "address"}


def test_20_the_same_address_on_two_leads(company):
    """info@ of a firm puts the mail on each of them; a person's word narrows it."""
    anna, carl = company.lead("Anna", company.at("info")), company.lead("Carl", company.at("info"))
    message = company.copy(company.at("info"))
    assert company.leads(message) == {anna: "address", carl: "address"}
    company.crm(
        "INSERT INTO explicit_attribution (message_id, lead_id, verdict) VALUES (?, ?, 'detach')", message, carl
    )
    assert company.leads(message) == {anna: "address"}


def test_20_a_tag_narrows_it_too(company):
    """`crm+lead-17@...` says which of those that share the address is meant."""
    anna, carl = company.lead("Anna", company.at("info")), company.lead("Carl", company.at("info"))
    message = company.copy(company.at("info")) and company.file(
        company.mail(BOB, company.at("info")), to=CAPTURE.replace("@", f"+lead-{carl}@")
    )
    company.until("SELECT count(*) = 1 FROM lead_message WHERE message_id = ?", message)
    assert list(company.leads(message)) == [carl]
    assert anna != carl
