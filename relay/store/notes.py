"""Notes: what colleagues wrote above the copies that they handed in.

Each stands beside its envelope, which says whose it is. The message has all of them, in the order of their coming.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay import sqlite
from relay.attribution.record import Record
from relay.attribution.united import together


def write(db: sqlite.Connection, records: Iterable[Record]) -> None:
    """Keep the note of each copy beside its envelope. Of a message of which only facts are kept there is none."""
    db.executemany(
        "INSERT OR REPLACE INTO envelope_note (envelope_id, note) SELECT e.id, ?1 FROM envelope e "
        "WHERE e.vault_id = ?2 AND e.position = ?3 "
        "AND NOT EXISTS (SELECT 1 FROM _facts_only f WHERE f.message_id = e.message_id)",
        [(r.note, str(r.vault_id), r.position) for r in records if r.note],
    )


def replace(db: sqlite.Connection, records: Iterable[Record]) -> None:
    """The same for copies that were read again."""
    records = list(records)
    db.executemany(
        "DELETE FROM envelope_note WHERE envelope_id = (SELECT id FROM envelope WHERE vault_id = ?1 AND position = ?2) "
        "AND note <> ?3",
        [(str(r.vault_id), r.position, r.note) for r in records],
    )
    write(db, records)


def of_message(db: sqlite.Connection, message: int) -> dict[int, str]:
    """Envelope -> the note of that copy, in the order in which the copies came."""
    return dict(
        db.execute(
            "SELECT e.id, n.note FROM envelope e JOIN envelope_note n ON n.envelope_id = e.id "
            "WHERE e.message_id = ? ORDER BY e.id",
            (message,),
        ).fetchall()
    )


def join(db: sqlite.Connection, message: int) -> None:
    """Let the message have the notes of all of its copies."""
    note = together(of_message(db, message).values())
    db.execute("UPDATE message_text SET note = ?1 WHERE message_id = ?2 AND note <> ?1 AND ?1 <> ''", (note, message))
