"""Merging: two messages turn out to be one. The older id stays, and everything that people decided.

Copies and decisions move; the loser's id leads to the survivor for ever (`message_alias`), and one row of
the feed tells it. What the survivor says is not changed here.
"""

from __future__ import annotations

import json

from relay import sqlite
from relay.store import notes, tagging
from relay.store.contents import drop_contents


def merge(db: sqlite.Connection, old: int, into: int) -> None:
    """Message `old` becomes `into`, in the transaction that is open.

    Of two decisions about one lead the later one stands, and the narrower visibility of both.
    """
    digests = {digest for (digest,) in db.execute("SELECT digest FROM part WHERE message_id = ?", (old,))}
    db.execute("UPDATE envelope SET message_id = ? WHERE message_id = ?", (into, old))
    db.execute(
        "DELETE FROM explicit_attribution WHERE message_id = ?2 AND EXISTS (SELECT 1 FROM explicit_attribution e "
        "WHERE e.message_id = ?1 AND e.lead_id = explicit_attribution.lead_id "
        "AND e.decided_at > explicit_attribution.decided_at)",
        (old, into),
    )
    db.execute(
        "UPDATE explicit_attribution SET message_id = ?2 WHERE message_id = ?1 AND NOT EXISTS "
        "(SELECT 1 FROM explicit_attribution e WHERE e.message_id = ?2 AND e.lead_id = explicit_attribution.lead_id)",
        (old, into),
    )
    db.execute(
        "UPDATE dismissal SET message_id = ?2 WHERE message_id = ?1 "
        "AND NOT EXISTS (SELECT 1 FROM dismissal d WHERE d.message_id = ?2)",
        (old, into),
    )
    db.execute("UPDATE OR IGNORE _message_tag SET message_id = ?2 WHERE message_id = ?1", (old, into))
    db.execute("UPDATE OR IGNORE _narrowed SET message_id = ?2 WHERE message_id = ?1", (old, into))
    tagging.later(db, [into])
    # In another conversation it is a ghost, which whoever has that Message-ID claims when it is read again.
    db.execute(
        "UPDATE _reference SET message_id = (SELECT o.id FROM message o WHERE o.id = ?2 "
        "AND o.thread_id = _reference.thread_id) "
        "WHERE thread_id = (SELECT thread_id FROM message WHERE id = ?1) AND message_id = ?1",
        (old, into),
    )
    db.execute(
        "UPDATE message SET received_at = min(received_at, (SELECT received_at FROM message WHERE id = ?1)), "
        "visibility = CASE WHEN 'withdrawn' IN (visibility, (SELECT visibility FROM message WHERE id = ?1)) "
        "THEN 'withdrawn' WHEN 'responsible' IN (visibility, (SELECT visibility FROM message WHERE id = ?1)) "
        "THEN 'responsible' ELSE 'all' END WHERE id = ?2",
        (old, into),
    )
    db.execute("UPDATE message_alias SET message_id = ? WHERE message_id = ?", (into, old))
    db.execute("DELETE FROM message WHERE id = ?", (old,))
    db.execute("INSERT INTO message_alias (old_id, message_id) VALUES (?, ?)", (old, into))
    db.execute(
        "INSERT INTO audit (actor, action, subject_kind, subject_id, detail) "
        "VALUES ('relay', 'merge', 'message', ?, ?)",
        (into, json.dumps({"old_id": old})),
    )
    notes.join(db, into)
    drop_contents(db, digests)
