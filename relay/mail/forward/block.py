"""Header blocks: the From, Date, Subject and To lines that a client writes above a quoted message.

Decides whether lines of text are such a block, and what it says. A linear scanner over the tables of
`labels`: a line is "label, colon, value"; a block is two or more different roles of one language, one
of them the sender. Values may be wrapped, stand below their label, or several on one line; what a line
says is `block_line`'s to tell. It does not know whether the block means a reply or a forward.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from relay.mail.forward.block_line import (
    CLOCK,
    MAX_LABEL,
    MAX_VALUE,
    bare_label,
    depth,
    is_mailbox,
    label,
    labels_inside,
    row,
    unquoted,
)
from relay.mail.labels import (
    ADDRESS_LABELS,
    DATE,
    ENGLISH,
    FROM,
    FROM_LABELS,
    OTHER,
    SUBJECT,
    SUBJECT_LABELS,
    TO,
    Language,
    language_of,
    role_of,
)

MAX_LINES = 400
"""Lines of one block: a recipient list of some hundred wrapped lines is real, more is not."""

MAX_BLANKS = 2
"""Blank lines between two labels: HTML that puts each in a paragraph of its own is rendered so."""

WRAP = 76
"""Where clients wrap plain text: a line that still had room was not wrapped."""

_NAME_AND_ADDRESS = re.compile(r"[^<>@:]{1,60}<[^\s<>@]{1,64}@[^\s<>@]{1,255}>")


@dataclass(frozen=True, slots=True)
class Block:
    """One header block: lines [start, end), the value of each role, how deep it is quoted with `>`.

    `language`: that of its labels, None when its labels are in no table (see `rows`). `mixed`: some of
    them are English, as Gmail writes them.
    """

    start: int
    end: int
    values: dict[str, str]
    quoted: int
    language: Language | None = None
    mixed: bool = False


@dataclass(slots=True)
class _Reading:
    """A block as far as it is read. `pairs`: (folded label, the lines of its value)."""

    pairs: list[tuple[str, list[str]]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    run_together: bool = False
    below: bool = False  # whether a value was found below its label

    def add(self, name: str, value: str, *, whole: bool = False) -> bool:
        """Take a label and its value, which may hold further labels unless it is `whole`.

        False when the block has the label already.
        """
        if name in self.seen:
            return False
        self.seen.add(name)
        self.pairs.append((name, [value]))
        if not whole:
            self._split(value)
        return True

    def go_on(self, text: str) -> None:
        """Take a line that continues the last value."""
        self.pairs[-1][1].append(text)
        if self.run_together:
            self._split(text)

    def _split(self, value: str) -> None:
        """Take the labels inside a value: `From: A <a@x> To: b@y Sent: ...` on one line."""
        if not (":" in value or "：" in value) or not ({name for name, _ in self.pairs} & FROM_LABELS):
            return
        found = [one for one in labels_inside(value) if one[2] not in self.seen]
        language = language_of([name for name, _ in self.pairs] + [name for _, _, name in found])
        if not found or language is None:
            return
        own = [one for one in found if one[2] in language.labels or one[2] in ENGLISH.labels]
        roles = {role_of(name, language) for name, _ in self.pairs}
        new = [one for one in own if role_of(one[2], language) not in roles]
        if not new:
            return
        self.run_together = True
        lines = self.pairs[-1][1]
        lines[-1] = value[: new[0][0]].strip(" \t*\xa0")
        for at, (_, end, name) in enumerate(new):
            if name in self.seen:
                continue
            self.seen.add(name)
            stop = new[at + 1][0] if at + 1 < len(new) else len(value)
            self.pairs.append((name, [value[end:stop].strip(" \t*\xa0")]))


def read(lines: Sequence[str], at: int, *, titled: tuple[Language, ...] | None = None) -> tuple[Block | None, int]:
    """The block that begins with the label at line `at`, and the line where its reading stopped.

    (None, stop) when those lines are no block; no block begins between `at` and `stop` then. `titled`: the
    languages of the title above it; under one, labels need no colon.
    """
    reading = _Reading()
    end = i = at
    blanks = 0
    limit = min(len(lines), at + MAX_LINES)
    while i < limit:
        text = unquoted(lines[i])
        if not text:
            blanks += 1
            if blanks > MAX_BLANKS or i == at:
                break
            i += 1
            continue
        found = label(lines[i])
        if found is None and titled is not None and (blanks == 0 or i == at):
            found = bare_label(text, reading.seen)
        if found is not None:
            # A subject may say "From: Berlin To: Hamburg"; where labels go on below it, each has a line of its own.
            whole = found[0] in SUBJECT_LABELS and i + 1 < limit and label(lines[i + 1]) is not None
            if not reading.add(*found, whole=whole):
                break
            blanks = 0
            i += 1
            end = i
            continue
        if not reading.pairs:
            break
        last = reading.pairs[-1]
        if not any(last[1]):
            # A label alone on its line: the value stands below it, in HTML in a paragraph of its own. But what
            # follows the last label behind a blank line is the body, and the label is an empty "Subject:".
            wrapped = int(not blanks or reading.below or _label_follows(lines, i + 1, limit))
            reading.below = reading.below or bool(wrapped)
        elif blanks:
            wrapped = 0
        elif reading.run_together and labels_inside(text):
            wrapped = 1
        else:
            wrapped = _wrapped(lines, i, limit, last)
        if not wrapped and not blanks and _recipient(text, [name for name, _ in reading.pairs]):
            wrapped = 1
        if not wrapped:
            break
        for k in range(i, i + wrapped):
            reading.go_on(unquoted(lines[k]))
        blanks = 0
        i += wrapped
        end = i
    values, language = _roles(reading.pairs, titled or ())
    if FROM not in values or len([role for role in values if role != OTHER]) < 2:
        return None, max(end, at + 1)
    mixed = language is not None and any(name not in language.labels for name, _ in reading.pairs)
    return Block(at, end, values, depth(lines[at]), language, mixed), end


def _label_follows(lines: Sequence[str], at: int, limit: int) -> bool:
    """Is the next line that is not blank a label?"""
    for i in range(at, min(limit, at + MAX_BLANKS + 1)):
        if unquoted(lines[i]):
            return label(lines[i]) is not None
    return False


def _wrapped(lines: Sequence[str], at: int, limit: int, pair: tuple[str, list[str]]) -> int:
    """How many lines from `at` on continue the value of `pair`; 0 when the block ends here."""
    name, value = pair
    addresses = name in ADDRESS_LABELS
    last = min(limit, at + (200 if addresses else 4))
    for k in range(at, last):
        if not unquoted(lines[k]):
            break
        if label(lines[k]) is not None:
            return k - at  # another label follows: what stands between was wrapped
    # Nothing but the text follows. The last label's value goes on only if the line before was full,
    # if a list of addresses goes on, or if an address was cut in two.
    count = 0
    previous = value[-1]
    for k in range(at, last):
        text = unquoted(lines[k])
        if not text:
            return count
        cut = previous.rfind("<") > previous.rfind(">") and ">" in text
        listed = previous.endswith((",", ";", "，", "；")) or (
            "@" in text and (lines[k][:1] in " \t" or text[0] == "<")
        )
        if cut or (addresses and (listed or _cut_name(previous, text))):
            count += 1
        elif k == at and not addresses and len(name) + 2 + len(previous) + 1 + len(text.split(" ", 1)[0]) > WRAP:
            following = unquoted(lines[k + 1]) if k + 1 < len(lines) else ""
            return 0 if following or len(previous) > 2 * WRAP else 1
        else:
            return count
        previous = text
    return count


def _cut_name(previous: str, text: str) -> bool:
    """Does a list end in a name whose address stands in the next line: `..., Carl` and `Mann <carl@x>`?"""
    rest = previous[max(previous.rfind(","), previous.rfind(";")) + 1 :]
    return len(rest) < len(previous) and "@" not in rest and _NAME_AND_ADDRESS.match(text) is not None


def _roles(pairs: list[tuple[str, list[str]]], titled: tuple[Language, ...]) -> tuple[dict[str, str], Language | None]:
    """(role -> value, the language that knows most of the labels)."""
    language = language_of([name for name, _ in pairs], titled) if pairs else None
    values: dict[str, str] = {}
    if language is not None:
        roles = {role_of(name, language) for name, _ in pairs}
        if DATE not in roles:
            _date_under_another_name(values, pairs)
        if TO not in roles:
            _recipient_under_another_name(values, pairs)
        for name, value in pairs:
            role = role_of(name, language)
            if role is not None:
                values.setdefault(role, _joined(value, addresses=role not in (SUBJECT, DATE, OTHER)))
        if SUBJECT not in values and DATE in values:
            _subject_behind_date(values, language)
    return values, language


def _date_under_another_name(values: dict[str, str], pairs: list[tuple[str, list[str]]]) -> None:
    """A label that is in no table stands like a wrapped line among the others; a clock behind it tells the date's."""
    for _, value in pairs:
        for at in range(1, min(len(value), 5)):
            name, colon, date = value[at].replace("：", ":", 1).partition(":")
            named = colon and 1 < len(name) <= MAX_LABEL and name[-1].isalpha()
            if named and "@" not in value[at] and CLOCK.search(date):
                values[DATE] = date.strip(" \t*")
                del value[at]
                return


def _recipient_under_another_name(values: dict[str, str], pairs: list[tuple[str, list[str]]]) -> None:
    """The same for recipients: one mailbox behind a label that is in no table, and not the sender's own."""
    names = [name for name, _ in pairs]
    sender = next((value[0] for name, value in pairs if name in FROM_LABELS), "")
    for _, value in pairs:
        for at in range(1, min(len(value), 5)):
            mailbox = _recipient(value[at], names)
            if mailbox:
                if mailbox not in sender:  # Airmail writes "Reply:"
                    values[TO] = mailbox
                del value[at]
                return


def _recipient(line: str, names: list[str]) -> str:
    """The mailbox of a line with a label that is in no table, in a block that has no recipients yet; else ''."""
    if "@" not in line or FROM_LABELS.isdisjoint(names) or not ADDRESS_LABELS.isdisjoint(names):
        return ""
    found = row(line)
    return found[1] if found is not None and found[0][:1].isalpha() and is_mailbox(found[1]) else ""


def _subject_behind_date(values: dict[str, str], language: Language) -> None:
    """`... 09:26:50 CETAssunto Integer`: some clients forget the blank, and even the colon."""
    words = values[DATE].split(" ")
    for at, word in enumerate(words[1:-1], start=1):
        for start in range(1, len(word)):
            if word[start].isupper() and language.labels.get(word[start:].casefold()) == SUBJECT:
                values[DATE] = " ".join([*words[:at], word[:start]])
                values[SUBJECT] = " ".join(words[at + 1 :])
                return


def _joined(lines: list[str], *, addresses: bool) -> str:
    """The lines of a value as one; an address that was cut in two is made whole."""
    text = ""
    for line in lines:
        cut = addresses and max(text.rfind("<"), text.rfind("[")) > max(text.rfind(">"), text.rfind("]"))
        cut = cut and (">" in line or "]" in line)  # else it ends where the line does: the next word is none of its
        text = f"{text}{'' if cut and '@' in text[-200:] + line[:200] else ' '}{line}"
        if len(text) > MAX_VALUE:
            break
    return " ".join(text[:MAX_VALUE].split())
