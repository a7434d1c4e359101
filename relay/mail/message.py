"""A message as read: RFC 5322 fields, bodies and parts, with every oddity noted as a defect.

`parse(content)` is the only way from octets to a `Message`. It never raises, whatever the octets
are, takes time linear in them, and gives only text that UTF-8, JSON and SQLite can hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from relay.mail.address import Mailbox

PARSER = "1"
"""Version of the reading, stored with each message, so that old mail can be read again after a change."""


@dataclass(frozen=True, slots=True)
class Part:
    """A leaf of the MIME tree that is not body text.

    `media_type` lower case ('application/pdf'); `filename` decoded and without any path, '' when
    none; `content_id` without angle brackets; `disposition` 'attachment', 'inline' or ''; `content`
    the decoded octets (for message/rfc822: the octets of that message). `referenced` tells whether
    the HTML shows it by its `cid:`.
    """

    position: int
    media_type: str
    filename: str
    content_id: str
    disposition: str
    content: bytes
    referenced: bool = False

    @property
    def is_message(self) -> bool:
        return self.media_type in ("message/rfc822", "message/global")


@dataclass(frozen=True, slots=True)
class Message:
    """What one message says.

    Times are aware UTC. Message-IDs are without angle brackets. `text` is the text of all inline
    text/plain parts, `html` of all inline text/html parts (decoded, not sanitised), None when there
    is no such part. `fields` are all header fields in order: lower-case name, unfolded and decoded
    value. `defects` are short names of what was wrong, each once.
    """

    message_id: str | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    originated_at: datetime | None = None
    author: tuple[Mailbox, ...] = ()
    sender: Mailbox | None = None
    reply_to: tuple[Mailbox, ...] = ()
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    parts: tuple[Part, ...] = ()
    media_type: str = "text/plain"
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    defects: tuple[str, ...] = ()

    def first(self, name: str) -> str | None:
        """The value of the first field of that (lower-case) name, or None."""
        return next((value for key, value in self.fields if key == name), None)
