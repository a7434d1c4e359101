"""Times as the contract writes them: UTC text, so that their order as text is their order in time."""

from __future__ import annotations

from datetime import UTC, datetime


def text_time(moment: datetime) -> str:
    """The contract's form of a time: UTC text, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_time(text: str) -> datetime:
    """The time that `text_time` wrote."""
    return datetime.fromisoformat(text)
