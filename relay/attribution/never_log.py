"""Never-log: whose mail must not be kept, and what that means for one message.

An entry is an address, `@domain` (that domain and no other) or `*.domain` (the domain and all below it), for
everybody or for the mail of one of our people. `drop-message`: a message that such an address is on is not
kept. `drop-party`: the message is kept without that party; but not when the party wrote it, and not when
nobody else outside is left on it.

A whole domain says nothing of our own people as long as the mail is not among ourselves: with our own domain
listed, internal mail is not kept and all other mail is. One of our addresses, listed by itself, counts always.

Pure. What a CRM has written into the table may be anything: a pattern that nobody can read holds for nobody,
and `verify` and `crm-check` say so.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from relay.mail.address import MAX_DOMAIN, MAX_LOCAL_PART, Address, a_labels

DROP_MESSAGE = "drop-message"
DROP_PARTY = "drop-party"

Kind = Literal["address", "domain", "below"]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that could be read. `text`: the address key, or the domain as lower-case A-labels."""

    kind: Kind
    text: str

    @classmethod
    def read(cls, written: str) -> Pattern | None:
        """The pattern that a person or a CRM wrote, in any case, with blanks around it, or None.

        A bare domain is none: whether the domains below it are meant too is not ours to guess.
        """
        written = written.strip()
        if len(written) > 2 * (MAX_LOCAL_PART + MAX_DOMAIN):
            return None
        for start, kind in _STARTS.items():
            if written.startswith(start):
                domain = a_labels(written[len(start) :])
                return cls(kind, domain) if domain else None
        address = Address.read(written)
        return None if address is None or "*" in address.key else cls("address", address.key)

    def __str__(self) -> str:
        return {"address": "", "domain": "@", "below": "*."}[self.kind] + self.text


_STARTS: dict[str, Kind] = {"@*.": "below", "*@*.": "below", "*@": "domain", "*.": "below", "@": "domain"}
"""How patterns of domains begin; the forms that only other programs write come first where one holds another."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the table that can be read. `staff_id`: whose mail it holds for, None: everybody's."""

    pattern: Pattern
    mode: str
    staff_id: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of one message: it is `dropped`, or kept without the parties in `left_out` (address keys)."""

    dropped: bool = False
    left_out: frozenset[str] = frozenset()


KEPT = Judged()
DROPPED = Judged(dropped=True)


@dataclass(frozen=True)
class NeverLog:
    """The whole list, an immutable snapshot. Two with equal entries are equal; an empty one is false."""

    entries: frozenset[Entry] = frozenset()
    _by_pattern: Mapping[Pattern, tuple[Entry, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[Pattern, tuple[Entry, ...]] = {}
        for entry in self.entries:
            found[entry.pattern] = (*found.get(entry.pattern, ()), entry)
        object.__setattr__(self, "_by_pattern", found)

    @classmethod
    def of(cls, rows: Iterable[tuple[object, object, int | None]]) -> NeverLog:
        """The list of rows (pattern, mode, staff_id) of the table; rows that cannot be read are passed over."""
        read = ((Pattern.read(str(written)), str(mode), staff) for written, mode, staff in rows)
        return cls(frozenset(Entry(pattern, mode, staff) for pattern, mode, staff in read if pattern is not None))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def mode(self, address: Address, people: Collection[int], *, by_domain: bool = True) -> str | None:
        """The strictest mode that holds for the address in mail of these people of ours, None: it is not listed.

        `by_domain`: do entries of whole domains count?
        """
        found = None
        for pattern in _patterns(address, by_domain=by_domain):
            for entry in self._by_pattern.get(pattern, ()):
                if entry.staff_id is None or entry.staff_id in people:
                    if entry.mode == DROP_MESSAGE:
                        return DROP_MESSAGE
                    found = entry.mode
        return found

    def judge(
        self,
        parties: Iterable[Address],
        author: Address | None,
        people: Collection[int],
        is_ours: Callable[[Address], bool],
        *,
        internal: bool,
    ) -> Judged:
        """What becomes of a message with these parties.

        `people`: who handed it in and our person on it (staff.id). `internal`: it is among ourselves.
        """
        if not self.entries:
            return KEPT
        everyone = {party.key: party for party in parties}
        if author is not None:
            everyone.setdefault(author.key, author)
        left_out = set()
        for key, party in everyone.items():
            mode = self.mode(party, people, by_domain=internal or not is_ours(party))
            if mode == DROP_MESSAGE:
                return DROPPED
            if mode is not None:
                left_out.add(key)
        if not left_out:
            return KEPT
        somebody_outside = any(key not in left_out and not is_ours(party) for key, party in everyone.items())
        if not somebody_outside or (author is not None and author.key in left_out):
            return DROPPED  # what a listed person wrote cannot be kept without her
        return Judged(left_out=frozenset(left_out))


def _patterns(address: Address, *, by_domain: bool) -> Iterable[Pattern]:
    """Every pattern that names the address: itself, without its plus tag (RFC 5233), its domain, each one above."""
    yield Pattern("address", address.key)
    plain = address.local_part.partition("+")[0]
    if plain and plain != address.local_part:
        yield Pattern("address", Address(plain, address.domain).key)
    if not by_domain:
        return
    yield Pattern("domain", address.domain)
    domain, dot = address.domain, "."
    while dot:
        yield Pattern("below", domain)
        _, dot, domain = domain.partition(".")
