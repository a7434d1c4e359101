"""crm-check: every finding is made once, by a CRM that is another process; a good setting has none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from relay.store.crm_content import Finding, content_findings
from relay.store.crm_setting import library_findings, version, watch_findings
from tests.store.mailroom import Mailroom
from tests.store.stranger import Stranger

WRITTEN = {
    "deal-dates": "INSERT INTO deal (lead_id, opened_at) VALUES (1, 'next week')",
    "deal-outcome": "INSERT INTO deal (lead_id, outcome) VALUES (1, 'Won!')",
    "address-form": "INSERT INTO lead_address (lead_id, address) VALUES (1, 'Bob <bob@x.example>')",
    "address-form ": "INSERT INTO lead_address (lead_id, address) VALUES (1, 'a@x.example, b@x.example')",
    "address-of-ours": "INSERT INTO lead_address (lead_id, address) VALUES (1, 'Rep@own.example ')",
    "address-without-lead": "INSERT INTO lead_address (lead_id, address) VALUES (99, 'bob@x.example')",
    "decision-without-subject": "INSERT INTO explicit_attribution (message_id, lead_id) VALUES (77, 1)",
    "colleague-without-address": "INSERT INTO staff (name) VALUES ('Newcomer')",
    "merged-into-nothing": "UPDATE lead SET merged_into = 5",
    "never-log": "INSERT INTO never_log (pattern) VALUES ('@bank.example, @notary.example')",
    "never-log-for-nobody": "INSERT INTO never_log (pattern, staff_id) VALUES ('@bank.example', 99)",
    "new-ids": "INSERT OR REPLACE INTO lead (external_id) VALUES ('c-1')",
    "crm-time": "UPDATE lead SET updated_at = ''",
    "merge-circle": "INSERT INTO lead (id, merged_into) VALUES (8, 9), (9, 8)",
    "trigger": "CREATE TRIGGER x_spy AFTER INSERT ON message BEGIN SELECT 1; END",
    "schema": "ALTER TABLE lead ADD COLUMN color TEXT",
    "name": "CREATE TABLE color (id)",
    "references": "CREATE TABLE x_color (lead_id INTEGER REFERENCES lead (id) ON DELETE CASCADE)",
}


@pytest.fixture
def good(mailroom: Mailroom, crm: Stranger) -> Stranger:
    """A CRM that does everything right."""
    mailroom.message("anna@x.example", "rep@own.example")
    crm("INSERT INTO lead (external_id) VALUES ('c-1')")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'Anna@x.example ')")
    crm("INSERT INTO staff (id, name) VALUES (1, 'Rep')")
    crm("INSERT INTO staff_address (staff_id, address) VALUES (1, 'rep@own.example')")
    crm("INSERT INTO deal (lead_id, opened_at, outcome) VALUES (1, '2026-01-01 10:00:00', 'won')")
    crm("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (1, 1)")
    crm("CREATE TABLE x_note (id INTEGER PRIMARY KEY, lead_id INTEGER, text)")
    crm("UPDATE lead SET name = 'Anna', merged_into = NULL")
    return crm


def found(room: Mailroom) -> list[Finding]:
    return list(content_findings(room.db))


def test_a_good_crm_hears_nothing(mailroom: Mailroom, good: Stranger) -> None:
    assert found(mailroom) == []


@pytest.mark.parametrize("name", WRITTEN)
def test_what_hurts_is_told_in_one_line(mailroom: Mailroom, good: Stranger, name: str) -> None:
    good(WRITTEN[name])
    assert [finding.name for finding in found(mailroom)] == [name.strip()]
    [line] = map(str, found(mailroom))
    assert "\n" not in line
    assert len(line) < 400


def test_a_deleted_lead_is_no_fault(mailroom: Mailroom, good: Stranger) -> None:
    good("DELETE FROM lead")
    assert found(mailroom) == []


def test_many_rows_are_one_finding(mailroom: Mailroom, good: Stranger) -> None:
    good(
        "WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 3000) INSERT INTO deal (lead_id, outcome) SELECT 1, 'x' FROM n"
    )
    [finding] = found(mailroom)
    assert "1000 or more" in finding.what


def test_old_libraries_are_told_once_for_all_programs_that_use_them() -> None:
    libraries = {"php": (3, 40, 1), "ruby": (3, 40, 1), "node": (3, 51, 3), "other": (3, 30, 1)}
    told = [(f.name, f.hurts) for f in library_findings(libraries, guarded=False)]
    assert told == [("wal-reset", True), ("library", True)]
    assert [f.hurts for f in library_findings({"php": (3, 51, 2)}, guarded=True)] == [False]
    assert version("3.40.1 2022-12-28 14:03:47 df5c2") == (3, 40, 1)
    assert version("SQLite") is version("") is None


def test_a_forgotten_snapshot_and_a_long_write_are_seen_by_who_watches(store: Path, good: Stranger) -> None:
    reader = Stranger(store)
    reader("BEGIN")
    reader("SELECT * FROM lead")
    good("UPDATE lead SET name = 'A'")
    good("BEGIN IMMEDIATE")
    findings = list(watch_findings(store, 1.0))
    good("COMMIT")
    reader.close()
    assert {(f.name, f"process {pid}" in f.what) for f in findings for pid in (reader.pid, good.pid)} >= {
        ("snapshot", True),
        ("write-lock", True),
    }
    assert list(watch_findings(store, 0.1)) == []


def program(*words: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
    drop = [] if user is None else ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return subprocess.run(
        [*drop, sys.executable, "-m", "relay", "crm-check", *words],
        capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[2],
    )  # fmt: skip


def test_the_command_exits_0_or_1_and_speaks_json(store: Path, good: Stranger) -> None:
    said = program(str(store), "--library-version", "3.51.3")
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout.splitlines()[-1] == "ok: nothing found that will hurt"
    assert "know   busy timeout: 0 in PHP's SQLite3, the sqlite3 command, node:sqlite" in said.stdout
    good(WRITTEN["trigger"])
    said = program(str(store), "--library-version", "3.51.3", "--json")
    assert said.returncode == 1
    assert [(each["name"], each["hurts"]) for each in json.loads(said.stdout)] == [("trigger", True)]


def test_the_relay_that_runs_guards_old_libraries(store: Path, good: Stranger) -> None:
    assert program(str(store), "--library-version", "3.40.1").returncode == 1
    daemon = subprocess.Popen(
        [sys.executable, "-c", KEEPER, str(store), "relay.work"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert daemon.stdin
    assert daemon.stdout
    try:
        daemon.stdout.readline()
        said = program(str(store), "--library-version", "3.40.1")
        assert said.returncode == 0, said.stdout
        assert said.stdout.startswith("know   wal-reset: SQLite 3.40.1 (the CRM)")
    finally:
        daemon.stdin.close()
        daemon.wait(30)
        daemon.stdout.close()


KEEPER = """
import sys, threading, time
from pathlib import Path
from relay.store.checkpoint import Checkpointer
from relay.store.readers import held
keeper = Checkpointer(Path(sys.argv[1]), threading.Lock())
while not held(Path(sys.argv[1])).snapshots: time.sleep(0.01)
print("ready", flush=True)
sys.stdin.read()
keeper.close()
"""


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["/nowhere/relay.db"], 1, "/nowhere/relay.db: no such file or directory for this user"),
        ([str(Path(__file__).parent)], 2, "is a directory"),
        ([__file__], 1, "it cannot be opened"),
        ([__file__, "--library-version", "new"], 2, "3.40.1, not 'new'"),
        ([], 2, "Missing argument 'DB'"),
    ],
)
def test_what_is_no_database_is_told_in_one_line(words: list[str], status: int, told: str) -> None:
    said = program(*words)
    assert said.returncode == status
    assert told in said.stdout + said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_a_user_without_rights_is_told_which(store: Path, tmp_path: Path) -> None:
    def as_nobody() -> set[str]:
        child = "import os, sys; from pathlib import Path; from relay.store.crm_setting import right_findings; os.setgroups([]); os.setegid(65534); os.seteuid(65534)\nprint(*(f.name for f in right_findings(Path(sys.argv[1]))))"
        # os.access asks for the real user
        child = child.replace("os.seteuid(65534)", "os.setresuid(65534, 65534, 0)").replace(
            "os.setegid(65534)", "os.setresgid(65534, 65534, 0)"
        )
        done = subprocess.run(
            [sys.executable, "-c", child, str(store)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            cwd=Path(__file__).parents[2],
        )
        return set(done.stdout.split())

    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    store.chmod(0o644)
    assert as_nobody() == {"folder"}
    tmp_path.chmod(0o777)
    assert as_nobody() == {"file"}
    store.chmod(0o666)
    assert as_nobody() == set()
