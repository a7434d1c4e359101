"""Authentication-Results: what another server says it found (RFC 8601), and the same inside ARC (RFC 8617 §4.1.1).

Reading only. Whom to believe is decided elsewhere, and by one rule that cannot be bent here: the authserv-id is
compared as it is written. Comments may hold anything, nested, and never count; a value in quotes is a value. A field
that cannot be read to its end says nothing at all: half a field may be the half that somebody forged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from relay.mail.address import a_labels

LONGEST = 16 * 1024
"""Octets of a field that are read."""

TOKENS = 1_000
"""Words and marks of one field; real ones have a hundred."""

METHODS = 64
"""Results of one field; real ones have a dozen."""

NESTED = 8
"""Comments inside comments."""

_TOKEN = re.compile(
    r'(?P<blank>[ \t\r\n]+)|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<sign>[;=()])|(?P<word>[^ \t\r\n;=()"\\]+)', re.DOTALL
)
_MARK = re.compile(r"\\.|[()]", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Result:
    """One method's result. `properties`: 'header.d', 'smtp.mailfrom' ... -> value as written, lower-case names."""

    method: str
    result: str
    properties: dict[str, str]

    @property
    def domain(self) -> str:
        """The domain that a pass is for: header.d (or of header.i), smtp.mailfrom, header.from; '' for none."""
        names = {"dkim": ("header.d", "header.i"), "spf": ("smtp.mailfrom", "smtp.mfrom"), "dmarc": ("header.from",)}
        for name in names.get(self.method, ()):
            value = self.properties.get(name)
            if value:
                written = value.rpartition("@")[2].lower().rstrip(".")
                found = a_labels(written)
                return found if found == written or not written.isascii() else ""  # nothing is mended here
        return ""


@dataclass(frozen=True, slots=True)
class Results:
    """A whole field. `instance`: i= of ARC, 0 elsewhere. `authserv_id`: as written, quotes removed."""

    authserv_id: str
    results: tuple[Result, ...]
    instance: int = 0

    def passed(self) -> tuple[tuple[str, str], ...]:
        """(method, domain) of each 'dkim', 'spf' and 'dmarc' that passed, with the domain it passed for.

        SPF and DMARC judge a message once: where a field has them both pass and not, somebody put words into it.
        """
        doubtful = {one.method for one in self.results if one.method in ("spf", "dmarc") and one.result != "pass"}
        found = [
            (one.method, one.domain) for one in self.results if one.result == "pass" and one.method not in doubtful
        ]
        return tuple((method, domain) for method, domain in dict.fromkeys(found) if domain)


def read(value: str, *, arc: bool = False) -> Results | None:
    """The field, or None when it cannot be read. `arc`: it begins with 'i=N;'."""
    tokens = _tokens(value)
    if tokens is None:
        return None
    parts: list[list[_Token]] = [[]]
    for each in tokens:
        if each.text == ";":
            parts.append([])
        else:
            parts[-1].append(each)
    instance = 0
    if arc:
        first = [each.text for each in parts.pop(0)]
        if len(first) != 3 or first[0].lower() != "i" or first[1] != "=":
            return None
        if not (first[2].isascii() and first[2].isdigit() and len(first[2]) <= 2):
            return None
        instance = int(first[2])
    if not parts or len(parts) > METHODS:
        return None
    server = [each.text for each in parts[0]]
    if not 1 <= len(server) <= 2 or "=" in server or (server[1:] and not server[1].isdigit()):
        return None
    results = []
    for part in parts[1:]:
        if part and [each.text.lower() for each in part] != ["none"]:
            one = _result(part)
            if one is None:
                return None
            results.append(one)
    return Results(_unquoted(server[0]), tuple(results), instance)


class _Token(NamedTuple):
    """`glued`: no blank and no comment stands before it."""

    text: str
    glued: bool


def _result(part: list[_Token]) -> Result | None:
    """`dkim / 1 = pass reason = "..." header.d = example.org`, in tokens."""
    if len(part) < 3 or part[1].text != "=":
        return None
    method = part[0].text.partition("/")[0].lower()
    properties: dict[str, str] = {}
    at = 3
    while at < len(part):
        name = part[at].text.lower()
        if name == "=" or part[at].glued or [each.text for each in part[at + 1 : at + 2]] != ["="]:
            return None
        at += 2
        pieces: list[str] = []
        # '"bob x"@example.org' comes in pieces, and so does what has a '=' in it, as base64 and rewritten senders have.
        while at < len(part) and (part[at].glued or not pieces):
            pieces.append(_unquoted(part[at].text))
            at += 1
        if name in properties:
            return None  # which of the two is meant?
        properties[name] = "".join(pieces)
    return Result(method, part[2].text.lower(), properties)


def _tokens(value: str) -> list[_Token] | None:
    """Words, quoted strings with their quotes, '=' and ';', without comments and blanks; None when it breaks off."""
    if len(value) > LONGEST:
        return None
    tokens: list[_Token] = []
    depth = at = 0
    glued = False
    while at < len(value):
        if depth:  # whatever it says, it does not count; only where it ends
            found = _MARK.search(value, at)
            if found is None:
                return None
            at = found.end()
            depth += {"(": 1, ")": -1}.get(found[0], 0)
            if depth > NESTED:
                return None
            continue
        token = _TOKEN.match(value, at)
        if token is None or token[0] == ")" or len(tokens) >= TOKENS:
            return None
        at = token.end()
        if token["blank"] or token[0] == "(":
            depth, glued = int(token[0] == "("), False
            continue
        tokens.append(_Token(token[0], glued))
        glued = True
    return None if depth else tokens


def _unquoted(token: str) -> str:
    return _ESCAPED.sub(r"\1", token[1:-1]) if token.startswith('"') else token
