"""Contents: decoded parts, each stored once for all messages that have it, and gone with the last of them."""

from __future__ import annotations

import json
from collections.abc import Iterable

from relay import sqlite


def keep_contents(db: sqlite.Connection, found: Iterable[tuple[str, bytes]]) -> None:
    """Store these (digest, octets), each once."""
    db.executemany("INSERT OR IGNORE INTO blob (digest, content) VALUES (?, ?)", found)


def missing_contents(db: sqlite.Connection, digests: Iterable[str]) -> set[str]:
    """Those of these contents that are not stored."""
    wanted = set(digests)
    if not wanted:
        return wanted
    query = "SELECT b.digest FROM json_each(?) w CROSS JOIN blob b ON b.digest = w.value"
    return wanted - {digest for (digest,) in db.execute(query, (json.dumps(sorted(wanted)),))}


def drop_contents(db: sqlite.Connection, digests: Iterable[str]) -> None:
    """Remove those of these contents that no part has, or has any more."""
    db.executemany(
        "DELETE FROM blob WHERE digest = ?1 AND NOT EXISTS (SELECT 1 FROM part WHERE digest = ?1)",
        [(digest,) for digest in sorted(digests)],
    )
