"""Header blocks: the From, Date, Subject and To lines that a client writes above a quoted message.

Decides whether lines of text are such a block, and what it says. A linear scanner over the tables of
`labels`: a line is "label, colon, value"; a block is two or more different roles of one language, one
of them the sender. Values may be wrapped. It does not know whether the block means a reply or a forward.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from relay.mail.labels import (
    ATTRIBUTION_ENDS,
    BCC,
    CC,
    CLOSINGS,
    FROM,
    LABELS,
    LANGUAGES,
    LONGEST_LABEL,
    MARKS,
    ORIGINAL_TITLES,
    OTHER,
    TITLES,
    TO,
    fold,
)

MAX_LINES = 400
"""Lines of one block: a recipient list of some hundred wrapped lines is real, more is not."""

MAX_VALUE = 64 * 1024
"""Characters of one value; the rest is dropped."""

MAX_BLANKS = 2
"""Blank lines between two labels: HTML that puts each in a paragraph of its own is rendered so."""

WRAP = 76
"""Where clients wrap plain text: a line that still had room was not wrapped."""

TELLING = re.compile(r"[@\d]")
"""What an attribution has and prose before a colon seldom has: a date or an address."""

_QUOTING = " \t>|\xa0"
_DECORATION = " \t*_\xa0"
_RULE = frozenset("_-=*—–─ \t>\xa0")


@dataclass(frozen=True, slots=True)
class Block:
    """One header block: lines [start, end), the value of each role, and whether `>` stood before it."""

    start: int
    end: int
    values: dict[str, str]
    quoted: bool


def unquoted(line: str) -> str:
    """The line without quote marks, blanks and invisible characters around it."""
    if not line.isascii():
        line = line.translate(MARKS)
    return line.strip(_QUOTING + "\r")


def depth(line: str) -> int:
    """How often the line is quoted with `>`."""
    count = 0
    for char in line:
        if char == ">":
            count += 1
        elif char not in " \t\ufeff":
            break
    return count


def label(line: str) -> tuple[str, str] | None:
    """(folded label, value) when the line is "known label, colon, value" in any language, else None."""
    colon = line.find(":", 0, LONGEST_LABEL + 24)
    if colon < 0:
        colon = line.find("：", 0, LONGEST_LABEL + 24)
        if colon < 0:
            return None
    name = line[:colon].strip(_QUOTING + _DECORATION)
    name = fold(name) if " " in name or not name.isascii() else name.lower()
    if name not in LABELS:
        return None
    return name, line[colon + 1 :].strip(_DECORATION + "\r")


def read(lines: Sequence[str], at: int) -> tuple[Block | None, int]:
    """The block that begins with the label at line `at`, and the line where its reading stopped.

    (None, stop) when those lines are no block; no block begins between `at` and `stop` then.
    """
    pairs: list[tuple[str, list[str]]] = []
    seen: set[str] = set()
    end = i = at
    blanks = 0
    below = False  # whether a value was found below its label
    limit = min(len(lines), at + MAX_LINES)
    while i < limit:
        line = lines[i]
        text = unquoted(line)
        if not text:
            blanks += 1
            if blanks > MAX_BLANKS or i == at:
                break
            i += 1
            continue
        found = label(line)
        if found is not None:
            if found[0] in seen:
                break
            seen.add(found[0])
            pairs.append((found[0], [found[1]]))
            blanks = 0
            i += 1
            end = i
            continue
        if not pairs:
            break
        if not any(pairs[-1][1]):
            # A label alone on its line: the value stands below it, in HTML in a paragraph of its own. But what
            # follows the last label behind a blank line is the body, and the label is an empty "Subject:".
            wrapped = int(not blanks or below or _label_follows(lines, i + 1, limit))
            below = below or bool(wrapped)
        else:
            wrapped = _wrapped(lines, i, limit, pairs[-1]) if not blanks else 0
        if not wrapped:
            break
        pairs[-1][1].extend(unquoted(lines[k]) for k in range(i, i + wrapped))
        blanks = 0
        i += wrapped
        end = i
    values = _roles(pairs) if len(pairs) > 1 else {}
    if FROM not in values or len([role for role in values if role != OTHER]) < 2:
        return None, max(end, at + 1)
    return Block(at, end, values, depth(lines[at]) > 0), end


def _label_follows(lines: Sequence[str], at: int, limit: int) -> bool:
    """Is the next line that is not blank a label?"""
    for i in range(at, min(limit, at + MAX_BLANKS + 1)):
        if unquoted(lines[i]):
            return label(lines[i]) is not None
    return False


def _wrapped(lines: Sequence[str], at: int, limit: int, pair: tuple[str, list[str]]) -> int:
    """How many lines from `at` on continue the value of `pair`; 0 when the block ends here."""
    name, value = pair
    addresses = any(language.labels.get(name) in (TO, CC, BCC) for language in LANGUAGES)
    last = min(limit, at + (200 if addresses else 4))
    for k in range(at, last):
        if not unquoted(lines[k]):
            break
        if label(lines[k]) is not None:
            return k - at  # another label follows: what stands between was wrapped
    # Nothing but the text follows. The last label's value goes on only if the line before was full,
    # or if a list of addresses goes on.
    count = 0
    previous = value[-1]
    for k in range(at, last):
        text = unquoted(lines[k])
        if not text:
            return count
        if addresses and (previous.endswith((",", ";")) or ("@" in text and (lines[k][:1] in " \t" or text[0] == "<"))):
            count += 1
        elif k == at and not addresses and len(name) + 2 + len(previous) + 1 + len(text.split(" ", 1)[0]) > WRAP:
            following = unquoted(lines[k + 1]) if k + 1 < len(lines) else ""
            return 0 if following or len(previous) > 2 * WRAP else 1
        else:
            return count
        previous = text
    return count


def _roles(pairs: list[tuple[str, list[str]]]) -> dict[str, str]:
    """Role -> value in the language that knows most of the labels."""
    best: dict[str, str] = {}
    for language in LANGUAGES:
        values: dict[str, str] = {}
        for name, value in pairs:
            role = language.labels.get(name)
            if role is not None:
                values.setdefault(role, " ".join(" ".join(value)[:MAX_VALUE].split()))
        if len(values) > len(best):
            best = values
    return best


def is_rule(line: str) -> bool:
    """A line that only separates: five or more of `_`, `-`, `=`."""
    return (
        len(line) >= 5
        and line[-1:] in "_-=*—–─ \t\r\xa0"
        and len(line.strip(_QUOTING + "\r")) >= 5
        and set(line.rstrip("\r")) <= _RULE
    )


def title(line: str) -> str:
    """'forward' or 'original' when the line is a client's title above a quoted message, else ''.

    'original' titles stand above replies as well as above forwards.
    """
    if len(line) > 120:
        return ""
    text = fold(line.strip(_QUOTING + "-_=*—–─:：\r \ufeff"))
    if text in TITLES:
        return "forward"
    return "original" if text in ORIGINAL_TITLES else ""


def is_closing(line: str) -> bool:
    """The line that some clients write under a forwarded message."""
    return len(line) <= 120 and fold(line.strip(_QUOTING + "-_=*—–─:\r ")) in CLOSINGS


def attribution(lines: Sequence[str], at: int) -> int:
    """How many lines from `at` on are an attribution ("On ..., Ann wrote:"); 0 when none begins here.

    An attribution starts with "On", or holds an address; it ends with one of the verbs of `labels` and
    a colon, at most five lines further.
    """
    text = unquoted(lines[at])
    if not text:
        return 0
    opens = text[:3].lower() == "on "
    gathered = ""
    for k in range(at, min(len(lines), at + 6)):
        piece = unquoted(lines[k])
        if not piece:
            return 0
        gathered = f"{gathered} {piece}" if gathered else piece
        if len(gathered) > 1000:
            return 0
        if piece[-1] in ":：":
            ends = fold(piece[-40:].rstrip(" :：\xa0")).endswith(ATTRIBUTION_ENDS)
            if not ends:
                return 0
            telling = TELLING.search(gathered) is not None
            return k - at + 1 if telling or (opens and k > at) else 0
        if not opens and k > at:
            return 0
    return 0
