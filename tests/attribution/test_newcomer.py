"""A newcomer's name and organization: what stands there, and nothing invented."""

from __future__ import annotations

import pytest

from relay.attribution import newcomer


@pytest.mark.parametrize(
    ("address", "shown", "name"),
    [
        ("anna@lead.example", "Anna Meier", "Anna Meier"),
        ("anna@lead.example", "Meier, Anna", "Anna Meier"),
        ("anna@lead.example", "von der Heide, Anna Maria", "Anna Maria von der Heide"),
        ("x@lead.example", "Meier & Sons, Ltd.", "Meier & Sons, Ltd."),
        ("x@lead.example", "Meier, Huber, Schmidt", "Meier, Huber, Schmidt"),
        ("x@lead.example", "'Anna Meier'", "Anna Meier"),
        ("anna.meier@lead.example", "", "Anna Meier"),
        ("anna.meier@lead.example", "anna.meier@lead.example", "Anna Meier"),
        ("anna.meier+news@lead.example", "", "Anna Meier"),
        ("info@lead.example", "", "info@lead.example"),
        ("a.meier@lead.example", "", "a.meier@lead.example"),
        ("x123@lead.example", "", "x123@lead.example"),
        ("", "Max Power", "Max Power"),
        ("", "", ""),
    ],
)
def test_the_name_is_what_stands_there(address: str, shown: str, name: str) -> None:
    assert newcomer.name(address, shown) == name


def test_a_provider_s_customers_are_no_organization() -> None:
    assert newcomer.organization("anna@lead.example") == "lead.example"
    for provider in ("gmail.com", "GMX.de", "yahoo.co.uk", "proton.me", "t-online.de"):
        assert newcomer.organization(f"anna@{provider}") is None
        assert newcomer.is_freemail(provider)


def test_a_name_of_a_million_letters_costs_nothing() -> None:
    assert len(newcomer.name("x@y.example", "a, " * 1_000_000)) <= 200
