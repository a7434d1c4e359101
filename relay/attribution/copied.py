"""Copied: what a mail server of ours says about a mail that it copied to us.

Its recipes (config/postfix, config/exim) copy the mail of each of our people to an address of their own:
`out+rep=example.org@...` when rep sent it, `in+rep=example.org@...` when rep received it. That is the envelope of
the original transaction, which no writer of a header can forge, and it names who no header names: the receiver of a
blind copy or of a mail to a list.

Decides how far that outweighs the header. The rule is the usual one (an author of ours writes outgoing mail, any
other author incoming mail), but for mail whose header cannot be true:

- Sent by us, nobody of ours received it, the author is an outsider or missing: outgoing, `tag-out` (a private address
  that nobody told us of, a program that writes in another name), if it went to somebody outside, or to nobody that a
  header shows. A mail to our own people (a contact form), or one that the sender was a recipient of (a mailbox that
  redirects), stays what its header says.
- Received by us, sent by nobody of ours, with an author of ours and nobody outside among the parties, from a
  reverse-path outside: incoming, `tag-in`. That is how a forged sender looks, and a copier, and an alarm. With a party
  outside it stays outgoing: programs and lists send in our name to leads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from relay.attribution import tag
from relay.attribution.admission import FULL_TRUST
from relay.attribution.directory import Directory
from relay.attribution.record import Direction, Party, Role, Verdict
from relay.mail.address import Address
from relay.mail.envelope import Envelope
from relay.mail.rewritten import undone

SENT_BY_OURS = Verdict(Direction.OUTGOING, "tag-out")
RECEIVED_BY_OURS = Verdict(Direction.INCOMING, "tag-in")

NOT_OURS = "tag-not-ours"
"""Defect: `out` or `in` names an address that is none of ours: a wrong map, or a domain missing in [company]."""

NOT_TRUSTED = "tag-not-trusted"
"""Defect: `out` or `in` from a client that is not trusted with every timeline; they prove nothing then."""


@dataclass(frozen=True, slots=True)
class Copied:
    """Who of ours sent the mail and who received it, by the envelope; empty where it says nothing."""

    sent_by: tuple[Address, ...] = ()
    received_by: tuple[Address, ...] = ()
    defects: tuple[str, ...] = ()

    def person(self, directory: Directory) -> int | None:
        """Our person whose mail was copied, sender first: staff.id, None when nobody we know by name."""
        return _person((*self.sent_by, *self.received_by), directory)


def copied(envelope: Envelope, directory: Directory) -> Copied:
    """What the recipients of the envelope say. Those that a header shows say nothing: anybody can write them."""
    found: dict[str, list[Address]] = {"out": [], "in": []}
    defects: dict[str, None] = {}
    for forward_path in envelope.forward_paths:
        capture = directory.capture_address(forward_path)
        for each in tag.read(capture[1]) if capture is not None else ():
            whose = each.whose
            if whose is None:
                continue
            if envelope.admitted_by not in FULL_TRUST:
                defects[NOT_TRUSTED] = None
            elif not directory.is_ours(whose):
                defects[NOT_OURS] = None
            elif whose not in found[each.kind]:
                found[each.kind].append(whose)
    return Copied(tuple(found["out"]), tuple(found["in"]), tuple(defects))


def verdict(
    by_header: Verdict, said: Copied, parties: Sequence[Party], envelope: Envelope, directory: Directory
) -> Verdict:
    """The direction, where a mail server copied the mail: what the header says, unless that cannot be true."""
    if said.sent_by and not said.received_by:
        recipients = [party.address for party in parties if party.role in (Role.TO, Role.CC, Role.BCC)]
        redirected = any(sender.key == address.key for sender in said.sent_by for address in recipients)
        went_out = not recipients or any(not directory.is_ours(address) for address in recipients)
        if by_header.direction in (Direction.INCOMING, Direction.UNKNOWN) and went_out and not redirected:
            return SENT_BY_OURS
    elif said.received_by and not said.sent_by:
        if by_header.direction is Direction.UNKNOWN:
            return RECEIVED_BY_OURS
        reverse = None if envelope.reverse_path is None else undone(envelope.reverse_path)
        from_outside = reverse is not None and not directory.is_ours(reverse)
        among_us = all(directory.is_ours(party.address) for party in parties)
        if by_header.direction is not Direction.INCOMING and from_outside and among_us:
            return RECEIVED_BY_OURS
    return by_header


def staff_by(decided: Verdict, said: Copied, directory: Directory) -> int | None:
    """Our person on a mail whose direction the envelope decided; None where the header did."""
    if decided is SENT_BY_OURS:
        return _person(said.sent_by, directory)
    return _person(said.received_by, directory) if decided is RECEIVED_BY_OURS else None


def _person(addresses: Iterable[Address], directory: Directory) -> int | None:
    return next((found for one in addresses if (found := directory.staff_id(one)) is not None), None)
