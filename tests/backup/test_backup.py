"""Backup: both databases, while mail comes in, and never half a one."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from house import ROOT, killed_at, tree
from mailbuilder import message
from others import closed_to_others

from relay.work.backup import STEPS
from relay.work.manifest import NAME, digest, read_manifest

BACKUP = (
    "from relay.work.backup import backup\n"
    "store, vault, folder = map(Path, sys.argv[1:])\n"
    "backup(store, vault, folder, keep=1e9, at=at)\n"
)


def proved(folder: Path) -> None:
    """Everything that the manifest names is there as it was written."""
    manifest = read_manifest(folder)
    assert manifest is not None
    for each in (manifest.store, *manifest.vault):
        assert digest(folder / each.file) == each.sha256
        assert (folder / each.file).stat().st_size == each.size


def test_a_second_backup_copies_only_what_is_new(house, tmp_path):
    folder = tmp_path / "copy"
    house.accept(*house.mails(0, 60), segment_size=70_000)
    house.run("file")
    sealed = house.segments()[:-1]
    assert len(sealed) >= 2
    first = json.loads(house.run("backup", str(folder), "--json"))
    assert first["segments_copied"] == len(sealed) + 1
    before = {name: (folder / "vault" / name).stat() for name in sealed}
    house.accept(*house.mails(60, 5), segment_size=70_000 * 10)
    house.run("file")
    second = json.loads(house.run("backup", str(folder), "--json"))
    assert second["segments_copied"] == 1, "the growing one"
    for name in sealed:
        now = (folder / "vault" / name).stat()
        assert (now.st_ino, now.st_mtime_ns) == (before[name].st_ino, before[name].st_mtime_ns)
    assert (second["messages"], second["vault_last"]) == (65, f"{sealed[0][:8]}-65")
    proved(folder)
    # One generation: nothing of the first that the second does not need.
    manifest = read_manifest(folder)
    assert {name for name in tree(folder) if name.endswith(".db")} == manifest.files


def test_what_was_taken_back_is_in_no_later_backup_also_from_a_sealed_segment(house, tmp_path):
    folder = tmp_path / "copy"
    secret = message(subject="Quarzuhr", text="Quarzuhr\n" * 50, message_id="<q@example.org>")
    house.accept(*house.mails(0, 20), secret, *house.mails(20, 20), segment_size=70_000)
    house.say("file")
    sealed = house.segments()[:-1]
    [holding] = [name for name in house.segments() if b"Quarzuhr" in (house.vault / name).read_bytes()]
    assert holding in sealed
    house.say("backup", str(folder))
    assert [name for name, octets in tree(folder).items() if b"Quarzuhr" in octets]
    assert "1 message forgotten" in house.say("forget", "<q@example.org>", "--yes")
    told = json.loads(house.say("backup", str(folder), "--json"))
    assert told["segments_copied"] == 2, "the one in which it was, and the growing one"
    assert [name for name, octets in tree(folder).items() if b"Quarzuhr" in octets] == []
    proved(folder)
    assert json.loads(house.say("backup", str(folder), "--json"))["segments_copied"] <= 1, "and not again and again"


def test_a_torn_copy_of_a_sealed_segment_is_made_again(house, tmp_path):
    folder = tmp_path / "copy"
    house.accept(*house.mails(0, 60), segment_size=70_000)
    house.run("file")
    house.run("backup", str(folder))
    torn, spoilt = (folder / "vault" / name for name in house.segments()[:2])
    os.truncate(torn, 1000)
    said = json.loads(house.run("backup", str(folder), "--json"))
    assert said["segments_copied"] == 2
    proved(folder)
    octets = bytearray(spoilt.read_bytes())
    octets[-100] ^= 1
    spoilt.write_bytes(octets)
    assert json.loads(house.run("backup", str(folder), "--json"))["segments_copied"] == 1, "its size is as it was"
    assert json.loads(house.run("backup", "--check", str(folder), "--json"))["segments_copied"] == 2
    proved(folder)


def test_everything_is_private_and_search_is_not_copied(house, tmp_path):
    folder = tmp_path / "deep" / "copy"
    house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    for path in (folder, *folder.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert not list(folder.rglob("search*"))


@pytest.mark.slow
def test_while_mail_comes_in_the_copies_agree_and_nobody_waits(house, tmp_path):
    folder = tmp_path / "copy"
    house.start()
    house.filed(*house.send(*house.mails(0, 20)))
    sent: list[str] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            sent.extend(house.send(*house.mails(100 + len(sent), 10)))

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for _ in range(3):
            said = json.loads(house.run("backup", str(folder), "--json"))
            filed, last = (int(said[name].partition("-")[2]) for name in ("filed_up_to", "vault_last"))
            assert filed <= last, "what relay.db calls filed is in the vault"
            proved(folder)
    finally:
        stop.set()
        thread.join()
    house.filed(*sent)
    assert house.one("SELECT count(*) FROM message") == 20 + len(sent)


@pytest.mark.parametrize("step", STEPS[:3])
def test_a_backup_killed_in_the_middle_leaves_the_one_before(house, tmp_path, step):
    folder = tmp_path / "copy"
    house.accept(*house.mails(0, 30), segment_size=70_000)
    house.run("file")
    house.run("backup", str(folder))
    before = (folder / NAME).read_bytes()
    house.accept(*house.mails(30, 30), segment_size=70_000)
    house.run("file")
    killed_at(step, BACKUP, house.database, house.vault, folder)
    assert (folder / NAME).read_bytes() == before
    proved(folder)
    house.run("backup", str(folder))
    proved(folder)
    assert not [name for name in tree(folder) if ".part" in name], "nothing is left of the one that was killed"
    assert read_manifest(folder).store.messages == 60


def test_killed_after_the_manifest_it_is_the_new_one_and_tidied_up_the_next_time(house, tmp_path):
    folder = tmp_path / "copy"
    house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    house.accept(*house.mails(3, 3))
    house.run("file")
    killed_at("backup.in_place", BACKUP, house.database, house.vault, folder)
    assert read_manifest(folder).store.messages == 6
    proved(folder)
    house.run("backup", str(folder))
    assert len(list(folder.glob("relay-*.db"))) == 1


def test_a_folder_that_cannot_be_a_backup_is_refused_in_one_line(house, tmp_path):
    house.accept(*house.mails(0, 3))
    house.run("file")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for folder, words in {
        house.vault: "in or around the vault",
        house.vault / "copy": "in or around the vault",
        house.folder: "in or around the vault",
        house.database.parent: "the CRM reads there",
        tmp_path / "full": "not empty",
        tmp_path / "file": "a backup is a folder",
        Path("/proc/copy"): "backup to /proc/copy",
    }.items():
        said = house.run("backup", str(folder), status=1)
        assert words in said
        assert said.count("\n") == 1, said
    assert list((tmp_path / "full").iterdir()) == [tmp_path / "full" / "letter.txt"]


def test_a_new_vault_does_not_replace_the_backup_of_the_lost_one(house, tmp_path):
    folder = tmp_path / "copy"
    house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    for path in house.vault.glob("*.db*"):
        path.unlink()
    house.accept(*house.mails(10, 3))
    before = tree(folder)
    del before["backup.lock"]
    assert "another vault" in house.run("backup", str(folder), status=1)
    after = tree(folder)
    assert {name: after[name] for name in before} == before
    house.run("file")


def test_a_segment_that_the_vault_has_lost_stays_in_the_backup(house, tmp_path):
    folder = tmp_path / "copy"
    house.accept(*house.mails(0, 60), segment_size=70_000)
    house.run("file")
    house.run("backup", str(folder))
    lost = house.segments()[0]
    (house.vault / lost).unlink()
    assert lost in house.run("backup", str(folder))
    assert (folder / "vault" / lost).exists()
    assert lost in house.run("backup", str(folder)), "and the next time"
    proved(folder)


def test_what_retention_has_removed_goes_from_the_backup_too(house, tmp_path):
    folder = tmp_path / "copy"
    house.accept(*house.mails(0, 60), segment_size=70_000, ago=timedelta(days=40))
    house.accept(*house.mails(60, 1))
    house.run("file")
    house.run("backup", str(folder))
    house.file.write_text(house.file.read_text().replace('path = "vault"', 'path = "vault"\nkeep = "30 days"'))
    house.run("maintain")
    said = json.loads(house.run("backup", str(folder), "--json"))
    assert said["segments"] == 1
    assert said["missing_in_vault"] == []
    assert len(list((folder / "vault").iterdir())) == 1


def test_two_backups_into_one_folder_do_not_mix(house, tmp_path):
    folder = tmp_path / "copy"
    house.accept(*house.mails(0, 3))
    house.run("file")
    house.run("backup", str(folder))
    program = (
        "import sys; from pathlib import Path; from relay.lock import Lock\n"
        "lock = Lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(folder / "backup.lock")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert holder.stdout.readline() == b"held\n"
        assert "another backup is being written" in house.run("backup", str(folder), status=1)
    finally:
        holder.communicate()
    house.run("backup", str(folder))


@pytest.mark.skipif(bool(closed_to_others()), reason=closed_to_others())
def test_somebody_without_rights_on_the_vault_is_told_so(house, tmp_path):
    house.accept(*house.mails(0, 3))
    house.run("file")
    for path in (tmp_path, house.folder):
        path.chmod(0o755)
    for path in reversed(tmp_path.parents):
        if not path.stat().st_mode & 0o001:
            pytest.skip(f"others may not enter {path}")
    done = subprocess.run(
        [sys.executable, "-m", "relay", "-c", str(house.file), "backup", "/tmp/never-made"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        user=65534,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.returncode == 1
    assert "run the backup as the user that runs bcc-relay" in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists() or os.geteuid() != 0, reason="mounting takes root")
def test_a_full_disk_is_told_in_one_line_and_the_backup_before_stays(house, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("no right to mount here")
    try:
        house.accept(*house.mails(0, 3))
        house.run("file")
        house.run("backup", str(disk / "copy"))
        house.accept(message(attach={"large.bin": os.urandom(6 << 20)}))
        house.run("file")
        said = house.run("backup", str(disk / "copy"), status=1)
        assert "is full; make room" in said
        assert said.count("\n") == 1, said
        proved(disk / "copy")
        assert not [name for name in tree(disk / "copy") if ".part" in name]
    finally:
        subprocess.run(["umount", str(disk)], check=True)
