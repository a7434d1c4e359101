"""Journal reports: what a mail server's archive copy says about a mail that it carries.

Exchange (2003 to 365) wraps each mail into a report: a text with one field a line (Sender, Subject,
Message-Id, To, Cc, Bcc, Recipient), then the mail itself. The labels are English in every installation.
A recipient may say how it became one: `, Expanded: list@...` (member of a list), `, Forwarded: user@...`
(Microsoft's description of "journal reports"). Read here is what it says; whether it is believed is not decided here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.mail import html, mailbox
from relay.mail.address import Address
from relay.mail.message import Message

MAX_LINES = 20_000
"""Lines of a report: one for each recipient."""

MAX_RECIPIENTS = 10_000

_LINE = re.compile(r"[ \t]*([A-Za-z-]{2,20})[ \t]*:[ \t]*([^\n]*)")
_HOW = re.compile(r",[ \t]*(?:Expanded|Forwarded)[ \t]*:", re.IGNORECASE)
_RECIPIENTS = frozenset({"to", "cc", "bcc", "recipient", "recipients"})
_OLD = "exjournal"
"""Exchange 2003 marks a report by its Content-Identifier only."""


@dataclass(frozen=True, slots=True)
class Journal:
    """What a report says. `recipients`: everybody who got the mail, each once, with the lists that led to them."""

    sender: Address | None
    subject: str
    message_id: str | None
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    recipients: tuple[Address, ...]


def read(message: Message) -> Journal | None:
    """The report that a mail is, None for any other mail. Never raises."""
    marked = message.first("x-ms-journal-report") is not None
    if not marked and not (message.first("content-identifier") or "").strip().lower().startswith(_OLD):
        return None
    text = message.text or (html.to_text(message.html) if message.html else "")
    said: dict[str, list[str]] = {}
    label = ""
    for line in text.split("\n", MAX_LINES)[:MAX_LINES]:
        found = _LINE.match(line)
        if found is not None:
            label = found[1].lower()
            said.setdefault(label, []).append(found[2].strip())
        elif label == "recipients" and "@" in line:  # Exchange 2003 writes them below each other
            said[label].append(line.strip())
        elif line.strip():
            label = ""
    if "sender" not in said or not _RECIPIENTS & said.keys():
        return None
    sender = _addresses(said["sender"][:1])
    every: dict[str, Address] = {}
    for name in ("to", "cc", "bcc", "recipient", "recipients"):
        for address in _addresses(said.get(name, [])):
            every.setdefault(address.key, address)
    return Journal(
        sender=sender[0] if sender else None,
        subject=said.get("subject", [""])[0],
        message_id=said.get("message-id", [""])[0].strip("<> \t") or None,
        to=_addresses(said.get("to", [])),
        cc=_addresses(said.get("cc", [])),
        recipients=tuple(every.values())[:MAX_RECIPIENTS],
    )


def _addresses(values: list[str]) -> tuple[Address, ...]:
    found: list[Address] = []
    for value in values:
        for piece in _HOW.split(value):
            if len(found) >= MAX_RECIPIENTS:
                return tuple(found)
            found += [one.address for one in mailbox.read(piece, MAX_RECIPIENTS)]
    return tuple(found)
