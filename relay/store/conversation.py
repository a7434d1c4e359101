"""A conversation in its order, with the mails in it that never reached us.

A thread is made of Message-IDs (RFC 5322 §3.6.4): those of its messages, and those that they refer to.
An id that no message of ours bears is a ghost: somebody wrote that mail, and we were not given it. Which
message answers it says where it stood. Only reads.
"""

from __future__ import annotations

import json

from relay import sqlite
from relay.store.reading import Before, Row, rows

GHOSTS = 200
"""Ghosts shown of one thread: a digest may refer to thousands of mails that were never meant for us."""

_AT_THE_END: Before = ("~", 0)


def conversation(db: sqlite.Connection, message: int, limit: int, before: Before | None = None) -> list[Row]:
    """The newest `limit` messages of the thread of `message` (before the place `before`), oldest first.

    Rows have the columns of `message`, and `leads` (id and name), `ghost` (False) and `answered_by` (None).
    A ghost stands before the first message that answers it, or before all when no answer tells; it has
    `internet_message_id`, `thread_id`, `ghost` (True) and `answered_by` (message.id or None), the rest is
    None. Ghosts without a place are on the oldest page only. Mail that is not for everybody is left out.
    """
    (thread,) = db.execute("SELECT thread_id FROM message WHERE id = ?", (message,)).fetchone()
    found = rows(
        db,
        "SELECT * FROM message WHERE (id = ?1 OR thread_id = ?2) AND visibility = 'all'"
        " AND (originated_at, id) < (?3, ?4) ORDER BY originated_at DESC, id DESC LIMIT ?5",
        (message, thread, *(before or _AT_THE_END), limit),
    )[::-1]
    for row in found:
        row["leads"] = rows(
            db,
            "SELECT l.id, l.name FROM lead_message lm JOIN lead l ON l.id = lm.lead_id"
            " WHERE lm.message_id = ? ORDER BY l.id",
            (row["id"],),
        )
        row["ghost"], row["answered_by"] = False, None
    if thread is None or not found:
        return found
    ghosts = _answered(db, [row["id"] for row in found])
    ordered = [_ghost(found[0], name, None) for name in _placeless(db, thread)] if len(found) < limit else []
    for row in found:
        name = ghosts.pop(row["id"], None)
        ordered += [row] if name is None else [_ghost(row, name, row["id"]), row]
    return ordered


def hidden(db: sqlite.Connection, message: int) -> int:
    """How many messages of the thread are not for everybody."""
    (count,) = db.execute(
        "SELECT count(*) FROM message WHERE visibility <> 'all'"
        " AND (id = ?1 OR thread_id = (SELECT thread_id FROM message WHERE id = ?1))",
        (message,),
    ).fetchone()
    return int(count)


def _answered(db: sqlite.Connection, ids: list[int]) -> dict[int, str]:
    """message.id -> the Message-ID of the mail that it is the first to answer and that is not here."""
    first: dict[str, int] = {}
    answers = dict(
        db.execute(
            "SELECT a.message_id, a.internet_message_id FROM json_each(?) w JOIN _answer a ON a.message_id = w.value"
            " WHERE NOT EXISTS (SELECT 1 FROM message o WHERE o.internet_message_id = a.internet_message_id)",
            (json.dumps(ids),),
        ).fetchall()
    )
    for message in ids:
        if message in answers:
            first.setdefault(answers[message], message)
    return {message: name for name, message in first.items()}


def _placeless(db: sqlite.Connection, thread: int) -> list[str]:
    """The Message-IDs that the thread refers to, that are not here and that no message here answers."""
    found = db.execute(
        "SELECT DISTINCT r.internet_message_id FROM _reference r WHERE r.thread_id = ?1 AND r.message_id IS NULL"
        # one id may stand under two base subjects: it is here when any of them is
        " AND NOT EXISTS (SELECT 1 FROM message o WHERE o.internet_message_id = r.internet_message_id)"
        " AND r.internet_message_id NOT IN (SELECT a.internet_message_id FROM message m"
        "   JOIN _answer a ON a.message_id = m.id WHERE m.thread_id = ?1) ORDER BY 1 LIMIT ?2",
        (thread, GHOSTS),
    ).fetchall()
    return [name for (name,) in found]


def _ghost(like: Row, name: str, answered_by: int | None) -> Row:
    """A row with the columns of `like` that stands for a mail we know by its Message-ID only."""
    facts = {"thread_id": like["thread_id"], "leads": [], "ghost": True, "answered_by": answered_by}
    return {**dict.fromkeys(like), "internet_message_id": name, **facts}
