"""Tagging: which tags of a mail are believed.

A tag says "this belongs to that lead, or deal". It is applied when its lead, or one of the same organization, is among
the parties, or when no party is on any lead; else it is disputed: autocomplete must never put Bob's mail on Anna. It is
the same for a token in the subject, which anybody can write and which replies carry on. A tag that names nothing that
is there is unknown. Which lead a tag names, and who is on the mail, the store finds out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

DISPUTED = "tag-disagrees"
"""Defect: a tag was not applied."""

UNKNOWN = "unknown-tag"
"""Defect: a tag names nothing that is there."""


class State(StrEnum):
    """What became of a tag (`_message_tag.state`)."""

    APPLIED = "applied"
    DISPUTED = "disputed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Named:
    """What a tag names: lead.id (None: nothing that is there), deal.id, and the lead's organization ('' for none).

    `awaited`: the lead of its deal where that one is not there (yet).
    """

    lead: int | None
    deal: int | None = None
    organization: str = ""
    awaited: int | None = None


def judge(tags: Sequence[Named], parties: Mapping[int, str]) -> list[State]:
    """What becomes of each tag, in their order. `parties`: lead -> organization of the leads by address on the mail."""
    organizations = {_folded(name) for name in parties.values()} - {""}
    deals: dict[int, int] = {}
    states: list[State] = []
    for tag in tags:
        if tag.lead is None:
            states.append(State.UNKNOWN)
            continue
        agrees = not parties or tag.lead in parties or _folded(tag.organization) in organizations
        # one deal for a message and a lead: the first that is named
        if agrees and tag.deal is not None and deals.setdefault(tag.lead, tag.deal) != tag.deal:
            agrees = False
        states.append(State.APPLIED if agrees else State.DISPUTED)
    return states


def narrowed(named: Collection[int], addresses: Mapping[int, AbstractSet[int]]) -> set[int]:
    """The leads that a message is to leave, since tags name others with the same address (`info@`).

    `named`: leads that tags were applied for; `addresses`: lead -> its addresses on the mail. A lead with an address of
    its own on the mail stays.
    """
    shared: set[int] = set()
    for lead in named:
        shared |= addresses.get(lead, set())
    return {lead for lead, own in addresses.items() if lead not in named and own and own <= shared}


def _folded(organization: str) -> str:
    return " ".join(organization.casefold().split())
