"""A message as read: RFC 5322 fields, bodies and parts, with every oddity noted as a defect.

Types only. `relay.mail.reading.parse` is the way from octets to a `Message`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from relay.mail import mailbox
from relay.mail.address import Mailbox
from relay.mail.header import Fields

PARSER = "4"
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
    is no such part; lines end with a line feed. `fields` are all header fields in order: lower-case name,
    unfolded and decoded value (decoded when looked at, see `Fields`; a tuple of pairs will do as well).
    `defects` are short names of what was wrong, each once (docs/parsing.md lists them).
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
    fields: Sequence[tuple[str, str]] = field(default=(), repr=False)
    defects: tuple[str, ...] = ()

    def first(self, name: str) -> str | None:
        """The value of the first field of that (lower-case) name, or None."""
        fields = self.fields
        if isinstance(fields, Fields):
            return fields.first(name)
        return next((value for key, value in fields if key == name), None)

    def all(self, name: str) -> tuple[str, ...]:
        """The values of all fields of that (lower-case) name, in order."""
        fields = self.fields
        if isinstance(fields, Fields):
            return fields.all(name)
        return tuple(value for key, value in fields if key == name)

    def has_any(self, names: frozenset[bytes]) -> bool:
        """Is there a field of one of these (lower-case) names?"""
        fields = self.fields
        if isinstance(fields, Fields):
            return fields.has_any(names)
        return any(key.encode("utf-8", "replace") in names for key, _ in fields)

    def mailboxes(self, name: str) -> tuple[Mailbox, ...]:
        """The mailboxes in all fields of that (lower-case) name, for fields that have no place above (`resent-to`).

        Read from the octets: a value that `first` decoded may have commas and quotes that were inside its words.
        """
        fields = self.fields
        if isinstance(fields, Fields):
            return mailbox.mailboxes(fields.octets(name.encode("utf-8", "replace")), fields.hint)
        return tuple(one for value in self.all(name) for one in mailbox.read(value))
