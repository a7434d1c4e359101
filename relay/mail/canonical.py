"""Canonical forms: what a DKIM or ARC signature is made over (RFC 6376 §3.4).

Takes the octets as they were received and gives those that the signer hashed. Everything is linear in the size of the
message and runs in C: a body of eighty thousand blanks costs a millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from hashlib import sha256

PIECE = 32 * 1024
"""Octets of a body that are made canonical at once: a millisecond at the most, four in the worst case."""

Field = tuple[bytes, bytes]
"""(name as written, the whole field as received with its name, its folded lines and its CRLF)."""

_FIELD = re.compile(rb"^([!-9;-~]++)[ \t]*+:[^\n]*+(?:\n[ \t][^\n]*+)*(?:\n|\Z)", re.MULTILINE)
_BLANKS = re.compile(rb"[ \t]{2,}|\t")
_FOLDED = re.compile(rb"\r?\n(?=[ \t])")
_PAIRS_BACKWARDS = re.compile(rb"(?:\n\r)*")


def split(content: bytes, most: int) -> tuple[tuple[Field, ...], int]:
    """(header fields from the top, offset of the body); of a header beyond `most` octets only that much is read."""
    if content.startswith(b"\r\n"):
        return (), 2
    end = content.find(b"\r\n\r\n", 0, most)
    head = content[:most] if end < 0 else content[: end + 2]
    return tuple((found[1], found[0]) for found in _FIELD.finditer(head)), len(content) if end < 0 else end + 4


def header(field: bytes, *, relaxed: bool) -> bytes:
    """One header field in the canonical form, with its CRLF (§3.4.1, §3.4.2)."""
    if not relaxed:
        return field if field.endswith(b"\r\n") else field + b"\r\n"
    name, _, value = field.partition(b":")
    value = _BLANKS.sub(b" ", _FOLDED.sub(b"", value.rstrip(b"\r\n"))).strip(b" \t")
    return name.strip(b" \t").lower() + b":" + value + b"\r\n"


def body_digest(content: bytes, start: int, *, relaxed: bool) -> bytes:
    """SHA-256 of the body in canonical form (§3.4.3, §3.4.4), at one go."""
    steps = body_digesting(content, start, relaxed=relaxed)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        return bytes(end.value)


def body_digesting(content: bytes, start: int, *, relaxed: bool) -> Generator[None, None, bytes]:
    """The same in steps of a piece each, so that an event loop can turn between them; without a copy."""
    digest = sha256()
    carry, lines, begun, at = b"", 0, False, start
    while at < len(content):
        end = min(at + PIECE, len(content))
        whole = content.rfind(b"\n", at, end) + 1
        end = whole or end
        piece, at = carry + content[at:end], end
        if relaxed:
            piece = _BLANKS.sub(b" ", piece).replace(b" \r\n", b"\r\n")
        piece, carry = _unfinished(piece, relaxed=relaxed) if at < len(content) else (piece, b"")
        text = piece.rstrip(b"\r\n")
        pairs = _PAIRS_BACKWARDS.match(piece[len(text) :][::-1])
        kept = piece[: len(piece) - (pairs.end() if pairs else 0)]
        if relaxed and at == len(content):
            kept = kept.removesuffix(b" ")  # the end of a last line that nothing ends
        if kept:
            for written in range(0, lines, PIECE):
                digest.update(b"\r\n" * min(PIECE, lines - written))
            digest.update(kept)
            begun, lines = True, 0
        lines += (len(piece) - len(kept)) // 2
        yield
    if begun or not relaxed:
        digest.update(b"\r\n")
    return digest.digest()


def _unfinished(piece: bytes, *, relaxed: bool) -> tuple[bytes, bytes]:
    """(what can be hashed now, what depends on what follows): half a CRLF, and a blank that may end a line."""
    whole = piece.removesuffix(b"\r")
    if relaxed:
        whole = whole.removesuffix(b" ")
    return whole, piece[len(whole) :]


def chosen(fields: Sequence[Field], names: Sequence[str]) -> list[bytes]:
    """The fields that a signature covers, in its order: of several with one name from the bottom up (§5.4.2).

    A name that has no field left adds nothing: so a signer keeps others from adding one.
    """
    left: dict[str, list[bytes]] = {}
    for name, field in fields:
        left.setdefault(name.decode("latin-1").lower(), []).append(field)
    return [left[name].pop() for name in names if left.get(name)]
