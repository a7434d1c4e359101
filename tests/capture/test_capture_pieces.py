"""Paths, content, budget, gate, listeners: each piece by itself."""

from __future__ import annotations

import socket
import subprocess
import sys
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.attribution import admission
from relay.attribution.directory import Directory
from relay.capture.budget import Budget
from relay.capture.content import Content
from relay.capture.gate import Gate, client_network
from relay.capture.listener import Inherited, ListenError, inherited, listen
from relay.config.settings import Endpoint, Limits
from relay.mail import reply
from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, decode
from relay.mail.path import MailArgument, has_control, mail_argument, rcpt_argument
from relay.mail.reply import Reply

# -- paths -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("FROM:<>", MailArgument(None)),
        ("from:<a@b.example>", MailArgument(Address("a", "b.example"))),
        ("FROM: <a@B.Example>", MailArgument(Address("a", "b.example"))),
        ("FROM:<a@b.example.>", MailArgument(Address("a", "b.example"))),
        ('FROM:<"a b"@c.example>', MailArgument(Address("a b", "c.example"))),
        ('FROM:<"a\\"b"@c.example>', MailArgument(Address('a"b', "c.example"))),
        ("FROM:<a@[192.0.2.1]>", MailArgument(Address("a", "[192.0.2.1]"))),
        ("FROM:<a@[IPv6:2001:db8:0::1]>", MailArgument(Address("a", "[IPv6:2001:db8::1]"))),
        ("FROM:<a@host_1.example>", MailArgument(Address("a", "host_1.example"))),
        ("FROM:<> SIZE=5 body=8bitmime SMTPUTF8", MailArgument(None, 5, "8BITMIME", utf8=True)),
        ("FROM:<a!b%c@d.example>", MailArgument(Address("a!b%c", "d.example"))),
        ("FROM:<" + "v" * 200 + "@d.example>", MailArgument(Address("v" * 200, "d.example"))),
    ],
)
def test_mail_arguments_that_are_read(text, read):
    assert mail_argument(text) == read


@pytest.mark.parametrize(
    "text",
    ["", "FROM", "FROM:", "FROM:<", "FROM:>", "FROM:a@b.example", "FROM:<a>", "FROM:<@b.example>", "FROM:<a@>", "FROM:<a@b>x",
     "FROM:<a@b..c>", "FROM:<.a@b.c>", "FROM:<a.@b.c>", "FROM:<a..b@c.d>", "FROM:<a b@c.d>", "FROM:<a@-b.c>", "FROM:<a@b.c->",
     "FROM:<a@b c>", "FROM:<<a@b>>", "FROM:<a@[>", "FROM:<a@[1.2.3]>", "FROM:<a@[IPv6:x]>", 'FROM:<"a@b.c>', 'FROM:<""@b.c>',
     "FROM:<@x:a@b.c>", "FROM:<a@b.c> \x00", "TO:<a@b.c>", "FROM:<a@" + "b" * 64 + ".c>", "FROM:<" + "a" * 600 + "@b.c>",
     "FROM:<a@" + "b." * 200 + "c>"],
)  # fmt: skip
def test_mail_arguments_that_are_refused(text):
    refusal = mail_argument(text)
    assert isinstance(refusal, Reply)
    assert 500 <= refusal.code < 600


@given(st.text(max_size=80))
def test_reading_a_path_never_fails_and_never_lets_control_characters_in(text):
    for found in (mail_argument("FROM:<" + text), rcpt_argument("TO:<" + text, utf8=True), mail_argument(text)):
        address = found.path if isinstance(found, MailArgument) else found
        if isinstance(address, Address) and not has_control(text):
            assert not has_control(str(address))
            str(address).encode()


LOCAL = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\.[a-z0-9!#-]{1,10}){0,2}", fullmatch=True).filter(
    lambda s: '"' not in s
)
DOMAIN = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z]{2,10}){1,3}", fullmatch=True)


@given(LOCAL, DOMAIN, st.integers(0, 10**12), st.booleans())
def test_a_good_path_is_read_back(local, domain, size, upper):
    written = f"{local}@{domain.upper() if upper else domain}"
    assert mail_argument(f"FROM:<{written}> SIZE={size}") == MailArgument(Address(local, domain), size)
    assert rcpt_argument(f"TO:<{written}>") == Address(local, domain)


def test_rcpt_arguments():
    assert rcpt_argument("TO:<postmaster>") == Address("postmaster", "")
    assert rcpt_argument("TO:<>") == reply.BAD_FORWARD_PATH
    assert rcpt_argument("TO:<a@b.c> NOTIFY=NEVER") == reply.UNKNOWN_PARAMETER
    assert rcpt_argument("TO:<ä@b.c>") == reply.NEEDS_SMTPUTF8
    assert rcpt_argument("TO:<ä@b.c>", utf8=True) == Address("ä", "b.c")


def test_a_long_hostile_path_takes_no_time():
    for text in ("a." * 5000 + "@", "a" * 5000, "a@" + "b-" * 5000, '"' + "\\a" * 5000):
        assert isinstance(mail_argument("FROM:<" + text), Reply)


# -- content ---------------------------------------------------------------------------------------


def by_the_book(octets: bytes) -> tuple[bytes, bytes] | None:
    """RFC 5321 §4.5.2, line by line: (content, what follows), or None when the end is not there."""
    content = b""
    while True:
        line, end, octets = octets.partition(b"\r\n")
        if not end:
            return None
        if line == b".":
            return content, octets
        content += (line.removeprefix(b".") if line.startswith(b".") else line) + b"\r\n"


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"x", b"\x00", b"\r\n.\r\n"]), max_size=30),
    st.data(),
)
def test_content_is_what_the_book_says_however_it_is_cut(pieces, data):
    octets = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=8)))
    content = Content()
    rest = None
    for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
        if rest is not None:
            rest += octets[start:end]
        elif start < end:
            rest = content.feed(octets[start:end])
    expected = by_the_book(octets)
    if expected is None:
        assert rest is None
    else:
        assert rest == expected[1]
        assert content.take() == expected[0]


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"x"]), max_size=30), st.integers(0, 30))
def test_a_message_thrown_away_ends_where_it_would_have_ended(pieces, thrown_at):
    content = Content()
    octets = b"y" + b"".join(pieces) + b"\r\n.\r\nNOOP\r\n"
    rest = None
    for place in range(len(octets)):
        if place == thrown_at:
            content.throw_away()
        rest = content.feed(octets[place : place + 1])
        if rest is not None:
            break
    book = by_the_book(octets)
    assert book is not None
    assert octets[place + 1 :] == book[1]


# -- budget and gate -------------------------------------------------------------------------------


def test_the_budget_serves_in_order_and_never_gives_more_than_it_has():
    budget = Budget(100)
    served = []
    assert budget.take(60)
    budget.wait(70, lambda: served.append("large"))
    withdraw = budget.wait(10, lambda: served.append("withdrawn"))
    budget.wait(10, lambda: served.append("small"))
    assert not budget.take(10), "nobody overtakes"
    withdraw()
    withdraw()
    budget.release(60)
    assert served == ["large", "small"]
    assert budget.reserved == 80
    budget.release(70)
    budget.release(10)
    assert budget.reserved == 0
    assert budget.take(1000)
    assert budget.reserved == 100, "a wish above the whole counts as the whole"


def test_where_descriptors_are_few_strangers_leave_some_to_trusted_clients_and_are_a_crowd_sooner():
    gate = Gate(Limits(connections=512, connections_per_client=0, new_connections_per_minute=0), ceiling=40)
    assert [gate.enter(f"192.0.2.{n}", 0.0, trusted=False) for n in range(40)] == [""] * 30 + ["connections"] * 10
    for n in range(30, 40):
        gate.leave(f"192.0.2.{n}", trusted=False)
    assert gate.crowded(0.8)
    assert [gate.enter("198.51.100.1", 0.0, trusted=True) for _ in range(11)] == [""] * 10 + ["no-descriptors"]


def test_the_gate_counts_by_network_and_forgets():
    gate = Gate(Limits(connections=3, connections_per_client=2, new_connections_per_minute=0), ceiling=5)
    assert gate.enter("192.0.2.1", 0, trusted=False) == ""
    assert gate.enter("192.0.2.200", 0, trusted=False) == ""
    assert gate.enter("::ffff:192.0.2.9", 0, trusted=False) == "connections-per-client"
    gate.leave("::ffff:192.0.2.9", trusted=False)
    assert gate.enter("198.51.100.1", 0, trusted=False) == ""
    assert gate.crowded(0.8)
    assert gate.enter("203.0.113.1", 0, trusted=False) == "connections"
    assert gate.enter("127.0.0.1", 0, trusted=True) == ""
    assert gate.enter("127.0.0.1", 0, trusted=True) == "no-descriptors"
    for address in ("192.0.2.1", "192.0.2.200", "198.51.100.1", "203.0.113.1"):
        gate.leave(address, trusted=False)
    assert not gate._here


def test_networks_of_clients():
    assert client_network("192.0.2.77") == client_network("192.0.2.1") != client_network("192.0.3.1")
    assert client_network("2001:db8::1") == client_network("2001:db8::ffff:1") != client_network("2001:db8:0:1::1")
    assert client_network("fe80::1%eth0") == client_network("fe80::2")
    assert client_network("") == ""


def test_admission_is_by_network_and_says_so():
    networks = (ip_network("192.0.2.0/24"), ip_network("2001:db8::/32"))
    assert admission.client("192.0.2.9", networks) == admission.BY_NETWORK
    assert admission.client("::ffff:192.0.2.9", networks).admitted
    assert admission.client("2001:db8::1", networks).admitted
    for address in ("198.51.100.1", "", "x", "/run/socket"):
        decision = admission.client(address, networks)
        assert (decision.reason, decision.admitted) == ("client-not-admitted", False)


def test_recipients_are_capture_addresses_or_refused():
    directory = Directory(capture=frozenset({"crm@crm.example.org"}))
    assert admission.recipient(Address("CRM+deal-1", "crm.example.org"), directory).admitted
    assert admission.recipient(Address("ann", "crm.example.org"), directory).refusal == reply.NO_CAPTURE_ADDRESS


def test_every_reply_is_one_safe_line():
    replies = [value for value in vars(reply).values() if isinstance(value, Reply)]
    replies += [
        reply.accepted("0123abcd-1"),
        reply.trouble("1234"),
        reply.too_large(5),
        reply.greeting("h"),
        reply.helo("h"),
    ]
    for one in replies:
        assert one.wire.endswith(b"\r\n")
        assert len(one.wire) <= 200
        assert b"\n" not in one.wire[:-2]
        if one.enhanced:
            assert one.enhanced[0] == str(one.code)[0]
    assert len({str(one) for one in replies}) >= len(replies) - 2


@given(st.text(max_size=20), st.text(max_size=20))
def test_the_written_envelope_is_read_back(local, name):
    from datetime import UTC, datetime

    local = local.encode("utf-8", "replace").decode()
    envelope = Envelope(
        None, (Address(local, "b.example"),), Client("::1", name), datetime(2026, 5, 4, 3, 2, 1, 123000, UTC), "network"
    )
    assert decode(envelope.encode()).forward_paths == envelope.forward_paths
    assert decode(envelope.encode()).received_at == envelope.received_at


# -- listeners -------------------------------------------------------------------------------------


def test_inherited_sockets_are_read_from_the_environment():
    environment = {"LISTEN_PID": "77", "LISTEN_FDS": "3", "LISTEN_FDNAMES": "smtp:smtps"}
    assert inherited(environment, 77) == (Inherited(3, "smtp"), Inherited(4, "smtps"), Inherited(5, ""))
    assert inherited(environment, 78) == ()
    assert inherited({}, 77) == ()
    with pytest.raises(ListenError, match="LISTEN_FDS"):
        inherited({"LISTEN_PID": "7", "LISTEN_FDS": "many"}, 7)


def test_a_port_in_use_is_one_clear_line_and_leaves_no_socket():
    (held,) = listen([Endpoint("127.0.0.1", 0)])
    with held:
        port = held.getsockname()[1]
        with pytest.raises(ListenError) as failure:
            listen([Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", port)])
    assert f"127.0.0.1:{port}" in str(failure.value)
    assert "ss -ltnp" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_an_address_of_another_machine_is_one_clear_line():
    with pytest.raises(ListenError, match="does not have that address"):
        listen([Endpoint("192.0.2.1", 0)])


def test_sockets_of_systemd_win_and_are_not_passed_on():
    """The way systemd does it: descriptor 3, LISTEN_PID set to our own process."""
    program = """
import asyncio, os, sys
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="smtp")
from relay.capture.server import Server
from relay.config.settings import Admission, Capture, Endpoint, Limits
async def main():
    capture = Capture(hostname="h.example", listen=(Endpoint("127.0.0.1", 1),))
    server = Server(capture, Admission(), Limits(), put=None, directory=None)
    await server.start()
    print(server.endpoints[0].port, server.inherited, "LISTEN_FDS" in os.environ, os.get_inheritable(3), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(1)
asyncio.run(main())
"""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        script = 'exec 3<&"$1"; shift; exec "$@"'
        command = ["/bin/bash", "-c", script, "x", str(listening.fileno()), sys.executable, "-c", program]
        child = subprocess.Popen(
            command, pass_fds=(listening.fileno(),), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    with child, socket.create_connection(("127.0.0.1", port), 5) as client:
        assert client.recv(100).startswith(b"220 h.example")
        output, _ = child.communicate(timeout=10)
    assert f"{port} True False False\n" in output
    assert child.returncode == 0
