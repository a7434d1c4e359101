"""Addresses: who a mail is from and for.

Decides what is one address and in which form we compare it. It does not know who is staff, a lead or
a capture address. Received headers are full of things the grammar forbids, so reading a list of
mailboxes never fails: what is not an address is left out, what is broken but legible is kept.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """One `local-part@domain` (RFC 5321 §2.3.11).

    `local_part` as it was written, unquoted; `domain` lower case, as A-labels (RFC 5890).
    """

    local_part: str
    domain: str

    @property
    def key(self) -> str:
        """The canonical form in which addresses are stored and compared: all lower case."""
        return f"{self.local_part.lower()}@{self.domain}"

    def __str__(self) -> str:
        return f"{self.local_part}@{self.domain}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A display name and an address (RFC 5322 §3.4). `display_name` is decoded, '' when there is none."""

    display_name: str
    address: Address
