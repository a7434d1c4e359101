"""The original: which message a mail object is about, and how it came to us.

A copy is about itself. A forward is about the message that a person handed in with it: attached, or
copied into the text by a client. Evidence in this order: envelope and visible recipients; message
parts; HTML by structure; text. The subject's prefix only breaks ties.

- The capture address only in the envelope, or beside an outside party: a copy, whatever it says.
- Visible recipients only capture addresses (or also our people) and an original inside: a forward.
- Resent fields (RFC 5322 §3.6.6) and the marks of forwarding rules: the outer header is the original.
- A journal report of a server of ours: what it carries is the original.

Here the decision is made; what lies in parts is found by `attached`, in texts by `inline`, in reports by
`journaled`; how a mail was sent on is told by `redirected`, who wrote through a list by `listed`.
"""

from __future__ import annotations

from dataclasses import replace
from operator import is_

from relay.attribution.attached import find_attached, is_bounce, note_of
from relay.attribution.directory import Directory
from relay.attribution.imported import by_import
from relay.attribution.inline import find_inline
from relay.attribution.journaled import find_journal
from relay.attribution.listed import with_author
from relay.attribution.record import Route
from relay.attribution.recovered import MAX_DEPTH, NOT_STAFF, HandedIn, Original
from relay.attribution.redirected import find_redirect, received_by
from relay.mail.address import Address
from relay.mail.envelope import Envelope
from relay.mail.forward.text import Evidence
from relay.mail.message import Message
from relay.mail.rewritten import undone


def handed_in(message: Message, envelope: Envelope, directory: Directory) -> HandedIn:
    """Which messages a mail object is about, by which route, and who handed it in. Never raises."""
    found = by_import(_handed_in(message, envelope, directory), envelope)
    originals = tuple(with_author(one, directory) for one in found.originals)
    return found if all(map(is_, originals, found.originals)) else replace(found, originals=originals)


def _handed_in(message: Message, envelope: Envelope, directory: Directory) -> HandedIn:
    author = message.author[0].address if message.author else None
    by = _handed_in_by(author, envelope, directory)
    journal = find_journal(message, envelope, directory, by)
    if journal is not None:
        return journal
    visible = [mailbox.address for mailbox in (*message.to, *message.cc)]
    others = [address for address in visible if not directory.is_capture(address)]
    to_capture = len(others) < len(visible)
    redirect = find_redirect(message, directory, to_capture=to_capture)
    if redirect is not None:
        resender = None if redirect.by is None else directory.staff_id(redirect.by)
        original = Original(message, Route.REDIRECT, redirect.evidence)
        return HandedIn(Route.REDIRECT, (original,), "", resender or by)
    if not to_capture or any(not directory.is_ours(address) for address in others):
        received = received_by(message, envelope, directory)
        return HandedIn(Route.BCC, (Original(message, Route.BCC, recipients=received),), "", by)
    ours = author is not None and directory.is_ours(author)
    # An outsider's mail to us with the capture address beside it may hold a forward: of theirs, not ours.
    if (ours or not others) and not is_bounce(message, directory):
        found = _forwarded(message, directory, ours=ours, alone=not others)
        if found is not None:
            return replace(found, handed_in_by=by, defects=found.defects if ours else (*found.defects, NOT_STAFF))
    route = Route.BCC if others else Route.DIRECT
    return HandedIn(route, (Original(message, route),), "", by)


def _handed_in_by(author: Address | None, envelope: Envelope, directory: Directory) -> int | None:
    """Our person who handed it in: the author, else who sent it (reverse-path), else who logged in."""
    if envelope.origin is not None:
        return envelope.origin.staff  # decided when it came, by proof; what the mail says of itself is none
    account = envelope.client.account
    reverse = None if envelope.reverse_path is None else undone(envelope.reverse_path)
    for address in (author, envelope.reverse_path, reverse, Address.read(account) if account else None):
        person = None if address is None else directory.staff_id(address)
        if person is not None:
            return person
    return int(account) if account.isdecimal() else next(iter(envelope.owners), None)


def _forwarded(message: Message, directory: Directory, *, ours: bool, alone: bool) -> HandedIn | None:
    """The originals that a mail to the capture address carries, or None when it carries none."""
    attached = find_attached(message, directory, MAX_DEPTH)
    inline = find_inline(message, directory, ours=ours, alone=alone)
    if attached.originals:
        # A client's own "Forwarded message" beside attached messages is one more original, not a comment.
        if inline is not None and inline[0].evidence.endswith(Evidence.TITLE) and inline[0].message.author:
            first = replace(inline[0], message=replace(inline[0].message, parts=attached.others))
            originals = (*attached.originals, first)
            return HandedIn(Route.ATTACHED, originals, inline[1], None, attached.defects)
        return HandedIn(Route.ATTACHED, attached.originals, note_of(message), None, attached.defects)
    if inline is None:
        return None
    return HandedIn(Route.FORWARD, (inline[0],), inline[1], None)
