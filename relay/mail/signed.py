"""Opaque S/MIME (RFC 8551 §3.5.2): the mail that is wrapped in its own signature.

Takes the content out of a signed-data structure (RFC 5652 §5). Nothing is verified: who wrote a mail is
not decided by its signature here. Encrypted mail stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})

MAX_PIECES = 200_000
"""Pieces of a content that was written while it was signed; programs write 1,000 octets or more at a time."""

MAX_DEPTH = 4
"""Strings made of strings; one level is what anybody writes."""

_SEQUENCE, _STRING, _STRINGS, _OID, _EXPLICIT = 0x30, 0x04, 0x24, 0x06, 0xA0
_SIGNED = bytes.fromhex("2a864886f70d010702")
_ENVELOPED = (bytes.fromhex("2a864886f70d010703"), bytes.fromhex("2a864886f70d0109100117"))

ENCRYPTED = "encrypted"
NOT_OPENED = "signature-not-opened"


class _Broken(Exception):  # noqa: N818  it says what the octets are
    pass


def content(octets: bytes) -> tuple[bytes | None, str]:
    """(the entity inside an application/pkcs7-mime, ''), or (None, a defect) if none can be taken out. Never raises."""
    try:
        at, end = _enter(octets, 0, len(octets), _SEQUENCE)
        tag, begin, after = _next(octets, at, end)
        kind = octets[begin:after] if tag == _OID else b""
        if kind in _ENVELOPED:
            return None, ENCRYPTED
        if kind != _SIGNED:
            return None, NOT_OPENED
        at, end = _enter(octets, after, end, _EXPLICIT)
        at, end = _enter(octets, at, end, _SEQUENCE)
        for _ in range(2):  # version, digest algorithms
            at = _after(octets, at, end)
        at, end = _enter(octets, at, end, _SEQUENCE)
        at = _after(octets, at, end)  # the type of the content
        at, end = _enter(octets, at, end, _EXPLICIT)
        found = b"".join(_strings(octets, at, end, [MAX_PIECES], MAX_DEPTH))
    except _Broken:
        return None, NOT_OPENED
    return (found, "") if found else (None, NOT_OPENED)


def _header(octets: bytes, at: int, end: int) -> tuple[int, int, int]:
    """(tag, where the value begins, its length or -1 when its end is marked) (X.690 §8.1)."""
    if at + 2 > end or octets[at] & 0x1F == 0x1F:
        raise _Broken
    tag, length = octets[at], octets[at + 1]
    at += 2
    if length == 0x80:
        return tag, at, -1
    if length > 0x80:
        count = length - 0x80
        if count > 8 or at + count > end:
            raise _Broken
        length = int.from_bytes(octets[at : at + count], "big")
        at += count
    if at + length > end:
        raise _Broken
    return tag, at, length


def _next(octets: bytes, at: int, end: int) -> tuple[int, int, int]:
    """(tag, begin, end) of a value whose length is told."""
    tag, begin, length = _header(octets, at, end)
    if length < 0:
        raise _Broken
    return tag, begin, begin + length


def _enter(octets: bytes, at: int, end: int, wanted: int) -> tuple[int, int]:
    """(begin, end) of what a constructed value holds; `end` as it was where its end is marked."""
    tag, begin, length = _header(octets, at, end)
    if tag != wanted:
        raise _Broken
    return begin, end if length < 0 else begin + length


def _after(octets: bytes, at: int, end: int) -> int:
    """Where the next value begins; marked ends are found by walking, flat."""
    _, begin, length = _header(octets, at, end)
    if length >= 0:
        return begin + length
    open_ends = 1
    at = begin
    for _ in range(MAX_PIECES):
        if octets[at : at + 2] == b"\0\0":
            open_ends -= 1
            at += 2
            if not open_ends:
                return at
            continue
        _, begin, length = _header(octets, at, end)
        open_ends += length < 0
        at = begin + max(length, 0)
    raise _Broken


def _strings(octets: bytes, at: int, end: int, left: list[int], depth: int) -> Iterator[bytes]:
    """The pieces of one octet string, which may be made of others (X.690 §8.7)."""
    tag, begin, length = _header(octets, at, end)
    if tag == _STRING and length >= 0:
        yield octets[begin : begin + length]
        return
    if tag != _STRINGS or depth == 0:
        raise _Broken
    end = end if length < 0 else begin + length
    at = begin
    while at < end and octets[at : at + 2] != b"\0\0":
        left[0] -= 1
        if left[0] < 0:
            raise _Broken
        tag, begin, length = _header(octets, at, end)
        if tag == _STRING and length >= 0:
            yield octets[begin : begin + length]
            at = begin + length
        else:
            yield from _strings(octets, at, end, left, depth - 1)
            at = _after(octets, at, end)
