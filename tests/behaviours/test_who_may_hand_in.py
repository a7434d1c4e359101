"""Behaviours 10 to 12: strangers, refusals, loops. What sender proofs (SPF, DKIM, AUTH) add: tests/admission."""

from __future__ import annotations

import smtplib

import pytest
from company import BOB
from running import CAPTURE, PATIENCE

LEAD = "anna@lead-of-strangers.example"


def said(company, *commands: str, client: str = "127.0.0.1") -> tuple[int, str]:
    """The last reply of a session from this address."""
    with smtplib.SMTP(timeout=PATIENCE, local_hostname="client.example.net", source_address=(client, 0)) as session:
        code, text = session.connect("127.0.0.1", company.relay.port)
        for command in ("EHLO client.example.net", *commands):
            if code >= 400:
                break
            code, text = session.docmd(command)
        return code, text.decode()


def test_10_strangers_cannot_write_into_the_crm(company):
    """From forged as a rep, from a host that nobody trusts: refused in the session with a sentence, and never a mail back."""
    before = company.crm("SELECT count(*) FROM envelope")
    with smtplib.SMTP(
        timeout=PATIENCE, local_hostname="client.example.net", source_address=("127.0.0.2", 0)
    ) as session:
        session.connect("127.0.0.1", company.relay.port)
        with pytest.raises(smtplib.SMTPDataError) as refused:
            session.sendmail("bob@example.org", [CAPTURE], company.mail(BOB, company.at("anna")))
    assert refused.value.smtp_code == 550
    assert b"no valid DKIM signature or SPF of example.org" in refused.value.smtp_error
    assert company.crm("SELECT count(*) FROM envelope") == before


def test_10_words_about_authentication_in_the_mail_prove_nothing(company):
    """A forged Authentication-Results changes nothing: who handed it in and by which rule is stored with each copy."""
    company.lead("Anna")
    mail = company.mail(
        BOB, company.at("anna"), fields={"Authentication-Results": "mx.example.org; dmarc=pass header.from=example.org"}
    )
    message = company.file(mail)
    assert company.crm("SELECT admitted_by, client FROM envelope WHERE message_id = ?", message) == [
        ["network", "127.0.0.1 client.example.org"]
    ]


@pytest.mark.parametrize(
    ("commands", "code", "words"),
    [
        (("MAIL FROM:<bob@example.org>", "RCPT TO:<crn@crm.example.org>"), 550, "capture address"),
        (("MAIL FROM:<bob@example.org>", "RCPT TO:<anna@lead.example>"), 550, "capture address"),
        (("MAIL FROM:<bob@example.org> SIZE=62914560",), 552, "52428800"),
    ],
    ids=["a misspelled capture address", "an address elsewhere", "too large"],
)
def test_11_refusals_explain_themselves(company, commands, code, words):
    """The reply of the session says what is wrong and what to do. (Notices by mail we send none.)"""
    got, text = said(company, *commands)
    assert got == code
    assert words in text


def test_11_a_mail_that_matches_nobody_says_so_to_the_rep(company):
    """It is taken, and the view for reps tells where it landed and why not on a lead."""
    message = company.copy(company.at("nobody"))
    assert company.crm("SELECT staff_id, lead_count, why FROM handed_in WHERE message_id = ?", message) == [
        [1, 0, "no-lead"]
    ]


@pytest.mark.parametrize(
    ("fields", "automatic"),
    [
        ({"Auto-Submitted": "auto-replied"}, "auto-reply"),
        ({"X-Autoreply": "yes"}, "auto-reply"),
        ({"Precedence": "bulk"}, "bulk"),
        ({"List-Id": "<news.lead.example>"}, "list"),
    ],
)
def test_12_no_loops(company, fields, automatic):
    """Automatic mail is kept and flagged; nothing is ever answered: we send no mail at all."""
    anna = company.lead("Anna")
    message = company.file(company.mail(company.at("anna"), BOB, fields=fields))
    assert company.of(message, "automatic") == automatic
    assert company.leads(message) == {anna: "address"}


def test_12_auto_replies_do_not_count_as_a_contact(company):
    """The last contact is what a person wrote; when the lead will be back is kept, where it says so."""
    anna = company.lead("Anna")
    company.file(company.mail(company.at("anna"), BOB, subject="Question"))
    company.file(
        company.mail(
            company.at("anna"), BOB, subject="Automatic reply: Offer", date="Mon, 09 Mar 2026 10:00:00 +0000",
            text="I am out of the office until 20 March 2026.\n", fields={"Auto-Submitted": "auto-replied"},
        )
    )  # fmt: skip
    assert company.crm("SELECT last_incoming_at, incoming_count FROM lead_contact WHERE lead_id = ?", anna) == [
        ["2026-03-02T10:15:00.000Z", 1]
    ]
    assert company.crm(
        "SELECT substr(absent_until, 1, 10) FROM address_health WHERE address = ?", company.at("anna")
    ) == [["2026-03-20"]]


def test_12_a_bounce_marks_the_address_and_is_no_contact(company):
    """A report with the null return path about mail of ours: the lead's address is marked bad."""
    anna = company.lead("Anna")
    sent = company.mail(BOB, company.at("anna"), message_id=f"<sent@{company.domain}>")
    company.file(sent)
    report = (
        (
            f"From: MAILER-DAEMON@mx.example.org\r\nTo: bob@example.org\r\nSubject: Undelivered Mail\r\n"
            f"Date: Mon, 02 Mar 2026 10:16:00 +0000\r\nMessage-ID: <bounce@{company.domain}>\r\nMIME-Version: 1.0\r\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
            "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
            "Reporting-MTA: dns; mx.example.org\r\n\r\n"
            f"Final-Recipient: rfc822; {company.at('anna')}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
            "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
        ).encode()
        + sent
        + b"\r\n--b--\r\n"
    )
    message = company.file(report, sender="")
    assert company.of(message, "automatic") == "bounce"
    company.until("SELECT bounced_at FROM address_health WHERE address = ?", company.at("anna"))
    [[bounced, reason]] = company.crm(
        "SELECT bounced_at, bounce_reason FROM lead_address_health WHERE lead_id = ?", anna
    )
    assert bounced
    assert "no such user" in str(reason)
    assert company.crm("SELECT incoming_count FROM lead_contact WHERE lead_id = ?", anna) in ([[0]], [])


def test_12_a_notice_in_words_stands_below_the_mail_that_it_is_about(company):
    """`Undeliverable: Offer`, which returns nothing of the mail and only answers it: it is on the lead's timeline."""
    anna = company.lead("Anna")
    company.copy(company.at("anna"), message_id=f"<sent@{company.domain}>")
    notice = company.mail(
        f"postmaster@{company.domain}", BOB, subject="Undeliverable: Offer", answers=f"<sent@{company.domain}>",
        text=f"Delivery has failed to these recipients or groups:\n\n{company.at('anna')}\n\n550 5.1.1 not found\n",
    )  # fmt: skip
    message = company.file(notice, sender="")
    company.until("SELECT count(*) FROM lead_message WHERE message_id = ? AND lead_id = ?", message, anna)
    assert company.leads(message) == {anna: "thread"}
    company.until("SELECT bounced_at FROM lead_address_health WHERE lead_id = ?", anna)
