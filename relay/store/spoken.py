"""What automatic mail says of addresses, as rows: delivery reports and absences, message by message.

Nothing is believed here. Triggers make of these rows what holds of an address (`schema/0008_c_automatic_mail.sql`),
in whatever order the mail that bounced, the bounce and a later mail of the address come.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay import sqlite
from relay.attribution.record import Record
from relay.attribution.reported import NOTHING

_REPORTS = (
    "SELECT address, about, ours, action, permanent, reason FROM _delivery_report WHERE message_id = ? ORDER BY 1"
)
_ABSENCES = "SELECT address, absent_until, has_left FROM _absence WHERE message_id = ?"

Row = tuple[object, ...]


def write(db: sqlite.Connection, fresh: Iterable[tuple[int, Record]]) -> None:
    """The rows of messages (message.id, record) that have none yet; most messages say nothing."""
    telling = [(i, record) for i, record in fresh if record.told is not NOTHING]
    reports = [(i, *row) for i, record in telling for row in _reports(record)]
    absences = [(i, *row) for i, record in telling for row in _absences(record)]
    if reports:
        db.executemany(
            "INSERT INTO _delivery_report (message_id, address, about, ours, action, permanent, reason) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            reports,
        )
    if absences:
        db.executemany(
            "INSERT INTO _absence (message_id, address, absent_until, has_left) VALUES (?, ?, ?, ?)", absences
        )


def replace(db: sqlite.Connection, message: int, record: Record) -> bool:
    """Make the rows of a message what its record says now. Returns whether any were different."""
    same = db.execute(_REPORTS, (message,)).fetchall() == _reports(record) and db.execute(
        _ABSENCES, (message,)
    ).fetchall() == _absences(record)
    if same:
        return False
    db.execute("DELETE FROM _delivery_report WHERE message_id = ?", (message,))
    db.execute("DELETE FROM _absence WHERE message_id = ?", (message,))
    write(db, [(message, record)])
    return True


def _reports(record: Record) -> list[Row]:
    told = record.told
    return sorted(
        (each.address, told.about, int(told.ours), each.action, int(each.permanent), each.reason)
        for each in told.reported
    )


def _absences(record: Record) -> list[Row]:
    told = record.told
    if record.author is None or not (told.absent_until or told.left):
        return []
    until = None if told.absent_until is None else f"{told.absent_until}T00:00:00.000Z"
    return [(record.author.key, until, int(told.left))]
