from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.store import relation
from relay.store.migrations import prepare
from tests.store.mailroom import Mailroom
from tests.store.stranger import Stranger


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An empty relay.db."""
    path = tmp_path / "relay.db"
    prepare(path)
    return path


@pytest.fixture
def mailroom(store: Path) -> Iterator[Mailroom]:
    room = Mailroom(store)
    yield room
    room.close()


@pytest.fixture
def crm(store: Path) -> Iterator[Stranger]:
    """A CRM's connection with default settings, in another process."""
    stranger = Stranger(store)
    yield stranger
    stranger.close()


@pytest.fixture
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of deleted leads are swept at once."""
    monkeypatch.setattr(relation, "GRACE", 0.0)
