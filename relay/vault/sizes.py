"""How much room the vault takes, for `status`: a look at the folder, no file is opened."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from relay.vault.segment import segments


@dataclass(frozen=True, slots=True)
class VaultSizes:
    """`segments`: how many files; `octets`: of all of them with their logs; `newest`: of the one being written."""

    segments: int
    octets: int
    newest: int


def sizes(folder: Path) -> VaultSizes:
    """The vault's size now; zeros when there is none. Raises OSError when the folder may not be read."""
    try:
        found = segments(folder)
    except FileNotFoundError:
        return VaultSizes(0, 0, 0)
    each = [sum(_size(Path(f"{segment.path}{suffix}")) for suffix in ("", "-wal")) for segment in found]
    return VaultSizes(len(found), sum(each), each[-1] if each else 0)


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):  # retention may remove a segment while we look
        return path.stat().st_size
    return 0
