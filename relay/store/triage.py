"""Mail that waits for a person: which, whose, and which leads it may belong to.

The view `unresolved_message` with what narrows it, and suggestions for one mail, each with its reason in a word.
A suggestion is never a decision. Only reads.
"""

from __future__ import annotations

import dataclasses

from relay import sqlite
from relay.attribution import newcomer
from relay.mail.address import Address
from relay.store.people import RefusedError
from relay.store.reading import Before, Row, rows

WHY = ("no-lead", "no-outside-party", "sender-not-recovered", "unparsed")
"""`unresolved_message.why`."""

MOST = 100_000
"""Messages that one word dismisses at the most."""

COUNTED = 1000
"""Waiting mail is counted up to here: beyond, a person needs no exact number."""

SUGGESTED = 6
SEARCHED = 9
"""Leads offered for one mail, and those that a search gives: one key each."""

_LABEL = 4
"""Letters that the name of an organization and a domain must share to be taken for one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What narrows the list. `address`, `domain`: of the party to make a lead of (a domain with those below it)."""

    why: str | None = None
    staff: int | None = None
    address: str | None = None
    domain: str | None = None

    def where(self) -> tuple[str, list[object]]:
        """The condition, with its values, over columns of `unresolved_message`."""
        terms, values = ["1"], list[object]()
        if self.why:
            terms.append("why = ?")
            values.append(self.why)
        if self.staff is not None:
            terms.append("staff_id = ?")
            values.append(self.staff)
        if self.address:
            # By the index of addresses first: the party of each mail in the list would have to be looked for.
            terms.append(
                "message_id IN (SELECT i.message_id FROM address a JOIN message_address i ON i.address_id = a.id"
                " WHERE a.address = ?) AND party_address = ?"
            )
            values += [self.address, self.address]
        if self.domain:
            terms.append("substr(party_address, -length(?) - 1) IN ('@' || ?, '.' || ?)")
            values += [self.domain] * 3
        return " AND ".join(terms), values


def address_key(written: str) -> str:
    """An address as the database holds it. Raises RefusedError."""
    address = Address.read(written)
    if address is None:
        raise RefusedError(f'"{written}" is not an address; write it like "anna@lead.example"')
    return address.key


def domain_key(written: str) -> str:
    """A domain (also written `@domain`) as the database holds it. Raises RefusedError."""
    address = Address.read(f"x@{written.strip().removeprefix('*.').removeprefix('@')}")
    if address is None:
        raise RefusedError(f'"{written}" is not a domain; write it like "lead.example"')
    return address.key.rpartition("@")[2]


def waiting(
    db: sqlite.Connection, wanted: Wanted, limit: int, before: Before | None = None, *, oldest_first: bool = False
) -> list[Row]:
    """The rows of `unresolved_message`, newest first; `before` is the place of the last row seen."""
    condition, values = wanted.where()
    way, order = (">", "ASC") if oldest_first else ("<", "DESC")
    at_start = ("", 0) if oldest_first else ("~", 0)
    return rows(
        db,
        f"SELECT * FROM unresolved_message WHERE {condition} AND (originated_at, message_id) {way} (?, ?)"
        f" ORDER BY originated_at {order}, message_id {order} LIMIT ?",
        (*values, *(before or at_start), limit),
    )


def one(db: sqlite.Connection, message: int) -> Row | None:
    """The row of one message, None when it does not wait."""
    found = rows(db, "SELECT * FROM unresolved_message WHERE message_id = ?", (message,))
    return found[0] if found else None


def ids(db: sqlite.Connection, wanted: Wanted) -> list[int]:
    """message.id of all that wait and are wanted, MOST at the most."""
    condition, values = wanted.where()
    query = f"SELECT message_id FROM unresolved_message WHERE {condition} ORDER BY originated_at, message_id LIMIT ?"
    return [message for (message,) in db.execute(query, (*values, MOST))]


def dismissed(db: sqlite.Connection, address: str) -> list[int]:
    """message.id of dismissed mail that this address is on, MOST at the most."""
    query = (
        "SELECT i.message_id FROM address a JOIN message_address i ON i.address_id = a.id"
        " JOIN dismissal d ON d.message_id = i.message_id WHERE a.address = ? ORDER BY 1 LIMIT ?"
    )
    return [message for (message,) in db.execute(query, (address, MOST))]


def count(db: sqlite.Connection, wanted: Wanted) -> int:
    """How many wait, COUNTED + 1 for more than COUNTED."""
    condition, values = wanted.where()
    query = f"SELECT count(*) FROM (SELECT 1 FROM unresolved_message WHERE {condition} LIMIT ?)"
    (number,) = db.execute(query, (*values, COUNTED + 1)).fetchone()
    return int(number)


def addresses(db: sqlite.Connection, wanted: Wanted, limit: int) -> list[Row]:
    """The view `unresolved_address`, those with the most mail first; narrowed as the list is."""
    condition, values = wanted.where()
    if wanted == Wanted():
        return rows(db, "SELECT * FROM unresolved_address ORDER BY message_count DESC, address LIMIT ?", (limit,))
    return rows(
        db,
        "SELECT u.party_address AS address, (SELECT a.domain FROM address a WHERE a.address = u.party_address)"
        " AS domain, substr(max(u.originated_at || u.party_name), 25) AS display_name, count(*) AS message_count,"
        " min(u.originated_at) AS first_at, max(u.originated_at) AS last_at, CAST(substr(max(u.originated_at ||"
        " substr('0000000000000000000' || u.message_id, -19)), 25) AS INTEGER) AS message_id"
        f" FROM unresolved_message u WHERE u.party_address IS NOT NULL AND {condition}"
        " GROUP BY u.party_address ORDER BY message_count DESC, address LIMIT ?",
        (*values, limit),
    )


def beside(db: sqlite.Connection, message: int) -> Row:
    """What a person looks at beside the row: `author_name`, `note`, `staff_name` and `route` of who handed it in,
    `thread_count`, `parties` (outside ones, strongest first, 20 at the most).
    """
    [found] = rows(
        db,
        "SELECT m.author_name, m.thread_id, ifnull(t.note, '') AS note, m.attachment_count, m.automatic,"
        " (SELECT count(*) FROM message o WHERE o.thread_id = m.thread_id) AS thread_count"
        " FROM message m LEFT JOIN message_text t ON t.message_id = m.id WHERE m.id = ?",
        (message,),
    )
    handed = rows(
        db,
        "SELECT e.route, s.name AS staff_name FROM envelope e LEFT JOIN staff s ON s.id = e.staff_id"
        " WHERE e.message_id = ? ORDER BY e.received_at, e.id LIMIT 1",
        (message,),
    )
    found.update(handed[0] if handed else {"route": "", "staff_name": None})
    found["parties"] = rows(
        db,
        "SELECT address, display_name FROM _outside_party WHERE message_id = ? ORDER BY rank, position LIMIT 20",
        (message,),
    )
    return found


_LEAD = """
SELECT l.id AS lead_id, coalesce(l.name, '') AS name, coalesce(l.organization, '') AS organization,
       coalesce((SELECT a.address FROM lead_address a WHERE a.lead_id = l.id ORDER BY a.id LIMIT 1), '') AS address
  FROM lead l
"""

_OPEN = "l.merged_into IS NULL"
_NOT_OFF = (
    " AND NOT EXISTS (SELECT 1 FROM explicit_attribution e"
    " WHERE e.lead_id = l.id AND e.message_id = ? AND e.verdict = 'detach')"
)


def suggestions(db: sqlite.Connection, message: int, address: str | None, display_name: str) -> list[Row]:
    """Leads that the message may belong to: `lead_id`, `name`, `organization`, `address` and `because`.

    `because`: 'tag' (a tag named it and was not applied), 'thread', 'name', 'domain' (an address of the lead has the
    same one, which is no mail provider's), 'organization'. Surest first; none that a person took the message off.
    """
    named = newcomer.name(address or "", display_name)
    domain = newcomer.organization(address) if address else None
    asked: list[tuple[str, str, tuple[object, ...]]] = [
        (
            "tag",
            "l.id IN (SELECT t.lead_id FROM disputed_tag t WHERE t.message_id = ?)",
            (message,),
        ),
        (
            "thread",
            (
                "l.id IN (SELECT lm.lead_id FROM message m JOIN message o ON o.thread_id = m.thread_id"
                " JOIN lead_message lm ON lm.message_id = o.id WHERE m.id = ? AND lm.reason <> 'thread')"
            ),
            (message,),
        ),
    ]
    if named and "@" not in named:
        asked.append(("name", "l.name = ? COLLATE NOCASE", (named,)))
    if domain:
        same = "l.id IN (SELECT a.lead_id FROM lead_address a WHERE substr(a.address_key, -length(?)) = ?)"
        asked.append(("domain", same, (f"@{domain}", f"@{domain}")))
        label = _label(domain)
        if len(label) >= _LABEL:
            begins = "substr(l.organization, 1, length(?)) = ? COLLATE NOCASE"
            asked.append(("organization", begins, (label, label)))
    found: dict[int, Row] = {}
    for because, condition, values in asked:
        query = f"{_LEAD} WHERE {_OPEN} AND {condition}{_NOT_OFF} ORDER BY l.id DESC LIMIT ?"
        for row in rows(db, query, (*values, message, SUGGESTED)):
            found.setdefault(row["lead_id"], {**row, "because": because})
    return list(found.values())[:SUGGESTED]


def _label(domain: str) -> str:
    """The part of a domain that is most like a name: `lindqvist` of `mail.lindqvist.co.uk`."""
    labels = domain.split(".")[:-1]
    if len(labels) > 1 and len(labels[-1]) <= 3:  # co.uk, com.au
        labels.pop()
    return labels[-1] if labels else ""


def search(db: sqlite.Connection, text: str) -> list[Row]:
    """Leads whose name, organization or an address has `text` in it, SEARCHED at the most, newest first."""
    like = "%" + text.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    return rows(
        db,
        f"{_LEAD} WHERE {_OPEN} AND (l.name LIKE ?1 ESCAPE '\\' OR l.organization LIKE ?1 ESCAPE '\\'"
        " OR EXISTS (SELECT 1 FROM lead_address a WHERE a.lead_id = l.id AND a.address_key LIKE ?1 ESCAPE '\\'))"
        " ORDER BY l.id DESC LIMIT ?2",
        (like, SEARCHED),
    )


def organization_of(db: sqlite.Connection, address: str) -> str | None:
    """What organization a newcomer belongs to: that of leads in the same domain when they agree, else the domain."""
    domain = newcomer.organization(address)
    if domain is None:
        return None
    query = (
        "SELECT DISTINCT l.organization FROM lead_address a JOIN lead l ON l.id = a.lead_id"
        " WHERE substr(a.address_key, -length(?1)) = ?1 AND l.organization <> '' AND l.merged_into IS NULL LIMIT 2"
    )
    known = db.execute(query, (f"@{domain}",)).fetchall()
    return str(known[0][0]) if len(known) == 1 else domain
