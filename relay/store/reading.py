"""The questions that the reading commands ask of relay.db.

Each gives rows as dictionaries, with the column names of the contract, newest first where time matters,
and never more than `limit`: the next page begins `before` the last row seen (keyset, not OFFSET, so a
deep page costs what the first costs). Nothing here writes and nothing here decides.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from relay import sqlite
from relay.store import contact, proofs

Row = dict[str, Any]
Before = tuple[str, int]
"""(originated_at, message_id) of the last row of the page before."""

_AT_THE_END: Before = ("~", 0)  # after every time there is


def rows(db: sqlite.Connection, query: str, arguments: Sequence[object] = ()) -> list[Row]:
    """The rows of a query as dictionaries."""
    cursor = db.execute(query, arguments)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def place(db: sqlite.Connection, message: int) -> Before:
    """Where a message stands in every list that is ordered by time."""
    at = db.execute("SELECT originated_at FROM message WHERE id = ?", (message,)).fetchone()
    return (at[0], message) if at else _AT_THE_END


def timeline(db: sqlite.Connection, lead: int, limit: int, before: Before | None = None) -> list[Row]:
    """The view `lead_timeline` for one lead."""
    return rows(
        db,
        "SELECT * FROM lead_timeline WHERE lead_id = ? AND (originated_at, message_id) < (?, ?)"
        " ORDER BY originated_at DESC, message_id DESC LIMIT ?",
        (lead, *(before or _AT_THE_END), limit),
    )


def unresolved(db: sqlite.Connection, limit: int, before: Before | None = None) -> list[Row]:
    """The view `unresolved_message`."""
    return rows(
        db,
        "SELECT * FROM unresolved_message WHERE (originated_at, message_id) < (?, ?)"
        " ORDER BY originated_at DESC, message_id DESC LIMIT ?",
        (*(before or _AT_THE_END), limit),
    )


def messages(db: sqlite.Connection, ids: Sequence[int]) -> list[Row]:
    """The rows of `message` for `ids`, in the order of `ids`; one that is gone is left out."""
    found = {row["id"]: row for row in rows(db, f"SELECT * FROM message WHERE id IN {_numbers(ids)}")}
    return [found[each] for each in ids if each in found]


def file_names(db: sqlite.Connection, ids: Sequence[int]) -> dict[int, list[str]]:
    """message.id -> the names of its attachments, '' for one without a name; with what is dangerous about one."""
    named: dict[int, list[str]] = {}
    query = f"SELECT message_id, filename, danger FROM part WHERE kind = 'attachment' AND message_id IN {_numbers(ids)}"
    for message, filename, danger in db.execute(query + " ORDER BY message_id, position"):
        named.setdefault(message, []).append(f"{filename or '(no name)'} [{danger}]" if danger else filename)
    return named


def staff_names(db: sqlite.Connection, ids: Iterable[int | None]) -> dict[int, str]:
    query = f"SELECT id, coalesce(name, '') FROM staff WHERE id IN {_numbers([i for i in ids if i is not None])}"
    return dict(db.execute(query).fetchall())


def ambiguous_deals(db: sqlite.Connection, lead_id: int, ids: Iterable[int]) -> dict[int, int]:
    """message.id -> how many deals of the lead were open then, for those of which nobody said which is meant."""
    query = f"SELECT message_id, deal_count FROM ambiguous_deal WHERE lead_id = ? AND message_id IN {_numbers(ids)}"
    return dict(db.execute(query, (lead_id,)).fetchall())


def deal_titles(db: sqlite.Connection, ids: Iterable[int | None]) -> dict[int, str]:
    query = f"SELECT id, coalesce(title, '') FROM deal WHERE id IN {_numbers([i for i in ids if i is not None])}"
    return dict(db.execute(query).fetchall())


def lead(db: sqlite.Connection, lead_id: int) -> Row:
    """One row of `lead` with `addresses`, `deals`, `message_count`, `first_at` and `last_at` (of all mail on it), when
    there was contact, and `address_health` (`contact.of_lead`).
    """
    [found] = rows(db, "SELECT * FROM lead WHERE id = ?", (lead_id,))
    found["addresses"] = [
        a for (a,) in db.execute("SELECT address FROM lead_address WHERE lead_id = ? ORDER BY id", (lead_id,))
    ]
    found["deals"] = rows(
        db, "SELECT id, external_id, title, kind, stage, outcome FROM deal WHERE lead_id = ? ORDER BY id", (lead_id,)
    )
    found["message_count"], found["first_at"], found["last_at"] = db.execute(
        "SELECT count(*), min(originated_at), max(originated_at) FROM lead_timeline WHERE lead_id = ?", (lead_id,)
    ).fetchone()
    return found | contact.of_lead(db, lead_id)


def leads(db: sqlite.Connection, limit: int, before: int | None = None) -> list[Row]:
    """Leads, newest first, with `addresses`, `last_at` (of any mail) and `last_contact_at` (of mail that people wrote).

    `before` is the lead.id of the last row seen.
    """
    found = rows(
        db,
        "SELECT l.*, (SELECT max(lm.originated_at) FROM lead_message lm WHERE lm.lead_id = l.id) AS last_at,"
        f" {contact.LAST_CONTACT} AS last_contact_at FROM lead l WHERE l.id < ? ORDER BY l.id DESC LIMIT ?",
        (before if before is not None else 2**62, limit),
    )
    return _with_addresses(db, found, "lead")


def staff(db: sqlite.Connection, limit: int, before: int | None = None) -> list[Row]:
    """Our people, newest first, with `addresses`. `before` is the staff.id of the last row seen."""
    query = "SELECT * FROM staff WHERE id < ? ORDER BY id DESC LIMIT ?"
    return _with_addresses(db, rows(db, query, (before if before is not None else 2**62, limit)), "staff")


def deals(db: sqlite.Connection, lead_id: int | None, limit: int, before: int | None = None) -> list[Row]:
    """Deals, newest first, of one lead or of all, with `lead_name`."""
    return rows(
        db,
        "SELECT d.id, d.external_id, d.lead_id, d.title, d.kind, d.stage, d.outcome, d.opened_at, d.closed_at,"
        " d.created_at, d.updated_at, l.name AS lead_name FROM deal d LEFT JOIN lead l ON l.id = d.lead_id"
        " WHERE d.id < ?1 AND (?2 IS NULL OR d.lead_id = ?2) ORDER BY d.id DESC LIMIT ?3",
        (before if before is not None else 2**62, lead_id, limit),
    )


def _with_addresses(db: sqlite.Connection, found: list[Row], kind: str) -> list[Row]:
    by_id: dict[int, list[str]] = {row["id"]: [] for row in found}
    query = f"SELECT {kind}_id, address FROM {kind}_address WHERE {kind}_id IN {_numbers(list(by_id))} ORDER BY id"
    for owner, address in db.execute(query):
        by_id[owner].append(address)
    for row in found:
        row["addresses"] = by_id[row["id"]]
    return found


def letter(db: sqlite.Connection, message: int) -> Row:
    """Everything about one message: its row, text, parties with their leads, parts, envelopes and leads."""
    [found] = rows(db, "SELECT * FROM message WHERE id = ?", (message,))
    found["defects"] = json.loads(found["defects"])
    texts = rows(db, "SELECT text, quoted, html, note FROM message_text WHERE message_id = ?", (message,))
    found.update(texts[0] if texts else {"text": "", "quoted": "", "html": "", "note": ""})
    found["parties"] = rows(
        db,
        "SELECT a.address, ma.role, ma.display_name, ma.address_id"
        " FROM message_address ma JOIN address a ON a.id = ma.address_id WHERE ma.message_id = ?"
        " ORDER BY CASE ma.role WHEN 'from' THEN 1 WHEN 'sender' THEN 2 WHEN 'reply-to' THEN 3"
        " WHEN 'to' THEN 4 WHEN 'cc' THEN 5 ELSE 6 END, ma.position",
        (message,),
    )
    for party in found["parties"]:
        party.update(_whose(db, party.pop("address_id")))
    found["leads"] = rows(
        db,
        "SELECT lm.lead_id, l.name, lm.role, lm.deal_id, d.title AS deal_title, lm.reason FROM lead_message lm"
        " JOIN lead l ON l.id = lm.lead_id LEFT JOIN deal d ON d.id = lm.deal_id"
        " WHERE lm.message_id = ? ORDER BY lm.lead_id",
        (message,),
    )
    found["parts"] = rows(
        db,
        "SELECT id, position, media_type, filename, content_id, size, digest, kind, danger FROM part"
        " WHERE message_id = ? ORDER BY position",
        (message,),
    )
    found["envelopes"] = envelopes(db, message)
    found["notes"] = rows(
        db,
        "SELECT e.id AS envelope_id, e.staff_id, s.name AS staff_name, n.note FROM envelope e"
        " JOIN envelope_note n ON n.envelope_id = e.id LEFT JOIN staff s ON s.id = e.staff_id"
        " WHERE e.message_id = ? ORDER BY e.id",
        (message,),
    )
    dismissal = db.execute("SELECT dismissed_at FROM dismissal WHERE message_id = ?", (message,)).fetchone()
    found["dismissed_at"] = dismissal[0] if dismissal else None
    return found


def _whose(db: sqlite.Connection, address: int) -> Row:
    """Whose address it is: `staff` and `leads`, each id and name."""
    # _match is the step before lead_message; the contract's own columns would need the rules of matching again.
    return {
        "staff": rows(
            db,
            "SELECT DISTINCT s.id, s.name FROM _address_form f JOIN staff_address a ON a.address_key = f.form"
            " JOIN staff s ON s.id = a.staff_id WHERE f.address_id = ?",
            (address,),
        ),
        "leads": rows(
            db,
            "SELECT l.id, l.name FROM _match x JOIN lead l ON l.id = x.lead_id WHERE x.address_id = ? ORDER BY 1",
            (address,),
        ),
    }


def envelopes(db: sqlite.Connection, message: int) -> list[Row]:
    """The accepted copies of a message, in the order of their arrival, with `forward_paths`, `staff_name`,
    `proof` (None where full trust asks for none) and `owners` of personal addresses.
    """
    found = rows(
        db,
        "SELECT e.id, e.vault_id, e.position, e.route, e.reverse_path, e.client, e.tls, e.admitted_by, e.staff_id,"
        " s.name AS staff_name, e.received_at FROM envelope e LEFT JOIN staff s ON s.id = e.staff_id"
        " WHERE e.message_id = ? ORDER BY e.received_at, e.id",
        (message,),
    )
    for each in found:
        query = "SELECT forward_path FROM envelope_recipient WHERE envelope_id = ? ORDER BY 1"
        each["forward_paths"] = [path for (path,) in db.execute(query, (each["id"],))]
        each["proof"] = proofs.of_envelope(db, each["id"])
        each["owners"] = proofs.owners(db, each["id"])
    return found


def outside_parties(db: sqlite.Connection, message: int) -> list[Row]:
    """The outside parties of a message, strongest role first: whom to make a lead of."""
    query = "SELECT address, display_name FROM _outside_party WHERE message_id = ? ORDER BY rank, position"
    return rows(db, query, (message,))


def filed_up_to(db: sqlite.Connection) -> str | None:
    """The vault id up to which all mail has its outcome."""
    row = db.execute("SELECT value FROM _relay WHERE name = 'filed_up_to'").fetchone()
    return None if row is None else row[0]


def _numbers(ids: Iterable[int]) -> str:
    """A list of ids for IN: whole numbers only, so that it may stand in the text of a query."""
    return f"({', '.join(str(int(each)) for each in ids)})"
