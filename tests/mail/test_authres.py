"""Authentication-Results: only what a server really said counts, however the field is written or forged."""

from __future__ import annotations

import time

import authres as other
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail import authres

MICROSOFT = (
    " mx; spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.example; dkim=pass (ok)\r\n header.d=a.example;"
    "dmarc=pass action=none header.from=a.example;compauth=pass reason=100"
)


@pytest.mark.parametrize(
    ("value", "server", "passed"),
    [
        (" mx.example.org; none", "mx.example.org", ()),
        (" mx.example.org 1; dkim=pass header.d=a.example", "mx.example.org", (("dkim", "a.example"),)),
        (" mx; dkim=pass header.i=@a.example", "mx", (("dkim", "a.example"),)),
        (" mx; dkim=pass header.i=ann@eu.a.example header.d=a.example", "mx", (("dkim", "a.example"),)),
        (" mx; dkim=fail header.d=a.example; dkim=pass header.d=b.example", "mx", (("dkim", "b.example"),)),
        (" mx; spf=pass smtp.mailfrom=ann@a.example", "mx", (("spf", "a.example"),)),
        (" mx; spf=pass smtp.mailfrom=a.example; dmarc=fail header.from=a.example", "mx", (("spf", "a.example"),)),
        (" mx; spf=pass smtp.mailfrom=SRS0=x=y=b.example=bob@a.example", "mx", (("spf", "a.example"),)),
        (" mx; spf=pass smtp.helo=a.example", "mx", ()),
        (' "mx"; dmarc=pass (p=none dis=none) header.from="A.Example"', "mx", (("dmarc", "a.example"),)),
        (
            " mx;\r\n\tdkim/1 = pass (2048-bit key)\r\n\theader.d=a.example header.b=AbC/+=;",
            "mx",
            (("dkim", "a.example"),),
        ),
        (
            MICROSOFT,
            "mx",
            (("spf", "a.example"), ("dkim", "a.example"), ("dmarc", "a.example")),
        ),
        # what forgers try
        (" mx (; dkim=pass header.d=rep.example) ; none", "mx", ()),
        (" mx; dkim=fail (dkim=pass header.d=rep.example)", "mx", ()),
        (" mx; dkim=fail (a (b; dkim=pass header.d=rep.example) c) header.d=rep.example", "mx", ()),
        (
            ' mx; spf=pass smtp.mailfrom="x; dkim=pass header.d=rep.example"@eve.example',
            "mx",
            (("spf", "eve.example"),),
        ),
        (' mx; dkim=fail reason="dkim=pass header.d=rep.example"', "mx", ()),
        (" mx; dmarc=pass header.from=rep.example; dmarc=fail header.from=eve.example", "mx", ()),
        (" mx; dkim=pass header.d=rep.example>", "mx", ()),
        (" mx; dkim=pass header.d=rep.example,eve.example", "mx", ()),
        (' mx; dkim="pass" header.d=rep.example', "mx", ()),
        (" mx; x-dkim=pass header.d=rep.example", "mx", ()),
    ],
)
def test_what_a_field_says(value: str, server: str, passed: tuple[tuple[str, str], ...]) -> None:
    found = authres.read(value)
    assert found is not None
    assert (found.authserv_id, found.passed()) == (server, passed)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        ";",
        " spf=pass smtp.mailfrom=a.example",
        " a b c; dkim=pass header.d=a.example",
        " mx; dkim=pass header.d=a.example header.d=rep.example",
        " mx; dkim=pass header.d=a.example (",
        " mx; dkim=pass header.d=a.example )",
        ' mx; dkim=pass header.d="a.example',
        " mx; dkim=pass header.d=a.example; dkim",
        " mx; dkim pass header.d=a.example",
        " mx; dkim=pass header.d a.example",
        " mx; dkim=pass header.d=a.example \\",
        " mx; " + "(" * 50 + ")" * 50 + "dkim=pass header.d=a.example",
        " mx; " + "dkim=pass header.d=a.example; " * 100,
        " mx; dkim=pass header.d=" + "a" * 20_000,
    ],
)
def test_a_field_that_cannot_be_read_to_its_end_says_nothing(value: str) -> None:
    assert authres.read(value) is None


def test_the_field_of_arc_begins_with_its_number() -> None:
    found = authres.read(" i=12; mx; dkim=pass header.d=a.example", arc=True)
    assert found is not None
    assert (found.instance, found.passed()) == (12, (("dkim", "a.example"),))
    for value in (" mx; none", " i=x; mx; none", " i=123; mx; none", " i=1", " 1; mx; none", ""):
        assert authres.read(value, arc=True) is None


WORD = st.text(alphabet="abcdefghij.-", min_size=1, max_size=8).map(lambda text: f"x{text}x".replace("..", "."))


@given(WORD, st.lists(st.tuples(st.sampled_from(["pass", "fail", "none"]), WORD), max_size=4))
def test_what_others_write_is_read_as_they_mean_it(server: str, results: list[tuple[str, str]]) -> None:
    made = other.AuthenticationResultsHeader(
        authserv_id=server,
        results=[other.DKIMAuthenticationResult(result=word, header_d=domain) for word, domain in results],
    )
    found = authres.read(str(made).partition(":")[2])
    assert found is not None
    assert found.authserv_id == server
    assert [(each.method, each.result, each.properties.get("header.d")) for each in found.results] == [
        ("dkim", word, domain) for word, domain in results
    ]


@given(st.text(alphabet=' \t\r\n;=()"\\abi1.@é', max_size=80))
def test_no_field_breaks_the_reading(value: str) -> None:
    for arc in (False, True):
        found = authres.read(value, arc=arc)
        assert found is None or all(method in ("dkim", "spf", "dmarc") for method, _ in found.passed())


@pytest.mark.parametrize("piece", ['("', "(\\", '"', '\\"', "a ", "a=", "(a)", ";", '"a"', '("a\\"', "=="])
def test_no_field_takes_long(piece: str) -> None:
    value = (piece * authres.LONGEST)[: authres.LONGEST]
    began = time.process_time()
    for text in (value, " mx; " + value[:-5], " mx; (" + value[:-7]):
        authres.read(text)
    assert time.process_time() - began < 0.2
