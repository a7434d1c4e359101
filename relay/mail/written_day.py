"""Days as people write them in a sentence: `Monday, 15 August`, `15.08.`, `August 15th, 2026`, `8月15日`.

Decides which day the words at the beginning of a text name. Names of months and the order of figures are those of
the language (labels); a day without its year is the next such day. What is ambiguous (03/04 in English) or far away
is no day.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from relay.mail.automatic_words import BETWEEN, WORDS
from relay.mail.forward.calendars import from_east_asian
from relay.mail.labels import BY_CODE, MONTHS, Language, key

LOOKED_AT = 60
"""Characters in which the day must stand."""

AHEAD_WITHOUT_YEAR = timedelta(days=200)
"""How far ahead a day without its year may lie: beyond, it is as likely one that has passed."""

AHEAD = timedelta(days=2 * 366)
"""How far ahead a day may lie at all: longer absences are told otherwise, and years are mistyped."""

_TOKEN = re.compile(r"\d+|[^\W\d_]+|[^\s]")
_NUMERIC = re.compile(r"(\d{1,4})\s?([./-])\s?(\d{1,2})(?:\s?\2\s?(\d{4}|\d{2})(?!\d))?")
_EAST_ASIAN = re.compile(r"(?:(\d{4})\s?[年년]\s?)?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]")
_SUFFIXES = frozenset({"st", "nd", "rd", "th", "er", "º", "ª", "°", ".", "e", "ste", "de", ":e", ","})
_YEAR = re.compile(r"(?:19|20)\d\d\Z")


def read(text: str, code: str, after: date) -> date | None:
    """The day that `text` begins with, written in the language `code`; None when unsure.

    A day before `after` is none, and neither is one that lies further ahead than anybody plans.
    """
    language = BY_CODE.get(code, BY_CODE["en"])
    folded = key(text[:LOOKED_AT].partition("\n")[0])
    between = frozenset(WORDS.get(code, {}).get(BETWEEN, ()))
    start = _start(folded, language, between)
    if start is None:
        return None
    rest = folded[start:]
    found = _east_asian(rest) or _in_figures(rest, language) or _with_month(rest, language, between)
    return None if found is None else _placed(*found, after)


def _start(text: str, language: Language, between: frozenset[str]) -> int | None:
    """Where the day begins: behind words that say nothing and at most one other word (a day of the week)."""
    others = 0
    for count, token in enumerate(_TOKEN.finditer(text)):
        word = token[0]
        if word[0].isdigit() or _month(word, language):
            return token.start()
        if word in between or word in ",.(":
            if word in ".(" and not others:
                return None
        else:
            others += 1
            if others > 1 or len(word) > 16 or not word[0].isalpha():
                return None
        if count > 7:
            return None
    return None


def _month(word: str, language: Language) -> int | None:
    return language.months.get(word) or (MONTHS.get(word) if len(word) > 3 else None)


def _east_asian(text: str) -> tuple[int | None, int, int] | None:
    whole = from_east_asian(text[:20]) if text[:1].isdigit() else None
    if whole is not None and _EAST_ASIAN.match(text):
        return whole
    found = _EAST_ASIAN.match(text)
    return None if found is None else (None, int(found[2]), int(found[3]))


def _in_figures(text: str, language: Language) -> tuple[int | None, int, int] | None:
    """(year or None, month, day)."""
    found = _NUMERIC.match(text)
    if found is None:
        return None
    one, sign, two, three = found[1], found[2], int(found[3]), found[4]
    if len(one) == 4:
        return (int(one), two, int(three)) if three and len(three) == 2 else None
    if len(one) > 2 or (sign == "-" and not three):
        return None
    first = int(one)
    year = None if three is None else int(three) + (2000 if len(three) == 2 else 0)
    order = "dmy" if sign == "." else language.order
    if first > 12 or first == two:
        order = "dmy"
    elif two > 12:
        order = "mdy"
    if order == "ymd":
        order = "mdy" if three is None else "unknown"
    if order == "dmy":
        return year, two, first
    return (year, first, two) if order == "mdy" else None


def _with_month(text: str, language: Language, between: frozenset[str]) -> tuple[int | None, int, int] | None:
    """`15th of August, 2026`, `August 15`: a month by name with its day right beside it."""
    words = [token[0] for token in _TOKEN.finditer(text)]
    telling = [word for word in words[:9] if word not in _SUFFIXES and word not in between]
    if len(telling) < 2:
        return None
    first, second = telling[:2]
    if first.isdigit() and (month := _month(second, language)):
        day = first
    elif second.isdigit() and (month := _month(first, language)):
        day = second
    else:
        return None
    if len(day) > 2:
        return None
    year = int(telling[2]) if len(telling) > 2 and _YEAR.match(telling[2]) else None
    return year, month, int(day)


def _placed(year: int | None, month: int, day: int, after: date) -> date | None:
    years = [year] if year is not None else [after.year, after.year + 1]
    limit = AHEAD if year is not None else AHEAD_WITHOUT_YEAR
    for each in years:
        try:
            found = date(each, month, day)
        except ValueError:
            continue
        if after <= found <= after + limit:
            return found
    return None
