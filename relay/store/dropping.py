"""Dropping: mail that must not be kept leaves nothing here but its outcome and a count.

Inside the transaction of the filer. Of a mail with several originals all of the vault's copy goes when one of
them must not be kept: what is filed of the others stands in relay.db, and cannot be read again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Sequence

from relay import sqlite
from relay.attribution.record import Record
from relay.attribution.withheld import DROPPED
from relay.store import removal
from relay.store.times import text_time


def drop(db: sqlite.Connection, records: Sequence[Record]) -> None:
    """Count dropped records. (What the vault has of them, and parts stored ahead: `taken_back.note`.)"""
    counts = Counter((text_time(r.envelope.received_at)[:10], r.handed_in_by or 0) for r in records)
    db.executemany(
        "INSERT INTO _dropped (day, staff_id, message_count) VALUES (?, ?, ?) "
        "ON CONFLICT (day, staff_id) DO UPDATE SET message_count = message_count + excluded.message_count",
        [(*key, count) for key, count in counts.items()],
    )


def never_read(db: sqlite.Connection, messages: Collection[int]) -> list[int]:
    """Those of the messages that could not be read when they came, so that nobody knew who is on them."""
    rows = db.execute(
        "SELECT m.id FROM json_each(?) w CROSS JOIN message m ON m.id = w.value WHERE m.status = 'unparsed'",
        (json.dumps(sorted(messages)),),
    )
    return [message for (message,) in rows]


def remove(db: sqlite.Connection, messages: Collection[int]) -> None:
    """Remove messages that are here and must not be, with all that other files have of the mail they came in."""
    if messages:
        removal.remove(db, messages, outcome=DROPPED)
