"""kill -9 in the middle of `refile`: what was done is done, the rest is as it was, and a second run finishes it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mailbuilder import message
from running import CAPTURE, Relay

from relay.work.rereading import STEPS
from tests.crash.stopping import early_or_late

MAILS = 12

SPOIL = (
    "UPDATE message SET parser = '0', subject = 'spoilt ' || id, snippet = 'spoilt' WHERE id % 3 > 0",
    "UPDATE message_text SET text = 'spoilt' WHERE message_id % 3 > 0",
    "DELETE FROM message_address WHERE message_id % 3 = 1 AND role <> 'from'",
    "UPDATE message SET parser = '0'",
)
"""As if an older parser had made the rows; a third of them right."""


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mail, filed and then spoilt; the daemon has ended."""
    relay = Relay(tmp_path_factory.mktemp("refile") / "relay").start()
    try:
        relay.run("lead", "add", "Anna", "anna@lead.example")
        large = b"x" * 300_000
        mails = [
            message(subject=f"Offer {n}", message_id=f"<{n}@example.org>", attach={"a.bin": large + bytes([n])})
            for n in range(MAILS)
        ]
        mails.append(message(to=CAPTURE, subject="Fwd", message_id="<w@example.org>", forward=mails[:2]))
        relay.filed(*relay.send(*mails))
        relay.until("SELECT NOT EXISTS (SELECT 1 FROM _read_again)")
    finally:
        relay.stop()
    return relay.folder


def content(relay: Relay) -> list[object]:
    return [
        relay.sql(query)
        for query in (
            "SELECT id, thread_id, subject, snippet, parser, attachment_count FROM message ORDER BY id",
            "SELECT * FROM message_text ORDER BY message_id",
            "SELECT * FROM message_address ORDER BY message_id, address_id",
            "SELECT id, message_id, digest, size FROM part ORDER BY id",
            "SELECT * FROM lead_message ORDER BY message_id",
            "SELECT id, vault_id, position, message_id FROM envelope ORDER BY id",
        )
    ]


@pytest.mark.parametrize(("step", "count"), early_or_late(STEPS, 2))
def test_refile_may_die_at_every_step(filed: Path, tmp_path: Path, step: str, count: int) -> None:
    shutil.copytree(filed, tmp_path / "relay")
    relay = Relay.__new__(Relay)
    relay.folder = tmp_path / "relay"
    relay.file, relay.vault = relay.folder / "bcc-relay.toml", relay.folder / "vault"
    relay.database = relay.folder / "shared" / "relay.db"
    right = content(relay)
    for statement in SPOIL:
        relay.sql(statement)
    assert content(relay) != right
    words = [sys.executable, str(Path(__file__).with_name("refile_stopping.py")), str(relay.file), step, str(count)]
    died = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert died.returncode in (-signal.SIGKILL, 0), died.stderr
    assert died.returncode == -signal.SIGKILL or (step, count) in {("refile.begun", 2), ("refile.renewed", 2), ("refile.committed", 2)}  # fmt: skip
    assert relay.sql("PRAGMA integrity_check") == [["ok"]]
    relay.run("refile")
    assert content(relay) == right
    assert "nothing to read again" in relay.run("refile")
    relay.verify()
