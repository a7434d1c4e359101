"""`status` on the real daemon: what monitoring sees, and who may look."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from relay.health import figures
from relay.health.figures import Figures
from relay.health.sight import quiet
from tests.others import closed_to_others
from tests.running import Relay

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
MAIL = b"From: bob@example.org\nTo: anna@lead.example\nSubject: x\nMessage-ID: <%d@example.org>\n\nhello\n"
NOBODY = 65534
CRM_GROUP = 65533


def seen(relay: Relay) -> dict:
    return json.loads(relay.run("status", "--json", status=None))


def eventually(relay: Relay, wanted: str) -> dict:
    """The daemon's own figures come every few seconds."""
    end = time.monotonic() + 30
    while True:
        found = seen(relay)
        if found["daemons"] and found["daemons"][0][wanted]:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.2)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    made = Relay(tmp_path)
    yield made
    made.stop()


def test_what_the_daemon_counts_is_in_status_and_its_file_goes_with_it(relay: Relay) -> None:
    relay.start()
    relay.filed(*relay.send(*(MAIL % n for n in range(3))))
    found = eventually(relay, "accepted")
    daemon = found["daemons"][0]
    assert (daemon["accepted"], daemon["sessions"], daemon["replies"]["5xx"]) == (3, 1, 0)
    assert sum(daemon["commits"]) == 3
    assert [[daemon["octets"]]] == relay.sql("SELECT sum(size) FROM message")
    assert (found["accepting"], found["filing"], found["level"], found["not_seen"]) == (True, True, "ok", [])
    file = relay.database.parent / "health.json"
    assert oct(file.stat().st_mode & 0o777) == "0o640"
    relay.stop()
    assert not file.exists()
    assert [each.name for each in relay.database.parent.iterdir() if "health" in each.name] == []
    assert seen(relay)["level"] == "critical"


def test_nagios_gets_one_line_with_performance_data(relay: Relay) -> None:
    relay.start()
    relay.filed(*relay.send(MAIL % 1))
    line = relay.run("status", "--nagios")
    assert line.startswith("OK: backlog 0, last capture ")
    assert line.count("\n") == 1
    assert " | backlog=0 messages=1 unresolved=1 unparsed=0 backlog_age=0s " in line
    relay.stop()
    assert relay.run("status", "--nagios", status=2).startswith("CRITICAL: no mail is accepted")


def test_two_forms_at_once_are_a_usage_error(relay: Relay) -> None:
    assert "ask for one" in relay.run("status", "--json", "--nagios", status=3)


def test_metrics_can_be_had_without_a_listener_and_without_a_database(relay: Relay) -> None:
    assert "bcc_relay_health_level 2" in relay.run("status", "--metrics")
    relay.start()
    assert "bcc_relay_accepting 1" in relay.run("status", "--metrics")


def test_an_upgrade_that_is_under_way_wakes_nobody(relay: Relay) -> None:
    relay.start()
    relay.stop()
    relay.sql("PRAGMA user_version = 1")
    assert relay.run("status", status=2).startswith("CRITICAL")
    figures.write(replace(HERE, at=time.time()), relay.database.parent)  # a daemon that accepts and files
    assert relay.run("status", status=1).startswith("WARNING: the database is being upgraded; mail is accepted")


def test_status_names_who_is_in_the_way(tmp_path: Path) -> None:
    relay = Relay(tmp_path, '[health]\nbacklog_warning = "1 s"\n')
    holder = subprocess.Popen(
        [sys.executable, "-I", "-c", HOLDER, str(relay.database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        relay.start()
        relay.filed(*relay.send(MAIL % 1))
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        relay.send(MAIL % 2)
        end = time.monotonic() + 30
        while (found := seen(relay))["level"] != "warning":
            assert time.monotonic() < end, found
        assert found["backlog"] == 1
        if found["snapshots_seen"]:
            assert f"the write lock is held by process {holder.pid} (" in found["problems"][0]
    finally:
        holder.communicate("\n", 30)
        relay.stop()


HOLDER = """
import sqlite3, sys
sys.stdin.readline()
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
db.execute("ROLLBACK")
"""


@pytest.fixture
def shared() -> Iterator[Relay]:
    """A relay whose folder the CRM's group may enter, in a place where that user can come."""
    folder = Path(tempfile.mkdtemp(prefix="bcc-relay-"))
    folder.chmod(0o755)
    made = Relay(folder)
    made.file.chmod(0o644)
    try:
        os.chown(made.database.parent, -1, CRM_GROUP)
        made.database.parent.chmod(0o2770)
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder)


def as_crm_user(relay: Relay, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        relay.command(*words), capture_output=True, text=True, check=False, user=NOBODY, group=CRM_GROUP, extra_groups=[],
        cwd="/", env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(bool(closed_to_others()), reason=closed_to_others())
def test_a_user_of_the_crm_sees_what_may_be_seen_and_is_told_what_not(shared: Relay) -> None:
    shared.start()
    shared.filed(*shared.send(MAIL % 1))
    status, page = as_crm_user(shared, "status")
    assert (status, page.partition(":")[0]) == (0, "OK"), page
    assert "Accepting:    yes" in page
    assert "Not seen:     the vault" in page
    assert "no right to look there" in page
    status, told = as_crm_user(shared, "status", "--json")
    found = json.loads(told)
    assert (found["accepting"], found["backlog"], found["messages"]) == (True, None, 1)
    shared.stop()
    status, page = as_crm_user(shared, "status")
    assert (status, page.partition(":")[0]) == (3, "UNKNOWN"), page
    assert "cannot be seen by this user" in page


# -- figures ---------------------------------------------------------------------------------------

HERE = Figures("1", 7, 1.0, 1000.0, accepts=True, files=True, replies={"2xx": 1}, commits=[1])


def test_figures_come_back_as_they_were_written(tmp_path: Path) -> None:
    figures.write(HERE, tmp_path)
    assert figures.read(tmp_path, 1001.0) == [HERE]
    figures.write(replace(HERE, files=False), tmp_path)
    assert len(figures.read(tmp_path, 1001.0)) == 2, "accepting and filing may be two services"
    figures.remove(HERE, tmp_path)
    assert figures.read(tmp_path, 1001.0) == [replace(HERE, files=False)]


def test_a_daemon_that_was_killed_is_known_by_its_silence(tmp_path: Path) -> None:
    figures.write(HERE, tmp_path)
    assert figures.read(tmp_path, 1000.0 + figures.STALE + 1) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"accepted": "many"}, {"accepted": 1.5}, {"accepted": True}, {"replies": {"2xx": "x"}}, {"replies": [1]}, {"commits": ["1"]},
        {"commits": list(range(1000))}, {"at": float("nan")}, {"at": float("inf")}, {"version": 1}, {"unknown": 1}, {"accepts": 1},
    ],
)  # fmt: skip
def test_a_file_that_somebody_else_wrote_is_not_believed(tmp_path: Path, changed: dict) -> None:
    (tmp_path / "health.json").write_text(json.dumps({**asdict(HERE), **changed}))
    assert figures.read(tmp_path, 1000.0) == []


def test_neither_a_link_nor_a_pipe_nor_nonsense_is_read(tmp_path: Path) -> None:
    for content in (b"", b"\xff", b"[" * 100_000, b"[]", b'{"a": 1', b"null"):
        (tmp_path / "health.json").write_bytes(content)
        assert figures.read(tmp_path, 1000.0) == []
    (tmp_path / "health.json").unlink()
    os.mkfifo(tmp_path / "health.json")
    (tmp_path / "honest").write_text(json.dumps(asdict(HERE)))
    (tmp_path / "health-accept.json").symlink_to(tmp_path / "honest")
    assert figures.read(tmp_path, 1000.0) == []


def test_writing_does_not_follow_a_link_that_was_laid_there(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    for name in ("health.json", f".health.json.{os.getpid()}"):
        (tmp_path / name).symlink_to(victim)
    figures.write(HERE, tmp_path)
    assert victim.read_text() == "precious"
    assert figures.read(tmp_path, 1000.0) == [HERE]


# -- who has gone quiet ----------------------------------------------------------------------------


def every(days: float, last: float, count: int = 20) -> list[str]:
    """`count` times of mail, one every so many days, the last so many days ago; newest first."""
    return [(NOW - timedelta(days=last + days * n)).isoformat() for n in range(count)]


@pytest.mark.parametrize(
    ("times", "named"),
    [
        (every(1, 2), False),
        (every(1, 8), True),
        (every(1, 100), False),  # that is known by now
        (every(7, 10), False),  # writes once a week
        (every(7, 20), True),
        (every(0.1, 9), False),  # one busy day and no habit
        (every(1, 9, 4), False),
        ([], False),
    ],
)
def test_who_handed_in_regularly_and_stopped_is_named(times: list[str], named: bool) -> None:
    found = quiet([(3, "Bob", times)], NOW, timedelta(days=7))
    assert [each["name"] for each in found] == (["Bob"] if named else [])
