"""Delivery reports of RFC 3464, and the notices of programs that write none."""

from __future__ import annotations

import time

import pytest

from relay.mail.automatic import automatic
from relay.mail.reading import parse
from relay.mail.report import MAX_DIAGNOSTIC, MAX_RECIPIENTS, read

RETURNED = "From: Bob <bob@example.org>\nTo: anna@lead.example\nSubject: Offer\nMessage-ID: <offer@example.org>\n"


def dsn(status: str, returned: str = RETURNED, returned_type: str = "text/rfc822-headers") -> bytes:
    return (
        "From: Mail Delivery System <MAILER-DAEMON@mx.example.org>\nTo: bob@example.org\nSubject: Undelivered\n"
        "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\nSorry.\n--b\nContent-Type: message/delivery-status\n\n{status}\n"
        f"--b\nContent-Type: {returned_type}\n\n{returned}\n--b--\n"
    ).encode()


def notice(text: str, fields: str = "From: MAILER-DAEMON@mx.example.org\nSubject: failure notice\n") -> bytes:
    return f"{fields}To: bob@example.org\n\n{text}".encode()


def one(content: bytes):
    found = read(parse(content))
    assert found is not None
    [recipient] = found.recipients
    return found, recipient


GROUP = "Reporting-MTA: dns; mx.example.org\n\n"
FAILED = (
    "Final-Recipient: rfc822; anna@lead.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 No\n"
)


def test_a_report_names_recipient_action_status_reason_and_the_mail_it_is_about():
    found, recipient = one(dsn(GROUP + FAILED))
    assert (recipient.final.key, recipient.action, recipient.status) == ("anna@lead.example", "failed", "5.1.1")
    assert recipient.diagnostic == "550 5.1.1 No"
    assert recipient.permanent
    assert (found.message_id, found.author.key, found.subject) == ("offer@example.org", "bob@example.org", "Offer")


def test_the_returned_message_may_be_whole():
    found, _ = one(dsn(GROUP + FAILED, RETURNED + "\nDear Anna", "message/rfc822"))
    assert found.message_id == "offer@example.org"


@pytest.mark.parametrize(
    ("action", "status", "permanent", "kind"),
    [
        ("failed", "5.1.1", True, "bounce"),
        ("failed", "", True, "bounce"),
        ("failed (no such user)", "5.0.0", True, "bounce"),
        ("failed", "4.4.7", False, "bounce"),  # gave up after some days of trying
        ("failed", "5.2.3", False, "bounce"),  # this mail was too large
        ("failed", "5.6.1", False, "bounce"),
        ("failed", "5.7.1", True, "bounce"),
        ("delayed", "4.4.1", False, "auto-reply"),
        ("delayed", "5.0.0", False, "auto-reply"),
        ("delivered", "2.1.5", False, "auto-reply"),
        ("relayed", "2.0.0", False, "auto-reply"),
        ("", "5.1.1", True, "bounce"),
    ],
)
def test_only_what_fails_for_good_is_permanent_and_a_delay_is_no_bounce(action, status, permanent, kind):
    content = dsn(f"{GROUP}Final-Recipient: rfc822; anna@lead.example\nAction: {action}\nStatus: {status}\n")
    _, recipient = one(content)
    assert recipient.permanent is permanent
    assert automatic(parse(content)) == kind


def test_an_alias_and_where_it_leads_are_both_told():
    _, recipient = one(
        dsn(
            GROUP
            + "Original-Recipient: rfc822;anna@lead.example\nFinal-Recipient: RFC822; <box@host.example>\nAction: failed\n"
        )
    )
    assert (recipient.original.key, recipient.final.key) == ("anna@lead.example", "box@host.example")


def test_several_recipients_are_read_and_their_number_is_bounded():
    groups = "\n".join(f"Final-Recipient: rfc822; p{n}@lead.example\nAction: failed\n" for n in range(300))
    assert len(read(parse(dsn(GROUP + groups))).recipients) == MAX_RECIPIENTS


def test_a_reason_is_one_line_without_control_characters():
    _, recipient = one(
        dsn(
            f"{GROUP}Final-Recipient: rfc822; anna@lead.example\nAction: failed\nDiagnostic-Code: smtp; 550\x1b[31m no\n {'such user ' * 90}\n"
        )
    )
    assert recipient.diagnostic.isprintable()
    assert len(recipient.diagnostic) <= MAX_DIAGNOSTIC + 1
    assert recipient.diagnostic.startswith("550 [31m no such user such")


QMAIL = (
    """Hi. This is the qmail-send program at mx.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<anna@lead.example>:
192.0.2.7 does not like recipient.
Remote host said: 550 5.1.1 <anna@lead.example>: user unknown
Giving up on 192.0.2.7.

--- Below this line is a copy of the message.

Return-Path: <bob@example.org>
"""
    + RETURNED
)
EXIM = (
    """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  anna@lead.example
    host mx.lead.example [192.0.2.7]
    SMTP error from remote mail server after RCPT TO:<anna@lead.example>:
    550 5.1.1 User unknown

------ This is a copy of the message, including all the headers. ------

Return-path: <bob@example.org>
"""
    + RETURNED
)
SENDMAIL = (
    """The original message was received at Mon, 2 Mar 2026 10:15:00 GMT
from localhost

   ----- The following addresses had permanent fatal errors -----
<anna@lead.example>
    (reason: 550 5.1.1 User unknown)

   ----- Transcript of session follows -----
... while talking to mx.lead.example.:
>>> RCPT To:<anna@lead.example>
<<< 550 5.1.1 User unknown

   ----- Original message follows -----

"""
    + RETURNED
)
POSTFIX = """This is the Postfix program at host mx.example.org.

I'm sorry to have to inform you that your message could not be delivered
to one or more recipients.

<anna@lead.example>: host mx.lead.example[192.0.2.7] said: 550 5.1.1
    <anna@lead.example>: User unknown (in reply to RCPT TO command)
"""
GMAIL = """** Address not found **

Your message wasn't delivered to anna@lead.example because the address couldn't be found, or is unable to receive mail.

Learn more here: https://support.example.com/mail/?p=NoSuchUser

The response was:

550 5.1.1 The email account that you tried to reach does not exist.
"""
OLD_GMAIL = (
    """Delivery to the following recipient failed permanently:

     anna@lead.example

Technical details of permanent failure:
Google tried to deliver your message, but it was rejected by the server. The error was:
550 5.1.1 User unknown

----- Original message -----

"""
    + RETURNED
)
EXCHANGE = (
    """Delivery has failed to these recipients or groups:

Anna Lee (anna@lead.example)<mailto:anna@lead.example>
The email address you entered couldn't be found.

Diagnostic information for administrators:

Generating server: mx.example.org

anna@lead.example
Remote Server returned '550 5.1.1 RESOLVER.ADR.RecipNotFound; not found'

Original message headers:

"""
    + RETURNED
)


@pytest.mark.parametrize(
    ("text", "returned"),
    [
        (QMAIL, True),
        (EXIM, True),
        (SENDMAIL, True),
        (POSTFIX, False),
        (GMAIL, False),
        (OLD_GMAIL, True),
        (EXCHANGE, True),
    ],
    ids=["qmail", "exim", "sendmail", "postfix", "gmail", "old gmail", "exchange"],
)
def test_a_notice_in_words_is_read(text, returned):
    content = notice(text)
    found, recipient = one(content)
    assert (recipient.final.key, recipient.action, recipient.status) == ("anna@lead.example", "failed", "5.1.1")
    assert recipient.permanent
    assert "550" in recipient.diagnostic
    assert found.message_id == ("offer@example.org" if returned else None)
    assert automatic(parse(content)) == "bounce"


@pytest.mark.parametrize(
    "text",
    [
        (
            "This message was created automatically.\nA message that you sent has not yet been delivered to one or more of its"
            " recipients after more than 24 hours.\n\n  anna@lead.example\n    Delay reason: 451 4.7.1 greylisted\n\n"
            "No action is required on your part. Delivery attempts will continue for some time.\n"
        ),
        (
            "There was a temporary problem delivering your message to anna@lead.example. Gmail will retry for 46 more hours."
            " You'll be notified if the delivery fails permanently.\nDelivery incomplete\n"
        ),
    ],
)
def test_a_notice_of_a_delay_is_no_bounce(text):
    content = notice(text, "From: mailer-daemon@mx.example.org\nSubject: Warning: message delayed\n")
    assert automatic(parse(content)) == "auto-reply"
    found = read(parse(content))
    assert found is None or not any(each.permanent for each in found.recipients)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("Subject: Undeliverable: Offer\n", "Delivery has failed to these recipients:\n\nanna@lead.example\n"),
        ("Subject: Unzustellbar: Offer\n", "Delivery has failed to these recipients:\n\nanna@lead.example\n"),
        ("Subject: DELIVERY FAILURE: User anna not listed\n", "Your message\n\n  Subject: Offer\n\nwas not delivered to:\n\n  anna@lead.example\n"),
        ("Subject: Undelivered\n", "Ihre Nachricht\n\n  Betreff: Offer\n\nkonnte nicht zugestellt werden:\n\n  anna@lead.example\n"),
    ],
)  # fmt: skip
def test_a_notice_that_returns_no_header_tells_the_subject_of_the_mail_in_its_words(fields, text):
    head = f"From: postmaster@lead.example\nIn-Reply-To: <offer@example.org>\n{fields}"
    found, recipient = one(notice(text, head))
    assert (found.message_id, found.subject, recipient.final.key) == ("offer@example.org", "Offer", "anna@lead.example")


def test_what_a_gmail_notice_answers_is_what_it_is_about():
    found, _ = one(notice(GMAIL, "From: mailer-daemon@googlemail.example\nIn-Reply-To: <offer@example.org>\n"))
    assert found.message_id == "offer@example.org"


@pytest.mark.parametrize(
    "content",
    [
        b"From: anna@lead.example\nSubject: Undeliverable\n\nDelivery has failed: bob@example.org\n",
        b"From: postmaster@lead.example\nSubject: Your contract\n\nDear Bob, <x@y.example>: could not be delivered\n",
    ],
)
def test_a_person_who_writes_of_a_failure_is_a_person(content):
    assert automatic(parse(content)) is None


@pytest.mark.parametrize(
    "octets",
    [
        dsn(GROUP + "Final-Recipient:\n" * 20000),
        dsn(GROUP + "\n" * 200_000),
        dsn(GROUP + "Final-Recipient: rfc822; " + "a" * 300_000),
        notice("<" * 100_000),
        notice("a@" * 100_000),
        notice("x" * 60 + "(" * 60_000 + "a@b.example could not be delivered\n" * 2000),
        notice(("- " * 60 + "a@b.example\n") * 2000),
    ],
)
def test_no_octets_hold_the_reader(octets):
    message = parse(octets)
    started = time.process_time()
    read(message)
    automatic(message)
    assert time.process_time() - started < 1
