"""Gathering: real messages, a real name server that misbehaves, and all that can be proved within one deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from dns_stub import FAILING, SILENT, NameServer
from hypothesis import given, settings
from hypothesis import strategies as st
from signing import NOW, record, rsa, sealed, signed

from relay.mail import canonical, heading
from relay.mail.address import Address
from relay.mail.proof import Arc, Dmarc, Proof, Result, Said, Signature, Spf
from relay.proof import gathering
from relay.proof.gathering import Asked, Gatherer
from relay.proof.resolver import Resolver

MESSAGE = (
    b"From: Ann <ann@rep.example>\r\nTo: Bob <bob@lead.example>\r\nSubject: The offer\r\n"
    b"Date: Mon, 02 Feb 2026 02:00:00 +0000\r\nMessage-ID: <1@rep.example>\r\n\r\nDear Bob\r\n"
)
TIME = datetime.fromtimestamp(NOW, UTC)
DATED = datetime(2026, 2, 2, 2, tzinfo=UTC)
CLIENT = "192.0.2.25"
ZONE = {
    "s1._domainkey.rep.example TXT": [record(rsa())],
    "s1._domainkey.mail.rep.example TXT": [record(rsa())],
    "s1._domainkey.fwd.example TXT": [record(rsa())],
    "rep.example TXT": ["v=spf1 ip4:192.0.2.25 -all", "something else"],
    "_dmarc.rep.example TXT": ["v=DMARC1; p=reject"],
    "25.2.0.192.in-addr.arpa PTR": ["mx.rep.example."],
    "mx.rep.example A": [CLIENT],
}


@pytest.fixture
def dns() -> Iterator[NameServer]:
    with NameServer(ZONE) as server:
        yield server


def asked(content: bytes, sender: str | None = "ann@rep.example", client: str = CLIENT) -> Asked:
    return Asked(client, "mx.rep.example", Address.read(sender) if sender else None, content, heading.read(content))


def gathered(what: Asked, dns: NameServer, timeout: float = 5.0) -> Proof:
    async def gather() -> Proof:
        return await Gatherer(Resolver([dns.place], lifetime=timeout), timeout).gather(what, TIME)

    return asyncio.run(gather())


def test_all_that_can_be_known_is_known_at_once(dns: NameServer) -> None:
    found = gathered(asked(sealed(signed(MESSAGE))), dns)
    assert found == Proof(
        host="mx.rep.example",
        spf=Spf(Result.PASS, "rep.example", aligned=True),
        signatures=(Signature("rep.example", "s1", Result.PASS, "rsa-sha256", 1024, TIME, aligned=True),),
        dmarc=Dmarc(Result.PASS, "rep.example", "reject", "dkim"),
        arc=Arc(Result.PASS, "fwd.example", 1, (("dkim", "rep.example"),), TIME),
    )


def test_a_message_without_any_proof(dns: NameServer) -> None:
    found = gathered(asked(MESSAGE, "eve@eve.example", "203.0.113.9"), dns)
    assert found == Proof(spf=Spf(Result.NONE, "eve.example"), dmarc=Dmarc(Result.FAIL, "rep.example", "reject", ""))


def test_the_date_tells_the_age_of_a_signature_that_tells_none_if_it_is_signed(dns: NameServer) -> None:
    timeless = signed(MESSAGE, tags={"t": None})
    assert gathered(asked(timeless), dns).signatures[0].signed_at == DATED
    undated = signed(MESSAGE, tags={"t": None}, headers="from:to:subject")
    assert gathered(asked(undated), dns).signatures[0].signed_at is None
    sealing = sealed(MESSAGE, seal_tags={"t": None})
    assert gathered(asked(sealing), dns).arc.sealed_at == DATED


@pytest.mark.parametrize(("how", "faults"), [(SILENT, True), (FAILING, True), ([], False), (["p="], False)])
def test_a_key_that_is_not_answered_and_a_key_that_is_none_are_two_things(
    dns: NameServer, how: list[str], faults: bool
) -> None:
    dns.say("s1._domainkey.rep.example TXT", *how)
    found = gathered(asked(signed(MESSAGE)), dns, 1.0)
    assert found.signatures[0].result is (Result.TEMPERROR if faults else Result.PERMERROR)
    assert found.faults == (("dkim rep.example",) if faults else ())
    assert found.spf.result is Result.PASS  # what is ready counts


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (signed(MESSAGE, tags={"l": "2"}), "body-length"),
        (signed(MESSAGE, tags={"x": str(NOW - 5)}), "expired"),
        (signed(MESSAGE, tags={"a": "rsa-sha1"}), "sha1"),
        (signed(MESSAGE, tags={"v": "2"}), "syntax"),
        (signed(MESSAGE, headers="to:subject"), "from-not-signed"),
        (b"Subject: another\r\n" + signed(MESSAGE), "field-added"),
        (signed(MESSAGE) + b"more\r\n", "body-changed"),
    ],
)
def test_what_no_key_could_mend_is_no_fault_of_dns(dns: NameServer, content: bytes, why: str) -> None:
    dns.say("s1._domainkey.rep.example TXT", *FAILING)
    found = gathered(asked(content), dns)
    assert found.signatures[0].why == why
    assert found.faults == ()


@pytest.mark.parametrize(
    "content", [sealed(MESSAGE) + b"more\r\n", b"To: x@x.example\r\n" + sealed(MESSAGE), sealed(MESSAGE, headers="to")]
)
def test_a_seal_that_no_key_could_mend_is_no_fault_of_dns(dns: NameServer, content: bytes) -> None:
    dns.say("s1._domainkey.fwd.example TXT", *FAILING)
    found = gathered(asked(content), dns)
    assert (found.arc.result, found.faults) == (Result.FAIL, ())


def test_each_question_that_nobody_answers_is_told(dns: NameServer) -> None:
    for name in ("s1._domainkey.rep.example", "rep.example", "_dmarc.rep.example", "s1._domainkey.fwd.example"):
        dns.say(f"{name} TXT", *SILENT)
    began = time.monotonic()
    found = gathered(asked(sealed(signed(MESSAGE))), dns, 0.5)
    assert time.monotonic() - began < 2
    assert found.faults == ("dkim rep.example", "spf rep.example", "dmarc rep.example", "arc fwd.example")
    assert (found.dmarc, found.spf) == (Dmarc(Result.TEMPERROR), Spf(Result.TEMPERROR, "rep.example", aligned=True))
    assert (found.arc.result, found.arc.passed) == (Result.TEMPERROR, (("dkim", "rep.example"),))


def test_the_wish_of_the_domain_decides_what_is_near(dns: NameServer) -> None:
    near = signed(MESSAGE, "mail.rep.example")
    assert gathered(asked(near), dns).signatures[0].aligned
    dns.say("_dmarc.rep.example TXT", "v=DMARC1; p=none; adkim=s; aspf=s")
    found = gathered(asked(near, "x@b.rep.example"), dns)
    assert not found.signatures[0].aligned
    assert not found.spf.aligned
    assert found.dmarc == Dmarc(Result.FAIL, "rep.example", "none", "")


def test_a_header_that_can_be_read_in_two_ways_proves_nothing(dns: NameServer) -> None:
    forged = b"X-A: b\nFrom: ann@rep.example\n\nPay Eve.\r\n" + sealed(signed(MESSAGE))
    found = gathered(asked(forged), dns)
    assert [(one.result, one.why) for one in found.signatures] == [(Result.PERMERROR, "header-improper")]
    assert found.arc == Arc(Result.FAIL)


def test_what_an_upstream_handed_in_is_judged_by_its_word_and_not_by_its_address(dns: NameServer) -> None:
    forged = b"Authentication-Results: mx.rep.example; dkim=pass header.d=rep.example\r\n"
    own = (
        b"Authentication-Results: MX.rep.example; dkim=fail header.d=rep.example; spf=pass smtp.mailfrom=a.example\r\n"
    )
    other = b"Authentication-Results: elsewhere.example; dkim=pass header.d=rep.example\r\n"
    for content, passed in (
        (own + forged + MESSAGE, (("spf", "a.example"),)),
        (other + own + forged + MESSAGE, (("spf", "a.example"),)),
        (forged + MESSAGE, (("dkim", "rep.example"),)),
        (b"Authentication-Results: mx.rep.example; dkim=pass (\r\n" + forged + MESSAGE, ()),
        (other + MESSAGE, ()),
    ):
        what = replace(asked(content), relayed=True, authserv_id="mx.rep.example")
        found = gathered(what, dns)
        assert found.said.passed == passed
        assert found.spf == Spf()
    assert gathered(asked(forged + MESSAGE), dns).said == Said()


def test_a_null_reverse_path_is_judged_by_the_name_in_helo(dns: NameServer) -> None:
    dns.say("mx.rep.example TXT", "v=spf1 a -all")
    assert gathered(asked(MESSAGE, None), dns).spf == Spf(Result.PASS, "mx.rep.example", aligned=True)
    what = replace(asked(MESSAGE, None), helo="[192.0.2.25]")
    assert gathered(what, dns).spf.result is Result.NONE


def test_a_client_that_is_no_address_is_asked_for_nothing(dns: NameServer) -> None:
    found = gathered(replace(asked(signed(MESSAGE)), client="unix"), dns)
    assert (found.host, found.spf.result, found.signatures[0].result) == ("", Result.NONE, Result.PASS)


def test_of_many_signatures_those_of_the_author_are_asked_for_first(dns: NameServer) -> None:
    message = signed(MESSAGE)
    for number in range(8):
        message = signed(message, f"s{number}.example")
    found = gathered(asked(message), dns)
    assert len(found.signatures) == 5
    assert (found.signatures[0].domain, found.signatures[0].result) == ("rep.example", Result.PASS)
    assert sum("_domainkey" in question for question in dns.questions) == 5


def test_two_records_under_the_name_of_a_key(dns: NameServer) -> None:
    dns.say("s1._domainkey.rep.example TXT", "v=DKIM1; p=", record(rsa()), "nonsense")
    assert gathered(asked(signed(MESSAGE)), dns).signatures[0].result is Result.PASS


@pytest.mark.parametrize(
    "body",
    [b" " * 80_000, b" \t" * 40_000 + b"\r\n", (b" " * 997 + b"\r\n") * 1_000, b"\r\n" * 500_000, b"\n" * 1_000_000, b"a\t" * 200_000],
    ids=["blanks", "tabs", "lines of blanks", "blank lines", "line feeds", "alternating"],
)  # fmt: skip
def test_no_body_holds_up_the_others(dns: NameServer, body: bytes) -> None:
    content = signed(MESSAGE.replace(b"Dear Bob\r\n", body + b"end\r\n"))

    async def beside() -> tuple[Proof, float]:
        gatherer = Gatherer(Resolver([dns.place]), 20.0)
        proving = asyncio.ensure_future(gatherer.gather(asked(content), TIME))
        longest, last = 0.0, time.thread_time()
        while not proving.done():
            await asyncio.sleep(0)
            now = time.thread_time()  # of this thread only: others on this machine do not count
            longest, last = max(longest, now - last), now
        return await proving, longest

    found, longest = asyncio.run(beside())
    assert found.signatures[0].result is Result.PASS
    assert longest < 0.05  # it is a few milliseconds, whatever the size


def test_the_time_for_dns_is_none_for_our_own_work(dns: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body is still being hashed when the time for DNS is over, which one question uses up."""
    content = signed(MESSAGE.replace(b"Dear Bob", b"Dear  Bob \t\r\n" * 5_000))
    dns.say("25.2.0.192.in-addr.arpa PTR", *SILENT)
    over = time.monotonic() + 1.6

    def slowly(*arguments: Any, **options: Any) -> Generator[None, None, bytes]:
        while time.monotonic() < over:
            time.sleep(0.001)
            yield
        return (yield from canonical.body_digesting(*arguments, **options))

    monkeypatch.setattr(gathering, "body_digesting", slowly)
    assert gathered(asked(content), dns, 1.5).signatures[0].result is Result.PASS


def test_who_gives_up_leaves_nothing_behind(dns: NameServer) -> None:
    dns.say("s1._domainkey.rep.example TXT", *SILENT)

    async def given_up() -> int:
        gatherer = Gatherer(Resolver([dns.place], lifetime=0.3), 5.0)
        proving = asyncio.ensure_future(gatherer.gather(asked(signed(MESSAGE)), TIME))
        while not dns.questions:
            await asyncio.sleep(0.001)
        proving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await proving
        while len(asyncio.all_tasks()) > 1:  # questions that are on their way come to their end
            await asyncio.sleep(0.01)
        return len(asyncio.all_tasks())

    assert asyncio.run(given_up()) == 1


def test_a_body_is_not_hashed_to_its_end_for_who_has_given_up(dns: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    content = signed(MESSAGE.replace(b"Dear Bob", b"Dear  Bob \t\r\n" * 5_000))
    dns.say("25.2.0.192.in-addr.arpa PTR", *SILENT)
    over = time.monotonic() + 10.0
    begun = []

    def slowly(*_: Any, **__: Any) -> Generator[None, None, bytes]:
        begun.append(True)
        while time.monotonic() < over:
            yield
        return b""

    async def given_up() -> None:
        proving = asyncio.ensure_future(Gatherer(Resolver([dns.place]), 30.0).gather(asked(content), TIME))
        while not begun or not dns.questions:  # DNS is still being waited for
            await asyncio.sleep(0.001)
        proving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await proving

    monkeypatch.setattr(gathering, "body_digesting", slowly)
    asyncio.run(given_up())
    assert time.monotonic() < over


PIECES = st.lists(
    st.sampled_from(
        [b"From: ann@rep.example\r\n", b"DKIM-Signature: v=1; a=rsa-sha256; d=rep.example; s=s1; h=from; bh=AA==; b=AA==\r\n",
         b"ARC-Seal: i=1; cv=none; d=fwd.example; s=s1; a=rsa-sha256; b=AA==\r\n", b"ARC-Authentication-Results: i=1; x; none\r\n",
         b"ARC-Message-Signature: i=1; d=fwd.example; s=s1; a=rsa-sha256; h=from; bh=AA==; b=AA==\r\n", b"\r\n", b"\n", b"x",
         b"Authentication-Results: mx; dkim=pass header.d=rep.example\r\n", b"\0", b"\xff", b" y\r\n", b"Date: now\r\n"]
    )
    | st.binary(max_size=10),
    max_size=9,
).map(b"".join)  # fmt: skip


def test_no_message_breaks_the_gathering(dns: NameServer) -> None:
    async def gather_all() -> None:
        gatherer = Gatherer(Resolver([dns.place]), 5.0)
        loop = asyncio.get_running_loop()

        @settings(max_examples=60)
        @given(PIECES, st.text(max_size=12), st.sampled_from(["192.0.2.25", "2001:db8::1", "unix", ""]))
        def gather(content: bytes, helo: str, client: str) -> None:
            what = replace(asked(content, None, client), helo=helo, authserv_id="mx")
            found = asyncio.run_coroutine_threadsafe(gatherer.gather(what, TIME), loop).result(10)
            assert all(one.result is not Result.PASS for one in found.signatures)
            assert found.arc.result is not Result.PASS

        await asyncio.to_thread(gather)

    asyncio.run(gather_all())
