"""Restore: whole or not at all, and nothing that was given out comes back as something else."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from house import ROOT, killed_at, tree

from relay.work.manifest import read_manifest
from relay.work.restore import STEPS

RESTORE = (
    "from relay.work.restore import restore\n"
    "store, vault, folder = map(Path, sys.argv[1:])\n"
    "restore(store, vault, folder, force=True, at=at)\n"
)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "copy"


def lost(house) -> None:
    """The disk with both databases is gone."""
    shutil.rmtree(house.vault)
    for path in house.database.parent.iterdir():
        path.unlink()


def subjects(house) -> set[object]:
    return {row[0] for row in house.sql("SELECT subject FROM message")}


def test_after_the_loss_of_everything_the_backup_comes_back(house, folder):
    house.accept(*house.mails(0, 40), segment_size=70_000)
    house.run("file")
    house.run("lead", "add", "Anna", "a1@lead.example")
    timeline = house.sql("SELECT message_id, subject FROM lead_timeline ORDER BY 1")
    feed = house.one("SELECT feed_id FROM contract")
    house.run("backup", str(folder))
    lost(house)
    said = house.run("restore", str(folder))
    assert "40 messages" in said
    assert "what CRMs wrote after that is gone" in said
    assert "came out the same" in said
    assert house.sql("SELECT message_id, subject FROM lead_timeline ORDER BY 1") == timeline
    assert house.one("SELECT feed_id FROM contract") != feed, "readers start over"
    assert stat.S_IMODE(house.database.stat().st_mode) == 0o660
    assert stat.S_IMODE(house.vault.stat().st_mode) == 0o700
    house.run("rebuild", "--verify", "--full")
    house.start()
    [vault_id] = house.send(*house.mails(100, 1))
    assert not vault_id.startswith(read_manifest(folder).vault_last[:8]), "a new epoch"
    house.filed(vault_id)
    assert "store.new_feed" not in house.log(), "once is enough"


def test_both_are_refused_while_the_relay_runs(house, folder):
    house.start()
    house.filed(*house.send(*house.mails(0, 2)))
    house.run("backup", str(folder))
    before = house.sql("SELECT id, subject FROM message")
    for words in (("--force",), ("--force", "--only", "store"), ("--force", "--only", "vault")):
        assert "the relay is running" in house.run("restore", str(folder), *words, status=1)
    assert house.sql("SELECT id, subject FROM message") == before


def test_what_is_there_is_refused_and_with_force_moved_aside_never_deleted(house, folder):
    house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    house.accept(*house.mails(3, 2))
    house.run("file")
    assert "2 mails that the backup does not have" in house.run("restore", str(folder), status=1)
    assert "there is a database" in house.run("restore", str(folder), "--only", "store", status=1)
    assert house.one("SELECT count(*) FROM message") == 5
    house.run("restore", str(folder), "--force")
    assert house.one("SELECT count(*) FROM message") == 3
    [aside] = house.vault.glob("before-restore-*")
    assert len(list(aside.glob("*.db"))) == 1
    [old] = house.database.parent.glob("relay.db.before-restore-*")
    from running import stranger

    assert stranger(old, "SELECT count(*) FROM message") == [[5]]


def test_an_open_crm_is_noticed_before_anything_is_moved(house, folder):
    house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    program = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT * FROM lead').fetchall()\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    crm = subprocess.Popen(
        [sys.executable, "-I", "-c", program, str(house.database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert crm.stdout.readline() == b"open\n"
        assert "stop the CRM" in house.run("restore", str(folder), "--force", status=1)
    finally:
        crm.communicate()
    assert not list(house.database.parent.glob("*before-restore*"))
    assert not list(house.vault.glob("before-restore-*"))
    house.run("restore", str(folder), "--force")


def test_a_log_left_by_a_killed_program_does_not_get_into_the_restored_database(house, folder):
    house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    program = (
        "import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute(\"INSERT INTO lead (name) VALUES ('late')\")\n"
        "db.commit(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-I", "-c", program, str(house.database)])
    assert Path(f"{house.database}-wal").stat().st_size > 0
    house.database.unlink()  # only the log is left
    house.run("restore", str(folder), "--force")
    assert house.one("SELECT count(*) FROM lead") == 0
    assert list(house.database.parent.glob("relay.db.before-restore-*-wal"))


@pytest.mark.parametrize("which", ["relay-", "vault"])
def test_a_damaged_backup_changes_nothing(house, folder, which):
    house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    [victim] = [path for path in folder.rglob("*.db") if which in str(path.relative_to(folder))]
    octets = bytearray(victim.read_bytes())
    octets[len(octets) // 2] ^= 1
    victim.write_bytes(octets)
    before = tree(house.database.parent)
    said = house.run("restore", str(folder), "--force", status=1)
    assert "damaged, it is not what was written" in said
    assert said.count("\n") == 1
    assert tree(house.database.parent) == before
    victim.unlink()
    assert "missing in the backup" in house.run("restore", str(folder), "--force", status=1)
    assert house.one("SELECT count(*) FROM message") == 3


def test_a_manifest_cannot_lead_out_of_the_backup(house, folder):
    house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    manifest = folder / "manifest.json"
    good = manifest.read_text()
    name = read_manifest(folder).store.file
    for bad in ("../../etc/passwd", "/etc/passwd", "vault/../../x.db"):
        manifest.write_text(good.replace(name, bad))
        assert "names a file" in house.run("restore", str(folder), "--force", status=1)
    manifest.write_text(good[: len(good) // 2])
    assert "no manifest of a backup" in house.run("restore", str(folder), "--force", status=1)
    assert "there is no backup" in house.run("restore", str(folder.parent / "nowhere"), status=1)


@pytest.mark.parametrize("step", STEPS)
def test_a_restore_killed_at_any_step_is_finished_by_the_next(house, folder, step):
    house.accept(*house.mails(0, 5))
    house.run("file")
    house.run("backup", str(folder))
    house.accept(*house.mails(5, 2))
    house.run("file")
    killed_at(step, RESTORE, house.database, house.vault, folder)
    if step in STEPS[2:]:
        for words in (("serve", "--only", "file"), ("file",)):
            assert "a restore was interrupted" in house.run(*words, status=1), "nothing is started in between"
    else:
        assert house.one("SELECT count(*) FROM message") == 7, "nothing has been moved"
    house.run("restore", str(folder), "--force")
    assert house.one("SELECT count(*) FROM message") == 5
    assert not list(house.vault.glob("restoring*"))
    assert not list(house.database.parent.glob("*.restoring*"))
    aside = [path.name for path in (*house.vault.rglob("*.db"), *house.database.parent.glob("*before-restore*"))]
    assert len(aside) >= 3, "what was there is still somewhere"


# -- one older than the other ------------------------------------------------------------------------


def test_an_older_relay_db_gets_what_it_misses_from_the_vault(house, folder):
    house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    house.accept(*house.mails(3, 4))
    house.run("file")
    ids = dict(house.sql("SELECT subject, id FROM message"))
    house.run("lead", "add", "Late", "a1@lead.example")
    said = house.run("restore", str(folder), "--only", "store", "--force")
    assert "4 mails in the vault and not in relay.db: filed at the next start" in said
    assert "what CRMs wrote after that is gone" in said
    house.run("file")
    assert subjects(house) == {f"Offer {n}" for n in range(7)}
    again = dict(house.sql("SELECT subject, id FROM message"))
    assert {again[f"Offer {n}"] for n in range(3)} == {ids[f"Offer {n}"] for n in range(3)}
    assert not {again[f"Offer {n}"] for n in range(3, 7)} & set(ids.values()), "no id comes back as another"
    assert house.one("SELECT count(*) FROM lead") == 0
    house.run("lead", "add", "New", "a2@lead.example")
    assert house.one("SELECT min(id) FROM lead") > 1, "the id of the lead that is gone is not given out again"
    house.run("rebuild", "--verify", "--full")


def test_an_older_vault_loses_no_fact_and_gives_out_no_id_twice(house, folder):
    first = house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    house.accept(*house.mails(3, 4))
    house.run("file")
    said = house.run("restore", str(folder), "--only", "vault", "--force")
    assert "4 mails in relay.db and not in the vault" in said
    assert subjects(house) == {f"Offer {n}" for n in range(7)}
    [new] = house.accept(*house.mails(7, 1))
    assert new.epoch != first[0].epoch
    house.run("file")
    assert subjects(house) == {f"Offer {n}" for n in range(8)}
    said = house.run("rebuild", "--verify", "--full")
    assert "4 messages made anew" in said
    assert "of 4 the vault has no mail any more" in said


def test_a_relay_db_put_back_with_cp_is_noticed_at_the_next_start(house, folder):
    house.start()
    house.filed(*house.send(*house.mails(0, 3)))
    house.run("backup", str(folder))
    late = house.send(*house.mails(3, 2))
    house.filed(*late)
    feed, seen = house.one("SELECT feed_id FROM contract"), house.one("SELECT max(id) FROM message")
    house.stop()
    for suffix in ("-wal", "-shm"):
        Path(f"{house.database}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(folder / read_manifest(folder).store.file, house.database)  # into the same file: same inode
    house.start()
    house.filed(*late)
    assert "store.new_feed" in house.log()
    assert house.one("SELECT feed_id FROM contract") != feed
    assert house.one("SELECT min(id) FROM message WHERE subject = 'Offer 3'") > seen
    assert stat.S_IMODE(house.database.stat().st_mode) == 0o660


def test_a_snapshot_of_the_files_put_back_over_them_is_noticed_by_what_was_given_out(house, tmp_path):
    house.accept(*house.mails(0, 3))
    house.run("file")
    kept = tmp_path / "snapshot.db"
    shutil.copyfile(house.database, kept)
    house.accept(*house.mails(3, 2))
    house.run("file")
    feed = house.one("SELECT feed_id FROM contract")
    shutil.copyfile(kept, house.database)  # no backup of ours, same inode
    house.run("file")
    assert house.one("SELECT feed_id FROM contract") != feed
    assert subjects(house) == {f"Offer {n}" for n in range(5)}


def test_a_vault_put_back_with_cp_goes_on_in_a_new_epoch(house, folder):
    first = house.accept(*house.mails(0, 3))
    house.run("backup", str(folder), status=1)  # no relay.db yet
    house.run("file")
    house.run("backup", str(folder))
    later = house.accept(*house.mails(3, 1))  # accepted, its 250 sent, and not filed
    [copy] = read_manifest(folder).vault
    shutil.copyfile(folder / copy.file, house.vault / copy.name)
    [new] = house.accept(*house.mails(4, 1))
    assert later[0].epoch == first[0].epoch != new.epoch
    house.run("file")
    assert subjects(house) == {"Offer 0", "Offer 1", "Offer 2", "Offer 4"}


def test_an_ordinary_restart_is_no_restore(house):
    house.start()
    house.filed(*house.send(*house.mails(0, 3)))
    feed = house.one("SELECT feed_id FROM contract")
    house.stop()
    house.start()
    house.filed(*house.send(*house.mails(3, 1)))
    process = house.process
    process.kill()  # nor is the death of the daemon
    process.wait()
    process.stdout.close()
    house.process = None
    house.start()
    house.filed(*house.send(*house.mails(4, 1)))
    assert house.one("SELECT feed_id FROM contract") == feed
    assert house.one("SELECT max(id) FROM message") == 5
    assert "new_feed" not in house.log()
    assert "new_epoch" not in house.log()


WATCH = (
    "from relay.lock import Lock, Taken\nfrom relay.work.restore import restore\n"
    "store, vault, folder = map(Path, sys.argv[1:])\n"
    "def see(step):\n"
    "    for name in ('writer.lock', 'filer.lock'):\n"
    "        try:\n"
    "            Lock(vault / name).release()\n"
    "        except Taken:\n"
    "            print(step, name)\n"
    "restore(store, vault, folder, force=True, at=see)\n"
)


def test_no_daemon_can_start_from_the_first_copy_to_the_last_renaming(house, folder):
    house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    words = [sys.executable, "-c", "import sys\nfrom pathlib import Path\n" + WATCH]
    done = subprocess.run(
        [*words, house.database, house.vault, folder], cwd=ROOT, capture_output=True, text=True, check=True
    )
    told = done.stdout.splitlines()
    assert told == [f"{step} {name}" for step in STEPS for name in ("writer.lock", "filer.lock")]


@pytest.mark.slow
def test_killed_at_any_moment_it_is_whole_afterwards(house, folder):
    """Not only between our steps: also in the middle of a copy."""
    house.accept(*house.mails(0, 400, size=20_000), segment_size=1_000_000)
    house.run("file")
    command = house.command("backup", str(folder))
    for number in range(4):
        killed_after(0.25 + number * 0.12, command)
        house.run("status", status=None)
    house.run("backup", str(folder))
    assert not [name for name in tree(folder) if ".part" in name]
    command = house.command("restore", str(folder), "--force")
    for number in range(4):
        killed_after(0.25 + number * 0.12, command)
    house.run("restore", str(folder), "--force")
    assert house.one("SELECT count(*) FROM message") == 400
    assert "400 messages" in house.run("rebuild", "--verify", "--full")


def killed_after(seconds: float, command: list[str]) -> None:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def test_a_lost_relay_db_is_made_anew_from_the_vault(house):
    house.accept(*house.mails(0, 12), segment_size=70_000)
    house.run("file")
    before = subjects(house)
    for path in house.database.parent.iterdir():
        path.unlink()
    house.run("file")
    assert subjects(house) == before
    house.run("rebuild", "--verify")
