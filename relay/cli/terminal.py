"""Text on a terminal: how wide it is, what must not reach it, and what colour it has. Pure functions.

A subject is written by a stranger and ends on the terminal of the person who must trust what she reads, so
nothing here lets through a control sequence or a character that reorders or hides others. Knows nothing of mail.
"""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

_COLOURS = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36",
}  # fmt: skip

_HIDDEN = frozenset(
    chr(code)
    for first, last in (
        (0x00AD, 0x00AD),  # soft hyphen
        (0x061C, 0x061C),  # Arabic letter mark
        (0x180E, 0x180E),
        (0x200B, 0x200B),  # zero width space
        (0x200D, 0x200F),  # joiner (terminals disagree about the width of joined emoji), directional marks
        (0x2028, 0x202E),  # line and paragraph separator, embeddings and overrides
        (0x2060, 0x206F),  # word joiner, invisible operators, isolates
        (0xFEFF, 0xFEFF),
        (0xFFF9, 0xFFFB),  # interlinear annotation
        (0xE0000, 0xE007F),  # tags: a second, invisible text
    )
    for code in range(first, last + 1)
)
"""Characters that show nothing themselves and change what is seen of the others."""

MARKS = 4
"""Combining marks kept on one character; some scripts need three, towers of them hide the lines above."""


@dataclass(frozen=True, slots=True)
class Screen:
    """Where text goes: its width in columns, and whether it takes colours and characters beyond ASCII."""

    columns: int = 80
    colour: bool = False
    unicode: bool = True

    def paint(self, text: str, *styles: str) -> str:
        """`text` in the given styles ('bold', 'dim', 'green', ...), or as it is on a screen without colour."""
        if not self.colour or not text or not styles:
            return text
        return f"\x1b[{';'.join(_COLOURS[style] for style in styles)}m{text}\x1b[0m"

    def sign(self, beautiful: str, plain: str) -> str:
        return beautiful if self.unicode else plain


def screen(stream: TextIO | None = None) -> Screen:
    """The screen behind `stream` (standard output). Colour on terminals only, and never with NO_COLOR set."""
    stream = stream or sys.stdout
    terminal = stream.isatty()
    plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "") in ("", "dumb")
    encoding = (getattr(stream, "encoding", "") or "ascii").lower().replace("-", "")
    columns = shutil.get_terminal_size((100, 24)).columns if terminal else 100
    return Screen(max(40, min(columns, 160)), terminal and not plain, encoding.startswith("utf"))


def _characters(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        if character.isascii() and character.isprintable():
            marks = 0
            yield character
            continue
        category = unicodedata.category(character)
        if character in "\t\n\r\v\f\x85\u2028\u2029" or category == "Zs":
            yield " "
        elif character in _HIDDEN:
            continue
        elif category in ("Cc", "Cs", "Cn", "Co"):
            yield "\ufffd"
        elif category in ("Mn", "Me"):
            marks += 1
            if marks <= MARKS:
                yield character
            continue
        else:
            yield character
        marks = 0


def neutral(text: str) -> str:
    """One line that cannot do anything to a terminal: no controls, nothing hidden, blanks folded."""
    return " ".join("".join(_characters(text)).split())


def neutral_lines(text: str) -> list[str]:
    """The lines of a body, each harmless, with its indentation kept and tabs as blanks."""
    return ["".join(_characters(line.expandtabs(4))).rstrip() for line in text.splitlines()]


def _columns_of(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    return 0 if unicodedata.category(character) in ("Mn", "Me", "Cf") else 1


def width(text: str) -> int:
    """Columns that `text` takes (Unicode TR 11: wide East Asian characters and emoji take two)."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def fit(text: str, columns: int, *, ellipsis: str = "…") -> str:
    """`text` cut to at most `columns`, with an ellipsis when something was cut."""
    if columns <= 0:
        return ""
    if width(text) <= columns:
        return text
    room = columns - width(ellipsis)
    kept: list[str] = []
    for character in text:
        room -= _columns_of(character)
        if room < 0:
            break
        kept.append(character)
    return ("".join(kept).rstrip() + ellipsis) if columns >= width(ellipsis) else ""


def cell(text: str, columns: int, *, ellipsis: str = "…", right: bool = False) -> str:
    """`text` cut or padded to exactly `columns`."""
    cut = fit(text, columns, ellipsis=ellipsis)
    blanks = " " * max(0, columns - width(cut))
    return blanks + cut if right else cut + blanks


def wrap(text: str, columns: int) -> list[str]:
    """One line of a body as lines of at most `columns`, broken at blanks where there are any."""
    lines: list[str] = []
    while width(text) > columns:
        room, at, blank = columns, 0, 0
        for at, character in enumerate(text):
            room -= _columns_of(character)
            if room < 0:
                break
            if character == " ":
                blank = at
        cut = blank if text[:blank].strip() else max(1, at)
        lines.append(text[:cut].rstrip())
        text = text[cut:].lstrip(" ")
    return [*lines, text]


def table(rows: list[list[str]], display: Screen, *, gap: int = 2, flexible: int = -1) -> list[str]:
    """Columns set under each other; the `flexible` one gives way when the screen is too narrow."""
    if not rows:
        return []
    widths = [max(width(row[at]) for row in rows) for at in range(len(rows[0]))]
    over = sum(widths) + gap * (len(widths) - 1) - display.columns
    # The flexible column gives way first, then whichever is the widest; below six columns a cell says nothing.
    if over > 0:
        given = max(0, min(over, widths[flexible] - 12))
        widths[flexible] -= given
        over -= given
    while over > 0 and (widest := max(widths)) > 6:
        widths[widths.index(widest)] -= 1
        over -= 1
    ellipsis = display.sign("…", "...")
    return [
        (" " * gap)
        .join(cell(text, columns, ellipsis=ellipsis) for text, columns in zip(row, widths, strict=True))
        .rstrip()
        for row in rows
    ]
