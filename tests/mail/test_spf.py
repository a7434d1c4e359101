"""SPF: the examples of RFC 7208's appendices, each mechanism, each limit, and records that want to harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail import spf
from relay.mail.proof import Result

# RFC 7208, appendix A.1
ZONE: dict[str, Sequence[str]] = {
    "example.com MX": ["10 mail-a.example.com", "20 mail-b.example.com"],
    "example.com A": ["192.0.2.10", "192.0.2.11"],
    "amy.example.com A": ["192.0.2.65"],
    "bob.example.com A": ["192.0.2.66"],
    "mail-a.example.com A": ["192.0.2.129"],
    "mail-b.example.com A": ["192.0.2.130"],
    "www.example.com A": ["192.0.2.10", "192.0.2.11"],
    "mail-c.example.org A": ["192.0.2.140"],
    "example.org MX": ["10 mail-c.example.org"],
    "10.2.0.192.in-addr.arpa PTR": ["example.com"],
    "11.2.0.192.in-addr.arpa PTR": ["example.com"],
    "65.2.0.192.in-addr.arpa PTR": ["amy.example.com"],
    "66.2.0.192.in-addr.arpa PTR": ["bob.example.com"],
    "129.2.0.192.in-addr.arpa PTR": ["mail-a.example.com"],
    "130.2.0.192.in-addr.arpa PTR": ["mail-b.example.com"],
    "140.2.0.192.in-addr.arpa PTR": ["mail-c.example.org"],
    "4.0.0.10.in-addr.arpa PTR": ["bob.example.com"],
    "mary.mobile-users._spf.example.com A": ["127.0.0.2"],
    "2.2.0.192.in-addr._spf.example.com A": ["127.0.0.2"],
}


def checked(
    records: Mapping[str, Sequence[str] | None],
    ip: str = "192.0.2.10",
    domain: str = "example.com",
    sender: str = "",
    helo: str = "mx.example.com",
    asked: list[str] | None = None,
) -> Result:
    """The result, with `records` for a DNS; None there: nobody answers."""
    asking = spf.check_host(ip, domain, sender or f"strong-bad@{domain}", helo)
    known = {key.lower(): texts for key, texts in records.items()}
    try:
        name, kind = next(asking)
        while True:
            if asked is not None:
                asked.append(f"{name} {kind}")
            found = known.get(f"{name.rstrip('.')} {kind}".lower(), ())
            name, kind = asking.send(None if found is None else tuple(found))
    except StopIteration as end:
        return Result(end.value)


@pytest.mark.parametrize(
    ("record", "passing", "failing"),
    [
        # A.1 Simple examples
        ("v=spf1 +all", ["192.0.2.129", "1.2.3.4"], []),
        ("v=spf1 a -all", ["192.0.2.10", "192.0.2.11"], ["192.0.2.65"]),
        ("v=spf1 a:example.org -all", [], ["192.0.2.10", "192.0.2.140"]),
        ("v=spf1 mx -all", ["192.0.2.129", "192.0.2.130"], ["192.0.2.10", "192.0.2.140"]),
        ("v=spf1 mx:example.org -all", ["192.0.2.140"], ["192.0.2.129"]),
        ("v=spf1 mx mx:example.org -all", ["192.0.2.129", "192.0.2.130", "192.0.2.140"], ["192.0.2.10"]),
        ("v=spf1 mx/30 mx:example.org/30 -all", ["192.0.2.131", "192.0.2.141"], ["192.0.2.132", "192.0.2.144"]),
        ("v=spf1 ptr -all", ["192.0.2.10", "192.0.2.65"], ["192.0.2.140", "10.0.0.4"]),
        ("v=spf1 ip4:192.0.2.128/28 -all", ["192.0.2.129"], ["192.0.2.65"]),
        # the rest of §5
        ("v=spf1 ip4:192.0.2.1 -all", ["192.0.2.1", "::ffff:192.0.2.1"], ["192.0.2.2", "2001:db8::1"]),
        ("v=spf1 ip6:2001:db8::/32 -all", ["2001:db8::1", "2001:DB8:1::9"], ["2001:db9::1", "192.0.2.1"]),
        ("v=spf1 ip6:::ffff:192.0.2.0/120 -all", [], ["192.0.2.10"]),
        ("v=spf1 ip6:2001:db8::c000:201 -all", ["2001:db8::c000:201"], ["2001:db8::c000:202"]),
        ("V=SPF1 A:Example.COM -ALL", ["192.0.2.10"], ["192.0.2.12"]),
        ("v=spf1   a//64   -all  ", ["192.0.2.10"], ["192.0.2.12"]),
        ("v=spf1 a/24//64 -all", ["192.0.2.200"], ["192.0.3.1"]),
        ("v=spf1 ptr:example.org -all", ["192.0.2.140"], ["192.0.2.10"]),
        ("v=spf1 ?ip4:192.0.2.1 +ip4:192.0.2.2 -all unknown=%{i} moo.cow-far_out=man:dog/cat", ["192.0.2.2"], ["192.0.2.3"]),
        # A.4 SPF and whole networks of names
        ("v=spf1 exists:%{l1r+}.mobile-users._spf.%{d} -all", [], ["192.0.2.10"]),
        ("v=spf1 exists:%{ir}.%{v}._spf.%{d} -all", ["192.0.2.2"], ["192.0.2.3"]),
        ("v=spf1 a:%{d2} -all", ["192.0.2.10"], ["192.0.2.12"]),
        ("v=spf1 a:%{h} -all", [], ["192.0.2.10"]),
        ("v=spf1 include:good.example -all", ["192.0.2.10"], ["192.0.2.65"]),
        ("v=spf1 include:bad.example -all", ["192.0.2.65"], ["192.0.2.10"]),
        ("v=spf1 redirect=good.example", ["192.0.2.10"], ["192.0.2.65"]),
        ("v=spf1 redirect=good.example -all", [], ["192.0.2.10"]),
    ],
)  # fmt: skip
def test_who_may_send_by_a_record(record: str, passing: list[str], failing: list[str]) -> None:
    zone = ZONE | {
        "example.com TXT": ["unrelated", record],
        "good.example TXT": ["v=spf1 a:example.com -all"],
        "bad.example TXT": ["v=spf1 -a:example.com +all"],
    }
    for ip in passing:
        assert checked(zone, ip) is Result.PASS, ip
    for ip in failing:
        assert checked(zone, ip) is Result.FAIL, ip


def test_a_sender_of_a_mobile_user_is_looked_up_by_name() -> None:
    zone = ZONE | {"example.com TXT": ["v=spf1 exists:%{l1r+-}.mobile-users._spf.%{d} -all"]}
    assert checked(zone, sender="mary@example.com") is Result.PASS
    assert checked(zone, sender="laptop+mary@example.com") is Result.FAIL
    assert checked(zone, sender="mary-laptop@example.com") is Result.PASS


@pytest.mark.parametrize(
    ("macro", "expanded"),
    [
        # RFC 7208 §7.4
        ("%{s}", "strong-bad@email.example.com"),
        ("%{o}", "email.example.com"),
        ("%{d}", "email.example.com"),
        ("%{d4}", "email.example.com"),
        ("%{d3}", "email.example.com"),
        ("%{d2}", "example.com"),
        ("%{d1}", "com"),
        ("%{dr}", "com.example.email"),
        ("%{d2r}", "example.email"),
        ("%{l}", "strong-bad"),
        ("%{l-}", "strong.bad"),
        ("%{lr}", "strong-bad"),
        ("%{lr-}", "bad.strong"),
        ("%{l1r-}", "strong"),
        ("%{ir}.%{v}._spf.%{d2}", "3.2.0.192.in-addr._spf.example.com"),
        ("%{lr-}.lp._spf.%{d2}", "bad.strong.lp._spf.example.com"),
        ("%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"),
        ("%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "3.2.0.192.in-addr.strong.lp._spf.example.com"),
        ("%{d2}.trusted-domains.example.net", "example.com.trusted-domains.example.net"),
        ("%%%_%-.x.example", "% %20.x.example"),
        ("%{S}.x.example", "strong-bad%40email.example.com.x.example"),
        ("%{p}.x.example", "unknown.x.example"),
    ],
)
def test_macros_are_expanded_as_the_rfc_shows(macro: str, expanded: str) -> None:
    asked: list[str] = []
    zone = {"email.example.com TXT": [f"v=spf1 exists:{macro}.z.example -all"]}
    checked(zone, "192.0.2.3", "email.example.com", "strong-bad@email.example.com", asked=asked)
    assert asked[-1] == f"{expanded}.z.example A"


def test_an_address_of_version_six_is_spelled_out() -> None:
    asked: list[str] = []
    zone = {"email.example.com TXT": ["v=spf1 exists:%{ir}.%{v}._spf.%{d2} -all"]}
    checked(zone, "2001:db8::cb01", "email.example.com", asked=asked)
    assert asked[-1] == ("1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com A")


@pytest.mark.parametrize(
    "record",
    [
        "v=spf1 all:x.example", "v=spf1 all/24", "v=spf1 include -all", "v=spf1 include: -all", "v=spf1 exists",
        "v=spf1 a: -all", "v=spf1 a/33", "v=spf1 a//129", "v=spf1 a/024", "v=spf1 ip4 -all", "v=spf1 ip4:1.2.3 -all",
        "v=spf1 ip4:1.2.3.4/33", "v=spf1 ip4:2001:db8::1", "v=spf1 ip6:1.2.3.4", "v=spf1 ip6:x::1", "v=spf1 ipv4:1.2.3.4",
        "v=spf1 -all a:%{x}.example", "v=spf1 -all a:%example", "v=spf1 -all exists:%{d0}.example", "v=spf1 a:%{c}.x.y",
        "v=spf1 redirect=a.example redirect=b.example", "v=spf1 exp=a.example exp=b.example", "v=spf1 redirect=",
        "v=spf1 -all moo", "v=spf1 a:1.2.3.4", "v=spf1 a:example.-com", "v=spf1 a:localhost", "v=spf1 ptr/24 -all",
        "v=spf1 include:none.example -all", "v=spf1 redirect=none.example", "v=spf1 ä -all", "v=spf1 a\t-all",
        "v=spf1 include:broken.example -all", "v=spf1 " + "a " * 3000,
    ],
)  # fmt: skip
def test_a_record_with_anything_wrong_in_it_is_wrong_altogether(record: str) -> None:
    zone = ZONE | {"example.com TXT": [record], "broken.example TXT": ["v=spf1 oops"]}
    assert checked(zone, "203.0.113.1") is Result.PERMERROR


@pytest.mark.parametrize(
    ("records", "result"),
    [
        ([], Result.NONE),
        (["v=spf10 -all"], Result.NONE),
        (["v=spf2.0/pra -all"], Result.NONE),
        (["v=spf1 -all", "v=spf1 -all"], Result.PERMERROR),
        (["v=spf1"], Result.NEUTRAL),
        (["v=spf1 ?all"], Result.NEUTRAL),
        (["v=spf1 ~all"], Result.SOFTFAIL),
        (["v=spf1 a"], Result.NEUTRAL),
    ],
)
def test_other_results(records: list[str], result: Result) -> None:
    assert checked({"example.com TXT": records, "example.com A": ["198.51.100.1"]}, "203.0.113.1") is result


@pytest.mark.parametrize("silent", ["example.com TXT", "mx.example.com A", "i.example TXT", "example.com MX"])
def test_dns_that_does_not_answer_is_an_error_for_a_time(silent: str) -> None:
    zone: dict[str, Sequence[str] | None] = {
        "example.com TXT": ["v=spf1 mx include:i.example -all"],
        "example.com MX": ["10 mx.example.com"],
        "mx.example.com A": ["198.51.100.1"],
        "i.example TXT": ["v=spf1 ?all"],
    }
    assert checked(zone) is Result.FAIL
    assert checked(zone | {silent: None}) is Result.TEMPERROR


def test_names_of_the_host_that_nobody_gives_are_no_names() -> None:
    zone: dict[str, Sequence[str] | None] = {"example.com TXT": ["v=spf1 ptr -all"]}
    assert checked(zone | {"10.2.0.192.in-addr.arpa PTR": None}) is Result.FAIL


def test_ten_terms_may_ask_and_two_may_find_nothing() -> None:
    there = {f"h{n}.example A": ["198.51.100.1"] for n in range(20)}
    for terms, result in ((10, Result.FAIL), (11, Result.PERMERROR)):
        record = "v=spf1 " + " ".join(f"a:h{n}.example" for n in range(terms)) + " -all"
        assert checked(there | {"example.com TXT": [record]}) is result
    for terms, result in ((2, Result.FAIL), (3, Result.PERMERROR)):
        record = "v=spf1 " + " ".join(f"a:none{n}.example" for n in range(terms)) + " -all"
        assert checked({"example.com TXT": [record]}) is result


def test_records_that_include_each_other_and_themselves_come_to_an_end() -> None:
    for record in ("v=spf1 include:example.com -all", "v=spf1 redirect=example.com"):
        asked: list[str] = []
        assert checked({"example.com TXT": [record]}, asked=asked) is Result.PERMERROR
        assert len(asked) <= 11


def test_no_record_makes_us_ask_more_than_sixty_questions() -> None:
    many = [f"{n} h{n}.example" for n in range(10)]
    zone: dict[str, Sequence[str]] = {"example.com TXT": ["v=spf1 " + " ".join(f"mx:m{n}.example" for n in range(10))]}
    zone |= {f"m{n}.example MX": many for n in range(10)} | {f"h{n}.example A": ["198.51.100.1"] for n in range(10)}
    asked: list[str] = []
    assert checked(zone, asked=asked) is Result.PERMERROR
    assert len(asked) == spf.LOOKUPS
    eleven = {"example.com TXT": ["v=spf1 mx -all"], "example.com MX": [*many, "10 h10.example"]}
    assert checked(eleven) is Result.PERMERROR


def test_names_that_macros_make_and_that_cannot_be_are_not_asked_for() -> None:
    asked: list[str] = []
    zone = {"example.com TXT": ["v=spf1 exists:%{l}.x.example -all"]}
    for local in ("a" * 64, "a..b", ".", "a." * 100):
        assert checked(zone, sender=f"{local}@example.com", asked=asked) in (Result.FAIL, Result.PERMERROR)
    for name in asked:
        assert all(0 < len(label) <= 63 for label in name.split(" ")[0].split(".")) or "TXT" in name


WORDS = st.lists(
    st.sampled_from(
        [
            "a",
            "mx",
            "ptr",
            "all",
            "include:e.example",
            "redirect=e.example",
            "exists:%{ir}.%{l1r-}.e.example",
            "ip4:192.0.2.0/24",
            "ip6:::/0",
            "-all",
            "a:%{d}/33",
            "%{",
            "%{S}",
            "mx:e.example//999",
            "exp=x",
            "a:",
            "~",
            "ip4:",
            "%%%",
            "a:..",
        ]
    )
    | st.text(max_size=12),
    max_size=12,
)


@given(WORDS, st.text(max_size=20), st.sampled_from(["192.0.2.1", "2001:db8::1"]), st.randoms(use_true_random=False))
def test_no_record_breaks_the_check(words: list[str], sender: str, ip: str, chance: object) -> None:
    record = "v=spf1 " + " ".join(words)
    asking = spf.check_host(ip, "e.example", sender, sender)
    count = 0
    try:
        _, kind = next(asking)
        while True:
            count += 1
            answers = {
                "TXT": (record,),
                "MX": ("5 e.example", "0 "),
                "A": ("192.0.2.7",),
                "AAAA": (),
                "PTR": ("x.example",),
            }
            _, kind = asking.send(chance.choice([answers[kind], (), None, answers[kind]]))  # type: ignore[attr-defined]
    except StopIteration as end:
        found = end.value
    assert found in Result
    assert count <= spf.LOOKUPS


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="unix"):
        next(spf.check_host("unix", "e.example", "", ""))
