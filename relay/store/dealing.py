"""Which deal of a lead a message belongs to: the facts for `attribution.deal`, and what it decides, written.

`lead_message.deal_id` holds what decisions say at once, by triggers; the rest is the relay's. New mail is decided with
its threads when it is filed (`decide`); what CRMs and people change is queued (`_deal_due`, `later`) and decided by
`settle`, a stretch at a time. All of it is computed from the facts anew, thread by thread, so doing it twice changes
nothing. Messages that change by it are told in the feed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from itertools import groupby

from relay import sqlite
from relay.attribution.deal import Placed, Span, deals

LONG_THREAD = 2000
"""Messages on a lead in a thread, or in a thread altogether, from which it is left to `settle`."""

STRIDE = 2000
"""Messages of a lead that one `settle` looks at, and rows that it changes: a few milliseconds of the write lock."""

AGAIN = 30.0
"""Seconds after new mail before the deals of a long thread are looked through (as for its leads, `relation`)."""

# Of these messages, the threads whose leads have deals (or had: what a decision names may be no more).
_THREADS = """
SELECT DISTINCT m.thread_id
  FROM json_each(?) w
 CROSS JOIN lead_message lm ON lm.message_id = w.value
 CROSS JOIN message m ON m.id = w.value
 WHERE m.thread_id IS NOT NULL
   AND (lm.deal_id IS NOT NULL OR EXISTS (SELECT 1 FROM deal d WHERE d.lead_id = lm.lead_id))
"""

# Counted, not EXISTS: see `relation._THREADS`.
_WITH_DEALS = """
SELECT w.value FROM json_each(?) w
 WHERE (SELECT count(*) FROM (SELECT 1 FROM message m
                                JOIN lead_message lm ON lm.message_id = m.id
                                JOIN deal d ON d.lead_id = lm.lead_id
                               WHERE m.thread_id = w.value LIMIT 1)) = 1
"""

_LONG = "SELECT count(*) FROM (SELECT 1 FROM message WHERE thread_id = ? LIMIT ?)"

_ROWS = """
SELECT m.thread_id, lm.lead_id, lm.originated_at, lm.message_id, lm.deal_id, x.id
  FROM json_each(?) w
 CROSS JOIN message m ON m.thread_id = w.value
 CROSS JOIN lead_message lm ON lm.message_id = m.id
  LEFT JOIN explicit_attribution e ON e.message_id = lm.message_id AND e.lead_id = lm.lead_id AND e.verdict = 'attach'
  LEFT JOIN deal x ON x.id = e.deal_id
 ORDER BY m.thread_id, lm.lead_id, lm.originated_at, lm.message_id
"""

_SPANS = "SELECT lead_id, deal_id, opens, ends FROM _deal_span WHERE lead_id IN (SELECT value FROM json_each(?))"

_QUEUE = """
INSERT INTO _deal_due (kind, subject_id, at)
SELECT 'thread', w.value, strftime('%Y-%m-%dT%H:%M:%fZ', 'now', ?) FROM json_each(?) w
 WHERE NOT EXISTS (SELECT 1 FROM _deal_due d WHERE d.kind = 'thread' AND d.subject_id = w.value)
"""

_DUE = "at <= strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"


def decide(connection: sqlite.Connection, messages: Iterable[int], fresh: Collection[int] = ()) -> None:
    """Decide the deals of these messages and of the threads they are in; long threads are left to `settle`.

    In the caller's transaction, when `lead_message` has their leads. `fresh`: messages whose own row in the feed is
    still to be read.
    """
    threads = [thread for (thread,) in connection.execute(_THREADS, (json.dumps(list(messages)),))]
    if not threads:
        return  # no lead of theirs has any deal: the usual case
    long = [t for t in threads if connection.execute(_LONG, (t, LONG_THREAD)).fetchone()[0] == LONG_THREAD]
    if long:
        connection.execute(_QUEUE, (f"+{AGAIN} seconds", json.dumps(long)))
    _threads(connection, [t for t in threads if t not in long], fresh)


def later(connection: sqlite.Connection, messages: Iterable[int]) -> None:
    """Queue the same for `settle`."""
    threads = [thread for (thread,) in connection.execute(_THREADS, (json.dumps(list(messages)),))]
    later_in(connection, threads)


def again(connection: sqlite.Connection, threads: Collection[int]) -> None:
    """Queue those of these threads of which a lead has deals: messages have left them, or their leads."""
    later_in(connection, [thread for (thread,) in connection.execute(_WITH_DEALS, (json.dumps(list(threads)),))])


def again_of(connection: sqlite.Connection, messages: Collection[int]) -> None:
    """The same for the threads of these messages."""
    query = "SELECT DISTINCT m.thread_id FROM json_each(?) w CROSS JOIN message m ON m.id = w.value"
    found = connection.execute(query, (json.dumps(list(messages)),)).fetchall()
    again(connection, [thread for (thread,) in found if thread is not None])


def later_in(connection: sqlite.Connection, threads: Collection[int]) -> None:
    """Queue these threads for `settle`."""
    if threads:
        connection.execute(_QUEUE, ("+0 seconds", json.dumps(list(threads))))


def due(connection: sqlite.Connection) -> bool:
    """Does something wait for `settle`?"""
    return connection.execute(f"SELECT 1 FROM _deal_due WHERE {_DUE} LIMIT 1").fetchone() is not None


def settle(connection: sqlite.Connection, limit: int) -> None:
    """A little of what is queued: at most `limit` threads, or one stretch of a lead. In the caller's transaction."""
    query = f"SELECT kind, subject_id, reached_at, reached_id FROM _deal_due WHERE {_DUE} ORDER BY kind DESC LIMIT ?"
    work = connection.execute(query, (limit,)).fetchall()
    threads = [subject for kind, subject, _, _ in work if kind == "thread"]
    if threads:
        if _threads(connection, threads):
            _done(connection, "thread", threads)
    elif work:
        _, lead, at, message = work[0]
        if _walk(connection, lead, at, message):
            _done(connection, "lead", [lead])


def _done(connection: sqlite.Connection, kind: str, subjects: Iterable[int]) -> None:
    connection.executemany("DELETE FROM _deal_due WHERE kind = ? AND subject_id = ?", [(kind, s) for s in subjects])


def _walk(connection: sqlite.Connection, lead: int, reached_at: str, reached_id: int) -> bool:
    """Queue the threads of the next messages of a lead. Returns whether it has no more."""
    rows = connection.execute(
        "SELECT originated_at, message_id FROM lead_message WHERE lead_id = ? AND (originated_at, message_id) > (?, ?) "
        "ORDER BY originated_at, message_id LIMIT ?",
        (lead, reached_at, reached_id, STRIDE),
    ).fetchall()
    query = "SELECT DISTINCT m.thread_id FROM json_each(?) w CROSS JOIN message m ON m.id = w.value"
    found = connection.execute(query, (json.dumps([message for _, message in rows]),))
    later_in(connection, [thread for (thread,) in found if thread is not None])
    if len(rows) < STRIDE:
        return True
    connection.execute(
        "UPDATE _deal_due SET reached_at = ?, reached_id = ? WHERE kind = 'lead' AND subject_id = ?", (*rows[-1], lead)
    )
    return False


def _threads(connection: sqlite.Connection, threads: Collection[int], fresh: Collection[int] = ()) -> bool:
    """Write the deals of all messages in these threads, STRIDE changes at the most. Returns whether that was all."""
    rows = connection.execute(_ROWS, (json.dumps(list(threads)),)).fetchall()
    spans: dict[int, dict[int, Span]] = {}
    for lead, deal, opens, ends in connection.execute(_SPANS, (json.dumps(sorted({row[1] for row in rows})),)):
        spans.setdefault(lead, {})[deal] = Span(opens, ends)
    changed: list[tuple[int | None, int, str, int]] = []
    for (_, lead), group in groupby(rows, key=lambda row: (row[0], row[1])):
        placed = list(group)
        wanted = deals([Placed(row[2], row[5]) for row in placed], spans.get(lead, {}))
        changed += [(deal, lead, row[2], row[3]) for row, deal in zip(placed, wanted, strict=True) if row[4] != deal]
    now = changed[:STRIDE]
    connection.executemany(
        "UPDATE lead_message SET deal_id = ? WHERE lead_id = ? AND originated_at = ? AND message_id = ?", now
    )
    connection.executemany(
        "INSERT INTO change (entity, entity_id, op) VALUES ('message', ?, 'update')",
        [(message,) for message in sorted({row[3] for row in now} - set(fresh))],
    )
    return len(now) == len(changed)
