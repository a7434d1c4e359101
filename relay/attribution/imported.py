"""Imported: what it means that a mail was taken out of a mailbox, and not handed in while it was under way.

A mail in a mailbox is the message itself: sent or received by one of us, whatever its text quotes or forwards. Only a
mail that was written to the capture address is read as ever: the forwards that a colleague sent us lie in her folder
of sent mail, too, and are the copies of what is here.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from relay.attribution.admission import BY_IMPORT
from relay.attribution.record import Route
from relay.attribution.recovered import HandedIn
from relay.mail import imported
from relay.mail.envelope import Envelope, MailObject

_ITSELF = (Route.BCC, Route.DIRECT, Route.REDIRECT)


def is_import(envelope: Envelope) -> bool:
    """Was it taken out of a mailbox by an operator? (Only the vault's owner can say so.)"""
    return envelope.admitted_by == BY_IMPORT.reason


def by_import(found: HandedIn, envelope: Envelope) -> HandedIn:
    """The way of a mail that is about itself is the import, if it is one; other ways stay."""
    if found.route not in _ITSELF or not is_import(envelope):
        return found
    originals = tuple(replace(one, route=Route.IMPORT, evidence="") for one in found.originals)
    return replace(found, route=Route.IMPORT, originals=originals)


def digest(mail: MailObject) -> bytes | None:
    """By what the mailbox's mail is known again (32 octets); None for a mail that was not imported."""
    return imported.digest(mail.content) if is_import(mail.envelope) else None


def came_at(envelope: Envelope) -> datetime:
    """When a mail that bears no date came: to the mailbox that it was taken from, else to us."""
    return envelope.received_at if envelope.dated is None else min(envelope.dated, envelope.received_at)
