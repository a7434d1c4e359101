"""The header: from octets to field names and values (RFC 5322 §2.2), and `Fields`, which decodes on demand.

Decides where a header ends and which of its lines are fields. Real headers have mbox lines before them, lines
that are no field in the middle, no blank line at the end, any kind of line end. One C-level search finds the end
and one finds all fields; nothing here runs once per line unless a line is broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import overload

from relay.mail.encoded import to_text

MAX_HEADER = 1 << 20
"""Octets of one header that are read; a header of 50,000 trace fields still is. What follows is not a field."""
MAX_FIELDS = 10_000
"""Fields of one header that are kept; the longest real ones have a few hundred."""
MAX_VALUE = 1 << 18
"""Octets of one field value that are decoded on demand."""

_END = re.compile(rb"\n\r*\n")
# A line: a field name (printable, no colon: §3.6.8; blanks before the colon are obsolete, §4.5) or none, then its
# value with all folded lines. Only single classes are possessive: Python before 3.11.5 goes wrong on groups that are.
_FIELD = re.compile(rb"(?:([!-9;-~]++)[ \t]*+:)?([^\n]*+(?:\n[ \t][^\n]*+)*)(?:\n|\Z)")
_NAMES = (
    rb"from|to|cc|bcc|subject|date|reply-to|sender|message-id|in-reply-to|references|received|return-path|delivered-to|"
    rb"mime-version|content-[a-z-]{2,40}|dkim-signature|authentication-results|arc-[a-z-]{2,40}|list-[a-z-]{2,40}|x-[a-z0-9_-]{2,60}|"
    rb"resent-[a-z-]{2,20}|user-agent|importance|priority|thread-[a-z]{2,20}|auto-submitted|precedence|organization|envelope-to"
)
_KNOWN = re.compile(rb"\n(?:" + _NAMES + rb")[ \t]*:", re.IGNORECASE)
_LEADING = re.compile(rb"[\r\n]{1,64}(?=(?:" + _NAMES + rb")[ \t]*:)", re.IGNORECASE)
_LEADING_OF_PART = re.compile(rb"[\r\n]{1,64}(?=content-[a-z-]{2,40}[ \t]*:)", re.IGNORECASE)
_MBOX = re.compile(rb">?From [ \t]*+(?!:)")  # "From : Ann" is a field (§4.5)


def split(
    content: bytes, start: int, end: int, *, of_part: bool = False
) -> tuple[list[tuple[bytes, bytes]], int, list[str]]:
    """(fields, offset of the body, defects) of the entity in `content[start:end]`.

    `of_part`: it is a part, which may do without a header (RFC 2046 §5.1): then a blank line before "From:" is the
    end of that header, and the fields below it are a digest's message.
    `fields` are (lower-case name, value as received without the last line end) in their order.
    """
    defects: list[str] = []
    first = content[start : start + 6]
    if first[:1] in (b"\r", b"\n"):
        leading = (_LEADING_OF_PART if of_part else _LEADING).match(content, start, end)
        if leading is None:
            return [], _after_line(content, start, end), defects
        defects.append("blank-line-before-header")
        start = leading.end()
    elif first.startswith((b"From ", b">From ")) and _MBOX.match(content, start, end) is not None:
        defects.append("mbox-line")
        start = _after_line(content, start, end)
        if content[start : start + 1] in (b"\r", b"\n") or start >= end:
            return [], _after_line(content, start, end), defects
    limit = min(end, start + MAX_HEADER)
    found = _END.search(content, start, limit)
    if found is not None:
        stop, body = found.start() + 1, found.end()
    elif limit == end:
        stop = body = end
    else:
        defects.append("header-too-long")
        stop = body = content.rfind(b"\n", start, limit) + 1 or limit
    block = content[start:stop]
    if block[:1] in (b" ", b"\t"):
        block = block.lstrip(b" \t")
    lines = _FIELD.findall(block)
    if lines and lines[-1] == (b"", b""):
        lines.pop()
    if any(not name for name, _ in lines):
        fields, read = _without_junk(block, defects)
        if read < len(block):
            body = start + (stop - start - len(block)) + read
    else:
        fields = [(name.lower(), value) for name, value in lines]
    if len(fields) > MAX_FIELDS:
        defects.append("too-many-fields")
        del fields[MAX_FIELDS:]
    return fields, body, defects


def _after_line(content: bytes, start: int, end: int) -> int:
    newline = content.find(b"\n", start, end)
    return end if newline < 0 else newline + 1


def _without_junk(block: bytes, defects: list[str]) -> tuple[list[tuple[bytes, bytes]], int]:
    """Fields of a header with lines that are none, and how far it goes.

    A junk line ends the header (the blank line is missing) unless a field that we know follows it.
    """
    fields: list[tuple[bytes, bytes]] = []
    position = 0
    while position < len(block):
        found = _FIELD.match(block, position)
        if found is None:  # cannot be: the value matches anything
            break
        if found[1]:
            fields.append((found[1].lower(), found[2]))
            position = found.end()
            continue
        if not found[2].strip():
            position = found.end()
            continue
        known = _KNOWN.search(block, max(position - 1, 0))
        # The line of a boundary is never in a header, and the fields after it are a part's.
        if known is None or block.startswith(b"--", position) or block.find(b"\n--", position, known.start()) >= 0:
            defects.append("missing-header-end")
            return fields, position
        if "junk-in-header" not in defects:
            defects.append("junk-in-header")
        position = known.start() + 1
    return fields, len(block)


class Fields(Sequence[tuple[str, str]]):
    """All fields of a header in order, as (lower-case name, decoded value); values are decoded when asked for.

    Most fields of most mails are never looked at, so a `Fields` holds the octets. It compares, hashes and
    iterates like a tuple of pairs.
    """

    __slots__ = ("_index", "_raw", "hint")

    def __init__(self, raw: Sequence[tuple[bytes, bytes]] = (), hint: str = "") -> None:
        """`raw`: as `split` gives them. `hint`: the charset of the text, for undeclared 8-bit octets."""
        self._raw = raw
        self.hint = hint
        index: dict[bytes, list[bytes]] = {}
        for name, value in raw:
            if name in index:
                index[name].append(value)
            else:
                index[name] = [value]
        self._index = index

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Fields:
        """The same from text, for messages that are written and not read."""
        return cls(
            [(name.lower().encode("utf-8", "replace"), value.encode("utf-8", "replace")) for name, value in pairs]
        )

    def octets(self, name: bytes) -> list[bytes]:
        """The values of all fields of that (lower-case) name as received."""
        return self._index.get(name, [])

    def has_any(self, names: frozenset[bytes]) -> bool:
        """Is there a field of one of these (lower-case) names? Costs less than asking for each."""
        return not names.isdisjoint(self._index)

    def first(self, name: str) -> str | None:
        """The decoded value of the first field of that (lower-case) name, or None."""
        values = self._index.get(name.encode("utf-8", "replace"))
        return None if values is None else self._decode(values[0])

    def all(self, name: str) -> tuple[str, ...]:
        """The decoded values of all fields of that (lower-case) name."""
        return tuple([self._decode(value) for value in self._index.get(name.encode("utf-8", "replace"), ())])

    def _decode(self, value: bytes) -> str:
        return to_text(value[:MAX_VALUE], self.hint)

    def _pair(self, pair: tuple[bytes, bytes]) -> tuple[str, str]:
        return pair[0].decode("utf-8", "replace"), self._decode(pair[1])

    def __len__(self) -> int:
        return len(self._raw)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return map(self._pair, self._raw)

    @overload
    def __getitem__(self, index: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[tuple[str, str], ...]: ...
    def __getitem__(self, index: int | slice) -> tuple[str, str] | tuple[tuple[str, str], ...]:
        if isinstance(index, slice):
            return tuple(map(self._pair, self._raw[index]))
        return self._pair(self._raw[index])

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (Fields, tuple)):
            return tuple(self) == tuple(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))
