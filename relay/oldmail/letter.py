"""What reading a mailbox gives: letters, and by name whatever is none. The pieces that travel between its modules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

_FIELD = re.compile(rb"[!-9;-~]{1,200}[ \t]*:")
_BOM = b"\xef\xbb\xbf"


class Stream(Protocol):
    """What is asked of a file, or of a member of an archive: to be read on. Files can be sought, too."""

    def read(self, size: int = ..., /) -> bytes: ...
    def read1(self, size: int = ..., /) -> bytes: ...
    def peek(self, size: int = ..., /) -> bytes: ...
    def readline(self, size: int = ..., /) -> bytes: ...
    def seek(self, offset: int, whence: int = ..., /) -> int: ...


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail out of a mailbox.

    `place`: where it lies, for a person. `content`: the octets as SMTP would have brought them (CRLF at the ends of
    lines). `dated`: when the mailbox received it (aware), None when it does not tell. `folder`: names of the
    folders it lies in, outermost first. `flags`: of its Maildir file name. `end`: octet of the file behind it, -1 where
    reading cannot go on from there.
    """

    place: str
    content: bytes
    dated: datetime | None = None
    folder: tuple[str, ...] = ()
    flags: str = ""
    end: int = -1


@dataclass(frozen=True, slots=True)
class Damaged:
    """Something that should be a mail, or mailbox, and cannot be read: where it lies, why, and what can be done."""

    place: str
    why: str
    end: int = -1


@dataclass(frozen=True, slots=True)
class NoMail:
    """A file in a folder that is no mail at all (an index, a picture): counted, not complained of."""

    place: str
    end: int = -1


Found = Letter | Damaged | NoMail


class Unreadable(Exception):  # noqa: N818  an answer, not a fault
    """Octets that are no mail: its text says why, for a person."""


def as_sent(octets: bytes) -> bytes:
    """The message as it travelled by SMTP: lines ended with CRLF. Raises Unreadable when it is none."""
    octets = octets.removeprefix(_BOM)
    if not octets.strip(b"\r\n\t \0"):
        raise Unreadable("empty" if not octets.strip(b"\r\n\t ") else "only NUL octets: the file was lost in a crash")
    if octets.startswith((b"From ", b">From ")) and not octets[5:].lstrip(b" \t").startswith(b":"):
        octets = octets.partition(b"\n")[2]  # some programs deliver into single files with an mbox line
    if not has_header(octets):
        raise Unreadable("no header: its first line is not a field of a mail")
    octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def has_header(octets: bytes) -> bool:
    """Does it begin as a mail does, with a header field? (A blank line or two before it: so some programs save.)"""
    return _FIELD.match(octets[:4096].lstrip(b"\r\n")) is not None
