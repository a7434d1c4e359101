"""Archives: mailboxes inside of .zip, .tar, .tgz and .gz files, as exports are downloaded; read without unpacking.

A member is a stream that is read once, in pieces: nothing is written to the disk, and an archive that would unpack to
more than any disk holds costs time and no memory. What is wrong with one member is told by its name.
"""

from __future__ import annotations

import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import IO, cast

from relay.oldmail.letter import Damaged, Found, Stream

ERRORS = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)
"""What damaged archives raise, beside OSError."""

MEMBERS = 1_000_000
"""Members of an archive that are looked at: a million single mails."""

Inner = Callable[[Stream, str, tuple[str, ...], "datetime | None"], Iterator[Found]]
"""Reads one member: stream, place, names of its folders and itself, when it was made."""


def kind(start: bytes) -> str:
    """'zip', 'gz', 'tar' or '': by the first octets."""
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if start.startswith(b"\x1f\x8b"):
        return "gz"
    return "tar" if start[257:262] == b"ustar" else ""


def read(kind: str, stream: Stream, place: str, names: tuple[str, ...], inner: Inner) -> Iterator[Found]:
    """The letters of all members. `names`: of the folders of the archive and itself. Raises OSError and `ERRORS`."""
    if kind == "zip":
        yield from _zip(stream, place, names, inner)
    elif kind == "tar":
        yield from _tar(stream, place, names, inner)
    else:
        unpacked = io.BufferedReader(_Gunzipped(stream), 1 << 18)
        start = unpacked.peek(512)[:512]
        if start[257:262] == b"ustar":
            yield from _tar(unpacked, place, names, inner)
        else:
            yield from _guarded(inner(unpacked, place, names, None), place)


def _zip(stream: Stream, place: str, names: tuple[str, ...], inner: Inner) -> Iterator[Found]:
    with zipfile.ZipFile(cast(IO[bytes], stream)) as archive:
        for member in archive.infolist()[:MEMBERS]:
            if member.is_dir():
                continue
            where = f"{place}, {member.filename}"
            if member.flag_bits & 1:
                yield Damaged(where, "encrypted; unpack it first")
                continue
            try:
                when = datetime(*member.date_time, tzinfo=UTC)
            except ValueError:
                when = None
            try:
                opened: IO[bytes] = archive.open(member)
            except (OSError, RuntimeError, *ERRORS) as error:
                yield Damaged(where, str(error).lower())
                continue
            with opened, io.BufferedReader(cast(io.RawIOBase, opened), 1 << 18) as buffered:
                path = (*names, *filter(None, member.filename.split("/")))
                yield from _guarded(inner(buffered, where, path, when), where)


def _tar(stream: Stream, place: str, names: tuple[str, ...], inner: Inner) -> Iterator[Found]:
    with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
        for number, member in enumerate(archive):
            if number >= MEMBERS:
                return
            opened = archive.extractfile(member) if member.isfile() else None
            if opened is None:
                continue
            where = f"{place}, {member.name}"
            path = (*names, *filter(None, member.name.split("/")))
            buffered = io.BufferedReader(_Forward(opened), 1 << 18)
            when = datetime.fromtimestamp(max(0.0, min(member.mtime, 4e9)), UTC)
            yield from _guarded(inner(buffered, where, path, when), where)
            archive.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every member that it has seen


class _Gunzipped(io.RawIOBase):
    """What a gzip stream holds. Where it is damaged, all that comes before the damage is given first."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._unpack = zlib.decompressobj(wbits=31)
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        while True:
            octets = self._unpack.decompress(self._waiting, len(buffer))
            self._waiting = self._unpack.unconsumed_tail
            if octets:
                buffer[: len(octets)] = octets
                return len(octets)
            if self._unpack.eof:  # members may follow one another (RFC 1952 §2.2)
                self._waiting = self._unpack.unused_data.lstrip(b"\0") or self._stream.read1(1 << 16)
                if not self._waiting.strip(b"\0"):
                    return 0
                self._unpack = zlib.decompressobj(wbits=31)
            elif not self._waiting:
                self._waiting = self._stream.read1(1 << 16)
                if not self._waiting:
                    raise EOFError("the compressed file is cut off")


class _Forward(io.RawIOBase):
    """A member of a tar stream, which can only be read on."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        octets = self._stream.read(len(buffer))
        buffer[: len(octets)] = octets
        return len(octets)


def _guarded(found: Iterator[Found], place: str) -> Iterator[Found]:
    """What a member holds; where it breaks off it is told by its name, and the next member is read."""
    try:
        yield from found
    except (OSError, *ERRORS) as error:
        yield Damaged(place, f"breaks off: {str(error).lower() or type(error).__name__}")
