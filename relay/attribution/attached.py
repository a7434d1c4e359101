"""Attached: the originals that a mail carries as parts, and what those carry in turn.

What a part is, `relay.mail.container` decides by its octets. Here: which of the messages in it are the
originals. A bounce is opened by nobody: the message that it returns was handed in by no person.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from relay.attribution.directory import Directory
from relay.attribution.inline import find_inline
from relay.attribution.record import Route
from relay.attribution.recovered import (
    MAX_NOTE,
    MAX_ORIGINALS,
    NAMES_ONLY,
    NOT_RECOVERED,
    OTHER_PARTS,
    TOO_MANY,
    Original,
)
from relay.mail import html, signed
from relay.mail.address import Address
from relay.mail.automatic import BOUNCE, automatic
from relay.mail.body import is_stub
from relay.mail.container import message_in
from relay.mail.message import Message, Part
from relay.mail.outlook.effort import Effort


@dataclass(frozen=True, slots=True)
class Attached:
    """The originals in the parts of a mail, the parts that are none, and defects."""

    originals: tuple[Original, ...] = ()
    others: tuple[Part, ...] = ()
    defects: tuple[str, ...] = ()


def note_of(message: Message) -> str:
    """The comment of who attached messages: all of the wrapper's text."""
    if message.html and (message.text is None or is_stub(message.text)):
        return html.to_text(message.html)[:MAX_NOTE]
    return (message.text or "").strip()[:MAX_NOTE]


def is_bounce(message: Message, directory: Directory) -> bool:
    """A notice that mail could not be delivered (RFC 3462, or as old programs write it). It returns the mail."""
    if message.media_type == "multipart/report":
        return True
    person = bool(message.author) and directory.staff_id(message.author[0].address) is not None
    return not person and automatic(message, null_reverse_path=True) == BOUNCE


def find_attached(message: Message, directory: Directory, depth: int, effort: Effort | None = None) -> Attached:
    """The messages attached to a wrapper, internal wrappers opened in turn, down to `depth`. Never raises."""
    effort = effort or Effort()
    originals: list[Original] = []
    others: list[Part] = []
    defects: dict[str, None] = {}
    for part in message.parts:
        if len(originals) >= MAX_ORIGINALS:
            defects[TOO_MANY] = None
            break
        found = message_in(part, effort)
        if found is None:
            others.append(part)
            if part.disposition == "attachment" and part.media_type not in _TECHNICAL:
                defects[OTHER_PARTS] = None
            continue
        originals += _opened(*found, len(part.content), directory, depth, effort)
    if len(originals) > MAX_ORIGINALS:
        defects[TOO_MANY] = None
        del originals[MAX_ORIGINALS:]
    return Attached(tuple(originals), tuple(others), tuple(defects)) if originals else Attached()


MAX_NAME = 200
"""Characters of a name."""

_TECHNICAL = signed.TYPES | {
    "application/pgp-signature",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
}
"""Types of what programs add to a mail."""


def _opened(
    message: Message, evidence: str, size: int, directory: Directory, depth: int, effort: Effort
) -> Iterator[Original]:
    """The message in a part; when it is a colleague's internal forward, what that one carries."""
    if depth > 1 and _is_internal(message, directory) and not is_bounce(message, directory):
        deeper = find_attached(message, directory, depth - 1, effort)
        if deeper.originals:
            yield from deeper.originals
            return
        inline = find_inline(message, directory, ours=True, alone=False)
        if inline is not None:
            yield replace(inline[0], size=size)
            return
    yield whole(message, Route.ATTACHED, evidence, size)


def whole(message: Message, route: Route, evidence: str, size: int, recipients: tuple[Address, ...] = ()) -> Original:
    """An original whose own header tells of it. A name without an address stays a name."""
    author_name = "" if message.author else _only_name(message.first("from") or "")
    defects = [NOT_RECOVERED] if author_name else []
    if any(value.endswith("<>") for name in ("to", "cc") for value in message.all(name)):
        defects.append(NAMES_ONLY)
    return Original(
        message,
        route,
        evidence,
        author_name=author_name,
        size=size,
        defects=tuple(defects),
        recipients=recipients,
    )


def _only_name(field: str) -> str:
    """The name in a From field that has no address."""
    return field.removesuffix("<>").strip(" \t\"'")[:MAX_NAME]


def _is_internal(message: Message, directory: Directory) -> bool:
    """From one of us to nobody but us."""
    everyone = (*message.author[:1], *message.to, *message.cc, *message.bcc)
    return bool(message.author) and all(
        directory.is_ours(one.address) or directory.is_capture(one.address) for one in everyone
    )
