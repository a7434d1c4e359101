"""systemd is told that we live when mail can be taken, and only then."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from notified import INTERVAL, Systemd
from running import PATIENCE, Relay

from relay.notify import watchdog_seconds

MAIL = b"From: bob@example.org\r\nTo: anna@lead.example\r\nSubject: hello\r\n\r\nhi\r\n"
HANGING = str(Path(__file__).parent / "hanging.py")


def children(relay: Relay) -> list[int]:
    assert relay.process is not None
    told = subprocess.run(["ps", "--ppid", str(relay.process.pid), "-o", "pid="], capture_output=True, check=False)
    return [int(word) for word in told.stdout.split()]


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_only_when_systemd_says_so(environment: dict[str, str], seconds: float | None) -> None:
    assert watchdog_seconds(environment) == seconds


def test_an_idle_daemon_is_known_to_live_and_says_how_it_is(relay_running, systemd: Systemd) -> None:
    relay = relay_running(start=False).start(environment=systemd.environment)
    systemd.until("READY=1")
    systemd.until("WATCHDOG=1", times=4)
    relay.filed(*relay.send(MAIL, MAIL))
    line = systemd.until("STATUS=0 sessions, 2 accepted since start; last 2")
    assert line.endswith(" waiting to be filed")
    assert relay.stop() == 0
    systemd.until("STOPPING=1")


def test_half_a_daemon_is_watched_too(relay_running, systemd: Systemd) -> None:
    relay_running(start=False).start("--only", "file", environment=systemd.environment)
    systemd.until("WATCHDOG=1", times=3)
    systemd.until("STATUS=0 waiting to be filed")


@pytest.mark.skipif(not shutil.which("ps"), reason="needs ps")
def test_a_filer_that_stands_still_is_no_reason_to_end_the_daemon(relay_running, systemd: Systemd) -> None:
    relay = relay_running(start=False).start(environment=systemd.environment)
    stopped = children(relay)
    for child in stopped:
        os.kill(child, signal.SIGSTOP)
    try:
        accepted = relay.send(MAIL)
        systemd.until("WATCHDOG=1", times=5)
    finally:
        for child in stopped:
            os.kill(child, signal.SIGCONT)
    relay.filed(*accepted)


@pytest.mark.parametrize(
    ("step", "said"),
    [("vault.inserted", "vault.silent"), ("vault.replied", "")],
    ids=["the writer, as when a disk hangs", "the loop"],
)
def test_systemd_hears_nothing_while_it_hangs(relay_running, systemd: Systemd, step: str, said: str) -> None:
    relay = relay_running(start=False).start(program=HANGING, environment=systemd.environment)
    systemd.until("WATCHDOG=1", times=2)
    (relay.folder / "hang").write_text(step)
    accepted: list[str] = []
    sender = threading.Thread(target=lambda: accepted.extend(relay.send(MAIL)))
    sender.start()
    systemd.hear(INTERVAL)  # what was due before the mail came
    quiet = systemd.hear(3 * INTERVAL)
    (relay.folder / "hang").unlink()
    sender.join(PATIENCE)
    assert not [heard for heard in quiet if heard.startswith("WATCHDOG")]
    assert said in relay.log()
    assert accepted, "what was handed in while it hung is kept when it goes on"
    systemd.until("WATCHDOG=1", times=2)
    relay.filed(*accepted)


@pytest.mark.skipif(
    os.getuid() != 0 or not (shutil.which("fsfreeze") and shutil.which("mkfs.ext4")),
    reason="needs root, fsfreeze and mkfs.ext4",
)
def test_a_disk_that_hangs_is_noticed_though_no_mail_comes(relay_running, systemd: Systemd) -> None:
    relay = relay_running(start=False)
    relay.vault.mkdir()
    image = relay.folder / "image"
    with image.open("wb") as file:
        file.truncate(400 << 20)
    made = subprocess.run(["mkfs.ext4", "-q", image], capture_output=True, check=False)
    if made.returncode or subprocess.run(["mount", "-o", "loop", image, relay.vault], capture_output=True).returncode:
        pytest.skip("may not mount")
    try:
        relay.start(environment=systemd.environment)
        systemd.until("WATCHDOG=1", times=2)
        subprocess.run(["fsfreeze", "-f", relay.vault], check=True)
        systemd.hear(INTERVAL)
        assert not [heard for heard in systemd.hear(3 * INTERVAL) if heard.startswith("WATCHDOG")]
        subprocess.run(["fsfreeze", "-u", relay.vault], check=True)
        systemd.until("WATCHDOG=1", times=2)
        assert "vault.silent" in relay.log()
        assert "vault.answers" in relay.log()
    finally:
        subprocess.run(["fsfreeze", "-u", relay.vault], capture_output=True, check=False)
        relay.stop()
        subprocess.run(["umount", "-l", relay.vault], check=False)


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to mount a disk of its own")
def test_a_full_disk_puts_mail_off_and_keeps_the_daemon_alive(relay_running, systemd: Systemd) -> None:
    relay = relay_running(start=False)
    relay.vault.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", str(relay.vault)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount")
    try:
        relay.start(environment=systemd.environment)
        with socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as client:
            said = client.makefile("rb")
            said.readline()
            commands = b"HELO x", b"MAIL FROM:<rep@example.org>", b"RCPT TO:<crm@crm.example.org>", b"DATA"
            for line in commands:
                client.sendall(line + b"\r\n")
                assert said.readline()[:1] in b"23"
            fill = ["dd", "if=/dev/zero", f"of={relay.vault}/fill", "bs=1M", "count=400"]
            subprocess.run(fill, check=False, capture_output=True)
            client.sendall(MAIL + b"x" * 200_000 + b"\r\n.\r\n")
            assert said.readline().startswith(b"452 4.3.1 storage is full")
        systemd.until("STATUS=vault: the disk of ")
        systemd.until("WATCHDOG=1", times=4)
        assert relay.stop() == 0
    finally:
        relay.stop()
        subprocess.run(["umount", "-l", str(relay.vault)], check=False)
