"""ARC: what a listed forwarder found, sealed so that nobody can change it on the way."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import dkim as other
import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing import NOW, pem, record, rsa, sealed, signed

from relay.mail import arc, canonical
from relay.mail.proof import Arc, Result
from relay.mail.public_key import PublicKey, read_key

MESSAGE = (
    b"From: Ann <ann@rep.example>\r\nTo: Bob <bob@lead.example>\r\nSubject: The offer\r\n"
    b"Date: Mon, 02 Feb 2026 02:00:00 +0000\r\nMessage-ID: <1@rep.example>\r\n\r\nDear Bob\r\n"
)
TIME = datetime.fromtimestamp(NOW, UTC)
ONCE = sealed(MESSAGE)
TWICE = sealed(
    ONCE, "last.example", results="arc=pass; dmarc=pass header.from=rep.example; dkim=fail header.d=x.example"
)


def judged(message: bytes, key: PublicKey | None = None, now: datetime = TIME) -> Arc:
    fields, start = canonical.split(message, 1 << 20)
    chain = arc.chain(fields)
    assert chain is not None
    keys = dict.fromkeys(chain.key_names, key or read_key(record(rsa())))
    return arc.judge(chain, keys, fields, lambda relaxed: canonical.body_digest(message, start, relaxed=relaxed), now)


def others_say(message: bytes) -> object:
    return other.arc_verify(message, dnsfunc=lambda *_, **__: record(rsa()).encode(), minkey=512)[0]


def test_what_a_sealer_found_is_told_when_its_chain_holds() -> None:
    assert others_say(ONCE) == others_say(TWICE) == b"pass"
    assert judged(ONCE) == Arc(Result.PASS, "fwd.example", 1, (("dkim", "rep.example"),), TIME)
    assert judged(TWICE) == Arc(Result.PASS, "last.example", 2, (("dmarc", "rep.example"),), TIME)


def test_chains_that_others_make_hold() -> None:
    said = b"Authentication-Results: mx.fwd.example; dkim=pass header.d=rep.example; arc=none\r\n"
    made = other.arc_sign(said + MESSAGE, b"s1", b"fwd.example", pem(rsa()), b"mx.fwd.example")
    found = judged(b"".join(made) + said + MESSAGE, now=datetime.now(UTC))
    assert (found.result, found.sealer, found.passed) == (Result.PASS, "fwd.example", (("dkim", "rep.example"),))


def without(message: bytes, name: str) -> bytes:
    return re.sub(rb"(?m)^" + name.encode() + rb":[^\n]*\n", b"", message, count=1)


@pytest.mark.parametrize(
    "message",
    [
        ONCE.replace(b"Dear Bob", b"Dear Eve"),
        ONCE.replace(b"The offer", b"No offer"),
        ONCE.replace(b"dkim=pass header.d=rep", b"dkim=pass header.d=eve"),
        ONCE.replace(b"d=fwd.example", b"d=big.example", 1),
        b"From: eve@rep.example\r\n" + ONCE,
        b"Subject: another\r\n" + ONCE,
        without(ONCE, "ARC-Seal"),
        without(ONCE, "ARC-Message-Signature"),
        without(ONCE, "ARC-Authentication-Results"),
        sealed(MESSAGE, seal_tags={"cv": "pass"}),
        sealed(MESSAGE, seal_tags={"cv": "fail"}),
        sealed(MESSAGE, seal_tags={"cv": None}),
        sealed(ONCE, seal_tags={"cv": "none"}),
        sealed(MESSAGE, seal_tags={"h": "from"}),
        sealed(MESSAGE, seal_tags={"a": "rsa-sha1"}),
        sealed(MESSAGE, headers="to:subject"),
        sealed(MESSAGE, headers="from:arc-seal"),
        TWICE.replace(b"Dear Bob", b"Dear Eve"),
        TWICE.replace(b"dkim=pass header.d=rep", b"dkim=pass header.d=eve"),
        ONCE.partition(b"\r\n")[0] + b"\r\n" + ONCE,
        ONCE.replace(b"i=1", b"i=0"),
        ONCE.replace(b"i=1", b"i=51"),
        ONCE.replace(b"i=1", b"i=2"),
        ONCE.replace(b"i=1", b"i=x"),
    ],
)
def test_a_chain_in_which_anything_is_wrong_proves_nothing(message: bytes) -> None:
    assert message not in (ONCE, TWICE)
    found = judged(message)
    assert (found.result, found.passed) == (Result.FAIL, ())


def test_a_change_after_the_first_sealer_is_the_later_ones_to_answer_for() -> None:
    changed = sealed(ONCE.replace(b"Dear Bob", b"[list] Dear Bob"), "last.example", results="arc=pass; dkim=fail")
    found = judged(changed)
    assert (found.result, found.sealer, found.passed) == (Result.PASS, "last.example", ())


def test_keys_that_nobody_gives_or_that_are_none() -> None:
    fields, _ = canonical.split(ONCE, 1 << 20)
    chain = arc.chain(fields)
    assert chain is not None
    assert chain.key_names == ("s1._domainkey.fwd.example",)
    body = chain.sets[-1].message.body_hash
    silent = arc.judge(chain, dict.fromkeys(chain.key_names), fields, lambda _: body, TIME)
    assert (silent.result, silent.passed) == (Result.TEMPERROR, (("dkim", "rep.example"),))
    assert arc.judge(chain, {}, fields, lambda _: body, TIME).result is Result.FAIL
    assert judged(ONCE, read_key("p=")).result is Result.FAIL


def test_the_longest_chain_and_one_that_is_longer() -> None:
    message = MESSAGE
    for _ in range(arc.MOST):
        message = sealed(message)
    assert judged(message).instances == arc.MOST
    assert judged(message).result is Result.PASS
    assert judged(sealed(message)).result is Result.FAIL


def test_a_message_without_sets_has_no_chain() -> None:
    assert arc.chain(canonical.split(signed(MESSAGE), 1 << 20)[0]) is None


FIELD = st.tuples(
    st.sampled_from([b"ARC-Seal", b"ARC-Message-Signature", b"arc-authentication-results"]),
    st.text(alphabet='i=12; dsabhcvnoepass."()\\xé\t', max_size=60),
)


@given(st.lists(FIELD, max_size=7))
def test_no_fields_break_the_reading(written: list[tuple[bytes, str]]) -> None:
    fields = [(name, name + b":" + text.encode() + b"\r\n") for name, text in written]
    chain = arc.chain(fields)
    if chain is not None:
        keys = dict.fromkeys(chain.key_names, PublicKey())
        assert arc.judge(chain, keys, fields, lambda _: b"", TIME).result is Result.FAIL
