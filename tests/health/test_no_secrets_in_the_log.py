"""The log of the real daemon: no subject, no body, no secret, and ids that join a session, a mail and a message."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from tests.running import CAPTURE, Relay

MARKS = ("Vertraulich", "Gehaltsliste", "Kopfnote", "Anhangname", "tokenabcdefghijklmnop", "Passwort", "Fremdname")

MAIL = b"""\
From: Kopfnote <bob@example.org>
To: Anna Kopfnote <anna@lead.example>
Subject: Vertraulich: =?utf-8?q?Gehaltsliste?=
X-Note: Kopfnote
Message-ID: <%d.Kopfnote@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

Gehaltsliste Passwort
--b
Content-Type: text/html

<p onclick="Passwort">Gehaltsliste
--b
Content-Type: application/pdf; name="Anhangname.pdf"
Content-Disposition: attachment; filename="Anhangname.pdf"

x
--b--
"""


def wire(port: int, *lines: bytes) -> str:
    """What a client that speaks as it likes is told."""
    with socket.create_connection(("127.0.0.1", port), 10) as there:
        there.settimeout(10)
        got = there.recv(1000)
        for line in lines:
            there.sendall(line + b"\r\n")
            got += there.recv(4000)
    return got.decode("utf-8", "replace")


@pytest.mark.parametrize("form", ["logfmt", "json"])
def test_what_the_daemon_says_at_its_most_talkative_has_no_secrets_in_it(tmp_path: Path, form: str) -> None:
    relay = Relay(tmp_path, f'[log]\nlevel = "debug"\nformat = "{form}"\n')
    try:
        relay.start()
        tagged = CAPTURE.replace("@", "+me-tokenabcdefghijklmnop@")
        ids = relay.send(*(MAIL % n for n in range(14)), to=(tagged, CAPTURE))
        wire(
            relay.port,
            b"EHLO Fremdname.example",
            b"MAIL FROM:<Passwort@x.example>",
            b"RCPT TO:<Gehaltsliste@x.example>",
        )
        wire(relay.port, b"EHLO x", b"Passwort Vertraulich", b"MAIL FROM:<>", b"AUTH PLAIN Passwort")
        wire(relay.port, b"GET /Passwort HTTP/1.1")
        wire(relay.port, b"HELO a\rb\x1b[2J\x00", b"QUIT")
        relay.filed(*ids)
        relay.run("status", status=None)
    finally:
        relay.stop()
    said = relay.log()
    assert "mail.filed" in said
    assert "mail.refused" in said
    for mark in MARKS:
        assert mark.lower() not in said.lower()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", said)
    assert "Traceback" not in said


def test_ids_join_the_reply_the_session_and_the_message(tmp_path: Path) -> None:
    relay = Relay(tmp_path, '[log]\nformat = "json"\n')
    try:
        relay.start()
        [vault_id] = relay.send(MAIL % 1)
        relay.filed(vault_id)
        [[message]] = relay.sql("SELECT message_id FROM envelope WHERE vault_id = ?", vault_id)
    finally:
        relay.stop()
    events = [json.loads(line) for line in relay.log().splitlines()]
    [accepted] = [each for each in events if each["event"] == "mail.accepted"]
    [filed] = [each for each in events if each["event"] == "mail.filed"]
    assert accepted["vault_id"] == filed["vault_id"] == vault_id
    assert accepted["session"]
    assert filed["message_id"] == message
    assert {each["level"] for each in events} == {"info"}, "a quiet day has nothing to look at"


def test_sessions_of_two_runs_are_told_apart(tmp_path: Path) -> None:
    relay = Relay(tmp_path, '[log]\nlevel = "debug"\nformat = "json"\n')
    for _ in range(2):
        try:
            relay.start()
            for _ in range(2):
                wire(relay.port, b"QUIT")
        finally:
            relay.stop()
    closed = [
        each["session"] for line in relay.log().splitlines() if (each := json.loads(line))["event"] == "session.closed"
    ]
    assert len(set(closed)) == len(closed) == 4


def test_in_the_journal_the_daemon_and_its_processes_say_priorities_and_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = Relay(tmp_path)
    journal = tmp_path / "daemon.log"  # where the daemon's standard error goes
    journal.touch()
    monkeypatch.setenv("JOURNAL_STREAM", f"{journal.stat().st_dev}:{journal.stat().st_ino}")
    try:
        relay.start()
        relay.filed(*relay.send(MAIL % 1))
    finally:
        relay.stop()
    lines = relay.log().splitlines()
    assert all(re.match(r"<[3467]>level=[a-z]+ event=[a-z_.]+", line) for line in lines), lines
    assert any(line.startswith("<6>level=info event=mail.filed ") for line in lines), "the filer says so too"
