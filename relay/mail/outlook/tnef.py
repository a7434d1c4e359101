"""TNEF, the `winmail.dat` of Outlook and Exchange ([MS-OXTNEF]): a message as a row of attributes.

Reads the same properties as a .msg file has. Bounded in depth and numbers; each octet is looked at once for
each message it lies in.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from relay.mail.outlook.compound import Broken
from relay.mail.outlook.property import (
    BODY,
    CLASS,
    DATA,
    EMBEDDED_MESSAGE,
    FILE_NAME,
    MESSAGE_ID,
    METHOD,
    SENDER_ADDRESS,
    SENDER_NAME,
    SUBJECT,
    SUBMITTED,
    WANTED,
    Attachment,
    Note,
    Properties,
    code_page,
)

SIGNATURE = bytes.fromhex("789F3E22")

MAX_DEPTH = 4
"""Messages within messages that are read."""

MAX_ATTRIBUTES = 10_000
MAX_PROPERTIES = 20_000
MAX_ATTACHMENTS = 200
MAX_RECIPIENTS = 2_000

_MESSAGE, _ATTACHMENT, _ATTACHMENT_BEGINS, _RECIPIENTS = 0x69003, 0x69005, 0x69002, 0x69004
_DATA, _TITLE, _CODE_PAGE, _DATE, _FROM = 0x6800F, 0x18010, 0x69007, 0x38005, 0x08000
_TEXTS = {0x18004: SUBJECT, 0x2800C: BODY, 0x18009: MESSAGE_ID, 0x78008: CLASS}
"""Attribute -> property, for those that are both ([MS-OXTNEF] 2.1.3.2)."""

_FIXED = {
    0x0002: 4, 0x0003: 4, 0x0004: 4, 0x0005: 8, 0x0006: 8, 0x0007: 8, 0x000A: 4, 0x000B: 4, 0x0014: 8, 0x0040: 8,
    0x0048: 16,
}  # fmt: skip
"""Octets of a value by its type, padded ([MS-OXTNEF] 2.1.3.4)."""

_VARIABLE = frozenset({0x001E, 0x001F, 0x0102, 0x000D})
_SEVERAL = 0x1000
_NAMED = 0x8000


def is_tnef(content: bytes) -> bool:
    """Does it begin as TNEF does?"""
    return content[:4] == SIGNATURE


def read(content: bytes, depth: int = 0) -> Note:
    """The message in a TNEF stream. What stands before damage is kept. Raises Broken if it is none."""
    if not is_tnef(content):
        raise Broken("no TNEF")
    note = Note()
    page = note.properties.page
    held: _Held | None = None
    for number, value in _attributes(content, note):
        if number == _CODE_PAGE:
            page = note.properties.page = code_page(int.from_bytes(value[:4], "little")) or page
        elif number == _MESSAGE:
            _into(note.properties, value)
        elif number == _RECIPIENTS:
            note.recipients = list(_recipients(value, page))
        elif number in (_ATTACHMENT_BEGINS, _DATA, _TITLE, _ATTACHMENT):
            if number == _ATTACHMENT_BEGINS or held is None:
                _keep(held, note)
                held = _Held(page)
            held.take(number, value, depth)
        elif number in _TEXTS:
            note.properties.eight_bit.setdefault(_TEXTS[number], value)
        elif number == _DATE and len(value) >= 12:
            _date(note.properties, value)
        elif number == _FROM:
            _from(note.properties, value)
    _keep(held, note)
    note.properties.read_page()
    return note


class _Held:
    """The attachment that is being read: its attributes come in any order."""

    def __init__(self, page: str) -> None:
        self.properties = Properties(page=page)
        self._data = b""
        self._message: Note | None = None
        self.cut = False

    def take(self, number: int, value: bytes, depth: int) -> None:
        if number == _DATA:
            self._data = value
        elif number == _TITLE:
            self.properties.eight_bit.setdefault(FILE_NAME, value)
        elif number == _ATTACHMENT:
            _into(self.properties, value)
            inner = self.properties.octets(DATA)
            # Behind the identifier of an interface ([MS-OXTNEF] 2.1.3.3.15).
            if self.properties.number(METHOD) == EMBEDDED_MESSAGE and is_tnef(inner[16:20]):
                del self.properties.values[DATA]
                if depth < MAX_DEPTH:
                    self._message = read(inner[16:], depth + 1)
                    self.cut = self._message.cut
                else:
                    self.cut = True

    def attachment(self) -> Attachment:
        return Attachment(self.properties, self._data or self.properties.octets(DATA), self._message)


def _keep(held: _Held | None, note: Note) -> None:
    if held is None:
        return
    note.cut = note.cut or held.cut
    if len(note.attachments) < MAX_ATTACHMENTS:
        note.attachments.append(held.attachment())
    else:
        note.cut = True


def _attributes(content: bytes, note: Note) -> Iterator[tuple[int, bytes]]:
    """(id, value) of each attribute ([MS-OXTNEF] 2.1.3.1); a sum that does not agree is not minded."""
    at = 6  # signature and key
    for _ in range(MAX_ATTRIBUTES):
        if at + 9 > len(content):
            return
        if content[at] not in (1, 2):  # of the message, of an attachment: whatever follows is none
            note.cut = True
            return
        number = int.from_bytes(content[at + 1 : at + 5], "little")
        length = int.from_bytes(content[at + 5 : at + 9], "little")
        if at + 9 + length > len(content):
            note.cut = True
        yield number, content[at + 9 : at + 9 + length]
        at += 9 + length + 2
    note.cut = True


def _into(found: Properties, octets: bytes) -> None:
    for number, kind, value in _properties(octets, [4], int.from_bytes(octets[:4], "little")):
        found.put(number, kind, value)


def _properties(octets: bytes, place: list[int], count: int) -> Iterator[tuple[int, int, bytes]]:
    """(id, type, first value) of `count` properties from place[0] on, which is moved along: those that are wanted."""
    at, end = place[0], len(octets)
    for _ in range(min(count, MAX_PROPERTIES)):
        if at + 4 > end:
            break
        kind, number = _short(octets, at), _short(octets, at + 2)
        at += 4
        if number >= _NAMED:  # its name comes first: a set, then a number or a text
            named = _long(octets, at + 16)
            at += 24 if named == 0 else 24 + _padded(_long(octets, at + 20))
        plain = kind & ~_SEVERAL
        if plain not in _VARIABLE and plain not in _FIXED:
            at = end  # a type of unknown length: what follows cannot be found
            break
        values = 1
        if kind & _SEVERAL or plain in _VARIABLE:
            values = _long(octets, at)
            at += 4
        first: bytes | None = None
        for _ in range(min(values, MAX_PROPERTIES)):
            if plain in _VARIABLE:
                length = _long(octets, at)
                at += 4
                step = _padded(length)
            else:
                length = step = _FIXED[plain]
            if first is None and number in WANTED:
                first = octets[at : at + length]
            at += step
            if at > end:
                break
        if first is not None and not kind & _SEVERAL:
            yield number, plain, first
    place[0] = at


def _recipients(octets: bytes, page: str) -> Iterator[Properties]:
    """The rows of the table of recipients, each a list of properties."""
    place = [4]
    for _ in range(min(_long(octets, 0), MAX_RECIPIENTS)):
        at = place[0]
        if at + 4 > len(octets):
            return
        found = Properties(page=page)
        place[0] = at + 4
        for number, kind, value in _properties(octets, place, _long(octets, at)):
            found.put(number, kind, value)
        yield found


def _short(octets: bytes, at: int) -> int:
    return int.from_bytes(octets[at : at + 2], "little")


def _long(octets: bytes, at: int) -> int:
    return int.from_bytes(octets[at : at + 4], "little")


def _padded(length: int) -> int:
    return length + (-length) % 4


def _date(found: Properties, value: bytes) -> None:
    """Seven 16-bit numbers: year, month, day, hour, minute, second, day of the week; UTC."""
    year, month, day, hour, minute, second = (_short(value, n) for n in range(0, 12, 2))
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return
    since = moment - datetime(1601, 1, 1, tzinfo=UTC)
    found.values.setdefault(SUBMITTED, int(since.total_seconds()) * 10_000_000)


def _from(found: Properties, value: bytes) -> None:
    """A TRP structure: four lengths, then name and "SMTP:address", each with its NUL ([MS-OXTNEF] 2.1.3.3.3)."""
    if len(value) < 8:
        return
    named, length = _short(value, 4), _short(value, 6)
    name, address = value[8 : 8 + named], value[8 + named : 8 + named + length]
    kind, _, bare = address.partition(b":")
    found.eight_bit.setdefault(SENDER_NAME, name)
    if kind.upper() == b"SMTP":
        found.eight_bit.setdefault(SENDER_ADDRESS, bare)
