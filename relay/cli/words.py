"""Times, sizes and numbers as people say them. Pure: the clock and the time zone are arguments."""

from __future__ import annotations

from datetime import datetime, tzinfo

from relay.words import lasting, octets

__all__ = ["ago", "in_full", "lasting", "many", "octets", "read", "when"]

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


def many(number: int, one: str, several: str = "") -> str:
    """A number and its noun: "1 message", "1,204 messages"."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
