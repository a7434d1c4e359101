"""Redirected: mail that came on to us unchanged, by a person's click or by a rule.

The outer header is the original. What forwarders write into it is only evidence of the way and of the person
of ours behind it; anybody can write it, so nothing else is taken from it. A rule counts if it names the capture
address, which strangers do not know, or a person of ours and the capture address is nowhere in sight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from relay.attribution.admission import FULL_TRUST
from relay.attribution.directory import Directory
from relay.attribution.recovered import Found
from relay.mail import mailbox
from relay.mail.address import Address
from relay.mail.envelope import Envelope
from relay.mail.message import Message

_MAX_FIELDS = 50
"""Fields of one kind that are looked at: a mail is not resent more often."""

_RULES = (
    "x-ms-exchange-inbox-rules-loop",  # Exchange and Outlook.com: a rule of the mailbox
    "x-ms-exchange-forwardingloop",  # Exchange: a mailbox that forwards, `address;guid`
    "x-sieve-redirected-from",  # Dovecot
    "x-forwarded-by",
)
"""Fields by which servers mark what a rule sent on; each names the mailbox."""

_PLACES = ("delivered-to", "x-original-to", "x-envelope-to", "envelope-to", "x-gm-original-to")
"""Fields that name the mailbox which a mail had reached before it was sent on."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """`by`: who sent it on, None when nobody of ours is named. `evidence`: by what it is known."""

    by: Address | None
    evidence: str


def find_redirect(message: Message, directory: Directory, *, to_capture: bool) -> Redirect | None:
    """How a mail was sent on to us unchanged, or None. `to_capture`: a visible recipient is a capture address."""
    resender = _resender(message, directory, to_capture=to_capture)
    if resender is not None:
        return Redirect(resender, Found.RESENT)
    if to_capture:
        return None
    for name in ("x-forwarded-for", "x-forwarded-to"):  # Gmail: `mailbox where`, and `where`
        named = tuple(_addresses(message, name))
        if any(directory.is_capture(one) for one in named):
            ours = [one for one in named if directory.is_ours(one) and not directory.is_capture(one)]
            return Redirect(ours[0] if ours else _place(message, directory), Found.AUTO_FORWARDED)
    for name in _RULES:
        for one in _addresses(message, name):
            if directory.staff_id(one) is not None:
                return Redirect(one, Found.AUTO_FORWARDED)
    return None


def received_by(message: Message, envelope: Envelope, directory: Directory) -> tuple[Address, ...]:
    """Who got a mail that Google copied to us (X-Gm-Original-To), where no other field need tell.

    Believed from who is trusted with every timeline; of a stranger's mail only for our own people.
    """
    value = message.first("x-gm-original-to")
    if value is None or envelope.admitted_by not in FULL_TRUST:
        return ()
    ours = bool(message.author) and directory.is_ours(message.author[0].address)
    return tuple(one.address for one in mailbox.read(value[:1000], 10) if ours or directory.is_ours(one.address))


def _resender(message: Message, directory: Directory, *, to_capture: bool) -> Address | None:
    """Who resent the message (RFC 5322 §3.6.6): the block that names a capture address, else the last one of ours."""
    if message.first("resent-from") is None and message.first("resent-sender") is None:
        return None
    blocks = list(_blocks(message))
    for block in blocks:
        if any(directory.is_capture(one) for one in block.to):
            return block.by
    last = blocks[0].by if blocks else None  # each resender puts its block on top
    return last if last is not None and directory.is_ours(last) and not to_capture else None


@dataclass(slots=True)
class _Block:
    by: Address | None
    to: list[Address]


def _blocks(message: Message) -> Iterator[_Block]:
    """The groups of Resent fields, the latest first: a new one begins where a field occurs again."""
    seen: set[str] = set()
    block = _Block(None, [])
    count = 0
    for name, value in message.fields:
        if name not in _RESENT:
            continue
        if name in seen:
            yield block
            count += 1
            seen, block = set(), _Block(None, [])
            if count >= _MAX_FIELDS:
                return
        seen.add(name)
        found = [one.address for one in mailbox.read(value[:10_000], 100)]
        if name in ("resent-to", "resent-cc", "resent-bcc"):
            block.to += found
        elif found and (block.by is None or name == "resent-from"):
            block.by = found[0]
    yield block


_RESENT = ("resent-from", "resent-sender", "resent-to", "resent-cc", "resent-bcc")


def _addresses(message: Message, name: str) -> Iterator[Address]:
    """Addresses in the fields of that name, which are written with blanks, commas or semicolons between them."""
    for value in message.all(name)[:_MAX_FIELDS]:
        for word in value[:2000].replace(",", " ").replace(";", " ").split()[:50]:
            address = Address.read(word.strip("<>")) if "@" in word else None
            if address is not None:
                yield address


def _place(message: Message, directory: Directory) -> Address | None:
    """Our mailbox that the mail had reached, by the fields that servers write at the door."""
    for name in _PLACES:
        for one in _addresses(message, name):
            if directory.staff_id(one) is not None:
                return one
    return None
