"""Configuration values as a person writes them: TOML, with units. The other direction of `values`."""

from __future__ import annotations

import json

_SIZES = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))

_TIMES = ((365.25 * 86400.0, "year"), (86400.0, "day"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def octets(size: int) -> str:
    """A size: 52428800 is "50 MiB"."""
    for unit, name in _SIZES:
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def duration(seconds: float) -> str:
    """A time: 604800.0 is "7 days", 0.5 is "500 ms"."""
    for unit, name in _TIMES:
        if seconds >= unit and seconds % unit == 0:
            number = int(seconds // unit)
            return f"{number} {name}{'s' if number != 1 and name in ('year', 'day') else ''}"
    return f"{seconds * 1000:.10g} ms"


def quoted(text: str) -> str:
    """A TOML basic string (TOML 1.0, String): as JSON has it, and DEL must be escaped too."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml(value: object) -> str:
    """A value as TOML: what is neither number, word of truth nor list is a text in quotation marks."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(toml, value))}]"
    return quoted("" if value is None else str(value))
