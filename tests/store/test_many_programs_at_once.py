"""Twenty readers, a writer and the daemon that files, all at once; and users who may only read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.store.connection import open_store
from relay.store.readers import held
from relay.store.verify import verify
from tests.running import Relay, stranger

READER = """
import json, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
slowest, pages, seen = 0.0, 0, 0
print("ready", flush=True)
while True:
    began = time.monotonic()
    rows = db.execute("SELECT message_id FROM lead_timeline WHERE lead_id = 1 ORDER BY originated_at DESC, message_id DESC LIMIT 50").fetchall()
    slowest = max(slowest, time.monotonic() - began)
    assert len(rows) >= min(seen, 50), "a message that was there has gone"
    seen, pages = len(rows), pages + 1
    if db.execute("SELECT 1 FROM lead WHERE name = 'the end'").fetchone():
        break
    time.sleep(0.02)
print(json.dumps([pages, slowest]))
"""

WRITER = """
import json, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
slowest = 0.0
for n in range(int(sys.argv[2])):
    began = time.monotonic()
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO lead (name, external_id) VALUES ('Bob', ?) ON CONFLICT (external_id) DO UPDATE SET name = 'Bobby'", (f"c{n % 40}",))
    db.execute("COMMIT")
    slowest = max(slowest, time.monotonic() - began)
    time.sleep(0.005)
print(json.dumps([slowest]))
"""


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    running = Relay(tmp_path / "relay").start()
    yield running
    running.stop()


def mail(number: int) -> bytes:
    return (
        f"From: Anna <anna@lead.example>\r\nTo: rep@example.org\r\nSubject: Mail {number}\r\n"
        f"Message-ID: <{number}@lead.example>\r\nDate: Sun, 22 Nov 2026 10:{number // 60:02}:{number % 60:02} +0000\r\n\r\nHello {number}\r\n"
    ).encode()


def program(source: str, *words: object) -> subprocess.Popen[str]:
    # Debian's Python with Debian's SQLite: what a CRM has
    return subprocess.Popen(["/usr/bin/python3", "-c", source, *map(str, words)], stdout=subprocess.PIPE, text=True)


def test_twenty_readers_a_writer_and_the_filer_do_not_hurt_each_other(relay: Relay) -> None:
    mails = 60
    stranger(relay.database, "INSERT INTO lead (id, name) VALUES (1, 'Anna')")
    stranger(relay.database, "INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    readers = [program(READER, relay.database) for _ in range(20)]
    for reader in readers:
        assert reader.stdout
        assert reader.stdout.readline() == "ready\n"
    writer = program(WRITER, relay.database, 150)
    relay.send(*map(mail, range(mails)))
    stranger(relay.database, "SELECT count(*) = ? FROM lead_message", mails, patience=30.0)
    [slowest_write] = json.loads(writer.communicate(timeout=60)[0])
    stranger(relay.database, "INSERT INTO lead (name) VALUES ('the end')")
    told = [json.loads(reader.communicate(timeout=60)[0]) for reader in readers]
    assert [reader.returncode for reader in readers] == [0] * 20
    assert all(pages > 1 for pages, _ in told)
    assert max(slowest for _, slowest in told) < 10, "nobody waits for a writer"
    assert slowest_write < 10
    assert stranger(relay.database, "SELECT count(*), count(DISTINCT external_id) FROM lead") == [[42, 40]]
    relay.stop()
    db = open_store(relay.database, read_only=True)
    assert [str(difference) for difference in verify(db)] == []
    db.close()


AS_NOBODY = """
import os, sqlite3, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    db = sqlite3.connect(f"file:{sys.argv[1]}?{sys.argv[2]}", uri=True)
    print(db.execute("SELECT count(*) FROM lead").fetchone()[0])
    db.execute("INSERT INTO lead (name) VALUES ('x')")
    print("wrote")
except sqlite3.Error as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_user_who_may_only_read_reads_while_the_relay_runs_and_is_told_when_it_does_not(
    relay: Relay, tmp_path: Path
) -> None:
    def nobody(options: str) -> list[str]:
        done = subprocess.run(
            ["/usr/bin/python3", "-c", AS_NOBODY, str(relay.database), options],
            capture_output=True, text=True, timeout=30, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    for folder in (relay.database.parent, *relay.database.parent.parents):
        if folder != Path("/") and folder.stat().st_uid == 0:
            folder.chmod(folder.stat().st_mode | 0o055)
    relay.filed(*relay.send(mail(0)))  # before that it may be a process of ours that looks at it and leaves
    deadline = time.monotonic() + 30
    while not any(holder.ours for holder in held(relay.database).snapshots):  # the filer has opened it for good
        assert time.monotonic() < deadline
        time.sleep(0.02)
    stranger(relay.database, "INSERT INTO lead (name) VALUES ('Anna')")
    for file in relay.database.parent.iterdir():
        file.chmod(file.stat().st_mode | 0o004)
    for options in ("mode=ro", "mode=rw"):
        assert nobody(options) == ["1", "attempt to write a readonly database"]
    # crm-check as that user says what happens when the relay stops
    checked = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", CHECK, str(relay.database)],
        capture_output=True, text=True, timeout=30, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    if checked.returncode == 0:  # else nobody cannot read our environment
        assert "folder" in checked.stdout.split()
    relay.stop()
    # whether SQLite's files are still there depends on who closed last: it reads what is right, or is told
    assert nobody("mode=ro")[0].startswith(("1", "unable to open", "attempt to write a readonly"))
    assert nobody("immutable=1")[0] == "1", "all is in relay.db itself; right only while nobody writes"


CHECK = """
import sys; from pathlib import Path; from relay.store.crm_setting import right_findings
print(*(finding.name for finding in right_findings(Path(sys.argv[1]))))
"""
