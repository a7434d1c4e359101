"""Tombstones: by what a mail that was taken back is known when it comes again. Pure.

Nothing of the mail is kept, only keyed hashes (HMAC-SHA256, RFC 2104) of traits: a retry, the copy of another
colleague, a forward of it share at least one. A trait is as strict as `identity`: two mails that differ are told
apart, whatever Message-ID a program gave them. What can only be compared by likeness (a date that is two minutes
off) is rounded, and a tombstone holds the neighbours too.

The key stands in the database beside the hashes. It keeps lists that somebody made elsewhere from fitting; whoever
has the database and can guess a whole mail can prove the guess.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from relay.attribution.likeness import RECIPIENTS, is_forwarded
from relay.attribution.record import Record

FORGOTTEN = "forgotten"
"""Outcome of mail that a person took back, and of what comes again of it."""

PERSON_ERASED = "person-erased"
"""Defect of a message of which a person was taken out, at her demand."""

MINUTES = 120
"""Seconds into which the date of two copies is rounded: with the neighbours, two to four minutes apart are one."""

DAY = 86400
"""Seconds, for a forward, which tells the date of its original without a zone."""

WORDS = 4 * 1024
"""Letters and digits of the words that are compared, from the beginning."""

TELLING = 40
"""Letters and digits from which words alone tell that a mail with a Message-ID is one that had lost its own."""

NAMED = 50
"""Recipients by each of whom a forward is known; a mail to more people is no secret."""

_NO_LETTER = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Buried:
    """What is known of a message at the moment in which it is taken back. `author`: the key of its address, or '';
    `recipients`: those of To, Cc and Bcc.
    """

    message_id: str | None
    author: str
    base_subject: str
    fingerprint: str
    originated_at: datetime
    words: str
    recipients: tuple[str, ...] = ()


def marks_kept(key: bytes, buried: Buried, digests: Iterable[str] = ()) -> frozenset[str]:
    """The marks of a tombstone. `digests`: sha256 (hex) of the mail objects of which nothing is left."""
    near = (-1, 0, 1)
    found = {_mark(key, "content", digest) for digest in digests}
    if buried.message_id:
        found.add(answered(key, buried.message_id))
    found |= {_mark(key, *trait) for trait in _traits(buried, near)}
    words = _folded(buried.words)
    if words:
        kind = "words-named" if buried.message_id else "words-nameless"
        days = (str(_bucket(buried.originated_at, DAY) + step) for step in near)
        found |= {_mark(key, kind, buried.author, buried.base_subject, words, day) for day in days}
    found |= {_mark(key, *trait) for trait in _as_forwarded(buried)}
    return frozenset(found)


def marks_asked(key: bytes, record: Record, digest: str = "") -> frozenset[str]:
    """The marks under which a tombstone for this record would lie. `digest`: sha256 (hex) of its mail object."""
    found = {_mark(key, "content", digest)} if digest else set()
    if record.outcome != "filed":
        return frozenset(found)
    author = record.author.key if record.author else ""
    buried = Buried(
        record.message_id, author, record.base_subject, record.fingerprint, record.originated_at,
        record.text or record.quoted,
        tuple(party.address.key for party in record.parties if party.role in RECIPIENTS),
    )  # fmt: skip
    found |= {_mark(key, *trait) for trait in _traits(buried, (0,))}
    words = _folded(buried.words)
    day = str(_bucket(buried.originated_at, DAY))
    if words and not record.message_id:  # it may be a forward, which has lost the Message-ID
        found.add(_mark(key, "words-named", author, buried.base_subject, words, day))
    if len(words) >= TELLING or (words and not record.message_id):
        found.add(_mark(key, "words-nameless", author, buried.base_subject, words, day))
    if is_forwarded(record) and record.date_source != "received":
        found |= {_mark(key, *trait) for trait in _as_forwarded(buried)}
    return frozenset(found)


def answered(key: bytes, message_id: str) -> str:
    """The mark of a Message-ID alone: an answer to a mail that was taken back misses nothing."""
    return _mark(key, "id", message_id)


def _traits(buried: Buried, near: tuple[int, ...]) -> Iterator[tuple[str, ...]]:
    times = [str(_bucket(buried.originated_at, MINUTES) + step) for step in near]
    if not buried.message_id:
        yield from (("nameless", buried.fingerprint, time) for time in times)
        return
    yield "id+text", buried.message_id, buried.author, buried.fingerprint
    yield from (("id+subject", buried.message_id, buried.author, buried.base_subject, time) for time in times)


def _as_forwarded(buried: Buried) -> Iterator[tuple[str, ...]]:
    """What the header that a forward copies into its text still tells of its original, whatever is left of the words:
    author, subject, minute, and a recipient.
    """
    minute = str(_bucket(buried.originated_at, 60))
    for recipient in sorted(buried.recipients)[:NAMED] if buried.author else ():
        yield "forwarded", buried.author, buried.base_subject, minute, recipient


def _bucket(moment: datetime, seconds: int) -> int:
    return int(moment.timestamp() // seconds)


def _folded(words: str) -> str:
    """Letters and digits only: a forward breaks lines, marks and quotes as it likes."""
    return _NO_LETTER.sub("", words[: 2 * WORDS].casefold())[:WORDS]


def _mark(key: bytes, *trait: str) -> str:
    return hmac.digest(key, "\0".join(trait).encode("utf-8", "replace"), "sha256").hex()
