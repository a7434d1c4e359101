"""Who may read and write what: the CRM's user in the group, a stranger, and the vault, with the daemon running or not.

The daemon runs as a user of its own, with the umask and in the folders that the units give it; the others are other
users of this machine, by number. Needs root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from others import closed_to_others
from running import PATIENCE, Relay

pytestmark = pytest.mark.skipif(bool(closed_to_others()), reason=closed_to_others())

RELAY, CRM, STRANGER = 61001, 61002, 61003
"""User ids that nobody has. The group of the relay has the number of its user; the CRM's user is in it."""

MAIL = b"From: Bob <bob@example.org>\r\nTo: anna@lead.example\r\nSubject: hello\r\n\r\nhi\r\n"
ASK = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=30)
print(db.execute(sys.argv[2]).fetchall())
db.commit()
"""


class Service(Relay):
    """The daemon as the unit runs it: its own user and group, umask 0007."""

    def command(self, *words: str) -> list[str]:
        who = ["setpriv", f"--reuid={RELAY}", f"--regid={RELAY}", "--clear-groups"]
        return ["sh", "-c", 'umask 0007; exec "$@"', "sh", *who, *super().command(*words)]


@pytest.fixture
def service() -> Iterator[Service]:
    # pytest's own folders are for root alone.
    home = Path(tempfile.mkdtemp(prefix="bcc-relay-rights-"))
    home.chmod(0o755)
    try:
        relay = Service(home / "data")
        relay.folder.chmod(0o755)
        for folder, mode in ((relay.database.parent, 0o2770), (relay.vault, 0o700)):
            folder.mkdir(exist_ok=True)
            os.chown(folder, RELAY, RELAY)
            folder.chmod(mode)
        relay.start()
        yield relay
        relay.start() if relay.process is None else None
        relay.verify()
        relay.stop()
    finally:
        shutil.rmtree(home)


def ask(relay: Relay, user: int, query: str) -> subprocess.CompletedProcess[str]:
    group = RELAY if user == CRM else user
    words = ["setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={group}", sys.executable, "-I", "-c", ASK]
    return subprocess.run(
        [*words, str(relay.database), query], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def may_enter(folder: Path, user: int, group: int) -> bool:
    words = ["setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={group}", "ls", str(folder)]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_the_crms_user_reads_and_writes_with_the_daemon_running_and_stopped(service: Service) -> None:
    written = ask(service, CRM, "INSERT INTO lead (name) VALUES ('Anna') RETURNING id")
    assert written.stdout == "[(1,)]\n", written.stderr
    ask(service, CRM, "INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    service.filed(*service.send(MAIL))
    read = ask(service, CRM, "SELECT subject FROM lead_timeline")
    assert read.stdout == "[('hello',)]\n", read.stderr
    assert service.stop() == 0
    # With nobody there the CRM's program makes the log and its index itself, and the daemon must be able to go on.
    written = ask(service, CRM, "UPDATE lead SET name = 'Anna L.' RETURNING name")
    assert written.stdout == "[('Anna L.',)]\n", written.stderr
    service.start()
    service.filed(*service.send(MAIL.replace(b"hello", b"hello again")))
    assert ask(service, CRM, "SELECT count(*) FROM lead_timeline").stdout == "[(2,)]\n"


def test_all_files_of_the_shared_folder_belong_to_the_group(service: Service) -> None:
    service.filed(*service.send(MAIL))
    assert ask(service, CRM, "CREATE TABLE x_own (id)").returncode == 0
    for running in (True, False):
        if not running:
            assert service.stop() == 0
        files = list(service.database.parent.iterdir())
        assert files
        assert {file.stat().st_gid for file in files} == {RELAY}
        for file in service.database.parent.glob("*.db*"):
            assert file.stat().st_mode & 0o777 == 0o660, file


def test_who_is_not_in_the_group_reads_nothing_and_the_crm_cannot_enter_the_vault(service: Service) -> None:
    service.filed(*service.send(MAIL))
    for running in (True, False):
        if not running:
            assert service.stop() == 0
        refused = ask(service, STRANGER, "SELECT count(*) FROM message")
        assert refused.returncode != 0
        assert "unable to open" in refused.stderr
        assert may_enter(service.database.parent, CRM, RELAY)
        assert not may_enter(service.database.parent, STRANGER, STRANGER)
        assert not may_enter(service.vault, CRM, RELAY)
        for file in service.vault.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file


def as_root(relay: Relay, *words: str, status: int | None = 0) -> str:
    """A command as `sudo bcc-relay ...` or root's cron starts it: umask and all."""
    done = subprocess.run(
        ["sh", "-c", 'umask 0077; exec "$@"', "sh", *Relay.command(relay, *words)],
        capture_output=True, text=True, timeout=2 * PATIENCE, check=False, cwd="/root",
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert status is None or done.returncode == status, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def all_belong_to_the_relay(relay: Relay) -> None:
    for folder in (relay.database.parent, relay.vault):
        for path in (folder, *folder.rglob("*")):
            found = path.stat()
            assert (found.st_uid, found.st_gid) == (RELAY, RELAY), f"{path} belongs to {found.st_uid}:{found.st_gid}"


COMMANDS = (
    ["lead", "add", "Anna", "anna@lead.example"],
    ["file"],
    ["refile", "--all"],
    ["lead", "list"],
    ["status"],
    ["search", "hello"],
    ["verify"],
    ["rebuild", "--verify"],
    ["maintain"],
)


def test_what_root_does_belongs_to_the_relay_with_the_daemon_running_and_stopped(service: Service) -> None:
    backup = service.folder.parent / "backups of root"
    backup.mkdir(mode=0o700)
    service.filed(*service.send(MAIL))
    for running in (True, False):
        if not running:
            assert service.stop() == 0
            for derived in service.vault.glob("*.lock"):
                derived.unlink()
        for words in COMMANDS:
            as_root(service, *words, status=None if words[0] in ("file", "status") else 0)
            all_belong_to_the_relay(service)
        as_root(service, "backup", str(backup / str(running)))
        all_belong_to_the_relay(service)
    service.start()
    service.filed(*service.send(MAIL.replace(b"hello", b"hello again")))


def test_what_root_makes_in_empty_folders_belongs_to_the_relay(service: Service) -> None:
    assert service.stop() == 0
    for folder in (service.database.parent, service.vault):
        for path in folder.iterdir():
            path.unlink()
    as_root(service, "lead", "add", "Anna", "anna@lead.example")
    as_root(service, "file")
    all_belong_to_the_relay(service)
    assert service.database.stat().st_mode & 0o777 == 0o660
    service.start()
    service.filed(*service.send(MAIL))
    assert ask(service, CRM, "SELECT subject FROM lead_timeline").stdout == "[('hello',)]\n"


def test_what_root_restores_belongs_to_the_relay_also_when_it_is_refused(service: Service) -> None:
    service.filed(*service.send(MAIL))
    backup = service.folder.parent / "backup"
    as_root(service, "backup", str(backup))
    assert service.stop() == 0
    shutil.rmtree(service.vault)
    for path in service.database.parent.iterdir():
        path.unlink()
    os.chown(service.folder, RELAY, RELAY)  # where the vault is made anew
    [segment] = (backup / "vault").iterdir()
    segment.write_bytes(b"no segment" + segment.read_bytes())
    assert "damaged" in as_root(service, "restore", str(backup), status=1)
    for path in service.vault.rglob("*"):
        assert path.stat().st_uid == RELAY, path
    segment.write_bytes(segment.read_bytes().removeprefix(b"no segment"))
    assert "came out the same" in as_root(service, "restore", str(backup))
    all_belong_to_the_relay(service)
    service.start()
    service.filed(*service.send(MAIL.replace(b"hello", b"hello again")))
