"""Real clients hand in mail, and large mail from many at once stays within the memory bound."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
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

from relay.capture import bounds
from relay.mail.address import Address
from relay.mail.envelope import MailObject
from relay.vault.reader import Reader

CRM = "crm@crm.example.org"
CRASHING = Path(__file__).with_name("crashing.py")
MIB = 1024 * 1024


def needs(program: str, package: str) -> str:
    """The program, or a skip that says what to install; in CI (environment variable CI) a failure."""
    found = shutil.which(program)
    if found is None:
        reason = f"{program} is not installed: apt-get install {package}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


class Relay:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, CRASHING, folder, "never", "1", str(1 << 30)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def kept(self) -> list[MailObject]:
        with Reader(self.folder) as reader:
            return [mail for _, mail in reader.after(None, 1000, 1 << 40)]

    def memory(self, field: str) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)
        assert found
        return int(found[1]) * 1024


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    running = Relay(tmp_path / "vault")
    with running.process:
        yield running
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(30) == 0


def test_swaks(relay, tmp_path):
    swaks = needs("swaks", "swaks")
    page = tmp_path / "offer.txt"
    page.write_text("the offer\n.\n..two dots\n")
    result = subprocess.run(
        [swaks, "--server", f"127.0.0.1:{relay.port}", "--from", "rep@example.org", "--to", f"{CRM},crm+deal-4@crm.example.org",
         "--header", "Subject: from swaks", "--attach", f"@{page}", "--pipeline"],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    assert "250 2.0.0 accepted as " in result.stdout
    (mail,) = relay.kept()
    assert [str(path) for path in mail.envelope.forward_paths] == [CRM, "crm+deal-4@crm.example.org"]
    assert b"Subject: from swaks\r\n" in mail.content


def test_swaks_is_told_why_a_recipient_is_refused(relay):
    swaks = needs("swaks", "swaks")
    result = subprocess.run(
        [swaks, "--server", f"127.0.0.1:{relay.port}", "--from", "rep@example.org", "--to", "ann@elsewhere.example"],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 24
    assert "550 5.1.1" in result.stdout


def test_msmtp(relay):
    msmtp = needs("msmtp", "msmtp")
    content = "From: Rep <rep@example.org>\nTo: anna@lead.example\nSubject: from msmtp\n\n.\n.dot\nÄ\n"
    subprocess.run(
        [msmtp, "--host=127.0.0.1", f"--port={relay.port}", "--from=rep@example.org", "--tls=off", "--auth=off", CRM],
        input=content.encode(), check=True, timeout=60, capture_output=True,
    )  # fmt: skip
    (mail,) = relay.kept()
    assert mail.envelope.reverse_path == Address("rep", "example.org")
    assert mail.content.endswith("\r\n\r\n.\r\n.dot\r\nÄ\r\n".encode())


def test_s_nail_with_the_capture_address_in_bcc(relay, tmp_path):
    nail = needs("s-nail", "s-nail")
    attachment = tmp_path / "offer.pdf"
    attachment.write_bytes(b"%PDF-1.4\n" + os.urandom(50_000))
    result = subprocess.run(
        [nail, "-:/", "-Sv15-compat=yes", f"-Smta=smtp://127.0.0.1:{relay.port}", "-Ssmtp-auth=none", "-Shostname=rep.example.org",
         "-Sfrom=rep@example.org", "-s", "from s-nail", "-a", str(attachment), "-b", CRM, "-Ssave=", CRM],
        check=False, input=b"hello\n.\nmore\n", capture_output=True, timeout=60, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    (mail,) = relay.kept()
    assert b"Subject: from s-nail\r\n" in mail.content
    assert len(mail.content) > 60_000


def test_more_connections_than_descriptors_are_sent_away_without_a_flood_in_the_log(tmp_path):
    """accept with no descriptor left would log an error for each place in the backlog, many times a second."""
    log = tmp_path / "log"
    with log.open("wb") as errors, subprocess.Popen(
        ["prlimit", "--nofile=184:184", sys.executable, CRASHING, tmp_path / "vault", "never", "1", str(1 << 30)],
        stdout=subprocess.PIPE, stderr=errors, text=True,
    ) as process, contextlib.ExitStack() as ending:  # fmt: skip
        assert process.stdout
        ending.callback(process.kill)  # else a failed assertion waits for ever
        port = int(process.stdout.readline())
        greeted = []
        with contextlib.ExitStack() as held:
            for _ in range(200):
                client = held.enter_context(socket.create_connection(("127.0.0.1", port), 10))
                greeted.append(client.recv(3))
        assert greeted.count(b"220") == 184 - bounds.SPARE_DESCRIPTORS
        assert greeted.count(b"421") == 200 - greeted.count(b"220")
        deadline = time.monotonic() + 20
        while True:
            try:
                with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
                    client.sendmail("rep@example.org", [CRM], b"x\r\n")
                break
            except smtplib.SMTPConnectError:  # it has not seen yet that the others are gone
                assert time.monotonic() < deadline
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert log.stat().st_size < 20_000


def test_smtplib_with_25_mib_and_utf8(relay):
    body = b"Subject: large\r\n\r\n" + (b"." + b"x" * 75 + b"\r\n") * (25 * MIB // 78)
    with smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as client:
        client.sendmail("änne@example.org", [CRM], body, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    (mail,) = relay.kept()
    assert mail.content == body
    assert mail.envelope.reverse_path == Address("änne", "example.org")


@pytest.mark.slow
def test_20_clients_with_25_mib_at_once_get_through_within_the_bound_and_the_memory_comes_back(relay):
    with smtplib.SMTP("127.0.0.1", relay.port, timeout=60) as client:
        client.sendmail("rep@example.org", [CRM], b"x\r\n")
    before = relay.memory("VmRSS")
    body = (b"x" * 76 + b"\r\n") * (25 * MIB // 78)
    failures = []
    patience = time.monotonic() + 110

    def offer(number: int) -> tuple[int, bytes]:
        """The reply that decides: to MAIL when it is no 250, else to the message."""
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=110) as client:
            client.ehlo()
            # Half of them declare their size, as MTAs do.
            said = client.mail("rep@example.org", [f"SIZE={len(body)}"] if number % 2 else [])
            if said[0] != 250:
                return said
            assert client.rcpt(CRM)[0] == 250
            return client.data(body)

    def send(number: int) -> None:
        try:
            said = offer(number)
            while said[0] == 452 and time.monotonic() < patience:  # no memory now: as an MTA, come again
                threading.Event().wait(0.2)
                said = offer(number)
            assert said[0] == 250, said
        except Exception as error:  # noqa: BLE001  shown below
            failures.append(error)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(115)
    assert not failures
    assert relay.memory("VmHWM") < 512 * MIB
    with Reader(relay.folder) as reader:
        assert reader.count_after(None) == 21
    deadline = time.monotonic() + 20
    while relay.memory("VmRSS") > before + 32 * MIB:
        assert time.monotonic() < deadline, "the memory does not come back"
        threading.Event().wait(0.05)
