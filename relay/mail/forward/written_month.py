"""Months by name in a written date, and the figures beside them.

Decides which word of `mar. 26 oct. 2021` is the month: days of the week are called like months (Spanish "mar" is
Tuesday and March), and the client's labels may be in another language than its dates. What stands between day and
year is the month or nothing is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from relay.mail.labels import ENGLISH, MONTHS, Language, month_key

LONGEST = 3
"""Words of a month's name: `an t-Ògmhios`, `thg 10`, `تشرين الأول`."""

_FIGURES = re.compile(r"(\d+)")
_MARKS = re.compile(r"[,;()/\"'،]+")
_BETWEEN = frozenset({"del", "den", "the", "dhen"})
"""Longer words than `de`, `of`, `d` that stand between day, month and year and are no name."""


def read(text: str, language: Language | None, *, zones: Mapping[str, object]) -> tuple[int, list[str], bool] | None:
    """(month, the figures beside it, the nearest first, whether it is one of the Persian calendar); None when unsure.

    `zones`: abbreviations of zones, which may stand before the year.
    """
    words = _FIGURES.sub(r" \1 ", _MARKS.sub(" ", month_key(text))).split()
    tables = [(MONTHS, False)] if language is None else [(language.months, False), (language.jalali, True)]
    if language is not None:  # labels are English in many a client whose dates are not
        tables += [(ENGLISH.months, False), (MONTHS, False)]
    named = [(*found, jalali) for table, jalali in tables for found in _named(words, table)]
    if not named:
        return None
    best = next((one for one in named if _is_between(words, one[0], one[1])), None)
    if best is None:  # "Mar, Ene 5, 2021"
        if _has_other_name(words, zones):
            return None
        best = next((one for one in named if _is_before_day(words, one[0] + one[1])), named[0])
    at, count, month, jalali = best
    # The day is the figure next to the month: Vietnamese numbers days of the week, "Th 4, 27 thg 10".
    beside = words[:at][::-1] + words[at + count :]
    return month, [word for word in beside if word.isdecimal()], jalali


def _named(words: Sequence[str], table: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """(where it begins, of how many words, the month) of each name, longer ones and later ones first."""
    found = []
    for count in range(LONGEST, 0, -1):
        for at in range(len(words) - count, -1, -1):
            month = table.get(" ".join(words[at : at + count]))
            if month is not None:
                found.append((at, count, month))
    return found


def _is_between(words: Sequence[str], at: int, count: int) -> bool:
    """Does it stand between the day and the year, in either order?"""
    before = next((word for word in words[:at][::-1] if word.isdecimal()), "")
    behind = next((word for word in words[at + count :] if word.isdecimal()), "")
    return sorted((len(before), len(behind))) in ([1, 4], [2, 4])


def _is_before_day(words: Sequence[str], at: int) -> bool:
    return at < len(words) and words[at].isdecimal() and len(words[at]) < 3


def _has_other_name(words: Sequence[str], zones: Mapping[str, object]) -> bool:
    """Does a word that no table has stand between the day and the year behind it?"""
    year = next((at for at, word in enumerate(words) if len(word) == 4 and word.isdecimal()), 0)
    for at in range(year - 1, -1, -1):
        word = words[at]
        if word.isdecimal():
            return any(len(one) > 2 and one not in _BETWEEN and one not in zones for one in words[at + 1 : year])
    return False
