"""Dates as clients write them for people, in the header block of a forward.

Decides which moment `Wed, Oct 27, 2021 at 9:31 AM`, `27. Oktober 2021 um 09:31 MESZ` or `2021年10月27日(水)
午後2:25` is. Words are read one by one (month name, day, year, clock, zone), so order and punctuation do not
matter; what they mean in which language comes from `labels`, calendars other than ours from `calendars`. What is
ambiguous (03/04/2021 in English) is not guessed: no date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from unicodedata import decimal

from relay.mail.forward import written_month
from relay.mail.forward.calendars import from_east_asian, from_jalali
from relay.mail.labels import BY_CODE, ENGLISH, LANGUAGES, MARKS, ZONES, Language, key

MAX_LENGTH = 160
"""A written date is short; what is longer is something else."""

_CLOCKS = (  # hour, minute, second; in order of trial
    re.compile(r"(?<![\d:+−])(?<![\s\dTCZ(]-)(\d{1,2})[:٫](\d{2})(?:[:.](\d{2}))?(?!\d)"),
    re.compile(r"(?<![\d:+−])(?<![\s\dTCZ(]-)(\d{1,2})\s?[:٫]\s?(\d{2})(?:[:.](\d{2}))?(?!\d)"),
    re.compile(r"(?<!\d)(\d{1,2})\s?[時时點点시]\s?(?:(\d{1,2})\s?[分분]?)?(?:\s?(\d{1,2})\s?[秒초])?"),
    re.compile(r"(?<!\d)(\d{1,2})\s?h\s?(\d{2})(?:\s?(?:m|min|:)\s?(\d{2}))?(?!\d)", re.IGNORECASE),
)
_POINTS = re.compile(r"(?<![\d.])(\d{1,2})\.(\d{2})(?:\.(\d{2}))?(?![\d.])")
_HOUR = re.compile(r"(?<![\d.:/-])(\d{1,2})()()(?=\s?[ap]\.?m\b)", re.IGNORECASE)
_FRACTION = re.compile(r"\A[.,]\d{1,9}")
_OFFSET = re.compile(r"(?:\b(?:GMT|UTC|Z))?\s?([+\-−])(\d{1,2}):?(\d{2})?(?![\d-])", re.IGNORECASE)
_ZONE_BEFORE = re.compile(r"(?:GMT|UTC)[+\-−]\d{1,2}(?::\d\d)?(?=\s?\D{0,4}$)")  # Apple: 2021年10月27日 GMT+8 09:31:12
_FIELD_ZONE = re.compile(r"([+-])(\d{2})(\d{2})\b")
_AM_PM = re.compile(r"[\s,]*([ap]) ?m(?![a-z])")
_SHORT_YEAR = re.compile(r"(?<!\d)\d{1,2}-[^\W\d]{3,9}-(\d\d)(?!\d)")  # 27-Oct-21
_NUMERIC = re.compile(r"(?<!\d)(\d{1,4})\s?([/.-])\s?(\d{1,2})\s?\2\s?(\d{1,4})(?!\d)")

_ZONES = {  # abbreviations that mean one offset only, in minutes; IST and the like are left out
    "utc": 0, "gmt": 0, "z": 0, "wet": 0, "west": 60, "bst": 60, "cet": 60, "cest": 120, "mez": 60, "mesz": 120,
    "eet": 120, "eest": 180, "msk": 180, "est": -300, "edt": -240, "cdt": -300, "mst": -420, "mdt": -360, "pst": -480,
    "pdt": -420, "akst": -540, "akdt": -480, "hst": -600, "jst": 540, "kst": 540, "aest": 600, "aedt": 660,
    "acst": 570, "awst": 480, "nzst": 720, "nzdt": 780, "hkt": 480, "sgt": 480, "sast": 120, "brt": -180,
    "trt": 180, "wib": 420, "wita": 480, "wit": 540, "pht": 480, "ict": 420,
}  # fmt: skip

_SEVERAL: Mapping[str, Mapping[int, tzinfo]] = {
    word: {here: timezone(timedelta(minutes=meant)) for here, meant in zones.items()}
    for word, zones in {
        "ist": {330: 330, 120: 120, 180: 120, 60: 60, 0: 60},  # India, Israel, Ireland
        "cst": {-360: -360, -300: -360, 480: 480},  # America, China
        "ast": {-240: -240, -180: -240, 180: 180},  # Atlantic, Arabia
    }.items()
}
"""Abbreviations with several meanings: offset of who forwarded -> offset meant, in minutes east of UTC."""

_ANY_ZONE: Mapping[str, object] = {**ZONES, **_ZONES, **_SEVERAL}


@dataclass(frozen=True, slots=True)
class WrittenDate:
    """`at`: aware UTC. `zoned`: whether the text itself named its zone."""

    at: datetime
    zoned: bool


def read(text: str, zone: tzinfo = UTC, language: str = "") -> WrittenDate | None:
    """The moment that `text` names; None when unsure.

    `zone` is the zone of a clock that names none; `language` the code of the language it is written in, as far
    as known: it decides the order of figures, and words that mean different months in different languages.
    """
    text = _figures(" ".join(text[: MAX_LENGTH * 2].translate(MARKS).split()))
    if not text or len(text) > MAX_LENGTH:
        return None
    spoken = BY_CODE.get(language)
    clock = _clock(text)
    if clock is None:
        return None  # a day without a clock is up to a day off: not a moment
    head, tail = text[: clock.start()], text[clock.end() :]
    if clock[3]:
        tail = _FRACTION.sub("", tail)
    half = _half(head, tail, spoken)
    if half is None:
        return None
    hour, minute, second = int(clock[1]), int(clock[2] or 0), int(clock[3] or 0)
    if half == "pm" and hour < 12:
        hour += 12
    elif half == "am" and hour == 12:
        hour = 0
    elif half == "am" and hour > 12:
        return None
    before = _ZONE_BEFORE.search(head)
    named = _zone(tail, spoken) or (_zone(before[0], spoken) if before is not None else None)
    day = _day(f"{head} ; {tail}", spoken, american=half != "" and spoken is ENGLISH and _is_american(named or zone))
    if day is None:
        return None
    try:
        local = datetime(*day, hour, minute, min(second, 59), tzinfo=named or zone)
        if named is None and (several := _several(tail)) is not None:
            named = several.get(_minutes_east(local))
            if named is None:
                return None
            local = local.replace(tzinfo=named)
        return WrittenDate(local.astimezone(UTC), named is not None)
    except (ValueError, OverflowError):
        return None


def _figures(text: str) -> str:
    """Figures of other scripts as ours."""
    if text.isascii():
        return text
    return "".join(str(decimal(char)) if not char.isascii() and char.isdecimal() else char for char in text)


def _clock(text: str) -> re.Match[str] | None:
    """Where the clock stands. With points (`27.10.2021 9.31`) it is what is not the date."""
    for form in _CLOCKS:
        for match in form.finditer(text):
            if _is_clock(match):
                return match
    dates = [date.span() for date in _NUMERIC.finditer(text) if len(date[1]) == 4 or len(date[4]) == 4]
    points = [
        match
        for match in _POINTS.finditer(text)
        if _is_clock(match) and not any(start < match.end() and match.start() < end for start, end in dates)
    ]
    return points[-1] if points else _HOUR.search(text)


def _is_clock(match: re.Match[str]) -> bool:
    return int(match[1]) <= 24 and int(match[2] or 0) < 60 and int(match[3] or 0) <= 60


def _half(head: str, tail: str, language: Language | None) -> str | None:
    """'am' or 'pm' as told by the words right before or behind the clock, '' when none is there, None when unsure."""
    before, after = key(head[-24:]).replace(".", ""), key(tail[:24]).replace(".", "")
    apart = _AM_PM.match(after)
    if apart is not None:
        return f"{apart[1]}m"
    if language is not None and language is not ENGLISH:
        return _half_in(language, before, after)
    # Labels are English, or in several languages, and the date in the user's. The words of other scripts are certain;
    # in Latin letters those of one language are common words of others ("de" is a Hungarian morning).
    for one in () if (head + tail).isascii() else LANGUAGES:
        half = _half_in(one, before, after, from_letter="\u0370")
        if half:
            return half
    word = after.split(" ", 1)[0].strip(",;()")
    return _LATIN_HALVES.get(word, "") if word else ""


def _half_in(language: Language, before: str, after: str, from_letter: str = "") -> str:
    for half, words in (("am", language.am), ("pm", language.pm)):
        for word in words:
            if word[:1] < from_letter:
                continue
            for bare in (word, word.replace(" ", "")):
                if _whole_start(after, bare) or _whole_end(before, bare):
                    return half
    return ""


def _latin_halves() -> dict[str, str | None]:
    """Words for morning and afternoon in Latin letters: what all languages that have one mean by it, else None.

    Short ones are too common in other languages to be sure.
    """
    found: dict[str, str | None] = {}
    for language in LANGUAGES:
        for half, words in (("am", language.am), ("pm", language.pm)):
            for word in words:
                if word[:1] < "\u0370" and " " not in word:
                    found[word] = half if len(word) > 2 and found.get(word, half) == half else None
    return found


_LATIN_HALVES = _latin_halves()


def _whole_start(text: str, word: str) -> bool:
    behind = text[len(word) : len(word) + 1]
    if word.isascii() and behind > "\u0370" and not "\u1e00" <= behind < "\u2000":  # Telugu: 9:31 PMకి
        return text.startswith(word)
    return text.startswith(word) and not (behind.isalpha() and word[-1] < "\u2e80")


def _whole_end(text: str, word: str) -> bool:
    return text.endswith(word) and not (text[: -len(word)][-1:].isalpha() and word[0] < "\u2e80")


def _day(text: str, language: Language | None, *, american: bool) -> tuple[int, int, int] | None:
    """(year, month, day) in `text`, None when there is none or its order is not certain."""
    day = from_east_asian(text)
    if day is not None:
        return day
    # Where the date is in figures, a word that names a month is the day of the week: "mar 26/10/2021".
    match = _NUMERIC.search(text)
    if match is None or not (len(match[1]) == 4 or len(match[4]) in (2, 4)):
        return _day_of_month(text, language)
    first, middle, last = int(match[1]), int(match[3]), int(match[4])
    if len(match[1]) == 4:
        return _common(first, middle, last, language)
    year = last if len(match[4]) == 4 else 2000 + last
    order = language.order if language is not None else "unknown"
    if year != last and (language is None or language.code == "th"):
        return None  # 21/1/12 may begin with the year, and a Thai 64 is 2564
    if match[2] == "." and order != "ymd":  # points are written day first nearly everywhere
        order = "dmy"
    if order == "ymd" and len(match[4]) == 2:
        return _common(2000 + first, middle, last, language)
    if first > 12 or first == middle:
        order = "dmy"
    elif middle > 12 or (american and order == "unknown" and match[2] == "/"):
        order = "mdy"
    if order == "dmy":
        return _common(year, middle, first, language)
    return _common(year, first, middle, language) if order == "mdy" else None


def _day_of_month(text: str, language: Language | None) -> tuple[int, int, int] | None:
    """The same where the month has its name."""
    named = written_month.read(text, language, zones=_ANY_ZONE)
    if named is None:
        return None
    month, numbers, jalali = named
    years = [number for number in numbers if len(number) == 4]
    short = _SHORT_YEAR.search(text)
    if not years and short is not None and numbers[-1:] == [short[1]]:
        years = [f"20{numbers.pop()}"]
    days = [number for number in numbers if len(number) <= 2 and 1 <= int(number) <= 31]
    if not years or not days:
        return None
    return _common(int(years[0]), month, int(days[0]), language, jalali=jalali)


def _common(
    year: int, month: int, day: int, language: Language | None, *, jalali: bool = False
) -> tuple[int, int, int] | None:
    """The day in our calendar. Years of others tell themselves: Buddhist ones are 543 ahead, Persian 621 behind."""
    if jalali or (1300 <= year < 1500 and language is not None and language.code == "fa"):
        return from_jalali(year, month, day)
    if 2443 <= year < 2700:
        year -= 543
    return (year, month, day) if 1970 <= year < 2200 else None


def _zone(text: str, language: Language | None) -> tzinfo | None:
    """The zone named behind the clock, None when there is none that means one offset."""
    offset = _OFFSET.search(text[:40])
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        if minutes <= 14 * 60:
            return timezone(timedelta(minutes=-minutes if offset[1] in "-−" else minutes))
    folded = key(text[:80])
    words = [word.strip("().,[]") for word in folded.split()]
    zones = ZONES if language is None or not language.zones else language.zones
    for count in range(min(6, len(words)), 0, -1):
        for at in range(len(words) - count + 1):
            name = " ".join(words[at : at + count])
            minutes_east = zones.get(name, _ZONES.get(name) if count == 1 else None)
            if minutes_east is not None:
                return timezone(timedelta(minutes=minutes_east))
    return None


def _is_american(zone: tzinfo) -> bool:
    """Is it a zone of the Americas? Only there "AM" behind 03/04 means March: Australians and Indians write so too."""
    offset = zone.utcoffset(datetime(2021, 7, 1, tzinfo=UTC))
    return offset is not None and offset <= timedelta(hours=-3)


def _several(text: str) -> Mapping[int, tzinfo] | None:
    """What the abbreviation behind the clock means, by the zone of who forwarded; None when there is no such."""
    words = [word.strip("().,[]") for word in key(text[:24]).split()]
    return next((_SEVERAL[word] for word in words[:2] if word in _SEVERAL), None)


def _minutes_east(local: datetime) -> int:
    offset = local.utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) // 60


def is_zone(word: str) -> bool:
    """Is the (lower-case) word the abbreviation of a zone?"""
    return word in _ZONES or word in ZONES


def zone_of(date_field: str) -> tzinfo:
    """The zone of a Date field (RFC 5322 §3.3): the writer's own clock. UTC when it names none."""
    found = _FIELD_ZONE.search(date_field[:MAX_LENGTH])
    if found is None:
        return _zone(date_field[-20:], None) or UTC
    minutes = int(found[2]) * 60 + int(found[3])
    if minutes > 14 * 60:
        return UTC
    return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
