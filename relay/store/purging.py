"""Purging: a new entry of the never-log works backwards, on mail that is here already.

What an entry would have stopped is judged by what is stored, with the function that judges new mail, so no mail
is read for it and it works as well when the vault has a mail no more. A message that several colleagues handed
in goes only when the entry holds for the copy of each.

A few messages at a time, each looked at once more under the write lock; nothing is remembered in between, so
it may be interrupted at any moment and run again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from relay import sqlite
from relay.attribution.directory import Directory
from relay.attribution.never_log import DROPPED, KEPT, Entry, Judged, NeverLog, Pattern
from relay.mail.address import Address
from relay.store import dropping, relation, removal
from relay.store.reading import Row, rows

ADDRESSES = 20_000
"""Addresses looked through in one statement for a domain: some 10 ms, and no index over domains to keep."""

MESSAGES = 500
"""Messages of one address looked at in one statement."""


@dataclass(frozen=True, slots=True)
class Purged:
    """What was done: messages `dropped`, and messages from which a party was `left_out`."""

    dropped: int = 0
    left_out: int = 0


def stopped(db: sqlite.Connection, entry: Entry, directory: Directory) -> Iterator[tuple[int, Judged]]:
    """(message.id, what the entry says of it) of all mail that it would have stopped, each once, in no order."""
    rules = NeverLog(frozenset((entry,)))
    seen: set[int] = set()
    for address_id, text in _addresses(db, entry.pattern):
        address = Address.read(text)
        # A whole domain says nothing of our people but in internal mail: not every mail of ours is looked at for it.
        ours = address is not None and entry.pattern.kind != "address" and directory.is_ours(address)
        place = ("", 0)
        while True:
            page = db.execute(
                "SELECT ma.originated_at, ma.message_id FROM message_address ma JOIN message m ON m.id = ma.message_id "
                "WHERE ma.address_id = ?1 AND (ma.originated_at, ma.message_id) > (?2, ?3) "
                "AND (NOT ?4 OR m.direction = 'internal') ORDER BY ma.originated_at, ma.message_id LIMIT ?5",
                (address_id, *place, ours, MESSAGES),
            ).fetchall()
            if not page:
                break
            place = page[-1]
            found = [message for _, message in page if message not in seen]
            seen.update(found)
            yield from judged(db, rules, found, directory)


def judged(
    db: sqlite.Connection, rules: NeverLog, messages: Collection[int], directory: Directory
) -> list[tuple[int, Judged]]:
    """What the list says of these messages as they are stored; those that may be kept as they are are left out."""
    ids = json.dumps(sorted(messages))
    parties: dict[int, list[Address]] = {}
    for message, text in db.execute(
        "SELECT ma.message_id, a.address FROM json_each(?) w CROSS JOIN message_address ma ON ma.message_id = w.value "
        "JOIN address a ON a.id = ma.address_id",
        (ids,),
    ):
        if (address := Address.read(text)) is not None:
            parties.setdefault(message, []).append(address)
    told = db.execute(
        "SELECT m.id, m.author_address, m.direction, m.staff_id, json_group_array(e.staff_id) "
        "FROM json_each(?) w CROSS JOIN message m ON m.id = w.value LEFT JOIN envelope e ON e.message_id = m.id "
        "GROUP BY m.id ORDER BY m.id",
        (ids,),
    ).fetchall()
    found = []
    for message, author, direction, staff, hands in told:
        written_by = Address.read(author) if author else None
        says = [
            rules.judge(
                parties.get(message, ()),
                written_by,
                frozenset(person for person in (staff, handed) if person is not None),
                directory.is_ours,
                internal=direction == "internal",
            )
            for handed in set(json.loads(hands))
        ]
        together = _together(says)
        if together != KEPT:
            found.append((message, together))
    return found


def purge(db: sqlite.Connection, entry: Entry, messages: Sequence[int], directory: Directory) -> Purged:
    """Do what the entry says with these messages, in one transaction that the caller has begun."""
    rules = NeverLog(frozenset((entry,)))
    found = judged(db, rules, messages, directory)
    drop = [message for message, what in found if what.dropped]
    dropping.remove(db, drop)
    apart = [(message, what.left_out) for message, what in found if not what.dropped]
    for message, keys in apart:
        _leave_out(db, message, keys)
    if apart:
        relation.relate(db, [message for message, _ in apart])
        removal.erase_later(db, ())
    return Purged(len(drop), len(apart))


def _together(says: Sequence[Judged]) -> Judged:
    """What all copies of a message come to: nothing more than what holds for each of them."""
    if any(each == KEPT for each in says):
        return KEPT
    parties = [each.left_out for each in says if not each.dropped]
    return Judged(left_out=frozenset.intersection(*parties)) if parties else DROPPED


def _addresses(db: sqlite.Connection, pattern: Pattern) -> Iterator[tuple[int, str]]:
    """(id, address) of every address that the pattern may name."""
    if pattern.kind == "address":
        local, _, domain = pattern.text.rpartition("@")
        # All that begins like it with a plus tag is one range of the index: ',' follows '+'.
        yield from db.execute(
            "SELECT id, address FROM address WHERE address = ?1 OR (address > ?2 AND address < ?3 AND domain = ?4)",
            (pattern.text, f"{local}+", f"{local},", domain),
        ).fetchall()
        return
    below = f".{pattern.text}" if pattern.kind == "below" else None
    after = 0
    while True:
        (last,) = db.execute("SELECT max(id) FROM address").fetchone()
        if last is None or after >= last:
            return
        yield from db.execute(
            "SELECT id, address FROM address WHERE id > ?1 AND id <= ?2 "
            "AND (domain = ?3 OR (?4 IS NOT NULL AND substr(domain, -length(?4)) = ?4))",
            (after, after + ADDRESSES, pattern.text, below),
        ).fetchall()
        after += ADDRESSES


def _leave_out(db: sqlite.Connection, message: int, keys: Collection[str]) -> None:
    """Take these parties (address keys) off a message, and out of what the client said in the session."""
    named = json.dumps(sorted(keys))
    ids = [
        i for (i,) in db.execute("SELECT id FROM address WHERE address IN (SELECT value FROM json_each(?))", (named,))
    ]
    db.executemany("DELETE FROM message_address WHERE message_id = ? AND address_id = ?", [(message, i) for i in ids])
    rest = db.execute("SELECT address_id FROM message_address WHERE message_id = ? ORDER BY position", (message,))
    db.executemany(
        "UPDATE message_address SET position = ? WHERE message_id = ? AND address_id = ?",
        [(position, message, i) for position, (i,) in enumerate(rest.fetchall())],
    )
    db.execute(
        "UPDATE envelope SET reverse_path = '' WHERE message_id = ?2 "
        "AND lower(reverse_path) IN (SELECT value FROM json_each(?1))",
        (named, message),
    )
    db.execute(
        "DELETE FROM envelope_recipient WHERE envelope_id IN (SELECT id FROM envelope WHERE message_id = ?2) "
        "AND lower(forward_path) IN (SELECT value FROM json_each(?1))",
        (named, message),
    )
    removal.drop_addresses(db, ids)
    db.execute("INSERT INTO change (entity, entity_id, op) VALUES ('message', ?, 'update')", (message,))


def described(db: sqlite.Connection, found: Sequence[tuple[int, bool]]) -> list[Row]:
    """Rows for people, of (message.id, is it dropped): id, originated_at, direction, subject, lead_count, dropped."""
    dropped = dict(found)
    told = rows(
        db,
        "SELECT m.id, m.originated_at, m.direction, m.subject,"
        " (SELECT count(*) FROM lead_message lm WHERE lm.message_id = m.id) AS lead_count"
        " FROM json_each(?) w CROSS JOIN message m ON m.id = w.value ORDER BY m.originated_at DESC, m.id DESC",
        (json.dumps(list(dropped)),),
    )
    for row in told:
        row["dropped"] = dropped[row["id"]]
    return told
