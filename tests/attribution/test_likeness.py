"""When what a forward copied into its text is a mail that we have, and when it is another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from letters import CRM, REP, mail, record

from relay.attribution.likeness import Letter, letter, nearest, same_mail

AT = datetime(2026, 3, 2, 10, 0, 31, tzinfo=UTC)
MINUTE = AT.replace(second=0)
RECEIVED = AT + timedelta(days=3)
WORDS = (
    "Dear Bob, thank you for the offer of last week. We have talked it over with our board, and everybody likes the "
    "second variant best. Could you send us the price for forty seats instead of twenty?"
)
BOB, CARL, DORA = "bob@example.org", "carl@example.org", "dora@other.example"


def anna(message: int = 1, text: str | None = WORDS, *, at: datetime = AT, to: Sequence[str] = (BOB,), **fields: object) -> Letter:  # fmt: skip
    """A mail of Anna's; `forwarded`, and what else is different, by name."""
    recipients = frozenset(to)
    outside = frozenset(one for one in to if not one.endswith("@example.org"))
    one = Letter(message, "anna@lead.example", "offer", at, True, "", recipients, outside, False, False, False, text)
    return replace(one, **fields)  # type: ignore[arg-type]


def forward(message: int = 2, text: str | None = WORDS, *, at: datetime = MINUTE, **fields: object) -> Letter:  # fmt: skip
    return anna(message, text, at=at, forwarded=True, **fields)


def undated(written: str, message: int = 2, **fields: object) -> Letter:
    return forward(message, at=RECEIVED, dated=False, written=written, **fields)


@pytest.mark.parametrize(
    "written",
    [
        "02/03/2026 10:00",  # which of the two is the month, English does not tell
        "03/02/2026 10:00",
        "3/2/26, 10:00",
        "2026-03-02 10:00:31",
        "2 xxx 2026 10.00",
        "2 xxx 2026 12:00",  # two hours east
        "2 xxx 2026 5:00 x.x.",  # five hours west; or of a clock of twelve hours, seven east
        "xxx 4, 2 xxx 3, 2026 10:00",  # days of the week, and months, counted
        "2 xxx 2026 10:00:31 GMT+1",
        "3 xxx 2026 00:00",  # fourteen hours east it is the next day
        "1 xxx 2026 23:00",
        "2026x03x02x 10时00分",
    ],
)
def test_a_date_that_could_not_be_read_may_be_the_mails_own(written: str) -> None:
    assert same_mail(anna(), undated(written)) is True


@pytest.mark.parametrize(
    "written",
    [
        "03/04/2026 10:00",
        "xxx, xxx 3, 2026 at 10:00 xx",  # the same minute of the next day
        "xxx, xxx 1, 2026 at 10:00 xx",  # of the day before
        "01/03/2026 10:00",
        "03/01/2026 10:00",
        "3.3.2026 10:00",
        "2 xxx 2026 10:07",
        "3 xxx 2026 10:02",  # 2 is a minute
        "xxx 26 2026 10:00",
        "2 xxx 2025 10:00",
        "22 xxx 2026 02:00",
        "5 xxx 2026 10:00 GMT+2",  # 2 is a zone
        "2 xxx 2026",
        "99:99 2 2026",
        "",
        "2" * 160,
    ],
)
def test_figures_that_are_another_moment_in_every_zone_are_another_mail(written: str) -> None:
    assert same_mail(anna(), undated(written)) is False


def test_the_words_of_a_mail_with_an_unread_date_must_be_many_and_no_programs() -> None:
    assert not same_mail(anna(text="OK, thanks"), undated("02/03/2026 10:00", text="OK, thanks"))
    assert not same_mail(anna(automatic=True), undated("02/03/2026 10:00", automatic=True))


def test_two_forwards_with_unread_dates_are_one_if_the_dates_are_written_alike() -> None:
    assert same_mail(undated("02/03/2026  10:00", 1), undated("02/03/2026 10:00", 2))
    assert not same_mail(undated("02/03/2026 10:00", 1), undated("02/03/2026 10:05", 2))
    assert not same_mail(undated("", 1), undated("", 2))


@pytest.mark.parametrize(
    ("apart", "one_mail"),
    [
        (timedelta(hours=5, minutes=30), True), (timedelta(hours=-13, minutes=45), True), (timedelta(minutes=15), True),
        (timedelta(minutes=7), False), (timedelta(days=1), False), (timedelta(days=-1), False),
        (timedelta(hours=27), False), (timedelta(days=7), False),
    ],
)  # fmt: skip
def test_a_read_date_may_be_of_another_zone_and_of_no_other_day(apart: timedelta, one_mail: bool) -> None:
    assert bool(same_mail(anna(), forward(at=MINUTE + apart))) is one_mail


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("Wed, 6 May 2026 at 09:00", "Wed, 6 May 2026 at 09:00"),  # a zone may make it the next day
        ("Wed, 13 May 2026 at 09:00", ""),
        ("Thu, 1 Jan 1970 at 09:00", ""),
        ("03/04/2026 09:00", "03/04/2026 09:00"),
    ],
)
def test_a_date_that_was_read_and_cannot_be_is_no_date_that_may_fit(written: str, left: str) -> None:
    block = f"---------- Forwarded message ---------\nFrom: Anna <anna@lead.example>\nDate: {written}\nSubject: Offer\nTo: {REP}\n\n"
    one = letter(record(mail(to=CRM, subject="Fwd: Offer", text=block + WORDS)), 1, frozenset({"our.example"}))
    assert one is not None
    assert (one.forwarded, one.dated, one.written) == (True, False, left)


def test_of_several_that_fit_the_exact_one_is_it_then_the_nearest() -> None:
    hour = timedelta(hours=1)
    assert nearest(forward(9), [anna(1, at=AT - hour), anna(2), anna(3)]) == 2
    assert nearest(forward(9), [anna(1, at=AT - 5 * hour), anna(2, at=AT + 2 * hour)]) == 2
    assert nearest(forward(9), [anna(1, text="Something else.")]) is None
