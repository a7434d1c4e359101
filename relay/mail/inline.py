"""Files inside a text: uuencode and yEnc, as programs wrote them before MIME and some still do.

Decides where such a file begins and ends in a body and takes it out. A text without the two opening words costs
two searches. Nothing here raises; time is linear in the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.mail.charset import guess
from relay.mail.transfer import uu_lines

MAX_FILES = 100
"""Files taken out of one text; the rest stays text."""

_UU = re.compile(rb"(?:^|(?<=\n))begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n([ -`]{1,90}\r?\n)")
_UU_END = re.compile(rb"\n(?:`|[ ])?\r?\n?end[ \t]*(?:\r?\n|\Z)")
_YENC = re.compile(rb"(?:^|(?<=\n))=ybegin [^\r\n]{0,200}?name=([^\r\n]{1,255})\r?\n(?:=ypart [^\r\n]{0,200}\r?\n)?")
_YENC_ESCAPE = re.compile(rb"=(.)", re.DOTALL)
_YENC_SHIFT = bytes((n - 42) & 255 for n in range(256))


@dataclass(frozen=True, slots=True)
class InlineFile:
    """A file found in a text: the name written before it (as octets said, may have a path) and its content."""

    name: str
    content: bytes


def take_out(text: bytes) -> tuple[bytes, list[InlineFile]]:
    """(the text without its files, the files). Text octets before any charset is applied."""
    files: list[InlineFile] = []
    if b"begin " not in text:  # both kinds begin with it: one search for nearly all mail
        return text, files
    text = _uu(text, files)
    if b"=ybegin " in text:
        text = _yenc(text, files)
    return text, files


def _uu(text: bytes, files: list[InlineFile]) -> bytes:
    kept: list[bytes] = []
    position = 0
    while len(files) < MAX_FILES:
        begin = _UU.search(text, position)
        end = _UU_END.search(text, begin.start(2)) if begin else None
        if begin is None or end is None:
            break
        octets, defect = uu_lines(text[begin.start(2) : end.start() + 1])
        if defect or not octets:  # words that only look like it
            kept.append(text[position : begin.end()])
            position = begin.end()
            if len(kept) > MAX_FILES:
                break
            continue
        files.append(InlineFile(guess(begin[1].strip()), octets))
        kept.append(text[position : begin.start()])
        position = end.end()
    kept.append(text[position:])
    return b"".join(kept)


def _yenc(text: bytes, files: list[InlineFile]) -> bytes:
    kept: list[bytes] = []
    position = 0
    while len(files) < MAX_FILES:
        begin = _YENC.search(text, position)
        end = text.find(b"\n=yend", begin.end() - 1) if begin else -1
        if begin is None or end < 0:
            break
        lines = text[begin.end() : end].translate(None, b"\r\n")
        octets = _YENC_ESCAPE.sub(lambda found: bytes([(found[1][0] - 64) & 255]), lines).translate(_YENC_SHIFT)
        files.append(InlineFile(guess(begin[1].strip().strip(b'"')), octets))
        kept.append(text[position : begin.start()])
        newline = text.find(b"\n", end + 1)
        position = len(text) if newline < 0 else newline + 1
    kept.append(text[position:])
    return b"".join(kept)
