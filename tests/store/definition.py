"""The definition of lead_message, by brute force, from rows read with `SELECT *` and nothing else."""

from __future__ import annotations

from relay import sqlite

ROLES = ("from", "sender", "reply-to", "to", "cc", "bcc")

Row = tuple[int, int, str, str | None, int | None, str]
"""(lead_id, message_id, originated_at, role, deal_id, reason)"""


def strong(db: sqlite.Connection) -> set[Row]:
    """What addresses and decisions give."""
    claims = db.execute("SELECT lead_id, address_key FROM lead_address").fetchall()
    ours = {key for (key,) in db.execute("SELECT address_key FROM staff_address")}
    spellings: dict[int, dict[str, int]] = {}
    for form, address, rank in db.execute("SELECT form, address_id, rank FROM _address_form"):
        spellings.setdefault(address, {})[form] = rank
    owners: dict[int, set[int]] = {}
    for address, forms in spellings.items():
        exact = {lead for lead, key in claims if forms.get(key) == 0}
        loose = {lead for lead, key in claims if forms.get(key) == 1}
        owners[address] = set() if ours & forms.keys() else exact or loose
    decisions = {
        (message, lead): (verdict, reason, deal)
        for message, lead, verdict, reason, deal in db.execute(
            "SELECT message_id, lead_id, verdict, reason, deal_id FROM explicit_attribution"
        )
    }
    rows: set[Row] = set()
    for message, at in db.execute("SELECT id, originated_at FROM message").fetchall():
        roles: dict[int, str] = {}
        for address, role in db.execute(
            "SELECT address_id, role FROM message_address WHERE message_id = ?", (message,)
        ).fetchall():
            for lead in owners[address]:
                roles[lead] = min(roles.get(lead, "bcc"), role, key=ROLES.index)
        for lead in roles.keys() | {lead for m, lead in decisions if m == message}:
            verdict, reason, deal = decisions.get((message, lead), (None, None, None))
            if verdict != "detach":
                rows.add((lead, message, at, roles.get(lead), deal, "address" if lead in roles else reason))
    return rows


def whole(db: sqlite.Connection) -> set[Row]:
    """The same and what threads give."""
    rows = strong(db)
    detached = set(
        db.execute("SELECT message_id, lead_id FROM explicit_attribution WHERE verdict = 'detach'").fetchall()
    )
    messages = db.execute("SELECT id, thread_id, direction, originated_at FROM message").fetchall()
    related = {row[1] for row in rows}
    for message, thread, direction, at in messages:
        if thread is None or message in related or direction not in ("incoming", "outgoing"):
            continue
        others = {m for m, t, _, _ in messages if t == thread and m != message}
        leads = {row[0] for row in rows if row[1] in others and row[5] != "thread"}
        if len(leads) == 1 and (message, *leads) not in detached:
            rows.add((*leads, message, at, None, None, "thread"))
    return rows


def kept(db: sqlite.Connection) -> set[Row]:
    """What stands in lead_message."""
    rows = db.execute("SELECT lead_id, message_id, originated_at, role, deal_id, reason FROM lead_message")
    return set(rows.fetchall())
