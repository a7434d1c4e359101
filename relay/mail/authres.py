"""Authentication-Results: what another server says it found (RFC 8601), and the same inside ARC (RFC 8617 §4.1.1).

Reading only. Whom to believe is decided elsewhere, and by one rule that cannot be bent here: the authserv-id is
compared as it is written. Comments may hold anything, nested, and never count; a value in quotes is a value. A field
that cannot be read to its end says nothing at all: half a field may be the half that somebody forged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.mail.address import a_labels

LONGEST = 16 * 1024
"""Octets of a field that are read."""

METHODS = 64
"""Results of one field; real ones have a dozen."""

NESTED = 8
"""Comments inside comments."""

_TOKEN = re.compile(
    r'[ \t\r\n]+|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<sign>[;=()])|(?P<word>[^ \t\r\n;=()"\\]+)', re.DOTALL
)
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
                return a_labels(value.rpartition("@")[2])
        return ""


@dataclass(frozen=True, slots=True)
class Results:
    """A whole field. `instance`: i= of ARC, 0 elsewhere. `authserv_id`: as written, quotes removed."""

    authserv_id: str
    results: tuple[Result, ...]
    instance: int = 0

    def passed(self) -> tuple[tuple[str, str], ...]:
        """(method, domain) of each 'dkim', 'spf' and 'dmarc' that passed, with the domain it passed for."""
        found = [(one.method, one.domain) for one in self.results if one.result == "pass"]
        return tuple((method, domain) for method, domain in dict.fromkeys(found) if domain)


def read(value: str, *, arc: bool = False) -> Results | None:
    """The field, or None when it cannot be read. `arc`: it begins with 'i=N;'."""
    tokens = _tokens(value)
    if tokens is None:
        return None
    parts: list[list[str]] = [[]]
    for each in tokens:
        if each == ";":
            parts.append([])
        else:
            parts[-1].append(each)
    instance = 0
    if arc:
        first = parts.pop(0)
        if len(first) != 3 or first[0].lower() != "i" or first[1] != "=" or not first[2].isdigit() or len(first[2]) > 2:
            return None
        instance = int(first[2])
    if not parts or not 1 <= len(parts[0]) <= 2 or "=" in parts[0] or len(parts) > METHODS:
        return None
    results = []
    for part in parts[1:]:
        if part and part != ["none"]:
            one = _result(part)
            if one is None:
                return None
            results.append(one)
    return Results(_unquoted(parts[0][0]), tuple(results), instance)


def _result(part: list[str]) -> Result | None:
    """`dkim / 1 = pass reason = "..." header.d = example.org`, in tokens."""
    if len(part) < 3 or part[1] != "=":
        return None
    method = part[0].partition("/")[0].lower()
    properties: dict[str, str] = {}
    at = 3
    while at < len(part):
        if part[at + 1 : at + 2] != ["="] or part[at] == "=":
            return None
        name = part[at].lower()
        pieces: list[str] = []
        at += 2
        # '"bob x"@example.org' comes in two pieces, base64 with its '=' in more; the next name has a '=' behind it.
        while at < len(part) and (part[at] == "=" or part[at + 1 : at + 2] != ["="] or not pieces):
            pieces.append(_unquoted(part[at]))
            at += 1
        if name in properties:
            return None  # which of the two is meant?
        properties[name] = "".join(pieces)
    return Result(method, part[2].lower(), properties)


def _tokens(value: str) -> list[str] | None:
    """Words, quoted strings with their quotes, '=' and ';', without comments and blanks; None when it breaks off."""
    if len(value) > LONGEST:
        return None
    tokens: list[str] = []
    depth = at = 0
    while at < len(value):
        if depth and value[at] == "\\":
            at += 2
            continue
        found = _TOKEN.match(value, at)
        if found is None:
            if not depth:
                return None
            at += 1  # a lone quote or backslash in a comment is text
            continue
        if depth and found["quoted"]:
            at += 1  # quotes mean nothing in a comment
            continue
        at = found.end()
        if found["sign"] == "(":
            depth += 1
            if depth > NESTED:
                return None
        elif found["sign"] == ")":
            depth -= 1
            if depth < 0:
                return None
        elif not depth and (found["sign"] or found["quoted"] or found["word"]):
            tokens.append(found[0])
    return None if depth else tokens


def _unquoted(token: str) -> str:
    return _ESCAPED.sub(r"\1", token[1:-1]) if token.startswith('"') else token
