"""Times, sizes and numbers as people say them. Pure: the clock and the time zone are arguments."""

from __future__ import annotations

from datetime import datetime, tzinfo

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def read(written: str) -> datetime:
    """The time that a column of the contract holds (UTC text)."""
    return datetime.fromisoformat(written)


def when(written: str, now: datetime, zone: tzinfo | None = None) -> str:
    """A time in a list, in local time: as short as it can be and still be understood."""
    moment = read(written).astimezone(zone)
    today = now.astimezone(zone).date()
    clock = f"{moment:%H:%M}"
    days = (today - moment.date()).days
    if days == 0:
        return f"today {clock}"
    if days == 1:
        return f"yesterday {clock}"
    if 1 < days < 7:
        return f"{_DAYS[moment.weekday()]} {clock}"
    if moment.year == today.year:
        return f"{moment.day} {_MONTHS[moment.month - 1]} {clock}"
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def in_full(written: str, zone: tzinfo | None = None) -> str:
    """A time in a letter head: everything, with the zone."""
    moment = read(written).astimezone(zone)
    return f"{_DAYS[moment.weekday()]} {moment.day} {_MONTHS[moment.month - 1]} {moment.year} {moment:%H:%M %z}".strip()


def ago(written: str, now: datetime) -> str:
    """How long ago: "3 min ago"."""
    return f"{lasting((now - read(written)).total_seconds())} ago"


def lasting(seconds: float) -> str:
    """A stretch of time, to the unit that matters."""
    seconds = max(0.0, seconds)
    for unit, name in ((365.25 * 86400, "year"), (86400, "day")):
        if seconds >= unit:
            number = int(seconds // unit)
            return f"{number} {name}" + ("s" if number > 1 else "")
    if seconds >= 3600:
        return f"{int(seconds // 3600)} h"
    return f"{int(seconds // 60)} min" if seconds >= 60 else f"{int(seconds)} s"


def octets(number: int) -> str:
    """A size: "1.4 MiB"."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{number} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def many(number: int, one: str, several: str = "") -> str:
    """A number and its noun: "1 message", "1,204 messages"."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
