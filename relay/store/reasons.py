"""Why a message stands where it stands: everything that the database knows about its being filed.

The facts for `explain`. They are looked up with the words of the relation's definition (contract, last
paragraph), and beside what decided there is what was considered and set aside. Only reads.
"""

from __future__ import annotations

from relay import sqlite
from relay.mail.envelope import VaultId
from relay.store.considered import considered
from relay.store.reading import Row, letter, rows

FEW = 20
"""Rows of any kind that are told: a screen holds no more."""

_HELD_BY = """
SELECT DISTINCT x.lead_id, a.address, la.address AS written, f.rank
  FROM message_address ma
  JOIN _match x ON x.address_id = ma.address_id
  JOIN _address_form f ON f.address_id = ma.address_id
  JOIN lead_address la ON la.address_key = f.form AND la.lead_id = x.lead_id
  JOIN address a ON a.id = ma.address_id
 WHERE ma.message_id = ?
 ORDER BY x.lead_id, f.rank LIMIT ?
"""

_SET_ASIDE = """
SELECT DISTINCT a.address, la.address AS written, la.lead_id, l.name,
       CASE WHEN EXISTS (SELECT 1 FROM _address_form s JOIN staff_address o ON o.address_key = s.form
                          WHERE s.address_id = ma.address_id) THEN 'staff' ELSE 'exact-elsewhere' END AS why
  FROM message_address ma
  JOIN _address_form f ON f.address_id = ma.address_id
  JOIN lead_address la ON la.address_key = f.form
  JOIN lead l ON l.id = la.lead_id
  JOIN address a ON a.id = ma.address_id
 WHERE ma.message_id = ?
   AND NOT EXISTS (SELECT 1 FROM _match x WHERE x.address_id = ma.address_id AND x.lead_id = la.lead_id)
 ORDER BY la.lead_id LIMIT ?
"""

_DECISIONS = """
SELECT e.lead_id, l.name, e.verdict, e.reason, e.deal_id, e.decided_by, s.name AS decided_by_name, e.decided_at
  FROM explicit_attribution e
  LEFT JOIN lead l ON l.id = e.lead_id
  LEFT JOIN staff s ON s.id = e.decided_by
 WHERE e.message_id = ?
 ORDER BY e.decided_at LIMIT ?
"""

_NEIGHBOURS = """
SELECT o.id AS message_id, o.originated_at, o.direction FROM message o
 WHERE o.thread_id = ? AND o.id <> ? AND o.visibility = 'all' ORDER BY o.originated_at, o.id LIMIT ?
"""

_THREAD_LEADS = """
SELECT lm.lead_id, l.name, count(*) AS message_count
  FROM message o JOIN lead_message lm ON lm.message_id = o.id JOIN lead l ON l.id = lm.lead_id
 WHERE o.thread_id = ? AND lm.reason <> 'thread'
 GROUP BY lm.lead_id, l.name ORDER BY lm.lead_id LIMIT ?
"""


def reasons(db: sqlite.Connection, message: int) -> Row:
    """The row of `reading.letter` without any body, and:

    `decisions` (of people and tags), `held_by` (which address of which lead), `set_aside` (addresses that a lead
    has and that did not count, with `why`), `thread` (`message_count`, `neighbours`, `leads`), `disputed_tags`,
    `aliases` (ids that were merged into this one), `facts_only`, `waits` (to be read again); each party has
    `own_domain`, each envelope its `evidence`, `written_date` and `has_note`. And what `considered` adds.
    """
    found = letter(db, message)
    for body in ("text", "quoted", "html", "note", "notes", "snippet"):
        found.pop(body)
    found["decisions"] = rows(db, _DECISIONS, (message, FEW))
    found["held_by"] = rows(db, _HELD_BY, (message, FEW))
    found["set_aside"] = rows(db, _SET_ASIDE, (message, FEW))
    tags = "SELECT tag, lead_id FROM disputed_tag WHERE message_id = ? ORDER BY tag LIMIT ?"
    found["disputed_tags"] = rows(db, tags, (message, FEW))
    aliases = "SELECT old_id FROM message_alias WHERE message_id = ? ORDER BY 1 LIMIT ?"
    found["aliases"] = [old for (old,) in db.execute(aliases, (message, FEW))]
    found["facts_only"] = _is_in(db, "_facts_only", message)
    found["waits"] = _is_in(db, "_read_again", message)
    found["thread"] = _thread(db, found["thread_id"], message)
    domains = {domain for (domain,) in db.execute("SELECT domain FROM _company_domain")}
    for party in found["parties"]:
        party["own_domain"] = party["address"].rpartition("@")[2] in domains
    query = (
        "SELECT e.id, e.evidence, ifnull(o.written_date, ''), n.envelope_id IS NOT NULL FROM envelope e "
        "LEFT JOIN envelope_original o ON o.envelope_id = e.id LEFT JOIN envelope_note n ON n.envelope_id = e.id "
        "WHERE e.message_id = ?"
    )
    original = {number: told for number, *told in db.execute(query, (message,))}
    for envelope in found["envelopes"]:
        envelope["evidence"], envelope["written_date"], has_note = original[envelope["id"]]
        envelope["has_note"] = bool(has_note)
    found.update(considered(db, found))
    return found


def _is_in(db: sqlite.Connection, table: str, message: int) -> bool:
    return db.execute(f"SELECT 1 FROM {table} WHERE message_id = ?", (message,)).fetchone() is not None


def _thread(db: sqlite.Connection, thread: int | None, message: int) -> Row:
    (count,) = db.execute("SELECT count(*) FROM message WHERE thread_id = ?", (thread,)).fetchone()
    answered = db.execute("SELECT internet_message_id FROM _answer WHERE message_id = ?", (message,)).fetchone()
    return {
        "message_count": count,
        "neighbours": rows(db, _NEIGHBOURS, (thread, message, FEW)),
        "leads": rows(db, _THREAD_LEADS, (thread, FEW)),
        "answers": answered[0] if answered else None,
    }


def messages_with(db: sqlite.Connection, internet_message_ids: list[str]) -> dict[str, int]:
    """Message-ID -> message.id, of those that are here."""
    found: dict[str, int] = {}
    for internet_id in internet_message_ids[:FEW]:
        query = "SELECT id FROM message WHERE internet_message_id = ? ORDER BY id LIMIT 1"
        row = db.execute(query, (internet_id,)).fetchone()
        if row:
            found[internet_id] = row[0]
    return found


def outcome(db: sqlite.Connection, vault_id: VaultId) -> str | None:
    """What became of an accepted mail that no message has come from (or is left of); None: it was not filed yet."""
    row = db.execute(
        "SELECT outcome FROM _vault_outcome WHERE epoch = ? AND number = ?", (vault_id.epoch, vault_id.number)
    ).fetchone()
    return None if row is None else str(row[0])


def has_message(db: sqlite.Connection, vault_id: VaultId) -> bool:
    return db.execute("SELECT 1 FROM envelope WHERE vault_id = ? LIMIT 1", (str(vault_id),)).fetchone() is not None
