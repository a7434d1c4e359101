"""mbox files, as many programs write them: every message, its octets, and nothing that is none."""

from __future__ import annotations

import io
import random
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.oldmail import mbox
from relay.oldmail.letter import Damaged, Letter

FROM = b"From bob@example.org Mon Mar  2 10:15:00 2026\n"


def read(octets: bytes, limit: int = 1 << 20) -> list[Letter | Damaged]:
    return list(mbox.read(io.BytesIO(octets), "box", limit))


def contents(octets: bytes, limit: int = 1 << 20) -> list[bytes]:
    return [found.content for found in read(octets, limit) if isinstance(found, Letter)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_messages_come_out_as_they_were_received(end: bytes) -> None:
    box = (
        FROM + b"Subject: 1\n\nHello\n>From here\n>>From there\n.dot\n\n" + FROM + b"Subject: 2\n\ntwo\n\n\n\n"
        b"From - Tue Mar 03 11:00:00 2026\nSubject: 3\n\nlast, cut in the midd"
    ).replace(b"\n", end)
    assert contents(box) == [
        b"Subject: 1\r\n\r\nHello\r\nFrom here\r\n>From there\r\n.dot\r\n",
        b"Subject: 2\r\n\r\ntwo\r\n\r\n\r\n",
        b"Subject: 3\r\n\r\nlast, cut in the midd\r\n",
    ]


@given(
    st.lists(
        st.lists(
            st.sampled_from(["", "From ", ">From x", "From bob Mon Mar  2 10:15:00 2026", ">>From ", "words", "a: b"])
            | st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=30),
            max_size=12,
        ),
        max_size=6,
    ),
    st.integers(1, 200),
)
@settings(max_examples=60, deadline=None)
def test_whatever_is_written_with_mboxrd_quoting_is_read_back(bodies: list[list[str]], chunk: int) -> None:
    mails = [b"Subject: x\n\n" + "\n".join([*lines, "end"]).encode("latin-1") + b"\n" for lines in bodies]
    box = b"".join(FROM + re.sub(rb"(?m)^(>*From )", rb">\1", mail) + b"\n" for mail in mails)

    class Slow(io.BytesIO):
        """Gives as little as a pipe may give."""

        def read1(self, _: int | None = -1) -> bytes:
            return super().read(chunk * 37)

    found = list(mbox.read(Slow(box), "box", 1 << 20))
    assert [each.content for each in found if isinstance(each, Letter)] == [m.replace(b"\n", b"\r\n") for m in mails]
    assert not [each for each in found if isinstance(each, Damaged)]


def with_length(mail: bytes, length: int | None = None) -> bytes:
    """As mboxcl2 has it: nothing is quoted, Content-Length tells where the message ends."""
    header, _, body = mail.partition(b"\n\n")
    told = len(body) if length is None else length
    return FROM + header + b"\nContent-Length: %d\n\n" % told + body + b"\n"


@given(
    st.lists(
        st.lists(
            st.sampled_from(["", "From ", "From bob Mon Mar  2 10:15:00 2026", "a: b", "Content-Length: 3", "words"]),
            max_size=12,
        ),
        max_size=6,
    ),
    st.integers(1, 200),
)
@settings(max_examples=60, deadline=None)
def test_what_tells_its_length_ends_there_whatever_stands_in_its_text(bodies: list[list[str]], chunk: int) -> None:
    mails = [b"Subject: x\n\n" + "\n".join([*lines, "end"]).encode() + b"\n" for lines in bodies]

    class Slow(io.BytesIO):
        def read1(self, _: int | None = -1) -> bytes:
            return super().read1(chunk)

    found = list(mbox.read(Slow(b"".join(map(with_length, mails))), "box", 1 << 20))
    assert [one.content.split(b"\r\n\r\n", 1)[1] for one in found if isinstance(one, Letter)] == [
        mail.split(b"\n\n", 1)[1].replace(b"\n", b"\r\n") for mail in mails
    ]


@pytest.mark.parametrize("length", [0, 3, 40, 5000, 999_999_999_999])
def test_a_wrong_length_swallows_nothing(length: int) -> None:
    box = (
        with_length(b"Subject: 1\n\none\n", length)
        + with_length(b"Subject: 2\n\ntwo\n", length)
        + FROM
        + b"Subject: 3\n\nx\n"
    )
    assert [one.split(b"\r\n")[0] for one in contents(box)] == [b"Subject: 1", b"Subject: 2", b"Subject: 3"]


def test_a_line_that_begins_with_from_begins_a_message_only_with_a_date() -> None:
    body = b"Subject: 1\n\nFrom my point of view\n\nFrom the desk of Bob\nPhone: 1\n\nFrom Monday on\n"
    assert contents(FROM + body) == [body.replace(b"\n", b"\r\n")]


def test_writers_that_leave_out_the_blank_line_are_read() -> None:
    assert len(contents(FROM + b"Subject: 1\n\none\n" + FROM + b"Subject: 2\n\ntwo\n")) == 2


def test_a_writer_that_does_not_quote_keeps_its_brackets() -> None:
    body = b"Subject: 1\n\n>From what you said\n\nFrom now on\n"
    assert contents(FROM + body) == [body.replace(b"\n", b"\r\n")]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("From a@b.example Mon Mar  2 10:15:01 2026", "2026-03-02T10:15:01+00:00"),
        ("From - Mon Mar 02 10:15:01 2026", "2026-03-02T10:15:01+00:00"),
        ("From 1731@xxx Mon Mar 02 10:15:01 +0200 2026", "2026-03-02T08:15:01+00:00"),
        ("From a@b.example Mon Mar  2 10:15:01 CET 2026", "2026-03-02T10:15:01+00:00"),
        ("From a@b.example Mon Mar  2 10:15:01 2026 -0500", "2026-03-02T15:15:01+00:00"),
        ("From a@b.example Mon Mar  2 10:15 2026", "2026-03-02T10:15:00+00:00"),
        ("From a@b.example Mon, 2 Mar 2026 10:15:01 +0100", "2026-03-02T09:15:01+00:00"),
        ("From a@b.example Mon Mar 44 10:15:01 2026", None),
        ("From a@b.example Mon Qqq  4 10:15:01 2026", None),
    ],
)
def test_the_date_of_the_mailbox_is_read(line: str, told: str | None) -> None:
    wanted = None if told is None else datetime.fromisoformat(told).astimezone(UTC)
    [found] = read(line.encode() + b"\nSubject: x\n\n")
    assert isinstance(found, Letter)
    assert found.dated == wanted


def test_a_message_that_is_too_large_is_named_and_the_next_one_is_read_with_little_memory() -> None:
    class Endless(io.RawIOBase):
        """A mail of 64 MB between two small ones, never in memory."""

        def __init__(self) -> None:
            self.pieces = iter(
                [FROM + b"Subject: 1\n\none\n\n" + FROM + b"Subject: big\n\n"]
                + [b"x" * 99 + b"\n"] * 640
                + [b"\n" + FROM + b"Subject: 3\n\nthree\n"]
            )

        def read1(self, _: int | None = -1) -> bytes:
            piece = next(self.pieces, b"")
            return piece * 1000 if piece.startswith(b"x") else piece

    largest = 0
    kinds = []
    for found in mbox.read(Endless(), "box", 100_000):  # type: ignore[arg-type]
        kinds.append(type(found).__name__)
        largest = max(largest, len(found.content) if isinstance(found, Letter) else 0)
        if isinstance(found, Damaged):
            assert found.place.startswith("box, at octet ")
            assert "larger than 100000 octets" in found.why
    assert kinds == ["Letter", "Damaged", "Letter"]
    assert largest < 100


def test_messages_without_a_header_or_without_anything_are_named_and_lose_nothing_else() -> None:
    box = FROM + b"\n\n" + FROM + b"Subject: 1\n\none\n\n" + FROM + b"\0\0\0\0\0\0\n\n" + FROM + b"no header here\n\n"
    box += FROM + b"Subject: 2\n\nNUL \0 in the text\n"
    found = read(box)
    assert [each.why[:15] for each in found if isinstance(each, Damaged)] == [
        "empty",
        "only NUL octets",
        "no header: its ",
    ]
    assert contents(box) == [b"Subject: 1\r\n\r\none\r\n", b"Subject: 2\r\n\r\nNUL \0 in the text\r\n"]


def test_junk_is_survived() -> None:
    rng = random.Random(7)
    for _ in range(30):
        junk = rng.randbytes(rng.randrange(5000))
        found = contents(FROM + b"Subject: 1\n\none\n" + junk + b"\n\n" + FROM + b"Subject: 2\n\ntwo\n")
        assert found[0].startswith(b"Subject: 1\r\n\r\none\r\n")
        assert found[-1] == b"Subject: 2\r\n\r\ntwo\r\n"


def test_reading_can_go_on_at_the_end_of_any_message() -> None:
    box = b"".join(FROM + b"Subject: %d\n\ntext\n\n" % number for number in range(5))
    found = read(box)
    third = found[2].end
    stream = io.BytesIO(box)
    stream.seek(third)
    assert list(mbox.read(stream, "box", 1000, start=third)) == found[3:]


def test_what_is_no_mbox_is_not_taken_for_one() -> None:
    assert mbox.begins_mbox(b"\n\n" + FROM)
    assert not mbox.begins_mbox(b"From the beginning\nSubject: x\n")
    assert not mbox.begins_mbox(b"From: bob@example.org\nDate: Mon Mar  2 10:15:00 2026\n")
