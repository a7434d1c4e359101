"""[vault] keep and `maintain`: old mail goes, whole segments at a time, and nothing that is not filed."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta

import pytest
from house import ROOT

from relay.vault.reader import Reader
from relay.vault.retention import sealed_after

DAY = 86400.0


def keep(house, text: str) -> None:
    house.file.write_text(house.file.read_text().replace('path = "vault"', f'path = "vault"\nkeep = "{text}"'))


def test_old_segments_go_and_ids_never_come_back(house):
    old = house.accept(*house.mails(0, 60), segment_size=70_000, ago=timedelta(days=31))
    young = house.accept(*house.mails(60, 30), segment_size=70_000, ago=timedelta(days=29))
    house.run("file")
    keep(house, "30 days")
    count = len(house.segments())
    said = house.run("maintain")
    assert "removed, with" in said
    assert 1 < len(house.segments()) < count
    with Reader(house.vault) as reader:
        left = list(reader.ids())
    assert set(young) <= set(left)
    assert old[0] not in left
    assert house.one("SELECT count(*) FROM message") == 90, "facts stay"
    assert "0 files of the vault removed" in house.run("maintain")
    [new] = house.accept(*house.mails(90, 1))
    assert (new.epoch, new.number) == (old[0].epoch, 91)
    assert "vault" in house.run("raw", str(old[0]), status=1)


def test_mail_that_is_not_filed_stays_and_is_told(house):
    house.accept(*house.mails(0, 30), segment_size=70_000, ago=timedelta(days=40))
    house.run("file")
    house.accept(*house.mails(30, 60), segment_size=70_000, ago=timedelta(days=40))
    keep(house, "30 days")
    said = house.run("maintain", status=1)
    assert "retention: NOT WELL" in said
    assert "not filed stays" in said
    house.run("file")
    assert house.one("SELECT count(*) FROM message") == 90, "none of them was lost"
    house.run("maintain")
    assert len(house.segments()) == 1


def test_little_mail_is_sealed_by_age_so_that_it_can_go(house):
    now = 1_800_000_000.0
    for day in range(6):
        house.accept(*house.mails(day, 1), seal_after=sealed_after(30 * DAY), clock=lambda day=day: now + day * DAY)
    assert len(house.segments()) == 6
    # Nothing new in an empty one: it is not followed by another.
    house.accept(seal_after=DAY, clock=lambda: now + 100 * DAY)
    assert len(house.segments()) == 6


def test_an_idle_writer_looks_at_the_age_too(house, monkeypatch):
    import asyncio
    import time

    from relay.vault import writer

    monkeypatch.setattr(writer, "AGE_CHECKED", 0.01)
    house.accept(*house.mails(0, 1))

    async def idle() -> int:
        vault = writer.Vault.open(house.vault, seal_after=DAY, clock=lambda: time.time() + 2 * DAY)
        try:
            end = time.monotonic() + 20
            while len(house.segments()) < 2 and time.monotonic() < end:
                await asyncio.sleep(0.01)
            return len(house.segments())
        finally:
            await asyncio.to_thread(vault.close)

    assert asyncio.run(idle()) == 2


@pytest.mark.parametrize(("kept", "sealed"), [(30, 1), (1, 1), (365, 365 / 30), (3652, 30)])
def test_a_segment_is_sealed_after_a_thirtieth_of_what_is_kept(kept, sealed):
    assert sealed_after(kept * DAY) == pytest.approx(sealed * DAY)


def test_a_reader_survives_that_a_segment_goes_under_it(house):
    house.accept(*house.mails(0, 60), segment_size=70_000)
    first = house.vault / house.segments()[0]
    with Reader(house.vault) as reader:
        before = len(list(reader.ids()))
        first.unlink()
        after = reader.after(None, 1000)
        assert before > len(list(reader.ids())) == len(after) > 0
    house.run("file")


def test_the_backlog_is_right_when_the_last_filed_mail_is_gone(house):
    house.accept(*house.mails(0, 40), segment_size=70_000, ago=timedelta(days=40))
    house.accept(segment_size=1)
    house.run("file")
    keep(house, "30 days")
    house.run("maintain")
    status = json.loads(house.run("status", "--json", status=None))
    assert status["backlog"] == 0
    [new] = house.accept(*house.mails(40, 1))
    assert json.loads(house.run("status", "--json", status=None))["backlog"] == 1
    assert "no differences" in house.run("verify")
    house.run("file")
    assert house.one("SELECT count(*) FROM _vault_outcome WHERE number = ?", new.number) == 1


def test_maintenance_does_all_its_jobs_beside_the_running_relay(house):
    house.start()
    house.filed(*house.send(*house.mails(0, 5)))
    found = json.loads(house.run("maintain", "--json"))
    assert [(each["job"], each["well"]) for each in found] == [
        ("retention", True),
        ("verify", True),
        ("rebuild", True),
        ("optimize", True),
    ]
    house.sql("UPDATE message SET subject = 'Forged' WHERE id = 1")
    said = house.run("maintain", status=1)
    assert "rebuild: NOT WELL" in said
    assert "optimize: done" in said, "one job does not stop the next"
    house.sql("UPDATE message SET subject = 'Offer 0' WHERE id = 1")


def test_two_at_once_are_excluded(house):
    house.accept(*house.mails(0, 1))
    house.run("file")
    program = (
        "import sys; from pathlib import Path; from relay.lock import Lock\n"
        "lock = Lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(house.vault / "maintain.lock")]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    try:
        assert holder.stdout.readline() == b"held\n"
        assert "at work already" in house.run("maintain", status=1)
    finally:
        holder.communicate()
    house.run("maintain")


def test_without_a_vault_there_is_nothing_to_maintain(house):
    assert "there is no vault yet" in house.run("maintain", status=1)
