"""What stands beside the real daemon in these tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from notified import Systemd


@pytest.fixture
def systemd() -> Iterator[Systemd]:
    with tempfile.TemporaryDirectory(prefix="relay-") as folder:  # short: a socket's path has 107 octets at the most
        found = Systemd(Path(folder))
        yield found
        found.socket.close()
