"""A company with its relay, for the behaviours: one real daemon for each worker, and people who are new in every test."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from dns_stub import NameServer
from running import Relay

sys.path.insert(0, str(Path(__file__).parent))

from company import Company

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def everybody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    with NameServer() as dns:
        relay = Relay(
            tmp_path_factory.mktemp("company") / "relay",
            f'[admission]\nnetworks = ["127.0.0.1/32"]\n[dns]\nservers = ["{dns.place}"]\n',
            domains=("example.org", "example-two.example"),
        )
        company = Company(relay)
        try:
            yield company
            relay.verify()
        finally:
            company.close()


@pytest.fixture
def company(everybody: Company) -> Company:
    """The company; leads that a test makes have a domain of their own, `company.domain`."""
    everybody.domain = f"lead{next(NUMBERS)}.example"
    return everybody
