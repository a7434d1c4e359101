"""Direction: who wrote to whom, seen from us, and which of our people is on it.

A verdict is a direction with its reason; the reason is stored and told by `explain`.
"""

from __future__ import annotations

from collections.abc import Sequence

from relay.attribution.directory import Directory
from relay.attribution.record import Direction, Party, Verdict
from relay.mail.address import Address

AUTHOR_OURS = Verdict(Direction.OUTGOING, "author-ours")
NO_OTHER_PARTY = Verdict(Direction.OUTGOING, "no-other-party")
ONLY_OURS = Verdict(Direction.INTERNAL, "only-ours")
AUTHOR_OUTSIDE = Verdict(Direction.INCOMING, "author-outside")
NO_AUTHOR = Verdict(Direction.UNKNOWN, "no-author")
SENDER_NOT_RECOVERED = Verdict(Direction.UNKNOWN, "sender-not-recovered")
MAIL_SYSTEM = Verdict(Direction.INCOMING, "mail-system")


def direction(
    author: Address | None, parties: Sequence[Party], directory: Directory, *, named: bool = False
) -> Verdict:
    """Outgoing, incoming, internal or unknown, and why.

    Our mail with an outside party is outgoing. It is internal only if another person of ours is on it:
    our mail to nobody that a header shows (undisclosed recipients, a note to the capture address) went
    to somebody we do not see. `named`: the author is known by name only.
    """
    if author is None:
        return SENDER_NOT_RECOVERED if named else NO_AUTHOR
    if not directory.is_ours(author):
        return AUTHOR_OUTSIDE
    key = author.key
    another = False
    for party in parties:
        if not directory.is_ours(party.address):
            return AUTHOR_OURS
        if party.address.key != key:
            another = another or not _same_person(party.address, author, directory)
    return ONLY_OURS if another else NO_OTHER_PARTY


def of_report(decided: Verdict) -> Verdict:
    """The verdict on a mail system's report. One of our own servers may have written it, or nobody that it names: it
    tells us something, so it is not mail among ourselves.
    """
    return MAIL_SYSTEM if decided in (ONLY_OURS, NO_OTHER_PARTY, NO_AUTHOR, SENDER_NOT_RECOVERED) else decided


def _same_person(one: Address, other: Address, directory: Directory) -> bool:
    """Two addresses of one of our people: a mail to oneself."""
    person = directory.staff_id(one)
    return person is not None and person == directory.staff_id(other)


def staff_on(
    author: Address | None, parties: Sequence[Party], directory: Directory, handed_in_by: int | None
) -> int | None:
    """Our person on the message: the author if ours, else the first of our people on it, else who handed it in."""
    if author is not None:
        person = directory.staff_id(author)
        if person is not None:
            return person
        if author.domain in directory.domains:  # ours, but nobody we know by name: no colleague in Cc instead
            return handed_in_by
    for party in parties:
        person = directory.staff_id(party.address)
        if person is not None:
            return person
    return handed_in_by
