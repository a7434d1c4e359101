"""A program that forgets a read makes the write-ahead log grow; when it ends, the log is short again by itself."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import pytest

from relay.store import checkpoint, opening
from relay.store.connection import open_store
from tests.store.stranger import Stranger


def test_it_is_folded_in_and_cut_back_when_the_read_ends(
    store: Path, crm: Stranger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "AUTOCHECKPOINT", 64)  # 256 KiB, as 64 MiB in life
    monkeypatch.setattr(checkpoint, "LARGE", 64)
    monkeypatch.setattr(checkpoint, "LOOK", 0.02)
    log = store.with_name(store.name + "-wal")
    turn = threading.Lock()
    checkpointer = checkpoint.Checkpointer(store, turn)
    crm("BEGIN")
    assert crm("SELECT count(*) FROM blob") == [[0]]
    try:
        with contextlib.closing(open_store(store)) as db:
            for number in range(40):
                with turn:
                    db.execute("INSERT INTO blob VALUES (?, zeroblob(100000))", (str(number),))
            assert log.stat().st_size > 4_000_000, "nothing that the snapshot may need is taken away"
            assert crm("SELECT count(*) FROM blob") == [[0]]
            crm("COMMIT")
            deadline = time.monotonic() + 20
            while log.stat().st_size > 64 * 4096:
                assert time.monotonic() < deadline, log.stat().st_size
                with turn:
                    db.execute("INSERT INTO lead (name) VALUES ('x')")
    finally:
        checkpointer.close()
    assert crm("SELECT count(*) FROM blob") == [[40]]
