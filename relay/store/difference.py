"""What reading a mail again has changed of a message, for people and for the feed.

A snapshot is all that a reader of the database can see of a message, before and after; a difference is a
field of it with both. The version of the parser is no part of it: that a message was read again and came
out the same is no news.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass
from typing import Any

from relay import sqlite

Snapshot = dict[str, Any]
"""Field -> value: text, number, None, or a list of lines."""

BODIES = ("text", "quoted", "html", "note", "snippet")
"""Fields whose words are never shown in a difference, only how much of them has changed."""

COMPARED = 20_000
"""Lines of a text up to which added and removed lines are counted; finding them takes quadratic time at worst."""

_COLUMNS = (
    "internet_message_id", "thread_id", "direction", "direction_reason", "automatic", "subject", "author_address",
    "author_name", "staff_id", "originated_at", "date_source", "size", "snippet", "attachment_count", "visibility",
    "status",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChangedField:
    """One field that changed. Of bodies `old` and `new` tell only the number of lines taken away and added."""

    field: str
    old: Any
    new: Any


def snapshot(db: sqlite.Connection, message: int) -> Snapshot | None:
    """The message as it is now, None when there is none."""
    row = db.execute(f"SELECT {', '.join(_COLUMNS)}, defects FROM message WHERE id = ?", (message,)).fetchone()
    if row is None:
        return None
    found: Snapshot = dict(zip(_COLUMNS, row, strict=False))
    found["defects"] = json.loads(row[-1])
    text = db.execute("SELECT text, quoted, html, note FROM message_text WHERE message_id = ?", (message,)).fetchone()
    found.update(zip(("text", "quoted", "html", "note"), text or ("", "", "", ""), strict=True))
    found["parties"] = [
        f"{role}: {name} <{address}>" if name else f"{role}: {address}"
        for role, name, address in db.execute(
            "SELECT ma.role, ma.display_name, a.address FROM message_address ma JOIN address a ON a.id = ma.address_id"
            " WHERE ma.message_id = ? ORDER BY ma.position, a.id",
            (message,),
        )
    ]
    found["parts"] = [
        f"{kind}: {filename or '(no name)'}, {media_type}, {size} octets, {digest[:12]}"
        + (f", cid:{content_id}" if content_id else "")
        + (f", {danger}" if danger else "")
        for kind, filename, media_type, size, digest, content_id, danger in db.execute(
            "SELECT kind, filename, media_type, size, digest, content_id, danger FROM part WHERE message_id = ?"
            " ORDER BY position, id",
            (message,),
        )
    ]
    found["leads"] = [
        f"lead {lead}" + (f" ({name})" if name else "") + f" by {reason}" + (f", {role}" if role else "")
        for lead, name, reason, role in db.execute(
            "SELECT lm.lead_id, l.name, lm.reason, lm.role FROM lead_message lm JOIN lead l ON l.id = lm.lead_id"
            " WHERE lm.message_id = ? ORDER BY lm.lead_id",
            (message,),
        )
    ]
    found["copies"] = [
        f"{vault_id}[{position}] by {route}"
        + (f" ({evidence})" if evidence else "")
        + (f", written {written}" if written else "")
        + (f", staff {by}" if by else "")
        for vault_id, position, route, evidence, written, by in db.execute(
            "SELECT e.vault_id, e.position, e.route, e.evidence, o.written_date, e.staff_id FROM envelope e"
            " LEFT JOIN envelope_original o ON o.envelope_id = e.id WHERE e.message_id = ? ORDER BY e.id",
            (message,),
        )
    ]
    return found


def differences(old: Snapshot, new: Snapshot) -> tuple[ChangedField, ...]:
    """The fields that are not the same, in the order of the snapshot."""
    return tuple(
        ChangedField(field, *(_lines(old[field], new[field]) if field in BODIES else (old[field], new[field])))
        for field in old
        if old[field] != new[field]
    )


def _lines(old: str, new: str) -> tuple[int, int]:
    """(lines taken away, lines added)."""
    before, after = old.splitlines(), new.splitlines()
    if len(before) + len(after) > COMPARED:
        return len(before), len(after)
    gone = came = 0
    for op, a, b, c, d in difflib.SequenceMatcher(None, before, after, autojunk=True).get_opcodes():
        if op != "equal":
            gone, came = gone + b - a, came + d - c
    return gone, came
