"""A house: a relay with databases to keep safe."""

from __future__ import annotations

import pytest
from house import House


@pytest.fixture
def house(tmp_path):
    """A relay that is not running; afterwards it is stopped and its databases keep their promises."""
    found = House(tmp_path / "house")
    yield found
    found.stop()
    found.verify()
