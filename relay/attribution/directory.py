"""The directory: an immutable snapshot of who we are.

Our domains, our people and their addresses, and the capture addresses. Every decision takes it as an
argument, so a decision can be repeated and explained.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from relay.attribution.never_log import NeverLog
from relay.attribution.tag import stands_alone
from relay.mail.address import Address


def without_tag(key: str) -> str:
    """The key of an address without its plus tag (RFC 5233): `ann+x@a.example` is `ann@a.example`."""
    local, at, domain = key.rpartition("@")
    name = local.partition("+")[0]
    return f"{name}{at}{domain}" if name else key


def staff_by_key(written: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Our people by the keys of their addresses. `written`: (address, staff.id) as a CRM wrote them: the domain in
    letters, in angle brackets, quoted. What is no address stays as it is; a row in canonical form wins.
    """
    found = dict(written)
    for text, staff in list(found.items()):
        address = Address.read(text)
        if address is not None:
            found.setdefault(address.key, staff)
    return found


@dataclass(frozen=True, slots=True)
class Directory:
    """Our side of every mail.

    `domains`: our own domains, lower-case A-labels. `staff`: address key -> staff.id. `capture`: keys
    of the capture addresses without tags. `never_log`: whose mail is not kept. `attachments_up_to`: octets of a
    message up to which its attachments are kept, 0: of every one. Two directories with equal contents are equal.
    """

    domains: frozenset[str] = frozenset()
    capture: frozenset[str] = frozenset()
    staff: Mapping[str, int] = field(default_factory=dict)
    never_log: NeverLog = field(default_factory=NeverLog)
    attachments_up_to: int = 0
    _names: dict[str, tuple[str, ...]] = field(
        init=False, repr=False, compare=False
    )  # host -> local parts, longest first

    def __post_init__(self) -> None:
        names: dict[str, list[str]] = {}
        for key in self.capture:
            name, _, domain = key.rpartition("@")
            names.setdefault(domain, []).append(name)
        # Longest first: with crm@ and crm-eu@, crm-eu-deal-4@ is a tag of crm-eu@.
        ordered = {domain: tuple(sorted(found, key=lambda name: (-len(name), name))) for domain, found in names.items()}
        object.__setattr__(self, "_names", ordered)

    def staff_id(self, address: Address) -> int | None:
        """The person of ours behind the address: exact form first, then without its plus tag."""
        key = address.key
        found = self.staff.get(key)
        if found is None and "+" in address.local_part:
            found = self.staff.get(without_tag(key))
        return found

    def is_capture(self, address: Address) -> bool:
        """Is it a capture address, with or without a tag? (contract, 'Capture addresses with tags')"""
        return address.domain in self._names and self.capture_address(address) is not None

    def capture_address(self, address: Address) -> tuple[str, str] | None:
        """(capture address key, tag or '') when `address` is one of ours, else None.

        `crm+TAG@host`, the same with `.` or `-`, and `TAG@host` where host is the domain of a capture
        address and no domain of the company. An exact capture address wins over a tag reading, and so
        does a person of ours: `crm.lee@` may be somebody's name.
        """
        names = self._names.get(address.domain)
        if names is None:
            return None
        key = address.key
        if key in self.capture:
            return key, ""
        if key in self.staff:
            return None
        local = address.local_part
        lower = local.lower()
        for name in names:
            size = len(name)
            if len(lower) > size + 1 and lower.startswith(name) and lower[size] in "+.-":
                return f"{name}@{address.domain}", local[size + 1 :]
        if address.domain not in self.domains and stands_alone(local):
            return f"{names[-1]}@{address.domain}", local
        return None

    def is_ours(self, address: Address) -> bool:
        """Is the address one of our people's: a staff address, or any address of our own domains?"""
        return address.domain in self.domains or self.staff_id(address) is not None
