"""What is withdrawn is seen by nobody, and what a stranger planted in the schema is told at the next start."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Relay, stranger

LETTER = (
    b"From: Anna <anna@lead.example>\r\nTo: rep@example.org\r\nSubject: Zebra offer\r\nMessage-ID: <1@lead.example>\r\n"
    b"Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\r\nstripes and hooves\r\n"
)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    running = Relay(tmp_path / "relay")
    yield running
    running.stop()


def command(relay: Relay, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(relay.command(*words), capture_output=True, text=True, timeout=60, check=False)


def until_found(relay: Relay, found: bool) -> None:
    deadline = time.monotonic() + 30
    while ("Zebra" in command(relay, "search", "hooves").stdout) is not found:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_withdrawn_mail_is_on_no_timeline_in_no_search_and_comes_back(relay: Relay) -> None:
    relay.start()
    relay.sql("INSERT INTO lead (id, name) VALUES (1, 'Anna')")
    relay.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    relay.send(LETTER)
    until_found(relay, True)
    [[before]] = relay.sql("SELECT max(seq) FROM change")
    for who in ("responsible", "withdrawn"):
        assert command(relay, "visibility", "<1@lead.example>", who).returncode == 0
        for words in (("timeline", "1"), ("search", "hooves"), ("thread", "1")):
            assert "Zebra" not in command(relay, *words).stdout, words
    assert relay.sql("SELECT entity, entity_id, op FROM change WHERE seq > ?", before) == [["message", 1, "update"]] * 2
    assert relay.sql("SELECT action, subject_id FROM audit WHERE action = 'visibility'") == [["visibility", 1]] * 2
    again = command(relay, "visibility", "1", "withdrawn")
    assert (again.returncode, again.stdout) == (0, "message 1: it was withdrawn before\n")
    assert command(relay, "visibility", "1", "secret").returncode == 2
    assert command(relay, "visibility", "99", "all").returncode == 1
    relay.sql("UPDATE message SET visibility = 'all' WHERE id = 1")  # a CRM may say so, too
    until_found(relay, True)
    assert "Zebra" in command(relay, "timeline", "1").stdout


def test_the_words_of_a_withdrawn_mail_leave_the_index(relay: Relay) -> None:
    relay.start()
    relay.send(LETTER)
    until_found(relay, True)
    relay.sql("UPDATE message SET visibility = 'withdrawn'")
    index = relay.database.with_name("search.db")
    count = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1], timeout=30).execute('SELECT count(*) FROM message_search').fetchone()[0])"
    deadline = time.monotonic() + 30
    while subprocess.check_output([sys.executable, "-c", count, str(index)], text=True) != "0\n":
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_planted_trigger_is_told_at_the_next_start_and_mail_goes_on(relay: Relay) -> None:
    relay.start()
    relay.sql("CREATE TRIGGER x_spy AFTER INSERT ON message BEGIN SELECT 1; END")
    relay.stop()
    relay.start()
    relay.send(LETTER)
    stranger(relay.database, "SELECT count(*) FROM message", patience=30.0)
    deadline = time.monotonic() + 30
    while "store.strange_schema" not in relay.log():
        assert time.monotonic() < deadline, relay.log()
        time.sleep(0.05)
    assert "x_spy" in relay.log()
