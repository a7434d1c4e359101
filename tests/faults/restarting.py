"""The services as systemd runs them: it holds the sockets, they come and go, and whoever connects meanwhile waits.

`prove` follows each 250 by its vault id, into the vault and into relay.db.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from relay.vault.reader import Reader
from tests.faults.clients import LEAD, Load, hand_in
from tests.running import PATIENCE, Relay

AS_SYSTEMD = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=smtp exec "$@" 3<&0 </dev/null'
"""The socket comes as standard input; the daemon looks for it at descriptor 3 (sd_listen_fds(3))."""


class Services:
    """A socket that stays, and behind it the daemon, or its two halves as processes of their own."""

    def __init__(self, folder: Path) -> None:
        self.relay = Relay(folder / "relay")
        self.load = Load()
        self.relay.run("lead", "add", "Anna", LEAD)
        self._held = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._held.getsockname()[1]
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *, halves: bool) -> None:
        """Returns at once: the port is open anyway."""
        if halves:
            self._running = [self._run("--only", "file"), self._run("--only", "accept", accepts=True)]
        else:
            self._running = [self._run(accepts=True)]

    def _run(self, *only: str, accepts: bool = False) -> subprocess.Popen[bytes]:
        words = self.relay.command("serve", *only)
        if accepts:
            words = ["sh", "-c", AS_SYSTEMD, "sh", *words]
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TZ": "UTC"}
        given = self._held if accepts else subprocess.DEVNULL
        with (self.relay.folder / "daemon.log").open("ab") as log:
            return subprocess.Popen(words, stdin=given, stdout=log, stderr=log, env=environment)

    def end(self, number: signal.Signals) -> None:
        """The one that accepts first, as systemd does, and both at once when they are killed."""
        for process in reversed(self._running):
            process.send_signal(number)
            if number is not signal.SIGKILL:
                process.wait(PATIENCE)
        for process in self._running:
            process.wait(PATIENCE)
        self._running = []

    @contextlib.contextmanager
    def under_load(self, clients: int = 4) -> Iterator[None]:
        """Mail comes in while the block runs; what was put off or cut off is handed in again."""
        over = threading.Event()

        def numbers() -> Iterator[int]:
            number = 0
            while not over.is_set():
                yield (number := number + 1)
                time.sleep(0.002)

        thread = threading.Thread(
            target=hand_in, args=(self.load, lambda: self.port, numbers()), kwargs={"clients": clients, "seconds": 600}
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(120)
            assert not thread.is_alive(), "clients still wait for an answer"

    def until_more(self, count: int) -> None:
        """Wait until `count` more messages were answered 250."""
        wanted, end = len(self.load.ids) + count, time.monotonic() + PATIENCE
        while len(self.load.ids) < wanted:
            assert time.monotonic() < end, f"no mail is taken\n{self.relay.log()[-2000:]}"
            time.sleep(0.005)

    def prove(self) -> str:
        """Each 250: its vault id is in the vault once, has one outcome, and is one message. What is left is ended."""
        noted = dict(self.load.ids)
        assert not self.load.refused, f"refused for good: {self.load.refused[:3]}"
        end = time.monotonic() + 2 * PATIENCE
        while missing := set(noted.values()) - self._column("SELECT epoch || '-' || number FROM _vault_outcome").keys():
            assert time.monotonic() < end, (
                f"answered 250 and not filed: {sorted(missing)[:5]}\n{self.relay.log()[-2000:]}"
            )
            time.sleep(0.1)
        envelopes = self._column("SELECT vault_id FROM envelope")
        messages = self._column("SELECT internet_message_id FROM message")
        self.end(signal.SIGTERM)
        with Reader(self.relay.vault) as reader:
            kept = Counter(map(str, reader.ids()))
        for number, vault_id in noted.items():
            found = kept[vault_id], envelopes[vault_id], messages[f"{number}@example.org"]
            assert found == (1, 1, 1), (
                f"message {number}, 250 as {vault_id}: {found} in the vault, as envelope, as message"
            )
        assert len(set(noted.values())) == len(noted), "a vault id was given out twice"
        self.relay.verify()
        return f"{len(noted)} answered 250, each once in the vault and in relay.db; put off {self.load.put_off} times"

    def _column(self, query: str) -> Counter[object]:
        return Counter(row[0] for row in self.relay.sql(query))

    def close(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()
        self._held.close()


def restarted(folder: Path, times: int, *, seed: int = 1) -> str:
    """`times` restarts under load, orderly and by kill -9, of one daemon and of its halves, at random moments."""
    chance = random.Random(seed)
    services = Services(folder)
    done: Counter[str] = Counter()
    try:
        services.start(halves=False)
        with services.under_load():
            for turn in range(times):
                if chance.random() < 0.85:  # else it is ended before it is there
                    services.until_more(2)
                time.sleep(chance.uniform(0.0, 0.3))
                number = signal.SIGTERM if turn % 2 else signal.SIGKILL
                services.end(number)
                done[number.name] += 1
                services.start(halves=chance.random() < 0.5)
            services.until_more(2)
        told = ", ".join(f"{count} x {name}" for name, count in sorted(done.items()))
        return f"{told} with the socket held; the slowest 250 took {services.load.longest:.1f} s; {services.prove()}"
    finally:
        services.close()
