"""Canonical forms: what a DKIM or ARC signature is made over (RFC 6376 §3.4).

Takes the octets as they were received and gives those that the signer hashed. Everything is linear in the size of the
message and runs in C: a body of eighty thousand blanks costs a millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Field = tuple[bytes, bytes]
"""(name as written, the whole field as received with its name, its folded lines and its CRLF)."""

_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*(?:\n|\Z)")
_BLANKS = re.compile(rb"[ \t]{2,}|\t")
_FOLDED = re.compile(rb"\r?\n(?=[ \t])")
_PAIRS_BACKWARDS = re.compile(rb"(?:\n\r)*")


def head_and_body(content: bytes, most: int) -> tuple[tuple[Field, ...], bytes]:
    """(header fields from the top, body) of a message; of a header longer than `most` octets only that much is read."""
    end = content.find(b"\r\n\r\n", 0, most)
    if content.startswith(b"\r\n"):
        return (), content[2:]
    head = content[:most] if end < 0 else content[: end + 2]
    body = b"" if end < 0 else content[end + 4 :]
    return tuple((found[1], found[0]) for found in _FIELD.finditer(head)), body


def header(field: bytes, *, relaxed: bool) -> bytes:
    """One header field in the canonical form, with its CRLF (§3.4.1, §3.4.2)."""
    if not relaxed:
        return field if field.endswith(b"\r\n") else field + b"\r\n"
    name, _, value = field.partition(b":")
    value = _BLANKS.sub(b" ", _FOLDED.sub(b"", value.rstrip(b"\r\n"))).strip(b" \t")
    return name.strip(b" \t").lower() + b":" + value + b"\r\n"


def body(octets: bytes, *, relaxed: bool) -> bytes:
    """The body in the canonical form (§3.4.3, §3.4.4)."""
    if relaxed:
        octets = _BLANKS.sub(b" ", octets).replace(b" \r\n", b"\r\n")
        octets = octets[:-1] if octets.endswith(b" ") else octets
    text = octets.rstrip(b"\r\n")
    tail = octets[len(text) :]
    pairs = _PAIRS_BACKWARDS.match(tail[::-1])
    kept = octets[: len(octets) - (pairs.end() if pairs else 0)]
    if kept:
        return kept + b"\r\n"
    return b"" if relaxed else b"\r\n"


def chosen(fields: Sequence[Field], names: Sequence[str]) -> list[bytes]:
    """The fields that a signature covers, in its order: of several with one name from the bottom up (§5.4.2).

    A name that has no field left adds nothing: so a signer keeps others from adding one.
    """
    left: dict[str, list[bytes]] = {}
    for name, field in fields:
        left.setdefault(name.decode("latin-1").lower(), []).append(field)
    return [left[name].pop() for name in names if left.get(name)]
