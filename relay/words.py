"""Stretches of time and sizes as people say them. Pure."""

from __future__ import annotations


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
