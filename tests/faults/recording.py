"""The record of what processes did to the files below a folder: made by disklog.c, read here."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).with_name("disklog.c")
_HEAD = struct.Struct("<IIqQqII")
_MAGIC = 0x4B534944


@dataclass(frozen=True, slots=True)
class Change:
    """`kind`: the letter of disklog.c. `time`: CLOCK_MONOTONIC, seconds. `at`: offset, or the size after a cut."""

    kind: str
    time: float
    inode: int
    at: int
    path: str
    octets: bytes


def compiler() -> str | None:
    """The C compiler, None where there is none (Debian: gcc libc6-dev)."""
    return shutil.which("gcc") or shutil.which("cc")


def build(folder: Path) -> Path:
    """The library for LD_PRELOAD, made in `folder`. Raises CalledProcessError."""
    library = folder / "disklog.so"
    found = compiler()
    assert found is not None
    words = [found, "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-o", library, SOURCE, "-ldl", "-lpthread"]
    subprocess.run(words, check=True)
    return library


def environment(library: Path, folder: Path, record: Path) -> dict[str, str]:
    """What a program is started with so that it writes `record` of what it does below `folder`."""
    return {"LD_PRELOAD": str(library), "DISKLOG_FOLDER": str(folder.resolve()), "DISKLOG_FILE": str(record)}


def read(record: Path) -> list[Change]:
    """All changes, in the order of their times."""
    return sorted(_each(record.read_bytes()), key=lambda change: change.time)


def _each(octets: bytes) -> Iterator[Change]:
    place = 0
    while place < len(octets):
        magic, kind, time, inode, at, path, length = _HEAD.unpack_from(octets, place)
        assert magic == _MAGIC, f"the record is damaged at {place}"
        place += _HEAD.size
        name = octets[place : place + path].decode()
        place += path
        yield Change(chr(kind), time / 1e9, inode, at, name, octets[place : place + length])
        place += length
