"""The front door: ways to it, what is heard there, and what that means."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes
from ipaddress import ip_network

import pytest

from relay.doctor import dialogue, door
from relay.doctor.dialogue import Doors, Met
from relay.doctor.door import Way
from relay.doctor.finding import Level

HOST = "crm.example.org"
LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
MET = Met("127.0.0.1:25", greeting=f"220 {HOST} ESMTP", starttls=True, tls="TLSv1.3", foreign="550 5.1.1 no")


@contextmanager
def server(*replies: bytes) -> Iterator[int]:
    """Says one of `replies` for each line it hears, the first at once; then closes."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listening.accept()
        with client, client.makefile("rb") as lines:
            for reply in replies:
                client.sendall(reply)
                lines.readline()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listening:
        yield listening.getsockname()[1]
        thread.join(10)


def test_where_a_daemon_listens_is_read_from_its_own_words() -> None:
    told = ["0.0.0.0:25", "[::]:25", "tls:192.0.2.1:465", "lmtp:/run/bcc-relay/lmtp.sock", "nonsense"]
    assert dialogue.doors(told) == Doors(
        (("0.0.0.0", 25), ("::", 25)),
        (("192.0.2.1", 465),),
        ("/run/bcc-relay/lmtp.sock",),
    )


def test_a_stranger_comes_from_our_own_public_address_and_a_trusted_client_from_loopback() -> None:
    ways = door.ways(Doors((("0.0.0.0", 25),)), ["203.0.112.7"], LOOPBACK)
    strangers = [way for way in ways if not door.trusted(way, LOOPBACK)]
    assert strangers == [Way("203.0.112.7", 25, "203.0.112.7")]
    assert Way("127.0.0.1", 25, "127.0.0.1") in ways


def test_where_only_loopback_is_listened_on_nobody_comes_from_elsewhere() -> None:
    networks = [ip_network("127.0.0.2/32")]
    ways = door.ways(Doors((("127.0.0.1", 2525),)), ["203.0.112.7"], networks)
    assert [way.source for way in ways] == ["127.0.0.1", "127.0.0.2"]
    assert [door.trusted(way, networks) for way in ways] == [False, True]


def test_full_trust_is_for_a_house_and_not_for_a_continent() -> None:
    def levels(*networks: str, upstream: str = "192.0.2.0/24") -> list[Level]:
        return [
            each.level for each in door.trust(list(map(ip_network, networks)), [ip_network(upstream)], ["203.0.112.7"])
        ]

    assert levels("127.0.0.0/8", "10.0.0.0/8", "203.0.112.9/32") == [Level.OK]
    assert levels("0.0.0.0/0") == [Level.ERROR]
    assert levels("40.92.0.0/15", "2a01:111:f400::/40") == [Level.WARNING, Level.WARNING]
    assert levels("127.0.0.0/8", upstream="203.0.112.0/24") == [Level.WARNING]


def test_the_greeting_tells_whether_it_is_us() -> None:
    assert door.greeting(MET, HOST).level is Level.OK
    for other in ("220 mail.example.org ESMTP Postfix", "220", "554 no"):
        assert door.greeting(Met("x", greeting=other), HOST).level is Level.ERROR


def test_tls_must_be_offered_and_work() -> None:
    assert door.starttls(MET, configured=True).level is Level.OK
    assert door.starttls(Met("x"), configured=False).level is Level.WARNING
    assert door.starttls(Met("x"), configured=True).level is Level.ERROR
    assert door.starttls(Met("x", starttls=True, tls_trouble="no"), configured=True).level is Level.ERROR


def test_the_address_in_dns_must_answer() -> None:
    assert door.reached(MET, HOST, passed_on=False).level is Level.OK
    closed = Met("192.0.2.1:25", trouble="no answer in time")
    assert door.reached(closed, HOST, passed_on=False).level is Level.WARNING
    assert door.reached(closed, HOST, passed_on=True).level is Level.HINT


@pytest.mark.parametrize(
    ("reply", "level"), [("550 5.1.1 no", Level.OK), ("250 yes", Level.ERROR), ("451 later", Level.UNSEEN)]
)
def test_mail_for_elsewhere_must_be_refused(reply: str, level: Level) -> None:
    assert door.relaying("x", reply).level is level


@pytest.mark.parametrize(
    ("reply", "level"),
    [
        ("550 5.7.1 no", Level.OK),
        ("250 2.0.0 accepted as 3f9a1c22-7", Level.ERROR),
        ("451 4.7.5 DNS", Level.WARNING),
        ("000 nobody listens there", Level.UNSEEN),
    ],
)
def test_forged_mail_must_be_refused(reply: str, level: Level) -> None:
    found = door.forged("127.0.0.1:25", reply, "a forged mail of ours")
    assert found.level is level
    if level is Level.ERROR:
        assert found.todo.startswith("bcc-relay explain 3f9a1c22-7")


def test_the_test_mail_says_what_it_is_and_a_forgers_results_stand_on_top() -> None:
    now = datetime(2026, 3, 14, 12, tzinfo=UTC)
    octets = door.message("a@example.org", "b@example.org", "1f", now, "mx.example.org; dkim=pass header.d=example.org")
    assert octets.startswith(b"Authentication-Results: mx.example.org; dkim=pass")
    mail = message_from_bytes(octets)
    assert (mail["Auto-Submitted"], mail["Message-ID"]) == ("auto-generated", "<doctor-1f@doctor.invalid>")
    assert "Authentication-Results" not in message_from_bytes(door.message("a@x.example", "b@x.example", "1", now))


def test_a_server_that_takes_everything_is_met_as_it_is() -> None:
    with server(b"220 x ESMTP\r\n", b"250-x\r\n250 8BITMIME\r\n", b"250 ok\r\n", b"250 ok\r\n", b"250 ok\r\n") as port:
        met = dialogue.meet("127.0.0.1", port, HOST)
    assert (met.trouble, met.greeting, met.starttls, met.foreign) == ("", "220 x ESMTP", False, "250 ok")


@pytest.mark.parametrize("reply", [b"", b"220 x", b"220-x\r\n" * 100])
def test_a_server_that_says_nonsense_is_trouble_in_one_line(reply: bytes) -> None:
    with server(reply) as port:
        met = dialogue.meet("127.0.0.1", port, HOST)
    assert met.trouble
    assert "\n" not in met.trouble


def test_nobody_there_is_trouble_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert dialogue.meet("127.0.0.1", port, HOST).trouble == "nobody listens there"
    assert dialogue.hand_in("127.0.0.1", port, b"", "a@b.example", "c@d.example") == "000 nobody listens there"
