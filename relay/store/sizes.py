"""How much room relay.db and search.db take, for `status`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relay import sqlite


@dataclass(frozen=True, slots=True)
class StoreSizes:
    """Octets: relay.db, its write-ahead log, search.db with its own."""

    database: int
    log: int
    search: int


def sizes(path: Path) -> StoreSizes:
    """The sizes of the database at `path` and of what lies beside it; zeros for what is not there."""
    search = path.with_name("search.db")
    return StoreSizes(_size(path), _size(Path(f"{path}-wal")), _size(search) + _size(Path(f"{search}-wal")))


def blobs(connection: sqlite.Connection) -> tuple[int, int]:
    """(number, octets) of the stored contents of parts.

    Told from the parts' sizes by index, without touching a content: a second at a million parts, so not
    for something that is asked every minute. A content that no part has any more is not counted.
    """
    query = "SELECT count(*), coalesce(sum(size), 0) FROM (SELECT max(size) AS size FROM part GROUP BY digest)"
    number, octets = connection.execute(query).fetchone()
    return int(number), int(octets)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
