"""The judge: what sessions ask before they keep mail from those who have no full trust.

Only the question and the answer stand here. Who answers knows DNS and our people (`relay.daemon.judging`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from relay.mail.address import Address
from relay.mail.envelope import Client
from relay.mail.origin import Origin
from relay.mail.reply import Reply


class CannotTell(Exception):  # noqa: N818  no fault of anybody's: it is said to the sender as "later"
    """What the decision depends on cannot be asked now. Its text is for our log."""


class Login(NamedTuple):
    """Somebody of ours who has logged in. `password`: which one it was, as who compares passwords tells them apart."""

    staff: int
    password: str


@dataclass(frozen=True, slots=True)
class Handed:
    """A whole mail that waits to be decided about. `owners`: staff.id of each personal address among `forward_paths`.
    `session`: its name in the log. `login`: who logged in, None for nobody. `certificates`: the names in the client's
    certificate, if it was verified, lower case.
    """

    client: Client
    reverse_path: Address | None
    forward_paths: tuple[Address, ...]
    owners: tuple[int, ...]
    content: bytes
    received_at: datetime
    session: str
    login: Login | None = None
    certificates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """`reason`: the rule that admits, or why none does. Exactly one of `origin` and `refusal` is given."""

    reason: str
    origin: Origin | None = None
    refusal: Reply | None = None


class Judge(Protocol):
    """Finds out and decides. `deadline`: seconds after which a decision is too late."""

    @property
    def deadline(self) -> float: ...

    async def owners(self, tokens: tuple[str, ...], now: datetime) -> tuple[int, ...]:
        """staff.id of those whose personal addresses these are now (hashes of tokens). Raises CannotTell."""
        ...

    async def decide(self, handed: Handed) -> Judged:
        """May it be kept? Raises CannotTell."""
        ...
