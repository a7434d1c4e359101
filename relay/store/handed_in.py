"""What our people handed in, where it landed, and what should be here and is not.

A rep trusts the relay when she can ask "did it arrive?" and see each copy of hers with its lead, or the
reason why there is none. Only reads; the share of a rep's mail that is here is worked out in `share`.
"""

from __future__ import annotations

import json

from relay import sqlite
from relay.store.reading import Row, rows

Place = tuple[str, int]
"""(received_at, envelope_id) of the last row of the page before."""

_AT_THE_END: Place = ("~", 0)

LEADS = 20
"""Leads named of one message: a mailing to a hundred has its lead_count."""


def captured(
    db: sqlite.Connection, *, staff: int | None = None, since: str = "", limit: int = 50, before: Place | None = None
) -> list[Row]:
    """Rows of the view `handed_in` from `since` (UTC text) on, newest first, of one of our people or of all.

    With `leads` (a list of id and name), `party` (the outside party to make a lead of, or None), `admitted_by` and
    `trust` (None where full trust asks for no proof).
    """
    mine = "h.staff_id = ?1 AND" if staff is not None else "?1 IS NULL AND"
    found = rows(
        db,
        f"SELECT h.* FROM handed_in h WHERE {mine} h.received_at >= ?2 AND (h.received_at, h.envelope_id) < (?3, ?4)"
        " ORDER BY h.received_at DESC, h.envelope_id DESC LIMIT ?5",
        (staff, since, *(before or _AT_THE_END), limit),
    )
    for row in found:
        row["defects"] = json.loads(row["defects"])
        row["leads"] = rows(
            db,
            "SELECT l.id, l.name FROM lead_message lm JOIN lead l ON l.id = lm.lead_id"
            " WHERE lm.message_id = ? ORDER BY l.id LIMIT ?",
            (row["message_id"], LEADS),
        )
        party = db.execute(
            "SELECT address FROM _outside_party WHERE message_id = ? ORDER BY rank, position LIMIT 1",
            (row["message_id"],),
        ).fetchone()
        row["party"] = party[0] if party else None
        row["admitted_by"], row["trust"] = db.execute(
            "SELECT e.admitted_by, p.trust FROM envelope e LEFT JOIN envelope_proof p ON p.envelope_id = e.id "
            "WHERE e.id = ?",
            (row["envelope_id"],),
        ).fetchone()
    return found


def place(db: sqlite.Connection, envelope: int) -> Place | None:
    """Where an envelope stands in the list; None: there is no such envelope."""
    at = db.execute("SELECT received_at FROM envelope WHERE id = ?", (envelope,)).fetchone()
    return (at[0], envelope) if at else None


def forgotten(db: sqlite.Connection, since: str) -> int:
    """Mails that were taken back since then, and copies of them that came and were dropped. Nobody knows whose."""
    row = db.execute("SELECT count(*) FROM _vault_outcome WHERE outcome = 'forgotten' AND at >= ?", (since,)).fetchone()
    return int(row[0])


def missing(db: sqlite.Connection, *, staff: int | None = None, since: str = "", limit: int = 50) -> list[Row]:
    """Rows of the view `missing_message` seen from `since` on, newest first, with `lead_name` and `subject`."""
    return rows(
        db,
        "SELECT mm.*, l.name AS lead_name, m.subject FROM missing_message mm"
        " JOIN lead l ON l.id = mm.lead_id JOIN message m ON m.id = mm.seen_in"
        " WHERE mm.seen_at >= ?2 AND (?1 IS NULL OR mm.staff_id = ?1)"
        " ORDER BY mm.seen_at DESC, mm.seen_in DESC LIMIT ?3",
        (staff, since, limit),
    )
