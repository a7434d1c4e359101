"""An office's databases, furnished once for each worker by the real daemon, and copied for each test."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from running import Relay

sys.path.insert(0, str(Path(__file__).parent))

from office import furnish


@pytest.fixture(scope="session")
def furnished(tmp_path_factory):
    """A relay that has filed an office's mail and was stopped."""
    relay = Relay(tmp_path_factory.mktemp("office") / "relay").start()
    try:
        furnish(relay)
        relay.verify()
    finally:
        relay.stop()
    return relay


@pytest.fixture
def office(furnished, relay_running):
    """A copy of it, not running: office.start() starts the daemon. Verified in the end."""
    relay = relay_running(start=False)
    for folder in ("shared", "vault"):
        shutil.copytree(furnished.folder / folder, relay.folder / folder, dirs_exist_ok=True)
    return relay
