"""kill -9 at every named step: what got its 250 is in the vault, once, under the id it was told."""

from __future__ import annotations

import contextlib
import signal
import smtplib
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from relay.capture import reception
from relay.vault import writer
from relay.vault.reader import Reader

CRASHING = Path(__file__).with_name("crashing.py")
CLIENTS = 6


class Load:
    """Clients that send numbered mails until the server is gone, and note what each 250 said."""

    def __init__(self, port: int, turn: int, most: int = 10_000) -> None:
        self.acknowledged: dict[str, str] = {}
        self.refused = 0
        self._port, self._turn, self._most = port, turn, most
        self._threads = [threading.Thread(target=self._send, args=(client,)) for client in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def _send(self, client: int) -> None:
        with (
            contextlib.suppress(OSError, smtplib.SMTPException),
            smtplib.SMTP("127.0.0.1", self._port, timeout=10) as smtp,
        ):
            smtp.ehlo()
            for number in range(self._most):
                content = f"Subject: {self._turn}-{client}-{number}\r\n\r\n{'x' * (number % 7 * 3000)}\r\n"
                smtp.mail("rep@example.org")
                smtp.rcpt("crm@crm.example.org")
                code, answer = smtp.data(content.encode())
                if code == 250:
                    self.acknowledged[answer.decode().rpartition(" ")[2]] = content
                else:
                    self.refused += 1

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)


def start(folder: Path, step: str, count: int, segment_size: int = 1 << 30) -> tuple[subprocess.Popen[str], int]:
    server = subprocess.Popen(
        [sys.executable, CRASHING, folder, step, str(count), str(segment_size)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert server.stdout
    for line in server.stdout:
        if line.strip().isdigit():
            return server, int(line)
    raise AssertionError("the server did not start")


def check(folder: Path, acknowledged: dict[str, str]) -> None:
    with Reader(folder) as reader:
        kept = reader.after(None, 1_000_000)
    by_id = {str(vault_id): mail.content.decode() for vault_id, mail in kept}
    assert len(by_id) == len(kept), "an id twice"
    assert len(set(by_id.values())) == len(kept), "a mail twice"
    for vault_id, content in acknowledged.items():
        assert by_id.get(vault_id) == content


# Each step once, at its first time or later; tests/crash kills the whole daemon at each of them, too.
@pytest.mark.parametrize(("step", "count"), [(s, (1, 9)[n % 2]) for n, s in enumerate(writer.STEPS + reception.STEPS)])
def test_every_250_survives_kill_minus_9_at_every_step(tmp_path, step, count):
    folder = tmp_path / "vault"
    acknowledged: dict[str, str] = {}
    small = 150_000 if step == "vault.rotated" else 1 << 30
    for turn, times in enumerate((count, count + 3, count)):
        server, port = start(folder, step, times, small)
        with server:
            load = Load(port, turn)
            server.wait(60)
            load.join()
        assert server.returncode == -signal.SIGKILL
        assert not acknowledged.keys() & load.acknowledged.keys(), "an id was given out again"
        acknowledged |= load.acknowledged
        check(folder, acknowledged)
    if count > 1:
        assert acknowledged
    server, port = start(folder, "never", 1)
    with server:
        load = Load(port, 9, most=5)
        load.join()
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    assert server.returncode == 0
    assert len(load.acknowledged) == 5 * CLIENTS
    check(folder, acknowledged | load.acknowledged)


def test_every_250_survives_kill_minus_9_at_any_moment(tmp_path):
    folder = tmp_path / "vault"
    acknowledged: dict[str, str] = {}
    for turn in range(5):
        server, port = start(folder, "never", 1, 3_000_000)
        with server:
            load = Load(port, turn)
            enough = time.monotonic() + 20
            while len(load.acknowledged) < 40 * (turn + 1) + turn and time.monotonic() < enough:
                threading.Event().wait(0.001)
            server.kill()
            load.join()
        acknowledged |= load.acknowledged
        check(folder, acknowledged)
    assert len(acknowledged) > 400


def test_sigterm_loses_nothing_and_answers_everybody(tmp_path):
    folder = tmp_path / "vault"
    server, port = start(folder, "never", 1)
    with server:
        load = Load(port, 0)
        while len(load.acknowledged) < 100:
            threading.Event().wait(0.001)
        server.send_signal(signal.SIGTERM)
        load.join()
        server.wait(30)
    assert server.returncode == 0
    check(folder, load.acknowledged)
    with Reader(folder) as reader:
        assert reader.count_after(None) == len(load.acknowledged), "kept, but nobody was told"
    assert not list(folder.glob("*-wal"))
