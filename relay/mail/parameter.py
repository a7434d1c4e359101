"""Values with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2183, RFC 2231).

Decides what the first word of such a field is and what its parameters say, however they are written:
continued, with a charset, as encoded words inside quotes (which no RFC allows and everybody does), in raw
8-bit octets, with semicolons and quotes missing. Also what of a file name may be shown and stored.
Nothing here raises; time is linear in the value.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field

from relay.mail.charset import codec, decode, guess, scrub
from relay.mail.encoded import decode_words, from_octets, printable

MAX_PARAMETERS = 256
"""More than any program writes (a name of 4 KB in RFC 2231 pieces has 60); the rest is not read."""
MAX_VALUE = 65536
"""Octets of such a field that are read. Real ones stay below 1,000."""
MAX_FILENAME = 255
"""Octets in UTF-8 of a file name that are kept: what file systems take. The ending is kept too."""
_LONGEST_ENDING = 16
"""Characters of an ending; a longer one is no ending but a sentence with a dot in it."""

# Separators; or a name, then either a quoted string (closed or not) or everything up to the next semicolon.
# Possessive, and each alternative begins with its own octets, so that nothing is read twice.
# Never a possessive group: Python before 3.11.5 goes wrong on them.
_PARAMETER = re.compile(
    r"[\s;]++|(?P<name>[^\s=;\"]++)\s*+"
    r"(?:=\s*+(?:\"(?P<quoted>[^\"\\]*+(?:\\.[^\"\\]*+)*)(?P<closed>\"?)|(?P<bare>[^;]*+)))?",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CONTINUED = re.compile(r"([^*]{1,64})\*(?:(\d{1,4})(\*?))?\Z")
_STAR_FORGOTTEN = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{1,40}'[A-Za-z-]{0,20}'[^%]*%[0-9A-Fa-f]{2}")
_HIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]+")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_RESERVED = re.compile(
    r"(?:con|prn|aux|nul|com[0-9\u00b9\u00b2\u00b3]|lpt[0-9\u00b9\u00b2\u00b3])\s*(?:\.|\Z)", re.IGNORECASE
)
_BACKSLASH_PATH = re.compile(r"\A(?:[A-Za-z]:\\|\\\\|\.{1,2}\\)")


@dataclass(frozen=True, slots=True)
class Value:
    """A field value: `word` lower case ('text/plain', 'attachment', '' when missing) and its parameters."""

    word: str = ""
    parameters: dict[str, str] = field(default_factory=dict)

    def get(self, name: str) -> str:
        return self.parameters.get(name, "")


NOTHING = Value()


def read(value: bytes, hint: str = "") -> Value:
    """The word and the parameters of a field value as received. The first of two equal names counts."""
    text = from_octets(value[:MAX_VALUE], hint)
    word, _, rest = text.partition(";")
    word = word.strip()
    if ("=" in word and not rest) or not word.replace("/", "").isalnum():
        word, rest = _odd_word(word, rest)
    return Value(word.lower(), _parameters(rest) if rest else {})


def _odd_word(word: str, rest: str) -> tuple[str, str]:
    """A first word with blanks, comments, quotes or a parameter in it: `text/plain charset=utf-8`."""
    if "(" in word:
        word = re.sub(r"\([^()]{0,998}\)", " ", word)
    words = word.replace('"', " ").split(None, 1)
    if not words:
        return "", rest
    if "=" in words[0]:
        return "", f"{word};{rest}"
    if len(words) == 1:
        return words[0].strip("'<>,"), rest
    if words[1].startswith("/") or words[0].endswith("/"):  # "text / plain"
        return "".join(word.split()), rest
    return words[0].strip("'<>,"), f"{words[1]};{rest}" if "=" in words[1] else rest


def _parameters(text: str) -> dict[str, str]:
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    count = 0
    for found in _PARAMETER.finditer(text):
        name = found["name"]
        if name is None:
            continue
        count += 1
        if count > MAX_PARAMETERS:
            break
        name = name.lower()
        bare = found["bare"]
        if bare is not None:
            value = _bare(bare)
        elif found["quoted"] is not None:
            value = _quoted(found["quoted"], closed=bool(found["closed"]))
        else:
            continue
        if "*" in name:
            continued = _CONTINUED.match(name)
            if continued is None:
                continue
            number, starred = continued[2], continued[3] == "*" or continued[2] is None
            pieces.setdefault(continued[1], {}).setdefault(int(number or 0), (value, starred))
        elif name not in plain:
            plain[name] = _decoded(value)
    for name, numbered in pieces.items():
        joined = _joined(numbered)
        if joined or name not in plain:
            plain[name] = joined
    return plain


def _bare(value: str) -> str:
    """A value without quotes: up to a comment, without the blanks and stray quotes around it."""
    value = value.strip()
    if value.endswith(")") and " (" in value:
        value = value[: value.rindex(" (")].rstrip()
    if len(value) > 2 and value[0] == value[-1] == "'" and value.count("'") == 2:
        return value[1:-1]  # quoted as a shell would
    return value.rstrip('"')


def _quoted(value: str, *, closed: bool) -> str:
    if not closed:
        value = value.split(";", 1)[0].rstrip()
    if "\\" not in value or _BACKSLASH_PATH.match(value):  # Windows paths are written without escaping
        return value
    return _ESCAPE.sub(r"\1", value)


def _decoded(value: str) -> str:
    """A plain value: encoded words decoded (RFC 2047 §5 forbids them here; most programs write them)."""
    if "=?" in value:
        value = decode_words(value)
    elif "%" in value and _STAR_FORGOTTEN.match(value) and codec(value.partition("'")[0]):
        return _joined({0: (value, True)})  # RFC 2231, but for the star behind the name
    return printable(scrub(value))


def _joined(numbered: dict[int, tuple[str, bool]]) -> str:
    """The pieces of an RFC 2231 value in the order of their numbers, up to a gap, decoded as one."""
    octets: list[bytes] = []
    charset = ""
    any_starred = False
    first = 0 if 0 in numbered else 1  # some count from one
    for expected, number in enumerate(sorted(numbered)):
        if number != expected + first:
            break
        value, starred = numbered[number]
        if starred and expected == 0 and value.count("'") >= 2:
            charset, _, value = value.split("'", 2)
        if starred:
            any_starred = True
            octets.append(_unpercent(value))
        else:
            octets.append(value.encode("utf-8", "replace"))
    whole = b"".join(octets)
    text = decode(whole, charset)[0] if charset and codec(charset) else guess(whole)
    return printable(scrub(text)) if any_starred and "=?" not in text else _decoded(text)


def _unpercent(value: str) -> bytes:
    pieces = value.split("%")
    if len(pieces) == 1:
        return value.encode("utf-8", "replace")
    octets = bytearray(pieces[0].encode("utf-8", "replace"))
    for piece in pieces[1:]:
        try:
            octets += bytes.fromhex(piece[:2]) if len(piece) >= 2 else b"%"
            octets += piece[2:].encode("utf-8", "replace") if len(piece) >= 2 else piece.encode("utf-8", "replace")
        except ValueError:
            octets += b"%" + piece.encode("utf-8", "replace")
    return bytes(octets)


def file_name(name: str) -> str:
    r"""`name` as it may be shown, stored and saved: no path, no control or bidi marks, at most 255 octets.

    'C:\\tmp\\a.pdf' and '../../a.pdf' are 'a.pdf'; '..' is ''; 'con.pdf', which Windows cannot save, is '_con.pdf'.
    A name that is percent-encoded UTF-8 from end to end (as web mailers forget it) is decoded.
    """
    if "%" in name and name.isascii() and len(_PERCENT.findall(name)) == name.count("%"):
        decoded = _unpercent(name)
        if not decoded.isascii():  # "100%25.pdf" may well be a name; octets that make letters are no accident
            with contextlib.suppress(UnicodeDecodeError):
                name = decoded.decode("utf-8")
    name = _HIDDEN.sub("", scrub(name)).replace("\\", "/").rstrip("/ ")
    name = name[name.rfind("/") + 1 :].strip()
    if name in (".", ".."):
        return ""
    if _RESERVED.match(name):
        name = f"_{name}"
    if len(name) > MAX_FILENAME or (not name.isascii() and len(name.encode("utf-8")) > MAX_FILENAME):
        stem, dot, ending = name.rpartition(".")
        if not dot or len(ending) > _LONGEST_ENDING:
            return _cut(name, MAX_FILENAME)
        ending = f".{ending}"
        name = _cut(stem, MAX_FILENAME - len(ending.encode("utf-8"))) + ending
    return name


def _cut(text: str, octets: int) -> str:
    """The first letters of `text` that fit into so many octets of UTF-8."""
    return text.encode("utf-8")[:octets].decode("utf-8", "ignore").rstrip()
