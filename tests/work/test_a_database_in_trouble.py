"""The filer and a database that others lock, delete, or leave no room for: it says so and gets over it by itself."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mailbuilder import message
from running import Relay


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    one = Relay(tmp_path / "relay").start()
    yield one
    one.stop()


def test_a_database_that_is_deleted_while_we_run_is_made_anew_and_filed_into_again(relay: Relay) -> None:
    relay.filed(*relay.send(message(message_id="<before@example.org>")))
    for name in ("relay.db", "relay.db-wal", "relay.db-shm", "search.db", "search.db-wal", "search.db-shm"):
        relay.database.with_name(name).unlink(missing_ok=True)
    relay.send(message(message_id="<after@example.org>", subject="After"))
    _until_there(relay)
    relay.until("SELECT count(*) = 2 FROM message")
    assert "deleted or replaced while in use" in relay.log()
    relay.verify()


def _until_there(relay: Relay) -> None:
    """The CRM must not be the one that makes the file."""
    for _ in range(200):
        with contextlib.suppress(subprocess.TimeoutExpired, AssertionError):
            if relay.database.exists() and relay.database.stat().st_size:
                relay.until("SELECT count(*) FROM sqlite_master WHERE name = 'contract'")
                return
        subprocess.run(["sleep", "0.05"], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_mail_is_accepted_while_the_disk_of_the_database_is_full_and_filed_when_there_is_room(tmp_path: Path) -> None:
    relay = Relay(tmp_path / "relay")
    disk = relay.database.parent
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], check=False).returncode:
        pytest.skip("no right to mount here")
    try:
        relay.start()
        relay.filed(*relay.send(message(message_id="<before@example.org>")))
        with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        ids = relay.send(*(message(message_id=f"<{n}@example.org>", text="word " * 9000) for n in range(60)))
        refused = relay.folder / "daemon.log"
        subprocess.run(
            ["timeout", "30", "sh", "-c", f"until grep -q 'store.refused' {refused}; do sleep 0.05; done"], check=True
        )
        assert relay.sql("SELECT count(*) < 61, count(*) = (SELECT count(*) FROM envelope) FROM message") == [[1, 1]]
        (disk / "filler").unlink()
        relay.filed(*ids)
        assert relay.sql("SELECT count(*) FROM message") == [[61]]
        relay.verify()
        assert relay.stop() == 0
        assert "Traceback" not in relay.log()
    finally:
        relay.stop()
        subprocess.run(["umount", str(disk)], check=False)
