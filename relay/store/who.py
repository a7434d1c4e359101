"""Since when we are who we are: our people, domains, capture addresses and never-log decide what a mail is to us.

A message filed before they changed may be read otherwise today, and that is no fault. So relay.db notes a
digest of them, and since when it holds; the filer looks after it. Who holds old messages against what
they would be now (`comparison`) can then tell a fault from a change.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable

from relay import sqlite
from relay.attribution.directory import staff_by_key
from relay.store import never_log


def digest(db: sqlite.Connection, domains: Iterable[str], capture: Iterable[str]) -> str:
    """Who we are now, in a few characters."""
    people = db.execute("SELECT address_key, staff_id FROM staff_address ORDER BY address_key").fetchall()
    listed = sorted(map(repr, never_log.written(db)))
    told = [sorted(domains), sorted(capture), people, *([listed] if listed else ())]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def staff(db: sqlite.Connection) -> dict[str, int]:
    """Our people by the keys of their addresses, in whatever form a CRM wrote these."""
    return staff_by_key(db.execute("SELECT address_key, staff_id FROM staff_address ORDER BY id"))


def is_noted(db: sqlite.Connection, now: str) -> bool:
    """Is this digest the one that is noted?"""
    return db.execute("SELECT 1 FROM _relay WHERE name = 'who' AND value = ?", (now,)).fetchone() is not None


def note(execute: Callable[..., sqlite.Cursor], now: str) -> None:
    """Note a new digest, and this moment. To be called in a transaction."""
    execute("INSERT OR REPLACE INTO _relay (name, value) VALUES ('who', ?)", (now,))
    execute("INSERT OR REPLACE INTO _relay (name, value) VALUES ('who_since', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))")


def since(db: sqlite.Connection, now: str) -> str:
    """Since when that digest holds, as a time of the contract; '9', which is after all times, while it is not noted."""
    row = db.execute("SELECT value FROM _relay WHERE name = 'who_since'").fetchone()
    return str(row[0]) if row is not None and is_noted(db, now) else "9"
