"""Our people: can their mail be proved, and is anybody's personal address known to strangers? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from relay.doctor.finding import Finding, hint, ok, warning

NAMED = 10
"""People that are named one by one; the others are counted."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """`key_at`: since when there is a personal address, '' for none (a time of the contract)."""

    name: str
    addresses: tuple[str, ...]
    key_at: str = ""


def provable(people: Iterable[Colleague], domains: Mapping[str, bool]) -> list[Finding]:
    """`domains`: whether a domain publishes SPF or DMARC; only those that DNS answered for."""
    told = []
    for each in people:
        lacking = [a for a in each.addresses if domains.get(a.rpartition("@")[2]) is False]
        if lacking and not each.key_at:
            name = each.name or lacking[0]
            told.append(
                warning("people", f"mail of {', '.join(lacking[:3])} cannot be proved by its origin: the domain has "
                        "neither SPF nor DMARC", f'bcc-relay staff capture-address "{name}"')
            )  # fmt: skip
    more = len(told) - NAMED
    if more > 0:
        told = [*told[:NAMED], warning("people", f"and {more:,} more people whose mail cannot be proved")]
    if told:
        return told
    if not domains:
        return []
    return [
        ok("people", f"{', '.join(sorted(domains)[:5])}: mail from there can be proved (SPF or DMARC is published)")
    ]


def openly(seen: Iterable[tuple[str, str]]) -> list[Finding]:
    """`seen`: (name, when last) of those whose personal address stood in To or Cc since it was given out."""
    return [
        warning("personal-address", f"the personal address of {name} was in To or Cc on {when[:10]}: others know it",
                f'bcc-relay staff capture-address "{name}" --rotate --no-grace')
        for name, when in seen
    ]  # fmt: skip


def anybody(people: Sequence[Colleague], domains: Sequence[str]) -> list[Finding]:
    """Without domains and people nobody's mail is ours."""
    if people or domains:
        return []
    todo = 'bcc-relay staff add "Your Name" you@example.org    # and [company] domains'
    return [hint("people", "nobody is one of us: neither [company] domains nor staff", todo)]
