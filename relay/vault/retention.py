"""Retention: sealed segments whose newest mail is old enough are unlinked, whole.

Decides which. It runs beside the writer, which never looks at a segment again once it has begun the next
one; readers take a segment that vanishes for one that was never there. The segment being written always
stays, whatever its age: it knows the next number, so ids never come back. (The writer begins a new one
by age, so that mail does not stay because little comes: `appender`.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from relay import sqlite
from relay.vault.copying import held
from relay.vault.failure import explain
from relay.vault.reader import open_for_reading
from relay.vault.segment import Segment, remove_segment, segments

DAY = 86400.0

Filed = Callable[[str, Sequence[int]], bool]
"""(epoch, numbers): has each of these mail objects its outcome in relay.db?"""


@dataclass(frozen=True, slots=True)
class Expired:
    """`removed` and how many `mails` were in them; `waiting`: old enough, but with mail that is not filed."""

    removed: tuple[Segment, ...]
    mails: int
    waiting: tuple[Segment, ...]


def expire(folder: Path, before: datetime, filed: Filed) -> Expired:
    """Unlink the sealed segments in `folder` whose newest mail was accepted before `before`.

    Raises a VaultError when a segment cannot be read or removed; those before it are gone then.
    """
    try:
        known = segments(folder)
    except FileNotFoundError:
        known = []
    except OSError as error:
        raise explain(error, folder) from error
    removed: list[Segment] = []
    waiting: list[Segment] = []
    mails = 0
    for segment in known[:-1]:
        old, numbers = _numbers(segment, before)
        if not old:
            continue
        if not filed(segment.epoch, numbers):
            waiting.append(segment)
            continue
        remove_segment(segment)
        removed.append(segment)
        mails += len(numbers)
    return Expired(tuple(removed), mails, tuple(waiting))


def _numbers(segment: Segment, before: datetime) -> tuple[bool, list[int]]:
    """Is all of its mail older than that, and the numbers of its mail. (A sealed segment may be empty.)"""
    try:
        with contextlib.closing(open_for_reading(segment)) as connection:
            holds = held(connection, segment.path)
            if holds.newest_at is not None and holds.newest_at >= before:
                return False, []
            return True, [number for (number,) in connection.execute("SELECT number FROM mail ORDER BY number")]
    except (OSError, sqlite.Error) as error:
        raise explain(error, segment.path) from error


def sealed_after(keep: float) -> float:
    """Seconds after which the writer goes on in a new segment when `keep` is how long mail is kept.

    A thirtieth of it, a day at the least and a month at the most: mail stays that much longer than `keep`
    at the most, and ten years of little mail are 120 files.
    """
    return min(max(keep / 30, DAY), 30 * DAY)
