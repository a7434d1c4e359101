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


def add(
    db: sqlite.Connection, pattern: Pattern, mode: str, staff: int | None = None, by: int | None = None
) -> tuple[int, bool]:
    """Write an entry, or give the one that is there this mode. Returns (its id, was anything changed).

    To be called inside a transaction.
    """
    same = same_as(db, pattern, staff)
    if not same:
        made = db.execute(
            "INSERT INTO never_log (pattern, mode, staff_id, added_by) VALUES (?, ?, ?, ?)",
            (str(pattern), mode, staff, by),
        ).lastrowid
        return made or 0, True
    changed = [number for number, old in same if old != mode]
    db.executemany("UPDATE never_log SET mode = ? WHERE id = ?", [(mode, number) for number in changed])
    return same[0][0], bool(changed)


def remove(db: sqlite.Connection, written: str, staff: int | None = None) -> int:
    """Take an entry from the list: named by its pattern in any spelling, or by its id. Returns how many rows went.

    A pattern that nobody can read is named as it stands, or by its id.
    """
    pattern = Pattern.read(written)
    same = [number for number, _ in same_as(db, pattern, staff)] if pattern is not None else []
    if not same:
        found = db.execute("SELECT id FROM never_log WHERE staff_id IS ?1 AND pattern = ?2", (staff, written))
        same = [number for (number,) in found]
    if not same and staff is None and written.isascii() and written.isdigit():
        same = [number for (number,) in db.execute("SELECT id FROM never_log WHERE id = ?", (int(written[:18]),))]
    db.executemany("DELETE FROM never_log WHERE id = ?", [(number,) for number in same])
    return len(same)


def audit_purge(db: sqlite.Connection, entry: int) -> None:
    """Note that an entry was made to work backwards. Not how many messages it took: that would tell of the party."""
    db.execute(
        "INSERT INTO audit (actor, action, subject_kind, subject_id) VALUES ('command', 'purge', 'never_log', ?)",
        (entry,),
    )


def same_as(db: sqlite.Connection, pattern: Pattern, staff: int | None) -> list[tuple[int, str]]:
    """(id, mode) of the rows that say the same, in whatever spelling."""
    found = db.execute("SELECT id, pattern, mode FROM never_log WHERE staff_id IS ? ORDER BY id", (staff,))
    return [(number, mode) for number, text, mode in found if Pattern.read(str(text)) == pattern]


def counted(db: sqlite.Connection, since: str, staff: int | None = None) -> list[Row]:
    """How many messages were dropped since a day (YYYY-MM-DD), by who handed them in: staff_id, name, message_count."""
    return rows(
        db,
        "SELECT d.staff_id, s.name, sum(d.message_count) AS message_count FROM dropped_mail d"
        " LEFT JOIN staff s ON s.id = d.staff_id WHERE d.day >= ?1 AND (?2 IS NULL OR d.staff_id = ?2)"
        " GROUP BY d.staff_id ORDER BY message_count DESC, d.staff_id",
        (since, staff),
    )
