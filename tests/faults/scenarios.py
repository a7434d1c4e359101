"""The faults, each a function of an empty folder that gives the outcome as one line and raises when there is a loss.

`scripts/faults` runs them. They need root, strace and a C compiler where they say so.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.certificates import make as make_certificate
from tests.certificates import trusting
from tests.faults import power as power_failure
from tests.faults.crowd import Crowd, large
from tests.faults.house import House, house, needs, peak, resident, small_disk
from tests.faults.recording import compiler
from tests.faults.restarting import restarted

Scenario = Callable[[Path], str]


class CannotBeTriedError(Exception):
    """What it needs is not here; its text says what."""


def must_have(*programs: str, root: bool = False) -> None:
    why = needs(*programs, root=root)
    if why:
        raise CannotBeTriedError(why)


def power(folder: Path, disks: int = 700, messages: int = 300, again: int = 8) -> str:
    """Power failure at hundreds of instants, in seven forms; and that the replay finds mail that is lost."""
    if power_failure.skip_reason():
        raise CannotBeTriedError(power_failure.skip_reason())
    run = power_failure.record(folder / "run", messages)
    found = power_failure.replay(run, folder / "disks", disks, filed=again)
    assert not found.wrong, "\n".join([power_failure.outcome(found), *found.wrong[:10]])
    told = [power_failure.outcome(found)]
    for fault in ("normal", "early"):
        run = power_failure.record(folder / fault, 60, fault)
        bad = power_failure.replay(run, folder / f"disks-{fault}", 140, filed=0)
        assert bad.wrong, f"the replay does not see {fault}: it proves nothing"
        told.append(f"with the fault `{fault}` {len(bad.wrong)} of {bad.disks} are wrong, as they must be")
    return "; ".join(told)


def kill(folder: Path, times: int = 30) -> str:
    """kill -9 of daemon, filer and indexer under load, at random."""
    must_have("ps")
    rnd = random.Random(1)
    killed = {"daemon": 0, "file": 0, "index": 0}
    with house(folder) as one:
        with one.under_load(pause=0.01):
            for _ in range(times):
                time.sleep(rnd.uniform(0.05, 0.5))
                whom = rnd.choice(list(killed))
                killed[whom] += 1
                if whom == "daemon":
                    process = one.relay.process
                    assert process is not None
                    process.kill()
                    process.wait()
                    assert process.stdout is not None
                    process.stdout.close()
                    one.relay.start()
                else:
                    os.kill(one.child(whom), signal.SIGKILL)
        counted = ", ".join(f"{count} x {name}" for name, count in killed.items())
        return f"{counted} killed; {one.prove()}"


def terminate(folder: Path, times: int = 8) -> str:
    """SIGTERM under load: an orderly end each time, nobody is told a permanent error."""
    with house(folder) as one:
        with one.under_load(pause=0.02):
            for _ in range(times):
                time.sleep(0.4)
                status = one.relay.stop()
                assert status == 0, f"exit status {status}"
                one.relay.start()
        return f"{times} x SIGTERM; {one.prove()}"


def restarts(folder: Path, times: int = 100) -> str:
    """Stopped and killed a hundred times while the socket stays, as under systemd: each 250 is followed by its vault id."""
    return restarted(folder, times)


def io_errors(folder: Path) -> str:
    """EIO and ENOSPC on syncs and writes of the daemon, then of the filer: 451 meanwhile, well again by itself."""
    must_have("strace", "ps")
    told = []
    with house(folder) as one:
        one.more(20)
        for errno in ("EIO", "ENOSPC"):
            for calls in (("fdatasync", "fsync"), ("pwrite64",)):
                before, taken = one.load.put_off, len(one.load.acknowledged)
                rules = [f"{call}:error={errno}" for call in calls]
                with one.under_load(clients=2, pause=0.005), one.injected(one.pid, *rules):
                    time.sleep(2)
                put_off = one.load.put_off - before
                assert put_off, f"{errno} of {calls[0]} was not noticed; {len(one.load.acknowledged) - taken} taken"
                told.append(f"{calls[0]} {errno}: put off {put_off} times")
                one.more(5)
        for errno in ("EIO", "ENOSPC"):
            rules = [f"{call}:error={errno}" for call in ("fdatasync", "fsync", "pwrite64")]
            before = one.load.put_off
            with one.under_load(clients=2, pause=0.02), one.injected(one.child("file"), *rules):
                time.sleep(2)
            assert one.load.put_off == before, "mail was put off for a trouble of the filer"
        return f"{'; '.join(told)}; {one.prove(traceback=True)}"


def slow_disk(folder: Path) -> str:
    """Each sync takes half a second: slow, and nothing else."""
    must_have("strace")
    with house(folder) as one:
        one.more(5)
        with (
            one.under_load(clients=8, pause=0.01),
            one.injected(one.pid, "fdatasync:delay_exit=500000", "fsync:delay_exit=500000"),
        ):
            time.sleep(5)
        assert one.load.longest > 0.4, "the delay did not come to pass"
        assert not one.load.put_off, "put off"
        return f"the slowest 250 took {one.load.longest:.1f} s; {one.prove()}"


def full_disk(folder: Path) -> str:
    """The data folder on a disk that fills up, to the reserve and to the last octet: 452, then service again."""
    must_have(root=True)
    with small_disk(folder / "disk", "420m") as disk:
        one = _house_on(disk)
        try:
            one.more(20)
            filler = disk / "filler"
            with one.under_load(clients=2, pause=0.02):
                for left in (200, 0):  # MiB: below the reserve of 256; nothing
                    before = one.load.put_off
                    _fill(filler, disk, left)
                    time.sleep(3)
                    assert one.load.put_off > before, f"mail was taken with {left} MiB free"
                    filler.unlink()
                    time.sleep(2)
            log = one.relay.log()
            assert "no-room" in log, log[-2000:]
            return one.prove(traceback=True)
        finally:
            one.relay.stop()


def _house_on(disk: Path) -> House:
    """A house whose folder is there already."""
    one = House(disk)
    one.relay.start()
    return one


def _fill(filler: Path, disk: Path, left: int) -> None:
    """Write until so many MiB are left."""
    block = bytes(1 << 20)
    with filler.open("wb", buffering=0) as opened:
        while True:
            free = os.statvfs(disk)
            if free.f_bavail * free.f_frsize <= left << 20:
                return
            try:
                opened.write(block)
            except OSError:
                return


CRM = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
{what}
print("there", flush=True)
time.sleep(float(sys.argv[2]))
"""


def _crm(one: House, what: str, seconds: float) -> subprocess.Popen[bytes]:
    """Another program at relay.db, which has done `what` and then does nothing."""
    words = [sys.executable, "-I", "-c", CRM.format(what=what), str(one.relay.database), str(seconds)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"there\n"
    return process


def write_lock(folder: Path, seconds: float = 12.0) -> str:
    """A CRM holds the write lock: mail is taken at once all the same, and filed when it lets go."""
    with house(folder) as one:
        one.more(10)
        filed = one.relay.sql("SELECT count(*) FROM message")
        with _crm(one, 'db.execute("BEGIN IMMEDIATE")', seconds) as crm, one.under_load(pause=0.05):
            time.sleep(seconds - 2)
            assert one.relay.sql("SELECT count(*) - ? <= 10 FROM message", filed[0][0]) == [[1]]
            crm.wait(30)
        assert not one.load.put_off, "mail was put off"
        assert one.load.longest < 2, f"a 250 took {one.load.longest:.1f} s"
        return f"held for {seconds:.0f} s, the slowest 250 took {one.load.longest * 1000:.0f} ms; {one.prove()}"


def stopped_reader(folder: Path) -> str:
    """A reader with an old snapshot, stopped: the log grows, is warned of by name, and is put away when it is gone."""
    must_have("ps")
    one = House(folder)
    # The daemon with the thresholds of a test: 256 MiB of log would take minutes.
    one.relay.start(program=power_failure.SERVING)
    try:
        one.more(20)
        read = 'db.execute("BEGIN"); db.execute("SELECT count(*) FROM message").fetchall()'
        crm = _crm(one, read, 600)
        os.kill(crm.pid, signal.SIGSTOP)
        log = one.relay.database.with_name("relay.db-wal")
        try:
            with one.under_load(pause=0.002):
                end = time.monotonic() + 40
                while "store.log_grows" not in one.relay.log() and time.monotonic() < end:
                    time.sleep(0.2)
            assert "store.log_grows" in one.relay.log(), f"not warned of; {log.stat().st_size} octets"
            assert f"process {crm.pid}" in one.relay.log(), "not named"
            grown = log.stat().st_size
        finally:
            crm.kill()
            crm.wait()
            assert crm.stdout is not None
            crm.stdout.close()
        one.filed()
        time.sleep(2)
        one.more(50)
        one.filed()
        assert log.stat().st_size <= grown * 1.2, "the log goes on growing"
        return f"grew to {grown >> 20} MiB, warned of by name, then used anew; {one.prove()}"
    finally:
        one.relay.stop()


def stopped_ourselves(folder: Path) -> str:
    """SIGSTOP of the daemon, then of the filer and the indexer, for seconds: everything goes on where it was."""
    must_have("ps")
    with house(folder) as one:
        with one.under_load(pause=0.01):
            for whom in ("daemon", "file", "index"):
                time.sleep(0.5)
                pid = one.pid if whom == "daemon" else one.child(whom)
                os.kill(pid, signal.SIGSTOP)
                time.sleep(4)
                os.kill(pid, signal.SIGCONT)
        return f"3 x 4 s; {one.prove()}"


def clock(folder: Path) -> str:
    """The wall clock jumps by days, both ways, under load: no session ends, nothing is lost."""
    if compiler() is None:
        raise CannotBeTriedError("needs a C compiler: apt-get install gcc libc6-dev")
    source = Path(__file__).with_name("clockjump.c")
    library, jump = folder / "clockjump.so", folder / "jump"
    words = [str(compiler()), "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"]
    subprocess.run(words, check=True)
    jump.write_text("0")
    jumps = (10, -20, 400, -3, 0)
    with house(folder, LD_PRELOAD=str(library), CLOCKJUMP_FILE=str(jump)) as one:
        with one.under_load(pause=0.01):
            for days in jumps:
                time.sleep(1)
                jump.write_text(str(days * 86400))
            time.sleep(1)
        assert not one.load.put_off, "sessions were cut"
        (spread,) = one.relay.sql(
            "SELECT julianday(max(received_at)) - julianday(min(received_at)) > 300 FROM envelope"
        )
        assert spread == [1], "the clock did not jump"
        return f"jumps to {', '.join(f'{days:+} days' for days in jumps)}; {one.prove()}"


def idle(folder: Path, idle: int = 1000, dripping: int = 100) -> str:
    """1,000 idle and 100 dripping strangers: the mail of a trusted client and of a new stranger's session go on."""
    with house(folder, '[admission]\nnetworks = ["127.0.0.1"]\n') as one:
        one.more(10)
        quiet = one.load.longest
        one.load.longest = 0.0
        with Crowd(one.relay.port, idle, dripping) as crowd:
            crowd.settle()
            one.more(50)
            waited = crowd.until_greeted(40)
            assert one.load.longest < 5, f"a 250 took {one.load.longest:.1f} s"
            told = (
                f"{crowd.here} of {idle + dripping} were let in; the slowest 250 took {one.load.longest * 1000:.0f} ms "
                f"(without them {quiet * 1000:.0f} ms); a stranger from elsewhere was greeted after {waited:.1f} s"
            )
        return f"{told}; {one.prove()}"


def idle_tls(folder: Path, idle: int = 1000) -> str:
    """1,000 clients that are idle inside TLS: how much memory the daemon takes for them."""
    certificate, key = make_certificate(folder)
    with house(folder, f'[tls]\ncertificate = "{certificate}"\nkey = "{key}"\n') as one:
        one.more(5)
        trusting_it = trusting(certificate)
        trusting_it.check_hostname = False  # we are called by our address here
        with contextlib.ExitStack() as held:

            def hold(*, tls: bool) -> None:
                for _ in range(idle):
                    client = held.enter_context(smtplib.SMTP("127.0.0.1", one.relay.port, "client", timeout=30))
                    client.ehlo()
                    if tls:
                        client.starttls(context=trusting_it)
                        client.ehlo()

            before = resident(one.pid)
            hold(tls=False)
            plain = resident(one.pid) - before
            hold(tls=True)
            secured = resident(one.pid) - before - plain
            one.more(5)
        assert secured < 100 * idle, f"{secured} KiB"
        told = f"{idle:,} idle connections take {plain / 1024:.0f} MiB, inside TLS {secured / 1024:.0f} MiB more"
        return f"{told}; {one.prove()}"


def descriptors(folder: Path) -> str:
    """More connections than descriptors: 421 for whom there is none, no flood in the log, mail goes on."""
    must_have("prlimit")
    one = House(folder)
    words = ["prlimit", "--nofile=160:160"]
    one.relay.command = lambda *rest, ours=one.relay.command: [*(words if rest[:1] == ("serve",) else []), *ours(*rest)]  # type: ignore[method-assign]
    one.relay.start()
    try:
        one.more(10)
        with Crowd(one.relay.port, 400, 0, sources=("127.0.0.1",)) as crowd:
            crowd.settle()
            time.sleep(1)
            here = crowd.here
        lines = one.relay.log().count("\n")
        assert lines < 100, f"{lines} lines in the log"
        return f"160 descriptors, {here} of 400 connections let in, {lines} lines in the log; {one.prove()}"
    finally:
        one.relay.stop()


def many_large(folder: Path, clients: int = 50, size: int = 25_000_000) -> str:
    """50 clients with 25 MB each at once: all get through, and how much memory the daemon took."""
    with house(folder) as one:
        one.more(5)
        pid = one.pid
        began = time.monotonic()
        ids = large(one.relay.port, clients, size)
        took = time.monotonic() - began
        accepting = peak(pid)
        one.load.ids.update({-n: vault_id for n, vault_id in enumerate(ids, 1)})
        one.filed(240)
        filing = peak(one.child("file"))
        told = f"in {took:.0f} s; peak memory of the daemon {accepting} MiB, of the filer {filing} MiB"
        assert accepting < 512, told
        return f"{told}; {one.prove()}"


ALL: dict[str, tuple[Scenario, float]] = {
    "power": (power, 900),
    "kill": (kill, 180),
    "terminate": (terminate, 120),
    "restarts": (restarts, 1200),
    "io-errors": (io_errors, 150),
    "slow-disk": (slow_disk, 120),
    "full-disk": (full_disk, 120),
    "write-lock": (write_lock, 120),
    "stopped-reader": (stopped_reader, 150),
    "stopped-ourselves": (stopped_ourselves, 120),
    "clock": (clock, 120),
    "descriptors": (descriptors, 90),
    "idle": (idle, 150),
    "idle-tls": (idle_tls, 150),
    "many-large": (many_large, 420),
}
"""By name: the scenario and the seconds it may take."""
