"""United: what several copies of one message say together.

The best copy decides what a message says. But a blind copy stands in no header: each journal report, or copy
that a mail server tagged, may know a receiver that the others do not. Those are on the message whichever copy
names them, and a message among ourselves that one of them took outside was outgoing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from relay.attribution.direction import AUTHOR_OURS, NO_OTHER_PARTY, ONLY_OURS
from relay.attribution.party import MAX_PARTIES
from relay.attribution.record import Party, Record, Role, Verdict
from relay.attribution.recovered import MAX_NOTE


def united(best: Record, copies: Iterable[Record], kept: Sequence[Party] = (), reason: str = "") -> Record:
    """The best record with the blind receivers of its copies.

    `kept`, `reason`: parties and reason of the direction as stored, where not all copies are at hand.
    """
    parties, verdict = best.parties, best.verdict
    for copy in copies:
        parties = with_blind(parties, copy.parties)
        verdict = with_verdict(verdict, copy.verdict)
    if reason == AUTHOR_OURS.reason:
        verdict = with_verdict(verdict, AUTHOR_OURS)
    return replace(best, parties=with_blind(parties, kept), verdict=verdict)


def with_blind(parties: tuple[Party, ...], others: Sequence[Party]) -> tuple[Party, ...]:
    """The parties, and those of the others that got it unseen and are not among them."""
    known = {party.address.key for party in parties}
    missing = [party for party in others if party.role is Role.BCC and party.address.key not in known]
    return (*parties, *missing)[: max(MAX_PARTIES, len(parties))] if missing else parties


def with_verdict(verdict: Verdict, other: Verdict) -> Verdict:
    """Mail of ours that seemed to be among us, and went outside by the word of another copy."""
    return other if verdict in (ONLY_OURS, NO_OTHER_PARTY) and other == AUTHOR_OURS else verdict


def together(notes: Iterable[str]) -> str:
    """What several colleagues wrote above their copies, as one text: each thing once, in the order of its coming."""
    return "\n\n".join(dict.fromkeys(note for note in notes if note))[:MAX_NOTE]
