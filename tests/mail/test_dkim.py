"""DKIM, judged more strictly than the RFC asks: each way in which a signature proves less than it seems to."""

from __future__ import annotations

import inspect
import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import dkim as other
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from signing import HEADERS, NOW, ed25519, pem, record, rsa, signed

from relay.attribution.telling import SIGNATURES
from relay.mail import canonical, dkim, public_key, tag_list
from relay.mail.proof import Result, Signature
from relay.mail.public_key import PublicKey, read_key
from relay.proof import gathering

MESSAGE = (
    b"From: Ann <ann@rep.example>\r\nTo: Bob <bob@lead.example>\r\nSubject: The  offer\r\n \tof today\r\n"
    b"Date: Mon, 02 Feb 2026 02:00:00 +0000\r\nMessage-ID: <1@rep.example>\r\n"
    b"\r\nDear Bob, \t here\r\n it is. \r\n\r\nAnn\r\n\r\n\r\n"
)
TIME = datetime.fromtimestamp(NOW, UTC)


def judged(message: bytes, key: str | None = None, now: datetime = TIME) -> Signature:
    """What we make of the topmost signature."""
    fields, start = canonical.split(message, 1 << 20)
    claim = dkim.claims(fields)[0]
    public = read_key(record(rsa()) if key is None else key)
    return dkim.judge(
        claim, public, fields, lambda relaxed: canonical.body_digest(message, start, relaxed=relaxed), now
    )


def others_say(message: bytes, key: str | None = None) -> bool:
    found = other.verify(message, dnsfunc=lambda *_, **__: (key or record(rsa())).encode(), minkey=512)
    return bool(found)


@pytest.mark.parametrize("form", ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple", "relaxed"])
def test_what_others_sign_is_proved_and_what_tests_sign_is_right(form: str) -> None:
    ours = signed(MESSAGE, form=form if "/" in form else f"{form}/simple", tags={"c": form})
    assert others_say(ours)
    assert judged(ours) == Signature("rep.example", "s1", Result.PASS, "rsa-sha256", 1024, TIME)
    if "/" in form:
        first, _, second = form.encode().partition(b"/")
        theirs = other.sign(MESSAGE, b"s1", b"rep.example", pem(rsa()), canonicalize=(first, second)) + MESSAGE
        assert judged(theirs, now=datetime.now(UTC)).result is Result.PASS


def test_ed25519_signs_as_well() -> None:
    found = judged(signed(MESSAGE, key=ed25519()), record(ed25519()))
    assert (found.result, found.algorithm, found.bits) == (Result.PASS, "ed25519-sha256", 0)


def test_the_example_of_rfc_8463_holds() -> None:
    message = (
        b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; i=@football.example.com;"
        b"\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n subject : date : message-id : from : subject : "
        b"date;\r\n bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSw"
        b"hEIug4D11Bus\r\n Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
        b"From: Joe SixPack <joe@football.example.com>\r\nTo: Suzie Q <suzie@shopping.example.net>\r\n"
        b"Subject: Is dinner ready?\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"
        b"Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\nHi.\r\n\r\nWe lost the game.  Are you "
        b"hungry yet?\r\n\r\nJoe.\r\n"
    )
    key = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
    assert judged(message, key).result is Result.PASS
    assert judged(message.replace(b"lost", b"won_"), key).why == "body-changed"


DAY = 24 * 3600


@pytest.mark.parametrize(
    ("message", "result", "why"),
    [
        (signed(MESSAGE, tags={"x": str(NOW - 1)}), Result.POLICY, "expired"),
        (signed(MESSAGE, tags={"x": str(NOW + 1)}), Result.PASS, ""),
        (signed(MESSAGE, tags={"x": "9" * 30}), Result.PASS, ""),
        (signed(MESSAGE, tags={"x": "soon"}), Result.PERMERROR, "syntax"),
        (signed(MESSAGE, tags={"t": str(NOW + DAY)}), Result.POLICY, "in-the-future"),
        (signed(MESSAGE, tags={"t": None}), Result.PASS, ""),
        (signed(MESSAGE, tags={"l": "10"}), Result.POLICY, "body-length"),
        (signed(MESSAGE, tags={"l": "10"}) + b"and much more\r\n", Result.POLICY, "body-length"),
        (signed(MESSAGE, tags={"h": "to:subject:date"}), Result.POLICY, "from-not-signed"),
        (signed(MESSAGE, tags={"a": "rsa-sha1"}), Result.PERMERROR, "sha1"),
        (signed(MESSAGE, tags={"a": "dsa-sha256"}), Result.PERMERROR, "algorithm"),
        (signed(MESSAGE, tags={"a": "ed25519-sha256"}), Result.PERMERROR, "algorithm"),
        (signed(MESSAGE, tags={"v": "2"}), Result.PERMERROR, "syntax"),
        (signed(MESSAGE, tags={"v": None}), Result.PERMERROR, "syntax"),
        (signed(MESSAGE, tags={"q": "http"}), Result.PERMERROR, "syntax"),
        (signed(MESSAGE, tags={"c": "nofws"}), Result.PERMERROR, "syntax"),
        (signed(MESSAGE, tags={"bh": "!"}), Result.PERMERROR, "syntax"),
        (signed(MESSAGE, tags={"i": "ann@elsewhere.example"}), Result.PERMERROR, "syntax"),
        (signed(MESSAGE, tags={"i": "ann@eu.rep.example"}), Result.PASS, ""),
        (signed(MESSAGE).replace(b"it is", b"it was"), Result.FAIL, "body-changed"),
        (signed(MESSAGE).replace(b"bob@lead", b"eve@lead"), Result.FAIL, "signature-wrong"),
        (signed(MESSAGE).replace(b"offer", b"0ffer"), Result.FAIL, "signature-wrong"),
        (signed(MESSAGE, tags={"d": "rep.example", "bh": b64encode(b"x" * 32).decode()}), Result.FAIL, "body-changed"),
        (b"Subject: Another\r\n" + signed(MESSAGE), Result.POLICY, "field-added"),
        (b"Content-Type: text/html\r\n" + signed(MESSAGE), Result.PASS, ""),
        (b"From: eve@rep.example\r\n" + signed(MESSAGE), Result.POLICY, "field-added"),
        (b"From: e@rep.example\r\n" + signed(MESSAGE, headers=f"from:{HEADERS}"), Result.FAIL, "signature-wrong"),
        (b"Received: by mx\r\n" + signed(MESSAGE), Result.PASS, ""),
    ],
)  # fmt: skip
def test_what_a_signature_is_worth(message: bytes, result: Result, why: str) -> None:
    found = judged(message)
    assert (found.result, found.why) == (result, why)


def test_a_message_whose_header_nothing_ends_is_signed_like_any_other() -> None:
    head = MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n"
    assert judged(signed(head)).result is Result.PASS
    assert judged(signed(head + b"\r\n")).result is Result.PASS


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("v=DKIM1; p=", "key-revoked"),
        ("p=", "key-revoked"),
        ("v=DKIM2; p=AAAA", "key-syntax"),
        ("v=DKIM1; k=rsa", "key-syntax"),
        ("", "key-syntax"),
        ("v=DKIM1; k=dsa; p=AAAA", "key-syntax"),
        ("v=DKIM1; p=not base64!", "key-syntax"),
        ("v=DKIM1; p=AAAA", "key-syntax"),
        ("v=DKIM1; k=ed25519; p=AAAA", "key-syntax"),
        (record(rsa()).replace("k=rsa", "s=chat; k=rsa"), "key-not-for-mail"),
        (record(rsa()).replace("k=rsa", "h=sha1"), "key-not-for-sha256"),
        (record(rsa()).replace("k=rsa", "k=ed25519"), "key-syntax"),
        (record(rsa()).replace("p=", "p=;p="), "key-syntax"),
        (record(rsa()).replace("k=rsa", "s=* : email; h=sha1:sha256; t=y; n=a; x=y"), ""),
        (record(rsa()).replace("v=DKIM1; k=rsa; ", ""), ""),
        (record(rsa())[:60] + " \t" + record(rsa())[60:], ""),
    ],
)
def test_what_a_key_is_worth(text: str, why: str) -> None:
    assert read_key(text).why == why
    found = judged(signed(MESSAGE), text)
    assert (found.result, found.why) == ((Result.PASS, "") if not why else (Result.PERMERROR, why))


def test_a_key_is_neither_too_short_nor_too_long_nor_easy() -> None:
    short = judged(signed(MESSAGE), f"p={b64encode(der(2**767 + 1, 65537)).decode()}")
    assert (short.result, short.why, short.bits) == (Result.PERMERROR, "key-short", 768)
    modulus = rsa().public_key().public_numbers().n
    for exponent, why in ((1, "key-syntax"), (3, ""), (65537, ""), (2**64 + 1, "key-syntax")):
        assert read_key(f"p={b64encode(der(modulus, exponent)).decode()}").why == why
    assert read_key(f"p={b64encode(der(2**8200 + 1, 65537)).decode()}").why == "key-long"


def test_the_bare_form_of_a_key_is_read() -> None:
    bare = rsa().public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    assert judged(signed(MESSAGE), f"v=DKIM1; p={b64encode(bare).decode()}").result is Result.PASS


def test_a_strict_key_is_for_its_domain_only() -> None:
    strict = record(rsa()).replace("k=rsa", "t=y:s")
    assert judged(signed(MESSAGE, tags={"i": "ann@rep.example"}), strict).result is Result.PASS
    assert judged(signed(MESSAGE, tags={"i": "ann@eu.rep.example"}), strict).why == "user-domain"


def der(modulus: int, exponent: int) -> bytes:
    """A public key of RSA (PKCS #1)."""

    def number(value: int) -> bytes:
        octets = value.to_bytes(value.bit_length() // 8 + 1, "big")
        return b"\x02" + length(len(octets)) + octets

    def length(size: int) -> bytes:
        octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
        return bytes([size]) if size < 128 else bytes([0x80 | len(octets)]) + octets

    both = number(modulus) + number(exponent)
    return b"\x30" + length(len(both)) + both


def test_of_many_signatures_ten_are_read_and_what_is_none_is_left_out() -> None:
    none = b"DKIM-Signature: v=1; d=; s=x\r\nDKIM-Signature: v=1; d=rep.example\r\nDKIM-Signature: nonsense\r\n"
    long = b"DKIM-Signature: v=1; d=rep.example; s=x; b=" + b"A" * 20_000 + b"\r\n"
    twice = b"DKIM-Signature: v=1; d=rep.example; d=eve.example; s=x\r\n"
    fields, _ = canonical.split(none + long + twice + signed(MESSAGE), 1 << 20)
    assert [each.key_name for each in dkim.claims(fields)] == ["s1._domainkey.rep.example"]
    fields, _ = canonical.split(b"DKIM-Signature: v=1; d=rep.example; s=x\r\n" * 1000, 1 << 20)
    assert len(dkim.claims(fields)) == 10


def test_each_reason_is_told_in_words() -> None:
    code = "".join(inspect.getsource(module) for module in (dkim, public_key, gathering))
    found = re.findall(r'(?:why=|why or |return |PERMERROR, |POLICY, |FAIL, |TEMPERROR, )"([a-z0-9-]+)"(?! in)', code)
    assert set(found) == SIGNATURES.keys()


@given(st.binary(max_size=200).map(lambda octets: b"DKIM-Signature:" + octets.replace(b"\n", b"\n ") + b"\r\n"))
def test_no_signature_field_breaks_the_reading(field: bytes) -> None:
    for claim in dkim.claims([(b"DKIM-Signature", field)]):
        assert dkim.judge(claim, read_key(record(rsa())), [], lambda _: b"", TIME).result is not Result.PASS


TAGS = st.dictionaries(
    st.sampled_from(["v", "a", "b", "bh", "c", "d", "h", "i", "l", "q", "s", "t", "x", "z"]),
    st.text(max_size=30),
    max_size=14,
)


@given(TAGS)
def test_no_tags_break_the_reading(tags: dict[str, str]) -> None:
    written = "; ".join(f"{name}={value}" for name, value in tags.items()).encode("utf-8", "replace")
    claim = dkim.claim_of(b"DKIM-Signature: v=1; " + written + b"\r\n")
    if claim is not None:
        assert dkim.judge(claim, PublicKey(), [], lambda _: b"", TIME).result is not Result.PASS


@given(st.text(max_size=100) | st.binary(max_size=80).map(lambda octets: f"v=DKIM1; p={b64encode(octets).decode()}"))
def test_no_record_breaks_the_reading_of_a_key(text: str) -> None:
    assert read_key(text).why
    tag_list.tag_list(text)


@given(st.integers(0, len(signed(MESSAGE)) - 1), st.integers(0, 255))
def test_a_message_with_one_octet_changed_is_proved_only_where_the_octet_does_not_count(at: int, octet: int) -> None:
    whole = signed(MESSAGE)
    changed = whole[:at] + bytes([octet]) + whole[at + 1 :]
    fields, _ = canonical.split(changed, 1 << 20)
    if dkim.claims(fields) and judged(changed).result is Result.PASS:
        assert others_say(changed)


def test_the_time_of_a_signature_that_tells_none_is_unknown() -> None:
    assert judged(signed(MESSAGE, tags={"t": None})).signed_at is None
    assert judged(signed(MESSAGE), now=TIME + timedelta(days=900)).result is Result.PASS  # its age is judged elsewhere
