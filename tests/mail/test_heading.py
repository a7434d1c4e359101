"""The heading: admission and filing read the same authors, and a header that could be read in two ways is told."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail import canonical, heading
from relay.mail.address import Address
from relay.mail.reading import parse

HEAD = (
    b"Received: by a\r\nReceived: by b\r\nFrom: Ann <ann@rep.example>\r\nTo: bob@lead.example,\r\n crm@crm.example\r\n"
    b"Cc: eve@lead.example\r\nResent-From: cid@rep.example\r\nDate: Mon, 02 Feb 2026 02:00:00 +0000\r\nSubject: x\r\n"
)


def test_what_a_header_says() -> None:
    found = heading.read(HEAD + b"\r\nbody")
    assert found == heading.Heading(
        octets=len(HEAD) + 2,
        fields=8,
        from_fields=1,
        authors=(Address("ann", "rep.example"),),
        recipients=(Address("bob", "lead.example"), Address("crm", "crm.example"), Address("eve", "lead.example")),
        date=datetime(2026, 2, 2, 2, tzinfo=UTC),
        received=2,
        proper=True,
    )
    assert found.author == Address("ann", "rep.example")


@pytest.mark.parametrize(
    ("fields", "count", "authors"),
    [
        (b"", 0, 0),
        (b"From:\r\n", 1, 0),
        (b"From: nobody\r\n", 1, 0),
        (b"From: undisclosed:;\r\n", 1, 0),
        (b"From: ann@rep.example, bob@rep.example\r\n", 1, 2),
        (b"From: ann@rep.example\r\nfrom : eve@eve.example\r\n", 2, 2),
        (b"From: ann@rep.example\r\nFROM: ann@rep.example\r\n", 2, 1),
        (b"From: <ann@rep.example> <eve@eve.example>\r\n", 1, 2),
        (b"From: ann@rep.example\r\nFrom:\r\n", 2, 1),
    ],
)
def test_there_is_one_author_or_there_is_none(fields: bytes, count: int, authors: int) -> None:
    found = heading.read(fields + b"Subject: x\r\n\r\n")
    assert (found.from_fields, len(found.authors)) == (count, authors)
    assert found.author is None


def test_a_name_that_looks_like_an_address_is_a_name() -> None:
    found = heading.read(b'From: "ann@rep.example" <eve@eve.example>\r\n\r\n')
    assert found.author == Address("eve", "eve.example")
    found = heading.read(b"From: =?utf-8?q?ann=40rep=2Eexample?= <eve@eve.example>\r\n\r\n")
    assert found.author == Address("eve", "eve.example")


@pytest.mark.parametrize(
    "content",
    [
        b"X: y\nFrom: ann@rep.example\r\n\r\n",
        b"X: y\n\nforged text\r\n" + HEAD + b"\r\n",
        b"X: y\r\n\nforged text\r\n" + HEAD + b"\r\n",
        b"From ann Mon Feb  2\r\n" + HEAD + b"\r\n",
        b"junk\r\n" + HEAD + b"\r\n",
        b"\r\n" + HEAD + b"\r\n",
        b" folded\r\n" + HEAD + b"\r\n",
        b"\xef\xbb\xbf" + HEAD + b"\r\n",
        HEAD.replace(b"\r\n", b"\r") + b"\r",
        HEAD + b"junk\r\n\r\n",
        HEAD + b"X: a\rFrom: eve@eve.example\r\n\r\n",
        HEAD + b"X: a\0\r\n\r\n",
        HEAD + b"\n\r\n",
        HEAD + b"X: y",
        (HEAD + b"\r\n").decode().encode("utf-16"),
    ],
)
def test_a_header_that_can_be_read_in_two_ways_is_not_proper(content: bytes) -> None:
    assert not heading.read(content).proper


@pytest.mark.parametrize(
    "content",
    [HEAD + b"\r\n", HEAD, HEAD + b"\r\n\nbody\r", HEAD + b"X: \xff\xe9\r\n\tx\r\n \r\n\r\n", b"From : a@b.c\r\n"],
)
def test_what_is_strange_and_clear_is_proper(content: bytes) -> None:
    assert heading.read(content).proper


PIECES = st.lists(
    st.sampled_from(
        [b"From: ann@rep.example\r\n", b"From: e@e.example\n", b"\r\n", b"\n", b"\r", b" x\r\n", b"x\r\n", b"X: y\r\n", b"\0",
         b'To: "<a@b.example>\r\n', b"from:", b": ", b"Content-Type: text/plain; charset=utf-16\r\n", b"\xff", b"=?x?q?a@b?="]
    ),
    max_size=12,
).map(b"".join)  # fmt: skip


@given(PIECES)
def test_admission_reads_the_author_whom_the_filer_reads(content: bytes) -> None:
    found, message = heading.read(content), parse(content)
    assert found.authors == tuple(dict.fromkeys(one.address for one in message.author))
    assert found.date == message.originated_at
    if found.proper:
        fields, start = canonical.split(content, 1 << 20)
        assert [name.lower() for name, _ in fields] == [name.encode() for name, _ in message.fields]
        assert found.octets == start


@pytest.mark.parametrize(
    "content",
    [
        b"X: y\r\n" * 100_000 + b"From: ann@rep.example\r\n\r\n",
        b"a:\n" * 100_000,
        b"X:" + b" y\r\n" * 100_000 + b"\r\n",
        b"From: ann@rep.example\r\n" + b"\t\r\n" * 2_000_000,
        b"X" * 5_000_000,
        b"\r" * 5_000_000,
        b"From:" + b"(" * 5_000_000,
        b"From: ann@rep.example\r\n" * 900 + b"\r\n",
        b"From: " + b'"<@,' * 60_000 + b"\r\n\r\n",
        b"To: " + b"a@b.example," * 20_000 + b"\r\n\r\n",
    ],
)
def test_no_header_takes_long(content: bytes) -> None:
    began = time.process_time()
    found = heading.read(content)
    assert time.process_time() - began < 0.3
    assert found.octets > heading.LONGEST or found.fields > heading.MOST_FIELDS or found.octets <= len(content)


def test_long_headers_are_told_by_their_size() -> None:
    assert (
        heading.read(b"From: a@b.example\r\n" + b"X: " + b"y" * heading.LONGEST + b"\r\n\r\n").octets > heading.LONGEST
    )
    assert heading.read(b"From: a@b.example\r\n" + b"X: y\r\n" * 1100 + b"\r\n").fields > heading.MOST_FIELDS
    fitting = b"From: a@b.example\r\nX: " + b"y" * (heading.LONGEST - 30) + b"\r\n\r\n"
    assert heading.read(fitting).from_fields == 1


def test_endless_lists_are_read_up_to_a_limit_and_an_endless_author_is_none() -> None:
    found = heading.read(b"From: " + b"x" * 20_000 + b" <ann@rep.example>\r\nTo: a@b.example\r\n\r\n")
    assert (found.from_fields, found.authors) == (1, ())
    many = b"To: a@b.example\r\nTo: " + b"c@d.example," * 10_000 + b"\r\nCc: e@f.example\r\n\r\n"
    assert heading.read(many).recipients == (Address("a", "b.example"),)
