"""Addresses, dates and blocks as clients write them for people."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail.forward import text as forwarded
from relay.mail.forward import written_date, written_mailbox
from relay.mail.forward.structure import find_structured
from relay.mail.forward.text import Evidence


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("Wed, Oct 27, 2021 at 9:31 AM", (9, 31)),
        ("Wed, Oct 27, 2021 at 9:31\u202fPM", (21, 31)),
        ("Wed, 27 Oct 2021 at 09:31", (9, 31)),
        ("Wednesday, October 27, 2021 15:14", (15, 14)),
        ("Wednesday, October 27, 2021 3:14 PM", (15, 14)),
        ("Wednesday, 27 October 2021 at 15:14", (15, 14)),
        ("27 October 2021 15:14", (15, 14)),
        ("October 27, 2021 at 12:05:07 AM", (0, 5)),
        ("27/10/2021 15:14", (15, 14)),
        ("10/27/2021 3:14 PM", (15, 14)),
        ("2021-10-27 15:14", (15, 14)),
        ("27.10.2021 15:14", (15, 14)),
        ("27.10.2021 15.14", (15, 14)),
    ],
)
def test_dates_of_english_clients_are_read(text, at):
    got = written_date.read(text)
    assert (got.at.date(), (got.at.hour, got.at.minute), got.zoned) == (
        datetime(2021, 10, 27, tzinfo=UTC).date(),
        at,
        False,
    )
    east = written_date.read(text, timezone(timedelta(hours=2)))
    assert got.at - east.at == timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("25 October 2021 at 11:17:21 EEST", 8),
        ("October 25, 2021 at 11:17:21 AM GMT+2", 9),
        ("Mon, 25 Oct 2021 11:17:21 +0000", 11),
        ("Monday, October 25, 2021, 11:17:21 AM -0400", 15),
        ("October 25, 2021 at 11:17:21 AM PDT", 18),
        ("25 October 2021 at 11:17:21 BST", 10),
    ],
)
def test_a_zone_that_is_named_holds(text, hour):
    got = written_date.read(text, timezone(timedelta(hours=9)))
    assert (got.at.hour, got.zoned) == (hour, True)


@pytest.mark.parametrize(
    "text",
    [
        "03/04/2021 10:00",
        "yesterday",
        "",
        "October 2021 10:00",
        "Monday 10:00",
        "31 February 2021 10:00",
        "27 October 2021",
        "x" * 500,
    ],
)
def test_what_is_not_certain_is_no_date(text):
    assert written_date.read(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "John <j@x.example>, <b@x.example>, c@x.example",
            [("John", "j@x.example"), ("", "b@x.example"), ("", "c@x.example")],
        ),
        ("Lee, Bob <b@x.example>; Ray, Ann <a@x.example>", [("Lee, Bob", "b@x.example"), ("Ray, Ann", "a@x.example")]),
        ("Lee, Bob <b@x.example>, Ray, Ann <a@x.example>", [("Lee, Bob", "b@x.example"), ("Ray, Ann", "a@x.example")]),
        ("Ann <a@x.example<mailto:a@x.example>>;", [("Ann", "a@x.example")]),
        ("Ann [mailto:a@x.example]", [("Ann", "a@x.example")]),
        ('"Lee, Bob" <b@x.example>', [("Lee, Bob", "b@x.example")]),
        ("'a@x.example' <a@x.example>", [("", "a@x.example")]),
        ("a@x.example <a@x.example>", [("", "a@x.example")]),
        ("Ann (a@x.example)", [("Ann", "a@x.example")]),
        ("a@münchen.example", [("", "a@xn--mnchen-3ya.example")]),
    ],
)
def test_written_mailboxes_are_read(text, found):
    got = written_mailbox.read(text)
    assert [(m.display_name, str(m.address)) for m in got.mailboxes] == found
    assert not got.names


def test_names_without_addresses_stay_names():
    assert written_mailbox.read("Bob Miller; Ann Lee").names == ("Bob Miller", "Ann Lee")
    assert written_mailbox.read("Lee, Bob").names == ("Lee, Bob",)
    got = written_mailbox.read("Bob Miller; Ann <a@x.example>; support team @ work")
    assert ([m.display_name for m in got.mailboxes], got.names) == (["Ann"], ("Bob Miller", "support team @ work"))


@given(st.text(alphabet='ab@<>[]()",;. \n:', max_size=300))
def test_reading_written_things_never_raises(text):
    written_mailbox.read(text)
    written_date.read(text)
    forwarded.find(text)


@given(
    st.lists(
        st.sampled_from(
            [
                "From: a@b.example",
                "To: x",
                "> From: a",
                "Date: 1",
                "Subject:",
                "---- Forwarded message ----",
                "____________",
                "",
                "x",
                "On 1 a@b.example wrote:",
                "-----Original Message-----",
                "> x",
            ]
        ),
        max_size=40,
    )
)
def test_finding_a_forward_never_raises_and_keeps_the_text(lines):
    text = "\n".join(lines)
    found = forwarded.find(text)
    if found is not None:
        assert all(line in text for line in found.note.split("\n"))


@pytest.mark.parametrize(
    "line",
    ["From: a", "From: a\nTo: b\nx", "> x", "On 1 b@c.example:", "On 1", "To: a@b.example,", "---- Forwarded message ----",
     "________\nFrom: a", "\nX: a <a@b.example>\nY: 9:31\nZ: b <b@x.example>", "\n", "wrote:", "Subject: x\n\n\n\nFrom: a", "a" * 200, "<", "From:\n"],
)  # fmt: skip
def test_any_text_of_200_kilobytes_is_scanned_in_linear_time(line):
    def cost(size: int) -> float:
        text = (line + "\n") * (size // (len(line) + 1))
        best = 9.0
        for _ in range(3):
            began = time.process_time()
            forwarded.find(text, subject="x")
            from relay.mail import quote

            quote.split(text)
            best = min(best, time.process_time() - began)
        return best

    small, large = cost(20_000), cost(200_000)
    assert large < 0.5
    assert large < 40 * small + 0.02, "ten times the text, about ten times the time"


def test_the_first_construct_decides():
    forward = "---------- Forwarded message ---------\nFrom: A <a@x.example>\nDate: Mon, May 4, 2026 at 9:00 AM\n\nbody"
    assert forwarded.find(f"hi\n\n{forward}").evidence is Evidence.TITLE
    assert (
        forwarded.find(f"hi\n\nOn Mon, May 4, B <b@x.example> wrote:\n> x\n\n{forward}").evidence
        is Evidence.ATTRIBUTION
    )
    assert forwarded.find("> From: A <a@x.example>\n> Date: x\n> Subject: y") is None, "quoted without a title"
    assert forwarded.find("no block here: none") is None


def test_a_closing_line_is_no_part_of_the_body():
    found = forwarded.find(
        "-------- Forwarded Message --------\nSubject: \tx\nDate: \ty\nFrom: \tA <a@x.example>\n\nbody\n\n-------- End of forwarded message --------"
    )
    assert found.text == "body"


def test_html_without_a_clients_structure_has_none():
    assert find_structured("<p>From: a@b.example</p><blockquote>x</blockquote>") is None
    assert find_structured('<div class="gmail_attr">hello</div>') is None
    assert find_structured('<div style="border-top:solid">Our offer: now</div>') is None
