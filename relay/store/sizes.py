"""How much room relay.db and search.db take, for `status`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
