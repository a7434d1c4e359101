"""The table `never_log`, read as it stands: a CRM may have written anything into it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from relay import sqlite
from relay.attribution.never_log import NeverLog, Pattern
from relay.store.reading import Row, rows

Written = tuple[tuple[Any, Any, Any], ...]
"""(pattern, mode, staff_id) of each row, in the order of their ids."""


def written(db: sqlite.Connection) -> Written:
    """The list as it was written."""
    return tuple(db.execute("SELECT pattern, mode, staff_id FROM never_log ORDER BY id").fetchall())


def read(db: sqlite.Connection) -> NeverLog:
    """The list as it holds."""
    return NeverLog.of(written(db))


def entries(db: sqlite.Connection) -> list[Row]:
    """All rows, in order, with `staff_name` and `readable`: does the pattern say anything?"""
    found = rows(
        db,
        "SELECT n.id, n.pattern, n.mode, n.staff_id, n.added_by, n.added_at, s.name AS staff_name"
        " FROM never_log n LEFT JOIN staff s ON s.id = n.staff_id ORDER BY n.id",
        (),
    )
    for row in found:
        row["readable"] = Pattern.read(str(row["pattern"])) is not None
    return found


def unreadable(patterns: Iterable[tuple[int, object]]) -> list[int]:
    """Ids of rows (id, pattern) whose pattern nobody can read."""
    return [number for number, pattern in patterns if Pattern.read(str(pattern)) is None]
