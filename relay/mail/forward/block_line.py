"""One line of what a client writes above a quoted message: a label, a title, a rule, an attribution.

Decides what a line is, by the tables of `labels`; lines know nothing of each other, except for the
attribution, which may be wrapped. Each decision costs a few look-ups, however many languages there are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from relay.mail.labels import (
    CLOSINGS,
    DATE,
    FORWARDED_BY,
    FROM,
    LABELS,
    LONGEST_LABEL,
    MARKS,
    ORIGINAL_TITLES,
    OTHER,
    SUBJECT,
    TITLES,
    WROTE,
    Language,
    key,
)

MAX_VALUE = 64 * 1024
"""Characters of one value; the rest is dropped."""

MAX_INSIDE = 8192
MAX_COLONS = 32
"""Characters and colons of a value in which further labels are looked for."""

MAX_LABEL = 40
"""Characters of a label that is in no table; what is longer is a sentence."""

MAX_STARTS = 12
"""Where a label before a colon may begin: so many words."""

TELLING = re.compile(r"[@\d]")
"""What an attribution has and prose before a colon seldom has: a date or an address."""

COLONS = ":：﹕∶՝։፦៖"
"""What stands behind a label: also the wide one, and what is written for it in Armenian, Amharic and Khmer."""

CLOCK = re.compile(r"\d[:.h時时点시]\s?\d\d")
COLON = re.compile(f"[{COLONS}]")

_UNSEEN = {code: None for code in MARKS if code not in (0x200C, 0x200D)}  # joiners belong to words and emoji
_QUOTING = " \t>|\xa0\u202f\u3000"
_BLANKS = " \t\r\xa0\u202f\u3000"
_DECORATION = " \t*_|\xa0\u202f\u3000"
_DASHES = "-_=*—–─━~"
_RULE = frozenset(f"{_DASHES} \t>\xa0")
_AROUND_TITLE = f"{_QUOTING}{_DASHES}:：\r+<8[]【】\ufeff"
_DOUBLE_DASHES = ("--", "==", "__", "**", "——", "──")
_IN_BRACKETS = re.compile(r"[<\[(](?:mailto:)?[^\s<>()\[\]@]{1,64}@[^\s<>()\[\]@]{1,255}[>\])]")
_ADDRESS = r"[^\s<>\[\]()\"',;:@]{1,64}@[^\s<>\[\]()\"',;:@]{1,255}"
_MAILBOX = re.compile(rf"(?:[^<>\[\]]{{0,200}}[<\[(](?:mailto:)?{_ADDRESS}[>\])]|{_ADDRESS})[;,\s]*\Z")
_DASHED = re.compile(r"-{3,}")
_WORDS = re.compile(r"[^\s,.:;<>\"]+")


@dataclass(frozen=True, slots=True)
class Title:
    """A client's line above a quoted message.

    `kind`: 'forward', 'by' (a forward, and the line tells who forwarded it) or 'original' (which stands above
    replies as well). `date`: what the line itself says of the message's date.
    """

    kind: str
    languages: tuple[Language, ...]
    date: str = ""


def visible(line: str) -> str:
    """The line without invisible characters, but those that belong to words."""
    return line if line.isascii() else line.translate(_UNSEEN)


def unquoted(line: str) -> str:
    """The line without quote marks, blanks and invisible characters around it."""
    line = visible(line[:MAX_VALUE])
    return line.lstrip(_QUOTING).rstrip(_BLANKS)


def depth(line: str) -> int:
    """How often the line is quoted with `>`."""
    count = 0
    for char in line:
        if char == ">":
            count += 1
        elif char not in " \t" and ord(char) not in MARKS:
            break
    return count


def label(line: str) -> tuple[str, str] | None:
    """(folded label, value) when the line is "known label, colon, value" in any language, else None."""
    if line.isascii():
        colon = line.find(":", 0, LONGEST_LABEL + 24)
    else:
        found = COLON.search(line, 0, LONGEST_LABEL + 24)
        colon = -1 if found is None else found.start()
    if line[:1] == "|":  # NetEase writes a table: | From | Ann Lee<ann@a.example> |
        colon = line.find("|", 1, LONGEST_LABEL + 24)
    if colon < 0:
        return None
    name = line[:colon].strip(_QUOTING + _DECORATION).lstrip("•·- ")
    name = key(name) if " " in name or not name.isascii() else name.lower()
    if name not in LABELS:
        return None
    value = line[colon + 1 : MAX_VALUE].strip(_DECORATION + "\r")
    return name, value if value.isascii() else value.translate(_UNSEEN).strip(_DECORATION)


def row(line: str) -> tuple[str, str] | None:
    """(label as written, value) when the line is "something, colon, value", in any language; else None."""
    text = unquoted(line)
    colon = COLON.search(text, 0, MAX_LABEL + 1)
    if colon is None or colon.start() == 0 or "@" in text[: colon.start()]:
        return None
    return text[: colon.start()].strip(_DECORATION), text[colon.end() :].strip(_DECORATION)


def is_mailbox(value: str) -> bool:
    """Is the value one mailbox and nothing else: an address, alone or in brackets behind a name?"""
    return "@" in value and _MAILBOX.match(value) is not None


def bare_label(text: str, seen: set[str]) -> tuple[str, str] | None:
    """The same for a line without colon ("From Ann Lee <ann@a.example>"); only below a title is it one.

    The value must be what such a label has: prose that begins with "To" or "Date" is none. What is `seen` in
    the block already begins its text.
    """
    text = text.rstrip("| ")  # NetEase writes a table: | From | Ann Lee<ann@a.example> |
    words = text.replace(" | ", " ", 1).split(None, 4)
    for count in range(min(4, len(words)), 0, -1):
        name = key(" ".join(words[:count])).rstrip(":")
        languages = LABELS.get(name)
        if languages is None:
            continue
        roles = {language.labels[name] for language in languages}
        value = text.split(None, count)[count].lstrip("| ") if len(words) > count else ""
        fits = (
            not value
            or (SUBJECT in roles and (len(text) > len(name) and bool(seen)))
            or (bool(roles - {SUBJECT, DATE, OTHER}) and ("@" in value or (FROM in roles and len(value) < 60)))
            or (DATE in roles and any(char.isdigit() for char in value))
        )
        return (name, value) if fits and name not in seen else None
    return None


def labels_inside(text: str) -> list[tuple[int, int, str]]:
    """(start, end behind the colon, folded label) of each label inside a text, in order.

    Clients write such lines without even a blank before the label: `...:50 CETSubject: ...`. The longest label
    that ends at a colon and begins a word or with a capital is taken.
    """
    found: list[tuple[int, int, str]] = []
    text = text[:MAX_INSIDE]
    low = at = 0
    for _ in range(MAX_COLONS):
        colon = text.find(":", at)
        wide = text.find("：", at)
        colon = wide if colon < 0 or 0 <= wide < colon else colon
        if colon < 0:
            break
        at = colon + 1
        stop = len(text[low:colon].rstrip(_DECORATION)) + low
        starts = 0
        best: tuple[int, int, str] | None = None
        for start in range(stop - 1, max(low, stop - LONGEST_LABEL) - 1, -1):
            if not _may_begin(text, start):
                continue
            name = key(text[start:stop])
            if name in LABELS:
                best = (start, at, name)
            starts += 1
            if starts >= MAX_STARTS:
                break
        if best is not None:
            found.append(best)
        low = at
    return found


def _may_begin(text: str, at: int) -> bool:
    """Can a label begin there: at the start of a word, at a capital, anywhere in a script without capitals?"""
    char = text[at]
    if not char.isalpha():
        return False
    before = text[at - 1 : at]
    return not before.isalpha() or char.isupper() or char >= "\u2e80" or (before.isascii() and char >= "\u0530")


def is_rule(line: str) -> bool:
    """A line that only separates: five or more of `_`, `-`, `=`."""
    return (
        line[:1] in _RULE
        and len(line) <= 200
        and len(line.strip(_QUOTING + "\r")) >= 5
        and set(line.rstrip("\r")) <= _RULE
    )


def is_dashed(line: str) -> bool:
    """A short text between dashes: a title, if a header block follows, in whatever language."""
    text = line.strip(_QUOTING + "\r")
    return 12 <= len(text) <= 120 and text[0] in _DASHES and text[:4] == text[0] * 4 and text[-4:] == text[0] * 4


def title(line: str) -> Title | None:
    """What the line says when it is a client's title above a quoted message, else None."""
    if len(line) > 200:
        return None
    line = visible(line)
    text = line.strip(_AROUND_TITLE)
    if len(text) > 60 and line.lstrip(_QUOTING)[:2] not in _DOUBLE_DASHES and not text[-1].isdigit():
        return None  # most lines of a text: prose
    text = key(text).strip(_AROUND_TITLE)
    if not text or len(text) > 160:
        return None
    if text in TITLES:
        return Title("forward", TITLES[text])
    if text in ORIGINAL_TITLES:
        return Title("original", ORIGINAL_TITLES[text])
    dashed = line.strip(_QUOTING + "\r")[:2] in _DOUBLE_DASHES
    if dashed and "---" in text and line.rstrip(_BLANKS)[-1] in _DASHES:
        for piece in _DASHED.split(text):  # in two languages: "---- Preposlaná správa --- Forwarded Message ----"
            piece_title = title(f"-----{piece}-----") if piece and len(piece) < len(text) else None
            if piece_title is not None:
                return piece_title
    if dashed or text[-1].isdigit():
        words = text.split(" ")
        for count in range(min(5, len(words) - 1), 0, -1):
            phrase = " ".join(words[:count])
            if dashed and phrase in FORWARDED_BY:
                return Title("by", FORWARDED_BY[phrase])
            rest = " ".join(words[count:])
            if phrase in ORIGINAL_TITLES and rest[0].isdigit() and CLOCK.search(rest):  # "Message du 27/10/21 09:31"
                return Title("original", ORIGINAL_TITLES[phrase], rest)
    return None


def split_title(line: str) -> tuple[str, str]:
    """(title, rest) of a line that goes on behind its title: `----- Forwarded message ----- From: ...`."""
    text = line.strip(_QUOTING + "\r")
    if text[:3] != "---" and text[:3] != "===" and text[:3] != "***":
        return line, ""
    sign = text[0]
    inner = text.lstrip(sign)
    end = inner.find(sign * 3, 0, 120)
    if end < 0:
        return line, ""
    front = text[: len(text) - len(inner) + end]
    return front + sign * 5, inner[end:].lstrip(sign + " \t\xa0")


def is_closing(line: str) -> bool:
    """The line that some clients write under a forwarded message."""
    return len(line) <= 120 and key(line.strip(_AROUND_TITLE)).strip(_AROUND_TITLE) in CLOSINGS


def attribution(lines: Sequence[str], at: int) -> int:
    """How many lines from `at` on are an attribution ("On ..., Ann wrote:"); 0 when none begins here.

    An attribution tells a date or an address, holds a verb of the tables (or an address in brackets and a
    clock: some languages do without), and ends with a colon, at most five lines further.
    """
    text = unquoted(lines[at])
    if not text:
        return 0
    if lines[at].lstrip()[:3] == ">>>":  # GroupWise: >>> Ann Lee <ann@a.example> 1/2/2026 9:31 >>>
        if text[-3:] == ">>>":
            return int(CLOCK.search(text) is not None)
        if text[:3] != "On ":
            return 0
    if is_dashed(lines[at]):  # Zoho: ---- On Wed, 27 Oct 2021 09:31:00 +0200 Ann Lee <ann@a.example> wrote ----
        return int(TELLING.search(text) is not None and _ends_with_verb(key(text.strip(_DASHES + " "))))
    opens = text[:3].lower() == "on "
    if not opens and text[-1] not in ":：" and not _opens_attribution(text):
        return 0
    gathered = ""
    for k in range(at, min(len(lines), at + 6)):
        piece = unquoted(lines[k])
        if not piece:
            return 0
        gathered = f"{gathered} {piece}" if gathered else piece
        if len(gathered) > 1000:
            return 0
        if piece[-1] in ":：":
            if TELLING.search(gathered) is None and not (opens and k > at):
                return 0
            return k - at + 1 if _attributes(gathered) else 0
        if len(gathered) > 400:
            return 0
    return 0


def _opens_attribution(text: str) -> bool:
    """May a wrapped attribution begin with this line: has it a year and a clock, or an address?"""
    return bool(CLOCK.search(text)) and len(text) > 40


def _attributes(text: str) -> bool:
    """Does the text, which ends in a colon, name somebody as the writer of what follows?"""
    end = key(text[-60:]).rstrip(" :")
    if _ends_with_verb(end):
        return True
    last = text.rstrip(" :：").rpartition(" ")[2]  # Tuta: "27 Oct 2021, 09:31 by ann@a.example:"
    by_address = "@" in last[1:-1] or _IN_BRACKETS.search(text) is not None
    if by_address and CLOCK.search(text) is not None:
        return True
    if not TELLING.search(text):
        return False
    if end.endswith(")") and _ends_with_verb(end[: end.rfind("(")].rstrip()):  # Hungarian: X ezt írta (időpont: ...):
        return True
    # The verb stands before the name: "Am ... schrieb Ann Lee:", "Den ... skrev Ann Lee:"
    return any(word in WROTE for word in _WORDS.findall(key(text[:300]))) and CLOCK.search(text) is not None


def _ends_with_verb(text: str) -> bool:
    """Does the folded text end with a phrase of the tables?"""
    words = text.rsplit(" ", 5)
    if any(" ".join(words[-count:]) in WROTE for count in range(1, min(5, len(words)) + 1)):
        return True
    return text[-1:] >= "\u0e00" and any(text[-count:] in WROTE for count in range(2, 12))
