"""Properties: how Outlook keeps a message ([MS-OXPROPS]), whichever file they come in.

Names the few properties that matter here, and decides what their values mean: texts, octets, times,
addresses. Values are a stranger's: a value of the wrong type is no value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from relay.mail import charset

Value = str | bytes | int

CLASS, FLAGS = 0x001A, 0x0E07
SUBJECT, SUBJECT_PREFIX, NORMALIZED_SUBJECT = 0x0037, 0x003D, 0x0E1D
BODY, RTF, HTML = 0x1000, 0x1009, 0x1013
SENDER_NAME, SENDER_KIND, SENDER_ADDRESS, SENDER_SMTP = 0x0C1A, 0x0C1E, 0x0C1F, 0x5D01
AUTHOR_NAME, AUTHOR_KIND, AUTHOR_ADDRESS, AUTHOR_SMTP = 0x0042, 0x0064, 0x0065, 0x5D02
SUBMITTED, DELIVERED = 0x0039, 0x0E06
MESSAGE_ID, REFERENCES, IN_REPLY_TO, HEADERS = 0x1035, 0x1039, 0x1042, 0x007D
REPLY_NAMES = 0x0050
DISPLAY_TO, DISPLAY_CC, DISPLAY_BCC = 0x0E04, 0x0E03, 0x0E02
INTERNET_CODE_PAGE, CODE_PAGE = 0x3FDE, 0x3FFD
RECIPIENT_KIND, NAME, ADDRESS_KIND, ADDRESS = 0x0C15, 0x3001, 0x3002, 0x3003
SMTP_ADDRESS, TRANSMITTABLE = 0x39FE, 0x3A20
DATA, METHOD, FILE_NAME, LONG_FILE_NAME, MEDIA_TYPE, CONTENT_ID = 0x3701, 0x3705, 0x3704, 0x3707, 0x370E, 0x3712
ATTACHMENT_FLAGS, HIDDEN = 0x3714, 0x7FFE

WANTED = frozenset(value for name, value in tuple(globals().items()) if name.isupper() and isinstance(value, int))
"""All of these; the hundreds of others that a message has are never read."""

UNSENT = 0x8
"""Of FLAGS: a draft, or a template ([MS-OXCMSG] 2.2.1.6)."""

SHOWN_BY_HTML = 0x4
"""Of ATTACHMENT_FLAGS: a picture in the text ([MS-OXCMSG] 2.2.2.18)."""

EMBEDDED_MESSAGE = 5
"""Of METHOD: the attachment is a message ([MS-OXCMSG] 2.2.2.9)."""

_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_NEVER = 4000
"""Years from here on mean "no date" (Outlook writes 4501)."""


def code_page(number: int | None) -> str:
    """The charset of a Windows code page, '' for none ([MS-UCODEREF] 2.2.1)."""
    if not number or number in (1200, 1201):  # UTF-16, which 8-bit texts are not
        return ""
    if number == 65001:
        return "utf-8"
    if 28591 <= number <= 28606:
        return f"iso-8859-{number - 28590}"
    named = {20127: "us-ascii", 20866: "koi8-r", 21866: "koi8-u", 51932: "euc-jp", 51949: "euc-kr", 51936: "gb18030"}
    named |= {54936: "gb18030", 20932: "euc-jp", 10000: "macintosh", 10007: "x-mac-cyrillic", 52936: "hz-gb-2312"}
    return named.get(number, f"cp{number}")


@dataclass(slots=True)
class Properties:
    """id -> value: text as str, or as octets in `page` until asked for; binary as bytes; numbers; times in FILETIME."""

    values: dict[int, Value] = field(default_factory=dict)
    eight_bit: dict[int, bytes] = field(default_factory=dict)
    page: str = "cp1252"

    def text(self, *ids: int) -> str:
        """The first of these texts that is there and not empty, up to its first NUL."""
        for each in ids:
            value = self.values.get(each)
            if isinstance(value, str):
                found = value
            elif each in self.eight_bit:
                found = charset.decode(self.eight_bit[each].partition(b"\0")[0], self.page)[0]
            else:
                continue
            found = found.partition("\0")[0]
            if found.strip():
                return found
        return ""

    def octets(self, each: int) -> bytes:
        """A binary value, b'' when there is none."""
        value = self.values.get(each)
        return value if isinstance(value, bytes) else b""

    def number(self, each: int) -> int | None:
        """A number, None when there is none."""
        value = self.values.get(each)
        return value if isinstance(value, int) else None

    def time(self, *ids: int) -> datetime | None:
        """The first of these times that is one (100 ns since 1601), in UTC with whole seconds."""
        for each in ids:
            value = self.number(each)
            if value:
                try:
                    found = _EPOCH + timedelta(seconds=value // 10_000_000)
                except OverflowError:
                    continue
                if found.year < _NEVER:
                    return found
        return None

    def put(self, number: int, kind: int, value: bytes) -> None:
        """Keep a value as its octets write it ([MS-OXCDATA] 2.11.1); of a type that nothing here has: nothing."""
        if kind == UNICODE:
            # Halves of surrogate pairs alone are no text.
            self.values[number] = value[: len(value) & ~1].decode("utf-16-le", "replace")
        elif kind == EIGHT_BIT:
            self.eight_bit[number] = value
        elif kind in (BINARY, OBJECT):
            self.values[number] = value
        elif kind in _NUMBERS:
            self.values[number] = int.from_bytes(value[: _NUMBERS[kind]], "little")

    def read_page(self) -> None:
        """Learn in which code page 8-bit texts are; when all values are there."""
        self.page = code_page(self.number(CODE_PAGE)) or code_page(self.number(INTERNET_CODE_PAGE)) or self.page


UNICODE, EIGHT_BIT, BINARY, OBJECT, TIME = 0x001F, 0x001E, 0x0102, 0x000D, 0x0040
_NUMBERS = {0x0002: 2, 0x0003: 4, 0x000B: 2, TIME: 8}
"""Octets of a number by its type: short, long, yes or no, time."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """What hangs on a message. `message`: an embedded one, else None; `content`: its octets otherwise."""

    properties: Properties
    content: bytes = b""
    message: Note | None = None


@dataclass(slots=True)
class Note:
    """A message as Outlook keeps it. `cut`: something of it was damaged, or beyond our bounds."""

    properties: Properties = field(default_factory=Properties)
    recipients: list[Properties] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    cut: bool = False
