"""What `doctor` and `health` ask of the database: people, what became of one mail, whose secret address was seen.

Only reads.
"""

from __future__ import annotations

from datetime import datetime

from relay import sqlite
from relay.mail.envelope import VaultId
from relay.store.accounts import HERE

PEOPLE = 500
"""Addresses of our people that are looked at."""


def our_people(db: sqlite.Connection) -> list[tuple[int, str, str]]:
    """(staff.id, name, address) of who has not left."""
    query = (
        "SELECT staff.id, staff.name, trim(address.address_key) FROM staff"
        f" JOIN staff_address address ON address.staff_id = staff.id WHERE {HERE} ORDER BY staff.id LIMIT ?"
    )
    return [(int(id_), str(name or ""), str(address)) for id_, name, address in db.execute(query, (PEOPLE,))]


def seen_openly(db: sqlite.Connection) -> list[tuple[int, str, str]]:
    """(staff.id, name, when) of those whose personal address outsiders read in a mail: when the last such mail came."""
    query = """
        SELECT staff.id, staff.name, max(envelope.received_at)
        FROM envelope_owner owner JOIN envelope ON envelope.id = owner.envelope_id
        JOIN staff ON staff.id = owner.staff_id
        WHERE owner.seen = 1
        GROUP BY staff.id ORDER BY staff.id LIMIT ?
    """
    return [(int(id_), str(name or ""), str(when)) for id_, name, when in db.execute(query, (PEOPLE,))]


def outcome(db: sqlite.Connection, vault_id: VaultId) -> tuple[str, list[int]] | None:
    """What became of an accepted mail ('filed', 'dropped', 'unparsed', ...), and its messages; None: not yet."""
    row = db.execute(
        "SELECT outcome FROM _vault_outcome WHERE epoch = ? AND number = ?", (vault_id.epoch, vault_id.number)
    ).fetchone()
    if row is None:
        return None
    rows = db.execute("SELECT DISTINCT message_id FROM envelope WHERE vault_id = ?", (str(vault_id),))
    return str(row[0]), [int(message) for (message,) in rows]


def newest_capture(db: sqlite.Connection) -> datetime | None:
    """When the newest filed mail was accepted."""
    row = db.execute("SELECT max(received_at) FROM envelope WHERE id > (SELECT max(id) FROM envelope) - 100").fetchone()
    return datetime.fromisoformat(row[0]) if row and row[0] else None
