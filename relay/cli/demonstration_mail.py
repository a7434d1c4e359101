"""The three mails of the demonstration, written as the clients of people write them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

ANNA = "Anna Lindqvist <anna@lindqvist.example>"
BOB = "Bob Baker <bob@example.org>"
CAPTURE = "crm@crm.example.org"


def mails(now: datetime) -> Iterator[tuple[str, bytes]]:
    """(what it is, the octets) of each mail, with dates that end at `now` (an aware time)."""
    yield "a BCC copy of a mail to Anna (the relay's address is only in the envelope)", _copy(now - timedelta(hours=3))
    yield "Anna's first mail, forwarded as an attachment", _attached(now - timedelta(days=2), now)
    yield "Anna's answer, forwarded inline by Gmail", _inline(now - timedelta(hours=1), now)


def _mail(author: str, to: str, subject: str, moment: datetime, text: str) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = author, to, subject
    message["Date"] = format_datetime(moment)
    message["Message-ID"] = make_msgid(domain=author.rpartition("@")[2].rstrip(">"))
    message.set_content(text)
    return message


def _copy(moment: datetime) -> bytes:
    text = "Dear Anna,\n\nthank you for the plans. The offer is enclosed; it holds until the end of the month.\n\nBob\n"
    message = _mail(BOB, ANNA, "Offer for the new hall", moment, text)
    message.add_attachment(b"%PDF-1.4\n% an offer\n", maintype="application", subtype="pdf", filename="offer.pdf")
    return message.as_bytes()


def _attached(moment: datetime, now: datetime) -> bytes:
    original = _mail(
        ANNA, BOB, "A new hall", moment, "Hello Bob,\n\nwe need a hall of 20 by 40 metres. Can you do that?\n\nAnna\n"
    )
    message = _mail(BOB, CAPTURE, "Fwd: A new hall", now, "For the file.\n")
    message.add_attachment(original)
    return message.as_bytes()


def _inline(moment: datetime, now: datetime) -> bytes:
    date = f"{moment:%a}, {moment:%b} {moment.day}, {moment.year} at {moment.hour % 12 or 12}:{moment:%M} {moment:%p}"
    words = "Hi Bob, the offer looks good. Two questions about the gates: shall we talk on Thursday?"
    text = (
        "She asks for a call.\n\n---------- Forwarded message ---------\n"
        f"From: {ANNA}\nDate: {date}\nSubject: Re: Offer for the new hall\nTo: {BOB}\n\n\n{words}\n"
    )
    html = (
        '<div dir="ltr">She asks for a call.<br><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">'
        "---------- Forwarded message ---------<br>"
        'From: <strong class="gmail_sendername" dir="auto">Anna Lindqvist</strong> <span dir="auto">&lt;'
        '<a href="mailto:anna@lindqvist.example">anna@lindqvist.example</a>&gt;</span><br>'
        f"Date: {date}<br>Subject: Re: Offer for the new hall<br>To: Bob Baker &lt;"
        '<a href="mailto:bob@example.org">bob@example.org</a>&gt;<br></div><br><br>'
        f'<div dir="ltr">{words}</div></div></div>\n'
    )
    message = _mail(BOB, CAPTURE, "Fwd: Re: Offer for the new hall", now, text)
    message.add_alternative(html, subtype="html")
    return message.as_bytes()
