"""Behaviours 1 to 5: copies, routes, forwards."""

from __future__ import annotations

import threading

import pytest
from company import BOB, MIA, MONDAY_AT
from running import CAPTURE

BLOCKS = {
    "English": ("From", "Sent", "To", "Subject", "Monday, 2 March 2026 10:15"),
    "German": ("Von", "Gesendet", "An", "Betreff", "Montag, 2. März 2026 10:15"),
    "French": ("De", "Envoyé", "À", "Objet", "lundi 2 mars 2026 10:15"),
    "Spanish": ("De", "Enviado", "Para", "Asunto", "lunes, 2 de marzo de 2026 10:15"),
    "Italian": ("Da", "Inviato", "A", "Oggetto", "lunedì 2 marzo 2026 10:15"),
    "Dutch": ("Van", "Verzonden", "Aan", "Onderwerp", "maandag 2 maart 2026 10:15"),
    "Portuguese": ("De", "Enviado", "Para", "Assunto", "segunda-feira, 2 de março de 2026 10:15"),
    "Polish": ("Od", "Wysłano", "Do", "Temat", "poniedziałek, 2 marca 2026 10:15"),
    "Swedish": ("Från", "Skickat", "Till", "Ämne", "den 2 mars 2026 10:15"),
    "Danish": ("Fra", "Sendt", "Til", "Emne", "2. marts 2026 10:15"),
    "Norwegian": ("Fra", "Sendt", "Til", "Emne", "mandag 2. mars 2026 10:15"),
    "Finnish": ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Aihe", "maanantai 2. maaliskuuta 2026 10:15"),
    "Czech": ("Od", "Odesláno", "Komu", "Předmět", "pondělí 2. března 2026 10:15"),
}


def forwarded(
    language: str, author: str, to: str = BOB, words: str = "What does it cost? Ask bill@elsewhere.example."
) -> str:
    """A comment, and a message as Outlook copies it into a text in this language."""
    sender, sent, recipient, subject, date = BLOCKS[language]
    block = f"{sender}: {author}\n{sent}: {date}\n{recipient}: {to}\n{subject}: Our question"
    return f"For the file, please.\n\n________________________________\n{block}\n\n{words}\n"


def test_01_a_bcc_copy_becomes_an_outgoing_message_on_every_matching_lead(company):
    """The capture address stands in the envelope only; To and Cc hold leads: one message, one row for each lead."""
    anna, carl = company.lead("Anna"), company.lead("Carl")
    mail = company.mail(BOB, company.at("anna"), cc=company.at("carl"))
    assert CAPTURE.encode() not in mail
    message = company.file(mail)
    assert company.of(message, "direction", "staff_id", "author_address") == ("outgoing", 1, "bob@example.org")
    assert company.leads(message) == {anna: "address", carl: "address"}
    timeline = "SELECT message_id, direction, subject FROM lead_timeline WHERE lead_id = ?"
    assert company.crm(timeline, anna) == company.crm(timeline, carl) == [[message, "outgoing", "Offer"]]


def test_02_one_message_one_copy_whatever_the_route(company):
    """Bob's copy, Mia's forward of what she got in Cc, and a retry after a lost reply: one message, three envelopes."""
    anna = company.lead("Anna")
    mail = company.mail(BOB, company.at("anna"), cc=MIA)
    message = company.file(mail)
    assert company.file(mail) == message
    wrapper = company.mail(MIA, CAPTURE, subject="Fwd: Offer", forward=(mail,))
    assert company.file(wrapper, sender="mia@example.org") == message
    arrivals = company.crm("SELECT staff_id, route FROM envelope WHERE message_id = ? ORDER BY id", message)
    assert arrivals == [[1, "bcc"], [1, "bcc"], [2, "attached"]]
    assert company.leads(message) == {anna: "address"}


def test_02_parallel_sessions_do_not_make_two_of_one_message(company):
    """The same mail over eight connections at once."""
    anna = company.lead("Anna")
    mail = company.mail(BOB, company.at("anna"))
    sent = [threading.Thread(target=company.relay.send, args=(mail,)) for _ in range(8)]
    for each in sent:
        each.start()
    for each in sent:
        each.join()
    timeline = "SELECT message_id FROM lead_timeline WHERE lead_id = ?"
    company.until(
        "SELECT count(*) = 8 FROM envelope WHERE message_id IN (SELECT message_id FROM lead_message WHERE lead_id = ?)",
        anna,
    )
    assert len(company.crm(timeline, anna)) == 1


def test_02_an_inline_forward_is_the_message_that_it_copies(company):
    """An inline forward has lost its Message-ID: it joins the original by author, date, subject and text, also before it."""
    anna = company.lead("Anna")
    author = f"Anna <{company.at('anna')}>"
    words = (
        f"What does it cost? We of {company.domain} would need forty of them, and two spare ones, before the summer."
    )
    inline = company.file(
        company.mail(BOB, CAPTURE, subject="Fwd: Our question", text=forwarded("English", author, words=words))
    )
    original = company.mail(author, BOB, subject="Our question", text=f"{words}\n")
    vault_id = company.hand_in(company.mail(MIA, CAPTURE, subject="Fwd", forward=(original,)), sender="mia@example.org")
    company.until("SELECT count(*) = 1 FROM lead_message WHERE lead_id = ?", anna)
    assert company.messages(vault_id) == [inline]


def test_02_different_mails_under_one_message_id_stay_two(company):
    """A program that uses one Message-ID for all its mail loses none of it."""
    anna = company.lead("Anna")
    one, two = (
        company.file(
            company.mail(
                company.at("anna"), BOB, subject=subject, text=f"{subject}\n", message_id=f"<same@{company.domain}>"
            )
        )
        for subject in ("Invoice 1", "Invoice 2")
    )
    assert one != two
    assert [company.leads(each) for each in (one, two)] == [{anna: "address"}] * 2


@pytest.mark.parametrize("language", BLOCKS)
def test_03_forwarded_mail_is_filed_to_the_original_sender_as_incoming(company, language):
    """Not to any other address in the text; with the original's date, and the comment above it kept apart."""
    anna = company.lead("Anna")
    author = f"Anna Lindqvist <{company.at('anna')}>"
    message = company.file(
        company.mail(
            BOB,
            CAPTURE,
            subject="WG: Our question",
            text=forwarded(language, author),
            date="Wed, 04 Mar 2026 09:00:00 +0000",
        )
    )
    assert company.of(message, "direction", "author_address", "subject", "date_source") == (
        "incoming", company.at("anna"), "Our question", "forwarded")  # fmt: skip
    assert company.of(message, "originated_at", "received_at > originated_at") == (MONDAY_AT, 1)
    assert company.leads(message) == {anna: "address"}
    [[text, note]] = company.crm("SELECT text, note FROM message_text WHERE message_id = ?", message)
    assert (text.strip(), note.strip()) == ("What does it cost? Ask bill@elsewhere.example.", "For the file, please.")
    addresses = (
        "SELECT a.address FROM message_address ma JOIN address a ON a.id = ma.address_id WHERE ma.message_id = ?"
    )
    assert ["bill@elsewhere.example"] not in company.crm(addresses, message)


def test_04_a_forward_of_ones_own_sent_mail_is_outgoing(company):
    """Bob forgot the Bcc and forwards it from Sent: it is filed to those he wrote to, with its own date."""
    anna = company.lead("Anna")
    text = forwarded("English", BOB, f"Anna <{company.at('anna')}>")
    message = company.file(company.mail(BOB, CAPTURE, subject="Fwd: Our question", text=text))
    assert company.of(message, "direction", "staff_id", "originated_at") == ("outgoing", 1, MONDAY_AT)
    assert company.roles(message) == {anna: "to"}


@pytest.mark.parametrize("as_file", [False, True], ids=["message/rfc822", "an .eml file"])
def test_05_forward_as_attachment_is_the_exact_original(company, as_file):
    """Each attached message is one of its own, with its Message-ID and date; the wrapper is filed to nobody."""
    anna, carl = company.lead("Anna"), company.lead("Carl")
    originals = [
        company.mail(company.at(name), BOB, subject=f"From {name}", message_id=f"<{name}-{as_file}@{company.domain}>")
        for name in ("anna", "carl")
    ]
    files = tuple((f"{n}.eml", "application/octet-stream", mail) for n, mail in enumerate(originals)) if as_file else ()
    wrapper = company.mail(
        BOB, CAPTURE, subject="Two for the file", attach=files, forward=() if as_file else tuple(originals)
    )
    messages = company.messages(company.hand_in(wrapper))
    assert [company.of(each, "internet_message_id", "subject", "direction", "originated_at") for each in messages] == [
        (f"{name}-{as_file}@{company.domain}", f"From {name}", "incoming", MONDAY_AT) for name in ("anna", "carl")
    ]
    assert [company.leads(each) for each in messages] == [{anna: "address"}, {carl: "address"}]
    assert company.crm("SELECT count(*) FROM message WHERE subject = 'Two for the file'") == [[0]]
    later = company.file(originals[0])
    assert later == messages[0]
