"""Compound files: a file system in a file ([MS-CFB]), in which Outlook keeps a message (.msg).

Gives the tree of storages and streams. The octets are a stranger's: chains of sectors may run in circles
or share their sectors, so what is read in all is bounded by the size of the file, and so is the tree. It
knows nothing of mail.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import Struct
from sys import byteorder

SIGNATURE = bytes.fromhex("D0CF11E0A1B11AE1")

MAX_ENTRIES = 20_000
"""Streams and storages that are read of one file; a message to a thousand people has ten thousand."""

_SHARED = 3
"""How often each octet may be given out: as a sector, within the stream of the small streams, and once more."""

_LAST_SECTOR = 0xFFFFFFFA
"""Numbers from here on are marks, not sectors ([MS-CFB] 2.1)."""

_NO_STREAM = 0xFFFFFFFF
_SMALL, _SMALL_SECTOR = 4096, 64
"""Octets below which a stream lies among the small ones, and of their sectors: the only values allowed (2.2)."""

_ENTRY = Struct("<64sHBBIII16sIQQIQ")
_STORAGE, _STREAM, _ROOT = 1, 2, 5


class Broken(Exception):  # noqa: N818  it says what the file is
    """The octets are not what they claim to be, or not enough of it is left."""


@dataclass(slots=True)
class Storage:
    """A folder: the storages and streams in it by name (lower case). Octets of a stream are read when asked for."""

    storages: dict[str, Storage] = field(default_factory=dict)
    streams: dict[str, tuple[int, int]] = field(default_factory=dict)  # name -> first sector, size
    file: _File | None = None

    def stream(self, name: str) -> bytes | None:
        """The octets of a stream; None when there is none of that name, or none that can be read."""
        found = self.streams.get(name)
        if found is None or self.file is None:
            return None
        try:
            return self.file.stream(*found)
        except Broken:
            return None


class _File:
    """The sectors of one file."""

    def __init__(self, content: bytes) -> None:
        if content[:8] != SIGNATURE or len(content) < 512:
            raise Broken("no compound file")
        self._content = content
        major, shift = _number(content, 26, 2), _number(content, 30, 2)
        if (major, shift) not in ((3, 9), (4, 12)):
            raise Broken("sectors of an unknown size")
        self._size = 1 << shift
        self._large_numbers = major == 4
        self._left = _SHARED * len(content) + (1 << 16)
        self._fat = self._table(self._fat_sectors())
        self._small_fat = self._table(self._chain(_number(content, 60, 4), self._fat))
        self._small = b""
        self.entries = self._join(self._chain(_number(content, 48, 4), self._fat, MAX_ENTRIES * 128))

    def open_small(self, start: int, size: int) -> None:
        """The stream that holds all small streams; the root names it."""
        if start < _LAST_SECTOR:
            self._small = self._join(self._chain(start, self._fat, min(size, len(self._content))))[:size]

    def size_of(self, size: int) -> int:
        """A size as the directory gives it: in version 3 the upper half may be garbage ([MS-CFB] 2.6.1)."""
        return size if self._large_numbers else size & 0xFFFFFFFF

    def stream(self, start: int, size: int) -> bytes:
        """The octets of the stream that starts at that sector. Raises Broken."""
        if size > len(self._content):
            raise Broken("a stream larger than its file")
        if size >= _SMALL:
            return self._join(self._chain(start, self._fat, size))[:size]
        pieces = []
        for sector in self._chain(start, self._small_fat, size, _SMALL_SECTOR):
            self._spend(_SMALL_SECTOR)
            pieces.append(self._small[sector * _SMALL_SECTOR : (sector + 1) * _SMALL_SECTOR])
        return b"".join(pieces)[:size]

    def _spend(self, octets: int) -> None:
        self._left -= octets
        if self._left < 0:
            raise Broken("streams that share their sectors")

    def _sector(self, number: int) -> bytes:
        self._spend(self._size)
        begin = (number + 1) * self._size
        found = self._content[begin : begin + self._size]
        if not found:
            raise Broken("a sector behind the end")
        return found

    def _join(self, sectors: Iterator[int]) -> bytes:
        return b"".join(map(self._sector, sectors))

    def _table(self, sectors: Iterator[int]) -> array[int]:
        table = array("I")
        for sector in sectors:
            found = self._sector(sector)
            table.frombytes(found[: len(found) & ~3])
        if byteorder == "big":
            table.byteswap()
        return table

    def _chain(self, start: int, table: array[int], size: int | None = None, unit: int = 0) -> Iterator[int]:
        """The sectors of a stream: at most as many as it needs, and never more than the table has. Raises Broken."""
        most = len(table) if size is None else min(len(table), -(-size // (unit or self._size)))
        sector = start
        for _ in range(most):
            if sector >= _LAST_SECTOR:
                return
            yield sector
            if sector >= len(table):
                raise Broken("a chain that leads nowhere")
            sector = table[sector]

    def _fat_sectors(self) -> Iterator[int]:
        """The sectors of the table of sectors: 109 in the header, the others in a chain of their own."""
        yield from self._named(self._content[76:512])
        following = _number(self._content, 68, 4)
        for _ in range(len(self._content) // self._size + 1):
            if following >= _LAST_SECTOR:
                return
            found = self._sector(following)
            yield from self._named(found[:-4])
            following = _number(found, len(found) - 4, 4)

    @staticmethod
    def _named(octets: bytes) -> Iterator[int]:
        for at in range(0, len(octets) - 3, 4):
            sector = _number(octets, at, 4)
            if sector < _LAST_SECTOR:
                yield sector


def _number(octets: bytes, at: int, length: int) -> int:
    return int.from_bytes(octets[at : at + length], "little")


def read(content: bytes) -> Storage:
    """The root storage of a compound file. Raises Broken."""
    opened = _File(content)
    entries = [
        _ENTRY.unpack_from(opened.entries, at)
        for at in range(0, min(len(opened.entries) - 127, MAX_ENTRIES * 128), 128)
    ]
    if not entries or entries[0][2] != _ROOT:
        raise Broken("no root")
    opened.open_small(entries[0][11], opened.size_of(entries[0][12]))
    root = Storage(file=opened)
    seen = {0}
    waiting: list[tuple[int, Storage]] = [(entries[0][6], root)]
    while waiting:
        number, within = waiting.pop()
        if number == _NO_STREAM or number in seen or number >= len(entries):
            continue
        seen.add(number)
        raw, length, kind, _, left, right, child, _, _, _, _, start, size = entries[number]
        name = raw[: max(0, min(length, 64) - 2)].decode("utf-16-le", "replace").lower()
        waiting += [(left, within), (right, within)]
        if kind == _STORAGE:
            waiting.append((child, within.storages.setdefault(name, Storage(file=opened))))
        elif kind == _STREAM:
            within.streams.setdefault(name, (start, opened.size_of(size)))
    return root
