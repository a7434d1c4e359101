"""The directory: an immutable snapshot of who we are.

Our domains, our people and their addresses, and the capture addresses. Every decision takes it as an
argument, so a decision can be repeated and explained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from relay.mail.address import Address


def without_tag(key: str) -> str:
    """The key of an address without its plus tag (RFC 5233): `ann+x@a.example` is `ann@a.example`."""
    local, at, domain = key.rpartition("@")
    name = local.partition("+")[0]
    return f"{name}{at}{domain}" if name else key


@dataclass(frozen=True, slots=True)
class Directory:
    """Our side of every mail.

    `domains`: our own domains, lower-case A-labels. `staff`: address key -> staff.id. `capture`: keys
    of the capture addresses without tags. Two directories with equal contents are equal.
    """

    domains: frozenset[str] = frozenset()
    capture: frozenset[str] = frozenset()
    staff: Mapping[str, int] = field(default_factory=dict)

    def staff_id(self, address: Address) -> int | None:
        """The person of ours behind the address: exact form first, then without its plus tag."""
        key = address.key
        found = self.staff.get(key)
        return found if found is not None else self.staff.get(without_tag(key))

    def is_capture(self, address: Address) -> bool:
        """Is it a capture address, with or without a tag? (contract, 'Capture addresses with tags')"""
        return self.capture_address(address) is not None

    def capture_address(self, address: Address) -> tuple[str, str] | None:
        """(capture address key, tag or '') when `address` is one of ours, else None.

        `crm+TAG@host`, the same with `.` or `-`, and `TAG@host` where host is the domain of a capture
        address and no domain of the company. An exact capture address wins over a tag reading.
        """
        key = address.key
        if key in self.capture:
            return key, ""
        for known in self.capture:
            name, _, domain = known.rpartition("@")
            if domain != address.domain:
                continue
            local = address.local_part
            if len(local) > len(name) + 1 and local[: len(name)].lower() == name and local[len(name)] in "+.-":
                return known, local[len(name) + 1 :]
            if domain not in self.domains and local.lower().startswith(("deal-", "lead-", "me-")):
                return known, local
        return None

    def is_ours(self, address: Address) -> bool:
        """Is the address one of our people's: a staff address, or any address of our own domains?"""
        return address.domain in self.domains or self.staff_id(address) is not None
