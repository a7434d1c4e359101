"""The heading: what admission must know of a message, read from its header alone.

Read by the same code that reads the message when it is filed, so that both see the same authors. `proper` tells whether
there is any other way to read it: signatures are made over lines that end with CR LF, and a bare line feed or a line
that is no field could show a reader another header than the one that was signed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from relay.mail import date, header, mailbox, parameter
from relay.mail.address import Address
from relay.mail.encoded import to_text
from relay.mail.header import Fields

LONGEST = 256 * 1024
"""Octets of a header; real ones have 20 KB, and RFC 5322 knows no limit."""
MOST_FIELDS = 1_000
"""Fields of a header; real ones have a hundred."""
MOST_RECEIVED = 50
"""Received fields; more is a loop (RFC 5321 §6.3 asks for a limit of a hundred at least where nothing better is known;
mail for us goes three or four steps)."""

AUTHOR = 4 * 1024
"""Octets of all From fields; who needs more names nobody."""
RECIPIENTS = 32 * 1024
"""Octets of all To and Cc fields that are read: a thousand addresses; the worst that can be written takes 40 ms."""

_FIELDS = re.compile(rb"\n(?![ \t])")
_PROPER = re.compile(rb"(?:[!-9;-~]++[ \t]*+:[^\r\n\0]*+(?:\r\n[ \t][^\r\n\0]*+)*\r\n)+(?=\r\n|\Z)")


@dataclass(frozen=True, slots=True)
class Heading:
    """`octets`, `fields`: of the header, how many. `from_fields`: From fields, and all `authors` that they name.

    `recipients`: of To and Cc; `date`: of Date, None without a readable one.
    `received`: how many Received fields. `proper`: there is one way to read the header, and only one.
    """

    octets: int = 0
    fields: int = 0
    from_fields: int = 0
    authors: tuple[Address, ...] = ()
    recipients: tuple[Address, ...] = ()
    date: datetime | None = None
    received: int = 0
    proper: bool = False

    @property
    def author(self) -> Address | None:
        """The author, if there is exactly one."""
        return self.authors[0] if self.from_fields == len(self.authors) == 1 else None


def read(content: bytes) -> Heading:
    """The heading of a message. Never raises; of a header beyond the limits only the sizes are told."""
    end = content.find(b"\n\r\n", 0, LONGEST + 4)
    if end < 0 and len(content) > LONGEST + 4 and content.find(b"\n\n", 0, LONGEST + 4) < 0:
        return Heading(octets=len(content))
    lines = _FIELDS.findall(content, 0, end if end >= 0 else LONGEST + 4)
    if len(lines) > MOST_FIELDS:
        return Heading(octets=max(end, 0), fields=len(lines))
    raw, body, _ = header.split(content, 0, len(content))
    if body > LONGEST + 4 or len(raw) > MOST_FIELDS:
        return Heading(octets=body, fields=len(raw))
    types = [value for name, value in raw if name == b"content-type" and value.strip()]
    fields = Fields(raw, parameter.read(types[0]).get("charset") if types else "")
    dates = (date.read(to_text(value[:1000], fields.hint)) for value in fields.octets(b"date")[:10])
    return Heading(
        octets=body,
        fields=len(raw),
        from_fields=len(fields.octets(b"from")),
        authors=_addresses(fields, AUTHOR, b"from"),
        recipients=_addresses(fields, RECIPIENTS, b"to", b"cc"),
        date=next((moment for moment in dates if moment is not None), None),
        received=len(fields.octets(b"received")),
        proper=_PROPER.match(content) is not None,
    )


def goes_round(content: bytes) -> bool:
    """Has it come over more servers than any mail does? The one question about mail of clients that are fully trusted,
    so nearly all of it is answered by one search in C.
    """
    end = content.find(b"\r\n\r\n", 0, LONGEST)
    if content.count(b"eceived", 0, end if end >= 0 else LONGEST) <= MOST_RECEIVED:
        return False
    return read(content).received > MOST_RECEIVED


def _addresses(fields: Fields, most: int, *names: bytes) -> tuple[Address, ...]:
    """The addresses of the fields up to the one with which they become longer than `most`."""
    values = []
    for value in (value for name in names for value in fields.octets(name)):
        most -= len(value)
        if most < 0:
            break
        values.append(value)
    return tuple(dict.fromkeys(one.address for one in mailbox.mailboxes(values, fields.hint)))
