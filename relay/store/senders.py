"""Senders: what relay.db knows of whoever hands in mail, for the daemon. Only reads.

Who our people are (small, and read again only when something was written), and whether an author is on a conversation
(by indexes, for each mail that asks).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from relay import sqlite
from relay.mail.address import Address
from relay.store import who
from relay.store.times import read_time

MEMBERS = 500
"""Messages of a thread in which an author is looked for; the ones that the mail answers are looked at in any case."""

_ANSWERED = (
    "SELECT 1 FROM json_each(?1) w CROSS JOIN message m ON m.internet_message_id = w.value "
    "CROSS JOIN message_address p ON p.message_id = m.id CROSS JOIN address a ON a.id = p.address_id "
    "WHERE a.address IN (SELECT value FROM json_each(?2)) AND m.visibility <> 'withdrawn' LIMIT 1"
)
_IN_THREAD = (
    "SELECT 1 FROM (SELECT o.id FROM json_each(?1) w CROSS JOIN message m ON m.internet_message_id = w.value "
    "CROSS JOIN message o ON o.thread_id = m.thread_id WHERE o.visibility <> 'withdrawn' LIMIT ?3) o "
    "CROSS JOIN message_address p ON p.message_id = o.id CROSS JOIN address a ON a.id = p.address_id "
    "WHERE a.address IN (SELECT value FROM json_each(?2)) LIMIT 1"
)


def people(db: sqlite.Connection) -> tuple[dict[str, int], dict[int, datetime]]:
    """(address key -> staff.id, staff.id -> when that person left, for those who did)."""
    addresses = who.staff(db)
    left = db.execute("SELECT id, left_at FROM staff WHERE left_at IS NOT NULL").fetchall()
    return addresses, {staff: _time(at) for staff, at in left}


def is_party(db: sqlite.Connection, answered: Sequence[str], author: Address) -> bool:
    """Is the author a party of a thread that one of these Message-IDs is in?"""
    if not answered:
        return False
    spelled = [author.key]
    ids, keys = json.dumps(list(answered)), json.dumps(spelled)
    return (
        db.execute(_ANSWERED, (ids, keys)).fetchone() is not None
        or db.execute(_IN_THREAD, (ids, keys, MEMBERS)).fetchone() is not None
    )


def _time(text: str) -> datetime:
    """When somebody left; a CRM's word that cannot be read means that they are gone."""
    try:
        return read_time(text)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
