"""What a DKIM signature is made over: made piece by piece, it is what the RFC says, wherever the pieces end."""

from __future__ import annotations

import re
import time
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail import canonical

BITS = st.lists(
    st.sampled_from([b"a", b" ", b"\t", b"\r\n", b"\r", b"\n", b"\r\n\r\n", "ü".encode(), b"xyz "]), max_size=25
)


def by_the_rfc(body: bytes, *, relaxed: bool) -> bytes:
    """RFC 6376 §3.4.3 and §3.4.4, word for word."""
    if relaxed:
        body = b"\r\n".join(re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n"))
    while body.endswith(b"\r\n"):
        body = body[:-2]
    if body:
        return body + b"\r\n"
    return b"" if relaxed else b"\r\n"


@given(BITS.map(b"".join), st.sampled_from([1, 2, 3, 5, 7, 16]), st.booleans())
def test_the_digest_of_a_body_is_that_of_its_canonical_form(body: bytes, piece: int, relaxed: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "PIECE", piece)
        found = canonical.body_digest(b"head" + body, 4, relaxed=relaxed)
    assert found == sha256(by_the_rfc(body, relaxed=relaxed)).digest()


@pytest.mark.parametrize("line", [b" ", b"\t", b" \r\n", b"\r\n", b"\r", b"\n", b"a \t \r\n"])
def test_no_body_takes_longer_than_its_size(line: bytes) -> None:
    def seconds(times: int) -> float:
        octets = line * (times // len(line))
        began = time.process_time()
        canonical.body_digest(octets, 0, relaxed=True)
        return time.process_time() - began

    seconds(100_000)
    small = min(seconds(200_000) for _ in range(3))
    assert seconds(1_600_000) < 8 * 8 * (small + 0.002)  # eight times the octets; quadratic would be sixty-four


def test_fields_are_taken_from_the_bottom_up_and_a_missing_one_adds_nothing() -> None:
    fields, start = canonical.split(b"A: 1\r\nB: 2\r\n x\r\na : 3\r\n\r\nbody", 1000)
    assert start == len(b"A: 1\r\nB: 2\r\n x\r\na : 3\r\n\r\n")
    assert canonical.chosen(fields, ["a", "b", "a", "a", "c"]) == [b"a : 3\r\n", b"B: 2\r\n x\r\n", b"A: 1\r\n"]


def test_a_field_in_canonical_form() -> None:
    assert canonical.header(b"SubJect :  a\r\n\tb  c \r\n", relaxed=True) == b"subject:a b c\r\n"
    assert canonical.header(b"SubJect :  a\r\n\tb", relaxed=False) == b"SubJect :  a\r\n\tb\r\n"
