"""Fixtures that every area shares."""

from __future__ import annotations

import pytest
from running import Relay


@pytest.fixture
def relay_running(tmp_path):
    """`relay_running(extra="[limits]\\n...", start=True)`: a real daemon; afterwards it is verified and stopped."""
    relays: list[Relay] = []

    def make(extra: str = "", *, start: bool = True, **settings) -> Relay:
        relay = Relay(tmp_path / f"relay-{len(relays)}", extra, **settings)
        relays.append(relay)
        return relay.start() if start else relay

    yield make
    try:
        for relay in relays:
            relay.verify()
    finally:
        for relay in relays:
            relay.stop()


@pytest.fixture
def relay(relay_running):
    """One running daemon."""
    return relay_running()
