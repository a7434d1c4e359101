"""Imported: which old mail is here already, by its octets.

Written in the transaction that files the mail, so an importer that was killed at any moment finds out what
became of each mail. It outlives its message: what was taken back or erased does not return with the next import of the
same mailbox.
"""

from __future__ import annotations

from collections.abc import Iterable

from relay import sqlite
from relay.attribution.record import Record


def remember(db: sqlite.Connection, records: Iterable[Record]) -> None:
    """These were filed. Mail that was dropped is not remembered: a rule that drops it may go."""
    digests = {(r.imported,) for r in records if r.imported is not None and r.outcome in ("filed", "unparsed")}
    if digests:
        db.executemany("INSERT OR IGNORE INTO _imported (digest) VALUES (?)", sorted(digests))


def is_here(db: sqlite.Connection, digest: bytes) -> bool:
    """Was a mail with this digest (`relay.mail.imported.digest`) filed?"""
    return db.execute("SELECT 1 FROM _imported WHERE digest = ?", (digest,)).fetchone() is not None


def filed_up_to(db: sqlite.Connection) -> str | None:
    """The vault id of the last mail that has its outcome."""
    row = db.execute("SELECT value FROM _relay WHERE name = 'filed_up_to'").fetchone()
    return None if row is None else str(row[0])
