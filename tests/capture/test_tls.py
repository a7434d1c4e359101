"""TLS: nothing from before the handshake is believed, the certificate is read again, and nobody waits for a slow one."""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import replace
from ipaddress import ip_network

import pytest
from certificates import make, trusting

from relay.capture import bounds
from relay.config.settings import Admission, Endpoint, Tls, Upstream

HERE = (Endpoint("127.0.0.1", 0),)


@pytest.fixture
def pair(tmp_path):
    return Tls(*make(tmp_path))


@pytest.fixture
def secured(serve, pair):
    """A server with STARTTLS and a port with TLS from the first octet."""
    return lambda **options: serve(**{"tls": pair, "listen_tls": HERE, **options})


def wrapped(client, certificate, **options):
    """The same connection inside TLS."""
    client.file.close()
    client.socket = trusting(certificate).wrap_socket(client.socket, server_hostname="crm.example.org", **options)
    client.file = client.socket.makefile("rb")
    return client


def inside(running, pair):
    client = running.hello()
    assert client.say("STARTTLS").startswith("220 ")
    return wrapped(client, pair.certificate)


def at_once(running, pair, **options):
    client = running.connect_tls()
    return wrapped(client, pair.certificate, **options)


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_mail_comes_in_by_starttls_and_by_tls_from_the_first_octet(secured, pair, loop):
    running = secured(loop=loop)
    for client in (inside(running, pair), at_once(running, pair)):
        greeting = client.reply() if client.socket.getpeername()[1] != running.port else "220 "
        assert greeting.startswith("220 ")
        offered = client.say("EHLO rep.example.org")
        assert "STARTTLS" not in offered
        client.until_data()
        assert client.say("From: rep@example.org\r\n\r\nhello\r\n.").startswith("250 ")
        told = running.mails[-1].envelope.client
        assert (told.name, told.tls) == ("rep.example.org", "TLSv1.3 TLS_AES_256_GCM_SHA384")
        assert client.say("QUIT").startswith("221 ")
        assert client.closed()
        client.close()  # who has heard our goodbye and says none is let go ten seconds later
    running.wait(lambda: running.server.sessions == 0)


def test_starttls_is_offered_with_a_certificate_only_and_never_twice(serve, secured, pair):
    without = serve()
    client = without.connect()
    client.reply()
    assert "STARTTLS" not in client.say("EHLO x")
    assert client.say("STARTTLS").startswith("502 5.5.1")
    running = secured()
    client = running.connect()
    client.reply()
    assert client.say("STARTTLS") == "503 5.5.1 say EHLO or HELO first"
    assert client.say("EHLO x").endswith("STARTTLS")
    assert client.say("STARTTLS now").startswith("501 ")
    client = inside(running, pair)
    assert client.say("STARTTLS").startswith("503 5.5.1")
    assert client.say("EHLO x").startswith("250-")


def test_nothing_said_before_the_handshake_is_believed_after_it(secured, pair):
    running = secured()
    client = running.hello()
    assert client.say("MAIL FROM:<rep@example.org>").startswith("250 ")
    assert client.say("RCPT TO:<crm@crm.example.org>").startswith("250 ")
    assert client.say("STARTTLS").startswith("220 ")
    wrapped(client, pair.certificate)
    assert client.say("DATA").startswith("503 ")
    assert client.say("MAIL FROM:<rep@example.org>").startswith("503 5.5.1 say EHLO")
    assert client.say("EHLO again.example.org").startswith("250-")
    client.until_data()
    client.say("From: rep@example.org\r\n\r\nx\r\n.")
    assert running.mails[-1].envelope.client.name == "again.example.org"


INJECTED = b"RSET\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<crm@crm.example.org>\r\nDATA\r\nevil\r\n.\r\n"


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("cut", [1, 3, len(INJECTED)])
def test_commands_behind_starttls_are_never_answered(secured, pair, loop, cut):
    running = secured(loop=loop)
    for first in range(0, 12, 3):  # in the same packet from here on, the rest in one of its own
        client = running.hello()
        words = b"STARTTLS\r\n" + INJECTED[:cut]
        client.send(words[: 10 + first])
        if words[10 + first :]:
            client.send(words[10 + first :])
        said = client.reply()
        assert said.startswith(("554 5.5.0", "220 "))
        if said.startswith("220 "):
            # Octets that came after our answer are for TLS, which cannot read them.
            with contextlib.suppress(OSError):
                client.send(b"NOOP\r\n" * 3)
                client.socket.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                left = client.file.read()
                assert b"250" not in left
                assert b"500" not in left
        else:
            assert client.closed()
    assert running.mails == []
    running.wait(lambda: running.server.sessions == 0)


def test_a_handshake_that_never_comes_is_cut_and_counts_at_the_gate(secured, pair, monkeypatch):
    monkeypatch.setattr(bounds, "HANDSHAKE", 0.2)
    running = secured()
    idle = running.connect_tls()
    half = running.hello()
    assert half.say("STARTTLS").startswith("220 ")
    running.wait(lambda: running.server.sessions == 2)
    assert idle.closed()
    assert half.closed()
    running.wait(lambda: running.server.sessions == 0)
    running.wait(lambda: running.names().count("session.cut") == 2)


def test_plain_words_at_the_port_with_tls_and_a_crowd_get_no_answer(secured, pair):
    running = secured()
    client = running.connect_tls()
    client.send(b"EHLO x\r\n")
    assert b"250" not in client.file.read()
    running.wait(lambda: running.server.sessions == 0)


def test_what_is_older_than_tls_1_2_is_refused(secured, pair):
    running = secured()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    for limit in ("minimum_version", "maximum_version"):
        with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
            setattr(old, limit, ssl.TLSVersion.TLSv1_1)
    with pytest.raises(OSError):
        old.wrap_socket(running.connect_tls().socket)
    new = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    new.load_verify_locations(pair.certificate)
    new.maximum_version = ssl.TLSVersion.TLSv1_2
    with new.wrap_socket(running.connect_tls().socket, server_hostname="crm.example.org") as spoken:
        assert spoken.version() == "TLSv1.2"


def test_a_new_certificate_is_shown_at_the_next_handshake_and_a_broken_one_never(secured, pair, tmp_path, monkeypatch):
    monkeypatch.setattr("relay.capture.tls.LOOK", 0.0)
    running = secured()
    assert at_once(running, pair).reply().startswith("220 ")
    old = pair.certificate.read_bytes()
    pair.certificate.write_bytes(b"-----BEGIN CERTIFICATE-----\nno\n")
    (tmp_path / "old.crt").write_bytes(old)
    before = replace(pair, certificate=tmp_path / "old.crt")
    assert at_once(running, before).reply().startswith("220 "), "the one before stays"
    assert running.names().count("tls.certificate_unusable") == 1
    assert running.server.certificate.trouble
    make(tmp_path)
    assert at_once(running, pair).reply().startswith("220 ")
    assert running.server.certificate.trouble == ""
    make(tmp_path, stem="other")
    pair.key.write_bytes((tmp_path / "other.key").read_bytes())
    assert at_once(running, pair).reply().startswith("220 ")
    assert "is not that of the certificate" in running.server.certificate.trouble


def test_without_a_usable_certificate_mail_is_taken_all_the_same(secured, pair):
    pair.key.unlink()
    running = secured()
    client = running.connect()
    client.reply()
    assert "STARTTLS" not in client.say("EHLO x")
    assert client.say("STARTTLS").startswith("454 4.7.0")
    client.until_data()
    assert client.say("From: rep@example.org\r\n\r\nx\r\n.").startswith("250 ")
    assert running.connect_tls().closed()
    assert "must be able to read it" in running.server.certificate.trouble


def test_a_client_certificate_is_asked_of_a_named_upstream_only(serve, pair, tmp_path):
    theirs, key = make(tmp_path, "mx.example.org", stem="theirs")
    shown = trusting(pair.certificate)
    shown.load_cert_chain(theirs, key)
    named = Upstream(networks=(ip_network("127.0.0.1/32"),), client_certificate="mx.example.org")

    def names(source, **options):
        running = serve(tls=pair, listen_tls=HERE, admission=Admission(upstream=(named,), client_ca=theirs), **options)
        client = running.connect_tls(source=source)
        with shown.wrap_socket(client.socket, server_hostname="crm.example.org") as spoken:
            assert spoken.recv(99).startswith(b"220 ")
            [session] = running.call(lambda: list(running.server._house.sessions))
            return session._certificates

    assert names("127.0.0.1") == ("mx.example.org",)
    assert names("127.0.0.2") == (), "a stranger is not asked, so what it would show cannot fail"
    stranger, key = make(tmp_path, "mx.example.org", stem="stranger")
    shown = trusting(pair.certificate)
    shown.load_cert_chain(stranger, key)
    with pytest.raises((OSError, AssertionError)):
        names("127.0.0.1")


def test_a_large_mail_comes_through_tls_in_pieces_whole(secured, pair):
    running = secured()
    client = at_once(running, pair)
    client.reply()
    client.say("EHLO x")
    client.until_data()
    line = b"x" * 900 + b"\r\n"
    client.send(b"From: rep@example.org\r\n\r\n" + line * 800 + b".\r\n")
    assert client.reply().startswith("250 ")
    assert running.mails[-1].content.count(line) == 800
