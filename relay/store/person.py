"""A person outside: all that is kept about an address, and how she is taken out of it.

Decides what is hers. Messages on which nobody else outside is go whole. On messages with others she is taken out:
her party row, and where she wrote the message, subject, words, attachments and names too; what others wrote
stays, and is told as a place that may name her. Such a message keeps its id, its date and its leads, has the
defect `person-erased`, and is read from the vault no more. What a CRM wrote about her is told, and left to it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from relay import sqlite
from relay.attribution.tombstone import PERSON_ERASED
from relay.mail.address import Address, forms
from relay.store import relation, removal
from relay.store.contents import drop_contents
from relay.store.people import RefusedError
from relay.store.reading import Row, letter, rows
from relay.store.removal import bury, erase_later, tables_with

_STAYS = frozenset(
    {
        "explicit_attribution", "dismissal", "lead_message", "message_text", "message_address", "message_alias",
        "_unrelated", "_reference", "_last_lead", "_facts_only", "_disputed_tag", "_message_tag", "_narrowed",
    }
)  # fmt: skip
"""Tables whose rows about a message say nothing of what its author wrote. All others lose theirs."""

_MINE = "SELECT value FROM json_each(?1)"


@dataclass(frozen=True, slots=True)
class Person:
    """`ids` and `addresses`: the address and its forms with a plus tag, the domain in letters and as `xn--`.

    Messages: `alone`, nobody else outside is on them, or they are reports of a mail system about her address alone;
    `wrote`, she wrote them, to others too; `named`, others wrote them, and she is among the parties or reported on.
    """

    ids: tuple[int, ...]
    addresses: tuple[str, ...]
    alone: tuple[int, ...]
    wrote: tuple[int, ...]
    named: tuple[int, ...]

    @property
    def messages(self) -> tuple[int, ...]:
        return tuple(sorted((*self.alone, *self.wrote, *self.named)))


def find(db: sqlite.Connection, written: str, *, ours: bool = False) -> Person:
    """Whom the address names. `ours`: she may be one of our people. Raises RefusedError."""
    address = Address.read(written)
    if address is None:
        raise RefusedError(f'"{written[:80]}" is not an address; write it like "anna@lead.example"')
    found = db.execute(
        "SELECT DISTINCT a.id, a.address FROM address a WHERE a.address = ?1 OR a.id IN "
        "(SELECT f.address_id FROM _address_form f WHERE f.form = ?1) ORDER BY a.id",
        (address.key,),
    ).fetchall()
    if not ours and db.execute(
        "SELECT EXISTS (SELECT 1 FROM staff_address WHERE address_key IN (SELECT value FROM json_each(?1))) "
        "OR EXISTS (SELECT 1 FROM _company_domain WHERE domain = ?2)",
        (json.dumps([form for form, _ in forms(address)]), address.domain),
    ).fetchone() != (0,):
        raise RefusedError(
            f"{address.key} is one of ours: the mail of our people is the company's (`staff leave` for who goes); "
            "take single messages back with `forget`"
        )
    ids = json.dumps([i for i, _ in found])
    canonical = dict.fromkeys((address.key, *(each for _, each in found), *_reported(db, address)))
    on = (
        "SELECT ma.message_id FROM json_each(?1) w CROSS JOIN message_address ma ON ma.address_id = w.value "
        "UNION SELECT r.message_id FROM json_each(?2) w CROSS JOIN _delivery_report r ON r.address = w.value"
    )
    hers = "(SELECT value FROM json_each(?2))"
    # a report of a mail system about her: whoever sent it is a machine, and nobody else is on it
    report = (
        f"EXISTS (SELECT 1 FROM _delivery_report r WHERE r.message_id = m.id AND r.address IN {hers}) AND NOT EXISTS "
        f"(SELECT 1 FROM _delivery_report r WHERE r.message_id = m.id AND r.address NOT IN {hers})"
    )
    others = (
        f"EXISTS (SELECT 1 FROM _outside_party p WHERE p.message_id = m.id AND p.address_id NOT IN ({_MINE}) "
        f"AND NOT (p.address IS m.author_address AND {report}))"
    )
    wrote = f"EXISTS (SELECT 1 FROM address a WHERE a.address = m.author_address AND a.id IN ({_MINE}))"
    told = db.execute(
        f"SELECT m.id, {others}, {wrote} FROM message m WHERE m.id IN ({on}) ORDER BY m.id",
        (ids, json.dumps(list(canonical))),
    )
    sorted_: dict[tuple[int, int], list[int]] = {}
    for message, with_others, author in told:
        sorted_.setdefault((with_others, author if with_others else 0), []).append(message)
    return Person(
        tuple(i for i, _ in found),
        tuple(dict.fromkeys(form for each in canonical for form in (each, *_spellings(each)))),
        tuple(sorted_.get((0, 0), ())),
        tuple(sorted_.get((1, 1), ())),
        tuple(sorted_.get((1, 0), ())),
    )


def _reported(db: sqlite.Connection, address: Address) -> list[str]:
    """Of what addresses reports of mail systems tell that are this one: they may be on no message."""
    local, _, domain = address.key.rpartition("@")
    found = db.execute(
        "SELECT DISTINCT address FROM _delivery_report "
        "WHERE address = ?1 OR (address > ?2 || '+' AND address < ?2 || ',')",  # ',' comes next after '+'
        (address.key, local),
    )
    return [each for (each,) in found if each == address.key or each.endswith(f"@{domain}")]


def _spellings(canonical: str) -> list[str]:
    """The spellings under which a CRM may have typed this very address, plus tag included."""
    read = Address.read(canonical)
    return [] if read is None else [form for form, rank in forms(read) if rank == 0]


def take_out(db: sqlite.Connection, person: Person, messages: Iterable[int]) -> None:
    """Take the person out of these messages, in the transaction that is open."""
    ids = json.dumps(person.ids)
    for message in messages:
        bury(db, message)  # a copy that still comes would bring her back
        mails, others = removal.mails_of(db, [message])
        erase_later(db, [*mails, *others])
        db.execute("DELETE FROM _read_again WHERE message_id = ?", (message,))
        db.execute(f"DELETE FROM message_address WHERE message_id = ?2 AND address_id IN ({_MINE})", (ids, message))
        if message in person.wrote:
            _wipe(db, message)
        db.execute(
            "UPDATE message SET defects = json_insert(defects, '$[#]', ?1) WHERE id = ?2 AND instr(defects, ?3) = 0",
            (PERSON_ERASED, message, f'"{PERSON_ERASED}"'),
        )
        relation.relate(db, [message])


def _wipe(db: sqlite.Connection, message: int) -> None:
    """Nothing of what the author of a message wrote stays."""
    digests = {digest for (digest,) in db.execute("SELECT digest FROM part WHERE message_id = ?", (message,))}
    for table in tables_with("message_id"):
        if table not in _STAYS:
            db.execute(f"DELETE FROM {table} WHERE message_id = ?", (message,))
    for table in tables_with("envelope_id"):
        if table != "envelope_recipient":
            db.execute(
                f"DELETE FROM {table} WHERE envelope_id IN (SELECT id FROM envelope WHERE message_id = ?)", (message,)
            )
    drop_contents(db, digests)
    (thread,) = db.execute("SELECT thread_id FROM message WHERE id = ?", (message,)).fetchone()
    query = "SELECT 1 FROM message WHERE thread_id = ? AND id <> ? LIMIT 1"
    if thread is not None and db.execute(query, (thread, message)).fetchone() is None:
        db.execute("DELETE FROM _reference WHERE thread_id = ?", (thread,))
        db.execute("UPDATE thread SET base_subject = '' WHERE id = ?", (thread,))
    else:  # the others of the conversation have its subject too, and refer to the message: a ghost from here on
        db.execute("UPDATE _reference SET message_id = NULL WHERE thread_id = ? AND message_id = ?", (thread, message))
    db.execute(
        "UPDATE message_text SET subject = '', text = '', quoted = '', html = '', note = '' WHERE message_id = ?",
        (message,),
    )
    db.execute(
        "UPDATE message SET internet_message_id = NULL, subject = '', author_address = NULL, author_name = '', "
        "snippet = '', attachment_count = 0 WHERE id = ?",
        (message,),
    )


def drop_address(db: sqlite.Connection, person: Person, *, leads: bool) -> None:
    """What is left of the address when no message has it: its rows, and what reports and envelopes said of it.

    `leads`: the addresses of leads too, and leads that have no other address. In the transaction that is open.
    """
    addresses = json.dumps(person.addresses)
    if leads:
        gone = [
            i
            for (i,) in db.execute(
                f"SELECT DISTINCT lead_id FROM lead_address WHERE address_key IN ({_MINE})", (addresses,)
            )
        ]
        db.execute(f"DELETE FROM lead_address WHERE address_key IN ({_MINE})", (addresses,))
        for lead in gone:
            left = "NOT EXISTS (SELECT 1 FROM lead_address a WHERE a.lead_id = lead.id)"
            db.execute(f"DELETE FROM lead WHERE id = ? AND {left}", (lead,))
    db.execute(
        f"UPDATE envelope SET reverse_path = '', client = '' WHERE lower(reverse_path) IN ({_MINE})", (addresses,)
    )
    db.execute(f"DELETE FROM envelope_recipient WHERE lower(forward_path) IN ({_MINE})", (addresses,))
    for table in tables_with("address"):
        if table not in ("address", "lead_address", "staff_address"):
            db.execute(f"DELETE FROM {table} WHERE address IN ({_MINE})", (addresses,))
    removal.drop_addresses(db, person.ids)
    erase_later(db, ())


def leads_of(db: sqlite.Connection, person: Person) -> list[Row]:
    """What the CRM holds about her: lead_id, name, address."""
    return rows(
        db,
        f"SELECT l.id AS lead_id, l.name, a.address FROM lead_address a JOIN lead l ON l.id = a.lead_id "
        f"WHERE a.address_key IN ({_MINE}) ORDER BY l.id",
        (json.dumps(person.addresses),),
    )


def names_of(db: sqlite.Connection, person: Person) -> list[str]:
    """Her names, as messages give them."""
    found = db.execute(
        f"SELECT DISTINCT display_name FROM message_address WHERE address_id IN ({_MINE}) ORDER BY 1",
        (json.dumps(person.ids),),
    )
    return [name for (name,) in found if len(name.strip()) > 3]


def words_of(db: sqlite.Connection, person: Person) -> list[str]:
    """By what a text would name her."""
    return [*person.addresses, *names_of(db, person)]


def places(db: sqlite.Connection, person: Person, indexed: Iterable[int] = ()) -> list[int]:
    """Messages that stay and whose words hold her address or one of her names: those she is taken out of as a
    party, those of the same conversations, and those among `indexed`, where the search index has found `words_of` her.
    """
    return [
        message
        for (message,) in db.execute(
            "SELECT o.id FROM message o JOIN message_text t ON t.message_id = o.id WHERE o.id IN "
            "(SELECT c.id FROM message c WHERE c.thread_id IN "
            "(SELECT m.thread_id FROM message m WHERE m.id IN (SELECT value FROM json_each(?1))) "
            "UNION SELECT value FROM json_each(?4)) "
            "AND o.id NOT IN (SELECT value FROM json_each(?2)) AND EXISTS (SELECT 1 FROM json_each(?3) w WHERE "
            "instr(lower(t.subject || ' ' || t.text || ' ' || t.quoted || ' ' || t.html || ' ' || t.note), w.value) "
            "OR EXISTS (SELECT 1 FROM _delivery_report r WHERE r.message_id = o.id AND r.address = w.value)) "
            "ORDER BY o.id",
            (
                json.dumps(person.messages),
                json.dumps((*person.alone, *person.wrote)),
                json.dumps([word.lower() for word in words_of(db, person)]),
                json.dumps(list(indexed)),
            ),
        )
    ]


def never_logged(db: sqlite.Connection, person: Person) -> list[str]:
    """Patterns of the never-log list that are one of her addresses."""
    found = db.execute(
        f"SELECT pattern FROM never_log WHERE lower(trim(pattern)) IN ({_MINE}) ORDER BY id",
        (json.dumps(person.addresses),),
    )
    return [pattern for (pattern,) in found]


def everything(db: sqlite.Connection, person: Person, *, contents: bool = False) -> Iterator[Row]:
    """All that is kept about her, an object at a time; `kind` says what each is. `contents`: of attachments, base64."""
    yield {
        "kind": "export",
        "form": 1,
        "addresses": list(person.addresses),
        "names": names_of(db, person),
        "messages": len(person.messages),
    }
    for message in person.messages:
        if db.execute("SELECT 1 FROM message WHERE id = ?", (message,)).fetchone() is None:
            continue  # taken back meanwhile
        found = letter(db, message)
        if contents:
            for part in found["parts"]:
                row = db.execute("SELECT content FROM blob WHERE digest = ?", (part["digest"],)).fetchone()
                part["content"] = None if row is None else b64encode(row[0]).decode("ascii")
        yield {"kind": "message", **found}
    for lead in leads_of(db, person):
        yield {
            "kind": "lead",
            **rows(db, "SELECT * FROM lead WHERE id = ?", (lead["lead_id"],))[0],
            "address": lead["address"],
        }
    mine = json.dumps(person.addresses)
    for each in rows(db, f"SELECT * FROM address_health WHERE address IN ({_MINE})", (mine,)):
        yield {"kind": "address_health", **each}
    for staff in rows(
        db,
        "SELECT s.id, s.name, s.role, s.left_at, a.address FROM staff_address a JOIN staff s ON s.id = a.staff_id "
        f"WHERE a.address_key IN ({_MINE})",
        (mine,),
    ):
        yield {"kind": "staff", **staff}
    for pattern in never_logged(db, person):
        yield {"kind": "never_log", "pattern": pattern}
