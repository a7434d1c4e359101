"""Fixtures that every area shares."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from running import Relay

# A slow moment of a shared machine is no failure.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")


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
