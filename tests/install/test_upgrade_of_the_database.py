"""An upgrade of the database: mail goes on being accepted, and a CRM's open connection survives it.

The next version of the program is made for real: a copy of the package with one schema file more, which
takes some seconds.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running import PATIENCE, Relay

import relay as package
from relay.store import migrations
from relay.work.lifeline import Gone

MAIL = b"From: Anna <anna@lead.example>\r\nTo: bob@example.org\r\nSubject: hello\r\n\r\nhi\r\n"

SLOW = """
-- A migration of some seconds, as one over years of mail is.
CREATE TABLE x_numbers AS
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) SELECT count(*) AS counted FROM n;
ALTER TABLE lead ADD COLUMN shoe_size INTEGER;
"""

CRM = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=60)
db.execute("SELECT count(*) FROM lead").fetchall()
for line in sys.stdin:
    rows = db.execute(line).fetchall()
    if not line.startswith("BEGIN"):
        db.commit()
    print(repr(rows), flush=True)
"""


class NextVersion(Relay):
    """The same folder with a program that has one migration more."""

    def __init__(self, folder: Path, before: Relay, rows: int) -> None:
        self.__dict__.update(before.__dict__)
        shutil.copytree(
            Path(package.__file__).parent, folder / "relay", ignore=shutil.ignore_patterns("__pycache__", "9999_*")
        )
        (folder / "relay/store/schema/9999_slow.sql").write_text(SLOW.format(rows=rows))
        self.program = folder
        self.process = None

    def verify(self) -> None:
        self.run("verify")  # by the program of the next version, which this process is not

    def command(self, *words: str) -> list[str]:
        # PYTHONSAFEPATH: not from the folder we are in.
        return [
            "env",
            f"PYTHONPATH={self.program}",
            "PYTHONSAFEPATH=1",
            sys.executable,
            "-m",
            "relay",
            "-c",
            str(self.file),
            *words,
        ]


@pytest.fixture
def older(tmp_path: Path) -> Relay:
    """A folder in which the program of today has worked, with a lead and one mail."""
    relay = Relay(tmp_path / "home").start()
    relay.sql("INSERT INTO lead (id, name) VALUES (1, 'Anna') RETURNING id")
    relay.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example') RETURNING id")
    relay.filed(*relay.send(MAIL))
    assert relay.stop() == 0
    return relay


@pytest.fixture
def newer(tmp_path: Path, older: Relay) -> Iterator[NextVersion]:
    """The next version, which has some seconds of work to do before it can file into that folder."""
    relay = NextVersion(tmp_path / "next", older, rows=5_000_000)
    yield relay
    try:
        relay.verify()
    finally:
        relay.stop()


def version(relay: Relay) -> object:
    return relay.sql("PRAGMA user_version")[0][0]


def upgraded(relay: Relay, before: object) -> None:
    relay.until("SELECT user_version > ? FROM pragma_user_version", before)


@contextlib.contextmanager
def open_crm(relay: Relay) -> Iterator[Callable[[str], str]]:
    """A CRM that opened its connection before the upgrade and keeps it: `ask(SQL)` gives the rows."""
    crm = subprocess.Popen(
        [sys.executable, "-I", "-c", CRM, str(relay.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert crm.stdin is not None
    assert crm.stdout is not None

    def ask(query: str) -> str:
        crm.stdin.write(query + "\n")
        crm.stdin.flush()
        return crm.stdout.readline().strip()

    try:
        yield ask
    finally:
        crm.stdin.close()
        crm.stdout.close()
        assert crm.wait(PATIENCE) == 0


def test_mail_is_accepted_during_an_upgrade_and_an_open_connection_of_a_crm_survives_it(
    older: Relay, newer: NextVersion
) -> None:
    before = version(older)
    with open_crm(older) as ask:
        assert ask("SELECT name FROM lead") == "[('Anna',)]"
        newer.start()
        accepted = newer.send(*(MAIL.replace(b"hello", b"hello %d" % number) for number in range(5)))
        assert ask("SELECT count(*) FROM lead_timeline") == "[(1,)]"
        assert version(newer) == before, "the upgrade was over too early to show anything"
        # Waits for the upgrade, if that has begun, as for any writer, and is carried out.
        assert ask("UPDATE lead SET name = 'Anna L.' RETURNING id") == "[(1,)]"
        upgraded(newer, before)
        newer.filed(*accepted)
        assert ask("SELECT count(*) FROM lead_timeline") == "[(6,)]"
        assert ask("SELECT name, shoe_size FROM lead") == "[('Anna L.', None)]"
    assert newer.stop() == 0
    assert "store.upgraded" in newer.log()


def test_a_filer_killed_in_the_middle_of_an_upgrade_leaves_nothing_half_done(older: Relay, newer: NextVersion) -> None:
    before = version(older)
    newer.start()
    accepted = newer.send(MAIL)
    started = re.findall(r"filer\.started.*?pid=(\d+)", newer.log())
    os.kill(int(started[-1]), signal.SIGKILL)
    assert version(newer) == before
    upgraded(newer, before)
    newer.filed(*accepted, *newer.send(MAIL))


def test_a_crm_that_holds_the_write_lock_delays_the_upgrade_and_not_the_mail(older: Relay, newer: NextVersion) -> None:
    before = version(older)
    with open_crm(older) as ask:
        assert ask("BEGIN IMMEDIATE") == "[]"
        newer.start()
        accepted = newer.send(MAIL)
        assert version(newer) == before
    upgraded(newer, before)
    newer.filed(*accepted)


def test_what_ends_an_upgrade_leaves_the_database_as_it_was(older: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    before = version(older)
    scripts = [*migrations.scripts(), ("9999_slow", SLOW.format(rows=12_000_000))]
    monkeypatch.setattr(migrations, "scripts", lambda: scripts)
    monkeypatch.setattr(migrations, "VERSION", len(scripts))
    signs = 0

    def alive() -> None:
        nonlocal signs
        signs += 1
        if signs == 3:
            raise Gone

    assert migrations.awaits_upgrade(older.database)
    with pytest.raises(Gone):
        migrations.prepare(older.database, alive)
    assert version(older) == before
    assert older.sql("SELECT name FROM sqlite_master WHERE name = 'x_numbers'") == []


def test_commands_say_that_an_upgrade_is_awaited(older: Relay, newer: NextVersion) -> None:
    assert "`bcc-relay serve` upgrades it" in newer.run("timeline", "1", status=1)
    newer.start()
    upgraded(newer, version(older))
