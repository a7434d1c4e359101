"""Removal: messages go from relay.db completely, with all that only they brought.

Decides what belongs to a message. Every table of ours that has a column `message_id`, `envelope_id` or
`address_id` is gone through by its columns, so a table that is added later cannot be forgotten here. What lies
in other files (the mail in the vault, words in search.db, old pages in the write-ahead log) is put into the
queue `_erasure` in the same transaction, and done from there (`relay.work.erasing`).

What a CRM wrote itself (leads and their addresses, deals) is the CRM's and stays.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from relay import sqlite
from relay.attribution.tombstone import FORGOTTEN, Buried, marks_kept
from relay.mail.envelope import VaultId
from relay.store.contents import drop_contents
from relay.store.migrations import scripts

_BURIED = (
    "SELECT m.internet_message_id, coalesce(m.author_address, ''), coalesce(t.base_subject, ''), "
    "coalesce(i.fingerprint, ''), m.originated_at, coalesce(nullif(x.text, ''), x.quoted, '') FROM message m "
    "LEFT JOIN thread t ON t.id = m.thread_id LEFT JOIN _identity i ON i.message_id = m.id "
    "LEFT JOIN message_text x ON x.message_id = m.id WHERE m.id = ?"
)


@dataclass(frozen=True, slots=True)
class Removed:
    """`messages` that are gone. `mails`: of these mail objects nothing is left; `kept`: these carried other messages
    too, which stay. The content of all is to be overwritten: what was taken back is in it.
    """

    messages: tuple[int, ...]
    mails: tuple[VaultId, ...]
    kept: tuple[VaultId, ...]


def mails_of(db: sqlite.Connection, messages: Iterable[int]) -> tuple[list[VaultId], list[VaultId]]:
    """(mail objects that brought these messages and nothing else, those that brought others too)."""
    ids = json.dumps(sorted(set(messages)))
    rows = db.execute(
        "SELECT e.vault_id, max(e.message_id NOT IN (SELECT value FROM json_each(?1))) FROM envelope e "
        "WHERE e.vault_id IN (SELECT o.vault_id FROM json_each(?1) w CROSS JOIN envelope o ON o.message_id = w.value) "
        "GROUP BY e.vault_id ORDER BY e.vault_id",
        (ids,),
    ).fetchall()
    found: tuple[list[VaultId], list[VaultId]] = [], []
    for text, others in rows:
        vault_id = VaultId.read(text)
        if vault_id is not None:
            found[others].append(vault_id)
    return found


def remove(db: sqlite.Connection, messages: Iterable[int], *, outcome: str = FORGOTTEN) -> Removed:
    """Remove these messages in the transaction that is open; ids that are none are passed over.

    `outcome` ('forgotten', 'dropped') is what became of the mail objects that brought nothing else. Leads of the
    threads that are left are settled by the relay (`relation.settle`). Writes no tombstone: `bury` before it does.
    (Deleted octets are overwritten in the file: `opening.connect` sets it so.)
    """
    wanted = json.dumps(sorted(set(messages)))
    rows = db.execute("SELECT id, thread_id FROM message WHERE id IN (SELECT value FROM json_each(?))", (wanted,))
    found = dict(rows.fetchall())
    ids = json.dumps(sorted(found))
    mails, kept = mails_of(db, found)
    of_these = "IN (SELECT value FROM json_each(?1))"
    envelopes = [i for (i,) in db.execute(f"SELECT id FROM envelope WHERE message_id {of_these}", (ids,))]
    digests = {d for (d,) in db.execute(f"SELECT digest FROM part WHERE message_id {of_these}", (ids,))}
    addresses = [
        i for (i,) in db.execute(f"SELECT DISTINCT address_id FROM message_address WHERE message_id {of_these}", (ids,))
    ]
    for table in tables_with("envelope_id"):
        db.executemany(f"DELETE FROM {table} WHERE envelope_id = ?", [(i,) for i in envelopes])
    db.execute(f"DELETE FROM envelope WHERE message_id {of_these}", (ids,))
    db.execute(f"DELETE FROM message WHERE id {of_these}", (ids,))  # triggers take most of what belongs to it
    db.execute(f"UPDATE _reference SET message_id = NULL WHERE thread_id IN (SELECT value FROM json_each(?2)) "
               f"AND message_id {of_these}", (ids, json.dumps([t for t in found.values() if t])))  # fmt: skip
    for table in tables_with("message_id"):
        if table != "_reference":
            db.execute(f"DELETE FROM {table} WHERE message_id {of_these}", (ids,))
    drop_contents(db, digests)
    _end_threads(db, {thread for thread in found.values() if thread is not None})
    drop_addresses(db, addresses)
    _outcomes(db, mails, outcome)
    db.executemany("INSERT OR IGNORE INTO _forgotten_original (vault_id) VALUES (?)", [(str(v),) for v in kept])
    if found:
        erase_later(db, [*mails, *kept], contents=digests)
    return Removed(tuple(found), tuple(mails), tuple(kept))


def bury(db: sqlite.Connection, message: int, digests: Iterable[str] = ()) -> None:
    """A tombstone for a message that is about to be removed. `digests`: sha256 (hex) of its mail objects."""
    row = db.execute(_BURIED, (message,)).fetchone()
    if row is None:
        return
    message_id, author, base_subject, fingerprint, at, words = row
    recipients = db.execute(
        "SELECT a.address FROM message_address ma JOIN address a ON a.id = ma.address_id"
        " WHERE ma.message_id = ? AND ma.role IN ('to', 'cc', 'bcc')",
        (message,),
    )
    to = tuple(address for (address,) in recipients)
    buried = Buried(message_id, author, base_subject, fingerprint, datetime.fromisoformat(at), words, to)
    if message_id:  # an answer to it misses nothing
        db.execute(
            "DELETE FROM _answer WHERE internet_message_id = ?1 AND message_id IN "
            "(SELECT o.id FROM message m JOIN message o ON o.thread_id = m.thread_id WHERE m.id = ?2)",
            (message_id, message),
        )
    marks = marks_kept(_key(db), buried, digests)
    db.executemany("INSERT OR IGNORE INTO _tombstone (mark) VALUES (?)", [(mark,) for mark in sorted(marks)])


def erase_later(
    db: sqlite.Connection, mails: Iterable[VaultId], *, contents: Iterable[str] = (), elsewhere: bool = True
) -> None:
    """Queue what other files still hold: the content of these mail objects, and what the logs and the index have.

    `contents`: digests of parts that somebody who is reading the mail at this moment might store once more.
    `elsewhere` False: nothing of it was ever written to relay.db, so neither the logs nor the index have any.
    """
    rows = [("mail", str(each)) for each in mails]
    rows += [("content", each) for each in sorted(contents)]
    db.executemany("INSERT OR IGNORE INTO _erasure (kind, subject) VALUES (?, ?)", rows)
    if elsewhere:  # with the time of this asking: what was done for one before does not count
        db.execute("INSERT OR REPLACE INTO _erasure (kind, subject) VALUES ('log', ''), ('search', '')")


def audit(db: sqlite.Connection, action: str, messages: Iterable[int]) -> None:
    """That messages with these ids were removed, and nothing of what they were."""
    db.executemany(
        "INSERT INTO audit (actor, action, subject_kind, subject_id) VALUES ('command', ?, 'message', ?)",
        [(action, message) for message in messages],
    )


def tombstone_key(db: sqlite.Connection) -> bytes | None:
    """The key of the tombstones, None while nothing was ever taken back."""
    row = db.execute("SELECT value FROM _relay WHERE name = 'tombstone_key'").fetchone()
    return None if row is None else bytes.fromhex(row[0])


def _key(db: sqlite.Connection) -> bytes:
    key = tombstone_key(db)
    if key is None:
        key = secrets.token_bytes(32)
        db.execute("INSERT INTO _relay (name, value) VALUES ('tombstone_key', ?)", (key.hex(),))
    return key


def _outcomes(db: sqlite.Connection, mails: Iterable[VaultId], outcome: str) -> None:
    db.executemany(
        "UPDATE _vault_outcome SET outcome = ?, at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') "
        "WHERE epoch = ? AND number = ?",
        [(outcome, each.epoch, each.number) for each in mails],
    )


def _end_threads(db: sqlite.Connection, threads: Iterable[int]) -> None:
    for thread in threads:
        db.execute("INSERT OR IGNORE INTO _cut_thread (thread_id) VALUES (?)", (thread,))
        if db.execute("SELECT 1 FROM message WHERE thread_id = ? LIMIT 1", (thread,)).fetchone() is None:
            for table in tables_with("thread_id"):
                db.execute(f"DELETE FROM {table} WHERE thread_id = ?", (thread,))
            db.execute("DELETE FROM thread WHERE id = ?", (thread,))
            db.execute("DELETE FROM _unsettled WHERE kind = 'thread' AND subject_id = ?", (thread,))


def drop_addresses(db: sqlite.Connection, addresses: Iterable[int]) -> None:
    """Addresses that are on no message any more and that nobody has written down as a lead's or as ours."""
    for address in addresses:
        used = db.execute(
            "SELECT EXISTS (SELECT 1 FROM message_address WHERE address_id = ?1) "
            "OR EXISTS (SELECT 1 FROM _address_form f JOIN lead_address a ON a.address_key = f.form "
            "WHERE f.address_id = ?1) "
            "OR EXISTS (SELECT 1 FROM _address_form f JOIN staff_address a ON a.address_key = f.form "
            "WHERE f.address_id = ?1)",
            (address,),
        ).fetchone()[0]
        if not used:
            for table in tables_with("address_id"):
                db.execute(f"DELETE FROM {table} WHERE address_id = ?", (address,))
            db.execute("DELETE FROM address WHERE id = ?", (address,))
            db.execute("DELETE FROM _unsettled WHERE kind = 'address' AND subject_id = ?", (address,))


@cache
def tables_with(column: str) -> tuple[str, ...]:
    """The tables of ours that have this column, but for those whose rows are the messages' own (`message`, `envelope`).

    Found by making the schema's tables in memory: no list to keep, and none of a CRM's tables.
    """
    made = sqlite.connect_memory()
    try:
        for _, script in scripts():
            for table in re.findall(r"^CREATE TABLE .*?^\)[^;\n]*;", script, re.DOTALL | re.MULTILINE):
                made.execute(table)
        names = [name for (name,) in made.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return tuple(
            name
            for name in names
            if name not in ("message", "envelope", "sqlite_sequence")
            and column in {row[1] for row in made.execute(f"PRAGMA table_info({name})")}
        )
    finally:
        made.close()


def told(db: sqlite.Connection, messages: Iterable[int]) -> list[dict[str, object]]:
    """What a person should see before these go: `message_id`, `originated_at`, `direction`, `author`, `subject`,
    `leads`, `copies`, `attachments`, and `others`: messages that came in the same mail and stay.
    """
    wanted = json.dumps(sorted(set(messages)))
    cursor = db.execute(
        "SELECT m.id AS message_id, m.originated_at, m.direction, "
        "coalesce(nullif(m.author_name, ''), m.author_address, '') AS author, m.subject, "
        "(SELECT count(*) FROM lead_message lm JOIN lead l ON l.id = lm.lead_id WHERE lm.message_id = m.id) AS leads, "
        "(SELECT count(*) FROM envelope e WHERE e.message_id = m.id) AS copies, m.attachment_count AS attachments, "
        "(SELECT count(DISTINCT o.message_id) FROM envelope e JOIN envelope o ON o.vault_id = e.vault_id "
        "WHERE e.message_id = m.id AND o.message_id NOT IN (SELECT value FROM json_each(?1))) AS others "
        "FROM json_each(?1) w CROSS JOIN message m ON m.id = w.value ORDER BY m.originated_at, m.id",
        (wanted,),
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def outside(db: sqlite.Connection, messages: Iterable[int], limit: int = 3) -> list[str]:
    """Addresses of the outside parties of these messages: whom never-log may be about."""
    rows = db.execute(
        "SELECT DISTINCT p.address FROM json_each(?1) w CROSS JOIN _outside_party p ON p.message_id = w.value "
        "ORDER BY p.address LIMIT ?2",
        (json.dumps(sorted(set(messages))), limit),
    )
    return [address for (address,) in rows]
