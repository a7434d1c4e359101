"""Content-Transfer-Encoding (RFC 2045 §6): from the octets on the wire to the octets meant.

Decides what broken encodings still say: base64 with foreign octets, padding in the middle, none at the end, a
list's footer under it; quoted-printable with blanks after the soft break; uuencode. An encoding nobody knows
leaves the octets as they are. Works on a slice of the whole message without copying it first. Nothing here
raises; time is linear.
"""

from __future__ import annotations

import binascii
import re

# Four times as fast on attachments, where nearly all time goes, as binascii; the same octets (a test holds it).
from pybase64 import b64decode as _decode_base64

BAD_BASE64 = "bad-base64"
BAD_UUENCODE = "bad-uuencode"
UNKNOWN_ENCODING = "unknown-transfer-encoding"

_AS_IS = frozenset(("", "7bit", "8bit", "binary", "7-bit", "8-bit", "7 bit", "8 bit"))
_UUENCODE = frozenset(("x-uuencode", "uuencode", "x-uue", "uue", "x-uu"))
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FOREIGN = bytes(set(range(256)) - set(_ALPHABET) - {0x3D})
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=\s]|(?<=\S)[ \t](?=\S)")  # with the blanks between words
_SOFT_BREAK = re.compile(rb"=(?:[ \t]++\r?(?:\n|\Z)|\r(?!\n))")
_PIECE = re.compile(rb"[A-Za-z0-9+/]++=*+")
_MAX_PIECES = 10_000
"""Pieces of base64, each with its own padding, that are read as one; honest writers make one."""


def decode(content: bytes, start: int, end: int, encoding: bytes) -> tuple[bytes, str]:
    """(octets, defect) of `content[start:end]` under the value of a Content-Transfer-Encoding field."""
    name = encoding.strip().lower().decode("latin-1")
    if name not in _AS_IS:
        name = name.split("(", 1)[0].split(";", 1)[0].strip(" \t\r\n\"',.")
    if name in ("quoted-printable", "quoted-printible", "quotedprintable", "qp"):
        return quoted_printable(content[start:end]), ""
    if name in ("base64", "base-64", "b64", "x-base64"):
        return base64(content, start, end)
    if name in _UUENCODE:
        return uuencode(content[start:end])
    return content[start:end], "" if name in _AS_IS else UNKNOWN_ENCODING


def quoted_printable(octets: bytes) -> bytes:
    """RFC 2045 §6.7; a soft break may have blanks behind it, or be the last octet."""
    if b"= " in octets or b"=\t" in octets or octets.count(b"=\r") != octets.count(b"=\r\n"):
        octets = _SOFT_BREAK.sub(b"", octets)
    return binascii.a2b_qp(octets)


def base64(content: bytes, start: int, end: int) -> tuple[bytes, str]:
    """RFC 2045 §6.8. A clean text is decoded in place; only when octets are missing is it looked at again."""
    while start < end and content[start] in b"\r\n \t":
        start += 1
    view = memoryview(content)[start:end]
    try:
        octets = _decode_base64(view)
    except ValueError:  # binascii.Error is one: padding
        return _damaged_base64(content[start:end])
    if len(octets) == _length_if_clean(content, start, end):
        return octets, ""
    return _damaged_base64(content[start:end])


def _length_if_clean(content: bytes, start: int, end: int) -> int:
    """How many octets base64 in lines of equal length gives: arithmetic instead of a second pass."""
    while end > start and content[end - 1] in b"\r\n \t":
        end -= 1
    newline = content.find(b"\n", start, end)
    if newline < 0:
        letters = end - start
    else:
        ending = 2 if content[newline - 1] == 0x0D else 1
        width = newline + 1 - start
        lines, rest = divmod(end - start, width)
        letters = lines * (width - ending) + rest
    last = content[max(start, end - 2) : end]
    return -1 if letters % 4 else letters // 4 * 3 - last.count(b"=")


def _damaged_base64(text: bytes) -> tuple[bytes, str]:
    """Base64 with lines of any length, foreign octets, padding in the middle or missing, or words below it."""
    foreign = _NOT_BASE64.search(text)
    if foreign is not None:
        # A line of words (a list's footer) ends the base64; a stray octet is skipped (RFC 2045 §6.8). Words from
        # the first line on are no base64 at all, whatever the field says.
        line = text.rfind(b"\n", 0, foreign.start()) + 1
        rest = text[line : line + 4000]
        if len(_NOT_BASE64.findall(rest)) * 12 > len(rest.rstrip()):
            if not text[:line].strip() and b"=" not in rest and rest.count(b" ") * 12 > len(rest):
                return text, BAD_BASE64
            text = text[:line] if text[:line].strip() else text
    letters = text.translate(None, _FOREIGN)
    closed = letters.rfind(b"=") + 1  # up to the last padding there may be several texts, each with its own
    pieces = _PIECE.findall(letters[:closed])
    rest = letters[closed:]
    if rest and (not pieces or len(rest) % 4 == 0):
        pieces.append(rest)
    octets = b"".join([_piece(piece) for piece in pieces[:_MAX_PIECES]])
    clean = foreign is None and len(pieces) == 1 and len(letters) % 4 == 0
    return octets, "" if clean or not letters else BAD_BASE64


def _piece(letters: bytes) -> bytes:
    """Base64 letters with or without padding; a last single letter says nothing and is dropped."""
    letters = letters.rstrip(b"=")
    if len(letters) % 4 == 1:
        letters = letters[:-1]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def uuencode(octets: bytes) -> tuple[bytes, str]:
    """The file between `begin` and `end`, or all lines when those are missing."""
    begin = octets.find(b"begin ")
    if begin >= 0:
        newline = octets.find(b"\n", begin)
        octets = octets[newline + 1 :] if newline >= 0 else b""
    return uu_lines(octets)


def uu_lines(octets: bytes) -> tuple[bytes, str]:
    """(octets, defect) of the uuencoded lines up to `end`."""
    found: list[bytes] = []
    defect = ""
    for line in octets.split(b"\n"):
        line = line.rstrip(b"\r")  # noqa: PLW2901 - the same line without its ending
        if line == b"end":
            break
        if not line:
            continue
        try:
            found.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some writers count wrong or trim blanks: read as many octets as the line says (CPython's own cure).
            length = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                found.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                defect = BAD_UUENCODE
    return b"".join(found), defect
