"""The original: which message a mail object is about, and how it came to us.

A copy is about itself. A forward is about the message that a person handed in with it: attached, or
copied into the text by a client. Evidence in this order: envelope and visible recipients; message
parts; HTML by structure; text. The subject's prefix only breaks ties.

- The capture address only in the envelope, or beside an outside party: a copy, whatever it says.
- Visible recipients only capture addresses (or also our people) and an original inside: a forward.
- Resent fields (RFC 5322 §3.6.6): the outer header is the original.

Here the decision is made; what lies in parts is found by `attached`, in texts by `inline`.
"""

from __future__ import annotations

from dataclasses import replace

from relay.attribution.attached import find_attached, is_bounce, note_of
from relay.attribution.directory import Directory
from relay.attribution.inline import find_inline
from relay.attribution.record import Route
from relay.attribution.recovered import MAX_DEPTH, NOT_STAFF, HandedIn, Original
from relay.mail.address import Address
from relay.mail.envelope import Envelope
from relay.mail.forward.text import Evidence
from relay.mail.message import Message


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
    if (ours or not others) and not is_bounce(message, directory):
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
