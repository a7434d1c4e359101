"""Dropping: mail that must not be kept leaves nothing here but its outcome and a count.

Inside the transaction of the filer. The vault's copy is erased by the vault's writer, who finds what it has to
erase in a queue.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from relay import sqlite
from relay.attribution.record import Record
from relay.store.rows import text_time


def drop(db: sqlite.Connection, records: Sequence[Record]) -> None:
    """What remains to be done for dropped records. To be called before the parts of other records are written."""
    if not records:
        return
    # Large parts are stored ahead of the facts, perhaps before the entry was made, or by a filer that died then.
    digests = sorted({part.digest for record in records for part in record.parts})
    db.execute(
        "DELETE FROM blob WHERE digest IN (SELECT value FROM json_each(?)) "
        "AND NOT EXISTS (SELECT 1 FROM part p WHERE p.digest = blob.digest)",
        (json.dumps(digests),),
    )
    counts = Counter((text_time(r.envelope.received_at)[:10], r.handed_in_by or 0) for r in records)
    db.executemany(
        "INSERT INTO _dropped (day, staff_id, message_count) VALUES (?, ?, ?) "
        "ON CONFLICT (day, staff_id) DO UPDATE SET message_count = message_count + excluded.message_count",
        [(*key, count) for key, count in counts.items()],
    )
