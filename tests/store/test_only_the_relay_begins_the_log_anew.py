"""While the log of relay.db is folded in, no writer begins it anew: old libraries corrupt the database then."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay import sqlite
from relay.store.checkpoint import Checkpointer
from relay.store.connection import open_store


class Between:
    """The connection that folds: when its first checkpoint is over, and before its next one, `then` is done."""

    def __init__(self, connection: sqlite.Connection, then: Callable[[], None]) -> None:
        self._connection = connection
        self._then: Callable[[], None] | None = then

    def execute(self, statement: str) -> sqlite.Cursor:
        found = self._connection.execute(statement)
        then, self._then = self._then, None
        if then:
            then()
        return found


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[[], sqlite.Connection]]:
    path = tmp_path / "relay.db"
    with contextlib.ExitStack() as opened:
        yield lambda: opened.enter_context(contextlib.closing(open_store(path)))


def log(connection: sqlite.Connection) -> tuple[int, int]:
    """Pages in the log, and those of them that are in the database."""
    _, pages, moved = connection.execute("PRAGMA wal_checkpoint(NOOP)").fetchone()
    return pages, moved


def test_who_commits_between_two_of_our_checkpoints_goes_on_behind_what_is_there(
    tmp_path: Path, connect: Callable[[], sqlite.Connection]
) -> None:
    writer, keeper, folder = connect(), connect(), connect()
    seen: list[tuple[int, int]] = []

    def commits() -> None:
        seen.append(log(folder))
        writer.execute("INSERT INTO lead (name) VALUES ('one more')")
        seen.append(log(folder))

    checkpointer = Checkpointer(tmp_path / "relay.db", threading.Lock(), external=True)
    checkpointer.close()  # its thread has touched nothing; what it would do is done here, step by step
    checkpointer._external = False
    checkpointer._hold(keeper)
    for _ in range(50):
        writer.execute("INSERT INTO lead (name) VALUES ('Anna')")
    checkpointer._fold(keeper, Between(folder, commits))
    (before, moved), (after, _) = seen
    assert moved == before > 50, "the bulk is moved"
    assert after > before, "and the log goes on where it was"
    assert log(folder)[0] == log(folder)[1], "in the end all of it is"
    assert keeper.in_transaction, "and the keeper stands again"
    assert writer.execute("SELECT count(*) FROM lead").fetchone() == (51,)
