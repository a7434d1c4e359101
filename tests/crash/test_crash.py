"""kill -9 of any process at any moment: every message that got its 250 is there exactly once.

Each test hands in numbered messages, stops a process at a named step (or at random), starts the daemon
again, and lets the clients repeat what was not acknowledged, as mail clients do. Then the database is
read by another program.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.vault import writer
from relay.work import filer
from tests.crash.stopping import early_or_late

STOPPING = Path(__file__).with_name("stopping.py")
LEAD = "anna@lead.example"


class House:
    """A folder with a configuration, and whatever daemon runs on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "bcc-relay.toml"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.config.write_text(
            f'[capture]\nhostname = "crm.example.org"\nlisten = ["127.0.0.1:{self.port}"]\n'
            'addresses = ["crm@crm.example.org"]\n[company]\ndomains = ["example.org"]\n'
            '[store]\npath = "relay.db"\n[vault]\npath = "vault"\n'
        )
        self.daemon: subprocess.Popen[bytes] | None = None
        self.acknowledged: dict[int, str] = {}
        self.command("lead", "add", "Anna", LEAD)

    def command(self, *words: str) -> str:
        result = subprocess.run(
            [sys.executable, "-m", "relay", "-c", str(self.config), *words], capture_output=True, text=True, timeout=60
        )
        assert result.returncode == 0, result.stderr + result.stdout
        return result.stdout

    def start(self, *stopping: str) -> None:
        words = (
            [str(STOPPING), "serve", str(self.config), *stopping]
            if stopping
            else ["-m", "relay", "-c", str(self.config), "serve"]
        )
        with (self.folder / "log").open("ab") as log:
            self.daemon = subprocess.Popen([sys.executable, *words], stdout=log, stderr=log)
        self.until(self.listening, "the daemon to listen")

    def listening(self) -> bool:
        if self.daemon is not None and self.daemon.poll() is not None:
            return True  # it stopped at its step before it listened
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def until(self, claim, what: str, seconds: float = 40) -> None:
        deadline = time.monotonic() + seconds
        while not claim():
            assert time.monotonic() < deadline, (
                f"waited {seconds} s for {what}\n{(self.folder / 'log').read_text()[-3000:]}"
            )
            time.sleep(0.02)

    def dead(self) -> bool:
        return self.daemon is None or self.daemon.poll() is not None

    def kill(self) -> None:
        if self.daemon:
            self.daemon.kill()
            self.daemon.wait()

    def stop(self) -> None:
        if self.daemon and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait(60)

    def sql(self, statement: str) -> list[list[str]]:
        """What another program reads: the sqlite3 command, with a library of its own."""
        done = subprocess.run(
            ["sqlite3", "-json", "-cmd", ".timeout 5000", str(self.folder / "relay.db"), statement],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return [list(row.values()) for row in json.loads(done.stdout or "[]")]

    def hand_in(self, numbers: list[int]) -> None:
        """Send each message until it is acknowledged or the daemon is gone; note the vault ids of the 250s."""
        with (
            contextlib.suppress(OSError, smtplib.SMTPException),
            smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client,
        ):
            client.ehlo()
            for number in numbers:
                for word in (client.mail(LEAD), client.rcpt("crm@crm.example.org")):
                    assert word[0] == 250, word
                code, text = client.data(content(number))
                if code == 250:
                    self.acknowledged[number] = text.decode().split()[-1]

    def hand_in_all(self, count: int, clients: int = 4) -> None:
        """All that is not acknowledged yet, by several clients at once."""
        left = [n for n in range(count) if n not in self.acknowledged]
        threads = [threading.Thread(target=self.hand_in, args=(left[k::clients],)) for k in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    def filed(self) -> set[str]:
        return {vault_id for (vault_id,) in self.sql("SELECT vault_id FROM envelope")}

    def check(self, count: int) -> None:
        """Every acknowledged mail is there exactly once, on the lead, and the invariants hold."""
        assert sorted(self.acknowledged) == list(range(count))
        self.until(lambda: set(self.acknowledged.values()) <= self.filed(), "all to be filed")
        envelopes = self.sql("SELECT vault_id, count(*) FROM envelope GROUP BY vault_id HAVING count(*) <> 1")
        assert envelopes == []
        seen = self.sql("SELECT m.internet_message_id, count(*) FROM message m GROUP BY 1")
        assert sorted(row[0] for row in seen) == sorted(f"m{n}@lead.example" for n in range(count))
        assert {row[1] for row in seen} == {1}
        assert self.sql("SELECT count(*) FROM lead_timeline WHERE lead_id = 1") == [[count]]
        assert self.sql("SELECT count(*) FROM message WHERE status <> 'filed'") == [[0]]
        self.stop()
        assert self.sql("PRAGMA integrity_check") == [["ok"]]
        self.command("verify")


def content(number: int) -> bytes:
    return (
        f"From: Anna <{LEAD}>\r\nTo: crm@crm.example.org\r\nSubject: number {number}\r\nMessage-ID: <m{number}@lead.example>\r\n"
        f"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\nHello, this is number {number}.\r\n"
    ).encode()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.kill()


@pytest.mark.parametrize(("step", "count"), early_or_late([s for s in writer.STEPS if s != "vault.rotated"], 3))
def test_the_daemon_may_die_at_every_step_of_the_vault(house: House, step: str, count: int) -> None:
    house.start(step, str(count))
    house.hand_in_all(12)
    house.until(house.dead, f"the daemon to reach {step}")
    house.start()
    house.hand_in_all(12)
    house.check(12)


@pytest.mark.parametrize(("step", "count"), early_or_late(filer.STEPS, 4))
def test_the_filer_may_die_at_every_step(house: House, step: str, count: int) -> None:
    house.start(step, str(count))
    sent = 0
    stopped = house.folder / "stopped"
    end = time.monotonic() + 60  # a busy machine takes its time to start a filer
    while not stopped.exists():  # a step of the batch, not of the mail, takes several batches to count
        assert time.monotonic() < end
        sent += 12
        house.hand_in_all(sent)
        look_again = time.monotonic() + 0.5
        while not stopped.exists() and time.monotonic() < look_again:
            time.sleep(0.01)
    house.until(lambda: b"filer.died" in (house.folder / "log").read_bytes(), "the daemon to notice")
    house.check(sent)


@pytest.mark.slow
def test_nothing_is_lost_or_doubled_when_processes_are_killed_at_random(house: House) -> None:
    chance = random.Random(20261121)
    total = 0
    for _ in range(12):
        house.start()
        total += 60
        clients = threading.Thread(target=house.hand_in_all, args=(total,))
        clients.start()
        time.sleep(chance.uniform(0.05, 0.6))  # the moment of death is the random thing here
        victims = [house.daemon.pid, *children(house.daemon.pid)] if house.daemon else []
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(victims), signal.SIGKILL)
        if chance.random() < 0.7:
            house.kill()
        clients.join(90)
        house.kill()
    house.start()
    house.hand_in_all(total)
    house.check(total)


def children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
