"""Forwarded: what is stored of messages that may be one, of which one or both are known from a forward's text only.

Decided in `attribution.likeness`. Here: looking for candidates, with an index for each direction. A forward finds
mail by its author's address and the date (the index of timelines), a mail finds forwards in a table that has
nothing else. So a batch of mail costs one look at a small index, whatever the size of the store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from relay import sqlite
from relay.attribution.likeness import (
    DISPROVED,
    UNREAD,
    ZONES,
    Letter,
    is_forwarded,
    is_outgoing,
    letter,
    nearest,
    same_mail,
)
from relay.attribution.record import Record
from relay.attribution.wording import LENGTH
from relay.mail.envelope import VaultId
from relay.store.rows import Batch
from relay.store.times import read_time, text_time

CANDIDATES = 20
"""Messages of one author under one subject that are compared, the newest first."""

NEAR = 500
"""Messages of one author that are looked through for one forward: programs send thousands a day, people do not."""

SLACK = timedelta(minutes=1)


class Alike:
    """The messages that a batch of records may be copies of, those of the batch itself among them.

    Only mail under the author and the base subject of a forward, stored or in the batch, is compared at all.
    """

    def __init__(self, db: sqlite.Connection, records: Sequence[Record]) -> None:
        keys = {_key(record) for record in records if record.author}
        stored = _known_as_forwards(db, keys)
        self._told = {_key(record) for record in records if is_forwarded(record)} | {key for key, _ in stored}
        self._known: dict[_Key, list[Letter]] = {}
        self.undecided: set[tuple[VaultId, int]] = set()
        """(mail object, position) of records that are copies, if a text that is not kept says so."""
        if not self._told:  # most batches: nothing is compared
            return
        self._domains = _company(db)
        letters = (self._letter(record) for record in records)
        ids = {message for _, message in stored}
        ids |= _by_authors(db, [one for one in letters if one is not None and one.forwarded])
        for one in read(db, sorted(ids)):
            self._known.setdefault(one.key, []).append(one)

    def _letter(self, record: Record, message: int = 0) -> Letter | None:
        return letter(record, message, self._domains) if _key(record) in self._told else None

    def find(self, record: Record) -> int | None:
        """The message of which this is a copy, None: no such."""
        candidates = self._known.get(_key(record))
        if not candidates or (one := self._letter(record)) is None:
            return None
        found = nearest(one, candidates)
        if found is None and any(same_mail(one, other) is None for other in candidates):
            self.undecided.add((record.vault_id, record.position))
        return found

    def add(self, record: Record, message: int) -> None:
        """The record was given its message; what comes later in the batch may be a copy of it."""
        one = self._letter(record, message)
        if one is None:
            return
        known = self._known.setdefault(one.key, [])
        before = next((at for at, other in enumerate(known) if other.message == message), None)
        if before is None:
            known.append(one)
        elif known[before].forwarded and not one.forwarded:
            known[before] = one  # the original is there: no other mail can be it


_Key = tuple[str, str]
"""What all copies of one message have in common: author and base subject (`Letter.key`)."""


def _key(record: Record) -> _Key:
    return (record.author.key if record.author else "", record.base_subject)


def _company(db: sqlite.Connection) -> frozenset[str]:
    return frozenset(domain for (domain,) in db.execute("SELECT domain FROM _company_domain"))


def _known_as_forwards(db: sqlite.Connection, keys: Iterable[_Key]) -> list[tuple[_Key, int]]:
    """(key, message) of what is known from a forward's text only and may be one of these; of each key the newest."""
    asked = sorted(keys)
    told = [
        asked[at]
        for (at,) in db.execute(
            "SELECT w.key FROM json_each(?) w WHERE EXISTS (SELECT 1 FROM _forwarded n "
            "WHERE n.author = w.value ->> 0 AND n.base_subject = w.value ->> 1)",
            (json.dumps(asked),),
        )
    ]
    newest = "SELECT message_id FROM _forwarded WHERE author = ? AND base_subject = ? ORDER BY message_id DESC LIMIT ?"
    return [(key, message) for key in told for (message,) in db.execute(newest, (*key, CANDIDATES))]


def stored(db: sqlite.Connection, one: Letter) -> list[Letter]:
    """The stored messages that it may be a copy of, each once."""
    ids = {message for _, message in _known_as_forwards(db, [one.key])}
    if one.forwarded:
        ids |= _by_authors(db, [one])
    return list(read(db, sorted(ids)))


# Of a busy author the newest mail; of what is under the subject the nearest in time.
_OF_AUTHOR = """
SELECT n.message_id
  FROM (SELECT ma.message_id, ma.role, ma.originated_at
          FROM address a CROSS JOIN message_address ma ON ma.address_id = a.id
         WHERE a.address = w.value ->> 0 AND ma.originated_at BETWEEN w.value ->> 2 AND w.value ->> 3
         ORDER BY ma.originated_at DESC LIMIT ?2) n
 CROSS JOIN message m ON m.id = n.message_id
  LEFT JOIN thread t ON t.id = m.thread_id
 WHERE n.role = 'from' AND coalesce(t.base_subject, '') = w.value ->> 1
 ORDER BY abs(julianday(n.originated_at) - julianday(w.value ->> 4)), n.message_id LIMIT ?3
"""


def _by_authors(db: sqlite.Connection, forwards: Sequence[Letter]) -> set[int]:
    """Mail by the authors of these forwards, under their subjects and about their dates."""
    if not forwards:
        return set()
    wanted = []
    for one in forwards:
        first, last = (one.at - ZONES, one.at + ZONES) if one.dated else (one.at - UNREAD, one.at + SLACK)
        wanted.append((one.author, one.base_subject, text_time(first), text_time(last), text_time(one.at)))
    rows = db.execute(
        f"SELECT m.id FROM json_each(?1) w CROSS JOIN message m ON m.id IN ({_OF_AUTHOR})",
        (json.dumps(wanted), NEAR, CANDIDATES),
    )
    return {message for (message,) in rows}


def read(db: sqlite.Connection, messages: Sequence[int]) -> Iterator[Letter]:
    """What is stored of these messages, of those that have an author."""
    if not messages:
        return
    ids = json.dumps(messages)
    named: dict[int, list[tuple[str, bool]]] = {}
    for message, address, outside in db.execute(
        "SELECT ma.message_id, a.address, a.domain NOT IN (SELECT domain FROM _company_domain) FROM json_each(?) w "
        "CROSS JOIN message_address ma ON ma.message_id = w.value CROSS JOIN address a ON a.id = ma.address_id "
        "WHERE ma.role IN ('to', 'cc', 'bcc')",
        (ids,),
    ):
        named.setdefault(message, []).append((address, bool(outside)))
    rows = db.execute(
        "SELECT m.id, m.author_address, coalesce(t.base_subject, ''), m.originated_at, m.date_source, m.direction, "
        "m.automatic IS NOT NULL, EXISTS (SELECT 1 FROM _forwarded f WHERE f.message_id = m.id), "
        "coalesce((SELECT o.written_date FROM envelope e JOIN envelope_original o ON o.envelope_id = e.id "
        "WHERE e.message_id = m.id ORDER BY e.id LIMIT 1), ''), m.defects, "
        "CASE WHEN EXISTS (SELECT 1 FROM _facts_only b WHERE b.message_id = m.id) THEN NULL "
        "ELSE substr(CASE x.text WHEN '' THEN x.quoted ELSE x.text END, 1, ?) END "
        "FROM json_each(?) w CROSS JOIN message m ON m.id = w.value LEFT JOIN thread t ON t.id = m.thread_id "
        "LEFT JOIN message_text x ON x.message_id = m.id WHERE m.author_address IS NOT NULL AND m.status = 'filed'",
        (LENGTH, ids),
    )
    for message, author, subject, at, source, direction, automatic, forwarded, written, defects, text in rows:
        recipients = named.get(message, ())
        yield Letter(
            message,
            author,
            subject,
            read_time(at),
            dated=source != "received",
            written="" if DISPROVED.intersection(json.loads(defects)) else written,
            recipients=frozenset(address for address, _ in recipients),
            outside=frozenset(address for address, outside in recipients if outside),
            outgoing=is_outgoing(direction),
            automatic=bool(automatic),
            forwarded=bool(forwarded),
            text=text,
        )


def apart(db: sqlite.Connection, record: Record, source: Record) -> bool:
    """Is what was filed as a copy of `source` another message, as far as a forward's text tells?"""
    domains = _company(db)
    one, other = letter(record, 0, domains), letter(source, 0, domains)
    return one is None or other is None or not same_mail(one, other)


def like(db: sqlite.Connection, message: int, record: Record, at_hand: Mapping[int, Record]) -> int | None:
    """The message that this one turns out to be. `at_hand`: messages whose mail has just been read."""
    domains = _company(db)
    one = letter(record, message, domains)
    if one is None:
        return None
    others = []
    for other in stored(db, one):
        if other.message == message:
            continue
        seen = at_hand.get(other.message)
        others.append(other if seen is None else replace(other, text=seen.text or seen.quoted))
    return nearest(one, others)


def undecided(db: sqlite.Connection, message: int) -> list[int]:
    """Messages that may be this one, if only texts that are not kept could be seen."""
    found = []
    for one in read(db, [message]):
        found += [o.message for o in stored(db, one) if o.message != message and same_mail(one, o) is None]
    return found


def write(db: sqlite.Connection, fresh: Iterable[tuple[int, Record]]) -> None:
    """Note which of these new messages are known from a forward's text only."""
    db.executemany(
        "INSERT INTO _forwarded (message_id, author, base_subject) VALUES (?, ?, ?)",
        [(i, r.author.key, r.base_subject) for i, r in fresh if is_forwarded(r) and r.author],
    )


def replace_mark(db: sqlite.Connection, message: int, record: Record) -> None:
    """The same for one that was read again."""
    query = "SELECT author, base_subject FROM _forwarded WHERE message_id = ?"
    wanted = (record.author.key, record.base_subject) if is_forwarded(record) and record.author else None
    if db.execute(query, (message,)).fetchone() != wanted:
        db.execute("DELETE FROM _forwarded WHERE message_id = ?", (message,))
        write(db, [(message, record)])


def take_over(db: sqlite.Connection, batch: Batch) -> None:
    """The original of a message that was known from forwards has come: it is recognised by its own keys from now on.

    What it says is read when the message is read again.
    """
    for message, record in batch.copies():
        if is_forwarded(record):
            continue
        if db.execute("DELETE FROM _forwarded WHERE message_id = ?", (message,)).rowcount:
            db.execute("UPDATE message SET internet_message_id = ? WHERE id = ?", (record.message_id, message))
            db.execute(
                "UPDATE _identity SET fingerprint = ?, nameless = ? WHERE message_id = ?",
                (record.fingerprint, record.message_id is None, message),
            )


def merged(db: sqlite.Connection, old: int, into: int) -> None:
    """Before a message becomes another one: what is known from a mail is no longer known from forwards only."""
    if not db.execute("SELECT 1 FROM _forwarded WHERE message_id = ?", (old,)).fetchone():
        db.execute("DELETE FROM _forwarded WHERE message_id = ?", (into,))
