"""Calendars other than the Gregorian one, as far as mail clients write dates in them.

Decides which day of our calendar a day of the Persian one is, and reads the East Asian way of writing dates, with
Japanese eras and years of the Republic of China. Only what is certain: a Hijri year is no Persian one.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

_EAST_ASIAN = re.compile(
    r"(令和|平成|昭和|民國|民国)?\s?(\d{1,4}|元)\s?[年년]\s?(\d{1,2})\s?[月월]\s?(\d{1,2})\s?[日일号號]"
)
_MONTH_FIRST = re.compile(r"(\d{1,2})\s?[月월]\s?(\d{1,2})[日일]?,?\s(\d{4})(?!\d)")
"""Mobile Outlook puts the parts in the American order: `10月 27, 2021`."""

_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925, "民國": 1911, "民国": 1911}
"""The year before the first of each era."""


def from_east_asian(text: str) -> tuple[int, int, int] | None:
    """(year, month, day) of `2021年10月27日`, `令和3年10月27日`, `2021년 10월 27일`; None when there is none."""
    found = _EAST_ASIAN.search(text)
    if found is None:
        american = _MONTH_FIRST.search(text)
        return None if american is None else (int(american[3]), int(american[1]), int(american[2]))
    year = 1 if found[2] == "元" else int(found[2])
    if found[1]:
        year += _ERAS[found[1]]
    elif year < 100:
        year += 2000
    return year, int(found[3]), int(found[4])


def from_jalali(year: int, month: int, day: int) -> tuple[int, int, int] | None:
    """The Gregorian (year, month, day) of a day of the Persian calendar, 1300 to 1499; None when there is no such.

    By the 33-year cycle (leap years at 1, 5, 9, 13, 17, 22, 26, 30 of it), which agrees with the calendar's
    astronomical rule in these years.
    """
    if not (1300 <= year < 1500 and 1 <= month <= 12 and 1 <= day <= (31 if month <= 6 else 30)):
        return None
    before = year - 1300
    leaps = sum((1300 + one) % 33 in (1, 5, 9, 13, 17, 22, 26, 30) for one in range(before))
    days = before * 365 + leaps + (month - 1) * 30 + min(month - 1, 6) + day - 1
    found = date(1921, 3, 21) + timedelta(days=days)  # 1 Farvardin 1300
    return found.year, found.month, found.day
