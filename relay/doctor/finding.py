"""What a check says: one line for a person, and what to publish or type. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """`HINT`: could be better and does no harm. `UNSEEN`: could not be looked at from here; counts for nothing."""

    OK = "ok"
    HINT = "hint"
    UNSEEN = "unseen"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check`: its name, for programs. `said`: what was found.

    `todo`: the exact line to publish or type, empty for none.
    """

    check: str
    level: Level
    said: str
    todo: str = ""


def ok(check: str, said: str) -> Finding:
    return Finding(check, Level.OK, said)


def hint(check: str, said: str, todo: str = "") -> Finding:
    return Finding(check, Level.HINT, said, todo)


def unseen(check: str, said: str, todo: str = "") -> Finding:
    return Finding(check, Level.UNSEEN, said, todo)


def warning(check: str, said: str, todo: str = "") -> Finding:
    return Finding(check, Level.WARNING, said, todo)


def error(check: str, said: str, todo: str = "") -> Finding:
    return Finding(check, Level.ERROR, said, todo)


def status(findings: Iterable[Finding]) -> int:
    """Exit status: 0 all well, 1 warnings, 2 errors."""
    levels = {finding.level for finding in findings}
    return 2 if Level.ERROR in levels else 1 if Level.WARNING in levels else 0
