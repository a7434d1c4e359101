"""Absence: until when the author of an automatic answer is away, or that she left the company.

Only what is stated clearly at the beginning of the text, in a language that `automatic_words` knows; what is
ambiguous (two different days, a sale that ends in August) is not kept. Linear and bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from relay.mail import written_day
from relay.mail.automatic_words import (
    AWAY,
    BACK,
    BACK_AFTER,
    LEFT_OTHER,
    LEFT_SELF,
    PERSON,
    TO,
    UNTIL,
    UNTIL_AFTER,
    WORDS,
    Words,
    has,
)
from relay.mail.labels import key

LOOKED_AT = 2000
"""Characters of the text that are looked at: whoever is away says so first."""

NEAR = 120
"""Characters within which a word of absence must stand beside "until", or who left before "has left"."""

SAME_ABSENCE = timedelta(days=4)
""""Away until Friday, back on Tuesday": the last day and the day of return of one absence, a long weekend between."""

SPAN = ("-", "~")
"""What stands between the first and the last day in every language; `key` has one spelling of dashes."""

_SENTENCE_ENDS = re.compile(r"(?<!\d)[.!?]\s|[。！？]|\n\n")

MOST = 20
"""Places at which one phrase is looked for."""


@dataclass(frozen=True, slots=True)
class Absence:
    """`until`: the day that is named, the last one or that of the return (the later of both); None: none is.
    `left`: the author is said to have left.
    """

    until: date | None = None
    left: bool = False


def read(subject: str, text: str, written: date, name: str = "", local_part: str = "") -> Absence | None:
    """What an automatic answer states, None when nothing clearly. `written`: its day; the rest is of its author."""
    said = key_of_lines(f"{subject[:200]}\n{text[:LOOKED_AT]}")
    days: set[date] = set()
    left = False
    who = _names(name, local_part)
    for code, words in WORDS.items():
        if not any(phrase in said for phrase in words.get(AWAY, ())) and not _may_tell(said, words):
            continue
        days |= _days(said, code, words, written)
        left = left or _left(said, words, who)
    if days and (left or max(days) - min(days) > SAME_ABSENCE):
        return None
    return Absence(max(days) if days else None, left) if days or left else None


def key_of_lines(text: str) -> str:
    """The `key` of each line: where a line ends, a day does."""
    return "\n".join(key(line) for line in text.split("\n"))


def _may_tell(said: str, words: Words) -> bool:
    return any(phrase in said for role in (BACK, BACK_AFTER, LEFT_SELF, LEFT_OTHER) for phrase in words.get(role, ()))


def _days(said: str, code: str, words: Words, written: date) -> set[date]:
    found: set[date] = set()
    taken: set[int] = set()
    for role in (BACK, UNTIL, TO):
        phrases = (*words.get(TO, ()), *SPAN) if role == TO else words.get(role, ())
        for phrase in phrases:  # the longest first: "bis zum" before "bis"
            for at in _places(said, phrase):
                end = at + len(phrase)
                if end in taken or not _is_of_absence(role, said, words, at, end):
                    continue
                if role == TO and not written_day.may_begin_span(said[max(0, at - written_day.LOOKED_AT) : at], code):
                    continue
                day = written_day.read(said[end : end + written_day.LOOKED_AT].lstrip(" :"), code, written)
                if day is not None and not _is_short(phrase, said, words, at, end):
                    found.add(day)
                    taken.add(end)
    for role in (BACK_AFTER, UNTIL_AFTER):
        for phrase in words.get(role, ()):
            for at in _places(said, phrase):
                if not _is_of_absence(role, said, words, at, at + len(phrase)):
                    continue
                day = written_day.ending(said[max(0, at - written_day.LOOKED_AT) : at], code, written)
                if day is not None and not _is_short(phrase, said, words, at, at + len(phrase)):
                    found.add(day)
    return found


def _is_of_absence(role: str, said: str, words: Words, at: int, end: int) -> bool:
    """May these words be of an absence? Of a return they say so themselves, of a span only in a sentence that does."""
    if role in (BACK, BACK_AFTER):
        return True
    if role != TO:
        return _is_near(said, words, at, end)
    start = max((one.end() for one in _SENTENCE_ENDS.finditer(said, max(0, at - NEAR), at)), default=max(0, at - NEAR))
    stop = _SENTENCE_ENDS.search(said, end, end + NEAR)
    return _tells(said[start : end + NEAR if stop is None else stop.start()], words)


def _is_short(phrase: str, said: str, words: Words, at: int, end: int) -> bool:
    """One bare word of a return ("back on", "åter") counts only beside a word of absence."""
    return len(phrase) < 10 and not _is_near(said, words, at, end)


def _is_near(said: str, words: Words, at: int, end: int) -> bool:
    return _tells(said[max(0, at - NEAR) : end + NEAR], words)


def _tells(said: str, words: Words) -> bool:
    return any(has(said, phrase) >= 0 for phrase in words.get(AWAY, ()))


def _places(said: str, phrase: str) -> list[int]:
    places: list[int] = []
    at = has(said, phrase)
    while at >= 0 and len(places) < MOST:
        places.append(at)
        at = has(said, phrase, at + len(phrase))
    return places


def _left(said: str, words: Words, who: frozenset[str]) -> bool:
    if any(has(said, phrase) >= 0 for phrase in words.get(LEFT_SELF, ())):
        return True
    for phrase in words.get(LEFT_OTHER, ()):
        for at in _places(said, phrase):
            before = said[max(0, at - NEAR) : at]
            before = re.split(r"[.!?\n]\s", before)[-1]
            if who & set(re.findall(r"[^\W\d_]+", before)) or any(p in before for p in words.get(PERSON, ())):
                return True
    return False


def _names(name: str, local_part: str) -> frozenset[str]:
    """The words by which the author may be named in her own answer."""
    return frozenset(word for word in re.findall(r"[^\W\d_]+", key(f"{name[:200]} {local_part}")) if len(word) >= 3)
