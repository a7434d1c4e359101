"""Dates as clients write them for people, in the header block of a forward.

Decides which moment `Wed, Oct 27, 2021 at 9:31 AM` or `25 October 2021 at 11:17:21 EEST` is. Words are
read one by one (month name, day, year, clock, zone), so order and punctuation do not matter; month
names of every language come from `labels`. What is ambiguous (03/04/2021) is not guessed: no date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from relay.mail.labels import MARKS, MONTHS

MAX_LENGTH = 120
"""A written date is short; what is longer is something else."""

_AMPM = r"(?:\s?([ap])\.?\s?m\b\.?)?"
_CLOCK = re.compile(rf"(?<!\d)(\d{{1,2}}):(\d{{2}})(?::(\d{{2}}))?(?:[.,]\d{{1,6}})?{_AMPM}", re.IGNORECASE)
_POINTS = re.compile(rf"(?<![\d.])(\d{{1,2}})[.h](\d{{2}})(?:\.(\d{{2}}))?(?![\d.]){_AMPM}", re.IGNORECASE)
_OFFSET = re.compile(r"(?:\b(?:GMT|UTC|Z))?\s?([+-])(\d{1,2}):?(\d{2})?(?![\d-])", re.IGNORECASE)
_NUMERIC = re.compile(r"(?<!\d)(\d{1,4})([/.-])(\d{1,2})\2(\d{1,4})(?!\d)")
_WORD = re.compile(r"[^\W\d_]+|\d+")

_ZONES = {  # abbreviations that mean one offset only, in minutes; IST and the like are left out
    "utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 60, "bst": 60, "cet": 60, "cest": 120, "mez": 60, "mesz": 120,
    "eet": 120, "eest": 180, "msk": 180, "est": -300, "edt": -240, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480,
    "pdt": -420, "akst": -540, "akdt": -480, "hst": -600, "jst": 540, "kst": 540, "aest": 600, "aedt": 660,
    "acst": 570, "awst": 480, "nzst": 720, "nzdt": 780, "hkt": 480, "sgt": 480, "sast": 120, "brt": -180,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class WrittenDate:
    """`at`: aware UTC. `zoned`: whether the text itself named its zone."""

    at: datetime
    zoned: bool


def read(text: str, zone: tzinfo = UTC) -> WrittenDate | None:
    """The moment that `text` names; `zone` is the zone of a clock that names none. None when unsure."""
    text = " ".join(text[: MAX_LENGTH * 2].translate(MARKS).replace("\u202f", " ").split())
    if not text or len(text) > MAX_LENGTH:
        return None
    clock = _CLOCK.search(text) or _POINTS.search(text)
    hour, minute, second = 0, 0, 0
    rest = text
    tail = ""
    if clock is not None:
        hour, minute, second = int(clock[1]), int(clock[2]), int(clock[3] or 0)
        if clock[4]:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if clock[4].lower() == "p" else 0)
        tail = text[clock.end() :]
        rest = f"{text[: clock.start()]} {tail}"
    day = _day(rest, american=clock is not None and clock[4] is not None)
    if day is None or clock is None:
        return None  # a day without a clock is up to a day off: not a moment
    named = _zone(tail)
    try:
        local = datetime(*day, hour, minute, min(second, 59), tzinfo=named or zone)
        return WrittenDate(local.astimezone(UTC), named is not None)
    except (ValueError, OverflowError):
        return None


def _day(text: str, *, american: bool) -> tuple[int, int, int] | None:
    """(year, month, day) in `text`, None when there is none or its order is not certain."""
    month, numbers = None, []
    for word in _WORD.findall(text):
        if word.isdigit():
            numbers.append(word)
        elif month is None:
            month = MONTHS.get(word.casefold())
    if month is not None:
        years = [number for number in numbers if len(number) == 4]
        days = [number for number in numbers if len(number) <= 2]
        if years and days and 1 <= int(days[0]) <= 31:
            return int(years[0]), month, int(days[0])
        return None
    match = _NUMERIC.search(text)
    if match is None:
        return None
    first, middle, last = int(match[1]), int(match[3]), int(match[4])
    if len(match[1]) == 4:
        return first, middle, last
    if len(match[4]) not in (2, 4):
        return None
    year = last if len(match[4]) == 4 else 2000 + last
    if match[2] == "." or first > 12 or first == middle:  # points are written day first everywhere
        return year, middle, first
    if middle > 12 or american:
        return year, first, middle
    return None


def _zone(text: str) -> tzinfo | None:
    """The zone named behind the clock, None when there is none that means one offset."""
    offset = _OFFSET.search(text[:40])
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes <= 14 * 60:
            return timezone(timedelta(minutes=-minutes if offset[1] == "-" else minutes))
    for word in _WORD.findall(text[:60]):
        minutes_east = _ZONES.get(word.lower())
        if minutes_east is not None:
            return timezone(timedelta(minutes=minutes_east))
    return None


def is_zone(word: str) -> bool:
    """Is the (lower-case) word the abbreviation of a zone?"""
    return word in _ZONES


def zone_of(field: str) -> tzinfo:
    """The zone of a Date field (RFC 5322 §3.3): the writer's own clock. UTC when it names none."""
    found = re.search(r"([+-])(\d{2})(\d{2})\b", field[:MAX_LENGTH])
    if found is None:
        return _zone(field[-20:]) or UTC
    minutes = int(found[2]) * 60 + int(found[3])
    if minutes > 14 * 60:
        return UTC
    return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
