"""Lists of mailboxes: the values of From, To, Cc and their kin (RFC 5322 §3.4) as they are really written.

Decides where one address ends and the next begins, and which words name it. Encoded words are opaque: what is
inside them is never grammar. Groups, comments, routes, semicolons as separators, commas and dots in unquoted
names, quotes and brackets that never close: the addresses are still found. One pass, no recursion, never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from relay.mail.address import MAX_DOMAIN, MAX_LOCAL_PART, Address, Mailbox, addr_spec
from relay.mail.encoded import decode_words, from_octets, printable

MAX_MAILBOXES = 10_000
"""Addresses of one field name that are read: above the largest recipient lists of any provider."""
MAX_LIST = 1 << 20
"""Octets of one such field that are read."""
MAX_NAME = 500
"""Characters of a display name that are kept."""

# What nearly all fields look like: names without specials, addresses without quotes. Possessive: each piece is
# read once. An address that does not fit sends the whole field to the tokens below.
_PLAIN = re.compile(
    r"\s*+(?:\"([^\"\\<>=@]*+)\"|((?:[^\"(),:;<>@\\\[\]=]++|=\?[^?\s\"<>]{1,75}\?[bBqQ]\?[^?\"<>]*+\?=)*))\s*+"
    r"<([A-Za-z0-9.!#$%&*/?^_`{|}~+-]++)@([A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*)>\s*+(?:,|\Z)"
    r"|\s*+([A-Za-z0-9.!#$%&*/?^_`{|}~+-]++)@([A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*)\s*+(?:,|\Z)"
)
_QUOTED = r"\"(?P<quoted>[^\"\\]*+(?:\\.[^\"\\]*+)*)(?P<closed>\"?)|"
_OTHER = (
    r"(?P<blank>\s++)"
    r"|(?P<word>=\?[^?\s]{1,75}\?[bBqQ]\?[^?]*+\?=)"
    r"|(?P<atom>[^\s\"(),:;<>\\\[\]=]++(?:=(?!\?)[^\s\"(),:;<>\\\[\]=]*+)*)"
    r"|<(?P<angle>[^<>]*+)(?P<shut>>?)"
    r"|(?P<literal>\[[^\[\]\s]{1,64}\])"
    r"|(?P<other>.)"
)
_TOKEN = re.compile(_QUOTED + _OTHER, re.DOTALL)
_TOKEN_WITHOUT_QUOTES = re.compile(_OTHER, re.DOTALL)
_PARENTHESIS = re.compile(r"\\.|[()]", re.DOTALL)
_DOTS = re.compile(r"\s{1,9}\.\s{0,9}")
MARKS = dict.fromkeys([0x00AD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF])
"""Drawn as nothing, or turning the text around: what a clipboard left in a name, or somebody who hides another."""
_PAIR = re.compile(r"\\(.)", re.DOTALL)


def mailboxes(values: Iterable[bytes], hint: str = "") -> tuple[Mailbox, ...]:
    """All mailboxes of the fields with these values (octets as received), in order, at most 10,000."""
    if not values:
        return ()
    found: list[Mailbox] = []
    for value in values:
        text = from_octets(value[:MAX_LIST], hint)
        listed = read(text, MAX_MAILBOXES - len(found))
        if not listed and "=?" in text:
            # No word may hold an address (RFC 2047 §5), but some programs encode the whole field.
            listed = read(printable(decode_words(text)), MAX_MAILBOXES - len(found))
        found += listed
        if len(found) >= MAX_MAILBOXES:
            break
    return tuple(found)


def read(text: str, most: int = MAX_MAILBOXES) -> list[Mailbox]:
    """The mailboxes of one unfolded list, encoded words still in place; at most `most`."""
    found: list[Mailbox] = []
    position, end = 0, len(text)
    while position < end and len(found) < most:
        plain = _PLAIN.match(text, position)
        if plain is None:
            if not text[position:].strip(" \t\r\n,;"):
                break
            return found + _Reading(text[position:], most - len(found)).mailboxes
        quoted, name, local, domain, bare_local, bare_domain = plain.groups()
        if local is None:
            local, domain, name = bare_local, bare_domain, ""
        else:
            name = quoted if name is None else name
            if name:
                name = _name(name)
        if len(local) <= MAX_LOCAL_PART and len(domain) <= MAX_DOMAIN:
            found.append(Mailbox(name, Address(local, domain.lower())))
        position = plain.end()
    return found


def _name(words: str) -> str:
    """A display name for people: encoded words decoded, one line, single blanks, quotes around it gone."""
    if "=?" in words:
        words = decode_words(words)
    if not words.isascii():
        words = words.translate(MARKS)
    words = " ".join(printable(words).split())
    if len(words) > 1 and words[0] == words[-1] and words[0] in "'\"":
        words = words[1:-1].strip()
    return words[:MAX_NAME]


class _Reading:
    """One pass over one list: the words seen since the last address, and the mailboxes found."""

    def __init__(self, text: str, most: int) -> None:
        self.mailboxes: list[Mailbox] = []
        self._words: list[str] = []  # of the phrase, blanks between them as written
        self._comments: list[str] = []
        self._address: Address | None = None  # from angle brackets
        self._named = 0  # how many of the words stood before the brackets
        self._at = False  # one of the words has an at
        self._carried = 0  # words that stood before a comma and were no address
        self._read(text, most)

    def _read(self, text: str, most: int) -> None:
        position, end = 0, len(text)
        tokens, comments = _TOKEN, True  # quotes and comments are off once one never closes: nothing is read twice
        groups = ";" in text
        while position < end and len(self.mailboxes) < most:
            token = tokens.match(text, position)
            if token is None:  # cannot be: one alternative takes any character
                break
            kind = token.lastgroup
            position = token.end()
            if kind in ("blank", "atom", "word", "literal"):
                if self._address is not None and kind == "atom" and "@" in token[0]:
                    self._finish()
                self._words.append(" " if kind == "blank" else token[0])
                self._at = self._at or (kind == "atom" and "@" in token[0])
            elif kind == "closed":
                if not token["closed"]:
                    tokens = _TOKEN_WITHOUT_QUOTES
                    position = token.start() + 1
                elif self._swallows(token["quoted"], text, position):
                    position = token.start() + 1
                else:
                    self._quoted(token["quoted"], text[position : position + 1])
            elif kind == "shut":
                if token["shut"]:
                    self._angle(token["angle"])
                elif token["angle"]:
                    comma = len(re.split("[,;]", token["angle"], maxsplit=1)[0])
                    position = token.start() + 1 + comma
                    self._angle(token["angle"][:comma])
            else:
                mark = token[0]
                if mark == "(" and comments:
                    close = _comment_end(text, position)
                    if close < 0:
                        comments = False
                    else:
                        self._comments.append(text[position : close - 1])
                        position = close
                elif mark == ",":
                    self._finish(carry=True)
                elif mark == ";":
                    self._finish()
                elif mark == ":":
                    self._colon(groups)
                elif mark == "=":
                    self._words.append(mark)
        self._finish()

    @staticmethod
    def _swallows(quoted: str, text: str, position: int) -> bool:
        """Did a quote that was never closed run into the next mailbox's? `"Bob <b@x>, "Ann" <a@x>`"""
        close = quoted.rfind(">")
        return close >= 0 and "," in quoted[close:] and text[position : position + 1] not in (" ", "<", "@", ",", "")

    def _quoted(self, quoted: str, following: str) -> None:
        if following == "@" or (self._words and self._words[-1][-1:] in (".", "@")):  # part of an addr-spec
            self._words.append(f'"{quoted}"')
            return
        self._words.append(_PAIR.sub(r"\1", quoted) if "\\" in quoted else quoted)

    def _angle(self, inside: str) -> None:
        if self._address is not None:  # a second one without a comma: the words between them name it
            self._words, after = self._words[: self._named], self._words[self._named :]
            self._finish()
            self._words = after
        address = addr_spec(inside) if inside else None
        if address is None and "@" in inside:
            address = addr_spec(re.sub(r"\([^()]{0,200}\)", "", inside))
        if address is None and "@" in inside:  # something beside the address: take the word that is one
            address = next(filter(None, map(addr_spec, inside.split()[:20])), None)
        if address is not None:
            self._address = address
            self._named = len(self._words)

    def _colon(self, groups: bool) -> None:
        """The end of a group's name (RFC 5322 §3.4), `mailto:`, or a colon that somebody's name has."""
        if len(self._words) <= 2 and "".join(self._words).strip().lower() == "mailto":
            self._words.clear()
        elif groups and self._address is None and not self._at:
            self._words.clear()
            self._comments.clear()
            self._carried = 0
        else:
            self._words.append(":")

    def _finish(self, *, carry: bool = False) -> None:
        """The end of one entry: keep the mailbox, if it is one. `carry`: words before a comma may be a name's."""
        words, address = self._words, self._address
        phrase = "".join(words).strip()
        if address is not None:
            name = _name(phrase) or _name(" ".join(self._comments))
            self.mailboxes.append(Mailbox(name, address))
        elif "@" in phrase:
            self._bare(phrase)
        elif carry and phrase and self._carried < 8:
            words.append(", ")
            self._carried += 1
            return
        self._words, self._comments, self._address, self._carried, self._at = [], [], None, 0, False

    def _bare(self, phrase: str) -> None:
        """An entry without angle brackets: an addr-spec, with words before or after it, or several of them."""
        if " " not in phrase or phrase.startswith('"'):
            address = addr_spec(phrase)
            if address is not None:
                self.mailboxes.append(Mailbox(_name(" ".join(self._comments)), address))
                return
        tight = phrase
        if phrase.count("@") == 1 and len(phrase) < 1000:  # blanks around the at and the domain's dots (§4.4)
            local, _, domain = phrase.partition("@")
            tight = f"{local.rstrip()}@{_DOTS.sub('.', domain.lstrip())}"
        name: list[str] = []
        for word in tight.split():
            bare = word.strip("'\"[]" if word[0] == "[" else "'\"")  # Outlook for people: Ann [mailto:ann@a.example]
            address = addr_spec(bare) if "@" in word and "=?" not in word else None
            if address is None:
                name.append(word)
                continue
            said = _name(" ".join(name)) or _name(" ".join(self._comments))
            self.mailboxes.append(Mailbox(said.rstrip(" ,-:").strip("'\""), address))
            name = []


def _comment_end(text: str, position: int) -> int:
    """The offset after the comment that opened before `position` (they nest, RFC 5322 §3.2.2), or -1."""
    depth = 1
    for mark in _PARENTHESIS.finditer(text, position):
        if mark[0] == "(":
            depth += 1
        elif mark[0] == ")":
            depth -= 1
            if depth == 0:
                return mark.end()
    return -1
