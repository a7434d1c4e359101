"""The original: which message a mail object is about, and how it came to us.

A copy is about itself. A forward is about the message that a person handed in with it: attached, or
copied into the text by a client. Evidence in this order: envelope and visible recipients; message
parts; HTML by structure; text. The subject's prefix only breaks ties.

- The capture address only in the envelope, or beside an outside party: a copy, whatever it says.
- Visible recipients only capture addresses (or also our people) and an original inside: a forward.
- Resent fields (RFC 5322 §3.6.6): the outer header is the original.

Never a guess: an inline forward whose block names a sender without an address says so. Places for more:
originals in other containers (TNEF, .msg) join `_attached`, journal reports become a route of their own
beside `_redirected`, automatic redirects join `_redirected`; languages are data in `relay.mail.labels`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from relay.attribution.directory import Directory
from relay.attribution.record import Route
from relay.mail import html
from relay.mail.address import Address
from relay.mail.body import MAX_TEXT, is_stub
from relay.mail.envelope import Envelope
from relay.mail.forward import text as forwarded
from relay.mail.forward import written_date
from relay.mail.forward.structure import find_structured
from relay.mail.forward.text import Evidence, Forwarded
from relay.mail.message import Message, Part
from relay.mail.reading import parse
from relay.mail.reference import base_subject, is_forward_subject, is_reply_subject, split_prefixes

MAX_ORIGINALS = 200
"""Messages taken out of one mail object; what is more stays unread (defect)."""

MAX_DEPTH = 4
"""Wrappers in wrappers, and forwards in forwards, that are opened to find the customer."""

MAX_NOTE = 64 * 1024
"""Characters of a comment that are kept."""

NOT_RECOVERED = "sender-not-recovered"
TOO_MANY = "too-many-originals"
OTHER_PARTS = "wrapper-has-other-parts"
NAMES_ONLY = "recipient-without-address"
NOT_STAFF = "forwarder-not-staff"
DATE_UNREAD = "forwarded-date-unread"


@dataclass(frozen=True, slots=True)
class Original:
    """One message to file. `author_name` is told apart from `message.author` for a sender without address.

    `evidence`: by what it was found ('' for a copy). `date_text`: the date as a block writes it.
    `date_source`: 'header', 'forwarded' or 'received'. `size` in octets, None: that of the mail object.
    """

    message: Message
    route: Route
    evidence: str = ""
    author_name: str = ""
    date_text: str = ""
    date_source: str = "header"
    size: int | None = None
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What one mail object means: its originals (at least one), and the comment of who handed it in."""

    route: Route
    originals: tuple[Original, ...]
    note: str
    handed_in_by: int | None
    defects: tuple[str, ...] = ()


def handed_in(message: Message, envelope: Envelope, directory: Directory) -> HandedIn:
    """Which messages a mail object is about, by which route, and who handed it in. Never raises."""
    author = message.author[0].address if message.author else None
    by = _handed_in_by(author, envelope, directory)
    visible = [mailbox.address for mailbox in (*message.to, *message.cc)]
    others = [address for address in visible if not directory.is_capture(address)]
    to_capture = len(others) < len(visible)
    redirected = _redirected(message, directory, to_capture=to_capture)
    if redirected is not None:
        resender = directory.staff_id(redirected)
        return HandedIn(Route.REDIRECT, (Original(message, Route.REDIRECT, "resent"),), "", resender or by)
    if not to_capture or any(not directory.is_ours(address) for address in others):
        return HandedIn(Route.BCC, (Original(message, Route.BCC),), "", by)
    ours = author is not None and directory.is_ours(author)
    # An outsider's mail to us with the capture address beside it may hold a forward: of theirs, not ours.
    if (ours or not others) and message.media_type != "multipart/report":
        found = _forwarded(message, directory, ours=ours, alone=not others)
        if found is not None:
            return replace(found, handed_in_by=by, defects=found.defects if ours else (*found.defects, NOT_STAFF))
    route = Route.BCC if others else Route.DIRECT
    return HandedIn(route, (Original(message, route),), "", by)


def _handed_in_by(author: Address | None, envelope: Envelope, directory: Directory) -> int | None:
    """Our person who handed it in: the author, else who sent it (reverse-path), else who logged in."""
    account = envelope.client.account
    for address in (author, envelope.reverse_path, Address.read(account) if account else None):
        person = None if address is None else directory.staff_id(address)
        if person is not None:
            return person
    return None


def _redirected(message: Message, directory: Directory, *, to_capture: bool) -> Address | None:
    """Who of ours resent the message to us unchanged (RFC 5322 §3.6.6), or None."""
    resent_from = message.mailboxes("resent-from")
    if not resent_from:
        return None
    resender = resent_from[0].address
    resent_to = (*message.mailboxes("resent-to"), *message.mailboxes("resent-cc"))
    if any(directory.is_capture(one.address) for one in resent_to):
        return resender
    return resender if directory.is_ours(resender) and not to_capture else None


def _forwarded(message: Message, directory: Directory, *, ours: bool, alone: bool) -> HandedIn | None:
    """The originals that a mail to the capture address carries, or None when it carries none."""
    attached, defects = _attached(message, directory, MAX_DEPTH)
    inline = _inline(message, directory, ours=ours, alone=alone)
    if attached:
        # A client's own "Forwarded message" beside attached messages is one more original, not a comment.
        if inline is not None and inline[0].evidence.endswith(Evidence.TITLE) and inline[0].message.author:
            without = replace(inline[0].message, parts=tuple(p for p in message.parts if not _is_message(p)))
            first = replace(inline[0], message=without)
            return HandedIn(Route.ATTACHED, (*attached, first)[: MAX_ORIGINALS + 1], inline[1], None, defects)
        return HandedIn(Route.ATTACHED, attached, _note_of(message), None, defects)
    if inline is None:
        return None
    return HandedIn(Route.FORWARD, (inline[0],), inline[1], None, defects)


def _note_of(message: Message) -> str:
    """The comment of who attached messages: all of the wrapper's text."""
    if message.html and (message.text is None or is_stub(message.text)):
        return html.to_text(message.html)[:MAX_NOTE]
    return (message.text or "").strip()[:MAX_NOTE]


def _is_message(part: Part) -> bool:
    """Is the part a message: by its type, or an .eml file by its name and its first line?"""
    if part.is_message:
        return True
    if part.filename[-4:].lower() != ".eml":
        return False
    first = part.content[:1000].lstrip(b"\xef\xbb\xbf\r\n").partition(b"\n")[0]
    name, colon, _ = first.partition(b":")
    return bool(colon) and bool(name) and all(33 <= octet <= 126 for octet in name)  # RFC 5322 §2.2


def _attached(message: Message, directory: Directory, depth: int) -> tuple[tuple[Original, ...], tuple[str, ...]]:
    """(the messages attached to a wrapper, internal wrappers opened in turn; defects)."""
    originals: list[Original] = []
    defects: dict[str, None] = {}
    for part in message.parts:
        if not _is_message(part):
            if part.disposition == "attachment" and part.media_type not in _TECHNICAL:
                defects[OTHER_PARTS] = None
            continue
        for original in _opened(part, directory, depth):
            if len(originals) >= MAX_ORIGINALS:
                defects[TOO_MANY] = None
                break
            originals.append(original)
    return (tuple(originals), tuple(defects)) if originals else ((), ())


_TECHNICAL = frozenset({"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"})


def _opened(part: Part, directory: Directory, depth: int) -> Iterator[Original]:
    """The message in a part; when it is a colleague's internal forward, what that one carries."""
    message = parse(part.content)
    if depth > 1 and message.media_type != "multipart/report" and _is_internal(message, directory):
        deeper, _ = _attached(message, directory, depth - 1)
        if deeper:
            yield from deeper
            return
        inline = _inline(message, directory, ours=True, alone=False)
        if inline is not None:
            yield replace(inline[0], size=len(part.content))
            return
    yield Original(message, Route.ATTACHED, "attached", size=len(part.content))


def _is_internal(message: Message, directory: Directory) -> bool:
    """From one of us to nobody but us."""
    everyone = (*message.author[:1], *message.to, *message.cc, *message.bcc)
    return bool(message.author) and all(
        directory.is_ours(one.address) or directory.is_capture(one.address) for one in everyone
    )


def _inline(message: Message, directory: Directory, *, ours: bool, alone: bool) -> tuple[Original, str] | None:
    """(the message copied into the text, the comment above it), or None."""
    marked = find_structured(message.html) if message.html else None
    stub = message.text is None or is_stub(message.text)
    if not stub:
        plain = forwarded.find((message.text or "")[:MAX_TEXT])
    else:
        plain = forwarded.find(html.to_text(message.html)) if message.html and marked is None else None
    markup = ""
    evidence = ""
    chosen: Forwarded | None = None
    if marked is not None and _means_forward(marked.forwarded, message, directory, ours=ours, alone=alone, marked=True):
        chosen, markup, evidence = marked.forwarded, marked.html, f"html-{marked.forwarded.evidence}"
        if plain is not None and plain.author is not None and (chosen.author is None or _agree(plain, chosen)):
            # Both say the same: the text part has the text that its writer's client made.
            chosen = replace(
                chosen, author=plain.author, author_name=plain.author_name, text=plain.text, note=plain.note
            )
    elif marked is None and plain is not None and _means_forward(plain, message, directory, ours=ours, alone=alone):
        chosen, evidence = plain, f"text-{plain.evidence}"
    if chosen is None:
        return None
    customer, notes = _customer(chosen, directory)
    if customer is not chosen:
        markup = ""
    return _from_block(customer, message, markup, evidence), "\n\n".join(note for note in notes if note)[:MAX_NOTE]


def _agree(one: Forwarded, other: Forwarded) -> bool:
    return one.author is not None and other.author is not None and one.author.address.key == other.author.address.key


def _means_forward(
    found: Forwarded, message: Message, directory: Directory, *, ours: bool, alone: bool, marked: bool = False
) -> bool:
    """Does the block mean a forward, in a mail whose recipients allow one?

    A title does. Outlook writes the same block above replies, so there the subject's prefix decides; one
    of our people who took it away is believed to forward, a stranger is not. Even to the capture address
    alone a "Re:" is no forward: it may be an answer whose recipients are all in Bcc. `marked`: a client marked
    the block in HTML; a bare one under a subject of its own must be more than a person's notes.
    """
    if found.author is not None and directory.is_capture(found.author.address):
        return False  # a reply to something of ours
    forwards = is_forward_subject(message.subject)
    if found.evidence is Evidence.TITLE:
        # Words between dashes in somebody's notes name no address and no moment.
        return forwards or marked or found.author is not None or any(char.isdigit() for char in found.date)
    if found.evidence is Evidence.ATTRIBUTION:
        return forwards and alone and found.author is not None
    if forwards:
        return True
    return ours and not is_reply_subject(message.subject) and (marked or _written_by_a_client(found, message))


def _written_by_a_client(found: Forwarded, message: Message) -> bool:
    """Is the block more than "From: Berlin, To: Hamburg, Subject: train" in somebody's notes?

    Every client writes a date with a clock. Where it left the sender's address out, the block must also have the
    subject that the mail still has, or a title that only clients write.
    """
    if not any(char.isdigit() for char in found.date):
        return False
    if found.author is not None:
        return True
    if found.evidence is Evidence.ORIGINAL_TITLE:
        return True
    return bool(base_subject(found.subject)) and base_subject(found.subject) == base_subject(message.subject)


def _customer(found: Forwarded, directory: Directory) -> tuple[Forwarded, list[str]]:
    """(the first message in the chain that is not internal to us, the comments above it).

    A forward of our own sent mail is that mail. A colleague's internal forward is opened; when all of the
    chain is internal, the outermost message is the original.
    """
    notes = [found.note]
    current = found
    for _ in range(MAX_DEPTH):
        author = current.author
        if author is None or not directory.is_ours(author.address):
            return current, notes
        if any(not directory.is_ours(one.address) for one in (*current.to, *current.cc)):
            return current, notes
        if current.names and not is_forward_subject(current.subject):
            return current, notes  # recipients we cannot place: it may have gone outside
        deeper = forwarded.find(current.text)
        if deeper is None or deeper.evidence is Evidence.ATTRIBUTION:
            break
        notes.append(deeper.note)
        current = deeper
    if current.author is not None and directory.is_ours(current.author.address):
        return found, notes[:1]
    return current, notes


def _from_block(found: Forwarded, wrapper: Message, markup: str, evidence: str) -> Original:
    """The original as far as its block tells it. The wrapper's attachments are the original's."""
    defects: list[str] = []
    if found.author is None:
        defects.append(NOT_RECOVERED)
    if found.names:
        defects.append(NAMES_ONLY)
    at: datetime | None = None
    if found.date:
        written = written_date.read(found.date, written_date.zone_of(wrapper.first("date") or ""))
        at = written.at if written is not None else None
        if at is None:
            defects.append(DATE_UNREAD)
    subject = found.subject or _without_forward_prefix(wrapper.subject)
    message = Message(
        # The Message-ID in the header is the wrapper's. Its references often name the original and its thread.
        in_reply_to=wrapper.in_reply_to,
        references=wrapper.references,
        originated_at=at,
        author=(found.author,) if found.author is not None else (),
        reply_to=found.reply_to,
        to=found.to,
        cc=found.cc,
        subject=subject,
        text=found.text,
        html=markup or None,
        parts=wrapper.parts,
        media_type=wrapper.media_type,
        defects=wrapper.defects,
    )
    return Original(
        message,
        Route.FORWARD,
        evidence,
        author_name=found.author_name,
        date_text=found.date,
        date_source="forwarded" if at is not None else "received",
        defects=tuple(defects),
    )


def _without_forward_prefix(subject: str) -> str:
    """The subject without the prefix that the forwarding client put before it."""
    if not is_forward_subject(subject):
        return subject
    inner = subject.partition(":")[2].strip()
    return inner or split_prefixes(subject)[1]
