"""`bcc-relay deliver`, as the pipe of a mail server runs it: 0 or 75, never another exit status."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from mailbuilder import message
from others import closed_to_others
from running import CAPTURE, PATIENCE, Relay, _environment

from relay.cli import handing_over
from relay.cli.deferred import DeferredError
from relay.cli.handing_over import as_sent, path, read

WORDS = ("--sender", "bob@example.org", "--recipient", CAPTURE)


def deliver(relay, *words, octets=b"", config=True, **options):
    """Run the command with `octets` on standard input. Returns (exit status, output, errors)."""
    command = relay.command("deliver", *words) if config else [sys.executable, "-m", "relay", "deliver", *words]
    done = subprocess.run(command, input=octets, capture_output=True, env=_environment(), timeout=60, **options)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def deferred(result, *told):
    """Was it 75 with one line that says all of this?"""
    status, out, err = result
    assert (status, out) == (75, ""), result
    assert err.startswith("bcc-relay: deliver: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for each in told:
        assert each in err, err


@pytest.fixture
def relay(tmp_path):
    relay = Relay(tmp_path / "relay")
    relay.file.write_text(
        relay.file.read_text().replace("[company]", 'lmtp = "lmtp.sock"\nmax_size = "10 KiB"\n[company]')
    )
    yield relay
    relay.stop()


@pytest.fixture
def running(relay):
    return relay.start()


# -- over the socket -------------------------------------------------------------------------------


def test_a_message_is_on_the_right_lead_with_the_right_direction(running):
    running.run("lead", "add", "Anna", "anna@lead.example")
    mail = message(message_id="<one@example.org>").replace(b"\r\n", b"\n")
    status, out, err = deliver(
        running, "--sender", "bob@example.org", "--recipient", "out+bob=example.org@crm.example.org", octets=mail
    )
    assert (status, err) == (0, "")
    assert out.startswith("2.0.0 accepted as ")
    running.filed(out.split()[-1])
    ((direction, route, admitted_by, client),) = running.sql(
        "SELECT m.direction, e.route, e.admitted_by, e.client FROM lead_message lm "
        "JOIN message m ON m.id = lm.message_id JOIN envelope e ON e.message_id = m.id"
    )
    assert (direction, route, admitted_by) == ("outgoing", "bcc", "lmtp")
    assert client.startswith(f"unix:uid={os.getuid()},pid=")
    assert client.endswith(" deliver")


def test_what_is_kept_is_what_smtp_would_have_brought(running):
    mail = message(text="Dear Anna,\n.one dot\n..two dots\nFrom here on\n\xe4\n")
    bare = mail.replace(b"\r\n", b"\n")
    kept = set()
    for octets in (mail, bare, b"From bob@example.org Mon Mar  2 10:15:00 2026\n" + bare, bare.rstrip(b"\n")):
        status, out, _ = deliver(running, *WORDS, octets=octets)
        assert status == 0
        running.filed(out.split()[-1])
        done = subprocess.run(running.command("raw", out.split()[-1]), capture_output=True, env=_environment())
        kept.add(done.stdout)
    assert kept == {mail}


def test_the_null_sender_however_it_is_given(running):
    for sender in ("", "<>", "MAILER-DAEMON"):
        assert deliver(running, "--sender", sender, "--recipient", CAPTURE, octets=message())[0] == 0
    running.until("SELECT count(*) = 3 FROM envelope")
    assert running.sql("SELECT reverse_path FROM envelope") == [[""]] * 3


def test_without_a_sender_it_is_the_one_in_the_environment_as_exim_has_it(running):
    for sender in ("bob@example.org", ""):
        done = subprocess.run(
            running.command("deliver", "--recipient", CAPTURE),
            input=message(),
            env={**_environment(), "SENDER": sender},
        )
        assert done.returncode == 0
    running.until("SELECT count(*) = 2 FROM envelope")
    assert running.sql("SELECT reverse_path FROM envelope ORDER BY id") == [["bob@example.org"], [""]]


def test_several_recipients_are_one_object_in_the_vault(running):
    status, out, _ = deliver(
        running, "--sender=bob@example.org", "--recipient", CAPTURE, "lead-5@crm.example.org",
        "--recipient=in+bob=example.org@crm.example.org", octets=message(),
    )  # fmt: skip
    assert status == 0
    running.filed(out.split()[-1])
    assert running.sql("SELECT count(*) FROM envelope_recipient") == [[3]]
    assert running.sql("SELECT count(*) FROM envelope") == [[1]]


def test_refusals_of_the_relay_are_75_since_any_other_status_would_lose_the_mail(running):
    deferred(
        deliver(running, "--sender", "b@example.org", "--recipient", "x@else.example", octets=message()), "550 5.1.1"
    )
    deferred(deliver(running, *WORDS, octets=b"x" * 11_000), "larger than 10240 octets", "max_size")
    deferred(deliver(running, *WORDS, octets=b"x\n" * 5_000), "552 5.3.4")
    assert running.sql("SELECT count(*) FROM envelope") == [[0]]


def test_one_misspelled_recipient_does_not_hold_up_the_others_for_days(running):
    two = ("--sender", "b@example.org", "--recipient", "x@else.example", CAPTURE)
    for _ in ("by the socket", "into the vault"):
        status, out, err = deliver(running, *two, octets=message())
        assert (status, err) == (0, "")
        assert out.startswith("2.0.0 accepted as ")
        assert "; not for x@else.example: 550 5.1.1 no such capture address" in out
        assert out.count("\n") == 1
        running.stop()


def test_with_the_socket_named_no_configuration_is_read(running, tmp_path):
    place = str(running.folder / "lmtp.sock")
    assert deliver(running, *WORDS, "--socket", place, octets=message(), config=False, cwd=tmp_path)[0] == 0
    nobody = deliver(running, *WORDS, "--socket", str(tmp_path / "none"), octets=message(), config=False)
    deferred(nobody, "nobody listens on")


@pytest.mark.skipif(bool(closed_to_others()), reason=closed_to_others())
def test_a_pipe_user_without_any_right_on_our_files_hands_over_by_the_socket(running, tmp_path):
    nobody = pwd.getpwnam("nobody")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o011)
    place = running.folder / "lmtp.sock"
    running.folder.chmod(0o711)
    words = (*WORDS, "--socket", str(place))
    as_nobody = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": [], "config": False, "cwd": "/"}
    deferred(deliver(running, *words, octets=message(), **as_nobody), "no right to connect", "group")
    os.chown(place, -1, nobody.pw_gid)
    assert deliver(running, *words, octets=message(), **as_nobody)[0] == 0
    assert running.until("SELECT count(*) FROM envelope")
    ((client,),) = running.sql("SELECT client FROM envelope")
    assert client.startswith(f"unix:uid={nobody.pw_uid},")


# -- without a daemon ------------------------------------------------------------------------------


def test_with_the_daemon_stopped_it_goes_into_the_vault_and_is_filed_at_the_next_start(relay):
    relay.start()
    first = relay.send(message(message_id="<first@example.org>"))
    relay.filed(*first)
    relay.stop()
    status, out, err = deliver(relay, *WORDS, octets=message(message_id="<second@example.org>", subject="Later"))
    assert (status, err) == (0, "")
    assert out.split()[-1] != first[0]
    relay.start()
    relay.filed(out.split()[-1])
    rows = relay.sql(
        "SELECT e.admitted_by, e.client, m.direction FROM envelope e JOIN message m ON m.id = e.message_id ORDER BY e.id"
    )
    assert [row[0] for row in rows] == ["network", "deliver"]
    assert rows[1][1].endswith(" deliver")
    assert rows[1][2] == "outgoing"
    relay.stop()
    relay.verify()


def test_no_id_is_given_out_twice_when_both_databases_were_put_back_to_an_older_state(relay):
    relay.start()
    relay.filed(*relay.send(message(message_id="<first@example.org>")))
    relay.stop()

    def files():  # with their logs
        return [*relay.database.parent.glob("relay.db*"), *relay.vault.glob("*.db*")]

    older = {file: file.read_bytes() for file in files()}
    relay.start()
    known = relay.send(message(message_id="<second@example.org>"))
    relay.filed(*known)
    relay.stop()
    for file in files():  # in place, as `cp` does: no inode tells that it is a copy
        file.write_bytes(older.get(file, b""))
    status, out, err = deliver(relay, *WORDS, octets=message(message_id="<third@example.org>"))
    assert status == 0, err
    assert out.split()[-1] not in known


def test_into_the_vault_the_same_rules_hold(relay):
    relay.start().stop()
    deferred(
        deliver(relay, "--sender", "b@example.org", "--recipient", "x@else.example", octets=message()),
        "no such capture address",
    )
    deferred(deliver(relay, "--sender", "b@-.-", "--recipient", CAPTURE, octets=message()), "sender")
    deferred(deliver(relay, *WORDS, octets=b"x" * 11_000), "larger than 10240")
    deferred(deliver(relay, *WORDS, octets=b""), "no message")


def test_a_personal_address_as_the_sender_is_kept_by_neither_way(relay):
    token = "abcdefghijklmnopqrstuvwxyz"
    words = ("--sender", f"crm+me-{token}@crm.example.org", "--recipient", CAPTURE)
    relay.start().stop()
    assert deliver(relay, *words, octets=message())[0] == 0
    relay.start()
    assert deliver(relay, *words, octets=message())[0] == 0
    relay.until("SELECT count(*) = 2 FROM envelope")
    assert relay.sql("SELECT DISTINCT reverse_path FROM envelope") == [["crm+me-...@crm.example.org"]]
    for kept in (*relay.vault.rglob("*"), *relay.database.parent.rglob("*")):
        assert not kept.is_file() or token.encode() not in kept.read_bytes(), kept


def test_a_running_daemon_without_lmtp_keeps_its_vault_and_the_line_says_what_to_do(tmp_path):
    relay = Relay(tmp_path / "relay").start()
    try:
        deferred(deliver(relay, *WORDS, octets=message()), "in use by another bcc-relay", "set [capture] lmtp")
    finally:
        relay.stop()


def test_without_a_vault_none_is_made(relay):
    deferred(deliver(relay, *WORDS, octets=message()), "there is no vault", "start the relay")
    assert not relay.vault.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_a_vault_of_another_user_is_left_alone(relay):
    relay.start().stop()
    os.chown(relay.vault, pwd.getpwnam("nobody").pw_uid, -1)
    before = sorted(relay.vault.iterdir())
    deferred(deliver(relay, *WORDS, octets=message()), "belongs to another user")
    assert sorted(relay.vault.iterdir()) == before


# -- whatever is wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--sender is missing"),
        (("--sender", "bob@example.org"), "--recipient is missing"),
        (("--recipient", CAPTURE), "--sender is missing"),
        (("--sender",), "--sender has no value"),
        (("--sender", "a@b.example", "--sender", "c@b.example", "--recipient", CAPTURE), "twice"),
        (("--sender", "bob", "--recipient", CAPTURE), "no address"),
        (("--sender", "a@b.example\nRCPT TO:<x@y>", "--recipient", CAPTURE), "no address"),
        (("--sender", "a@b.example", "--recipient", "a>b@c.example"), "no address"),
        ((*WORDS, "--bogus"), "'--bogus' is not understood"),
        (("stray", *WORDS), "'stray' is not understood"),
        ((*WORDS, "--socket", ""), "--socket has no value"),
    ],
)
def test_wrong_words_are_75_and_one_line(relay, words, told):
    deferred(deliver(relay, *words, octets=message()), told)


def test_a_broken_configuration_is_75_and_one_line(relay):
    relay.file.write_text("[capture\nhostname = 1\n[[[[")
    deferred(deliver(relay, *WORDS, octets=message()), "configuration", "bcc-relay.toml:1")
    relay.file.write_text("[capture]\nhost = 1\nlisten = 5\n[vault]\nkeep = 7\n")
    deferred(deliver(relay, *WORDS, octets=message()), "more: bcc-relay config check")
    relay.file.unlink()
    deferred(deliver(relay, *WORDS, octets=message()), "no such file")


def test_no_message_is_no_delivery(running):
    for octets in (b"", b"\n\n", b"From bob@example.org Mon Mar  2 10:15:00 2026\n"):
        deferred(deliver(running, *WORDS, octets=octets), "no message on standard input")


def test_closed_descriptors_do_not_change_the_status(running):
    for closing, status in (("<&-", 75), (">&- 2>&-", 0), ("<&- >&- 2>&-", 75)):
        script = f'exec "$@" {closing}'
        done = subprocess.run(
            ["sh", "-c", script, "sh", *running.command("deliver", *WORDS)],
            input=message(),
            env=_environment(),
            timeout=60,
        )
        assert done.returncode == status, closing


def test_an_option_before_the_command_that_is_none_is_75():
    done = subprocess.run(
        [sys.executable, "-m", "relay", "--bogus", "deliver", *WORDS],
        capture_output=True,
        env=_environment(),
        timeout=60,
    )
    assert (done.returncode, done.stderr.count(b"\n")) == (75, 1)


def test_an_installation_that_is_half_there_is_75(tmp_path):
    (tmp_path / "relay").mkdir()
    source = Path(handing_over.__file__).parents[1]
    for name in ("__init__.py", "__main__.py"):
        (tmp_path / "relay" / name).write_bytes((source / name).read_bytes())
    done = subprocess.run(
        [sys.executable, "-m", "relay", "deliver", *WORDS], capture_output=True, cwd=tmp_path, timeout=60,
        env={**_environment(), "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 75
    assert done.stderr.startswith(b"bcc-relay: deliver: ModuleNotFoundError")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU])
def test_a_signal_is_75(relay, tmp_path, number):
    """In the middle of everything: the relay has the message and does not answer."""
    place = tmp_path / "slow.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen(1)
        listening.settimeout(PATIENCE)
        command = [sys.executable, "-m", "relay", "deliver", *WORDS, "--socket", str(place)]
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=_environment())
        with child, listening.accept()[0] as connection:
            child.send_signal(number)
            child.communicate(timeout=PATIENCE)
            assert connection.recv(10) == b""
        assert child.returncode == 75


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (b"", "closed the connection"),
        (b"421 4.3.2 restarting\r\n", "421 4.3.2 restarting"),
        (b"220 h LMTP\r\n250 h\r\n250 ok\r\n250 ok\r\n354 go\r\n451 4.3.0 trouble\r\n", "451 4.3.0 trouble"),
        (b"220 h LMTP\r\n250 h\r\n250 ok\r\n250 ok\r\n354 go\r\n", "closed the connection"),
        (b"220 " + b"x" * 100_000, "closed the connection"),
        (b"220-x\r\n" * 1000, "220-x"),
        (b"\xff\xfe\r\n", "the relay answered"),
    ],
)
def test_any_other_answer_than_a_promise_is_75(tmp_path, relay, answers, told):
    place = tmp_path / "odd.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen(1)

        def serve():
            connection, _ = listening.accept()
            with connection, contextlib.suppress(ConnectionError):
                connection.sendall(answers)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(PATIENCE)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            result = deliver(relay, *WORDS, "--socket", str(place), octets=message(), config=False)
        finally:
            thread.join(PATIENCE)
    assert result[0] == 75
    assert result[2].count("\n") == 1
    assert told in result[2] or "Broken pipe" in result[2] or "Connection reset" in result[2]


def test_a_relay_that_stops_behind_its_last_250_has_the_message(tmp_path, relay):
    """75 would bring it a second time."""
    place = tmp_path / "stopping.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen(1)

        def serve():
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"220 h LMTP\r\n250 h\r\n250 ok\r\n250 ok\r\n354 go\r\n")
                said = b""
                while not said.endswith(b"\r\n.\r\n"):
                    said += connection.recv(65536)
                connection.shutdown(socket.SHUT_RD)  # so that QUIT finds the door closed, whoever is quicker
                connection.sendall(b"250 2.0.0 accepted as 0123abcd-7\r\n421 4.3.2 stopping\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        result = deliver(relay, *WORDS, "--socket", str(place), octets=message(), config=False)
        thread.join(PATIENCE)
    assert result == (0, "2.0.0 accepted as 0123abcd-7\n", "")


def test_one_of_two_recipients_refused_after_the_data_is_75(tmp_path, relay):
    place = tmp_path / "half.sock"
    script = b"220 h LMTP\r\n250 h\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 kept\r\n452 4.3.1 full\r\n"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen(1)

        def serve():
            connection, _ = listening.accept()
            with connection, contextlib.suppress(ConnectionError):
                connection.sendall(script)
                connection.settimeout(PATIENCE)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        words = (*WORDS, "lead-4@crm.example.org", "--socket", str(place))
        deferred(deliver(relay, *words, octets=message(), config=False), "452 4.3.1 full")
        thread.join(PATIENCE)


# -- reading ---------------------------------------------------------------------------------------


def test_addresses_are_written_as_smtp_wants_them():
    assert path("bob@example.org", "--sender") == "bob@example.org"
    assert path("<bob@example.org>", "--sender") == "bob@example.org"
    assert path("two words@example.org", "--sender") == '"two words"@example.org'
    assert path('a"b\\c@example.org', "--sender") == '"a\\"b\\\\c"@example.org'
    assert path('"two words"@example.org', "--sender") == '"two words"@example.org'
    assert path("a..b@example.org", "--sender") == '"a..b"@example.org'
    assert path("-x--sender@example.org", "--sender") == "-x--sender@example.org"
    assert path("jörg@bücher.example", "--recipient") == "jörg@bücher.example"
    for bad in ("", "MAILER-DAEMON", "@", "a@", "@b", "a\r\n@b"):
        with pytest.raises(DeferredError):
            path(bad, "--recipient")


def test_a_sender_that_looks_like_an_option_is_a_sender():
    given = read(["--sender", "--recipient", "--recipient", CAPTURE, "-x@crm.example.org"])
    assert given["--sender"] == ["--recipient"]
    assert given["--recipient"] == [CAPTURE, "-x@crm.example.org"]


def test_an_old_from_field_is_no_mbox_line():
    assert as_sent(b"From : bob@example.org\n\nx") == b"From : bob@example.org\r\n\r\nx\r\n"
    assert as_sent(b"From bob 1\nFrom: b\n\n>From x\n\rlone\n") == b"From: b\r\n\r\n>From x\r\n\rlone\r\n"


def test_help_is_help():
    for asked in ("--help", "-h", "--version"):
        done = subprocess.run(
            [sys.executable, "-m", "relay", "deliver", asked], capture_output=True, text=True, env=_environment()
        )
        assert done.returncode == 0
    assert "bcc-relay" in done.stdout


def test_it_is_quick_since_a_mail_server_starts_it_for_each_message(running):
    """Nothing is imported that the way over the socket does not need."""
    words = (*WORDS, "--socket", str(running.folder / "lmtp.sock"))
    command = [sys.executable, "-X", "importtime", "-m", "relay", "deliver", *words]
    done = subprocess.run(command, input=message(), capture_output=True, text=False, env=_environment(), timeout=60)
    assert done.returncode == 0
    imported = {line.rpartition(b"|")[2].strip().decode() for line in done.stderr.splitlines()}
    assert (
        not imported
        & {"click", "asyncio", "typing", "re", "pathlib", "dataclasses", "sqlite3", "pysqlite3", "structlog"}
        - _by_python()
    )


def _by_python():
    """What Python imports by itself here (.pth files of an environment may)."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys; print(*sys.modules)"], capture_output=True, text=True, env=_environment()
    )
    return set(done.stdout.split())
