"""Likeness: is what a forward copied into its text the message that we have, or will have, as a mail?

A client that forwards in the text leaves the Message-ID out. What it leaves is compared: author, base subject, date,
recipients and words. All must agree, each as far as clients keep it:

- the date to the minute; a block seldom names its zone, so it may be off by hours, if the words are many and no
  program wrote them. A date that could not be read proves something too: its figures are the mail's year, day and
  clock in some zone. One that was read and cannot be (it is after the forward) proves that it is another mail.
- the recipients: a block may leave some out, it never adds any. What one of us wrote must name somebody outside
  who is on both: one text goes to fifty people within a minute.
- the words as in `wording`. A few words ("OK, thanks") are no evidence, so there the rest must be exact.

Two mails made one are worse than one mail twice: in doubt they stay two. Two messages that both came as mails are
never compared here (see `identity`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from relay.attribution.identity import INLINE
from relay.attribution.record import Direction, Record, Role
from relay.attribution.wording import alike, is_short, words

ZONES = timedelta(hours=26)
"""How far the clocks of two places on Earth are apart at the most."""

WEST, EAST = timedelta(hours=-11), timedelta(hours=14)
"""Zones that people live in. With one at -12 a clock of twelve hours would name the same minute of the day before."""

QUARTER = 15 * 60
"""Seconds: zones differ by quarters of an hour."""

DAY = timedelta(days=1)

MINUTE = 60.0
"""Seconds by which the date in a block, which seldom has any, is off."""

MANY = 20
"""Words from which a text says so much that nobody writes it twice, hours apart to the minute."""

UNREAD = timedelta(days=60)
"""How long before its forward a mail is looked for when the block's date could not be read."""

DISPROVED = frozenset({"date-in-future", "date-too-old"})
"""Defects of a date that was read and cannot be."""

RECIPIENTS = frozenset({Role.TO, Role.CC, Role.BCC})


@dataclass(frozen=True, slots=True)
class Letter:
    """What is compared of a message. `recipients`: addresses in To, Cc and Bcc, `outside` those that are not of our
    domains. `text`: the author's words, or what was quoted where there are none; None where only facts are kept.
    `forwarded`: known from the text of a forward only. `dated`: a date could be read; `written`: as the block has it,
    '' where it was read and is no date that the mail can have.
    """

    message: int
    author: str
    base_subject: str
    at: datetime
    dated: bool
    written: str
    recipients: frozenset[str]
    outside: frozenset[str]
    outgoing: bool
    automatic: bool
    forwarded: bool
    text: str | None

    @property
    def key(self) -> tuple[str, str]:
        """What is equal for all copies of one message."""
        return self.author, self.base_subject


def letter(record: Record, message: int, domains: frozenset[str]) -> Letter | None:
    """What is compared of a record; None when it is nobody's, or unparsed: there is nothing to go by."""
    if record.outcome != "filed" or record.author is None:
        return None
    named = [party.address for party in record.parties if party.role in RECIPIENTS]
    return Letter(
        message,
        record.author.key,
        record.base_subject,
        record.originated_at,
        dated=record.date_source != "received",
        written="" if DISPROVED.intersection(record.defects) else record.written_date,
        recipients=frozenset(address.key for address in named),
        outside=frozenset(address.key for address in named if address.domain not in domains),
        outgoing=is_outgoing(record.verdict.direction),
        automatic=record.automatic is not None,
        forwarded=is_forwarded(record),
        text=record.text or record.quoted,
    )


def is_forwarded(record: Record) -> bool:
    """Is a message known from the text of a forward only, by which its original may be found?"""
    return record.evidence.startswith(INLINE) and record.message_id is None and record.author is not None


def is_outgoing(direction: str) -> bool:
    """Did one of us write it?"""
    return direction in (Direction.OUTGOING, Direction.INTERNAL)


def nearest(one: Letter, others: Iterable[Letter]) -> int | None:
    """The message that `one` is a copy of: the nearest in time, of those the oldest. None: it is new."""
    found = [other for other in others if same_mail(one, other)]
    if not found:
        return None
    return min(found, key=lambda other: (not _exact(one, other), abs(one.at - other.at), other.message)).message


def same_mail(one: Letter, other: Letter) -> bool | None:
    """Is one of them the other as a forward has it? None: a text that would tell it is not at hand. Symmetric."""
    if not (one.forwarded or other.forwarded) or one.key != other.key:
        return False
    if not _recipients_agree(one, other):
        return False
    exact = _exact(one, other)
    if not exact and (one.automatic or other.automatic or not _may_be_of_one_time(one, other)):
        return False
    if one.text is None or other.text is None:
        return None
    if not alike(one.text, other.text):
        return False
    if exact:
        shared = one.recipients & other.recipients
        return bool(shared) if is_short(one.text) or is_short(other.text) else True
    return min(len(words(one.text)), len(words(other.text))) >= MANY


def _exact(one: Letter, other: Letter) -> bool:
    return one.dated and other.dated and abs((one.at - other.at).total_seconds()) < MINUTE


def _recipients_agree(one: Letter, other: Letter) -> bool:
    """May both have gone to the same people?"""
    if one.outgoing or other.outgoing:
        named = (one.outside, other.outside) if one.outside or other.outside else (one.recipients, other.recipients)
        if named[0].isdisjoint(named[1]):
            return False
    if not one.recipients or not other.recipients:
        return True
    return one.recipients <= other.recipients or other.recipients <= one.recipients


def _may_be_of_one_time(one: Letter, other: Letter) -> bool:
    """May the two dates, of which not both are sure, name one moment?"""
    if one.dated and other.dated:
        apart = abs(one.at - other.at)
        if apart > ZONES or abs(apart - DAY) < timedelta(seconds=MINUTE):
            return False  # what comes at the same minute every day is not one mail in two zones
        rest = apart.total_seconds() % QUARTER
        return min(rest, QUARTER - rest) < MINUTE
    if not one.dated and not other.dated:
        return one.written != "" and any(map(str.isdigit, one.written)) and _folded(one) == _folded(other)
    unread, dated = (other, one) if one.dated else (one, other)
    return dated.at <= unread.at <= dated.at + UNREAD and _names(unread.written, dated.at)


def _folded(one: Letter) -> str:
    return " ".join(one.written.split()).casefold()


_ZONE = re.compile(r"(?:GMT|UTC)\s?[+\-−]\s?\d{1,2}(?::?\d\d)?|\+\d{1,2}:?\d\d", re.IGNORECASE)
_CLOCK = re.compile(r"(?<![\d./-])(\d{1,2})\s?[:.h時时點点시٫]\s?(\d{2})(?:\s?[:.分분]\s?\d{2})?(?![./-]?\d)")
_FIGURE = re.compile(r"(?<!\d)\d{1,4}(?!\d)")


def _names(written: str, at: datetime) -> bool:
    """Can these figures, in an order or a language that we cannot read, be this moment in some zone?"""
    written = _ZONE.sub(" ", written)
    return any(
        _is_moment(int(clock[1]), int(clock[2]), _figures(written, clock.span()), at.astimezone(UTC))
        for clock in _CLOCK.finditer(written)
    )


def _figures(written: str, but: tuple[int, int]) -> list[int]:
    return [int(one[0]) for one in _FIGURE.finditer(written) if not but[0] <= one.start() < but[1]]


def _is_moment(hour: int, minute: int, figures: list[int], at: datetime) -> bool:
    """Are the figures beside the clock a day, its year, and its month if that is no word, and is it `at` somewhere?"""
    if hour > 23 or minute > 59:
        return False
    for day in (at + DAY * step for step in (-1, 0, 1)):
        left = list(figures)
        year = next((one for one in (day.year, day.year % 100) if one in left), None)
        if year is None:
            continue
        left.remove(year)
        if day.day not in left:
            continue
        left.remove(day.day)
        if left and day.month not in left:
            continue
        for half in (0, 12) if hour < 12 else (0,):  # "2:25" with a word for the afternoon
            offset = day.replace(hour=hour + half, minute=minute, second=0, microsecond=0) - at.replace(
                second=0, microsecond=0
            )
            if WEST <= offset <= EAST and offset.total_seconds() % QUARTER == 0:
                return True
    return False
