"""mbox: many messages in one file, each behind a line `From ADDRESS DATE`.

Decides where a message begins and how its text was quoted. The format was never written down well; RFC 4155 describes
the default. A message begins at a `From ` line with a date in it, behind a blank line, or before a header field
(writers that leave out the blank line). `From my point of view` in a text has no date and begins nothing.

Writers quote such lines in texts as `>From `, and the better ones (mboxrd) `>From ` as `>>From `: one `>` is taken
away, unless a line `From ` stands unquoted behind a blank line of the text: then this writer does not quote (mboxcl2).
Content-Length is followed where a message, or the file, really ends there: senders write it too, and programs that
change a mailbox leave it as it was.

Streams: a window of the file, never more than one message. Why not the standard library's `mailbox`: it reads the whole
file for a table of all places before it gives the first message, needs a file that can be sought (no archive), begins a
message at any line `From `, has no bound for one message, and gives the text with its quoting (docs/import.md, Speed).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

from relay.oldmail.letter import Damaged, Letter, Stream, Unreadable, as_sent

CHUNK = 1 << 20
"""Octets read at once."""

LINE = 1024
"""Octets of a From line and the one behind it that are looked at; real ones have 40 to 150."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_DATE = re.compile(
    rb"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?[ ]{1,2}(?:(?P<month>[A-Z][a-z]{2})[ ]{1,2}(?P<day>\d{1,2})"
    rb"|(?P<day2>\d{1,2})[ ](?P<month2>[A-Z][a-z]{2})[ ](?P<year2>\d{4}))"
    rb"[ ]{1,2}(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d))?"
    rb"(?:[ ](?P<zone>[+-]\d{4}|[A-Z]{1,5}))?(?:[ ](?P<year>\d{4}))?(?:[ ](?P<zone2>[+-]\d{4}))?",
)
_HEADER_NEXT = re.compile(rb">?From |[!-9;-~]{1,77}[ \t]*:")
_LENGTH = re.compile(rb"^Content-Length:[ \t]*(\d{1,12})[ \t]*\r?$", re.MULTILINE | re.IGNORECASE)
_HEADER_END = re.compile(rb"\n\r?\n")
_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)
_UNQUOTED = re.compile(rb"\n\r?\nFrom ")


def begins_mbox(octets: bytes) -> bool:
    """Is this the beginning of an mbox file?"""
    start = octets.lstrip(b"\r\n")
    return start.startswith(b"From ") and _DATE.search(start[: _line_end(start)]) is not None


def read(stream: Stream, name: str, limit: int, *, start: int = 0) -> Iterator[Letter | Damaged]:
    """The messages of an mbox. `limit`: octets of the largest that is taken. `start`: octet at which the stream stands.

    A message that is too large or none is told as Damaged. Raises what the stream raises.
    """
    for begin, end, octets in _split(stream, limit + LINE, start):
        place = f"{name}, at octet {begin}"
        if octets is None:
            yield Damaged(place, f"larger than {limit} octets; see [capture] max_size", end)
            continue
        line_end = _line_end(octets)
        try:
            content = as_sent(_unquoted(octets[line_end:]))
        except Unreadable as why:
            yield Damaged(place, str(why), end)
            continue
        if len(content) > limit:
            yield Damaged(place, f"larger than {limit} octets; see [capture] max_size", end)
            continue
        yield Letter(place, content, dated(octets[:line_end]), end=end)


def dated(line: bytes) -> datetime | None:
    """The date of a From line. Without a zone it is taken for UTC (RFC 4155)."""
    found = _DATE.search(line[:LINE])
    if found is None:
        return None
    year = found["year"] or found["year2"]
    name = (found["month"] or found["month2"]).decode().lower()
    if year is None or name not in _MONTHS:
        return None
    zone = next((z for z in (found["zone2"], found["zone"]) if z and z[:1] in b"+-"), b"+0000")
    east = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:5]))
    try:
        return datetime(
            int(year), _MONTHS.index(name) + 1, int(found["day"] or found["day2"]),
            int(found["hour"]), int(found["minute"]), min(int(found["second"] or 0), 59),
            tzinfo=timezone(-east if zone[:1] == b"-" else east),
        ).astimezone(UTC)  # fmt: skip
    except (ValueError, OverflowError):
        return None


def _split(stream: Stream, limit: int, start: int) -> Iterator[tuple[int, int, bytes | None]]:
    """(first octet, octet behind, the octets from the From line on; None for what is longer than `limit`)."""
    buffer = bytearray()
    base = begin = start  # octet of the file at which the buffer, and the message, begins
    looked = 0
    large = ended = False
    told: int | None = None  # where the message ends by its own word, 0: it says nothing of use, None: not looked at
    broken: Exception | None = None
    while True:
        at = buffer.find(b"\nFrom ", looked)
        if at >= 0 and told is None:
            told = 0 if large else _told_end(buffer, at, limit - 2 * LINE)
        if told and at >= 0:
            if not ended and len(buffer) < told + 2 * LINE:
                at = -1  # whether it ends there can be seen when more of it is here
            elif _ends(buffer, told):
                looked, told = told - 1, 0
                continue
            else:
                told = 0
        if at >= 0 and (ended or len(buffer) - at > 2 * LINE):
            looked = at + 1
            if _separates(buffer, looked):
                yield begin, base + looked, None if large else bytes(buffer[:looked])
                base += looked
                begin = base
                del buffer[:looked]  # at the front: costs nothing
                looked, large, told = 0, False, None
            continue
        if at < 0 and not told:
            looked = max(0, len(buffer) - len(b"\nFrom "))
        if ended:
            break
        if len(buffer) > limit:  # nobody will take it: keep only what the search for its end needs
            large = True
            gone = max(0, (at if at >= 0 else looked) - 4)
            del buffer[:gone]
            base += gone
            looked -= min(gone, looked)
        try:
            chunk = stream.read1(CHUNK)
        except Exception as error:  # noqa: BLE001  whatever breaks off: what came before it is whole, and comes first
            broken, chunk = error, b""
        ended = not chunk
        if begin == base == start and not buffer:
            blank = len(chunk) - len(chunk.lstrip(b"\r\n"))
            chunk = chunk[blank:]
            base, begin = base + blank, begin + blank
        buffer += chunk
    if broken is not None:
        raise broken  # the last message is cut
    if large or buffer.strip():
        yield begin, base + len(buffer), None if large else bytes(buffer)


def _separates(buffer: bytearray, at: int) -> bool:
    """Is the line `From ` at this place the beginning of a message?"""
    line = bytes(buffer[at : at + 2 * LINE])
    end = _line_end(line)
    if _DATE.search(line[:end]) is None:
        return False
    before = bytes(buffer[max(0, at - 4) : at])
    blank = before.endswith((b"\n\n", b"\n\r\n")) or before in (b"\n", b"\r\n")
    return blank or _HEADER_NEXT.match(line[end:]) is not None


def _told_end(buffer: bytearray, at: int, most: int) -> int:
    """Where the message at the front ends by its Content-Length; 0 where it has none, or ends before the place `at`, or
    behind `most` octets.
    """
    header = _HEADER_END.search(buffer, 0, at + 1)
    length = None if header is None else _LENGTH.search(buffer, 0, header.end())
    end = 0 if header is None or length is None else header.end() + int(length[1])
    return end if at + 1 < end <= most else 0


def _ends(buffer: bytearray, at: int) -> bool:
    """Does the file end here, or begin another message, behind the blank line that some writers do not count?"""
    if at > len(buffer):
        return False
    rest = bytes(buffer[at : at + 2 * LINE])
    blank = len(rest) - len(rest.lstrip(b"\r\n"))
    if blank == len(rest):
        return True
    return blank <= 2 and rest.startswith(b"From ", blank) and _separates(buffer, at + blank)


def _line_end(octets: bytes) -> int:
    end = octets.find(b"\n", 0, LINE)
    return min(len(octets), LINE) if end < 0 else end + 1


def _unquoted(octets: bytes) -> bytes:
    """The message as it was before it was put into the file: without the blank line at its end, and unquoted."""
    while octets.startswith(b">From "):  # an mbox inside of an mbox: some deliver so
        octets = octets[_line_end(octets) :]
    if octets.endswith(b"\r\n\r\n"):
        octets = octets[:-2]
    elif octets.endswith(b"\n\n"):
        octets = octets[:-1]
    if b"\n>" not in octets or _UNQUOTED.search(octets) is not None:
        return octets
    return _QUOTED.sub(rb"\1", octets)
