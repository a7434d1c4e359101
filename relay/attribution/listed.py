"""Listed: who wrote a mail that a list of ours sent on in its own name.

Because of DMARC, lists put their own address into From: `"Ann Lee via Sales" <sales@ours>`. The author then
stands in X-Original-From, X-Original-Sender (Google Groups) or Reply-To (Mailman). That is believed only of a
list of ours, and only where From is the list itself: such a From is nobody's, so nothing is taken from anybody.
"""

from __future__ import annotations

import re
from dataclasses import replace

from relay.attribution.directory import Directory
from relay.attribution.recovered import NOT_RECOVERED, Found, Original
from relay.mail.address import Address, Mailbox
from relay.mail.message import Message

_VIA = re.compile(
    r"\s(?:via|über|par l’intermédiaire de|por medio de|através de|tramite|przez|через|vía)\s.*\Z",
    re.IGNORECASE | re.DOTALL,
)
_ID = re.compile(r"<([^<>@\s]{1,200})>\s*\Z")


def with_author(original: Original, directory: Directory) -> Original:
    """The original with its author instead of the list; as it is when no list of ours stands in From."""
    message = original.message
    if not message.author or (message.first("list-id") is None and message.first("list-post") is None):
        return original
    listed = message.author[0]
    if not directory.is_ours(listed.address) or not _is_list(listed, message):
        return original
    name = _VIA.sub("", listed.display_name).strip(" '\"")
    found = _author(message, listed.address, directory)
    if found is not None:
        author = Mailbox(found.display_name or name, found.address)
        rewritten = replace(message, author=(author,), sender=message.sender or listed)
        return replace(original, message=rewritten, evidence=original.evidence or Found.LIST)
    if name == listed.display_name:
        return original  # no trace of another author: the list itself writes
    return replace(
        original,
        message=replace(message, author=(), sender=message.sender or listed),
        author_name=name,
        evidence=original.evidence or Found.LIST,
        defects=(*original.defects, NOT_RECOVERED),
    )


def _is_list(listed: Mailbox, message: Message) -> bool:
    """Is the address in From that of the list (RFC 2369, RFC 2919), or does its name say "via"?"""
    key = listed.address.key
    identifier = _ID.search(message.first("list-id") or "")
    if identifier is not None and identifier[1].lower() == key.replace("@", ".", 1):
        return True
    return key in (message.first("list-post") or "")[:2000].lower() or _VIA.search(listed.display_name) is not None


def _author(message: Message, listed: Address, directory: Directory) -> Mailbox | None:
    for name in ("x-original-from", "x-original-sender"):
        for one in message.mailboxes(name)[:1]:
            if one.address.key != listed.key and not directory.is_capture(one.address):
                return one
    others = [one for one in message.reply_to if one.address.key != listed.key]
    return others[0] if len(others) == 1 and not directory.is_capture(others[0].address) else None
