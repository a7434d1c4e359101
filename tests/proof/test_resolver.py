"""Three answers that must not be mixed up: the records, "there are none", and "nobody answered"."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest
from dns_stub import FAILING, SILENT, NameServer

from relay.proof import resolver
from relay.proof.resolver import Answer, Resolver

Found = TypeVar("Found")


@pytest.fixture
def dns() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


def run(ask: Callable[[Resolver], Awaitable[Found]], dns: NameServer, lifetime: float = 5.0) -> Found:
    async def asked() -> Found:
        return await ask(Resolver([dns.place], lifetime=lifetime))

    return asyncio.run(asked())


def test_strings_of_a_record_are_joined_and_records_kept_apart(dns: NameServer) -> None:
    dns.say("example.org TXT", "v=spf1 " + "x" * 600, 'with "quotes" and \\')
    answer = run(lambda ask: ask.ask("Example.ORG.", "TXT"), dns)  # in any order, as DNS gives them
    assert sorted(answer.records) == ["v=spf1 " + "x" * 600, 'with "quotes" and \\']
    assert not answer.fault


def test_what_does_not_fit_into_a_datagram_comes_by_tcp(dns: NameServer) -> None:
    dns.say("big.example TXT", *(f"{n} " + "y" * 200 for n in range(30)))
    assert len(run(lambda ask: ask.ask("big.example", "TXT"), dns).records) == 30
    assert dns.questions == ["big.example txt"] * 2


def test_no_such_name_and_no_such_record_are_answers(dns: NameServer) -> None:
    dns.say("there.example A", "192.0.2.1")
    assert run(lambda ask: ask.ask("there.example", "TXT"), dns) == Answer()
    assert run(lambda ask: ask.ask("nowhere.example", "TXT"), dns) == Answer()


def test_a_name_that_cannot_exist_is_not_asked_for(dns: NameServer) -> None:
    for name in ("", ".", "a" * 64 + ".example", "a..example", "x." * 200 + "example"):
        assert run(lambda ask, name=name: ask.ask(name, "TXT"), dns) == Answer()
    assert dns.questions == []


@pytest.mark.parametrize("how", [SILENT, FAILING])
def test_nobody_answers_is_no_answer_and_is_asked_again(dns: NameServer, how: list[str]) -> None:
    async def twice(ask: Resolver) -> tuple[Answer, Answer]:
        first = await ask.ask("slow.example", "TXT")
        dns.say("slow.example TXT", "here")
        return first, await ask.ask("slow.example", "TXT")

    dns.say("slow.example TXT", *how)
    first, second = run(twice, dns, lifetime=0.8)
    assert first.fault
    assert first.records == ()
    assert second == Answer(("here",))


def test_what_was_answered_is_not_asked_again(dns: NameServer) -> None:
    async def often(ask: Resolver) -> None:
        for _ in range(3):
            await ask.ask("example.org", "TXT")
            await ask.ask("none.example", "TXT")

    dns.say("example.org TXT", "hello")
    run(often, dns)
    assert sorted(dns.questions) == ["example.org txt", "none.example txt"]


def test_who_asks_at_the_same_time_shares_one_question_and_may_give_up_alone(dns: NameServer) -> None:
    async def together(ask: Resolver) -> Answer:
        impatient = asyncio.ensure_future(ask.ask("example.org", "TXT"))
        patient = asyncio.ensure_future(ask.ask("example.org", "TXT"))
        await asyncio.sleep(0)
        impatient.cancel()
        return await patient

    dns.say("example.org TXT", "hello")
    assert run(together, dns) == Answer(("hello",))
    assert dns.questions == ["example.org txt"]


def test_a_host_has_a_name_only_if_the_name_leads_back(dns: NameServer) -> None:
    dns.say("25.2.0.192.in-addr.arpa PTR", "mail.example.org.")
    dns.say("26.2.0.192.in-addr.arpa PTR", "mail.example.org.")
    dns.say("mail.example.org A", "192.0.2.25")
    reverse = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
    dns.say(f"{reverse} PTR", "six.example.org.")
    dns.say("six.example.org AAAA", "2001:db8::1")
    assert run(lambda ask: ask.host_name("192.0.2.25"), dns) == "mail.example.org"
    assert run(lambda ask: ask.host_name("192.0.2.26"), dns) == ""
    assert run(lambda ask: ask.host_name("2001:db8:0::1"), dns) == "six.example.org"
    assert run(lambda ask: ask.host_name("no address"), dns) == ""


def test_a_name_is_asked_for_as_it_is_written(dns: NameServer) -> None:
    for name in ("a\\.b.example", "@.example", "*.example", "bü.example", "x y.example", "\\"):
        run(lambda ask, name=name: ask.ask(name, "TXT"), dns)
    assert [question.rpartition(" ")[0] for question in dns.questions] == [
        "a\\\\.b.example", "\\@.example", "*.example", "b\\195\\188.example", "x\\032y.example", "\\\\",
    ]  # fmt: skip


def test_the_memory_is_bounded_by_what_is_in_it(dns: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "REMEMBERED", 5 * (resolver.ENTRY + 1000))
    for number in range(8):
        dns.say(f"n{number}.example TXT", "x" * 990)

    async def all_of_them(ask: Resolver) -> None:
        for number in (*range(8), 7, 6, 0):
            await ask.ask(f"n{number}.example", "TXT")

    run(all_of_them, dns)
    # By UDP; each once, and the first again, which had made room.
    assert [question[:2] for question in dns.questions] == [f"n{number}" for number in (*range(8), 0)]


def test_so_many_questions_wait_for_servers_and_no_more(dns: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "AT_ONCE", 3)
    for number in range(6):
        dns.say(f"n{number}.example TXT", *SILENT)
    dns.say("known.example TXT", "here")

    async def flood(ask: Resolver) -> tuple[list[Answer], Answer]:
        known = await ask.ask("known.example", "TXT")
        waiting = [asyncio.ensure_future(ask.ask(f"n{number}.example", "TXT")) for number in range(6)]
        await asyncio.sleep(0)
        again = await ask.ask("known.example", "TXT")  # what is known needs no turn
        assert known == again
        return list(await asyncio.gather(*waiting)), again

    answers, _ = run(flood, dns, lifetime=1.0)
    assert all(answer.fault for answer in answers)
    assert len({question for question in dns.questions if question.startswith("n")}) == 3


@pytest.mark.parametrize("octets", [b"", b"\0" * 12, b"\xff" * 40, b"\0" * 3], ids=len)
def test_a_server_that_answers_nonsense_has_not_answered(octets: bytes) -> None:
    class Nonsense(NameServer):
        def _by_udp(self) -> None:
            try:
                while True:
                    query, client = self._udp.recvfrom(4096)
                    if not query:
                        return
                    self._udp.sendto(query[:2] + octets, client)
            except OSError:
                return

    with Nonsense() as dns:
        answer = run(lambda ask: ask.ask("example.org", "TXT"), dns, lifetime=0.3)
    assert answer.fault
    assert answer.records == ()


def test_where_there_is_no_resolver_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver.asyncresolver, "Resolver", _without_configuration)
    answer = asyncio.run(Resolver().ask("example.org", "TXT"))
    assert (answer.records, answer.fault) == ((), "NoResolverConfiguration")


def _without_configuration(**_: object) -> None:
    raise resolver.resolver.NoResolverConfiguration
