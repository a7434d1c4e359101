"""What automatic mail says of people: which addresses failed, who is away, who left.

Decides what is kept of it. A report of failures names the mail that it is about; whether that mail is one of ours,
and was for that address, is asked where all mail is known (`schema/0008_c_automatic_mail.sql`): a bounce may come
before the copy of the mail that bounced. An absence counts only from the address itself, one outside.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from relay.attribution.directory import Directory
from relay.mail import absence, report
from relay.mail.address import Address
from relay.mail.automatic import AUTO_REPLY, BOUNCE
from relay.mail.message import Message


@dataclass(frozen=True, slots=True)
class Reported:
    """What a delivery report says of one address (its `key`).

    `action` as in RFC 3464, '' unknown; `permanent`: later mail will fail too; `reason`: status and the words of
    the mail system, one line.
    """

    address: str
    action: str
    permanent: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """What one automatic message tells.

    `about`: Message-ID of the mail that a report is about, None when it does not say. `ours`: the header that the
    report returns is of a mail of ours. `subject` of that mail, None when not returned. `absent_until`: 'YYYY-MM-DD'
    that the author named; `left`: the author is said to have left.
    """

    reported: tuple[Reported, ...] = ()
    about: str | None = None
    ours: bool = False
    subject: str | None = None
    absent_until: str | None = None
    left: bool = False


NOTHING = Told()


def told(
    message: Message, kind: str | None, author: Address | None, written: datetime, words: str, directory: Directory
) -> Told:
    """What a message of this kind (`automatic`) tells; `NOTHING` for a person's. `words`: the author's own text."""
    if kind not in (BOUNCE, AUTO_REPLY):
        return NOTHING
    found = report.read(message) if kind == BOUNCE or report.from_daemon(message) or _is_report(message) else None
    if found is not None:
        return _of(found, directory)
    if kind == BOUNCE or author is None or directory.is_ours(author) or _is_report(message):
        return NOTHING
    name = message.author[0].display_name if message.author else ""
    away = absence.read(message.subject, words, written.date(), name, author.local_part)
    if away is None:
        return NOTHING
    return Told(absent_until=None if away.until is None else away.until.isoformat(), left=away.left)


def addresses(told: Told) -> tuple[Address, ...]:
    """The addresses that a report names: it is a mail about them."""
    read = (Address.read(each.address) for each in told.reported)
    return tuple(address for address in read if address is not None)


def without(told: Told, left_out: Collection[str]) -> Told:
    """What is told, without a word of these addresses (keys)."""
    kept = tuple(each for each in told.reported if each.address not in left_out)
    return told if len(kept) == len(told.reported) else replace(told, reported=kept)


def _is_report(message: Message) -> bool:
    return message.media_type == "multipart/report"


def _of(found: report.Report, directory: Directory) -> Told:
    """Each address once, under both of its names: a mail to an alias fails where the alias leads."""
    said: dict[str, Reported] = {}
    for each in found.recipients:
        reason = each.diagnostic if each.status in each.diagnostic else f"{each.status} {each.diagnostic}".strip()
        for address in (each.original, each.final):
            if address is not None and not directory.is_capture(address):
                known = said.get(address.key)
                if known is None or (each.permanent and not known.permanent):
                    said[address.key] = Reported(address.key, each.action, each.permanent, reason or each.action)
    ours = found.author is not None and directory.is_ours(found.author)
    returned = found.author is not None or bool(found.subject)
    return Told(tuple(said.values()), found.message_id, ours, found.subject if returned else None)
