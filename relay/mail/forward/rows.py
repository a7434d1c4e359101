"""Rows: a header block whose labels are in no table, read by the order in which clients write its rows.

Decides who wrote, when and to whom from rows "something, colon, value" alone: what a value is (one mailbox, an
address among words, a clock, words) and where it stands. Only for places that are certain, by a client's HTML or
a title above, and for mail whose subject says that it was forwarded. A sequence that some client could mean in
two ways is none: where the sender may be a name without address, no recipient is taken for the sender.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from relay.mail.forward.block import Block
from relay.mail.forward.block_line import CLOCK, depth, is_mailbox, label, row, unquoted
from relay.mail.labels import CC, DATE, ENGLISH, FROM, REPLY_TO, SUBJECT, TO, language_of, role_of

MOST = 8
"""Rows of one block."""

_ANY_ADDRESS = re.compile(r"[^\s<>\[\]()\"',;:]@[^\s<>\[\]()\"',;:]")

# m: one mailbox, a: addresses or an address among words, d: a clock, t: words. Where the sender stands:
_SENDER = re.compile(
    r"m"  # Gmail, Outlook, Apple Mail and most others
    r"|dm"  # GMX, Alpine, Tuta
    r"|[td]dm(?=[ma])(?!.*t)"  # Thunderbird, Roundcube: Subject, Date, From, To
    r"|tm(?=[ma]|d[ma])(?!.*t)"  # SquirrelMail, Shuriken: Subject, From, ...
)
_SUBJECT_FIRST = re.compile(r"[tdma]dm|dm")


def read(lines: Sequence[str], at: int, *, subject_first: bool = False) -> Block | None:
    """The block that begins at line `at`, None when its rows do not tell for certain who wrote.

    Labels that are in a table count where one language explains two of them at least: one alone may mean
    something else in the language of the others (Breton "Da" is the recipient, Italian "Da" the sender).
    `subject_first`: the client writes Subject, Date, From, To (Thunderbird).
    """
    found, end = _rows(lines, at)
    language = language_of([name for name, _ in found])
    known = [language is not None and (name in language.labels or name in ENGLISH.labels) for name, _ in found]
    roles: list[str | None] = [None] * len(found)
    if language is not None and sum(known) > 1:
        roles = [role_of(name, language) for name, _ in found]
    values: dict[str, str] = {}
    for role, (_, value) in zip(roles, found, strict=True):
        if role:
            values.setdefault(role, value)
    if FROM not in values:
        sender = _sender("".join(_kind(value) for _, value in found), subject_first=subject_first)
        if sender is None or roles[sender]:
            return None
        values[FROM], roles[sender] = found[sender][1], FROM
        if sender == 2:  # two rows stand before it
            for at_row, role in enumerate((SUBJECT, DATE)):
                roles[at_row] = roles[at_row] or role
                values.setdefault(role, found[at_row][1])
    for (_, value), role in zip(found, roles, strict=True):
        kind = _kind(value)
        if role:
            continue
        if kind in "ma":
            free = next((one for one in (TO, CC, REPLY_TO) if one not in values), None)
            if free is not None:
                values[free] = value
        elif kind == "d" and DATE not in values:
            values[DATE] = value
        else:
            values.setdefault(SUBJECT, value)
    if not _ANY_ADDRESS.search(values[FROM]) or DATE not in values or len(values) < 3:
        return None
    return Block(at, end, values, depth(lines[at]), None)


def _sender(kinds: str, *, subject_first: bool) -> int | None:
    """Which row is the sender's, None when that is not certain."""
    match = _SUBJECT_FIRST.match(kinds) if subject_first else _SENDER.match(kinds)
    return None if match is None else match.end() - 1


def _kind(value: str) -> str:
    if is_mailbox(value):
        return "m"
    if _ANY_ADDRESS.search(value):
        return "a"
    return "d" if CLOCK.search(value) else "t"


def _rows(lines: Sequence[str], at: int) -> tuple[list[tuple[str, str]], int]:
    """((the folded label, the value) of each row, the line behind the last).

    In HTML each row may be a paragraph of its own, with blank lines between; else a blank line ends the block.
    """
    found: list[tuple[str, str]] = []
    end = at
    apart = True
    for i in range(at, min(len(lines), at + 2 * MOST)):
        if not unquoted(lines[i]):
            if len(found) > 1 and not apart:
                break
            continue
        one = _row(lines[i])
        if one is None:
            break
        apart = apart and (not found or end < i)
        found.append(one)
        end = i + 1
        if len(found) == MOST:
            break
    return found, end


def _row(line: str) -> tuple[str, str] | None:
    """(folded label, '' when it is in no table, the value) of "something, colon, value"."""
    found = row(line)
    if found is None:
        return None
    known = label(line)
    return "" if known is None else known[0], found[1]
