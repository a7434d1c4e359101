"""The definition of lead_message, by brute force, from rows read with `SELECT *` and nothing else."""

from __future__ import annotations

from relay import sqlite

ROLES = ("from", "sender", "reply-to", "to", "cc", "bcc")

Row = tuple[int, int, str, str | None, int | None, str]
"""(lead_id, message_id, originated_at, role, deal_id, reason)"""


def strong(db: sqlite.Connection) -> set[Row]:
    """What addresses and decisions give, deals aside."""
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
        (message, lead): (verdict, reason)
        for message, lead, verdict, reason in db.execute(
            "SELECT message_id, lead_id, verdict, reason FROM explicit_attribution"
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
            verdict, reason = decisions.get((message, lead), (None, None))
            if verdict != "detach":
                rows.add((lead, message, at, roles.get(lead), None, "address" if lead in roles else reason))
    return rows


def whole(db: sqlite.Connection) -> set[Row]:
    """The same with what threads give, and with deals."""
    rows = _with_threads(db)
    threads = dict(db.execute("SELECT id, thread_id FROM message").fetchall())
    return {
        (*row[:4], _deal(db, row, [r for r in rows if r[0] == row[0] and threads[r[1]] == threads[row[1]]]), row[5])
        for row in rows
    }


def _deal(db: sqlite.Connection, row: Row, thread: list[Row]) -> int | None:
    """The deal of a message on a lead; `thread`: all that the lead has of its thread, itself included."""
    lead, message, at = row[:3]
    named = _named(db, lead, message)
    if named:
        return named
    before = [each for each in thread if (each[2], each[1]) < (at, message)]
    behind = [each for each in thread if (each[2], each[1]) > (at, message)]
    open_then = _open(db, lead, at)
    for each in sorted(before, key=lambda r: (r[2], r[1]), reverse=True):
        found = _deal(db, each, thread)
        if found:
            if found in open_then:
                return found
            break
    for each in sorted(behind, key=lambda r: (r[2], r[1])):
        found = _named(db, lead, each[1])
        if found:
            if found in open_then:
                return found
            break
    return open_then[0] if len(open_then) == 1 else None


def _named(db: sqlite.Connection, lead: int, message: int) -> int | None:
    query = "SELECT deal_id FROM explicit_attribution WHERE lead_id = ? AND message_id = ? AND verdict = 'attach'"
    row = db.execute(query, (lead, message)).fetchone()
    there = {deal for (deal,) in db.execute("SELECT id FROM deal")}
    return row[0] if row and row[0] in there else None


def _open(db: sqlite.Connection, lead: int, at: str) -> list[int]:
    """The deals of a lead that were open at that time."""
    found = []
    ended = dict(db.execute("SELECT deal_id, at FROM _deal_end").fetchall())
    for deal, opened, closed_at, closed, outcome in db.execute(
        "SELECT id, opened_key, closed_at, closed_key, outcome FROM deal WHERE lead_id = ?", (lead,)
    ).fetchall():
        end = closed if closed_at is not None else ended.get(deal, "") if outcome else None
        if end and len(str(closed_at).strip()) == 10:
            end = end[:10] + "T23:59:59.999Z"  # a day is over at its end
        if (opened is None or opened <= at) and (end is None or at <= end):
            found.append(deal)
    return found


def _with_threads(db: sqlite.Connection) -> set[Row]:
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


def at_once(db: sqlite.Connection) -> set[Row]:
    """What stands in lead_message and is nobody's to decide later: threads and deals aside."""
    return {(*row[:4], None, row[5]) for row in kept(db) if row[5] != "thread"}


def kept(db: sqlite.Connection) -> set[Row]:
    """What stands in lead_message."""
    rows = db.execute("SELECT lead_id, message_id, originated_at, role, deal_id, reason FROM lead_message")
    return set(rows.fetchall())


def wrongly_waiting(db: sqlite.Connection) -> list[tuple[int, str, str, str]]:
    """Tags that are disputed or unknown, and should be something else: (message, kind, value, state)."""
    found = []
    leads = {row[0]: row for row in db.execute("SELECT id, external_id, organization, merged_into FROM lead")}
    deals = {row[0]: row for row in db.execute("SELECT id, external_id, lead_id FROM deal")}
    decided = set(db.execute("SELECT message_id, lead_id FROM explicit_attribution"))
    for message, kind, value, state in db.execute(
        "SELECT message_id, kind, value, state FROM _message_tag WHERE state <> 'applied'"
    ).fetchall():
        table = leads if kind.startswith("lead") else deals
        if kind == "unknown":
            named = []
        elif kind.endswith("-ext"):
            named = [row for row in table.values() if (row[1] or "").lower() == value.lower()]
        else:
            named = [table[int(value)]] if int(value) in table else []
        lead = (named[0][0] if table is leads else named[0][2]) if named else None
        for _ in range(100):  # the last existing lead of a chain of merges
            into = leads[lead][3] if lead in leads else None
            if into not in leads or into == lead:
                break
            lead = into
        if lead not in leads:
            if state != "unknown":
                found.append((message, kind, value, state))
            continue
        # every party that has a lead of its own, whether or not a decision took the message off it
        parties = {
            owner
            for (address,) in db.execute("SELECT address_id FROM message_address WHERE message_id = ?", (message,))
            for owner in _owners(db, address)
            if owner in leads
        }
        names = {(leads[party][2] or "").strip().lower() for party in parties} - {""}
        agrees = not parties or lead in parties or (leads[lead][2] or "").strip().lower() in names
        if state == "unknown" or (agrees and (message, lead) not in decided):
            found.append((message, kind, value, state))
    return found


def _owners(db: sqlite.Connection, address: int) -> set[int]:
    forms = dict(db.execute("SELECT form, rank FROM _address_form WHERE address_id = ?", (address,)).fetchall())
    if {key for (key,) in db.execute("SELECT address_key FROM staff_address")} & forms.keys():
        return set()
    claims = db.execute("SELECT lead_id, address_key FROM lead_address").fetchall()
    exact = {lead for lead, key in claims if forms.get(key) == 0}
    return exact or {lead for lead, key in claims if forms.get(key) == 1}
