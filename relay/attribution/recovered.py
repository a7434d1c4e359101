"""Recovered: what one mail object turned out to be, the messages in it and how sure that is.

Types, and the names of what may be wrong with them. Found by `original` and its neighbours `attached`,
`inline`, `redirected` and `journaled`; made into records by `compose`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from relay.attribution.record import Route
from relay.mail.address import Address
from relay.mail.message import Message

MAX_ORIGINALS = 200
"""Messages taken out of one mail object; what is more stays unread (defect)."""

MAX_DEPTH = 4
"""Wrappers in wrappers, and forwards in forwards, that are opened to find the customer."""

MAX_NOTE = 64 * 1024
"""Characters of a comment that are kept."""

NOT_RECOVERED = "sender-not-recovered"
TOO_MANY = "too-many-originals"
OTHER_PARTS = "wrapper-has-other-parts"
NAMES_ONLY = "recipient-without-address"
NOT_STAFF = "forwarder-not-staff"
DATE_UNREAD = "forwarded-date-unread"
NOT_BELIEVED = "journal-not-believed"
WITHOUT_ORIGINAL = "journal-without-original"


class Found(StrEnum):
    """By what an original was found (`envelope.evidence`), beside what an inline forward is found by.

    The sentences that `explain` tells for them, with how sure each is, stand in `telling`.
    """

    COPY = ""
    ATTACHED = "attached"
    FILE = "attached-file"
    OUTLOOK = "outlook"
    RESENT = "resent"
    AUTO_FORWARDED = "auto-forwarded"
    LIST = "list-author"
    JOURNAL = "journal"
    JOURNAL_FACTS = "journal-facts"


@dataclass(frozen=True, slots=True)
class Original:
    """One message to file. `author_name` is told apart from `message.author` for a sender without address.

    `evidence`: by what it was found ('' for a copy). `date_text`: the date as a block writes it.
    `date_source`: 'header', 'forwarded' or 'received'. `size` in octets, None: that of the mail object.
    `recipients`: who got it by the word of a server, beside those that its header names.
    """

    message: Message
    route: Route
    evidence: str = ""
    author_name: str = ""
    date_text: str = ""
    date_source: str = "header"
    size: int | None = None
    defects: tuple[str, ...] = ()
    recipients: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What one mail object means: its originals (at least one), and the comment of who handed it in."""

    route: Route
    originals: tuple[Original, ...]
    note: str
    handed_in_by: int | None
    defects: tuple[str, ...] = ()
