"""Inline forwards: the message that a person's client copied into the text of another.

Decides whether a text carries one, by the first quoting construct in it: a title with a header block, a
rule with a block, a bare block, or an attribution ("On ..., Ann wrote:"). Whether that makes the mail a
forward is not decided here: the same block stands in replies (see `attribution.original`). What is
recovered is what the block says; what it does not say is left empty. Linear; only the first 2,000 lines
are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from relay.mail.address import Mailbox
from relay.mail.forward import block as blocks
from relay.mail.forward import written_date, written_mailbox
from relay.mail.labels import CC, DATE, FROM, REPLY_TO, SUBJECT, TO

MAX_LINES = 2000
"""Where a forward begins is looked for in the first lines only; the body may be longer."""

_ON_BEHALF = " on behalf of "


class Evidence(StrEnum):
    """By what a forwarded message was found, strongest first."""

    TITLE = "title"  # "---------- Forwarded message ---------" and a block: only forwards have it
    ORIGINAL_TITLE = "original-title"  # "-----Original Message-----" and a block: replies have it too
    RULE = "rule"  # a line of underscores and a block: replies have it too
    BLOCK = "block"  # a block alone: replies have it too
    ATTRIBUTION = "attribution"  # "On ..., Ann wrote:": replies; some clients write forwards so


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A message found in a text.

    `author` is None when the block has a name without an address, which is then `author_name`.
    `date` is the date as written. `note` is the text above, `text` the body, without the title, block
    and closing line. `complete`: the block names recipients, or has no such line at all.
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


def find(text: str) -> Forwarded | None:
    """The first message quoted in `text`, or None. Never raises."""
    if ":" not in text and "：" not in text:
        return None
    lines = text.split("\n")
    limit = min(len(lines), MAX_LINES)
    i = 0
    while i < limit:
        line = lines[i]
        if not line or line.isspace():
            i += 1
            continue
        quoted = blocks.depth(line) if line[0] in "> \t\ufeff" else 0
        kind = blocks.title(line) if quoted < 2 else ""
        if kind:
            found = _block_below(lines, i + 1)
            if found is not None:
                evidence = Evidence.TITLE if kind == "forward" else Evidence.ORIGINAL_TITLE
                return _forwarded(lines, i, found, evidence)
        elif quoted:
            pass  # quoted without a title: somebody's reply, looked at no further
        elif blocks.is_rule(line):
            found = _block_below(lines, i + 1)
            if found is not None:
                return _forwarded(lines, i, found, Evidence.RULE)
        elif blocks.label(line) is not None:
            found, stop = blocks.read(lines, i)
            if found is not None and _is_whole(found):
                return _forwarded(lines, i, found, Evidence.BLOCK)
            i = max(stop, i + 1)
            continue
        else:
            length = blocks.attribution(lines, i)
            if length:
                return _attributed(lines, i, length)
        i += 1
    return None


def _block_below(lines: Sequence[str], at: int) -> blocks.Block | None:
    """The block that begins within the next lines, with nothing but blank lines before it."""
    for i in range(at, min(len(lines), at + 6)):
        if blocks.unquoted(lines[i]) and not blocks.is_rule(lines[i]):
            return blocks.read(lines, i)[0] if blocks.label(lines[i]) is not None else None
    return None


def _is_whole(found: blocks.Block) -> bool:
    """Enough to be a client's block without title or rule: sender, and two of date, subject, recipient.

    "From: ... To: ..." in somebody's prose is not.
    """
    return sum(role in found.values for role in (DATE, SUBJECT, TO)) >= 2


def _forwarded(lines: list[str], top: int, found: blocks.Block, evidence: Evidence) -> Forwarded:
    values = found.values
    sender = written_mailbox.read(values[FROM])
    behalf = values[FROM].lower().find(_ON_BEHALF)
    if behalf >= 0:
        # Outlook puts who sent it before who wrote it (RFC 5322 §3.6.2: Sender and From), often without an address.
        writer = written_mailbox.read(values[FROM][behalf + len(_ON_BEHALF) :])
        sender = writer if writer.mailboxes else sender
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
        date=values.get(DATE, ""),
        note="\n".join(lines[:top]).strip(),
        text=_body(lines, found.end, quoted=found.quoted),
    )


def _attributed(lines: list[str], at: int, length: int) -> Forwarded:
    """`On 28/10/2021 12:46, "John Doe" <john@a.example> wrote:` as the head of a message."""
    head = " ".join(blocks.unquoted(line) for line in lines[at : at + length])
    words = head.split()[1:] if head[:3].lower() == "on " else head.split()
    # The date ends with the last word before the address that has a digit, "AM" or a zone in it.
    address_at = next((k for k, word in enumerate(words) if "@" in word), None)
    sender = written_mailbox.Written()
    date = ""
    if address_at is not None:
        dated = [k for k, word in enumerate(words[:address_at]) if _of_date(word)]
        cut = dated[-1] + 1 if dated else 0
        date = " ".join(words[:cut]).rstrip(",")
        sender = written_mailbox.read(" ".join(words[cut : address_at + 1]))
    author = sender.mailboxes[0] if sender.mailboxes else None
    return Forwarded(
        evidence=Evidence.ATTRIBUTION,
        author=author,
        author_name=author.display_name if author else "",
        to=(),
        cc=(),
        reply_to=(),
        names=(),
        subject="",
        date=date,
        note="\n".join(lines[:at]).strip(),
        text=_body(lines, at + length, quoted=False),
    )


def _of_date(word: str) -> bool:
    bare = word.strip(".,;:()").lower()
    return any(char.isdigit() for char in bare) or bare in ("am", "pm", "a.m", "p.m") or written_date.is_zone(bare)


def _body(lines: list[str], start: int, *, quoted: bool) -> str:
    """The lines from `start` on as a text of their own: one level of quoting or indenting taken off."""
    body = lines[start:]
    while body and not blocks.unquoted(body[-1]):
        body.pop()
    for k in range(len(body) - 1, max(-1, len(body) - 6), -1):
        if blocks.is_closing(body[k]):
            del body[k:]
            break
    full = [line for line in body if line and not line.isspace()]
    if quoted or (full and all(line[0] == ">" for line in full)):
        body = [_one_level_less(line) for line in body]
    elif full and all(line.startswith("    ") for line in full):
        body = [line[4:] for line in body]
    return "\n".join(body).strip("\r\n \t\xa0\ufeff")


def _one_level_less(line: str) -> str:
    if line[:2] == "> ":
        return line[2:]
    return line[1:] if line[:1] == ">" else line
