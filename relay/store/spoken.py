"""What automatic mail says of addresses, as rows: delivery reports and absences, message by message.

Nothing is believed here. Triggers make of these rows what holds of an address (`schema/0008_c_automatic_mail.sql`),
in whatever order the mail that bounced, the bounce and a later mail of the address come.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from relay import sqlite
from relay.attribution.record import Record
from relay.attribution.reported import NOTHING

_REPORTS = (
    "SELECT address, about, ours, action, permanent, reason FROM _delivery_report WHERE message_id = ? ORDER BY 1"
)
_ANYTHING_SAID = "SELECT EXISTS (SELECT 1 FROM _delivery_report) OR EXISTS (SELECT 1 FROM _absence)"
_ABSENCES = "SELECT address, absent_until, has_left FROM _absence WHERE message_id = ?"

# Of new messages: the mail that earlier reports are about; what came from an address of which something is said;
# and every party, while there are reports that do not say which mail they are about.
_TOUCHED = """
INSERT INTO _do_health (address_id)
SELECT a.id
  FROM json_each(?1) w
 CROSS JOIN message m ON m.id = w.value
 CROSS JOIN _delivery_report r ON r.about = m.internet_message_id
 CROSS JOIN address a ON a.address = r.address
UNION
SELECT a.id
  FROM json_each(?1) w
 CROSS JOIN message m ON m.id = w.value
 CROSS JOIN message_address p ON p.message_id = m.id
 CROSS JOIN address a ON a.id = p.address_id
 WHERE m.direction = 'incoming' AND p.role = 'from'
   AND (EXISTS (SELECT 1 FROM _delivery_report r WHERE r.address = a.address)
        OR EXISTS (SELECT 1 FROM _absence n WHERE n.address = a.address))
UNION
SELECT a.id
  FROM json_each(?1) w
 CROSS JOIN message_address p ON p.message_id = w.value
 CROSS JOIN address a ON a.id = p.address_id
 WHERE EXISTS (SELECT 1 FROM _delivery_report WHERE about IS NULL)
   AND EXISTS (SELECT 1 FROM _delivery_report r WHERE r.address = a.address AND r.about IS NULL)
"""

Row = tuple[object, ...]


def touch(db: sqlite.Connection, messages: Iterable[int]) -> None:
    """Make right what holds of the addresses that these messages, whose parties have just been written, may change."""
    if db.execute(_ANYTHING_SAID).fetchone()[0]:
        db.execute(_TOUCHED, (json.dumps(list(messages)),))


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
