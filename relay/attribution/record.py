"""The record: everything that filing one message writes.

It is the seam of the product. Left of it there is no input or output, right of it no decision: the
store writes a record as it stands. One mail object gives one record, or several when it carried
several originals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from relay.attribution.reported import NOTHING, Told
from relay.mail.address import Address
from relay.mail.envelope import Envelope, VaultId


class Role(StrEnum):
    """What an address is on a message, strongest first. The first that applies is kept."""

    FROM = "from"
    SENDER = "sender"
    REPLY_TO = "reply-to"
    TO = "to"
    CC = "cc"
    BCC = "bcc"


class Direction(StrEnum):
    INCOMING = "incoming"
    OUTGOING = "outgoing"
    INTERNAL = "internal"
    UNKNOWN = "unknown"


class Route(StrEnum):
    """How a message came to us."""

    BCC = "bcc"
    FORWARD = "forward"
    ATTACHED = "attached"
    REDIRECT = "redirect"
    JOURNAL = "journal"
    DIRECT = "direct"
    IMPORT = "import"


class PartKind(StrEnum):
    ATTACHMENT = "attachment"
    INLINE = "inline"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Party:
    """An address on a message with its strongest role. Capture addresses are never parties."""

    address: Address
    role: Role
    display_name: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A direction and the reason for it, a short name that is stored and that `explain` can tell."""

    direction: Direction
    reason: str


@dataclass(frozen=True, slots=True)
class FiledPart:
    """A part as it is kept: description and decoded octets (`digest` is their sha256 in hex).

    `danger`: what it could do to who opens it, a short name or ''. `may_return`: would its return in other messages
    of the author make it a logo? `kept`: are its octets stored, too?
    """

    position: int
    media_type: str
    filename: str
    content_id: str
    kind: PartKind
    digest: str
    content: bytes = field(repr=False)
    danger: str = ""
    may_return: bool = False
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """One message as it will stand in the database, with the envelope that brought it.

    `position` is 0, or 0..n-1 when one mail object carried n originals. `thread_ids`: own Message-ID
    first, then In-Reply-To and References, nearest first, each once. `fingerprint`: sha256 (hex) over
    author, base subject and the author's words, spaces folded, and the recipients where there is no Message-ID:
    equal for two copies of one message.
    `outcome`: 'filed', 'unparsed', or 'dropped' (nothing of it is written, see `withheld`).
    `handed_in_by`: staff.id of who handed it in, None if unknown.
    `forms` of an address are computed by the store (relay.mail.address.forms).
    `tags`: what the capture addresses asked for ('deal-42'), as read by `tag`; `me-...` is a secret.
    `subject_tags`: the same of the subject, and of the subject of the forward that it came in.
    `evidence`: by what the original was found ('attached', 'html-title', 'text-block', ...), '' for a copy.
    `written_date`: the original's date as a forward writes it, '' where none does.
    `told`: what automatic mail says of people: failed addresses, absences.
    `imported`: the digest of a mail out of a mailbox, by which it is known again; None for all other mail.
    """

    vault_id: VaultId
    position: int
    envelope: Envelope
    route: Route
    handed_in_by: int | None
    outcome: str

    message_id: str | None
    thread_ids: tuple[str, ...]
    base_subject: str
    fingerprint: str

    verdict: Verdict
    automatic: str | None
    subject: str
    author: Address | None
    author_name: str
    staff_id: int | None
    originated_at: datetime
    date_source: str
    size: int
    snippet: str
    parties: tuple[Party, ...]
    parts: tuple[FiledPart, ...]
    text: str
    quoted: str
    html: str
    note: str
    defects: tuple[str, ...]
    parser: str
    tags: tuple[str, ...] = ()
    subject_tags: tuple[str, ...] = ()
    evidence: str = ""
    written_date: str = ""
    told: Told = NOTHING
    imported: bytes | None = None

    @property
    def attachment_count(self) -> int:
        return sum(part.kind is PartKind.ATTACHMENT for part in self.parts)
