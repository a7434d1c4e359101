"""Which lead has which message, as far as the relay decides it: new mail, threads, and what is left to sweep.

`lead_message` must always equal its definition (contract, last paragraph). Triggers keep it when a CRM
writes (`schema/0003_relation.sql`); this module keeps it when the relay does, in two calls:

* `relate` makes it right for messages that have just been filed, and for the threads they are in;
* `settle` finishes what triggers left in `_unsettled`: threads, and the rows of deleted leads.

Both recompute from the facts, so repeating them changes nothing. They do not know mail.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from relay import sqlite
from relay.store import dealing, tagging, unrelated

LONG_THREAD = 2000
"""Messages from which a thread is not looked through at every new mail but by `settle`: a monitoring
system that answers itself for years must not slow down filing."""

STRIDE = 2000
"""Messages of a busy address that one `settle` looks at: a few milliseconds of the write lock."""

SWEPT = 25
"""Addresses, decisions and deals of deleted leads that one `settle` removes: eight milliseconds of the write lock."""

GRACE = 900.0
"""Seconds before the rows of a deleted lead are swept: a CRM that deletes all its leads and inserts them
anew, without a transaction around both, keeps addresses, deals and decisions. Views hide them meanwhile."""

AGAIN = 30.0
"""Seconds after new mail before a long thread is looked through: reading fifty thousand messages takes a
third of a second, and the next answer is on its way."""

_FORGET = "DELETE FROM lead_message WHERE message_id IN (SELECT value FROM json_each(?))"

_BY_ADDRESS = """
INSERT INTO lead_message (lead_id, message_id, originated_at, role, deal_id, reason)
SELECT lead_id, id, originated_at, role, deal_id, 'address'
  FROM (SELECT x.lead_id, m.id, m.originated_at, r.role, e.deal_id,
               -- with a single min(), SQLite takes the other columns from the row that has it
               min(CASE r.role WHEN 'from' THEN 1 WHEN 'sender' THEN 2 WHEN 'reply-to' THEN 3
                               WHEN 'to' THEN 4 WHEN 'cc' THEN 5 ELSE 6 END)
          FROM json_each(?) w
         CROSS JOIN message m ON m.id = w.value
         CROSS JOIN message_address r ON r.message_id = m.id
         CROSS JOIN _match x ON x.address_id = r.address_id
          LEFT JOIN explicit_attribution e ON e.message_id = m.id AND e.lead_id = x.lead_id
         WHERE e.verdict IS NOT 'detach'
         GROUP BY m.id, x.lead_id)
"""

_BY_DECISION = """
INSERT INTO lead_message (lead_id, message_id, originated_at, role, deal_id, reason)
SELECT e.lead_id, m.id, m.originated_at, NULL, e.deal_id, e.reason
  FROM json_each(?) w
 CROSS JOIN message m ON m.id = w.value
 CROSS JOIN explicit_attribution e ON e.message_id = m.id
 WHERE e.verdict = 'attach'
   AND NOT EXISTS (SELECT 1 FROM lead_message o WHERE o.message_id = m.id AND o.lead_id = e.lead_id)
"""

# Counted, not EXISTS: SQLite 3.51 and later make a join of that, and read a thread of thousands to its end.
_THREADS = """
SELECT thread_id
  FROM (SELECT DISTINCT m.thread_id FROM json_each(?) w CROSS JOIN message m ON m.id = w.value) t
 WHERE (SELECT count(*) FROM (SELECT 1 FROM message o WHERE o.thread_id = t.thread_id LIMIT 2)) = 2
"""

_LONG = "SELECT count(*) FROM (SELECT 1 FROM message WHERE thread_id = ? LIMIT ?)"

_QUEUE = """
INSERT INTO _unsettled (kind, subject_id)
SELECT 'thread', w.value FROM json_each(?) w
 WHERE NOT EXISTS (SELECT 1 FROM _unsettled u WHERE u.kind = 'thread' AND u.subject_id = w.value)
"""

_QUEUE_LATER = f"""
INSERT INTO _unsettled (kind, subject_id, at)
SELECT 'thread', w.value, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '+{AGAIN} seconds') FROM json_each(?) w
 WHERE NOT EXISTS (SELECT 1 FROM _unsettled u WHERE u.kind = 'thread' AND u.subject_id = w.value)
"""

_SOLE_LEAD = """
SELECT w.value, CASE WHEN min(lm.lead_id) = max(lm.lead_id) THEN min(lm.lead_id) END
  FROM json_each(?) w
  LEFT JOIN message m ON m.thread_id = w.value
  LEFT JOIN lead_message lm ON lm.message_id = m.id AND lm.reason <> 'thread'
 GROUP BY w.value
"""

# Rows that only the thread gave, and that it gives no more.
_THREAD_STALE = """
SELECT t.lead_id, t.originated_at, t.message_id
  FROM json_each(?) w
 CROSS JOIN message m ON m.thread_id = w.value ->> 0
 CROSS JOIN lead_message t ON t.message_id = m.id
 WHERE t.reason = 'thread'
   AND (t.lead_id IS NOT w.value ->> 1
        OR m.direction NOT IN ('incoming', 'outgoing')
        OR EXISTS (SELECT 1 FROM lead_message o WHERE o.message_id = m.id AND o.reason <> 'thread')
        OR EXISTS (SELECT 1 FROM explicit_attribution e
                    WHERE e.message_id = m.id AND e.lead_id = t.lead_id AND e.verdict = 'detach'))
"""

_THREAD_MISSING = """
SELECT w.value ->> 1, m.originated_at, m.id
  FROM json_each(?) w
 CROSS JOIN message m ON m.thread_id = w.value ->> 0
 WHERE w.value ->> 1 IS NOT NULL
   AND m.direction IN ('incoming', 'outgoing')
   AND NOT EXISTS (SELECT 1 FROM lead_message o WHERE o.message_id = m.id)
   AND NOT EXISTS (SELECT 1 FROM explicit_attribution e
                    WHERE e.message_id = m.id AND e.lead_id = w.value ->> 1 AND e.verdict = 'detach')
"""

# Mail of which only facts were kept has a lead now: the filer fetches its text. (When a lead that is not there comes
# back, a trigger asks for it. Asked for here, each reading would end with asking for the next.)
_TEXT_WANTED = """
INSERT INTO _read_again (message_id)
SELECT f.message_id
  FROM json_each(?) w
 CROSS JOIN _facts_only f ON f.message_id = w.value ->> 1
 WHERE EXISTS (SELECT 1 FROM lead l WHERE l.id = w.value ->> 0)
   AND NOT EXISTS (SELECT 1 FROM _read_again r WHERE r.message_id = f.message_id)
"""


def relate(connection: sqlite.Connection, message_ids: Collection[int]) -> None:
    """Make `lead_message` right for these messages and for the threads they are in.

    To be called inside the transaction that wrote them, after their `message`, `message_address`,
    `_address_form` and `explicit_attribution` rows. May be called for any message at any time.
    """
    if not message_ids:
        return
    ids = json.dumps(list(message_ids))
    tagging.apply(connection, message_ids)
    connection.execute(_FORGET, (ids,))
    connection.execute(_BY_ADDRESS, (ids,))
    connection.execute(_BY_DECISION, (ids,))
    threads = [thread for (thread,) in connection.execute(_THREADS, (ids,))]
    if threads:
        long = [t for t in threads if connection.execute(_LONG, (t, LONG_THREAD)).fetchone()[0] == LONG_THREAD]
        if long:
            connection.execute(_QUEUE_LATER, (json.dumps(long),))
        _rethread(connection, [t for t in threads if t not in long], fresh=message_ids)
    dealing.decide(connection, message_ids, fresh=message_ids)
    unrelated.keep(connection, ids)


def _rethread(connection: sqlite.Connection, threads: Collection[int], fresh: Collection[int] = ()) -> bool:
    """Make the rows that threads give right for these threads, 2 x STRIDE of them at the most. Returns whether all are.

    Messages that change by it (other than `fresh` ones, whose own row in the feed is still to be read)
    are told in the feed: no CRM has written anything from which it could know.
    """
    if not threads:
        return True
    leads = connection.execute(_SOLE_LEAD, (json.dumps(list(threads)),)).fetchall()
    found = json.dumps(leads)
    stale = connection.execute(_THREAD_STALE, (found,)).fetchmany(STRIDE)
    connection.executemany(
        "DELETE FROM lead_message WHERE lead_id = ? AND originated_at = ? AND message_id = ?",
        stale,
    )
    missing = connection.execute(_THREAD_MISSING, (found,)).fetchmany(STRIDE)
    connection.executemany(
        "INSERT INTO lead_message (lead_id, originated_at, message_id, reason) VALUES (?, ?, ?, 'thread')", missing
    )
    if missing:
        connection.execute(_TEXT_WANTED, (json.dumps([(lead, message) for lead, _, message in missing]),))
    changed = {message for _, _, message in (*stale, *missing)}
    if changed:
        unrelated.listed(connection, changed, [(lead, message) for lead, _, message in stale])
        _tell(connection, changed - set(fresh))
        dealing.later(connection, changed - set(fresh))
    return len(stale) < STRIDE and len(missing) < STRIDE


def settle(connection: sqlite.Connection, limit: int = 100) -> bool:
    """Finish a little of what triggers could not, in one short transaction of its own.

    At most `limit` threads, messages, addresses or leads; STRIDE messages of busy addresses and long
    threads. Returns whether there was something to do, so: `while settle(connection): pass`. Raises
    OperationalError when the write lock cannot be had in time; nothing is lost then.
    """
    if (
        connection.execute(f"SELECT 1 FROM _unsettled WHERE {_due()} LIMIT 1").fetchone() is None
        and not tagging.due(connection)
        and not dealing.due(connection)
    ):
        return False  # looked at without the write lock: this is the usual case
    try:
        # Reading a thread of fifty thousand takes long, so it is done before the write lock is asked for. When
        # somebody has written meanwhile SQLite refuses the first write, and all is done under the lock.
        _settle(connection, "BEGIN", limit)
    except sqlite.OperationalError:
        _settle(connection, "BEGIN IMMEDIATE", limit)
    return True


def _due() -> str:
    wait = f"CASE kind WHEN 'lead' THEN '-{GRACE} seconds' ELSE '-0 seconds' END"
    return f"at <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now', {wait})"


def _settle(connection: sqlite.Connection, begin: str, limit: int) -> None:
    connection.execute(begin)
    try:
        work = connection.execute(
            "SELECT kind, subject_id, reached_at, reached_id FROM _unsettled "
            f"WHERE {_due()} ORDER BY kind, subject_id LIMIT ?",
            (limit,),
        ).fetchall()
        kind = work[0][0] if work else ""
        subjects = [row[1] for row in work if row[0] == kind]
        if kind == "address":
            subjects = _walk(connection, [row[1:] for row in work if row[0] == kind])
        elif kind == "lead":
            subjects = _sweep(connection, subjects)
        elif kind == "message":
            _decide_again(connection, subjects)
        elif kind == "thread":
            dealing.again(connection, subjects)
            if not _rethread(connection, subjects):
                subjects = []
        elif messages := tagging.take(connection, limit):
            _decide_again(connection, messages)
        else:
            dealing.settle(connection, limit)
        connection.executemany(
            "DELETE FROM _unsettled WHERE kind = ? AND subject_id = ?", [(kind, subject) for subject in subjects]
        )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _decide_again(connection: sqlite.Connection, messages: list[int]) -> None:
    """`relate` for messages long filed: what it changes is told in the feed."""
    ids = json.dumps(messages)
    leads = "SELECT message_id, lead_id, deal_id FROM lead_message WHERE message_id IN (SELECT value FROM json_each(?))"
    before = set(connection.execute(leads, (ids,)).fetchall())
    relate(connection, messages)
    unrelated.on_a_lead_again(connection, ids)
    after = set(connection.execute(leads, (ids,)).fetchall())
    _tell(connection, {message for message, _, _ in before ^ after})
    dealing.again_of(connection, {message for message, _, _ in before - after})


def _tell(connection: sqlite.Connection, messages: Iterable[int]) -> None:
    """A row in the change feed for messages whose leads have changed without any write of a CRM's."""
    connection.executemany(
        "INSERT INTO change (entity, entity_id, op) VALUES ('message', ?, 'update')",
        [(message,) for message in sorted(messages)],
    )


def _walk(connection: sqlite.Connection, addresses: Iterable[tuple[int, str, int]]) -> list[int]:
    """Queue the threads of the next messages of these addresses. Returns those that have no more."""
    done: list[int] = []
    left = STRIDE
    for address, reached_at, reached_id in addresses:
        messages = connection.execute(
            "SELECT originated_at, message_id FROM message_address "
            "WHERE address_id = ? AND (originated_at, message_id) > (?, ?) ORDER BY originated_at, message_id LIMIT ?",
            (address, reached_at, reached_id, left),
        ).fetchall()
        ids = [message for _, message in messages]
        threads = connection.execute(_THREADS, (json.dumps(ids),)).fetchall()
        dealing.later(connection, ids)
        tagging.later(connection, ids)
        connection.execute(_QUEUE, (json.dumps([thread for (thread,) in threads]),))
        left -= len(messages)
        if left <= 0:
            connection.execute(
                "UPDATE _unsettled SET reached_at = ?, reached_id = ? WHERE kind = 'address' AND subject_id = ?",
                (*messages[-1], address),
            )
            break
        done.append(address)
    return done


def _sweep(connection: sqlite.Connection, leads: Iterable[int]) -> list[int]:
    """Remove some of what deleted leads left; one that is back keeps all. Returns those of whom nothing is left."""
    done: list[int] = []
    rows = SWEPT
    for lead in leads:
        if not connection.execute("SELECT 1 FROM lead WHERE id = ?", (lead,)).fetchone():
            rows -= _sweep_one(connection, lead, rows)
            if rows <= 0:
                break
            connection.execute("DELETE FROM _deleted_lead WHERE lead_id = ?", (lead,))
            tagging.lead_gone(connection, lead)
        done.append(lead)
    return done


def _sweep_one(connection: sqlite.Connection, lead: int, limit: int) -> int:
    """Returns how many rows were removed; as many as `limit` or more means that some may be left."""
    swept = 0
    for table in ("lead_address", "explicit_attribution", "deal"):
        swept += connection.execute(
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE lead_id = ? LIMIT ?)", (lead, limit - swept)
        ).rowcount
        if swept >= limit:
            return swept
    # What is left was given by threads only, and goes with them; but not all of it may be in a queued one.
    left = connection.execute(
        "SELECT originated_at, message_id FROM lead_message WHERE lead_id = ? LIMIT ?", (lead, STRIDE)
    ).fetchall()
    connection.executemany(
        "DELETE FROM lead_message WHERE lead_id = ? AND originated_at = ? AND message_id = ?",
        [(lead, *row) for row in left],
    )
    if left:
        unrelated.listed(connection, [message for _, message in left], [(lead, message) for _, message in left])
    return limit if len(left) == STRIDE else swept
