"""Mail of strangers that is refused for what it is, by the real daemon, before any question to DNS: in step and at once."""

from __future__ import annotations

import re
import socket
import time

from running import CAPTURE, Relay

HEAD = b"From: xqzj@stranger.example\r\n"
MAILS = {
    "header too long": (HEAD + b"X: " + b"xqzj" * 70_000 + b"\r\n\r\nhi\r\n", b"552 5.6.0 "),
    "too many fields": (HEAD + b"X: xqzj\r\n" * 1001 + b"\r\nhi\r\n", b"552 5.6.0 "),
    "header without end": (HEAD + b"X: y\r\n" * 60_000, b"552 5.6.0 "),
    "a loop": (b"Received: from xqzj by xqzj; today\r\n" * 51 + HEAD + b"\r\nhi\r\n", b"554 5.4.6 "),
    "no author": (b"Subject: xqzj\r\n\r\nhi\r\n", b"550 5.6.0 "),
    "nothing at all": (b"", b"550 5.6.0 "),
    "two From fields": (HEAD * 2 + b"\r\nhi\r\n", b"550 5.6.0 "),
    "two authors": (b"From: a@xqzj.example, b@xqzj.example\r\n\r\nhi\r\n", b"550 5.6.0 "),
    "octets": (bytes(range(256)) * 40 + b"\r\n", b"550 5.6.0 "),
}


def test_what_can_never_be_admitted_is_refused_at_once_and_in_step(relay_running) -> None:
    relay: Relay = relay_running(
        '[admission]\nnetworks = ["127.0.0.1"]\n[dns]\nservers = ["127.0.0.1:1"]\ntimeout = "20 s"\n'
    )
    with (
        socket.create_connection(("127.0.0.1", relay.port), 20, source_address=("127.0.0.2", 0)) as client,
        client.makefile("rb") as replies,
    ):

        def say(octets: bytes) -> bytes:
            client.sendall(octets)
            while (line := replies.readline())[3:4] == b"-":
                pass
            return line

        assert say(b"").startswith(b"220 ")
        assert say(b"EHLO xqzj.example\r\n").startswith(b"250 ")
        for name, (content, due) in MAILS.items():
            assert say(b"MAIL FROM:<xqzj@stranger.example>\r\n").startswith(b"250 "), name
            assert say(f"RCPT TO:<{CAPTURE}>\r\n".encode()).startswith(b"250 "), name
            assert say(b"DATA\r\n").startswith(b"354 "), name
            began = time.monotonic()
            told = say(content + b".\r\n")
            assert told.startswith(due), (name, told)
            assert re.fullmatch(rb"[\x20-\x7e]+\r\n", told), name
            assert b"xqzj" not in told, name
            assert time.monotonic() - began < 10, f"{name}: DNS was asked"
        assert say(b"QUIT\r\n").startswith(b"221 ")
    relay.filed(*relay.send(b"From: bob@example.org\r\nTo: anna@lead.example\r\n\r\nhi\r\n"))
    assert relay.sql("SELECT count(*) FROM message") == [[1]]
    assert "xqzj" not in relay.log()
