"""What a client is promised by an SMTP session."""

from __future__ import annotations

import asyncio
import io
import itertools
import logging
import smtplib
import socket
import struct
import sys
import threading
from ipaddress import ip_network

import pytest
import structlog

from relay.attribution.directory import Directory
from relay.capture.listener import ListenError
from relay.capture.server import Server
from relay.config.settings import Admission, Capture, Endpoint, Limits
from relay.log import configure, log
from relay.mail.address import Address
from relay.mail.envelope import VaultId

CRM = "crm@crm.example.org"
STRANGERS = (ip_network("192.0.2.0/24"),)


# -- the ordinary path -----------------------------------------------------------------------------


def test_ehlo_offers_exactly_what_works(serve):
    client = serve(max_size=5000).connect()
    assert client.reply() == "220 crm.example.org ESMTP bcc-relay"
    assert client.say("EHLO me").split("\n") == [
        "250-crm.example.org",
        "250-PIPELINING",
        "250-SIZE 5000",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250 ENHANCEDSTATUSCODES",
    ]
    assert client.say("HELO me") == "250 crm.example.org"


def test_a_mail_is_kept_with_its_envelope_and_answered_with_its_vault_id(serve):
    running = serve()
    client = running.hello().until_data("Rep@Example.ORG")
    assert client.say("Subject: x\r\n\r\nhello\r\n.") == "250 2.0.0 accepted as 0123abcd-1"
    (mail,) = running.mails
    assert mail.content == b"Subject: x\r\n\r\nhello\r\n"
    envelope = mail.envelope
    assert envelope.reverse_path == Address("Rep", "example.org")
    assert envelope.forward_paths == (Address("crm", "crm.example.org"),)
    assert envelope.client.address == "127.0.0.1"
    assert envelope.client.name == "rep.example.org"
    assert envelope.admitted_by == "network"
    assert envelope.received_at.tzinfo is not None
    assert client.say("QUIT").startswith("221 ")
    assert client.closed()


def test_the_null_reverse_path_is_none(serve):
    running = serve()
    assert running.hello().until_data("").say("x\r\n.").startswith("250 2.0.0")
    assert running.mails[0].envelope.reverse_path is None


def test_tags_are_understood_and_the_same_recipient_counts_once(serve):
    running = serve()
    client = running.hello().until_data("r@e.example", CRM, "CRM@crm.example.org", "crm+deal-4@CRM.example.org", CRM)
    client.say("x\r\n.")
    assert [str(a) for a in running.mails[0].envelope.forward_paths] == [
        CRM,
        "CRM@crm.example.org",
        "crm+deal-4@crm.example.org",
    ]


def test_many_mails_on_one_connection(serve):
    running = serve()
    client = running.hello()
    for number in range(50):
        client.until_data()
        assert client.say(f"mail {number}\r\n.") == f"250 2.0.0 accepted as 0123abcd-{number + 1}"
    assert [mail.content for mail in running.mails] == [b"mail %d\r\n" % n for n in range(50)]


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_pipelined_transactions_are_answered_in_order(serve, loop):
    running = serve(loop=loop)
    client = running.hello()
    one = b"MAIL FROM:<a@b.example>\r\nRCPT TO:<crm@crm.example.org>\r\nDATA\r\nmail %d\r\n.\r\n"
    client.send(b"".join(one % n for n in range(40)) + b"NOOP\r\nQUIT\r\n")
    for number in range(40):
        assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "354"]
        assert client.reply() == f"250 2.0.0 accepted as 0123abcd-{number + 1}"
    assert client.reply() == "250 2.0.0 ok"
    assert client.reply().startswith("221 ")
    assert [mail.content for mail in running.mails] == [b"mail %d\r\n" % n for n in range(40)]


def test_a_whole_session_octet_by_octet(serve):
    running = serve()
    client = running.connect()
    client.reply()
    octets = b"EHLO me\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<crm@crm.example.org>\r\nDATA\r\n.\r\x00\n\r\n..x\r\n.\r\nQUIT\r\n"
    for octet in octets:
        client.send(bytes([octet]))
    answers = [client.reply() for _ in range(6)]
    assert [answer[:3] for answer in answers] == ["250", "250", "250", "354", "250", "221"]
    assert running.mails[0].content == b"\r\x00\n\r\n.x\r\n"


# -- the end of data -------------------------------------------------------------------------------

ENDS = [b"\n", b"\r", b"\r\n", b"\r\x00\n", b"\r\r\n", b"\n\r", b"\r\n\x00", b"\x85", b" \r\n"]
SMUGGLING = [
    before + b"." + after
    for before, after in itertools.product(ENDS, ENDS)
    if not (before.endswith(b"\r\n") and after[:2] == b"\r\n")
]


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("apart", [False, True], ids=["together", "apart"])
def test_only_crlf_dot_crlf_ends_the_data(serve, loop, apart):
    assert len(SMUGGLING) >= 30
    running = serve(loop=loop)
    client = running.hello()
    evil = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<crm@crm.example.org>\r\nDATA\r\nevil\r\n"
    for sequence in SMUGGLING:
        running.mails.clear()
        client.until_data()
        content = b"first" + sequence + evil
        if apart:
            for place in range(len(b"first" + sequence) + 1):
                client.send(content[place : place + 1])
            client.send(content[len(b"first" + sequence) + 1 :])
        else:
            client.send(content)
        client.send(b".\r\n")
        assert client.reply().startswith("250 2.0.0"), sequence
        (mail,) = running.mails
        # A dot that follows CRLF is transparency (RFC 5321 §4.5.2); all else stays as it was sent.
        assert mail.content == content.replace(b"\r\n.", b"\r\n"), sequence


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b".\r\n", b""),
        (b"\r\n.\r\n", b"\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"...\r\n..\r\n.\r\n", b"..\r\n.\r\n"),
        (b"a\r\n..\r\n.\r\n", b"a\r\n.\r\n"),
        (b"a\r\n.b\r\n.\r\n", b"a\r\nb\r\n"),
        (b"\n.\n\r\n.\r\n", b"\n.\n\r\n"),
        (b"\x00\xff\r\r\n.\r\n", b"\x00\xff\r\r\n"),
        (b"." + b"x" * 70_000 + b"\r\n.\r\n", b"x" * 70_000 + b"\r\n"),
        ((b"." * 998 + b"\r\n") * 600 + b".\r\n", (b"." * 997 + b"\r\n") * 600),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_content_is_kept_to_the_octet(serve, sent, kept, piece):
    if piece == 1 and len(sent) > 1000:
        pytest.skip("too many pieces")
    running = serve()
    client = running.hello().until_data()
    for place in range(0, len(sent), max(1, piece)):
        if len(sent) > 1000 and piece == 7:
            client.send(sent[place * 1000 : (place + 7) * 1000])
        else:
            client.send(sent[place : place + piece])
    assert client.reply().startswith("250 2.0.0")
    assert running.mails[0].content == kept


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("FOO", "500 5.5.1"),
        ("", "500 5.5.1"),
        (" ", "500 5.5.1"),
        ("STARTTLS", "502 5.5.1"),
        ("AUTH PLAIN x", "502 5.5.1"),
        ("BDAT 5 LAST", "502 5.5.1"),
        ("EHLO", "501 5.5.4"),
        ("RSET now", "501 5.5.4"),
        ("QUIT now", "501 5.5.4"),
        ("MAIL", "501 5.1.7"),
        ("MAIL FROM:<", "501 5.1.7"),
        ("MAIL FROM:<a@[>", "501 5.1.7"),
        ("MAIL FROM:<a@b> SIZE=x", "501 5.5.4"),
        ("MAIL FROM:<a@b> SIZE=1 SIZE=2", "501 5.5.4"),
        ("MAIL FROM:<a@b> RET=HDRS", "555 5.5.4"),
        ("MAIL FROM:<ä@b.example>", "553 5.6.7"),
        ("RCPT TO:<a@b>", "503 5.5.1"),
        ("DATA", "503 5.5.1"),
        (b"NOOP \x00", "500 5.5.2"),
        (b"NOOP a\rb", "500 5.5.2"),
        (b"MAIL FROM:<a\x00b@c.example>", "500 5.5.2"),
        (b"MAIL FROM:<\xff@c.example>", "500 5.5.2"),
        (b"\x16\x03\x01", "500 5.5.2"),
        ("NOOP " + "x" * 2100, "500 5.5.2"),
        ("VRFY ann", "252 2.5.0"),
        ("HELP", "214 2.0.0"),
    ],
)
def test_a_wrong_command_has_its_reply_and_the_session_goes_on(serve, line, answer):
    client = serve().hello()
    assert client.say(line).startswith(answer)
    assert client.say("NOOP") == "250 2.0.0 ok"


def test_nothing_is_echoed(serve):
    client = serve().hello()
    for line in (
        "XQZJ",
        "MAIL FROM:<xqzj",
        "NOOP xqzj",
        "MAIL FROM:<xqzj@a.example>",
        "RCPT TO:<xqzj@a.example>",
        "HELP xqzj",
        "VRFY xqzj",
    ):
        assert "xqzj" not in client.say(line).lower()


def test_commands_out_of_order(serve):
    client = serve().connect()
    client.reply()
    for line in ("MAIL FROM:<a@b.example>", "RCPT TO:<crm@crm.example.org>", "DATA"):
        assert client.say(line) == "503 5.5.1 say EHLO or HELO first"
    client.say("HELO x")
    client.say("MAIL FROM:<a@b.example>")
    assert client.say("MAIL FROM:<a@b.example>").startswith("503 5.5.1")
    assert client.say("DATA").startswith("554 5.5.1")
    client.say("RSET")
    assert client.say("RCPT TO:<crm@crm.example.org>").startswith("503 5.5.1")


def test_other_recipients_are_refused_with_a_reason_and_the_capture_address_still_works(serve):
    running = serve()
    client = running.hello()
    client.say("MAIL FROM:<a@b.example>")
    refusal = client.say("RCPT TO:<someone@elsewhere.example>")
    assert refusal.startswith("550 5.1.1 ")
    assert "capture address" in refusal
    assert client.say("RCPT TO:<Postmaster>").startswith("550 5.1.1")
    assert client.say("RCPT TO:<@relay.example:crm@crm.example.org>").startswith("501 5.1.3")
    assert client.say('RCPT TO:<"crm"@crm.example.org>').startswith("250 ")
    assert client.say("DATA").startswith("354")
    client.say("x\r\n.")
    assert len(running.mails[0].envelope.forward_paths) == 1
    assert ("mail.refused", {"why": "no-capture-address", "client": "127.0.0.1"}) in running.events


def test_clients_outside_the_networks_read_why(serve):
    running = serve(networks=STRANGERS)
    client = running.hello()
    refusal = client.say("MAIL FROM:<a@b.example>")
    assert refusal.startswith("550 5.7.1 ")
    assert "admission" in refusal
    assert client.say("QUIT").startswith("221")


def test_more_than_a_hundred_recipients_are_for_the_next_mail(serve):
    running = serve()
    client = running.hello()
    client.say("MAIL FROM:<a@b.example>")
    for number in range(100):
        assert client.say(f"RCPT TO:<crm+t{number}@crm.example.org>").startswith("250")
    assert client.say("RCPT TO:<crm+more@crm.example.org>").startswith("452 4.5.3")
    client.say("DATA")
    client.say("x\r\n.")
    assert len(running.mails[0].envelope.forward_paths) == 100


def test_smtputf8_addresses(serve):
    running = serve()
    client = running.hello()
    assert client.say("MAIL FROM:<änne@bücher.example> SMTPUTF8 BODY=8BITMIME").startswith("250")
    client.say(f"RCPT TO:<{CRM}>")
    client.say("DATA")
    client.say("x\r\n.")
    assert running.mails[0].envelope.reverse_path == Address("änne", "xn--bcher-kva.example")


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "POST /x HTTP/1.1", "Host: crm.example.org", "PRI * HTTP/2.0"])
def test_http_is_cut_off(serve, line):
    running = serve()
    client = running.connect()
    client.reply()
    client.send(
        line.encode()
        + b"\r\nHost: x\r\n\r\nEHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<crm@crm.example.org>\r\nDATA\r\nx\r\n.\r\n"
    )
    assert client.reply().startswith("554 5.5.1")
    assert client.closed()
    assert not running.mails


def test_a_bare_line_feed_in_commands_ends_the_session(serve):
    client = serve().hello()
    client.send(b"NOOP\nMAIL FROM:<a@b.example>\r\n")
    assert client.reply().startswith("500 5.5.2")
    assert client.closed()


def test_too_many_errors_end_the_session(serve):
    client = serve(trusted={"errors": 5}).hello()
    for _ in range(5):
        assert client.say("FOO").startswith("500")
    assert client.say("FOO").startswith("421 4.7.0")
    assert client.closed()


def test_too_many_idle_commands_end_the_session_and_mail_sets_them_back(serve):
    client = serve(trusted={"idle_commands": 5}).hello()
    for _ in range(3):
        assert client.say("NOOP").startswith("250")
    client.until_data().say("x\r\n.")
    for _ in range(5):
        assert client.say("NOOP").startswith("250")
    assert client.say("NOOP").startswith("421 4.7.0")


# -- size and memory -------------------------------------------------------------------------------


def test_a_declared_size_over_the_limit_is_refused_at_mail(serve):
    client = serve(max_size=1000).hello()
    assert (
        client.say("MAIL FROM:<a@b.example> SIZE=1001") == "552 5.3.4 message too large; the limit here is 1000 octets"
    )
    assert client.say("MAIL FROM:<a@b.example> SIZE=1000").startswith("250")


@pytest.mark.parametrize("size", [999, 1000, 1001, 5000, 400_000])
def test_an_undeclared_size_is_refused_after_the_data_and_the_session_is_in_step(serve, size):
    running = serve(max_size=1000)
    client = running.hello().until_data()
    client.send(b"x" * (size - 2) + b"\r\n.\r\n")
    assert client.reply()[:9] == ("250 2.0.0" if size <= 1000 else "552 5.3.4")
    client.until_data()
    assert client.say("y\r\n.").startswith("250 2.0.0")
    assert running.mails[-1].content == b"y\r\n"


def test_stuffed_dots_do_not_count_as_size(serve):
    running = serve(max_size=300_000)
    client = running.hello().until_data()
    client.send(b"..\r\n" * 100_000 + b".\r\n")
    assert client.reply().startswith("250 2.0.0")
    assert running.mails[0].content == b".\r\n" * 100_000


def test_data_without_any_line_end_is_bounded_and_refused(serve):
    running = serve(max_size=1_000_000)
    client = running.hello().until_data()
    for _ in range(64):
        client.send(b"x" * 1_000_000)
    session = next(iter(running.server._house.sessions))
    running.wait(lambda: session._content.size == 64_000_000)
    assert len(session._content._octets) <= 1_400_000
    assert running.server.memory_reserved == 0
    assert client.say("\r\n.").startswith("552 5.3.4")


def test_large_mail_waits_its_turn_and_all_get_through(serve):
    running = serve(max_size=8_000_000, memory=16_000_000)
    peak = []
    keep = running.server._house.put

    def watched(mail, done):
        peak.append(running.server.memory_reserved)
        keep(mail, done)

    running.server._house.put = watched
    content = (b"x" * 998 + b"\r\n") * 6000

    def one(declared: bool) -> None:
        client = running.hello().until_data(parameters=f" SIZE={len(content)}" if declared else "")
        client.send(content)
        assert client.say(".").startswith("250 2.0.0")

    threads = [threading.Thread(target=one, args=(n % 2 == 0,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [len(mail.content) for mail in running.mails] == [6_000_000] * 12
    assert max(peak) <= 16_000_000
    assert running.server.memory_reserved == 0


def test_when_memory_does_not_come_free_the_answer_is_452(serve):
    running = serve(max_size=1_000_000, memory=1_000_000, trusted={"memory_wait": 0.2})
    first = running.hello().until_data()
    first.send(b"x" * 500_000)
    running.wait(lambda: running.server.memory_reserved == 1_000_000)
    second = running.hello().until_data()
    second.send(b"x" * 300_000)
    assert second.reply().startswith("452 4.3.1")
    first.close()
    running.wait(lambda: running.server.memory_reserved == 0)
    third = running.hello().until_data()
    third.send(b"x" * 500_000 + b"\r\n.\r\n")
    assert third.reply().startswith("250 2.0.0")


def test_memory_of_small_mails_is_bounded_over_all_connections_and_452_beyond_it(serve):
    running = serve(max_size=1_000_000, memory=1_000_000)
    running.server._house.budget.free = 1_000_000
    clients = [running.hello().until_data() for _ in range(12)]
    for client in clients:
        client.send(b"x" * 200_000)  # each alone is small enough to need no reservation
    sessions = running.server._house.sessions
    running.wait(lambda: all(session._content.size == 200_000 for session in sessions))
    assert running.server.memory_held <= 1_000_000
    assert running.server.memory_reserved <= 1_000_000
    in_memory = running.call(lambda: sum(len(session._content._octets or b"") for session in sessions))
    assert in_memory <= 1_300_000
    answers = [client.say("\r\n.")[:9] for client in clients]
    assert set(answers) == {"250 2.0.0", "452 4.3.1"}
    assert answers.count("250 2.0.0") >= 5
    assert running.server.memory_held == running.server.memory_reserved == 0
    assert "mail.deferred" in running.names()
    for client in clients:
        assert client.until_data().say("x\r\n.").startswith("250 2.0.0")


def test_mails_that_wait_for_a_slow_disk_count_as_memory_too(serve):
    waiting = []
    running = serve(put=lambda mail, done: waiting.append(done))
    budget = running.server._house.budget
    budget.free, budget.reserved = 250_000, budget.size  # room for two small ones, and none among the large
    clients = [running.hello().until_data() for _ in range(3)]
    for client in clients:
        client.send(b"x" * 100_000 + b"\r\n.\r\n")
    running.wait(lambda: len(waiting) == 2)
    for done in waiting:
        running.call(lambda done=done: done(VaultId("0123abcd", 1)))
    assert sorted(client.reply()[:9] for client in clients) == ["250 2.0.0", "250 2.0.0", "452 4.3.1"]
    assert running.server.memory_held == 0


def test_a_large_mail_is_put_off_at_once_while_too_many_wait(serve):
    running = serve(max_size=1_000_000, memory=1_000_000)
    clients = []
    for _ in range(2):
        clients.append(running.hello().until_data())
        clients[-1].send(b"x" * 500_000)
        running.wait(lambda: running.server.memory_reserved == 1_000_000)
    running.wait(lambda: running.server._house.budget.hopeless)
    assert running.hello().say("MAIL FROM:<a@b.example> SIZE=900000").startswith("452 4.3.1")
    assert running.hello().say("MAIL FROM:<a@b.example> SIZE=9000").startswith("250")


# -- trouble of ours -------------------------------------------------------------------------------


def test_a_mail_that_was_not_kept_is_a_451_with_an_incident_and_the_next_one_works(serve):
    outcome = [OSError(5, "secret path /x"), VaultId("0123abcd", 7)]

    def put(_mail, done):
        done(outcome.pop(0))

    running = serve(put=put)
    client = running.hello().until_data()
    answer = client.say("x\r\n.")
    assert answer.startswith("451 4.3.0")
    assert "secret" not in answer
    ((_, facts),) = [event for event in running.events if event[0] == "mail.not_kept"]
    assert facts["incident"] in answer
    assert "secret path" in facts["why"]
    client.until_data()
    assert client.say("x\r\n.") == "250 2.0.0 accepted as 0123abcd-7"


def test_a_put_that_raises_is_a_451(serve):
    def put(_mail, _done):
        raise RuntimeError("closed")

    client = serve(put=put).hello().until_data()
    assert client.say("x\r\n.").startswith("451 4.3.0")
    assert client.say("NOOP").startswith("250")


def test_a_directory_that_fails_is_a_451_and_the_session_goes_on(serve):
    def directory():
        raise OSError("ünreadable")

    running = serve(directory=directory)
    client = running.hello()
    client.say("MAIL FROM:<a@b.example>")
    assert client.say(f"RCPT TO:<{CRM}>").startswith("451 4.3.0")
    assert client.say("NOOP").startswith("250")
    assert "session.trouble" in running.names()


def test_a_full_disk_is_a_452_at_mail(serve):
    client = serve(room=lambda: False).hello()
    assert client.say("MAIL FROM:<a@b.example>").startswith("452 4.3.1")


def test_a_disk_that_fills_up_inside_a_message_is_a_452_and_stands_in_the_log(serve):
    rooms = [True]

    def put(mail, done):
        rooms[0] = False
        raise OSError(28, "No space left on device")

    running = serve(room=lambda: rooms[0], put=put)
    client = running.hello().until_data()
    assert client.say("x\r\n.").startswith("452 4.3.1")
    assert ("mail.deferred", {"why": "no-room", "client": "127.0.0.1"}) in running.events
    rooms[0] = True
    assert client.say("MAIL FROM:<a@b.example>").startswith("250")


def test_nowhere_to_listen_is_one_clear_line():
    async def start():
        await Server(
            Capture(hostname="h", listen=()), Admission(), Limits(), put=lambda *_: None, directory=Directory
        ).start()

    with pytest.raises(ListenError, match=r"^nowhere to listen: set \[capture\] listen"):
        asyncio.run(start())


def test_a_log_that_fails_does_not_stop_mail(serve, monkeypatch):
    class Broken(io.StringIO):
        def write(self, _):
            raise BrokenPipeError

    for owner, hook in ((threading, "excepthook"), (sys, "excepthook")):
        monkeypatch.setattr(owner, hook, getattr(owner, hook))  # as it is now, once this test is over
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    configure(Broken())
    try:
        running = serve(log=log())
        client = running.hello()
        client.say("MAIL FROM:<a@b.example>")
        assert client.say("RCPT TO:<x@elsewhere.example>").startswith("550")
        client.say("RSET")
        assert client.until_data().say("x\r\n.").startswith("250 2.0.0")
    finally:
        structlog.reset_defaults()


# -- time, connections, ends -----------------------------------------------------------------------


def test_silence_ends_the_session(serve):
    client = serve(trusted={"idle": 0.1}).hello()
    assert client.reply().startswith("421 4.4.2")
    assert client.closed()


def test_silence_inside_a_message_ends_the_session_and_keeps_nothing(serve):
    running = serve(trusted={"data_idle": 0.1})
    client = running.hello().until_data()
    client.send(b"half a mail\r\n")
    assert client.reply().startswith("421 4.4.2")
    assert not running.mails


def test_a_dripping_message_is_cut_although_it_is_never_silent(serve):
    running = serve(trusted={"data": 0.3})
    client = running.hello().until_data()
    client.socket.settimeout(0.02)
    seen = b""
    for _ in range(500):
        try:
            client.send(b"x")
            seen += client.socket.recv(100)
        except TimeoutError:
            continue
        break
    assert seen.startswith(b"421 4.4.2")


def test_noop_does_not_prolong_a_strangers_session(serve):
    client = serve(networks=STRANGERS, stranger={"session": 0.3, "idle_commands": 10**9}).hello()
    answers = set()
    while "421 4.4.2" not in answers:
        answers.add(client.say("NOOP")[:9])
        assert "" not in answers
    assert client.closed()


def test_who_never_reads_is_cut_off_and_costs_bounded_memory(serve):
    running = serve(trusted={"unread": 0.3, "idle_commands": 10**9})
    client = running.hello()
    client.socket.settimeout(0.2)
    flood = b"NOOP\r\n" * 10_000_000
    with pytest.raises((TimeoutError, ConnectionError)):
        client.send(flood)
    session = next(iter(running.server._house.sessions), None)
    assert session is None or session.transport is None or session.transport.get_write_buffer_size() < 1_000_000
    running.wait(lambda: running.server.sessions == 0)


def test_an_overlong_line_does_not_grow_memory(serve):
    running = serve()
    client = running.hello()
    client.send(b"NOOP " + b"x" * 5_000_000)
    session = next(iter(running.server._house.sessions))
    running.wait(lambda: len(session._rest) <= 1)
    assert client.say("").startswith("500 5.5.2")
    assert client.say("NOOP").startswith("250")


def test_talk_before_the_greeting_is_cut_off(serve):
    client = serve(networks=STRANGERS, stranger={"greeting_delay": 5.0}).connect()
    client.send(b"EHLO x\r\n")
    assert client.reply().startswith("554 5.5.0")
    assert client.closed()


def test_strangers_have_a_limit_of_connections_and_trusted_clients_have_none(serve):
    limits = Limits(connections_per_client=3, connections=100, new_connections_per_minute=0)
    running = serve(networks=STRANGERS, limits=limits)
    held = [running.connect() for _ in range(3)]
    assert all(client.reply().startswith("220") for client in held)
    refused = running.connect()
    assert refused.reply().startswith("421 4.7.0")
    assert refused.closed()
    held[0].close()
    running.wait(lambda: running.server.sessions == 2)
    assert running.connect().reply().startswith("220")
    trusting = serve(limits=limits)
    assert all(trusting.connect().reply().startswith("220") for _ in range(30))


def test_who_is_sent_away_at_the_gate_cannot_flood_the_log(serve):
    lines = []

    class Said:
        def info(self, event, **_):
            lines.append(event)

        warning = error = info

        def debug(self, event, **_):
            pass

    running = serve(networks=STRANGERS, limits=Limits(new_connections_per_minute=1), log=Said())
    assert running.connect().reply().startswith("220")
    for _ in range(30):
        assert running.connect().reply().startswith("421 4.7.0")
    assert lines == ["server.listening", "session.refused"]


def test_new_connections_per_minute_are_limited(serve):
    running = serve(networks=STRANGERS, limits=Limits(new_connections_per_minute=4))
    answers = []
    for _ in range(6):
        client = running.connect()
        answers.append(client.reply()[:3])
        client.close()
    assert answers == ["220"] * 4 + ["421"] * 2


def test_a_client_that_leaves_while_we_commit_loses_nothing(serve):
    waiting = []
    running = serve(put=lambda mail, done: waiting.append((mail, done)))
    client = running.hello().until_data()
    client.send(b"x" * 300_000 + b"\r\n.\r\n")
    running.wait(lambda: bool(waiting))
    assert running.server.memory_reserved in (0, 1024 * 1024)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no polite end
    client.close()
    running.wait(lambda: running.server.sessions == 0)
    running.call(lambda: waiting[0][1](VaultId("0123abcd", 1)))
    assert ("mail.reply_unheard", {"kept": True, "client": "127.0.0.1"}) in running.events
    assert running.server.memory_reserved == 0


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_half_closed_client_still_reads_its_250(serve, loop):
    waiting = []
    running = serve(put=lambda mail, done: waiting.append(done), loop=loop)
    client = running.hello().until_data()
    client.send(b"x\r\n.\r\n")
    client.socket.shutdown(socket.SHUT_WR)
    running.wait(lambda: bool(waiting))
    session = next(iter(running.server._house.sessions))
    running.wait(lambda: session._ended)
    running.call(lambda: waiting[0](VaultId("0123abcd", 1)))
    assert client.reply().startswith("250 2.0.0")
    assert client.closed()


def test_stop_sends_idle_clients_away_and_waits_for_the_others(serve):
    waiting = []
    running = serve(put=lambda mail, done: waiting.append(done))
    idle = running.hello()
    sending = running.hello().until_data()
    committing = running.hello().until_data()
    committing.send(b"x\r\n.\r\n")
    running.wait(lambda: bool(waiting))
    stopped = running.stop(grace=10)
    assert idle.reply().startswith("421 4.3.2")
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", running.port), timeout=1).close()
    assert not stopped.done()
    running.call(lambda: waiting[0](VaultId("0123abcd", 1)))
    assert committing.reply().startswith("250 2.0.0")
    assert committing.reply().startswith("421 4.3.2")
    sending.send(b"y\r\n.\r\n")
    running.wait(lambda: len(waiting) == 2)
    running.call(lambda: waiting[1](VaultId("0123abcd", 2)))
    assert sending.reply().startswith("250 2.0.0")
    stopped.result(10)
    assert running.server.sessions == 0


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_a_client_that_half_closes_inside_its_next_message_is_let_go_at_once(serve, loop):
    waiting = []
    running = serve(put=lambda mail, done: waiting.append(done), loop=loop)
    client = running.hello().until_data()
    client.send(f"x\r\n.\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<{CRM}>\r\nDATA\r\nhalf of it".encode())
    client.socket.shutdown(socket.SHUT_WR)
    running.wait(lambda: bool(waiting))
    session = next(iter(running.server._house.sessions))
    running.wait(lambda: session._ended)
    running.call(lambda: waiting[0](VaultId("0123abcd", 1)))
    assert [client.reply()[:3] for _ in range(4)] == ["250", "250", "250", "354"]
    assert client.closed()
    assert len(waiting) == 1
    running.wait(lambda: running.server.sessions == 0 and running.server.memory_held == 0)


def test_stop_does_not_wait_for_a_client_whose_message_was_too_large(serve):
    running = serve(max_size=1000)
    client = running.hello().until_data()
    stopped = running.stop(grace=30)
    client.send(b"x" * 2000 + b"\r\n.\r\n")
    assert client.reply().startswith("552 5.3.4")
    assert client.reply().startswith("421 4.3.2")
    stopped.result(5)


def test_stop_writes_one_line_for_all_who_are_sent_away(serve):
    lines = []

    class Said:
        def info(self, event, **_):
            lines.append(event)

        warning = error = info

        def debug(self, event, **_):
            pass

    running = serve(log=Said())
    clients = [running.hello() for _ in range(20)]
    running.stop(grace=5).result(10)
    assert all(client.reply().startswith("421 4.3.2") for client in clients)
    assert [line for line in lines if line != "server.listening"] == ["server.stopping", "server.stopped"]


def test_stop_does_not_wait_longer_than_the_grace(serve):
    running = serve()
    client = running.hello().until_data()
    running.stop(grace=0.1).result(5)
    assert client.closed()
    assert not running.mails


def test_smtplib_and_many_at_once(serve):
    running = serve()

    def one(number: int) -> None:
        with smtplib.SMTP("127.0.0.1", running.port, timeout=20) as client:
            for turn in range(5):
                client.sendmail("rep@example.org", [CRM], f"Subject: {number}-{turn}\n\n.dot\nbody\n")

    threads = [threading.Thread(target=one, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(mail.content for mail in running.mails) == sorted(
        b"Subject: %d-%d\r\n\r\n.dot\r\nbody\r\n" % (n, t) for n in range(40) for t in range(5)
    )


def test_ipv6_and_several_listeners(serve):
    running = serve(listen=(Endpoint("127.0.0.1", 0), Endpoint("::1", 0)))
    first, second = running.server.endpoints
    assert first.port
    assert second.port
    client = running.connect()
    assert client.reply().startswith("220")
    with smtplib.SMTP("::1", second.port, timeout=10) as over_six:
        over_six.sendmail("rep@example.org", [CRM], "x\n")
    assert running.mails[0].envelope.client.address == "::1"
