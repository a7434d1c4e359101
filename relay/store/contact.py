"""Contact with a lead, and what automatic mail says of its addresses, for `lead list` and `lead show`. Only reads."""

from __future__ import annotations

from typing import Any

from relay import sqlite

LAST_CONTACT = "(SELECT c.last_contact_at FROM lead_contact c WHERE c.lead_id = l.id)"
"""Of a row of `lead l`: when one of us or of them last wrote."""

_CONTACT = "SELECT last_incoming_at, last_outgoing_at, last_contact_at FROM lead_contact WHERE lead_id = ?"
_HEALTH = (
    "SELECT address, bounced_at, bounce_reason, absent_until, left_at FROM lead_address_health "
    "WHERE lead_id = ? ORDER BY lead_address_id"
)


def of_lead(db: sqlite.Connection, lead: int) -> dict[str, Any]:
    """`last_incoming_at`, `last_outgoing_at`, `last_contact_at`, and `address_health`: a row for each address of which
    automatic mail says something.
    """
    cursor = db.execute(_CONTACT, (lead,))
    found: dict[str, Any] = dict(zip((column[0] for column in cursor.description), cursor.fetchone(), strict=True))
    cursor = db.execute(_HEALTH, (lead,))
    names = [column[0] for column in cursor.description]
    found["address_health"] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found
