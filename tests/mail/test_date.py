"""Dates of every form that is met, to one moment or none."""

import email.utils
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail.date import read

THE_MOMENT = datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "Mon, 02 Jan 2023 03:04:05 +0000",
        "Mon, 2 Jan 2023 3:4:5 +0000",
        "2 Jan 23 03:04:05 GMT",
        "Mon, 02 Jan 2023 03:04:05",
        "Mon, 02 Jan 2023 03:04:05 -0000",
        "Mo, 02 Jan 2023 03:04:05 Z",
        "Mon, 02 Jan 2023 08:34:05 +0530 (IST)",
        "Sun, 01 Jan 2023 22:04:05 EST",
        "Mon, 02 Jan 2023 04:04:05 +0100 (CET)",
        "Mon, 02 Jan 2023 04:04:05 MEZ",
        "Mon Jan  2 03:04:05 2023",
        "Sun Jan  1 22:04:05 EST 2023",
        "Sun Jan  1 22:04:05 2023 -0500",
        "2023-01-02T03:04:05Z",
        "2023-01-02 04:04:05 +01:00",
        "2023-01-02T03:04:05.678901Z",
        "Mon, 02-Jan-23 03:04:05 GMT",
        "Mon, 2, Jan 2023 03:04:05 +0000",
        "Monday, January 2, 2023 03:04:05",
        "02 Jan 2023 03:04:05 UT +0200",
        "Mon, 02 Jan 2023 03:04:05 +0000 14:03:33 +0000",
        "Mo., 2 Jan. 2023 04:04:05 +0100 (MEZ)/Mo., 2 Jan. 2023 04:04:05 +0100 (MEZ)",
        "lun., 02 janv. 2023 04:04:05 +0100",
        "пн, 02 янв. 2023 06:04:05 +0300",
        "2 stycznia 2023 04:04:05 +0100",
        "2023年1月2日 12:04:05 +0900",
        "02.01.2023 03:04:05",
        "Mon, 2 Jan 2023 04.04.05 +0100",
        "1/2/2023 03:04:05 AM",
        "02 Jan 2023 03:04:05 AM +00:00 (GMT +00:00)",
        "Mon, 02 Jan 2023\t03:04:05   +0000",
        "Mon, 02 Jan 2023 03:04:05 +99999999999999",
        "Mon Jan 02 04:04:05 +0100 2023",
        "Sun Jan 01 22:04:05 -0500 2023",
        "Mon, 02 Jan 2023 05:04:05 GMT+2",
        "Mon, 02 Jan 2023 03 : 04 : 05 +0000",
    ],
)
def test_a_date_means_the_moment_its_writer_meant(written):
    assert read(written) == THE_MOMENT


def test_a_weekday_that_could_be_a_month_is_none():
    assert read("mar., 05 mai 2026 11:00:00 +0200") == datetime(2026, 5, 5, 9, tzinfo=UTC)


def test_an_afternoon_is_twelve_hours_later():
    assert read("22 Jun 18 03:56:36 PM -05:00 (GMT -05:00)") == datetime(2018, 6, 22, 20, 56, 36, tzinfo=UTC)
    assert read("2 Jan 2023 12:04:05 AM") == THE_MOMENT.replace(hour=0)


def test_years_of_two_and_three_digits_are_read_by_rfc_5322():
    assert read("2 Jan 49 03:04:05 GMT").year == 2049
    assert read("2 Jan 50 03:04:05 GMT").year == 1950
    assert read("2 Jan 123 03:04:05 GMT").year == 2023


def test_the_leap_second_is_the_next_minute():
    assert read("Sat, 31 Dec 2016 23:59:60 +0000") == datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "Mon, 32 Jan 2023 25:61:61 +0000",
        "31 Feb 2023 10:00:00 +0000",
        "2 Foo 2023 10:00:00",
        "Jan 2023",
        "2023-13-01T00:00:00Z",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "1 Jan 0001 00:00:00 +1200",
        "1 Jan 0000 00:00:00 +0000",
        "10:00:00",
        "99999999999999999999",
    ],
)
def test_what_no_calendar_has_is_none(written):
    assert read(written) is None


@given(st.datetimes(datetime(1951, 1, 1), datetime(2400, 1, 1)), st.integers(-23 * 60, 23 * 60))
def test_a_date_written_by_the_standard_library_is_read(local, east):
    moment = local.replace(microsecond=0, tzinfo=timezone(timedelta(minutes=east)))
    assert read(email.utils.format_datetime(moment)) == moment


@given(st.text(max_size=400) | st.text(alphabet="0123456789:+- ,/.TZJanFebAPM年月日()", max_size=80))
def test_no_date_raises_and_every_one_is_aware(text):
    moment = read(text)
    assert moment is None or moment.utcoffset() == timedelta(0)
