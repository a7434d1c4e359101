"""What an MTA is promised on the LMTP socket (RFC 2033)."""

from __future__ import annotations

import asyncio
import os
import shutil
import smtplib
import socket
import stat
import subprocess
import sys
import threading

import pytest

from relay.capture.bounds import RECIPIENTS
from relay.capture.listener import ListenError
from relay.capture.server import Server
from relay.capture.unix_socket import _give_rights, listen_unix, remove
from relay.config.settings import Admission, Capture, Limits
from relay.mail.envelope import VaultId

CRM = "crm@crm.example.org"


@pytest.fixture(params=["uvloop", "asyncio"])
def running(serve, tmp_path, request):
    return serve(lmtp=tmp_path / "lmtp.sock", max_size=5000, loop=request.param)


def test_lhlo_offers_exactly_what_works_and_smtps_greetings_are_refused(running):
    client = running.connect_lmtp()
    assert client.reply() == "220 crm.example.org LMTP bcc-relay"
    assert client.say("EHLO me").startswith("502 5.5.1 ")
    assert client.say("HELO me").startswith("502 5.5.1 ")
    assert client.say("MAIL FROM:<a@b.example>").startswith("503 5.5.1 ")
    assert client.say("LHLO me").split("\n") == [
        "250-crm.example.org",
        "250-PIPELINING",
        "250-SIZE 5000",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250 ENHANCEDSTATUSCODES",
    ]
    over_tcp = running.hello()
    assert over_tcp.say("LHLO me").startswith("502 5.5.1 ")


def test_each_recipient_has_its_reply_and_all_share_one_object_in_the_vault(running):
    client = running.lhlo()
    assert client.say("MAIL FROM:<rep@example.org> SIZE=100 BODY=8BITMIME").startswith("250 2.1.0")
    assert client.say(f"RCPT TO:<{CRM}>").startswith("250 2.1.5")
    assert client.say("RCPT TO:<anna@lead.example>").startswith("550 5.1.1")
    assert client.say("RCPT TO:<out+rep=example.org@crm.example.org>").startswith("250 2.1.5")
    assert client.say("DATA").startswith("354 ")
    assert client.say("Subject: x\r\n\r\n..hello\r\n.") == "250 2.0.0 accepted as 0123abcd-1"
    assert client.reply() == "250 2.0.0 accepted as 0123abcd-1"
    assert client.say("NOOP").startswith("250 2.0.0 ok")  # no third one
    (mail,) = running.mails
    assert mail.content == b"Subject: x\r\n\r\n.hello\r\n"
    assert [str(path) for path in mail.envelope.forward_paths] == [CRM, "out+rep=example.org@crm.example.org"]


def test_an_address_given_twice_has_two_replies(running):
    client = running.lhlo()
    client.until_data("rep@example.org", CRM, CRM)
    client.send(b"x\r\n.\r\n")
    assert client.reply() == client.reply() == "250 2.0.0 accepted as 0123abcd-1"
    assert len(running.mails[0].envelope.forward_paths) == 1
    assert client.say("NOOP").startswith("250 2.0.0 ok")


def test_recipients_are_bounded_also_when_one_is_repeated(running):
    client = running.lhlo()
    assert client.say("MAIL FROM:<>").startswith("250 ")
    for _ in range(RECIPIENTS):
        assert client.say(f"RCPT TO:<{CRM}>").startswith("250 ")
    assert client.say(f"RCPT TO:<{CRM}>").startswith("452 4.5.3 ")


def test_data_without_a_recipient_is_503(running):
    client = running.lhlo()
    assert client.say("DATA").startswith("503 ")
    assert client.say("MAIL FROM:<rep@example.org>").startswith("250 ")
    assert client.say("RCPT TO:<nobody@else.example>").startswith("550 ")
    assert client.say("DATA") == "503 5.5.1 no valid recipient; say RCPT first"


def test_a_refused_message_is_refused_once_for_each_recipient(running):
    client = running.lhlo()
    client.until_data("rep@example.org", CRM, "deal-4@crm.example.org")
    client.send(b"x" * 6000 + b"\r\n.\r\n")
    assert client.reply().startswith("552 5.3.4 ")
    assert client.reply().startswith("552 5.3.4 ")
    client.until_data()  # and the session goes on
    assert client.say("x\r\n.").startswith("250 ")


def test_a_loop_is_refused_once_for_each_recipient_and_what_follows_is_answered_in_step(running):
    client = running.lhlo()
    client.until_data("rep@example.org", CRM, "deal-4@crm.example.org")
    client.send(b"Received: from a by b; x\r\n" * 51 + b"\r\nx\r\n.\r\nNOOP\r\nMAIL FROM:<rep@example.org>\r\n")
    assert [client.reply()[:9] for _ in range(4)] == ["554 5.4.6", "554 5.4.6", "250 2.0.0", "250 2.1.0"]
    client.say("RSET")
    client.until_data()
    assert client.say(b"Received: from a by b; x\r\n" * 50 + b"\r\n" + b"Received: x\r\n" * 50 + b".").startswith(
        "250 "
    )
    assert len(running.mails) == 1


def test_trouble_of_the_vault_is_451_for_each_recipient_and_nothing_is_lost_in_the_count(serve, tmp_path):
    answers = [RuntimeError("no"), VaultId("0123abcd", 7)]
    loops = []

    def put(_, done):
        asyncio.get_running_loop().call_soon(done, answers[len(loops)])
        loops.append(1)

    client = serve(lmtp=tmp_path / "s", put=put).lhlo()
    client.until_data("rep@example.org", CRM, "deal-4@crm.example.org", "lead-5@crm.example.org")
    client.send(b"x\r\n.\r\n")
    first = client.reply()
    assert first.startswith("451 4.3.0 ")
    assert client.reply() == client.reply() == first
    client.until_data("rep@example.org", CRM, "deal-4@crm.example.org")
    client.send(b"x\r\n.\r\n")
    assert client.reply() == client.reply() == "250 2.0.0 accepted as 0123abcd-7"
    assert client.say("QUIT").startswith("221 ")


def test_pipelined_transactions_are_answered_in_order(running):
    client = running.lhlo()
    one = f"MAIL FROM:<rep@example.org>\r\nRCPT TO:<{CRM}>\r\nRCPT TO:<lead-1@crm.example.org>\r\nDATA\r\n"
    client.send(one.encode())
    for code in ("250 2.1.0", "250 2.1.5", "250 2.1.5", "354"):
        assert client.reply().startswith(code)
    client.send(b"1\r\n.\r\nRSET\r\n" + one.encode() + b"2\r\n.\r\nQUIT\r\n")
    expected = ["250 2.0.0 accepted as 0123abcd-1"] * 2 + ["250 2.0.0 ok", "250 2.1.0 ok", "250 2.1.5 ok"]
    expected += ["250 2.1.5 ok", "354 end with a line that holds only a dot"]
    expected += ["250 2.0.0 accepted as 0123abcd-2"] * 2 + ["221 2.0.0 bye"]
    assert [client.reply() for _ in expected] == expected
    assert client.closed()


def test_the_kernel_says_who_it_is_and_that_is_full_trust_without_networks(serve, tmp_path):
    running = serve(lmtp=tmp_path / "s", networks=())
    assert running.hello().say("MAIL FROM:<a@b.example>").startswith("550 5.7.1 ")
    client = running.lhlo().until_data()
    assert client.say("x\r\n.").startswith("250 ")
    envelope = running.mails[0].envelope
    assert envelope.admitted_by == "lmtp"
    assert envelope.client.address == f"unix:uid={os.getuid()},pid={os.getpid()}"
    assert envelope.client.name == "mta.example.org"


def test_smtplib_speaks_lmtp_with_it(running):
    with smtplib.LMTP(str(running.server.sockets[0]), local_hostname="mta.example.org") as client:
        refused = client.sendmail("änne@example.org", [CRM], b"Subject: x\r\n\r\nh\xc3\xa4\r\n", ["SMTPUTF8"])
    assert refused == {}
    assert running.mails[0].content == b"Subject: x\r\n\r\nh\xc3\xa4\r\n"


@pytest.mark.skipif(not shutil.which("swaks"), reason="swaks is not installed: apt-get install swaks")
def test_swaks_speaks_lmtp_with_it(running):
    said = subprocess.run(
        ["swaks", "--protocol", "LMTP", "--socket", running.server.sockets[0], "--from", "rep@example.org",
         "--to", f"{CRM},in+rep=example.org@crm.example.org", "--helo", "mta.example.org", "--body", "hello"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.count("accepted as 0123abcd-1") == 2
    assert len(running.mails) == 1


# -- the socket ------------------------------------------------------------------------------------


def test_the_socket_is_for_the_owner_and_the_group_of_its_folder(serve, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    groups = [group for group in os.getgroups() if group != os.getegid()] or ([os.getegid() + 1] * (os.getuid() == 0))
    if groups:
        os.chown(folder, -1, groups[0])
    running = serve(lmtp=folder / "lmtp.sock")
    found = running.server.sockets[0].stat()
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert found.st_gid == folder.stat().st_gid
    assert running.server.places[-1] == f"lmtp:{folder / 'lmtp.sock'}"


def test_rights_are_never_given_through_a_link_that_others_put_in_the_place_of_our_socket(tmp_path):
    secret = _file(tmp_path / "secret")
    secret.chmod(0o600)
    for put in (lambda place: place.symlink_to(secret), lambda place: place.hardlink_to(secret)):
        place = tmp_path / "s"
        put(place)
        with pytest.raises(OSError, match=r"another file|Too many levels"):
            _give_rights(place, tmp_path.stat().st_gid)
        place.unlink()
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_socket_left_behind_is_replaced_and_ours_removed_at_the_end(serve, tmp_path):
    path = tmp_path / "lmtp.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    running = serve(lmtp=path)
    running.lhlo()
    running.stop(0).result(5)
    assert not path.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_socket_that_somebody_answers_on_is_refused_in_one_line_and_lives_on(tmp_path):
    path = tmp_path / "lmtp.sock"
    with listen_unix(path) as first:
        with pytest.raises(ListenError, match="another program answers there") as failure:
            listen_unix(path)
        assert "\n" not in str(failure.value)
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(path))
        first.setblocking(True)
        first.accept()[0].close()
        client.close()


def test_a_full_backlog_is_no_dead_socket(tmp_path):
    path = tmp_path / "busy.sock"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(path))
        busy.listen(0)
        waiting.connect(str(path))
        with pytest.raises(ListenError, match="another program answers there"):
            listen_unix(path)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: folder / "none" / "s", "there is no folder"),
        (lambda folder: folder / ("x" * 110), "too long"),
        (lambda folder: _file(folder / "file"), "no socket lies there"),
        (lambda folder: _file(folder / "file") / "s", "not a directory"),
    ],
)
def test_a_place_that_cannot_be_is_one_clear_line(tmp_path, make, told):
    path = make(tmp_path)
    with pytest.raises(ListenError, match=told) as failure:
        listen_unix(path)
    assert "\n" not in str(failure.value)
    assert str(path)[:100] in str(failure.value)


def _file(path):
    path.write_text("precious")
    return path


def test_the_socket_of_a_successor_is_not_removed(tmp_path):
    path = tmp_path / "s"
    first = listen_unix(path)
    made = path.lstat()
    first.close()
    with listen_unix(path):
        remove(path, made)
        assert path.exists()


def test_a_taken_socket_leaves_no_tcp_listener_behind(tmp_path):
    path = _file(tmp_path / "taken")
    server = Server(
        Capture(hostname="h.example", lmtp=path, listen=(_free(),)), Admission(), Limits(), put=None, directory=None
    )
    with pytest.raises(ListenError):
        asyncio.run(server.start())
    with socket.create_server(("127.0.0.1", server._capture.listen[0].port)):
        pass


def _free():
    from relay.config.settings import Endpoint

    with socket.create_server(("127.0.0.1", 0)) as found:
        return Endpoint("127.0.0.1", found.getsockname()[1])


def test_idle_sessions_are_told_421_when_we_stop_and_a_message_under_way_is_finished(running):
    idle, busy = running.lhlo(), running.lhlo().until_data("rep@example.org", CRM, "lead-3@crm.example.org")
    ended = running.stop(grace=5)
    assert idle.reply().startswith("421 4.3.2 ")
    busy.send(b"x\r\n.\r\n")
    assert busy.reply() == busy.reply() == "250 2.0.0 accepted as 0123abcd-1"
    assert busy.reply().startswith("421 4.3.2 ")
    ended.result(5)


def test_many_at_once_over_both(running):
    def one(number):
        with smtplib.LMTP(str(running.server.sockets[0]), local_hostname="m.example.org") as client:
            for turn in range(5):
                client.sendmail("rep@example.org", [CRM], f"Subject: {number}-{turn}\r\n\r\n.dot\r\n")

    threads = [threading.Thread(target=one, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len({mail.content for mail in running.mails}) == 100


def test_a_unix_socket_of_systemd_is_lmtp_by_its_name_and_stays_when_we_stop(tmp_path):
    program = """
import asyncio, os, sys
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=sys.argv[1])
from relay.capture.server import Server
from relay.capture.listener import ListenError
from relay.config.settings import Admission, Capture, Limits
async def main():
    server = Server(Capture(hostname="h.example", listen=()), Admission(), Limits(), put=None, directory=None)
    try:
        await server.start()
    except ListenError as error:
        print(error, flush=True)
        return
    print(server.places, flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(1)
asyncio.run(main())
"""
    path = tmp_path / "given.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(5)

        def start(name):
            script = 'exec 3<&"$1"; shift; exec "$@"'
            return subprocess.Popen(
                ["/bin/bash", "-c", script, "x", str(listening.fileno()), sys.executable, "-c", program, name],
                pass_fds=(listening.fileno(),), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip

        with start("lmtp") as child, socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20)
            client.connect(str(path))
            assert client.recv(100) == b"220 h.example LMTP bcc-relay\r\n"
            output, _ = child.communicate(timeout=20)
        assert f"['lmtp:{path}']\n" in output
        assert path.exists()
        with start("smtp") as child:
            output, _ = child.communicate(timeout=20)
        assert "FileDescriptorName=lmtp" in output
        assert "Traceback" not in output
