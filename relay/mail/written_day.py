"""Days as people write them in a sentence: `Monday, 15 August`, `15.08.`, `August 15th, 2026`, `8月15日`.

Decides which day the words at the beginning, or at the end, of a text name. Names of months and the order of figures
are those of the language (labels); a day without its year is the next such day. What is ambiguous (03/04 in English) or
far away is no day.
"""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import islice

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
_BEHIND = _SUFFIXES | {")", "'", "г", "года", "року", "р", "r", "roku", "yılı", "kl"}
"""What may stand behind a day and is no other word of the sentence."""

TOKENS = 9
"""Words and signs that a day has at the most, its day of the week too."""
_YEAR = re.compile(r"(?:19|20)\d\d\Z")


Found = tuple[int | None, int, int, int]
"""Year or None, month, day, and where behind them the text goes on."""


def read(text: str, code: str, after: date) -> date | None:
    """The day that `text` begins with, written in the language `code`; None when unsure.

    A day before `after` is none, and neither is one that lies further ahead than anybody plans.
    """
    language, between = _words(code)
    folded = key(text[:LOOKED_AT].partition("\n")[0])
    start = _start(folded, language, between)
    if start is None:
        return None
    found = _found(folded[start:], language, between)
    return None if found is None else _placed(*found[:3], after)


def ending(text: str, code: str, after: date) -> date | None:
    """The day that `text` ends with: `13.3.2026` before "asti", `3月13日` before "まで". None as in `read`."""
    language, between = _words(code)
    folded = key(text[-LOOKED_AT:].rpartition("\n")[2])
    for token in list(_TOKEN.finditer(folded))[-TOKENS:]:
        if not (token[0][0].isdecimal() or _month(token[0], language)):
            continue
        found = _found(folded[token.start() :], language, between)
        if found is None:
            continue
        behind = _TOKEN.findall(folded[token.start() + found[3] :])
        if all(word in _BEHIND or word in between for word in behind):
            return _placed(*found[:3], after)
    return None


def may_begin_span(text: str, code: str) -> bool:
    """Does `text` end with the first day of a span, be it only its figure: `2` in "from 2 to 13 March"?"""
    language, _ = _words(code)
    tokens = [word for word in _TOKEN.findall(key(text[-LOOKED_AT:].rpartition("\n")[2])) if word not in _SUFFIXES]
    if not tokens:
        return False
    last = tokens[-1]
    figure = last.isdecimal() and (_YEAR.match(last) is not None or (len(last) <= 2 and 1 <= int(last) <= 31))
    return figure or last in "日号號일" or _month(last, language) is not None


def _words(code: str) -> tuple[Language, frozenset[str]]:
    """The language, and what says nothing between a preposition and the day."""
    return BY_CODE.get(code, BY_CODE["en"]), frozenset(WORDS.get(code, {}).get(BETWEEN, ()))


def _found(text: str, language: Language, between: frozenset[str]) -> Found | None:
    return _east_asian(text) or _in_figures(text, language) or _with_month(text, language, between)


def _start(text: str, language: Language, between: frozenset[str]) -> int | None:
    """Where the day begins: behind words that say nothing and at most one other word (a day of the week)."""
    others = 0
    for count, token in enumerate(_TOKEN.finditer(text)):
        word = token[0]
        if word[0].isdecimal() or _month(word, language):
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


def _east_asian(text: str) -> Found | None:
    found = _EAST_ASIAN.match(text)
    if found is None:
        return None
    whole = from_east_asian(text[:20])
    year, month, day = whole if whole is not None else (None, int(found[2]), int(found[3]))
    return year, month, day, found.end()


def _in_figures(text: str, language: Language) -> Found | None:
    found = _NUMERIC.match(text)
    if found is None:
        return None
    one, sign, two, three = found[1], found[2], int(found[3]), found[4]
    if len(one) == 4:
        return (int(one), two, int(three), found.end()) if three and len(three) == 2 else None
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
        return year, two, first, found.end()
    return (year, first, two, found.end()) if order == "mdy" else None


def _with_month(text: str, language: Language, between: frozenset[str]) -> Found | None:
    """`15th of August, 2026`, `August 15`, `2026. március 13`: a month by name with its day right beside it."""
    tokens = list(islice(_TOKEN.finditer(text), TOKENS))
    telling = [token for token in tokens if token[0] not in _SUFFIXES and token[0] not in between]
    year = None
    if len(telling) > 2 and _YEAR.match(telling[0][0]):
        year = int(telling.pop(0)[0])
    if len(telling) < 2:
        return None
    first, second = telling[0][0], telling[1][0]
    end = telling[1].end()
    if first.isdecimal() and (month := _month(second, language)):
        day = first
    elif second.isdecimal() and (month := _month(first, language)):
        day = second
    else:
        return None
    if len(day) > 2:
        return None
    if year is None and len(telling) > 2 and _YEAR.match(telling[2][0]):
        year, end = int(telling[2][0]), telling[2].end()
    return year, month, int(day), end


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
