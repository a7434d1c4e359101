"""DMARC: which domains are one house, what a record asks for, and when it holds."""

from __future__ import annotations

import pytest

from relay.mail import dmarc
from relay.mail.dmarc import Policy
from relay.mail.proof import Dmarc, Result, Signature, Spf


@pytest.mark.parametrize(
    ("domain", "author", "relaxed", "strict"),
    [
        ("rep.example", "rep.example", True, True),
        ("mail.rep.example", "rep.example", True, False),
        ("rep.example", "eu.rep.example", True, False),
        ("a.rep.co.uk", "b.rep.co.uk", True, False),
        ("rep.co.uk", "eve.co.uk", False, False),
        ("co.uk", "rep.co.uk", False, False),
        ("eve.github.io", "ann.github.io", False, False),
        ("rep.example", "evilrep.example", False, False),
        ("rep.example.eve.example", "rep.example", False, False),
        ("", "rep.example", False, False),
        ("rep.example", "", False, False),
        ("com", "com", True, True),
        ("[192.0.3.4]", "[198.51.3.4]", False, False),
        ("xn--bcher-kva.example", "post.xn--bcher-kva.example", True, False),
    ],
)
def test_two_domains_are_of_one_house_or_not(domain: str, author: str, relaxed: bool, strict: bool) -> None:
    assert dmarc.aligned(domain, author) is relaxed
    assert dmarc.aligned(domain, author, strict=True) is strict


@pytest.mark.parametrize(
    ("records", "stated"),
    [
        ([], None),
        (["v=spf1 -all"], None),
        (["v=DMARC1; p=reject"], Policy("reject", "reject")),
        (["v=DMARC1;p=none;sp=reject;adkim=s;aspf=S"], Policy("none", "reject", strict_dkim=True, strict_spf=True)),
        (["v=DMARC1; p=quarantine; sp=what"], Policy("quarantine", "quarantine")),
        (["other", "v = DMARC1 ; p=REJECT; rua=mailto:a@b.example!10m"], Policy("reject", "reject")),
        (["v=DMARC1; p=reject", "v=DMARC1; p=none"], None),
        (["v=DMARC1; p=reject; pct=0"], Policy("quarantine", "quarantine")),
        (["v=DMARC1; p=reject; pct=50"], Policy("reject", "reject")),
        (["v=DMARC1; p=what; rua=mailto:a@b.example"], Policy("none", "none")),
        (["v=DMARC1; p=what"], None),
        (["v=DMARC1"], None),
        (["v=DMARC10; p=reject"], None),
        (["v=dmarc1; p=reject"], None),
        (["p=reject; v=DMARC1"], None),
        (["v=DMARC1; p=reject; p=none"], None),
    ],
)
def test_what_a_record_states(records: list[str], stated: Policy | None) -> None:
    assert dmarc.policy(records) == stated


def test_the_record_is_looked_for_at_the_domain_and_at_its_house() -> None:
    assert dmarc.names("eu.mail.rep.co.uk") == ("_dmarc.eu.mail.rep.co.uk", "_dmarc.rep.co.uk")
    assert dmarc.names("rep.example") == ("_dmarc.rep.example",)
    assert dmarc.names("com") == ("_dmarc.com",)


GOOD = Signature("mail.rep.example", "s", Result.PASS)
BAD = Signature("rep.example", "s", Result.POLICY)
SENT = Spf(Result.PASS, "bounce.rep.example")
STRICT = Policy("reject", "none", strict_dkim=True, strict_spf=True)
PLAIN = Policy("reject", "quarantine")


@pytest.mark.parametrize(
    ("stated", "signatures", "spf", "found"),
    [
        (PLAIN, (GOOD,), Spf(), Dmarc(Result.PASS, "rep.example", "reject", "dkim")),
        (PLAIN, (BAD, GOOD), SENT, Dmarc(Result.PASS, "rep.example", "reject", "dkim")),
        (PLAIN, (BAD,), SENT, Dmarc(Result.PASS, "rep.example", "reject", "spf")),
        (PLAIN, (BAD,), Spf(Result.FAIL, "rep.example"), Dmarc(Result.FAIL, "rep.example", "reject", "")),
        (STRICT, (GOOD,), SENT, Dmarc(Result.FAIL, "rep.example", "reject", "")),
        (None, (GOOD,), Spf(), Dmarc(by="dkim")),
        (None, (), Spf(Result.PASS, "eve.example"), Dmarc()),
    ],
)
def test_the_result(stated: Policy | None, signatures: tuple[Signature, ...], spf: Spf, found: Dmarc) -> None:
    near = dmarc.align("rep.example", stated, signatures, spf)
    assert dmarc.judge("rep.example", "rep.example", stated, *near) == found


def test_a_domain_below_goes_by_the_policy_for_those_below() -> None:
    assert dmarc.judge("eu.rep.example", "rep.example", PLAIN, (), Spf()).policy == "quarantine"


def test_while_the_wish_is_unknown_only_the_very_domain_is_near() -> None:
    signatures, spf = dmarc.align("rep.example", None, (GOOD, BAD), SENT, unknown=True)
    assert [one.aligned for one in signatures] == [False, True]
    assert not spf.aligned


def test_what_others_say_passed_counts_as_the_domain_wants_it() -> None:
    said = (("dkim", "mail.rep.example"), ("dkim", "rep.example"), ("dkim", "x.example"), ("spf", "a.rep.example"))
    assert dmarc.strictly("rep.example", STRICT, said) == (("dkim", "rep.example"), ("dkim", "x.example"))
    assert dmarc.strictly("rep.example", PLAIN, said) == dmarc.strictly("rep.example", None, said) == said
