"""Encoded words (RFC 2047) and header text: from the octets of a field value to text.

Decides what is an encoded word, also when it is broken: blanks in a Q word, missing padding, a word inside
a quoted string, a character split over two words. Words next to each other with the same charset are one
sequence of octets before they are decoded. Nothing here raises; time is linear in the value.
"""

from __future__ import annotations

import binascii
import re

from relay.mail.charset import UNDECODABLE, decode, guess, scrub

# charset, language (RFC 2231 §5), encoding. What follows up to "?=" is found by a search of its own, so that a
# value full of openings costs no more than its length.
_OPENING = re.compile(r"=\?\s?([^?*\s]{1,64})(?:\*[^?\s]{0,64})?\s?\?\s?([bBqQ])\s?\?")
_ENCODED_OCTET = re.compile(r"=[0-9A-Fa-f]{2}")
_B_PAYLOAD = re.compile(r"[A-Za-z0-9+/]{4,}={0,2}\Z")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/]+")
_CONTROLS = dict.fromkeys((*range(32), 127, *range(128, 160), 0x2028, 0x2029), " ")


def unfold(value: bytes) -> bytes:
    """A field value on one line (RFC 5322 §2.2.3): each line end with the blanks around it is one space."""
    if b"\n" not in value:
        return value.strip()
    return b" ".join([line for line in map(bytes.strip, value.split(b"\n")) if line])


def from_octets(value: bytes, hint: str = "") -> str:
    """A field value as text, unfolded, encoded words still in place. 8-bit octets are guessed (RFC 6532)."""
    value = unfold(value) if b"\n" in value else value.strip()
    if value.isascii():
        text = value.decode("ascii")
        if text.isprintable() or ("\x1b" not in text and "\0" not in text):
            return text
    return guess(value, hint)


def to_text(value: bytes, hint: str = "") -> str:
    """The value of an unstructured field as a person reads it: unfolded, decoded, no control characters."""
    text = from_octets(value, hint)
    if "=?" in text:
        text = decode_words(text)
    return printable(text)


def printable(text: str) -> str:
    """One line of text: each control character and line end is a space."""
    return text if text.isprintable() else text.translate(_CONTROLS).strip()


def decode_words(text: str) -> str:
    """`text` with its encoded words decoded; blanks between two words vanish (RFC 2047 §6.2)."""
    out: list[str] = []
    run: list[tuple[str, str, str, str]] = []  # of words not decoded yet: charset, 'b' or 'q', payload, all of it
    position = 0
    while True:
        opening = _OPENING.search(text, position)
        if opening is None:
            break
        end = text.find("?=", opening.end())
        following = _OPENING.search(text, opening.end(), end if end >= 0 else len(text))
        between = text[position : opening.start()]
        if run and not between.isspace() and between:
            _decode_run(run, out)
        if between and not (run and between.isspace()):
            out.append(between)
        charset, encoding = opening[1].lower(), opening[2].lower()
        if following is None and end >= 0:
            run.append((charset, encoding, text[opening.end() : end], text[opening.start() : end + 2]))
            position = end + 2
            continue
        # The word never closes, or another one opens inside it.
        position = len(text) if following is None else following.start()
        written = text[opening.start() : position]
        payload = _cut_payload(encoding, text[opening.end() : position])
        if payload:
            run.append((charset, encoding, payload, written))
        else:
            _decode_run(run, out)
            out.append(written)
    _decode_run(run, out)
    out.append(text[position:])
    return "".join(out)


def _cut_payload(encoding: str, rest: str) -> str:
    """What a word without its "?=" encodes, '' when it only looks like a word (RFC 2047 §6.3: then it stays)."""
    rest = rest.rstrip("?= \t")
    if encoding == "q":
        return rest if _ENCODED_OCTET.search(rest) else ""
    return rest if _B_PAYLOAD.match(rest) else ""


def _decode_run(run: list[tuple[str, str, str, str]], out: list[str]) -> None:
    """Decode words that follow each other, joined where their charset is the same, and empty the run."""
    index = 0
    while index < len(run):
        charset, first = run[index][0], index
        octets: list[bytes] = []
        while index < len(run) and run[index][0] == charset:
            encoding = run[index][1]
            payloads = []
            while index < len(run) and run[index][:2] == (charset, encoding):
                payloads.append(run[index][2])
                index += 1
            octets += map(_q, payloads) if encoding == "q" else _b(payloads, charset)
        text, defect = decode(b"".join(octets), charset)
        if defect == UNDECODABLE and index - first == 1 and run[first][1] == "b" and _is_cut(run[first][2]):
            text = run[first][3]  # not base64 and not that charset: as it was written (§6.3)
        out.append(scrub(text))
    run.clear()


def _q(payload: str) -> bytes:
    """Q encoding (RFC 2047 §4.2)."""
    return binascii.a2b_qp(payload.replace("_", " ").encode("utf-8", "replace"), header=False)


def _b(payloads: list[str], charset: str) -> list[bytes]:
    """B encoding (RFC 2047 §4.1) of words in a row, without faith in their padding.

    A writer that cuts its base64 anywhere gives words that are no whole quads, with or without padding; then only
    all letters together are right. One that merely leaves the padding out gives words that are right alone.
    """
    if len(payloads) > 1 and any(_is_cut(payload) for payload in payloads):
        together = _letters("".join([payload.rstrip("= ") for payload in payloads]))
        alone = [_letters(payload) for payload in payloads]
        whole = decode(together, charset)[1] == UNDECODABLE and decode(b"".join(alone), charset)[1] != UNDECODABLE
        return alone if whole else [together]
    return [_letters(payload) for payload in payloads]


def _is_cut(payload: str) -> bool:
    """Is it base64 that ends in the middle of a quad: one letter over, or letters over without padding?"""
    over = len(payload.rstrip("= ")) % 4
    return over == 1 or (over > 1 and not payload.endswith("="))


def _letters(payload: str) -> bytes:
    octets = bytearray()
    for piece in payload.rstrip("= ").split("="):
        letters = _NOT_BASE64.sub("", piece)
        if len(letters) % 4 == 1:
            letters = letters[:-1]
        octets += binascii.a2b_base64(letters + "=" * (-len(letters) % 4))
    return bytes(octets)
