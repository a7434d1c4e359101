"""Inline forwards: the message that a person's client copied into the text of another.

Decides whether a text carries one, by the first quoting construct in it: a title with a header block, a
rule with a block, a bare block, rows whose labels are in no table, or an attribution ("On ..., Ann wrote:").
Whether that makes the mail a forward is not decided here: the same block stands in replies (see
`attribution.inline`). What is recovered is what the block says; what it does not say is left empty. Linear;
only the first 2,000 lines are looked at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from relay.mail.address import Mailbox
from relay.mail.encoded import decode_words
from relay.mail.forward import block as blocks
from relay.mail.forward import block_line, rows, written_mailbox
from relay.mail.forward.attributed import DATED, read_attribution, read_notes
from relay.mail.labels import CC, DATE, ENGLISH, FROM, REPLY_TO, SUBJECT, TO, Language
from relay.mail.reference import base_subject

MAX_LINES = 2000
"""Where a forward begins is looked for in the first lines only; the body may be longer."""

MAX_BLOCKS = 200
"""Beginnings of blocks that are read; a text with so many half ones has none."""

MAX_TITLE = 60
"""Characters of a title that is in no table."""

_CLOCK = re.compile(r"\d\D{1,2}\d\d")


class Evidence(StrEnum):
    """By what a forwarded message was found, strongest first."""

    TITLE = "title"  # "---------- Forwarded message ---------" and a block: only forwards have it
    ORIGINAL_TITLE = "original-title"  # "-----Original Message-----" and a block: replies have it too
    RULE = "rule"  # a line of underscores, or unknown words between dashes, and a block: replies have it too
    BLOCK = "block"  # a block alone: replies have it too
    ROWS = "rows"  # a block in no table, read by the order of its rows
    ATTRIBUTION = "attribution"  # "On ..., Ann wrote:": replies; some clients write forwards so


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A message found in a text.

    `author` is None when the block has a name without an address, which is then `author_name`.
    `date` is the date as written, `language` the code of the language it is written in, '' when unknown.
    `note` is the text above, `text` the body, without the title, block and closing line. `names` are
    recipients without address.
    """

    evidence: Evidence
    author: Mailbox | None
    author_name: str
    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    reply_to: tuple[Mailbox, ...]
    names: tuple[str, ...]
    subject: str
    date: str
    note: str
    text: str
    language: str = ""


def find(text: str, *, subject: str = "") -> Forwarded | None:
    """The first message quoted in `text`, or None. Never raises.

    `subject`: the base subject of a mail that says that it was forwarded, else ''. Where nothing but its rows tells
    that a block is one (no table has its labels, no client's HTML and no known title mark its place), it must have
    that subject: notes have tables of people and times too.
    """
    if ":" not in text and "---" not in text and not block_line.COLON.search(text):
        return None
    lines = text.split("\n")
    limit = min(len(lines), MAX_LINES)
    tried = 0
    answered = False  # whether quoted lines without a title stand above: somebody's reply
    announced: int | None = None  # the line of a title that has nothing readable below it
    i = 0
    while i < limit and tried < MAX_BLOCKS:
        line = lines[i]
        if not line or line.isspace():
            i += 1
            continue
        quoted = block_line.depth(line) if line[0] in "> \t" or ord(line[0]) > 127 else 0
        if not (quoted and answered) and _is_above(line):
            tried += 1
            found = _titled(lines, i, subject)
            if found is not None:
                return found
            if announced is None and not answered and _only_announces(line):
                announced = i
        if subject and not answered and "@" in line and tried < MAX_BLOCKS and _opens_rows(lines, i):
            tried += 1
            found = _rows(lines, i, i, subject)
            if found is not None:
                return found
        length = block_line.attribution(lines, i) if quoted == 3 else 0  # GroupWise
        if length:
            return _attributed(lines, i, length, Evidence.ATTRIBUTION)
        if quoted:
            start = None if answered else _label_or_below_title(lines, i)
            if start is not None:
                block, _ = blocks.read(lines, start)
                tried += 1
                if block is not None and _is_whole(block) and _CLOCK.search(block.values.get(DATE, "")):
                    return _forwarded(lines, i, block, Evidence.BLOCK)
            answered = answered or bool(block_line.unquoted(line))
        elif block_line.label(line) is not None:
            block, stop = blocks.read(lines, i)
            tried += 1
            if block is not None and _is_whole(block):
                return _forwarded(lines, i, block, Evidence.BLOCK)
            i = max(stop, i + 1)
            continue
        else:
            length = block_line.attribution(lines, i)
            if length:
                return _attributed(lines, i, length, Evidence.ATTRIBUTION)
        i += 1
    return None if announced is None else _unread(lines, announced)


def _opens_rows(lines: Sequence[str], at: int) -> bool:
    """May a block whose labels are in no table begin there: behind a blank line, with somebody's mailbox?"""
    if at and block_line.unquoted(lines[at - 1]):
        return False
    row = block_line.row(lines[at])
    return row is not None and block_line.is_mailbox(row[1]) and block_line.label(lines[at]) is None


def _rows(lines: list[str], top: int, at: int, subject: str) -> Forwarded | None:
    """The message under rows at line `at` that no table has, `top` being the line of its title; None without subject.

    Every client writes the subject into its block and, behind "Fwd:", into the header.
    """
    found = rows.read(lines, at)
    if found is None or base_subject(found.values.get(SUBJECT, "")) != subject:
        return None
    return _forwarded(lines, top, found, Evidence.ROWS)


def _only_announces(line: str) -> bool:
    """Is the line a title that only forwards have?"""
    title = block_line.title(line)
    return title is not None and title.kind != "original"


def _unread(lines: list[str], at: int) -> Forwarded:
    """The message under a title whose block nobody can read: all that is known is that it was forwarded."""
    note = "\n".join(lines[:at]).strip()
    body = _body(lines, at + 1, quoted=block_line.depth(lines[at]))
    return Forwarded(Evidence.TITLE, None, "", (), (), (), (), "", "", note, body)


def _is_above(line: str) -> bool:
    """May the line be a title or a rule above a block?"""
    line = block_line.visible(line[:400])
    if block_line.is_rule(line) or block_line.is_dashed(line):
        return True
    return block_line.title(line) is not None or line.lstrip(" \t>\xa0")[:3] in ("---", "===", "***")


def _label_or_below_title(lines: Sequence[str], at: int) -> int | None:
    """The line of the label that the quoted line is, or that stands below it when it may be a title in no table."""
    if block_line.label(lines[at]) is not None:
        return at
    text = block_line.unquoted(lines[at])
    if text[-1:] not in block_line.COLONS or len(text) > MAX_TITLE or block_line.TELLING.search(text):
        return None
    start = _first_below(lines, at + 1)
    if start is None or start > at + 2 or block_line.depth(lines[start]) != block_line.depth(lines[at]):
        return None
    return start if block_line.label(lines[start]) is not None else None


def _titled(lines: list[str], at: int, subject: str = "") -> Forwarded | None:
    """The message under the title or rule in line `at`, or None when the line is none or has none below it."""
    line = block_line.visible(lines[at])
    title = block_line.title(line)
    rest = ""
    if title is None and ("---" in line or "===" in line or "***" in line):
        line, rest = block_line.split_title(line)
        title = block_line.title(line) if rest else None
        if title is None and rest:
            return None
    if title is None:
        if not (block_line.is_rule(line) or block_line.is_dashed(line)):
            return None
        found = _block_below(lines, at + 1, None)
        if found is not None:
            return _forwarded(lines, at, found, Evidence.RULE)
        start = _first_below(lines, at + 1) if subject and not block_line.is_rule(line) else None
        return None if start is None else _rows(lines, at, start, subject)
    evidence = Evidence.ORIGINAL_TITLE if title.kind == "original" else Evidence.TITLE
    if rest:
        # Yahoo writes title and block on one line: put apart, they are read like any other's.
        lines[at : at + 1] = [line, rest]
    found = _block_below(lines, at + 1, title.languages)
    if found is not None:
        if title.date and DATE not in found.values:
            found.values[DATE] = title.date
        return _forwarded(lines, at, found, evidence)
    start = _first_below(lines, at + 1)
    if start is None:
        return None
    below = read_notes(lines, start) if title.kind != "original" else None
    if below is None and title.kind != "by":
        below = rows.read(lines, start)
    if below is not None:
        return _forwarded(lines, at, below, evidence)
    if DATED.search(lines[start]):
        length = block_line.attribution(lines, start)  # Yandex: the title, then "27.10.2021, 09:31, Ann <a@x>:"
        if length:
            return _attributed(lines, start, length, evidence, top=at)
    return None


def _first_below(lines: Sequence[str], at: int) -> int | None:
    """The first line from `at` on, of the next six, that is neither blank nor a rule."""
    for i in range(at, min(len(lines), at + 6)):
        if block_line.unquoted(lines[i]) and not block_line.is_rule(lines[i]):
            return i
    return None


def _block_below(lines: Sequence[str], at: int, titled: tuple[Language, ...] | None) -> blocks.Block | None:
    """The block that begins within the next lines, with nothing but blank lines before it."""
    start = _first_below(lines, at)
    if start is None:
        return None
    if block_line.label(lines[start]) is None and (
        titled is None or block_line.bare_label(block_line.unquoted(lines[start]), set()) is None
    ):
        return None
    return blocks.read(lines, start, titled=titled)[0]


def _is_whole(found: blocks.Block) -> bool:
    """Enough to be a client's block without title or rule: sender, and two of date, subject, recipient.

    "From: ... To: ..." in somebody's prose is not.
    """
    return sum(role in found.values for role in (DATE, SUBJECT, TO)) >= 2


def from_positions(lines: list[str], at: int, *, subject_first: bool) -> Forwarded | None:
    """The message under a block at line `at` whose labels are in no table (see `rows`)."""
    found = rows.read(lines, at, subject_first=subject_first)
    return None if found is None else _forwarded(lines, at, found, Evidence.BLOCK)


def _forwarded(lines: list[str], top: int, found: blocks.Block, evidence: Evidence) -> Forwarded:
    values = {role: decode_words(value) if "=?" in value else value for role, value in found.values.items()}
    sender = _sender(values[FROM], found.language)
    author = sender.mailboxes[0] if sender.mailboxes else None
    to = written_mailbox.read(values.get(TO, ""))
    cc = written_mailbox.read(values.get(CC, ""))
    return Forwarded(
        evidence=evidence,
        author=author,
        author_name=author.display_name if author else ", ".join(sender.names)[:500],
        to=to.mailboxes,
        cc=cc.mailboxes,
        reply_to=written_mailbox.read(values.get(REPLY_TO, "")).mailboxes,
        names=to.names + cc.names,
        subject=values.get(SUBJECT, ""),
        date=values.get(DATE, "").rstrip(";；"),
        note="\n".join(lines[:top]).strip(),
        text=_body(lines, found.end, quoted=found.quoted),
        language=found.language.code if found.language is not None else "",
    )


def _sender(value: str, language: Language | None) -> written_mailbox.Written:
    """Who wrote it. Outlook puts who sent it before that (RFC 5322 §3.6.2: Sender and From), often without address."""
    lower = value.lower()
    for phrase in (*(language.behalf if language is not None else ()), *ENGLISH.behalf):
        at = lower.find(f" {phrase} ") if len(lower) == len(value) else -1
        if at >= 0:
            writer = written_mailbox.read(value[at + len(phrase) + 2 :])
            if writer.mailboxes:
                return writer
    return written_mailbox.read(value)


def _attributed(lines: list[str], at: int, length: int, evidence: Evidence, top: int | None = None) -> Forwarded:
    """`On 28/10/2021 12:46, "John Doe" <john@a.example> wrote:` as the head of a message."""
    sender, date = read_attribution(" ".join(block_line.unquoted(line) for line in lines[at : at + length]))
    author = sender.mailboxes[0] if sender.mailboxes else None
    return Forwarded(
        evidence=evidence,
        author=author,
        author_name=author.display_name if author else "",
        to=(),
        cc=(),
        reply_to=(),
        names=(),
        subject="",
        date=date,
        note="\n".join(lines[: at if top is None else top]).strip(),
        text=_body(lines, at + length, quoted=0),
    )


def _body(lines: list[str], start: int, *, quoted: int) -> str:
    """The lines from `start` on as a text of their own: the quoting or indenting of the block taken off."""
    body = lines[start:]
    while body and not block_line.unquoted(body[-1]):
        body.pop()
    for k in range(len(body) - 1, max(-1, len(body) - 6), -1):
        if block_line.is_closing(body[k]):
            del body[k:]
            break
    full = [line for line in body if line and not line.isspace()]
    if full and (block_line.is_rule(full[0]) or full[0].strip() == "--"):  # Notes and Becky! draw one below the block
        body = body[body.index(full[0]) + 1 :]
        full = full[1:]
    if full and (full[0].startswith(("===8<", "---8<", "--8<")) or _is_title_again(full)):
        # The Bat! marks where the text begins, Zoho writes its title a second time
        body = body[body.index(full[0]) + 1 :]
        full = full[1:]
    if not quoted and full and all(line[0] == ">" for line in full):
        quoted = 1
    if quoted:
        for _ in range(quoted):
            body = [_one_level_less(line) for line in body]
    elif full and all(line.startswith("    ") for line in full):
        body = [line[4:] for line in body]
    return "\n".join(body).strip("\r\n \t\xa0\ufeff")


def _is_title_again(full: list[str]) -> bool:
    return block_line.title(full[0]) is not None and (len(full) == 1 or block_line.label(full[1]) is None)


def _one_level_less(line: str) -> str:
    bare = line.lstrip(" ")
    if bare[:1] == ">":
        line = bare
    if line[:2] == "> ":
        return line[2:]
    return line[1:] if line[:1] == ">" else line
