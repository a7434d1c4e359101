"""A real daemon with a load on it, what is done to it meanwhile, and the proof afterwards that nothing came of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.clients import LEAD, Load, hand_in
from tests.running import Relay


class House:
    """One folder, one daemon, one load. `prove` is the end of each scenario."""

    def __init__(self, folder: Path, extra: str = "", *, lead: bool = True) -> None:
        self.relay = Relay(folder / "relay", extra)
        self.load = Load()
        self._next = 0
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        if lead:
            self.relay.run("lead", "add", "Anna", LEAD)

    @property
    def pid(self) -> int:
        assert self.relay.process is not None
        return self.relay.process.pid

    def children(self) -> dict[str, int]:
        """The processes beside the daemon, by their work: `file`, `index`."""
        found = {}
        told = subprocess.run(["ps", "--ppid", str(self.pid), "-o", "pid=,args="], capture_output=True, text=True)
        for line in told.stdout.splitlines():
            words = line.split()
            for name in ("file", "index"):
                if name in words[3:7]:
                    found[name] = int(words[0])
        return found

    def child(self, name: str, seconds: float = 30.0) -> int:
        """The process of the filer or the indexer, once there is one."""
        end = time.monotonic() + seconds
        while name not in (found := self.children()):
            assert time.monotonic() < end, f"no {name} came back in {seconds} s\n{self.relay.log()[-2000:]}"
            time.sleep(0.05)
        return found[name]

    # -- load ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def under_load(self, clients: int = 4, pause: float = 0.0) -> Iterator[None]:
        """Messages come in while the block runs, by `clients` at once; all that was begun is brought to its end."""
        self._stop.clear()
        thread = threading.Thread(target=self._keep_loading, args=(clients, pause))
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(120)
            assert not thread.is_alive(), "clients still wait for an answer"

    def _keep_loading(self, clients: int, pause: float) -> None:
        def numbers() -> Iterator[int]:
            while not self._stop.is_set():
                self._next += 1
                yield self._next
                time.sleep(pause)

        hand_in(self.load, lambda: self.relay.port, numbers(), clients=clients, seconds=60)

    def more(self, count: int, clients: int = 4) -> None:
        """Hand in `count` messages and wait for their 250."""
        first, self._next = self._next + 1, self._next + count
        before = len(self.load.acknowledged)
        hand_in(self.load, lambda: self.relay.port, range(first, self._next + 1), clients=clients, seconds=60)
        taken = len(self.load.acknowledged) - before
        assert taken == count, f"{taken} of {count} taken\n{self.relay.log()[-2000:]}"

    # -- what is done to it ----------------------------------------------------------------------

    @contextlib.contextmanager
    def injected(self, pid: int, *rules: str) -> Iterator[None]:
        """System calls of a running process fail, or take long, while the block runs: by strace."""
        asked = [word for rule in rules for word in ("-e", f"inject={rule}")]
        calls = ",".join(rule.partition(":")[0] for rule in rules)
        words = ["strace", "-f", "-q", "-o", "/dev/null", "-e", f"trace={calls}", *asked, "-p", str(pid)]
        with subprocess.Popen(words, stderr=subprocess.DEVNULL) as strace:
            end = time.monotonic() + 10
            while f"TracerPid:\t{strace.pid}" not in Path(f"/proc/{pid}/status").read_text():
                assert time.monotonic() < end, "strace could not attach"
                time.sleep(0.02)
            try:
                yield
            finally:
                strace.send_signal(signal.SIGINT)
                strace.wait(20)

    # -- the end ---------------------------------------------------------------------------------

    def filed(self, seconds: float = 60.0) -> None:
        """Wait until all that was acknowledged is filed."""
        end = time.monotonic() + seconds
        missing = set(self.load.ids.values())
        while missing:
            found = {row[0] for row in self.relay.sql("SELECT vault_id FROM envelope")}
            missing -= found
            assert time.monotonic() < end or not missing, (
                f"{len(missing)} of {len(self.load.ids)} acknowledged and not filed in {seconds:.0f} s\n"
                + self.relay.log()[-2000:]
            )
            time.sleep(0.1)

    def prove(self, *, more: int = 5, traceback: bool = False) -> str:
        """Takes mail without help; what was acknowledged is filed, once; nothing was refused for good; `verify`."""
        self.more(more)
        self.filed()
        acknowledged = {f"{number}@example.org" for number in self.load.acknowledged}
        rows = self.relay.sql("SELECT internet_message_id, count(*) FROM message GROUP BY 1")
        twice = [row for row in rows if row[1] != 1]
        lost = acknowledged - {row[0] for row in rows}
        assert not twice, f"filed twice: {twice[:3]}"
        assert not lost, f"{len(lost)} lost"
        assert not self.load.refused, f"refused for good: {self.load.refused[:3]}"
        self.relay.verify()
        log = self.relay.log()
        assert traceback or "Traceback" not in log, log[log.index("Traceback") - 500 :][:3000]
        status = self.relay.stop()
        assert status == 0, f"exit status {status}"
        return f"{len(acknowledged)} acknowledged, 0 lost, 0 twice, put off {self.load.put_off} times"


@contextlib.contextmanager
def house(folder: Path, extra: str = "", **options: str) -> Iterator[House]:
    """A running daemon in `folder`, ended whatever happens."""
    one = House(folder, extra)
    one.relay.start(environment=options or None)
    try:
        yield one
    finally:
        process = one.relay.process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
        one.relay.stop()


@contextlib.contextmanager
def small_disk(where: Path, size: str) -> Iterator[Path]:
    """A disk in memory of that size (needs root)."""
    where.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(where)], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", "-l", str(where)], check=False)


def needs(*programs: str, root: bool = False) -> str:
    """Why a scenario cannot be tried here, '' if it can."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    return "needs root" if root and os.geteuid() != 0 else ""


def peak(pid: int) -> int:
    """The most memory that a process has had at once, in MiB."""
    return _memory(pid, "VmHWM") // 1024


def resident(pid: int) -> int:
    """The memory that a process has now, in KiB."""
    return _memory(pid, "VmRSS")


def _memory(pid: int, what: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1])
    raise AssertionError(f"no {what}")
