"""A mail in one line: `message(from_="anna@lead.example", to="bob@example.org", subject="Offer")`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

FIRST = "Mon, 02 Mar 2026 10:15:00 +0000"


def message(
    from_: str = "Bob Baker <bob@example.org>",
    to: str | Iterable[str] = "Anna Lindqvist <anna@lead.example>",
    *,
    cc: str = "",
    subject: str = "Offer",
    text: str | None = "Dear Anna, here it is.\n",
    html: str | None = None,
    date: str | None = FIRST,
    message_id: str | None = None,
    fields: Mapping[str, str] | None = None,
    attach: Mapping[str, bytes] | None = None,
    forward: Iterable[bytes] = (),
) -> bytes:
    """The octets of a well-formed mail. `attach`: file name -> content; `forward`: mails enclosed as message/rfc822.

    A `message_id` is written with its angle brackets; None writes no such field.
    """
    mail = EmailMessage(policy=SMTP)
    mail["From"] = from_
    mail["To"] = to if isinstance(to, str) else ", ".join(to)
    if cc:
        mail["Cc"] = cc
    mail["Subject"] = subject
    if date is not None:
        mail["Date"] = date
    if message_id is not None:
        mail["Message-ID"] = message_id
    for name, value in (fields or {}).items():
        mail[name] = value
    mail.set_content(text or "")
    if html is not None:
        mail.add_alternative(html, subtype="html")
    for name, content in (attach or {}).items():
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    for octets in forward:
        mail.add_attachment(message_from_bytes(octets, policy=SMTP))
    return mail.as_bytes()
