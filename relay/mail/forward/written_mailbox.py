"""Mailboxes as clients write them for people, in the header block of a forward.

Decides who is meant by `Ann Lee <ann@a.example>; "Lee, Bob" [mailto:bob@b.example]`. These lists follow
no RFC: separators are commas or semicolons, names hold commas, addresses stand twice
(`ann@a.example<mailto:ann@a.example>`). A name without an address stays a name; nothing is guessed.
One pass over the text, bounded in length and count.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from relay.mail.address import Address, Mailbox

MAX_LENGTH = 64 * 1024
"""Characters of a list that are read: thousands of recipients."""

MAX_MAILBOXES = 2000
"""More recipients than any client writes out."""

MAX_BRACKETS = 8
"""Brackets of a kind that are looked into for one address."""

_BRACKETS = (("<", ">"), ("[", "]"), ("(", ")"))
_OPEN, _CLOSE = "<[(", ">])"
_EXCHANGE = re.compile(r"\s?[<\[]/o=[^<>\[\]]{0,300}[>\]]", re.IGNORECASE)
"""What Outlook writes for a colleague of its writer: a name in Exchange's directory, none of the Internet."""

_SEPARATORS = {ord(one): "," for one in "，、،"} | {ord("；"): ";", ord("؛"): ";", ord("＜"): "<", ord("＞"): ">"}
_STRIP = " \t'\"`*“”‘’«»,;:"


@dataclass(frozen=True, slots=True)
class Written:
    """What a list says: `mailboxes` in order, and the `names` that stand there without an address."""

    mailboxes: tuple[Mailbox, ...] = ()
    names: tuple[str, ...] = ()


def read(text: str) -> Written:
    """The mailboxes and the bare names of a written list. Never raises."""
    text = text[:MAX_LENGTH].replace("\xa0", " ")
    if not text.isascii():
        text = text.translate(_SEPARATORS)
    if "/" in text:
        text = _EXCHANGE.sub("", text)
    mailboxes: list[Mailbox] = []
    names: list[str] = []
    held: list[str] = []  # pieces before a comma that may be the front of a name: "Lee," of "Lee, Bob <b@x>"
    for piece, separator in _pieces(text):
        address, name = _one(piece)
        if address is None:
            if piece.strip(_STRIP):
                held.append(piece.strip(_STRIP))
            if separator != ",":
                if held:
                    names.append(", ".join(held))
                held = []
        else:
            if held:
                if name:
                    name = ", ".join([*held[-1:], name])
                    held.pop()
                names.extend(held)
                held = []
            mailboxes.append(Mailbox(name, address))
            if len(mailboxes) >= MAX_MAILBOXES:
                break
    if held:
        # "Lee, Bob" is one name, "Ann Lee, Bob Ray" are two: a surname alone is one word.
        names.extend([", ".join(held)] if len(held) == 2 and " " not in held[0] else held)
    return Written(tuple(mailboxes), tuple(names[:MAX_MAILBOXES]))


def _pieces(text: str) -> list[tuple[str, str]]:
    """(piece, the separator behind it), split at commas and semicolons outside quotes and brackets.

    When semicolons separate, commas belong to names.
    """
    pieces: list[tuple[str, str]] = []
    commas_too = ";" not in text
    depth = start = 0
    seen = -1  # where the last @ stood
    quoted = False
    quotes_pair = text.count('"') % 2 == 0  # an odd quote is an inch mark or damage, no bracket
    for at, char in enumerate(text):
        if char == '"' and quotes_pair:
            quoted = not quoted
        elif quoted:
            continue
        elif char == "@":
            seen = at
        elif char in _OPEN:
            depth += 1
        elif char in _CLOSE:
            depth = max(0, depth - 1)
        elif char == ";" or (char == "," and commas_too):
            if depth and seen < start:
                continue
            pieces.append((text[start:at], char))
            start, depth = at + 1, 0
    pieces.append((text[start:], ""))
    return pieces


def _one(piece: str) -> tuple[Address | None, str]:
    """(address, name) of one piece; (None, '') when no address stands in it."""
    at = piece.rfind("@")
    if at < 0:
        return None, ""
    # The bracket that holds an address wins over an address outside: a name may look like one.
    for opening, closing in _BRACKETS:
        start = piece.find(opening)
        for _ in range(MAX_BRACKETS):
            if start < 0:
                break
            end = piece.find(closing, start + 1)
            address = read_address(piece[start + 1 : end if end >= 0 else start + 400])
            if address is not None:
                name = _name(piece[:start])
                return address, "" if name.lower() == address.key else name
            start = piece.find(opening, start + 1)
    for word in piece.split():
        if "@" in word:
            address = read_address(word)
            if address is not None:
                return address, _name(piece.replace(word, " ", 1))
    return None, ""


def _name(text: str) -> str:
    name = " ".join(text.split()).strip(_STRIP)
    if f"'{name}" in text and "' " in name:  # Google's lists: 'Ann Lee' via Sales
        name = f"'{name}"
    name = name.replace('\\"', '"')
    return "" if name.startswith("mailto:") else name[:500]


def read_address(text: str) -> Address | None:
    """The address that `text` is, `mailto:` and quotes around it taken off, or None."""
    if len(text) > 700:
        return None
    text = text.strip(" \t<>[]()'\"*“”‘’.,;:")
    for mark in ("<", "[", "("):  # ann@a.example<mailto:ann@a.example
        text = text.partition(mark)[0]
    address = Address.read(text)
    # A header may name a host without a point; in a text such a thing is a nickname or a price (3 @ 10).
    return address if address is not None and "." in address.domain and " " not in address.local_part else None
