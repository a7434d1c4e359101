"""Journaled: the original in a journal report, and who received it unseen.

A report is believed from those who are trusted with every timeline, when a system of ours could have sent it
and one of us is on the mail; the envelope of the original transaction outweighs what its header shows. From
anybody else it is a mail like any other, and nothing of what it carries is filed as a message.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay.attribution.admission import FULL_TRUST
from relay.attribution.attached import whole
from relay.attribution.directory import Directory
from relay.attribution.record import Route
from relay.attribution.recovered import NOT_BELIEVED, WITHOUT_ORIGINAL, Found, HandedIn, Original
from relay.mail import journal
from relay.mail.address import Address, Mailbox
from relay.mail.container import message_in
from relay.mail.envelope import Envelope
from relay.mail.journal import Journal
from relay.mail.message import Message
from relay.mail.outlook.effort import Effort

_SYSTEM = ("microsoftexchange", "journal", "postmaster")
"""Beginnings of local parts under which servers write reports (MicrosoftExchange329e71ec...@ours)."""

_PROTECTED = "application/x-microsoft-rpmsg-message"
"""A mail under rights management; its report has a readable copy beside it."""


def find_journal(message: Message, envelope: Envelope, directory: Directory, by: int | None) -> HandedIn | None:
    """What a journal report carries; None for any other mail. `by`: who handed it in, as far as the envelope says."""
    report = journal.read(message)
    if report is None:
        return None
    if not _believed(report, message, envelope, directory):
        return HandedIn(Route.DIRECT, (Original(message, Route.DIRECT),), "", by, (NOT_BELIEVED,))
    everyone = (*filter(None, (report.sender,)), *report.recipients)
    person = next((found for one in everyone if (found := directory.staff_id(one)) is not None), None)
    return HandedIn(Route.JOURNAL, (_original(report, message),), "", person)


def _believed(report: Journal, message: Message, envelope: Envelope, directory: Directory) -> bool:
    if envelope.admitted_by not in FULL_TRUST:
        return False
    reverse = envelope.reverse_path
    author = message.author[0].address if message.author else None
    system = author is not None and author.local_part.lower().startswith(_SYSTEM)
    if reverse is not None and not directory.is_ours(reverse) and not system:
        return False
    return _any_of_ours((*filter(None, (report.sender,)), *report.recipients), directory)


def _any_of_ours(addresses: Iterable[Address], directory: Directory) -> bool:
    return any(directory.is_ours(one) for one in addresses)


def _original(report: Journal, message: Message) -> Original:
    effort = Effort()
    best: Original | None = None
    for part in message.parts:
        found = message_in(part, effort)
        if found is None:
            continue
        best = whole(found[0], Route.JOURNAL, Found.JOURNAL, len(part.content), report.recipients)
        if all(inner.media_type != _PROTECTED for inner in found[0].parts):
            return best
    if best is not None:
        return best
    facts = Message(
        message_id=report.message_id,
        author=() if report.sender is None else (Mailbox("", report.sender),),
        to=tuple(Mailbox("", one) for one in report.to),
        cc=tuple(Mailbox("", one) for one in report.cc),
        subject=report.subject,
    )
    return Original(
        facts, Route.JOURNAL, Found.JOURNAL_FACTS, recipients=report.recipients, defects=(WITHOUT_ORIGINAL,)
    )
