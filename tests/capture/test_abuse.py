"""What strangers, scanners and broken programs send: each has one reply per command, in step, that tells nothing.

Every probe carries the word `xqzj` wherever a client may choose its words; no reply may repeat it, whatever it is, nor
tell the text of an exception. Bounds of time and memory are in test_capture_session.py.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import socket
import struct
import threading
from ipaddress import ip_network

import pytest

WORD = b"xqzj"
TRUSTED = (ip_network("127.0.0.1"),)
HELLO = b"EHLO xqzj.example\r\n"
MAIL = b"MAIL FROM:<xqzj@a.example>\r\n"
RCPT = b"RCPT TO:<crm@crm.example.org>\r\n"
CLOSED = "closed"

ONE_REPLY = re.compile(r"(?:[2-5][0-9][0-9]-[\x20-\x7e]*\n)*[2-5][0-9][0-9] [\x20-\x7e]+\Z")
OURS = re.compile(r"Error\b|Traceback|Exception|errno|object at 0x|\.py\b|sqlite|asyncio|None\b|b'")


def harmless(reply: str) -> str:
    """The reply's code; it is well formed, short, and tells nothing of the client's words or of our insides."""
    assert ONE_REPLY.match(reply), repr(reply)
    assert all(len(line) <= 510 for line in reply.split("\n"))
    assert WORD.decode() not in reply.lower()
    assert not OURS.search(reply), reply
    code = reply.rsplit("\n", maxsplit=1)[-1][:3]
    enhanced = re.match(r"[245]\d\d[ -]([245])\.\d{1,3}\.\d{1,3} ", reply)
    if code not in ("220", "354") and "PIPELINING" not in reply and reply.count(" ") > 1:
        assert enhanced is not None, reply
        assert enhanced[1] == code[0], reply
    return code


# name: (what is sent after the greeting, the codes of all replies, then CLOSED where we end it)
PROBES: dict[str, tuple[bytes, str]] = {
    # talk that is not SMTP
    "http get": (b"GET /xqzj HTTP/1.1\r\nHost: xqzj\r\n\r\n", "554 closed"),
    "http post with a transaction in its body": (
        b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\n" + HELLO + MAIL + RCPT + b"DATA\r\nxqzj\r\n.\r\n",
        "554 closed",
    ),
    "http connect": (b"CONNECT xqzj:25 HTTP/1.1\r\n\r\n", "554 closed"),
    "http/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "554 closed"),
    "a header field": (b"X-xqzj: MAIL FROM\r\n", "554 closed"),
    "http after EHLO": (HELLO + b"GET /xqzj HTTP/1.1\r\nNOOP\r\n", "250 500 250"),
    "tls without starttls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03xqzj\r\n", "500"),
    "ssh": (b"SSH-2.0-xqzj\r\n", "500"),
    "rdp": (b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x03\x00\x00\x00\r\n", "500"),
    # octets that have no place in a command
    "nul in a verb": (b"NO\x00OP xqzj\r\nNOOP\r\n", "500 250"),
    "nul in an address": (HELLO + b"MAIL FROM:<xqzj\x00@a.example>\r\nNOOP\r\n", "250 500 250"),
    "carriage return in a command": (b"NOOP xqzj\rMAIL\r\nNOOP\r\n", "500 250"),
    "escape and bell": (b"EHLO \x1b[31mxqzj\x07\r\nNOOP\r\n", "500 250"),
    "delete": (b"NOOP xqzj\x7f\r\n", "500"),
    "c1 control in utf-8": (HELLO + b"MAIL FROM:<xqzj\xc2\x85@a.example>\r\n", "250 500"),
    "octets that are no utf-8": (b"EHLO \xff\xfexqzj\r\nNOOP\r\n", "500 250"),
    "bare line feed after a command": (b"NOOP xqzj\nNOOP\r\n", "500 closed"),
    "bare line feed after good commands": (HELLO + b"NOOP\nMAIL FROM:<>\r\n", "250 500 closed"),
    "line feed first": (b"\nNOOP\r\n", "500 closed"),
    "empty lines": (b"\r\n\r\n\r\n", "500 500 500"),
    "blanks": (b"   \r\n\t\r\n NOOP\r\n", "500 500 500"),
    "telnet negotiation": (b"\xff\xfb\x1f\xff\xfdxqzj\r\nNOOP\r\n", "500 250"),
    # too long
    "overlong verb": (b"xqzj" * 700 + b"\r\nNOOP\r\n", "500 250"),
    "overlong argument": (HELLO + b"MAIL FROM:<" + b"xqzj" * 5000 + b"@a.example>\r\nNOOP\r\n", "250 500 250"),
    "overlong local part": (HELLO + b"MAIL FROM:<" + b"xqzj" * 30 + b"@a.example>\r\nNOOP\r\n", "250 250 250"),  # VERP
    "endless local part": (HELLO + b"MAIL FROM:<" + b"xqzj" * 300 + b"@a.example>\r\nNOOP\r\n", "250 501 250"),
    "overlong domain": (HELLO + b"MAIL FROM:<a@" + b"xqzj." * 60 + b"example>\r\nNOOP\r\n", "250 501 250"),
    "overlong name in EHLO": (b"EHLO " + b"xqzj." * 300 + b"example\r\nNOOP\r\n", "250 250"),
    "many parameters": (HELLO + b"MAIL FROM:<a@b.example>" + b" XQZJ=1" * 200 + b"\r\nNOOP\r\n", "250 501|555 250"),
    # addresses
    "unclosed path": (HELLO + b"MAIL FROM:<\r\nMAIL FROM:<xqzj@[>\r\nMAIL FROM:xqzj\r\n", "250 501 501 501"),
    "no path": (HELLO + b"MAIL\r\nMAIL FROM\r\nMAIL FROM:\r\nMAIL TO:<xqzj@a.example>\r\n", "250 501 501 501 501"),
    "nested brackets": (HELLO + b"MAIL FROM:<<xqzj@a.example>>\r\n", "250 501"),
    "two paths": (HELLO + b"MAIL FROM:<a@b.example> <xqzj@c.example>\r\n", "250 555"),
    "size that is no number": (HELLO + b"MAIL FROM:<> SIZE=xqzj\r\nMAIL FROM:<> SIZE=-1\r\n", "250 501 501"),
    "size of many digits": (HELLO + b"MAIL FROM:<> SIZE=" + b"9" * 500 + b"\r\n", "250 552|501"),
    # a relay we are not
    "source route": (HELLO + MAIL + b"RCPT TO:<@xqzj.example,@b.example:c@d.example>\r\n", "250 250 550|501"),
    "percent": (HELLO + MAIL + b"RCPT TO:<xqzj%b.example@crm.example.org>\r\n", "250 250 550|501"),
    "bang": (HELLO + MAIL + b"RCPT TO:<b.example!xqzj@crm.example.org>\r\n", "250 250 550|501"),
    "quoted at": (HELLO + MAIL + b'RCPT TO:<"xqzj@b.example"@crm.example.org>\r\n', "250 250 550|501"),
    "address literal": (HELLO + MAIL + b"RCPT TO:<xqzj@[127.0.0.1]>\r\n", "250 250 550|501"),
    "no domain": (HELLO + MAIL + b"RCPT TO:<xqzj>\r\nRCPT TO:<postmaster>\r\n", "250 250 550|501 550|501"),
    "null recipient": (HELLO + MAIL + b"RCPT TO:<>\r\n", "250 250 550|501"),
    # commands that are not offered
    "BDAT unannounced": (HELLO + MAIL + RCPT + b"BDAT 6 LAST\r\nxqzj\r\nNOOP\r\n", "250 250 250 502 500 250"),
    "EXPN": (HELLO + b"EXPN xqzj\r\n", "250 502"),
    "VRFY": (HELLO + b"VRFY crm@crm.example.org\r\nVRFY xqzj\r\nVRFY\r\n", "250 252 252 252"),
    "ETRN, TURN, SEND": (HELLO + b"ETRN xqzj\r\nTURN\r\nSEND FROM:<xqzj@a.example>\r\n", "250 502 502 502"),
    "LMTP": (b"LHLO xqzj\r\n", "502"),
    "XCLIENT and XFORWARD": (HELLO + b"XCLIENT ADDR=127.0.0.1\r\nXFORWARD NAME=xqzj\r\n", "250 500 500"),
    "PROXY": (b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n", "500"),
    # out of order
    "everything too early": (b"DATA\r\nRCPT TO:<xqzj@a.example>\r\nMAIL FROM:<xqzj@a.example>\r\n", "503 503 503"),
    "DATA with words": (HELLO + MAIL + RCPT + b"DATA xqzj\r\nRSET xqzj\r\nQUIT xqzj\r\n", "250 250 250 501 501 501"),
    "MAIL twice": (HELLO + MAIL + MAIL + b"RSET\r\n" + MAIL, "250 250 503 250 250"),
    "EHLO begins anew": (HELLO + MAIL + RCPT + HELLO + b"DATA\r\n", "250 250 250 250 503"),
    "no name": (b"EHLO\r\nEHLO  \r\nHELO\r\n", "501 501 501"),
    "commands after QUIT": (HELLO + b"QUIT\r\nNOOP\r\nMAIL FROM:<xqzj@a.example>\r\n", "250 221 closed"),
}


@pytest.mark.parametrize("piece", [1, 1 << 20], ids=["octet by octet", "in one piece"])
def test_each_command_has_one_reply_in_step_that_repeats_and_tells_nothing(serve, piece):
    running = serve(networks=TRUSTED)
    wrong = []
    for name, (sent, expected) in PROBES.items():
        if piece == 1 and len(sent) > 400:
            continue
        client = running.connect()
        assert client.reply().startswith("220 ")
        for place in range(0, len(sent), piece):
            try:
                client.send(sent[place : place + piece])
            except ConnectionError:
                break  # we have closed
        codes = []
        for due in expected.split():
            if due == CLOSED:
                codes.append(CLOSED if client.closed() else "still open")
            else:
                reply = client.reply()
                codes.append(harmless(reply) if reply else CLOSED)
        if not all(code in due.split("|") for code, due in zip(codes, expected.split(), strict=True)):
            wrong.append(f"{name}: {' '.join(codes)} instead of {expected}")
        elif CLOSED not in codes:
            # In step still: a reply for this command, and no other before it.
            assert harmless(client.say("QUIT")) == "221", name
            assert client.closed(), name
        client.close()
    assert not wrong, "\n".join(wrong)
    assert running.mails == []
    assert not [event for event in running.events if event[0] == "session.trouble"]


# -- the end of data ---------------------------------------------------------------------------------

BREAKS = (b"\n", b"\r", b"\r\n", b"\r\0\n", b"\r\r\n", b"\n\r", b"\r\n\0", b"\0\r\n", b"\xc2\x85", b" \r\n", b"\n\n", b"\x0b", b"\x0c", b"\xe2\x80\xa8", b"\r\n ")  # fmt: skip
DOTS = (b".", b"..", b". ", b"\0.", b".\0", b"\xef\xbc\x8e")
FORMS = [
    before + dot + after
    for before, dot, after in itertools.product(BREAKS, DOTS, BREAKS)
    if b"\r\n.\r\n" not in before + dot + after
]
EVIL = HELLO + MAIL + RCPT + b"DATA\r\nsmuggled\r\n"


@pytest.mark.parametrize("cut", ["never", "inside the sequence"])
def test_of_all_forms_nothing_but_crlf_dot_crlf_ends_a_message(serve, cut):
    assert len(FORMS) > 1000
    running = serve(networks=TRUSTED)
    client = running.hello()
    forms = FORMS if cut == "never" else FORMS[::7]
    for form in forms:
        running.mails.clear()
        client.until_data()
        content = b"first" + form + EVIL
        if cut == "never":
            client.send(content + b".\r\n")
        else:
            for place in range(5, 5 + len(form)):
                client.send(content[:6] if place == 5 else content[place : place + 1])
            client.send(content[5 + len(form) :] + b".\r\n")
        assert client.reply().startswith("250 2.0.0"), form
        assert len(running.mails) == 1, form
        assert running.mails[0].content == content.replace(b"\r\n.", b"\r\n"), form
    assert harmless(client.say("QUIT")) == "221"


def test_an_end_that_comes_in_any_two_pieces_is_the_end(serve):
    running = serve(networks=TRUSTED)
    client = running.hello()
    message = b"xqzj\r\n.\r\n"
    for place in range(1, len(message)):
        client.until_data()
        client.send(message[:place])
        client.send(message[place:])
        assert client.reply().startswith("250 2.0.0"), place
    assert [mail.content for mail in running.mails] == [b"xqzj\r\n"] * (len(message) - 1)


# -- strangers ---------------------------------------------------------------------------------------


def stranger(running):
    """A client outside [admission] networks."""
    return running.connect(source="127.0.0.2")


def test_a_stranger_learns_nothing_from_probing_for_addresses_and_is_sent_away(serve):
    running = serve(networks=TRUSTED)
    client = stranger(running)
    assert harmless(client.reply()) == "220"
    assert harmless(client.say(HELLO.strip())) == "250"
    codes = []
    while (reply := client.say(f"VRFY {len(codes)}@crm.example.org")) and len(codes) < 100:
        codes.append(harmless(reply))
    assert codes[-1] == "421"
    assert set(codes[:-1]) == {"252"}
    assert len(codes) <= 31


@pytest.mark.parametrize(
    "command", ["NOOP xqzj", "RSET", "EHLO xqzj", "HELO xqzj", "HELP xqzj", "VRFY xqzj", "", "XQZJ", "MAIL FROM:<xqzj"]
)
def test_whoever_only_talks_is_sent_away(serve, command):
    running = serve(networks=TRUSTED)
    client = stranger(running)
    client.reply()
    codes = [harmless(client.say("EHLO xqzj"))]
    # All at once: a flood is answered in step up to the end, and nothing after it.
    client.send((command.encode() + b"\r\n") * 200)
    while reply := client.reply():
        codes.append(harmless(reply))
    assert codes[-1] == ("554" if command.startswith(("EHLO", "HELO")) else "421")  # those must not be sent in a row
    assert not {"421", "554"} & set(codes[:-1])
    assert len(codes) <= 33


def test_whoever_searches_for_addresses_is_sent_away(serve):
    running = serve(networks=TRUSTED, trusted={"unknown_recipients": 5})
    client = running.hello()
    client.say(MAIL.strip())
    codes = [harmless(client.say(f"RCPT TO:<xqzj{place}@crm.example.org>")) for place in range(6)]
    assert codes == ["550"] * 5 + ["421"]
    assert client.closed()


@pytest.mark.parametrize("said", [HELLO + MAIL, b"HELO x\r\nNOOP\r\n", b"DATA\r\nxqzj\r\n.\r\n", b"EHLO x\r\n."])
def test_a_stranger_who_does_not_wait_for_our_answer_where_he_must_is_sent_away(serve, said):
    client = stranger(serve(networks=TRUSTED))
    client.reply()
    client.send(said)
    assert harmless(client.reply()) == "554"
    assert client.closed()


def test_octets_that_make_no_command_do_not_keep_a_stranger_here(serve):
    client = stranger(serve(networks=TRUSTED, stranger={"idle": 0.3}))
    client.reply()
    stop = threading.Event()

    def drip():
        with contextlib.suppress(OSError):
            while not stop.wait(0.02):
                client.send(b"X")

    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        assert harmless(client.reply()) == "421"
    finally:
        stop.set()
        dripping.join()


def test_talk_before_the_greeting_has_one_reply_and_ends_it(serve):
    running = serve(networks=TRUSTED, stranger={"greeting_delay": 5.0})
    client = stranger(running)
    client.send(HELLO + MAIL + RCPT + b"DATA\r\nxqzj\r\n.\r\n")
    assert harmless(client.reply()) == "554"
    assert client.closed()
    assert running.mails == []


def test_half_a_command_and_half_a_message_are_nothing(serve):
    running = serve(networks=TRUSTED)
    client = running.hello()
    client.send(b"NOOP")
    client.socket.shutdown(socket.SHUT_WR)
    assert client.closed()
    client = running.hello().until_data()
    client.send(b"From: xqzj\r\n\r\nhalf\r\n.")
    client.socket.shutdown(socket.SHUT_WR)
    assert client.closed()
    assert running.mails == []


def test_whoever_resets_in_the_middle_leaves_nothing_behind(serve):
    running = serve(networks=TRUSTED)
    for cut in (b"EHLO x", HELLO + MAIL, HELLO + MAIL + RCPT + b"DATA\r\nxqzj\r\n", b"\x00" * 5000):
        client = running.connect()
        client.reply()
        client.send(cut)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    running.wait(lambda: running.server.sessions == 0)
    assert running.server.memory_held == 0
    assert running.mails == []


def test_a_rep_is_served_while_strangers_idle_and_drip(serve):
    """The small form of `scripts/faults idle`."""
    running = serve(networks=TRUSTED)
    idle = [running.connect(source=f"127.1.{place % 12}.9") for place in range(120)]
    stop = threading.Event()

    def drip():
        while not stop.wait(0.02):
            for client in idle[::10]:
                client.send(b"X")

    for client in idle:
        assert client.reply().startswith("220 ")
    dripping = threading.Thread(target=drip)
    dripping.start()
    try:
        client = running.hello()
        for _ in range(20):
            client.until_data()
            client.send(b"Subject: x\r\n\r\nhi\r\n.\r\n")
            assert client.reply().startswith("250 2.0.0")
    finally:
        stop.set()
        dripping.join()
    assert len(running.mails) == 20
