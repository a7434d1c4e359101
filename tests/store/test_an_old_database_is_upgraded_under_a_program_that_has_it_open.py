from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relay.store import migrations
from relay.store.connection import open_store
from relay.store.migrations import prepare
from relay.store.verify import verify
from tests.store.stranger import Stranger, sqlite3_command

AT = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """relay.db as the first release made it (schema 1 to 4), with data."""
    path = tmp_path / "relay.db"
    with monkeypatch.context() as patch:
        first = [each for each in migrations.scripts() if each[0] < "0005"]
        patch.setattr(migrations, "scripts", lambda: first)
        patch.setattr(migrations, "VERSION", len(first))
        prepare(path)
    crm = Stranger(path)
    crm("INSERT INTO address (address, domain) VALUES ('anna@x.example', 'x.example')")
    crm("INSERT INTO _address_form VALUES ('anna@x.example', 1, 0)")
    crm(f"INSERT INTO message (direction, originated_at, received_at) VALUES ('incoming', '{AT}', '{AT}')")
    crm(f"INSERT INTO message_address (message_id, address_id, originated_at, role) VALUES (1, 1, '{AT}', 'from')")
    crm("INSERT INTO lead (external_id) VALUES ('c-1'), ('c-2')")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    crm("INSERT INTO deal (lead_id, opened_at) VALUES (1, 'tomorrow'), (1, 1763805600), (1, '2026-05-01')")
    crm("CREATE TABLE x_color (lead_id INTEGER REFERENCES lead(id), color)")
    crm("CREATE INDEX x_deal ON deal (title)")
    crm("CREATE INDEX x_open ON deal (opened_key)")
    crm("CREATE TRIGGER x_spy AFTER INSERT ON deal BEGIN INSERT INTO x_color VALUES (NEW.lead_id, 'new'); END")
    crm.close()
    return path


def test_it_keeps_all_and_the_program_goes_on_in_the_new_one(old: Path) -> None:
    crm = Stranger(old)
    timeline = "SELECT lead_id, message_id FROM lead_timeline"
    assert crm(timeline) == [[1, 1]]
    keys = "SELECT opened_key FROM deal ORDER BY id"
    assert crm(keys) == [[None], [None], ["2026-05-01T00:00:00.000Z"]]
    prepare(old)
    # the same connection, with statements that it prepared before
    assert crm(timeline) == [[1, 1]]
    assert crm(keys) == [
        [None],
        ["2025-11-22T10:00:00.000Z"],
        ["2026-05-01T00:00:00.000Z"],
    ]
    assert crm("SELECT count(*) FROM deal INDEXED BY x_open WHERE opened_key = '2025-11-22T10:00:00.000Z'") == [[1]]
    assert crm("SELECT * FROM ambiguous_deal") == []
    crm("INSERT INTO deal (lead_id, title) VALUES (1, 'Boat')")
    assert crm("SELECT * FROM x_color") == [[1, "new"]], "a trigger and an index of the CRM's are still there"
    crm("UPDATE lead SET merged_into = 2 WHERE id = 1")
    assert crm(timeline) == [[2, 1]]
    crm("INSERT OR REPLACE INTO lead (external_id) VALUES ('c-2')")
    assert crm(timeline) == [[3, 1]]
    assert crm("PRAGMA integrity_check") == [["ok"]]
    crm.close()
    db = open_store(old)
    differences = {d.name for d in verify(db)}
    db.close()
    assert differences <= {"schema", "deal-time", "unsettled"}, "the planted trigger, the date 'tomorrow'"


def test_while_it_reads_a_snapshot_or_is_about_to_write(old: Path) -> None:
    reader, writer = Stranger(old), Stranger(old)
    reader("BEGIN")
    assert reader("SELECT count(*) FROM lead") == [[2]]
    prepare(old)
    assert reader("SELECT count(*) FROM lead_timeline") == [[1]], "its own snapshot"
    reader("COMMIT")
    writer("BEGIN IMMEDIATE")
    writer("INSERT INTO lead (external_id) VALUES ('c-3')")
    writer("COMMIT")
    assert reader("SELECT count(*) FROM lead") == [[3]]
    for each in (reader, writer):
        each.close()


def test_an_upgraded_database_and_a_new_one_are_the_same(old: Path, tmp_path: Path) -> None:
    prepare(old)
    new = tmp_path / "new.db"
    prepare(new)
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'x_%' ORDER BY type, name"
    upgraded, made = open_store(old), open_store(new)
    assert upgraded.execute(schema).fetchall() == made.execute(schema).fetchall()
    upgraded.close()
    made.close()


_BUSY = """
import os, sqlite3, sys
path, stop, number = sys.argv[1:]
kept, errors, loops = sqlite3.connect(path, timeout=30, isolation_level=None), [], 0
while not os.path.exists(stop):
    loops += 1
    db = sqlite3.connect(path, timeout=30, isolation_level=None) if loops % 2 else kept
    try:
        db.execute("SELECT opened_key FROM deal").fetchall()
        db.execute("SELECT * FROM lead_timeline").fetchall()
        if number == "0":
            db.execute("INSERT INTO deal (lead_id, opened_at) VALUES (1, '2026-05-01')")
    except sqlite3.Error as error:
        errors.append(str(error))
    if db is not kept:
        db.close()
    if loops == 3:
        print("ready", flush=True)
print(sorted(set(errors)), flush=True)
"""


def test_while_programs_read_and_write_without_a_pause(old: Path, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    busy = [
        subprocess.Popen(
            ["/usr/bin/python3", "-c", _BUSY, str(old), str(stop), str(number)], stdout=subprocess.PIPE, text=True
        )
        for number in range(4)
    ]
    try:
        for each in busy:
            assert each.stdout
            assert each.stdout.readline() == "ready\n"
        prepare(old)
        time.sleep(0.2)  # they go on in the new one for a while
    finally:
        stop.touch()
        said = [each.communicate(timeout=60)[0] for each in busy]
    assert said == ["[]\n"] * len(busy)
    assert sqlite3_command(old, "PRAGMA integrity_check; PRAGMA user_version") == f"ok\n{migrations.VERSION}\n"


_UPGRADE = """
import os, resource, signal, sys
from pathlib import Path
from relay.store import migrations
path, what, at = sys.argv[1:]
count = 0
execute = migrations._step
def step(script):
    apply = execute(script)
    def counted(database):
        global count
        count += 1
        apply(database)
        if count == int(at):
            if what == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # each write beyond the limit fails, as on a full disk
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, -1))
    return counted
migrations._step = step
try:
    migrations.prepare(Path(path))
except migrations.StoreError as error:
    print(error)
"""


@pytest.mark.parametrize("at", ["1", "2", "3"])
@pytest.mark.parametrize("what", ["kill", "full"])
def test_an_upgrade_that_is_cut_off_leaves_the_old_one(old: Path, what: str, at: str) -> None:
    dump = "SELECT type, name, sql FROM sqlite_master ORDER BY name; SELECT * FROM deal; PRAGMA user_version"
    before = sqlite3_command(old, dump)
    done = subprocess.run(
        [sys.executable, "-c", _UPGRADE, str(old), what, at], capture_output=True, text=True, timeout=60, check=False
    )
    if what == "kill":
        assert done.returncode == -signal.SIGKILL
    else:
        assert done.stdout.startswith(f"{old}: "), done.stdout + done.stderr
        assert done.stdout.count("\n") == 1
    assert sqlite3_command(old, dump) == before
    assert sqlite3_command(old, "PRAGMA integrity_check") == "ok\n"
    prepare(old)
    assert sqlite3_command(old, "PRAGMA integrity_check; PRAGMA user_version") == f"ok\n{migrations.VERSION}\n"
