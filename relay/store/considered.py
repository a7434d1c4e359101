"""What was considered for one message beside what decided: tags, deals, reports, never-log, shared addresses.

The second half of `reasons`. Everything is looked up as it is now, so it tells why a message stands where it stands
today, which may be for another reason than on the day when it was filed. Only reads.
"""

from __future__ import annotations

from collections.abc import Collection

from relay import sqlite
from relay.attribution.tag import Tag
from relay.mail.address import Address
from relay.store import never_log
from relay.store.reading import Row, rows

FEW = 20
"""Rows of any kind that are told."""

_TAGS = """
SELECT t.source, t.kind, t.value, t.state, CASE t.state WHEN 'unknown' THEN NULL ELSE t.lead_id END AS lead_id,
       l.name AS lead_name
  FROM _message_tag t LEFT JOIN lead l ON l.id = t.lead_id
 WHERE t.message_id = ? ORDER BY t.id LIMIT ?
"""

_OPEN = """
SELECT s.deal_id, d.title FROM _deal_span s JOIN deal d ON d.id = s.deal_id
 WHERE s.lead_id = ? AND s.opens <= ? AND s.ends >= ? ORDER BY s.deal_id LIMIT ?
"""

# Its deal came from the thread when another message there, on the same lead, was given it by a decision.
_OF_THREAD = """
SELECT 1 FROM message m JOIN message o ON o.thread_id = m.thread_id AND o.id <> m.id
  JOIN lead_message lm ON lm.message_id = o.id AND lm.lead_id = ?2 AND lm.deal_id = ?3
 WHERE m.id = ?1 LIMIT 1
"""

_REPORTED = """
SELECT r.address, r.about, r.ours, r.action, r.permanent, r.reason,
       EXISTS (SELECT 1 FROM _permanent_bounce b JOIN address a ON a.id = b.address_id
                WHERE b.message_id = r.message_id AND a.address = r.address) AS believed
  FROM _delivery_report r WHERE r.message_id = ? ORDER BY r.address LIMIT ?
"""

_HEALTH = """
SELECT a.address, h.bounced_at, h.bounce_reason, h.absent_until, h.left_at
  FROM message_address ma JOIN _address_health h ON h.address_id = ma.address_id JOIN address a ON a.id = h.address_id
 WHERE ma.message_id = ? ORDER BY ma.position LIMIT ?
"""


def considered(db: sqlite.Connection, found: Row) -> Row:
    """For a row of `reasons`:

    `asked` (tags: `source`, `tag`, `state`, `lead_id`, `lead_name`), `deals` (for each lead with deals: `lead_id`,
    `deal_id`, `because`, `candidates`), `reported` (what a delivery report says), `absence`, `health` (what automatic
    mail said of parties since), `never_log` (parties that are listed today).
    """
    message = found["id"]
    asked = rows(db, _TAGS, (message, FEW))
    for row in asked:
        row["tag"] = str(Tag(row.pop("kind"), row.pop("value")))
    absences = rows(db, "SELECT address, absent_until, has_left FROM _absence WHERE message_id = ?", (message,))
    return {
        "asked": asked,
        "deals": [told for lead in found["leads"] if (told := _deal(db, found, lead)) is not None],
        "reported": rows(db, _REPORTED, (message, FEW)),
        "absence": absences[0] if absences else None,
        "health": rows(db, _HEALTH, (message, FEW)),
        "never_log": _listed(db, found["parties"], {found["staff_id"]}),
    }


def _deal(db: sqlite.Connection, found: Row, lead: Row) -> Row | None:
    """Why the message has this deal of a lead, or none. None for a lead without deals.

    `because`: the reason of the decision that names the deal ('person', 'address-tag', ...), 'only-open', 'thread',
    'ambiguous' or 'none-open'.
    """
    at = found["originated_at"]
    candidates = rows(db, _OPEN, (lead["lead_id"], at, at, FEW))
    decided = next((each for each in found["decisions"] if each["lead_id"] == lead["lead_id"]), None)
    deal = lead["deal_id"]
    if deal is not None and decided is not None and decided["deal_id"] == deal:
        because = str(decided["reason"])
    elif deal is not None:
        of_thread = db.execute(_OF_THREAD, (found["id"], lead["lead_id"], deal)).fetchone()
        only = [each["deal_id"] for each in candidates] == [deal]
        because = "only-open" if only or not of_thread else "thread"
    elif len(candidates) > 1:
        because = "ambiguous"
    elif db.execute("SELECT 1 FROM deal WHERE lead_id = ? LIMIT 1", (lead["lead_id"],)).fetchone():
        because = "none-open"
    else:
        return None
    return {
        "lead_id": lead["lead_id"],
        "name": lead["name"],
        "deal_id": deal,
        "deal_title": lead["deal_title"],
        "because": because,
        "candidates": candidates,
    }


def _listed(db: sqlite.Connection, parties: Collection[Row], people: set[int | None]) -> list[Row]:
    """Parties whom the never-log list names today: `address`, `mode`."""
    listed = never_log.read(db)
    if not listed:
        return []
    ours = frozenset(person for person in people if person is not None)
    told = []
    for party in parties:
        address = Address.read(party["address"])
        if address is None:
            continue
        mode = listed.mode(address, ours, by_domain=not (party["staff"] or party["own_domain"]))
        if mode is not None:
            told.append({"address": party["address"], "mode": mode})
    return told[:FEW]
