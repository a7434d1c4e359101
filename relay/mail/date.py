"""Dates: when a message says it was written (RFC 5322 §3.3 and §4.3, and whatever else is written there).

Decides which moment a date field means: two-digit years, missing zones (read as UTC), named zones, ISO 8601,
asctime, local names of months, twelve-hour clocks. A date that is none, or that no calendar has, is None; it is
never guessed from anything but its own text.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta

MAX_LENGTH = 300
"""Characters of a date that are read; the longest real ones repeat a date in a comment."""

_MONTHS_BY_NUMBER = """
jan january januar janvier janv enero ene gennaio gen januari janeiro jaen jän jänner styczeń sty leden led január
 ianuarie ian
 ocak oca tammikuu tammi januára ledna stycznia янв января січ січня ιαν jaanuar jaan sausio sausis janvāris jan.
 siječanj sij
feb february februar février févr fevr fév febrero febbraio februari fevereiro fev luty lut únor úno február
 februarie
 şubat şub helmikuu helmi února lutego фев февр февраля лют лютого φεβ veebruar veebr vasaris febr februāris
 veljača velj
mar march märz mrz mär mars marzo maart mrt março marzec březen bře marec martie mart maaliskuu maalis března marca
 мар марта мрт бер березня μαρ märts kovas márc március ožujak ožu marts
apr april avril avr abril abr aprile kwiecień kwi duben dub apríl aprilie nisan nis huhtikuu huhti dubna kwietnia
 апр апреля
 квіт квітня απρ aprill balandis ápr április travanj tra aprīlis
may mai mayo maggio mag mei maio maj květen kvě máj mayıs toukokuu touko května maja мая май трав травня μαϊ μάι
 gegužė május svibanj svi maijs maí
jun june juni juin junio giugno giu junho czerwiec cze červen čvn jún iunie iun haziran haz kesäkuu kesä června
 czerwca
 июн июня черв червня ιουν juuni birželis június lipanj lip jūnijs júní
jul july juli juillet juil julio luglio lug julho lipiec červenec čvc júl iulie iul temmuz tem heinäkuu heinä
 července
 lipca июл июля лип липня ιουλ juuli liepa július srpanj jūlijs júlí
aug august août aout agosto ago augustus augusti sierpień sie srpen srp ağustos ağu elokuu elo srpna sierpnia авг
 августа
 серп серпня αυγ rugpjūtis augusztus kolovoz kol augusts ágúst
sep sept september septembre septiembre settembre set setembro wrzesień wrz září zář septembrie eylül eyl syyskuu
 syys
 września сен сент сентября вер вересня σεπ rugsėjis szept szeptember rujan ruj septembris
oct october oktober okt octobre octubre ottobre ott outubro out październik paź říjen říj október octombrie ekim eki
 lokakuu loka října października окт октября жовт жовтня οκτ spalis oktobris
nov november novembre noviembre novembro listopad lis listopadu noiembrie kasım kas marraskuu marras listopada ноя
 ноября лист листопада νοε νοέ lapkritis studeni stu novembris nóvember
dec december dez dezember décembre déc diciembre dic dicembre dezembro grudzień gru prosinec pro decembrie aralık
 ara
 joulukuu joulu prosince grudnia дек декабря груд грудня δεκ gruodis prosinac decembris des desember
"""


def _plain(word: str) -> str:
    """A word without case, accents and dots, as month names are compared."""
    return "".join(c for c in unicodedata.normalize("NFKD", word.lower()) if not unicodedata.combining(c)).strip(".")


_MONTHS = {
    _plain(name): number
    for number, names in enumerate(_MONTHS_BY_NUMBER.replace("\n ", " ").strip().splitlines(), 1)
    for name in names.split()
}
# Minutes east of UTC. RFC 5322 §4.3 for the first line; the rest as they are met. Military letters other than Z
# mean nothing there ("considered equivalent to -0000").
_EAST = """
ut:0 utc:0 gmt:0 z:0 est:-300 edt:-240 cst:-360 cdt:-300 mst:-420 mdt:-360 pst:-480 pdt:-420
wet:0 west:60 bst:60 cet:60 cest:120 mez:60 mesz:120 met:60 mest:120 eet:120 eest:180 msk:180
jst:540 kst:540 hkt:480 sgt:480 aest:600 aedt:660 acst:570 awst:480 nzst:720 nzdt:780 akst:-540
akdt:-480 hst:-600 ast:-240 adt:-180 nst:-210 ndt:-150 brt:-180 art:-180 sast:120
"""
_ZONES = {name: int(minutes) for name, minutes in (pair.split(":") for pair in _EAST.split())}
_USUAL = re.compile(
    r"\s*(?:[A-Za-z]{2,9},?\s+)?(\d{1,2})\s+([A-Za-z]{3})[a-z]{0,6}\s+(\d{4})\s+(\d{1,2}):(\d\d)(?::(\d\d))?\s*([+-])(\d\d)(\d\d)(?:\s*\([^()]{0,40}\))?\s*\Z"
)
_ISO = re.compile(
    r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T\s,]{1,3}(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,]\d{1,9})?)?)?\s{0,3}(Z\b|[+-]\d{1,2}:?\d{2}\b|[A-Za-z]{2,5}\b)?"
)
_CJK = re.compile(r"(\d{4})\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일]?")
_CLOCK = re.compile(r"(?<![\d:])(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:[.,]\d{1,9})?)?(?!\d)")
_COLON = re.compile(r"(?<=\d)\s{0,3}:\s{0,3}(?=\d)")
_DOTTED = re.compile(r"(\d{4}\s{1,3}\d{1,2})\.(\d\d)\.(\d\d)(?!\d)")
_NOON = re.compile(r"\A[\s]{0,3}([AaPp])\.?[Mm]\b")
_ZONE = re.compile(r"(?<![\w:])(?:(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})(?!\d)|([A-Za-z]{1,5})(?![\w]))")
_WHOLE_HOURS = re.compile(r"\b(?:UTC|GMT)([+-]\d{1,2})(?![\d:])")
_NUMERIC = re.compile(r"(?<!\d)(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_WORD = re.compile(r"[^\W\d_]+\.?")
_NUMBER = re.compile(r"(?<![\d:.+])(?<!\s-)\d{1,4}(?![\d:])")
_SHORT_MONTH = {
    "jan": 1,
    "feb": 2,
    "mar": 3,
    "apr": 4,
    "may": 5,
    "jun": 6,
    "jul": 7,
    "aug": 8,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}


def read(text: str) -> datetime | None:
    """The moment that `text` means, as aware UTC with whole seconds, or None."""
    usual = _USUAL.match(text[:MAX_LENGTH])
    if usual is not None:
        day, name, year, hour, minute, second, sign, zone_hours, zone_minutes = usual.groups()
        month = _SHORT_MONTH.get(name.lower())
        if month is not None:
            east = int(zone_hours) * 60 + int(zone_minutes)
            return _moment(
                int(year), month, int(day), int(hour), int(minute), int(second or 0), -east if sign == "-" else east
            )
    return _odd(text[:MAX_LENGTH])


def _moment(year: int, month: int, day: int, hour: int, minute: int, second: int, east: int) -> datetime | None:
    """UTC of a local time that is `east` minutes ahead of it; None when no calendar or clock has it."""
    if abs(east) >= 24 * 60:  # RFC 5322 §3.3: must be within a day; else it says nothing
        east = 0
    if hour == 24 and minute == second == 0:
        hour, later = 0, timedelta(days=1)
    else:
        later = timedelta(0)
    leap = second == 60  # §3.3 allows the leap second, datetime does not
    try:
        moment = (
            datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
            + later
            - timedelta(minutes=east)
        )
        return moment + timedelta(seconds=1) if leap else moment
    except (ValueError, OverflowError):
        return None


def _year(number: str) -> int:
    """RFC 5322 §4.3: 00 to 49 are 2000 to 2049; 50 to 99, and three digits, are added to 1900."""
    year = int(number)
    if len(number) == 2:
        return year + (2000 if year < 50 else 1900)
    return year + 1900 if len(number) == 3 else year


def _odd(text: str) -> datetime | None:
    """Every other form: day, clock and zone are looked for each by itself."""
    text = _DOTTED.sub(r"\1:\2:\3", _COLON.sub(":", unicodedata.normalize("NFKC", text)))
    iso = _ISO.search(text)
    if iso is not None:
        year, month, day, hour, minute, second, zone = iso.groups()
        east = _east(zone or "") if zone else None
        if hour is None:
            clock = _clock(text[iso.end() :])
            return None if clock is None else _moment(int(year), int(month), int(day), *clock)
        half = _NOON.match(text[iso.end() :]) if zone is None else _NOON.match(" " + zone)
        hours = _twelve(int(hour), half)
        return _moment(int(year), int(month), int(day), hours, int(minute), int(second or 0), east or 0)
    # Drop comments, but not what they hide when nothing else is there.
    bare = re.sub(r"\([^()]{0,100}\)", " ", text)
    clock = _clock(bare)
    if clock is None:
        return None
    day = _day(bare)
    return None if day is None else _moment(*day, *clock)


def _twelve(hour: int, half: re.Match[str] | None) -> int:
    if half is None or hour > 12:
        return hour
    return hour % 12 + (12 if half[1] in "Pp" else 0)


def _clock(text: str) -> tuple[int, int, int, int] | None:
    """(hour, minute, second, minutes east) of the first clock time in `text`."""
    found = next((clock for clock in _CLOCK.finditer(text) if ":" in clock[0]), None)
    if found is None:
        return None
    rest = text[found.end() :]
    half = _NOON.match(rest)
    if half is not None:
        rest = rest[half.end() :]
    zone = next((zone for zone in _ZONE.finditer(rest) if zone[1] or zone[4].lower() in _ZONES), None)
    east = 0 if zone is None else _east(zone[0])
    if not east and (hours := _WHOLE_HOURS.search(rest)) is not None:  # GMT+2
        east = int(hours[1]) * 60
    return _twelve(int(found[1]), half), int(found[2]), int(found[3] or 0), east


def _east(zone: str) -> int:
    """Minutes east of UTC of a zone, named or as +hhmm; 0 when it is neither."""
    found = _ZONE.match(zone.strip())
    if found is None or not found[1]:
        return _ZONES.get(zone.strip().lower(), 0)
    east = int(found[2]) * 60 + int(found[3])
    return -east if found[1] == "-" else east


def _day(text: str) -> tuple[int, int, int] | None:
    """(year, month, day) of the first day named in `text`."""
    cjk = _CJK.search(text)
    if cjk is not None:
        return int(cjk[1]), int(cjk[2]), int(cjk[3])
    month_first = None
    for word in _WORD.finditer(text):
        month = _MONTHS.get(_plain(word[0]))
        if month is None:
            continue
        before = [number[0] for number in _NUMBER.finditer(text, 0, word.start())]
        after = [number[0] for number in _NUMBER.finditer(text, word.end())]
        if before and len(before[-1]) <= 2 and after:  # 2 Jan 2023
            return _year(after[0]), month, int(before[-1])
        if month_first is None and len(after) >= 2 and len(after[0]) <= 2:  # Jan 2 03:04:05 2023
            month_first = _year(after[1]), month, int(after[0])  # or a weekday: mar., 02 mai 2023
    if month_first is not None:
        return month_first
    numeric = _NUMERIC.search(text)
    if numeric is None:
        return None
    first, separator, second, year = int(numeric[1]), numeric[2], int(numeric[3]), _year(numeric[4])
    # 12.01. is the 12th everywhere; with a slash American programs write the month first.
    if separator == "/" and first <= 12:
        return year, first, second
    return (year, second, first) if second <= 12 else (year, first, second)
