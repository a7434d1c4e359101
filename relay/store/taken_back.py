"""What was taken back stays away: a retry, another colleague's copy, a forward of it is known by its tombstone.

Looked up inside the filer's transaction, one statement for a batch, and nothing at all while nobody has ever
taken anything back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from relay import sqlite
from relay.attribution.record import Record
from relay.attribution.tombstone import FORGOTTEN, PERSON_ERASED, answered, marks_asked
from relay.mail.envelope import VaultId
from relay.store.contents import drop_contents
from relay.store.removal import erase_later, tombstone_key

Contents = Mapping[VaultId, bytes]
"""The octets received, of the mail objects that are being filed."""


def marked(db: sqlite.Connection, records: Sequence[Record], contents: Contents | None = None) -> list[Record]:
    """The records, those for which there is a tombstone with the outcome 'forgotten'."""
    key = tombstone_key(db) if records else None
    if key is None:
        return list(records)
    digests = {record.vault_id: "" for record in records}
    for vault_id in digests.keys() & (contents or {}).keys():
        digests[vault_id] = sha256((contents or {})[vault_id]).hexdigest()
    asked = [marks_asked(key, record, digests[record.vault_id]) for record in records]
    known = _known(db, frozenset().union(*asked))
    return [
        replace(record, outcome=FORGOTTEN) if marks & known else record
        for record, marks in zip(records, asked, strict=True)
    ]


def note(db: sqlite.Connection, left_out: Sequence[Record], filed: Sequence[Record]) -> None:
    """`left_out` is not filed, as it was taken back or must not be kept; `filed` is. What remains to be done.

    The content of their mail objects is overwritten in the vault. To be called before the parts of other records
    are written (large ones are stored ahead of the facts).
    """
    if not left_out:
        return
    kept = {record.vault_id for record in filed}
    forgotten = {record.vault_id for record in left_out if record.outcome == FORGOTTEN} & kept
    digests = {part.digest for record in left_out for part in record.parts}
    before = db.total_changes
    drop_contents(db, digests)
    stored = db.total_changes > before
    db.executemany(
        "INSERT OR IGNORE INTO _forgotten_original (vault_id) VALUES (?)", [(str(each),) for each in sorted(forgotten)]
    )
    mails = sorted({record.vault_id for record in left_out})
    erase_later(db, mails, contents=digests if stored else (), elsewhere=stored)


def may_bring_new(db: sqlite.Connection, vault_id: VaultId) -> bool:
    """May a mail object that is read again bring a message that it did not bring before?

    Not if one of its originals was taken back: with a better parser it may look otherwise than its tombstone.
    """
    query = "SELECT 1 FROM _forgotten_original WHERE vault_id = ?"
    return db.execute(query, (str(vault_id),)).fetchone() is None


def is_cut(db: sqlite.Connection, message: int) -> bool:
    """Was a person taken out of this message? Then it is what it is, whatever the vault still has of it."""
    query = "SELECT instr(defects, ?) FROM message WHERE id = ?"
    row = db.execute(query, (f'"{PERSON_ERASED}"', message)).fetchone()
    return row is not None and row[0] > 0


def answers_missing(db: sqlite.Connection, answers: Sequence[tuple[int, str]]) -> list[tuple[int, str]]:
    """Those of (message, Message-ID that it answers) that do not answer mail which was taken back."""
    key = tombstone_key(db) if answers else None
    if key is None:
        return list(answers)
    marks = [answered(key, internet_id) for _, internet_id in answers]
    known = _known(db, frozenset(marks))
    return [each for each, mark in zip(answers, marks, strict=True) if mark not in known]


def _known(db: sqlite.Connection, marks: frozenset[str]) -> frozenset[str]:
    rows = db.execute(
        "SELECT t.mark FROM json_each(?) w CROSS JOIN _tombstone t ON t.mark = w.value", (json.dumps(sorted(marks)),)
    )
    return frozenset(mark for (mark,) in rows)
