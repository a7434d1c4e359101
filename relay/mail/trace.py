"""Traces: where a mail has been, and what it answers, by its header. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from relay.mail.canonical import Field
from relay.mail.reading import parse
from relay.mail.reference import thread_ids

ANSWERED = 20
"""Messages that one answers which are looked up: the nearest, of which one is known where any is."""

_BY = re.compile(rb"\sby\s++([A-Za-z0-9._-]{1,255})(?=[\s;]|\Z)", re.IGNORECASE)


def times_here(fields: Sequence[Field], hostname: str) -> int:
    """How many Received fields say that a host of this name received the mail."""
    name = hostname.lower().rstrip(".").encode()
    return sum(
        found[1].lower().rstrip(b".") == name
        for key, field in fields
        if key.lower() == b"received" and (found := _BY.search(field)) is not None
    )


def answered(header: bytes) -> tuple[str, ...]:
    """The Message-IDs that a message answers, by In-Reply-To and References, nearest first; of its header alone."""
    message = parse(header)
    return tuple(each for each in thread_ids(message) if each != message.message_id)[:ANSWERED]
