"""What stands behind a 250: the promises of the vault."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from vault_mail import mail, put_all

from relay import sqlite
from relay.mail.envelope import VaultId
from relay.vault import appender, segment, writer
from relay.vault.failure import (
    VaultBusyError,
    VaultClosedError,
    VaultDamagedError,
    VaultError,
    VaultFullError,
    VaultNewerError,
    VaultRightsError,
    explain,
)
from relay.vault.reader import Reader
from relay.vault.writer import Vault


def contents(folder: Path) -> list[bytes]:
    with Reader(folder) as reader:
        return [found.content for _, found in reader.after(None, 10_000)]


# -- keeping and reading ---------------------------------------------------------------------------


def test_what_was_put_is_read_back_in_order_by_its_id(within, folder):
    async def use(vault):
        return [await vault.put(mail(f"mail {n}\r\n")) for n in range(20)]

    ids = within(use)
    assert [vault_id.number for vault_id in ids] == list(range(1, 21))
    assert len({vault_id.epoch for vault_id in ids}) == 1
    with Reader(folder) as reader:
        assert reader.after(None, 100) == [(i, mail(f"mail {n}\r\n")) for n, i in enumerate(ids)]
        assert [i for i, _ in reader.after(ids[4], 3)] == ids[5:8]
        assert reader.after(ids[-1], 3) == []
        assert reader.get(ids[7]) == mail("mail 7\r\n")
        assert reader.get(VaultId("ffffffff", 1)) is None
        assert reader.get(VaultId(ids[0].epoch, 99)) is None
        assert reader.last() == ids[-1]
        assert reader.count_after(None) == 20
        assert reader.count_after(ids[4]) == 15
        assert list(reader.ids()) == ids


def test_octets_are_kept_exactly(within, folder):
    odd = [b"", b"\x00", bytes(range(256)), b"\r\n.\r\n", b"x" * 100_000, os.urandom(3_000_000)]
    within(lambda vault: put_all(vault, odd))
    assert contents(folder) == odd


def test_a_reader_of_an_empty_or_missing_vault_finds_nothing(folder):
    with Reader(folder) as reader:
        assert reader.after(None, 5) == []
        assert reader.last() is None
        assert reader.count_after(None) == 0
        assert list(reader.ids()) == []


def test_a_batch_for_the_reader_is_bounded_in_octets_but_never_empty(within, folder):
    ids = within(lambda vault: put_all(vault, ["x" * 1000] * 10))
    with Reader(folder) as reader:
        assert len(reader.after(None, 10, max_octets=3500)) == 3
        assert len(reader.after(ids[3], 10, max_octets=1)) == 1
        assert len(reader.after(None, 4, max_octets=100_000)) == 4


def test_another_process_reads_while_we_write_and_after_we_stopped(within, folder):
    program = (
        "import sys; from pathlib import Path; from relay.vault.reader import Reader\n"
        "r = Reader(Path(sys.argv[1])); print(r.count_after(None), len(r.after(None, 1000)), r.last())"
    )

    def ask() -> str:
        return subprocess.run(
            [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()

    async def use(vault):
        await put_all(vault, ["x"] * 5)
        first = await asyncio.to_thread(ask)
        await put_all(vault, ["x"] * 5)
        return first, await asyncio.to_thread(ask)

    during, later = within(use)
    after = ask()
    assert [answer.split()[:2] for answer in (during, later, after)] == [["5", "5"], ["10", "10"], ["10", "10"]]
    assert after.endswith("-10")


def test_a_reader_that_stays_open_sees_what_is_written_over_restarts(within, folder):
    with Reader(folder) as reader:
        for turn in range(1, 4):

            async def use(vault, turn=turn):
                await put_all(vault, ["x"] * 3)
                assert await asyncio.to_thread(lambda: None) is None
                assert reader.count_after(None) == 3 * turn

            within(use)
            assert reader.count_after(None) == 3 * turn


# -- commits ---------------------------------------------------------------------------------------


def test_nobody_is_told_before_the_commit(within, folder):
    """At the step before COMMIT another connection sees nothing and no put has returned."""
    seen = []
    told = []

    def at(step):
        if step in ("vault.inserted", "vault.committed"):
            with Reader(folder) as reader:
                seen.append((step, reader.count_after(None), len(told)))

    async def use(vault):
        vault.hand_over(mail(), told.append)
        while not told:
            await asyncio.sleep(0)

    within(use, at=at)
    assert seen == [("vault.inserted", 0, 0), ("vault.committed", 1, 0)]
    assert told == [VaultId(told[0].epoch, 1)]


def test_all_that_wait_go_in_one_commit(within):
    begun = []
    hold = threading.Event()

    def at(step):
        if step == "vault.begin":
            begun.append(step)
            hold.wait(10)

    async def use(vault):
        first = asyncio.ensure_future(vault.put(mail()))
        while not begun:
            await asyncio.sleep(0)
        others = [asyncio.ensure_future(vault.put(mail())) for _ in range(writer.BATCH_MAILS)]
        await asyncio.sleep(0)
        hold.set()
        await asyncio.gather(first, *others)
        return len(begun)

    assert within(use, at=at) == 2


def test_a_knock_behind_many_large_mails_is_answered_by_each_commit(within):
    """A slow disk with a long queue is no disk that hangs."""
    step = threading.Semaphore(0)
    begun = []

    def at(name):
        if name == "vault.begin":
            begun.append(name)
            step.acquire(timeout=10)

    async def use(vault):
        large = b"x" * writer.BATCH_OCTETS  # one commit each
        others = [asyncio.ensure_future(vault.put(mail(large))) for _ in range(3)]
        while not begun:
            await asyncio.sleep(0)
        vault.knock()
        assert vault.unanswered() > 0.0
        step.release()
        while len(begun) < 2:
            await asyncio.sleep(0)
        answered = vault.unanswered() == 0.0
        vault.knock()
        hangs = vault.unanswered() > 0.0  # the second commit does: it is not answered by what was before
        for _ in range(3):
            step.release()
        await asyncio.gather(*others)
        return answered, hangs

    assert within(use, at=at) == (True, True)


def test_every_commit_is_synced(folder, tmp_path):
    """strace counts: each mail alone costs a sync of the log before anybody is told."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt-get install strace")
    program = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from vault_mail import mail
from relay.vault.writer import Vault
async def main():
    vault = Vault.open(Path(sys.argv[1]))
    for _ in range(30):
        await vault.put(mail())
    import os
    os._exit(0)
asyncio.run(main())
"""
    trace = tmp_path / "trace"
    result = subprocess.run(
        ["strace", "-f", "-y", "-o", trace, "-e", "trace=fsync,fdatasync", sys.executable, "-c", program, folder, Path(__file__).parent],
        check=False, capture_output=True, timeout=60,
    )  # fmt: skip
    if b"ptrace" in result.stderr.lower():
        pytest.skip("this machine does not allow strace")
    assert result.returncode == 0, result.stderr
    assert sum("-wal" in line for line in trace.read_text().splitlines()) >= 30


class Failing:
    """A connection whose COMMIT (or INSERT) fails as told, and is real otherwise."""

    def __init__(self, connection, errors, word):
        self.connection, self.errors, self.word = connection, errors, word

    def execute(self, statement, *arguments):
        if statement.startswith(self.word) and self.errors and (error := self.errors.pop(0)):
            raise error
        return self.connection.execute(statement, *arguments)

    def __getattr__(self, name):
        return getattr(self.connection, name)


@pytest.mark.parametrize("word", ["BEGIN", "INSERT", "COMMIT"])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sqlite.OperationalError("disk I/O error"), VaultError),
        (sqlite.OperationalError("database or disk is full"), VaultFullError),
        (MemoryError(), VaultError),
    ],
)
def test_a_failed_commit_fails_its_whole_batch_and_the_next_one_works(within, folder, word, error, kind):
    async def use(vault):
        await vault.put(mail("before"))
        vault._appender._connection = Failing(vault._appender._connection, [error], word)
        outcome = await asyncio.gather(*(vault.put(mail("lost")) for _ in range(3)), return_exceptions=True)
        assert {type(one) for one in outcome if isinstance(one, Exception)} == {kind}
        assert vault.trouble is not None or not isinstance(outcome[-1], Exception)
        kept = await vault.put(mail("after"))
        assert vault.trouble is None
        assert vault.stalled() == 0.0
        assert vault.last_commit is not None
        return sum(isinstance(one, VaultId) for one in outcome), kept

    survivors, kept = within(use)
    assert contents(folder) == [b"before"] + [b"lost"] * survivors + [b"after"]
    assert kept.number == 2 + survivors


def test_a_real_full_disk_is_told_and_passes(within, folder):
    """A file size limit stands in for the disk: the real ENOSPC path of SQLite and of ours (EFBIG is I/O error)."""

    async def use(vault):
        await vault.put(mail("before"))
        pages = vault._appender._connection.execute("PRAGMA page_count").fetchone()[0]
        vault._appender._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(VaultFullError) as failure:
            await vault.put(mail("x" * 1_000_000))
        assert "\n" not in str(failure.value)
        assert not vault.has_room()
        vault._appender._connection.execute("PRAGMA max_page_count = 4294967294")
        await vault.put(mail("after"))

    within(use)
    assert contents(folder) == [b"before", b"after"]


def test_no_room_below_the_reserve(within):
    async def use(vault):
        return vault.has_room()

    assert within(use) is True
    assert within(use, reserve=1 << 60) is False


def test_a_cancelled_caller_does_not_stop_the_commit(within, folder):
    async def use(vault):
        task = asyncio.ensure_future(vault.put(mail("kept")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await vault.put(mail("next"))

    within(use)
    assert contents(folder) == [b"kept", b"next"]


def test_close_writes_what_was_handed_over_and_takes_no_more(folder):
    async def main():
        vault = Vault.open(folder)
        for number in range(500):
            vault.hand_over(mail(str(number)), lambda _: None)
        vault.close()
        vault.close()
        with pytest.raises(VaultClosedError):
            await vault.put(mail())

    asyncio.run(main())
    assert contents(folder) == [str(number).encode() for number in range(500)]


def test_the_last_id_of_each_batch_is_announced(within):
    announced = []

    async def use(vault):
        return await put_all(vault, ["x"] * 10)

    ids = within(use, on_commit=announced.append)
    assert announced[-1] == ids[-1]


def test_one_callers_fault_does_not_keep_the_others_waiting(folder):
    async def main():
        faults = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
        vault = Vault.open(folder)

        def bad(_):
            raise ValueError

        vault.hand_over(mail(), bad)
        await vault.put(mail())
        await asyncio.to_thread(vault.close)
        return faults

    assert [type(fault) for fault in asyncio.run(main())] == [ValueError]


# -- segments, epochs, ids -------------------------------------------------------------------------


def test_segments_are_bounded_and_read_across(within, folder):
    steps = []
    limit = 400_000

    async def use(vault):
        return [await vault.put(mail(f"{n}:" + "x" * 20_000)) for n in range(100)]

    ids = within(use, segment_size=limit, at=steps.append)
    files = sorted(folder.glob("*.db"))
    assert len(files) >= 5
    assert steps.count("vault.rotated") == len(files) - 1
    assert all(file.stat().st_size <= limit for file in files)
    assert [file.name for file in files] == [f"{ids[0].epoch}-{n:06d}.db" for n in range(1, len(files) + 1)]
    with Reader(folder) as reader:
        assert list(reader.ids()) == ids
        assert [i for i, _ in reader.after(None, 1000)] == ids
        at = None
        walked = []
        while batch := reader.after(at, 7):
            walked += [i for i, _ in batch]
            at = walked[-1]
        assert walked == ids
        assert reader.count_after(ids[49]) == 50
        assert reader.get(ids[3]).content.startswith(b"3:")
    assert not list(folder.glob("*-wal")), "sealed and closed segments are plain files"


def test_numbers_go_on_over_restarts_also_after_an_empty_segment(within, folder):
    (first,) = within(lambda vault: put_all(vault, ["x" * 100_000]), segment_size=150_000)
    (second,) = within(lambda vault: put_all(vault, ["y" * 100_000]), segment_size=150_000)
    (third,) = within(lambda vault: put_all(vault, ["z"]))
    assert [i.number for i in (first, second, third)] == [1, 2, 3]
    assert first.epoch == second.epoch == third.epoch


def test_a_vault_that_knows_less_than_is_filed_begins_a_new_epoch(within, folder):
    (first,) = within(lambda vault: put_all(vault, ["x"]))
    (same,) = within(lambda vault: put_all(vault, ["x"]), filed={first.epoch: 1})
    assert same == VaultId(first.epoch, 2)
    (other,) = within(lambda vault: put_all(vault, ["new"]), filed={first.epoch: 7})
    assert other.epoch != first.epoch
    assert other.number == 1
    with Reader(folder) as reader:
        assert list(reader.ids()) == [first, same, other]
        assert [i for i, _ in reader.after(same, 5)] == [other]
        assert [i for i, _ in reader.after(VaultId(first.epoch, 7), 5)] == [other], "a place that was lost"
        assert reader.last() == other
        assert reader.count_after(first) == 2


def test_a_copied_vault_begins_a_new_epoch(within, folder):
    (first,) = within(lambda vault: put_all(vault, ["x"]))
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)
    (other,) = within(lambda vault: put_all(vault, ["y"]))
    assert other.epoch != first.epoch


def test_an_interrupted_making_of_a_segment_is_no_segment(within, folder):
    folder.mkdir(mode=0o700)
    (folder / "0123abcd-000001.making").write_bytes(b"half")
    within(lambda vault: put_all(vault, ["x"]))
    assert contents(folder) == [b"x"]
    assert not list(folder.glob("*.making"))


def test_when_a_new_segment_cannot_be_made_the_batch_fails_and_the_old_one_stays(within, folder, monkeypatch):
    async def use(vault):
        await vault.put(mail("x" * 100_000))
        with monkeypatch.context() as patch:

            def fail(*_):
                raise OSError(28, "No space left on device")

            patch.setattr(appender, "make_segment", fail)
            with pytest.raises(VaultFullError):
                await vault.put(mail("y" * 100_000))
        await vault.put(mail("z" * 100_000))

    within(use, segment_size=150_000)
    assert [content[:1] for content in contents(folder)] == [b"x", b"z"]


def test_no_id_is_given_out_twice_after_a_new_segment_could_not_be_opened(within, folder, monkeypatch):
    async def first(vault):
        given = [await vault.put(mail("x" * 100_000))]
        with monkeypatch.context() as patch:

            def fail(*_, **__):
                raise OSError(28, "No space left on device")

            patch.setattr(appender, "open_segment", fail)
            with pytest.raises(VaultFullError):
                await vault.put(mail("y" * 100_000))
        given.append(await vault.put(mail("small enough for the old segment")))
        return given

    given = within(first, segment_size=150_000)
    given.append(within(lambda vault: vault.put(mail("after the restart")), segment_size=150_000))
    assert [vault_id.number for vault_id in given] == [1, 2, 3]
    assert len({vault_id.epoch for vault_id in given}) == 1
    assert len(list(folder.glob("*.db"))) == 1


def test_a_second_daemon_leaves_a_segment_alone_that_the_first_is_making(within, folder):
    async def use(vault):
        making = folder / "0123abcd-000002.making"
        making.touch()
        with pytest.raises(VaultBusyError):
            Vault.open(folder)
        assert making.exists()

    within(use)


@pytest.mark.parametrize("below", ["", "/vault"])
def test_a_file_where_the_vault_should_be_is_one_clear_line(tmp_path, below):
    (tmp_path / "file").touch()
    path = Path(f"{tmp_path}/file{below}")
    with pytest.raises(VaultError, match=rf"^vault: {path} is not a folder: change \[vault\] path$"):
        Vault.open(path)


def test_a_read_only_disk_says_so_and_names_the_path_once(tmp_path):
    error = explain(OSError(30, "Read-only file system", str(tmp_path)), tmp_path)
    assert isinstance(error, VaultRightsError)
    assert str(error) == f"vault: the disk of {tmp_path} is read-only: mount it for writing"


def test_the_log_is_bounded_and_emptied_when_quiet(within, folder):
    async def use(vault):
        for _ in range(30):
            await put_all(vault, ["x" * 100_000] * 20)
        (log,) = folder.glob("*-wal")
        largest = log.stat().st_size
        deadline = time.monotonic() + 60
        while log.stat().st_size and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        return largest, log.stat().st_size

    largest, emptied = within(use)
    assert largest < segment.WAL_KEPT + 16 * 1024 * 1024
    assert emptied == 0


# -- rights, damage, versions ----------------------------------------------------------------------


def test_folder_and_files_are_for_nobody_else(within, folder):
    modes = {}

    async def use(vault):
        await vault.put(mail())
        modes.update({file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()})

    folder.mkdir(mode=0o755)
    within(use)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert len(modes) == 4
    assert set(modes.values()) == {0o600}


def test_two_writers_are_one_too_many(within, folder):
    async def use(_):
        with pytest.raises(VaultBusyError, match=f"process {os.getpid()}") as failure:
            Vault.open(folder)
        assert "\n" not in str(failure.value)

    within(use)
    within(lambda vault: put_all(vault, ["x"]))


def test_a_newer_vault_is_left_alone(within, folder):
    within(lambda vault: put_all(vault, ["x"]))
    (file,) = folder.glob("*.db")
    connection = sqlite.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(VaultNewerError, match="newer"):
        Vault.open(folder)
    with Reader(folder) as reader, pytest.raises(VaultNewerError):
        reader.last()


@pytest.mark.parametrize("damage", ["garbage", "empty", "cut", "zeroed page"])
def test_a_damaged_segment_is_one_clear_line(within, folder, damage):
    within(lambda vault: put_all(vault, ["x" * 50_000] * 20))
    (file,) = folder.glob("*.db")
    octets = file.read_bytes()
    file.write_bytes(
        {
            "garbage": os.urandom(len(octets)),
            "empty": b"",
            "cut": octets[:20_000],
            "zeroed page": octets[: segment.PAGE_SIZE]
            + b"\x00" * segment.PAGE_SIZE * 2
            + octets[3 * segment.PAGE_SIZE :],
        }[damage]
    )
    with pytest.raises(VaultDamagedError) as failure:
        Vault.open(folder)
    assert file.name in str(failure.value)
    assert "\n" not in str(failure.value)
    with pytest.raises(VaultDamagedError):
        Vault.open(folder)  # and the lock was given back: the same answer, not "in use"


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody without rights")
def test_a_folder_without_rights_is_one_clear_line(tmp_path):
    tmp_path.chmod(0o755)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o755)
    program = (
        "import sys, os; os.setuid(65534)\n"
        "from pathlib import Path\n"
        "from relay.vault.writer import Vault; from relay.vault.failure import VaultRightsError\n"
        "try: Vault.open(Path(sys.argv[1]))\n"
        "except VaultRightsError as error: print(error)\n"
    )
    preloaded = "import relay.vault.writer, os, sys\n" + program  # the modules may lie where nobody may read
    result = subprocess.run(
        [sys.executable, "-c", preloaded, str(closed / "vault")],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert result.returncode == 0, result.stderr
    if not result.stdout:
        pytest.skip("the folder could be written")
    assert str(closed) in result.stdout
    assert result.stdout.count("\n") == 1


def test_rights_error_is_a_vault_error():
    assert issubclass(VaultRightsError, VaultError)
