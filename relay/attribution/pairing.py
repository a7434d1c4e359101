"""Pairing: which of the messages that a mail object was filed as is which of those that it is read as now.

A parser that has learnt something may take more messages out of a mail than its older version did, or
fewer, or in another order. Ids and a person's decisions stand on messages, so what is read now is paired
with what is stored by content, never by position: by the Message-ID, by the words (of the same date before any other),
by author, subject and date; what is left over, in order. Pure: it knows neither the database nor the mail.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from relay.attribution.identity import Known
from relay.attribution.record import Record


def pair(records: Sequence[Record], stored: Sequence[Known]) -> tuple[int | None, ...]:
    """The message (of `stored`, in the order of their positions) that each record is, None for one too many.

    Each stored message is given once. When there is only one of both they are paired, whatever has changed.
    """
    found: list[int | None] = [None] * len(records)
    free = list(stored)
    for of_record, of_known in _KEYS:
        by_key: dict[Hashable, list[Known]] = {}
        for known in free:
            by_key.setdefault(of_known(known), []).append(known)
        for at, record in enumerate(records):
            key = of_record(record)
            if found[at] is None and key is not None and by_key.get(key):
                known = by_key[key].pop(0)
                found[at] = known.message
                free.remove(known)
    for at, message in enumerate(found):
        if message is None and free:
            found[at] = free.pop(0).message
    return tuple(found)


def _author(record: Record) -> str | None:
    return record.author.key if record.author else None


_KEYS: tuple[tuple[Callable[[Record], Hashable], Callable[[Known], Hashable]], ...] = (
    (
        lambda r: (r.message_id, r.fingerprint) if r.message_id else None,
        lambda k: (k.message_id, k.fingerprint),
    ),
    (lambda r: r.message_id, lambda k: k.message_id),
    (lambda r: (r.fingerprint, r.originated_at), lambda k: (k.fingerprint, k.originated_at)),
    (lambda r: r.fingerprint, lambda k: k.fingerprint),
    (
        lambda r: (_author(r), r.base_subject, r.originated_at) if r.author else None,
        lambda k: (k.author, k.base_subject, k.originated_at),
    ),
)
"""What a record and a stored message are compared by, the surest first; None is no key."""
