"""Inline: the original that a person's client copied into the text of another mail.

Finds the block, in HTML by structure and in text line by line (`relay.mail.forward`), and decides whether it
means a forward: the same block stands in replies. Then takes the customer's message out of the chain. Never
a guess: a block that names a sender without an address says so.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from relay.attribution.directory import Directory
from relay.attribution.record import Route
from relay.attribution.recovered import DATE_UNREAD, MAX_DEPTH, MAX_NOTE, NAMES_ONLY, NOT_RECOVERED, Original
from relay.mail import html
from relay.mail.automatic import automatic
from relay.mail.body import MAX_TEXT, is_stub
from relay.mail.forward import text as forwarded
from relay.mail.forward import written_date
from relay.mail.forward.structure import find_structured
from relay.mail.forward.text import Evidence, Forwarded
from relay.mail.message import Message
from relay.mail.reference import (
    base_subject,
    has_prefix,
    is_either_subject,
    is_forward_subject,
    is_reply_subject,
    split_prefixes,
)
from relay.mail.report import is_mail_system


def find_inline(message: Message, directory: Directory, *, ours: bool, alone: bool) -> tuple[Original, str] | None:
    """(the message copied into the text, the comment above it), or None."""
    subject = base_subject(message.subject)
    marked = find_structured(message.html, subject) if message.html else None
    subject = subject if is_forward_subject(message.subject) else ""
    stub = message.text is None or is_stub(message.text)
    if not stub:
        plain = forwarded.find((message.text or "")[:MAX_TEXT], subject=subject)
    else:
        plain = forwarded.find(html.to_text(message.html), subject=subject) if message.html and marked is None else None
    markup = ""
    evidence = ""
    chosen: Forwarded | None = None
    if marked is not None and _means_forward(marked.forwarded, message, directory, ours=ours, alone=alone, marked=True):
        chosen, markup, evidence = marked.forwarded, marked.html, f"html-{marked.forwarded.evidence}"
        if plain is not None and plain.author is not None and chosen.author is None:
            chosen = replace(plain, evidence=chosen.evidence)  # the HTML has names only, or nothing readable
        elif plain is not None and _agree(plain, chosen):
            # Both say the same: the text part has the text that its writer's client made.
            chosen = replace(chosen, author_name=plain.author_name, text=plain.text, note=plain.note)
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
    forwards = is_forward_subject(message.subject, found.language) or (
        # The block does not tell which language "VS:" is in; to nobody but the capture address one forwards.
        alone and found.author is not None and is_either_subject(message.subject, found.language)
    )
    if found.evidence is Evidence.TITLE:
        # Words between dashes in somebody's notes name no address and no moment.
        told = found.author is not None or any(char.isdigit() for char in found.date)
        return forwards or told or (marked and bool(found.author_name))
    if found.evidence is Evidence.ATTRIBUTION:
        return forwards and alone and found.author is not None
    if forwards:
        return True
    if not ours or is_reply_subject(message.subject, found.language):
        return False
    if has_prefix(message.subject) and (not found.language or _is_prefixed(message.subject, found.subject)):
        return False  # a prefix in no table, which may say "reply"
    if automatic(message) is not None:
        return False  # an answering machine, a list's digest, an invitation: no person forwarded anything
    return marked or _written_by_a_client(found, message)


def _is_prefixed(subject: str, inner: str) -> bool:
    """Is `subject` the `inner` one with something and a colon before it?"""
    rest = subject.replace("：", ":").partition(":")[2].strip().casefold()
    return bool(rest) and rest == inner.replace("：", ":").strip().casefold()


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
        if author is None or not directory.is_ours(author.address) or is_mail_system(author.address):
            return current, notes  # what a mail system of ours returns was handed in by nobody
        if any(not directory.is_ours(one.address) for one in (*current.to, *current.cc)):
            return current, notes
        if current.names and not is_forward_subject(current.subject):
            return current, notes  # recipients we cannot place: it may have gone outside
        deeper = forwarded.find(current.text)
        if deeper is None or (deeper.evidence is Evidence.ATTRIBUTION and deeper.author is None):
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
        written = written_date.read(found.date, written_date.zone_of(wrapper.first("date") or ""), found.language)
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
