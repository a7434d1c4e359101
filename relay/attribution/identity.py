"""Identity: when are two mail objects copies of one message?

A message reaches us more than once: two reps put the capture address into Bcc, a client repeats a
mail whose 250 it did not see, a forward as attachment follows a BCC copy. None of the keys is unique
alone: software reuses a Message-ID for different mails, and people write "OK, thanks" twice.

Copies share the Message-ID and agree in author, base subject and date, or in the fingerprint of
the text; without any Message-ID they agree in the fingerprint, which then holds the recipients too, and
the date: one text that went to fifty people, one by one, is fifty messages. An inline forward, which has
lost its Message-ID, is joined to its original by `likeness`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from relay.attribution.record import Record, Route

CANDIDATES = 20
"""Messages under one key that are looked at, the newest first. Programs send one text, or one Message-ID,
a hundred thousand times; a copy follows its original closely."""

SAME_DATE = timedelta(minutes=2)
"""Two copies carry the same Date field; a copy without one has the time of its receipt, minutes later."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored of a message that may be the same."""

    message: int
    message_id: str | None
    author: str | None
    base_subject: str
    fingerprint: str
    originated_at: datetime


INLINE = ("text-", "html-")
"""How `evidence` begins of a message that was found in a text. One mail may carry others beside it, attached: the
route is the mail's, the evidence each message's own."""


def source_rank(route: str, evidence: str) -> int:
    """How good a source of a message a copy is that came by this route and was found by this evidence: 0 the message
    itself, 1 attached to another one, 2 copied into a text. The best decides what the message says, among equals the
    first that came.
    """
    if route == Route.FORWARD or evidence.startswith(INLINE):
        return 2
    return 1 if route == Route.ATTACHED else 0


def asked(record: Record) -> str | None:
    """The key under which copies of a record are to be looked for: 'id:' and its Message-ID, else 'fp:' and its
    fingerprint. None for unparsed mail, of which nothing is known.
    """
    if record.outcome != "filed":
        return None
    return f"id:{record.message_id}" if record.message_id else f"fp:{record.fingerprint}"


def same(record: Record, candidates: Iterable[Known]) -> int | None:
    """The message of which `record` is a copy (the oldest that fits), or None when it is a new one."""
    author = record.author.key if record.author else None
    for known in sorted(candidates, key=lambda candidate: candidate.message):
        if known.message_id != record.message_id:
            continue
        dated = abs(known.originated_at - record.originated_at) <= SAME_DATE
        if record.message_id is None:
            if dated and known.fingerprint == record.fingerprint:
                return known.message
        elif known.author == author and (
            known.fingerprint == record.fingerprint or (dated and known.base_subject == record.base_subject)
        ):
            return known.message
    return None


def apart(record: Record, known: Known) -> bool:
    """Is what was filed as a copy of `known` another message after all?

    Says less than "not `same`": copies of one message may have come by way of a third that was like both.
    """
    if record.outcome != "filed" or record.message_id != known.message_id:
        return record.outcome == "filed"
    if record.message_id is None:
        return record.fingerprint != known.fingerprint
    return (record.author.key if record.author else None) != known.author


def known_as(record: Record, message: int) -> Known:
    """What will be stored of a record, for comparing."""
    author = record.author.key if record.author else None
    return Known(message, record.message_id, author, record.base_subject, record.fingerprint, record.originated_at)
