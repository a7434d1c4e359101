"""The daemon as a person or an init system meets it: what it says, what it survives, how it ends."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from dns_stub import NameServer
from running import CAPTURE, PATIENCE, Relay

MAIL = b"Subject: hello\r\n\r\nhi\r\n"
INHERITING = """
import os, socket, sys
sockets = [socket.create_server(("127.0.0.1", 0)), socket.create_server(("::1", 0), family=socket.AF_INET6)]
for place, opened in enumerate(sockets):
    os.dup2(opened.fileno(), 10 + place)
for place in range(2):
    os.dup2(10 + place, 3 + place)
    os.set_inheritable(3 + place, True)
os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="smtp:smtp")
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    found = Relay(tmp_path)
    yield found
    if found.process is not None:
        found.stop()
    found.verify()


def children(relay: Relay) -> list[int]:
    assert relay.process is not None
    told = subprocess.run(["ps", "--ppid", str(relay.process.pid), "-o", "pid="], capture_output=True, check=False)
    return [int(word) for word in told.stdout.split()]


def refused(relay: Relay, *options: str) -> str:
    """What `serve` says when it cannot start: one line, and exit 1."""
    done = subprocess.run(
        relay.command("serve", *options), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done
    assert done.stderr.startswith("bcc-relay: ")
    return done.stderr


@pytest.mark.skipif(not shutil.which("ps"), reason="needs ps")
def test_a_full_disk_under_the_log_stops_neither_mail_nor_the_restart_of_the_filer(relay: Relay) -> None:
    with Path("/dev/full").open("w") as full:
        relay.process = subprocess.Popen(relay.command("serve"), stdout=subprocess.PIPE, stderr=full)
    assert relay.process.stdout is not None
    relay.port = int(relay.process.stdout.readline().rpartition(b":")[2])
    relay.filed(*relay.send(MAIL))
    for child in children(relay):
        os.kill(child, signal.SIGKILL)
    relay.filed(*relay.send(MAIL))
    assert relay.stop() == 0


def test_the_filing_half_may_be_started_first(relay: Relay) -> None:
    relay.start("--only", "file")
    filing, relay.process = relay.process, None
    relay.start("--only", "accept")
    relay.filed(*relay.send(MAIL))
    assert relay.stop() == 0
    relay.process = filing
    assert relay.stop() == 0
    assert "cannot_work" not in relay.log()


def test_sockets_inherited_from_systemd_are_served_and_said_so(relay: Relay) -> None:
    with (relay.folder / "daemon.log").open("ab") as log:
        relay.process = subprocess.Popen(
            [sys.executable, "-c", INHERITING, *relay.command("serve")], stdout=subprocess.PIPE, stderr=log
        )
    assert relay.process.stdout is not None
    line = relay.process.stdout.readline().decode()
    four, six = line.split()[-2:]
    relay.port = int(four.rpartition(":")[2])
    relay.filed(*relay.send(MAIL))
    with socket.create_connection(("::1", int(six.rpartition(":")[2])), timeout=PATIENCE) as client:
        assert client.recv(4) == b"220 "
    assert "inherited from systemd" in relay.log()
    assert relay.stop() == 0


def test_clients_outside_the_networks_are_told_so_by_the_real_daemon(tmp_path: Path) -> None:
    with NameServer() as dns:
        relay = Relay(tmp_path, f'[admission]\nnetworks = ["127.0.0.2/32"]\n[dns]\nservers = ["{dns.place}"]\n')
        relay.say("staff", "add", "Bob", "bob@example.org")
        relay.start()
        try:
            with socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as client:
                said = client.makefile("rb")
                for command, reply in (
                    (b"", b"220 "),
                    (b"HELO x\r\n", b"250 "),
                    (b"MAIL FROM:<rep@stranger.example>\r\n", b"250 "),
                    (b"RCPT TO:<crm@crm.example.org>\r\n", b"250 "),
                    (b"DATA\r\n", b"354 "),
                    (b"From: rep@stranger.example\r\n\r\nhello\r\n.\r\n", b"550 5.7.1 "),
                ):
                    client.sendall(command)
                    assert said.readline().startswith(reply)
        finally:
            assert relay.stop() == 0


def test_a_second_daemon_on_the_folder_is_one_line_that_names_the_first(relay: Relay) -> None:
    relay.start()
    assert relay.process is not None
    assert f"in use by another bcc-relay (process {relay.process.pid})" in refused(relay)


def test_a_bad_place_for_the_vault_is_one_line_for_both_halves(relay: Relay) -> None:
    relay.file.write_text(relay.file.read_text().replace('path = "vault"', 'path = "bcc-relay.toml"'))
    for options in ((), ("--only", "file")):
        assert "is not a folder: change [vault] path" in refused(relay, *options)


def until_taken(client: socket.socket, said: IO[bytes]) -> None:
    """Ask until there is room again: the daemon looks at the disk once a second."""
    end = time.monotonic() + PATIENCE
    answer = b""
    while not answer.startswith(b"250 "):
        assert time.monotonic() < end, answer
        client.sendall(b"MAIL FROM:<rep@example.org>\r\n")
        answer = said.readline()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to mount a disk of its own")
def test_a_vault_on_a_disk_without_room_says_so_at_start_puts_mail_off_and_recovers(relay: Relay) -> None:
    relay.vault.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(relay.vault)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount")
    try:
        relay.start()
        assert "vault.no_room" in relay.log()
        with socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE) as client:
            said = client.makefile("rb")
            said.readline()
            for line, answer in ((b"HELO x", b"250 "), (b"MAIL FROM:<rep@example.org>", b"452 4.3.1 storage is full")):
                client.sendall(line + b"\r\n")
                assert said.readline().startswith(answer)
            subprocess.run(["mount", "-o", "remount,size=400m", str(relay.vault)], check=True)
            until_taken(client, said)
            client.sendall(f"RCPT TO:<{CAPTURE}>\r\nDATA\r\n".encode())
            assert said.readline().startswith(b"250 ")
            assert said.readline().startswith(b"354 ")
            # Now the disk fills up in the middle of a message.
            subprocess.run(
                ["dd", "if=/dev/zero", f"of={relay.vault}/fill", "bs=1M", "count=500"], check=False, capture_output=True
            )
            client.sendall(MAIL + b"x" * 200_000 + b"\r\n.\r\n")
            assert said.readline().startswith(b"452 4.3.1 storage is full")
            (relay.vault / "fill").unlink()
            until_taken(client, said)
        relay.filed(*relay.send(MAIL))
        assert relay.sql("SELECT count(*) FROM message") == [[1]]
        assert relay.stop() == 0
    finally:
        if relay.process is not None:
            relay.stop()
        subprocess.run(["umount", "-l", str(relay.vault)], check=False)
