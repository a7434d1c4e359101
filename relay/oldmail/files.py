"""Files: what lies at a path, told by its content, and the letters in it.

Decides for each file whether it is an mbox, one mail (`.eml`, `.emlx`, a file of a Maildir), an archive, or none of
these, and for each folder in which order it is read. Names are only a hint: Thunderbird's mbox files have no ending,
and a file that calls itself `.eml` and is none is damaged.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from relay.oldmail import archives, mbox
from relay.oldmail.kinds import folder_name
from relay.oldmail.letter import Damaged, Found, Letter, NoMail, Stream, Unreadable, as_sent, has_header

SNIFFED = 8192
"""Octets by which the kind of a file is told: the longest line before a mail's first field, and more."""

_MAIL_ENDINGS = (".eml", ".emlx", ".mbox", ".mbx", ".msg")
_ADVICE = {
    b"!BDN": "an Outlook data file (.pst, .ost): export it with Thunderbird, or `readpst -e`, and import that",
    b"\xd0\xcf\x11\xe0": "an Outlook message (.msg): save it as .eml, or attach it to a mail to the capture address",
}

Read = Callable[[int], None]
"""Told how many octets of a file were read."""

Mark = Callable[[str], int]
"""Where reading of this file may begin (an octet of it), 0 for the start."""


class Mailboxes:
    """What lies below some paths. `limit`: octets of the largest mail."""

    def __init__(self, limit: int, *, begin: Mark = lambda _: 0) -> None:
        self._limit = limit
        self._begin = begin
        self._read: Read = lambda _: None
        self._skip: Read = lambda _: None
        self.file = ""
        """The file that the last letter came from, where reading can begin in its middle; '' for others."""

    def tell(self, read: Read, skip: Read) -> None:
        """Whom to tell of progress: what is read, and what was read before and is passed over."""
        self._read, self._skip = read, skip

    def size(self, path: Path) -> int:
        """Octets of all files below a path, for a progress that knows its end."""
        total = 0
        for one in _files(path):
            with suppress(OSError):
                total += 0 if isinstance(one, Damaged) else one.stat().st_size
        return total

    def letters(self, path: Path) -> Iterator[Found]:
        """Everything in a file or folder. Raises nothing: what cannot be read is told as Damaged."""
        if not path.exists():
            yield Damaged(str(path), "there is no such file or folder")
            return
        whole = path.name or path.resolve().name
        for one in _files(path):
            if isinstance(one, Damaged):
                yield one
                continue
            inner = one.relative_to(path).parts if one != path else ()
            yield from self._of_file(one, (whole, *inner), named=one == path)

    def _of_file(self, path: Path, names: tuple[str, ...], *, named: bool) -> Iterator[Found]:
        """`names`: of the folders and of the file, from the path that was given on."""
        self.file = ""
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                if named:
                    yield Damaged(str(path), "neither a file nor a folder")
                return
            with _Counted(path, self._read) as raw, io.BufferedReader(raw, 1 << 18) as stream:
                yield from self._sniffed(path, stream, names, named=named)
        except (OSError, *archives.ERRORS) as error:
            yield Damaged(str(path), told(error))
        finally:
            self.file = ""

    def _sniffed(self, path: Path, stream: Stream, names: tuple[str, ...], *, named: bool) -> Iterator[Found]:
        start = _peek(stream)
        if kind := archives.kind(start):
            yield from archives.read(kind, stream, str(path), names, self._inner)
        elif _in_maildir(path):
            yield from self._in_a_maildir(path, stream, names)
        elif mbox.begins_mbox(start):
            begin = self._begin(str(path))
            if begin:
                stream.seek(begin)
                self._skip(begin)
            self.file = str(path)
            yield from _foldered(mbox.read(stream, str(path), self._limit, start=begin), folders(names))
        else:
            when = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            yield from self._single(stream, start, str(path), names, when, named=named)

    def _inner(self, stream: Stream, place: str, names: tuple[str, ...], when: datetime | None) -> Iterator[Found]:
        """A file inside of an archive: an mbox or a mail."""
        start = _peek(stream)
        if mbox.begins_mbox(start):
            yield from _foldered(mbox.read(stream, place, self._limit), folders(names))
        else:
            yield from self._single(stream, start, place, names, when, named=False)

    def _in_a_maildir(self, path: Path, stream: Stream, names: tuple[str, ...]) -> Iterator[Found]:
        """A file in `cur` or `new`: a mail, whatever it looks like; its flags stand in its name."""
        flags = path.name.rpartition(":2,")[2] if ":2," in path.name else ""
        when = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        folder = tuple(folder_name(part) for name in names[:-2] for part in name.split(".") if part)
        yield self._one(stream, str(path), folder, when, flags)

    def _single(
        self,
        stream: Stream,
        start: bytes,
        place: str,
        names: tuple[str, ...],
        when: datetime | None,
        *,
        named: bool,
    ) -> Iterator[Found]:
        ending = os.path.splitext(names[-1])[1].lower()  # noqa: PTH122  a name in an archive is no path
        advice = next((told for magic, told in _ADVICE.items() if start.startswith(magic)), None)
        if advice is not None:
            yield Damaged(place, advice)
        elif ending == ".emlx" and start[:10].split(b"\n")[0].strip().isdigit():
            size = int(stream.readline(64))  # Apple Mail: the size, the mail, and then a list of its own
            if size > self._limit:
                yield Damaged(place, f"larger than {self._limit} octets; see [capture] max_size")
            else:
                yield self._letter(stream.read(size), place, folders(names[:-1]), when)
        elif has_header(start) and (named or ending in _MAIL_ENDINGS or _looks_like_mail(start)):
            yield self._one(stream, place, folders(names[:-1]), when)
        elif not start and ending != ".eml" and not named:
            yield NoMail(place)  # an empty folder of Thunderbird
        elif named or ending in _MAIL_ENDINGS:
            yield self._one(stream, place, folders(names[:-1]), when)
        else:
            yield NoMail(place)

    def _one(
        self, stream: Stream, place: str, folder: tuple[str, ...], when: datetime | None, flags: str = ""
    ) -> Letter | Damaged:
        content = stream.read(self._limit + 1)
        if len(content) > self._limit:
            return Damaged(place, f"larger than {self._limit} octets; see [capture] max_size")
        return self._letter(content, place, folder, when, flags)

    def _letter(
        self, octets: bytes, place: str, folder: tuple[str, ...], when: datetime | None, flags: str = ""
    ) -> Letter | Damaged:
        try:
            return Letter(place, as_sent(octets), when, folder, flags)
        except Unreadable as why:
            return Damaged(place, str(why))


class _Counted(io.FileIO):
    """A file that tells how much of it was read."""

    def __init__(self, path: Path, read: Read) -> None:
        super().__init__(path, "r")
        self._read = read

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:  # type: ignore[override]
        count = super().readinto(buffer)
        self._read(count or 0)
        return count


def told(error: Exception) -> str:
    """An error in reading, in words."""
    if isinstance(error, PermissionError):
        return "permission denied: this user may not read it"
    return str(getattr(error, "strerror", None) or error or type(error).__name__).lower()


def folders(names: tuple[str, ...]) -> tuple[str, ...]:
    """The names of folders as their owner reads them."""
    return tuple(folder_name(name) for name in names)


def _foldered(found: Iterator[Letter | Damaged], folder: tuple[str, ...]) -> Iterator[Letter | Damaged]:
    for each in found:
        if isinstance(each, Letter):
            yield Letter(each.place, each.content, each.dated, folder, end=each.end)
        else:
            yield each


def _peek(stream: Stream) -> bytes:
    """The first octets of a stream, which stay in it."""
    return stream.peek(SNIFFED)[:SNIFFED]


def _looks_like_mail(start: bytes) -> bool:
    """A file without a telling name: does its header have a field that mail has?"""
    lines = start.replace(b"\r\n", b"\n").split(b"\n\n")[0].lower().split(b"\n")
    names = {line.partition(b":")[0].strip() for line in lines if not line.startswith((b" ", b"\t"))}
    return len(names & {b"from", b"to", b"subject", b"date", b"received", b"message-id", b"mime-version"}) >= 2


def _in_maildir(path: Path) -> bool:
    return path.parent.name in ("cur", "new") and (path.parent.parent / "cur").is_dir()


def _files(path: Path) -> Iterator[Path | Damaged]:
    """The files below a path, in the order of their names; what a Maildir keeps for itself is left out."""
    if not path.is_dir():
        yield path
        return
    failed: list[OSError] = []
    for folder, inner, names in os.walk(path, onerror=failed.append):
        here = Path(folder)
        maildir = "cur" in inner and "new" in inner
        inner[:] = sorted(name for name in inner if not (maildir and name == "tmp"))
        for name in sorted(names):
            if maildir or name.startswith("._") or name == ".DS_Store":
                continue  # dovecot's indexes beside cur and new; a Mac's notes about its files
            yield here / name
        for error in failed:
            yield Damaged(str(error.filename), told(error))
        failed.clear()
