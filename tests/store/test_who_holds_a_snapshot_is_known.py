"""A program that forgets an open transaction makes the log grow: it is named, and when it goes the log begins anew."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from relay.store import checkpoint, readers
from relay.store.checkpoint import Checkpointer
from relay.store.connection import open_store
from tests.store.stranger import Stranger

pytestmark = pytest.mark.skipif(not Path("/proc/locks").exists(), reason="needs /proc/locks (Linux)")


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)


@pytest.fixture
def forgetful(store: Path, crm: Stranger) -> Stranger:
    """A CRM with a transaction that it has forgotten."""
    crm("INSERT INTO lead (name) VALUES ('Anna')")
    crm("BEGIN")
    crm("SELECT * FROM lead")
    return crm


def write(path: Path, leads: int = 200) -> None:
    db = open_store(path)
    for _ in range(leads):
        db.execute("INSERT INTO lead (name) VALUES ('Bob')")
    db.close()


def test_the_program_and_how_far_it_is_behind_are_told(store: Path, forgetful: Stranger) -> None:
    assert [holder.behind for holder in readers.held(store).snapshots] == [0], "what is newest is in nobody's way"
    assert readers.held(store).in_the_way == ()
    write(store)
    [holder] = readers.held(store).in_the_way
    assert holder.pid == forgetful.pid
    assert holder.program.startswith("/usr/bin/python3")
    assert 200 * readers.FRAME < holder.behind <= readers.held(store).log
    forgetful("COMMIT")
    assert readers.held(store).snapshots == ()


def test_for_how_long_is_known_to_who_watches(store: Path, forgetful: Stranger) -> None:
    watch = readers.Watch(store)
    assert [age for _, age in watch.look(10.0)] == [0.0]
    write(store, 5)
    assert [(holder.pid, age) for holder, age in watch.look(17.0)] == [(forgetful.pid, 7.0)]
    forgetful("COMMIT")
    forgetful("BEGIN")
    forgetful("SELECT * FROM lead")
    assert [age for _, age in watch.look(20.0)] == [0.0], "another snapshot is another story"


def test_who_writes_is_told(store: Path, crm: Stranger) -> None:
    crm("BEGIN IMMEDIATE")
    assert [holder.pid for holder in readers.held(store).writers] == [crm.pid]
    crm("ROLLBACK")
    assert readers.held(store).writers == ()


def test_looking_does_not_cancel_the_locks_of_our_own_connections(store: Path, crm: Stranger) -> None:
    # Closing any descriptor of relay.db-shm would.
    db = open_store(store)
    db.execute("BEGIN IMMEDIATE")
    before = readers.held(store)
    assert [holder.pid for holder in before.writers] == [os.getpid()]
    assert readers.held(store) == before
    crm("PRAGMA busy_timeout = 0")
    assert "locked" in crm.ask("INSERT INTO lead (name) VALUES ('Carl')")
    db.execute("ROLLBACK")
    db.close()


def test_a_database_that_is_not_there_is_held_by_nobody(tmp_path: Path) -> None:
    assert readers.held(tmp_path / "none.db") == readers.Held(0, (), ())


def test_when_the_forgetful_program_goes_the_log_begins_anew(
    store: Path, forgetful: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "LARGE", 100)
    keeper = Checkpointer(store, threading.Lock())
    try:
        write(store)
        log = Path(f"{store}-wal")
        grown = log.stat().st_size
        write(store)
        assert log.stat().st_size > grown, "it cannot begin anew"
        forgetful.close()

        def begun() -> bool:
            before = log.stat().st_size
            write(store, 20)
            return log.stat().st_size == before

        until(begun)
    finally:
        keeper.close()
