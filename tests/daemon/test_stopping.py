"""How the daemon ends: what is said to whom, what is waited for, and that nothing is lost by it."""

from __future__ import annotations

import signal
import socket
import time
from typing import IO

import pytest
from running import CAPTURE, PATIENCE, Relay

MAIL = b"From: bob@example.org\r\nTo: anna@lead.example\r\nSubject: hello\r\n\r\nhi\r\n"


class Client:
    """A connection that goes through its commands by hand."""

    def __init__(self, relay: Relay) -> None:
        self.socket = socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE)
        self.said: IO[bytes] = self.socket.makefile("rb")
        assert self.said.readline().startswith(b"220 ")

    def tell(self, line: bytes, answer: bytes) -> None:
        self.socket.sendall(line + b"\r\n")
        said = self.said.readline()
        assert said.startswith(answer), said

    def in_data(self) -> Client:
        """As far as the middle of a message."""
        self.tell(b"HELO x", b"250 ")
        self.tell(b"MAIL FROM:<bob@example.org>", b"250 ")
        self.tell(f"RCPT TO:<{CAPTURE}>".encode(), b"250 ")
        self.tell(b"DATA", b"354 ")
        self.socket.sendall(MAIL)
        return self

    def close(self) -> None:
        self.said.close()
        self.socket.close()


def until(relay: Relay, event: str) -> None:
    end = time.monotonic() + PATIENCE
    while event not in relay.log():
        assert time.monotonic() < end, relay.log()
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_sessions_are_sent_away_and_a_message_in_progress_is_finished(relay: Relay, number: int) -> None:
    assert relay.process is not None
    idle, busy = Client(relay), Client(relay).in_data()
    relay.process.send_signal(number)
    assert idle.said.readline().startswith(b"421 4.3.2")
    assert idle.said.readline() == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", relay.port), timeout=PATIENCE)
    relay.process.send_signal(number)  # at once: the group was meant, or a supervisor says it to be sure
    busy.socket.sendall(b"the end\r\n.\r\n")
    answer = busy.said.readline()
    assert answer.startswith(b"250 2.0.0 accepted as ")
    assert busy.said.readline().startswith(b"421 4.3.2")
    assert relay.process.wait(PATIENCE) == 0
    relay.filed(answer.split()[-1].decode())
    idle.close()
    busy.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_same_signal_again_ends_it_now_and_loses_nothing(relay: Relay, number: int) -> None:
    accepted = relay.send(*[MAIL] * 30)
    assert relay.process is not None
    endless = Client(relay).in_data()
    began = time.monotonic()
    relay.process.send_signal(number)
    until(relay, "daemon.stopping")
    end = began + PATIENCE
    while relay.process.poll() is None:  # a person who is impatient
        assert time.monotonic() < end, "it waits for a message that never ends"
        time.sleep(0.3)
        relay.process.send_signal(number)
    assert relay.process.returncode == 0
    assert time.monotonic() - began < 15, "it waited out its graces"
    assert "daemon.hurried" in relay.log()
    assert endless.said.read() == b"", "cut without an answer: the sender tries again"
    endless.close()
    assert relay.stop() == 0
    relay.start()
    relay.filed(*accepted)
    assert relay.sql("SELECT count(*) FROM _vault_outcome") == [[30]]
