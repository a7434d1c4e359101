"""STARTTLS and AUTH by those who mean no good: nothing said before TLS is believed inside it (RFC 3207 §4.2)."""

from __future__ import annotations

import base64
import contextlib

import pytest
from certificates import make
from test_abuse import HELLO, MAIL, RCPT, TRUSTED, harmless
from test_tls import wrapped

from relay.config.settings import Tls


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Tls(*make(tmp_path_factory.mktemp("tls")))


@pytest.fixture
def client(serve, certificate):
    running = serve(networks=TRUSTED, tls=certificate)
    one = running.hello()
    one.running, one.certificate = running, certificate.certificate
    return one


def secured(client):
    """The client inside TLS."""
    assert harmless(client.say("STARTTLS")) == "220"
    return wrapped(client, client.certificate)


@pytest.mark.parametrize("behind", [b"NOOP\r\n", HELLO + MAIL + RCPT, b"EHLO", b"\r\n", b"\x16\x03\x01"])
def test_what_is_sent_behind_starttls_in_the_clear_is_run_neither_before_nor_inside_tls(client, behind):
    client.send(b"STARTTLS\r\n" + behind)
    assert harmless(client.reply()) == "554"
    assert client.closed()


def test_commands_in_the_clear_where_a_handshake_is_due_are_never_answered(client):
    assert harmless(client.say("STARTTLS")) == "220"
    client.send(HELLO + MAIL + RCPT)
    rest = b""
    with contextlib.suppress(OSError):
        rest = client.file.read()
    assert b"250" not in rest
    assert client.running.mails == []


def test_nothing_of_the_session_before_tls_holds_inside(client):
    assert client.say(MAIL.strip()).startswith("250")
    assert client.say(RCPT.strip()).startswith("250")
    inside = secured(client)
    assert harmless(inside.say("DATA")) == "503"
    assert harmless(inside.say(RCPT.strip())) == "503"
    assert harmless(inside.say(MAIL.strip())) == "503"
    assert inside.say(HELLO.strip()).startswith("250-")


def test_starttls_twice_starttls_with_words_and_before_ehlo_are_refused(client):
    assert harmless(client.say("STARTTLS xqzj")) == "501"
    inside = secured(client)
    assert "STARTTLS" not in inside.say(HELLO.strip())
    assert harmless(inside.say("STARTTLS")) == "503"
    assert harmless(inside.say("NOOP")) == "250"
    early = client.running.connect()
    early.reply()
    assert harmless(early.say("STARTTLS")) == "503"


def test_mail_inside_tls_is_kept_and_says_so(client):
    inside = secured(client)
    inside.say(HELLO.strip())
    inside.until_data()
    inside.send(b"Subject: x\r\n\r\nhi\r\n.\r\n")
    assert inside.reply().startswith("250 2.0.0")
    assert client.running.mails[0].envelope.client.tls.startswith("TLSv1.")


@pytest.mark.parametrize("said", ["AUTH PLAIN", "AUTH LOGIN", "AUTH XQZJ", "AUTH", f"AUTH PLAIN {'A' * 400}"])
def test_a_login_outside_tls_is_refused_and_its_password_not_read(client, said):
    assert harmless(client.say(said)) in ("538", "502")
    assert harmless(client.say(base64.b64encode(b"\0xqzj\0xqzj"))) == "500"
    assert harmless(client.say("NOOP")) == "250"
