"""Compressed rich text ([MS-OXRTFCP]): a Lempel-Ziv with a window of 4,096 octets and a dictionary to begin with.

Linear; the size that is unpacked is bounded. Never raises: what cannot be read is empty, what is cut ends there.
"""

from __future__ import annotations

from relay.mail.outlook.effort import Effort

MAX_TEXT = 4 << 20
"""Octets that are unpacked of one text."""

_WINDOW = 4096
_DICTIONARY = (
    rb"{\rtf1\ansi\mac\deff0\deftab720{\fonttbl;}{\f0\fnil \froman \fswiss \fmodern \fscript \fdecor "
    rb"MS Sans SerifSymbolArialTimes New RomanCourier{\colortbl\red0\green0\blue0"
    b"\r\n"
    rb"\par \pard\plain\f0\fs20\b\i\u\tab\tx"
)
"""What the compression takes for granted at its beginning ([MS-OXRTFCP] 2.1.3.1.1)."""


def unpacked(content: bytes, effort: Effort) -> bytes:
    """The rich text in a compressed one (2.1.3), as far as the effort goes; b'' when it is none."""
    if len(content) < 16:
        return b""
    most = min(int.from_bytes(content[4:8], "little"), MAX_TEXT)
    kind = content[8:12]
    if kind == b"MELA":
        return content[16 : 16 + most]
    if kind != b"LZFu":
        return b""
    # The window begins with the dictionary at its first octet, the rest of it is empty: the text stands behind.
    out = bytearray(_WINDOW - len(_DICTIONARY)) + _DICTIONARY
    begin = len(out)
    most += begin
    at, end = 16, len(content)
    before = len(out)
    while at < end and len(out) < most and effort.spend(2 + (len(out) - before) // 8):
        before = len(out)
        flags = content[at]
        at += 1
        if not flags:
            out += content[at : at + 8]
            at += 8
            continue
        for bit in range(8):
            if flags >> bit & 1:
                if at + 2 > end:
                    at = end
                    break
                token = content[at] << 8 | content[at + 1]
                at += 2
                # Window position n holds the octet at n - len(dictionary) of the text, 4,096 back at the most.
                back = (len(out) - begin + len(_DICTIONARY) - (token >> 4)) % _WINDOW
                if back == 0:
                    at = end  # where the text ends
                    break
                length = (token & 15) + 2
                piece = out[len(out) - back : len(out) - back + length]
                while len(piece) < length:  # it goes on into what it makes
                    piece += piece[: length - len(piece)]
                out += piece
            elif at < end:
                out.append(content[at])
                at += 1
    return bytes(out[begin:most])
