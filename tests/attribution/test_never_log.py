"""Never-log, as a function: which patterns say what, and what becomes of a message."""

from __future__ import annotations

import pytest

from relay.attribution.never_log import DROPPED, KEPT, Judged, NeverLog, Pattern
from relay.mail.address import Address


def address(text: str) -> Address:
    found = Address.read(text)
    assert found is not None
    return found


def listed(*rows: tuple[str, str] | tuple[str, str, int]) -> NeverLog:
    return NeverLog.of((row[0], row[1], row[2] if len(row) > 2 else None) for row in rows)


def judge(rules: NeverLog, author: str, *others: str, people: tuple[int, ...] = (), internal: bool = False) -> Judged:
    return rules.judge(
        [address(each) for each in (author, *others)],
        address(author),
        people,
        lambda one: one.domain == "own.example" or one.key == "rep@mail.example",
        internal=internal,
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (" Lawyer@X.Example ", "lawyer@x.example"),
        ("Max Law <lawyer@x.example>", "lawyer@x.example"),
        ("mailto:lawyer@x.example", "lawyer@x.example"),
        ("anwalt@BÜRO.example", "anwalt@xn--bro-hoa.example"),
        ("@X.example", "@x.example"),
        ("@ büro.example", "@xn--bro-hoa.example"),
        ("*@x.example", "@x.example"),
        ("*.HR-Provider.example", "*.hr-provider.example"),
        ("@*.hr-provider.example", "*.hr-provider.example"),
        ("*@*.hr-provider.example", "*.hr-provider.example"),
    ],
)
def test_a_pattern_is_read_however_it_was_typed(written: str, read: str) -> None:
    assert str(Pattern.read(written)) == read


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "x.example",
        "@",
        "*.",
        "*",
        "lawyer@",
        "law*@x.example",
        "@x.*",
        "a@b@",
        "@*",
        "x" * 5000,
        "\udc80@x",
        "@\x00",
    ],
)
def test_what_nobody_can_read_holds_for_nobody_and_never_raises(written: str) -> None:
    assert Pattern.read(written) is None
    assert not listed((written, "drop-message"))


@pytest.mark.parametrize("row", [(None, None, None), (17, "drop-message", None), (b"\xff", "drop-message", None)])
def test_a_row_of_any_type_is_passed_over(row: tuple[object, object, None]) -> None:
    assert not NeverLog.of([row])


@pytest.mark.parametrize(
    ("pattern", "matched", "others"),
    [
        ("law@x.example", ["law@x.example", "LAW@x.example", "law+case4@X.EXAMPLE"], ["la@x.example", "law@a.x.example"]),
        ("law+a@x.example", ["Law+A@x.example"], ["law@x.example", "law+b@x.example"]),
        ("anwalt@büro.example", ["anwalt@xn--bro-hoa.example", "Anwalt@BÜRO.example"], ["anwalt@buro.example"]),
        ("@x.example", ["a@x.example", "b+c@X.example"], ["a@sub.x.example", "a@xx.example", "x.example@y.example"]),
        ("*.x.example", ["a@x.example", "a@b.x.example", "a@c.b.x.example"], ["a@xx.example", "a@x.example.org"]),
    ],
)  # fmt: skip
def test_an_address_with_its_plus_tags_a_domain_alone_or_a_domain_with_all_below_it(
    pattern: str, matched: list[str], others: list[str]
) -> None:
    rules = listed((pattern, "drop-message"))
    assert [judge(rules, "rep@own.example", each) for each in matched] == [DROPPED] * len(matched)
    assert [judge(rules, "rep@own.example", each) for each in others] == [KEPT] * len(others)


def test_drop_message_drops_whoever_else_is_on_it_and_whatever_the_role() -> None:
    rules = listed(("law@x.example", "drop-message"))
    assert judge(rules, "rep@own.example", "anna@lead.example", "law@x.example") == DROPPED
    assert judge(rules, "law@x.example", "rep@own.example") == DROPPED
    assert judge(rules, "rep@own.example", "anna@lead.example") == KEPT


def test_drop_party_leaves_the_party_out_of_mail_with_somebody_else() -> None:
    rules = listed(("law@x.example", "drop-party"), ("@x.example", "drop-party"))
    found = judge(rules, "rep@own.example", "anna@lead.example", "Law@x.example", "other@x.example")
    assert found == Judged(left_out=frozenset({"law@x.example", "other@x.example"}))


def test_a_message_with_only_listed_or_internal_parties_is_not_kept() -> None:
    rules = listed(("law@x.example", "drop-party"), ("@y.example", "drop-party"))
    assert judge(rules, "rep@own.example", "law@x.example") == DROPPED
    assert judge(rules, "rep@own.example", "law@x.example", "a@y.example", "boss@own.example") == DROPPED


def test_what_a_listed_person_wrote_is_not_kept_without_her() -> None:
    rules = listed(("law@x.example", "drop-party"))
    assert judge(rules, "law@x.example", "rep@own.example", "anna@lead.example") == DROPPED


def test_the_stricter_mode_wins() -> None:
    rules = listed(("law@x.example", "drop-party"), ("*.x.example", "drop-message"))
    assert judge(rules, "rep@own.example", "law@x.example", "anna@lead.example") == DROPPED


def test_a_personal_entry_holds_for_the_mail_of_that_person_alone() -> None:
    rules = listed(("law@x.example", "drop-message", 7))
    assert judge(rules, "rep@own.example", "law@x.example", people=(7,)) == DROPPED
    assert judge(rules, "rep@own.example", "law@x.example", people=(8,)) == KEPT
    assert judge(rules, "rep@own.example", "law@x.example") == KEPT


def test_our_own_domain_listed_keeps_internal_mail_out_and_all_other_mail_in() -> None:
    rules = listed(("@own.example", "drop-message"), ("@mail.example", "drop-message"))
    assert judge(rules, "rep@own.example", "boss@own.example", internal=True) == DROPPED
    assert judge(rules, "rep@own.example", "anna@lead.example", "boss@own.example") == KEPT
    assert judge(rules, "rep@mail.example", "anna@lead.example") == KEPT, "her address elsewhere is ours too"
    assert judge(rules, "rep@own.example", "stranger@mail.example") == DROPPED


def test_one_of_our_addresses_listed_by_itself_counts_always() -> None:
    rules = listed(("council@own.example", "drop-message"))
    assert judge(rules, "rep@own.example", "council@own.example", "anna@lead.example") == DROPPED
    assert judge(rules, "council@own.example", "rep@own.example", internal=True) == DROPPED


def test_an_empty_list_is_false_and_equal_lists_are_equal() -> None:
    assert not NeverLog()
    assert listed(("@x.example", "drop-party"), ("@y.example", "drop-party")) == listed(
        (" @Y.example", "drop-party"), ("@x.example", "drop-party"), ("@x.example", "drop-party")
    )
