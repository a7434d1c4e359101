"""Rich text as Outlook sends it ([MS-OXRTFEX]): often HTML in disguise.

Decides what a person would read in it: the HTML that was wrapped into it, or else its words. Linear in the
octets, with a bounded number of steps. Never raises: what cannot be read is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from relay.mail import charset
from relay.mail.outlook.effort import Effort
from relay.mail.outlook.property import code_page

MAX_DEPTH = 1_000
"""Groups within groups; what lies deeper is left out."""

MAX_FONTS = 1_000


@dataclass(frozen=True, slots=True)
class RichText:
    """What was found: `html` when HTML was wrapped, else `text`. Lines end with a line feed."""

    html: str = ""
    text: str = ""


# Each alternative begins with its own octets, so nothing is read twice.
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9a-fA-F]{2})|\\(.)|([{}])|([^\\{}\r\n]+)|[\r\n]+", re.DOTALL
)

_HIDDEN = frozenset(
    {b"fonttbl", b"colortbl", b"stylesheet", b"info", b"pict", b"object", b"header", b"footer", b"headerl", b"headerr",
     b"footerl", b"footerr", b"generator", b"listtable", b"listoverridetable", b"rsidtbl", b"themedata", b"xmlnstbl",
     b"latentstyles", b"datastore", b"filetbl", b"revtbl", b"fldinst", b"bkmkstart", b"bkmkend", b"mmathpr",
     b"mhtmltag"}
)  # fmt: skip
"""Groups that hold no words of the author."""

_WORDS = {
    b"par": "\n", b"line": "\n", b"sect": "\n", b"page": "\n", b"row": "\n", b"cell": "\t", b"tab": "\t",
    b"lquote": "‘", b"rquote": "’", b"ldblquote": "“", b"rdblquote": "”", b"bullet": "•", b"endash": "–",
    b"emdash": "—", b"emspace": "\u2003", b"enspace": "\u2002", b"qmspace": "\u2005",
    b"zwj": "\u200d", b"zwnj": "\u200c",
}  # fmt: skip

_CHARSETS = {77: "macintosh", 128: "cp932", 129: "cp949", 130: "johab", 134: "gbk", 136: "big5", 161: "cp1253",
             162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
             238: "cp1250", 255: "cp437"}  # fmt: skip
"""\\fcharset of a font -> its code page; 0 is that of the whole text."""


@dataclass(slots=True)
class _State:
    """What holds within a group. `skip`: between htmlrtf and htmlrtf0, words for programs that know no HTML."""

    hidden: bool = False
    skip: bool = False
    page: str = ""
    surplus: int = 1  # octets that stand behind \u for programs that do not know it

    def copy(self) -> _State:
        return _State(self.hidden, self.skip, self.page, self.surplus)


@dataclass(slots=True)
class _Reader:
    html: bool
    out: list[str] = field(default_factory=list)
    octets: bytearray = field(default_factory=bytearray)
    state: _State = field(default_factory=_State)
    stack: list[_State] = field(default_factory=list)
    page: str = "cp1252"
    fonts: dict[int, str] = field(default_factory=dict)
    font: int = 0
    fonts_within: int = 0  # depth of the table of fonts, 0 outside
    too_deep: int = 0
    passing: int = 0  # octets still to pass over behind \u
    first: bool = False  # whether the group has just begun

    def flush(self) -> None:
        """Text that has come as octets, in the code page of its font."""
        if self.octets:
            self.out.append(charset.decode(bytes(self.octets), self.state.page or self.page)[0])
            self.octets.clear()

    def add(self, text: str) -> None:
        if not (self.state.hidden or self.state.skip):
            self.flush()
            self.out.append(text)

    def add_octets(self, octets: bytes) -> None:
        self.first = False
        if self.passing:
            passed = min(self.passing, len(octets))
            self.passing -= passed
            octets = octets[passed:]
        if not (self.state.hidden or self.state.skip):
            self.octets += octets

    def brace(self, brace: bytes) -> None:
        self.flush()
        self.passing = 0
        self.first = brace == b"{"
        if brace == b"{":
            if len(self.stack) >= MAX_DEPTH:
                self.too_deep += 1
            else:
                self.stack.append(self.state)
                self.state = self.state.copy()
        elif self.too_deep:
            self.too_deep -= 1
        elif self.stack:
            skip = self.state.skip
            self.state = self.stack.pop()
            if self.html:
                self.state.skip = skip  # \htmlrtf holds beyond the group it stands in ([MS-OXRTFEX] 2.1.3.1.3)
            if len(self.stack) < self.fonts_within:
                self.fonts_within = 0

    def symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            if self.first:
                self.state.hidden = True  # a group for programs that know it; \htmltag shows itself again
            return
        if symbol in b"\\{}":
            self.add_octets(symbol)
            return
        self.first = False
        if symbol in b"\r\n":
            self.add("\n")
        elif symbol == b"~":
            self.add("&nbsp;" if self.html else "\xa0")
        elif symbol == b"_":
            self.add("\u2011")

    def word(self, word: bytes, value: int | None) -> None:
        beginning, self.first = self.first, False
        if word == b"htmltag":
            self.state.hidden = False
        elif word == b"htmlrtf":
            self.flush()
            self.state.skip = value != 0
        elif word in _HIDDEN:
            if beginning or word in (b"mhtmltag", b"colortbl"):
                self.state.hidden = True
            if word == b"fonttbl":
                self.fonts_within = len(self.stack)
        elif word == b"u" and value is not None:
            self.add(chr(value & 0xFFFF))
            self.passing = self.state.surplus
        elif word in _WORDS:
            self.add(_WORDS[word])
        elif value is not None:
            self.setting(word, value)

    def setting(self, word: bytes, value: int) -> None:
        if word == b"ansicpg":
            self.page = code_page(value) or self.page
        elif word == b"f" and self.fonts_within:
            self.font = value
        elif word == b"f":
            self.flush()
            self.state.page = self.fonts.get(value, "")
        elif word == b"fcharset":
            if self.fonts_within and value in _CHARSETS and len(self.fonts) < MAX_FONTS:
                self.fonts[self.font] = _CHARSETS[value]
        elif word == b"uc":
            self.state.surplus = max(0, min(value, 8))


def read(content: bytes, effort: Effort) -> RichText:
    """The words, or the wrapped HTML, of rich text, as far as the effort goes. Never raises."""
    reader = _Reader(html=b"\\fromhtml" in content[:4096])
    for token in _TOKEN.finditer(content):
        if not effort.spend(1):
            break
        word, number, octet, symbol, brace, words = token.groups()
        if brace:
            reader.brace(brace)
        elif reader.too_deep:
            continue
        elif words:
            reader.add_octets(words)
        elif word:
            reader.word(word, int(number) if number else None)
        elif octet:
            reader.add_octets(bytes.fromhex(octet.decode("ascii")))
        elif symbol:
            reader.symbol(symbol)
    reader.flush()
    # Halves of surrogate pairs, as \u gives them, become one character; lone ones go.
    text = "".join(reader.out).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "")
    return RichText(html=text) if reader.html else RichText(text=text)
