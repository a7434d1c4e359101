"""Identity: when are two mail objects copies of one message?

A message reaches us more than once: two reps put the capture address into Bcc, a client repeats a
mail whose 250 it did not see, a forward as attachment follows a BCC copy. None of the keys is unique
alone: software reuses a Message-ID for different mails, and people write "OK, thanks" twice.

Now: copies share the Message-ID and agree in author, base subject and date, or in the fingerprint of
the text; without any Message-ID they agree in the fingerprint and the date. (Joining an inline
forward, which has lost its Message-ID, to its original comes with the attribution release.)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from relay.attribution.record import Record

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
