"""Behaviours 13 to 15: never-log, internal mail, taking back."""

from __future__ import annotations

from pathlib import Path

from company import BOB, MIA
from running import CAPTURE


def kept(company, words: str) -> bool:
    """Do these words stand anywhere in the database's files?"""
    company.crm("PRAGMA wal_checkpoint(PASSIVE)")
    folder = Path(company.relay.database).parent
    return any(words.encode() in path.read_bytes() for path in folder.glob("relay.db*"))


def test_13_never_log_list(company):
    """A message with only listed or internal parties is not stored, body included, and the log has no subject."""
    company.crm("INSERT INTO never_log (pattern) VALUES (?)", f"@{company.domain}")
    words = f"Wanderfalke {company.domain}"
    vault_id = company.hand_in(company.mail(BOB, company.at("lawyer"), cc=MIA, subject=words, text=words))
    assert company.messages(vault_id) == []
    assert company.crm("SELECT outcome FROM _vault_outcome WHERE epoch || '-' || number = ?", vault_id) == [["dropped"]]
    assert not kept(company, words)
    assert words not in company.relay.log()


def test_13_a_pattern_covers_a_domain_and_all_below_it(company):
    """`*.provider.example` holds for hr@mail.provider.example."""
    company.crm("INSERT INTO never_log (pattern) VALUES (?)", f"*.{company.domain}")
    assert company.messages(company.hand_in(company.mail(BOB, f"hr@mail.{company.domain}"))) == []


def test_13_one_listed_party_among_leads_drops_the_party_or_the_message(company):
    """As the entry's mode says: the mail without that party, or nothing of it."""
    anna = company.lead("Anna")
    company.crm("INSERT INTO never_log (pattern, mode) VALUES (?, 'drop-party')", company.at("lawyer"))
    company.crm("INSERT INTO never_log (pattern, mode) VALUES (?, 'drop-message')", company.at("doctor"))
    message = company.copy(company.at("anna"), cc=company.at("lawyer"))
    assert company.leads(message) == {anna: "address"}
    assert company.crm("SELECT count(*) FROM address WHERE address = ?", company.at("lawyer")) == [[0]]
    assert company.messages(company.hand_in(company.mail(BOB, company.at("anna"), cc=company.at("doctor")))) == []


def test_13_the_list_holds_at_the_company_and_for_one_rep(company):
    """What Bob never logs, Mia may."""
    company.crm("INSERT INTO never_log (pattern, staff_id) VALUES (?, 1)", company.at("friend"))
    assert company.messages(company.hand_in(company.mail(BOB, company.at("friend")))) == []
    assert (
        len(company.messages(company.hand_in(company.mail(MIA, company.at("friend")), sender="mia@example.org"))) == 1
    )


def test_13_it_applies_to_forwarded_blocks_and_attached_mail_too(company):
    """The listed author stands in the forward only."""
    company.crm("INSERT INTO never_log (pattern) VALUES (?)", company.at("lawyer"))
    original = company.mail(company.at("lawyer"), BOB)
    attached = company.hand_in(company.mail(BOB, CAPTURE, subject="Fwd", forward=(original,)))
    block = f"From: {company.at('lawyer')}\nSent: Monday, 2 March 2026 10:15\nTo: {BOB}\nSubject: Secret"
    inline = company.hand_in(
        company.mail(
            BOB, CAPTURE, subject="Fwd: Secret", text=f"see\n\n________________________________\n{block}\n\nwords\n"
        )
    )
    assert [company.messages(each) for each in (attached, inline)] == [[], []]


def test_13_a_new_entry_works_backwards_on_request(company):
    """`never-log add --purge` takes away what it would have stopped, after a dry run that shows it."""
    message = company.copy(company.at("lawyer"))
    shown = company.relay.run("never-log", "add", company.at("lawyer"), "--purge", "--dry-run")
    assert f"#{message} " in shown, shown
    assert company.of(message, "id") == message
    company.relay.run("never-log", "add", company.at("lawyer"), "--purge", "--yes")
    assert company.crm("SELECT id FROM message WHERE id = ?", message) == []


def test_14_internal_mail_stays_out(company):
    """All parties in own domains: on no timeline and in nobody's list of open work, but counted."""
    message = company.file(company.mail(BOB, f"{MIA}, chef@example-two.example"))
    assert (company.of(message, "direction"), company.leads(message), company.why(message)) == ("internal", {}, None)
    assert company.crm("SELECT lead_count FROM handed_in WHERE message_id = ?", message) == [[0]]


def test_14_mail_to_nobody_is_not_internal(company):
    """Our mail to its own author or to undisclosed recipients waits as `no-outside-party`; a person's word settles it."""
    anna = company.lead("Anna")
    alone, blind = company.file(company.mail(BOB, BOB)), company.file(company.mail(BOB, "undisclosed-recipients:;"))
    assert [(company.of(each, "direction"), company.why(each)) for each in (alone, blind)] == [
        ("outgoing", "no-outside-party")
    ] * 2
    company.crm("INSERT INTO explicit_attribution (message_id, lead_id, decided_by) VALUES (?, ?, 1)", blind, anna)
    assert (company.leads(blind), company.why(blind)) == ({anna: "person"}, None)


def test_15_take_back(company):
    """One command removes message, text, attachments, raw mail and search entries; a retry does not bring it back."""
    company.lead("Anna")
    words = f"Quastenflosser{company.domain.removesuffix('.example')}"
    mail = company.mail(
        BOB,
        company.at("anna"),
        subject=words,
        text=words,
        attach=((f"{words}.pdf", "application/pdf", words.encode() * 50),),
    )
    vault_id = company.hand_in(mail)
    [message] = company.messages(vault_id)
    company.relay.run("forget", str(message), "--yes")
    for query in (
        "SELECT 1 FROM message WHERE id = ?",
        "SELECT 1 FROM part WHERE message_id = ?",
        "SELECT 1 FROM message_text WHERE message_id = ?",
    ):
        assert company.crm(query, message) == []
    assert words not in company.relay.run("search", words, status=None).replace(f"“{words}”", "")
    company.relay.run("raw", vault_id, status=1)
    assert company.messages(company.hand_in(mail)) == []
