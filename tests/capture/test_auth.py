"""AUTH: inside TLS only, one sentence for every failure, few tries, and no way to stop others by trying."""

from __future__ import annotations

import asyncio
import threading
from base64 import b64encode

import pytest
from certificates import make
from test_tls import HERE, at_once, inside

from relay.capture import logins
from relay.config.settings import Tls

NAME, PASSWORD = "ann@example.org", "correct horse battery"


def plain(name=NAME, password=PASSWORD, actor=""):
    return b64encode(f"{actor}\0{name}\0{password}".encode()).decode()


def line(text):
    return b64encode(text.encode()).decode()


def check(name, password):
    return (7, "the first") if (name.lower(), password) == (NAME, PASSWORD) else None


@pytest.fixture
def pair(tmp_path):
    return Tls(*make(tmp_path))


@pytest.fixture
def office(serve, pair):
    def start(**options):
        return serve(**{"tls": pair, "listen_tls": HERE, "check": check, "login_delay": (0.0, 0.01), **options})

    return start


@pytest.fixture
def client(office, pair):
    running = office()

    def connect():
        client = at_once(running, pair)
        client.running = running
        assert client.reply().startswith("220 ")
        assert client.say("EHLO rep.example.org").endswith("AUTH PLAIN LOGIN")
        return client

    return connect


def test_a_password_is_taken_inside_tls_only(office, pair):
    running = office()
    client = running.connect()
    client.reply()
    assert "AUTH" not in client.say("EHLO x")
    assert client.say(f"AUTH PLAIN {plain()}").startswith("538 5.7.11")
    secured = inside(running, pair)
    assert secured.say(f"AUTH PLAIN {plain()}").startswith("503 ")
    assert secured.say("EHLO x").endswith("AUTH PLAIN LOGIN")
    assert secured.say(f"AUTH PLAIN {plain()}").startswith("235 2.7.0")


@pytest.mark.parametrize(
    "lines",
    [
        [f"AUTH PLAIN {plain()}"],
        [f"auth plain {plain(actor=NAME)}"],
        ["AUTH PLAIN", plain()],
        ["AUTH LOGIN", line(NAME), line(PASSWORD)],
        [f"AUTH LOGIN {line('Ann@Example.org')}", line(PASSWORD)],
    ],
)
def test_every_form_of_login_sets_the_account(client, lines):
    client = client()
    *first, last = lines
    for each in first:
        assert client.say(each).startswith("334 ")
    assert client.say(last) == "235 2.7.0 logged in"
    assert client.say(f"AUTH PLAIN {plain()}").startswith("503 5.5.1")
    assert client.say("EHLO again").startswith("250-")
    client.until_data()
    assert client.say("From: ann@example.org\r\n\r\nx\r\n.").startswith("250 ")
    assert client.running.mails[-1].envelope.client.account == "7"
    assert client.say("MAIL FROM:<ann@example.org>").startswith("250 ")
    assert client.say(f"AUTH PLAIN {plain()}").startswith("503 5.5.1")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["AUTH"], "504 5.5.4"),
        (["AUTH CRAM-MD5"], "504 5.5.4"),
        (["AUTH PLAIN", "*"], "501 5.7.0"),
        (["AUTH LOGIN", "*"], "501 5.7.0"),
        (["AUTH PLAIN !!!"], "501 5.5.2"),
        (["AUTH PLAIN", "YQ"], "501 5.5.2"),
        (["AUTH PLAIN ="], "501 5.5.2"),
        ([f"AUTH PLAIN {line('only')}"], "501 5.5.2"),
        ([f"AUTH PLAIN {plain(actor='boss@example.org')}"], "501 5.5.2"),
        ([f"AUTH PLAIN {b64encode(bytes([0, 255, 0, 255])).decode()}"], "501 5.5.2"),
        (["AUTH PLAIN " + "A" * 12_200], "501 5.5.2"),
        (["AUTH PLAIN " + "A" * 12_300], "500 5.5.2"),
        (["AUTH PLAIN", "A" * 13_000], "500 5.5.6"),
        (["AUTH LOGIN", line("a" * 9000), line("b")], "535 5.7.8"),
    ],
)
def test_what_is_no_login_is_refused_in_step(client, lines, said):
    client = client()
    *first, last = lines
    for each in first:
        assert client.say(each).startswith("334 ")
    assert client.say(last).startswith(said)
    assert client.say("NOOP").startswith("250 ")


def test_an_unknown_name_and_a_wrong_password_are_answered_alike_and_three_times(client):
    client = client()
    said = {client.say(f"AUTH PLAIN {plain(name, 'wrong')}") for name in (NAME, "nobody@example.org", "\u00fc")}
    assert said == {"535 5.7.8 name or password is wrong; the name is your mail address"}
    assert client.say(f"AUTH PLAIN {plain()}").startswith("421 4.7.0")
    assert client.closed()


def test_an_answer_octet_by_octet_is_one_answer(client):
    client = client()
    client.say("AUTH PLAIN")
    for octet in plain() + "\r\n":
        client.send(octet.encode())
    assert client.reply().startswith("235 ")


def test_twenty_failures_end_the_tries_of_a_network_for_an_hour_but_not_those_of_who_logged_in_before(
    office, pair, monkeypatch
):
    monkeypatch.setattr(logins, "FAILURES", 4)
    running = office()

    def say(password, source):
        client = at_once_from(source)
        return client.say(f"AUTH PLAIN {plain(password=password)}")[:9]

    def at_once_from(source):
        from test_tls import wrapped

        client = wrapped(running.connect_tls(source=source), pair.certificate)
        client.reply()
        client.say("EHLO x")
        return client

    assert say(PASSWORD, "127.0.1.1") == "235 2.7.0"
    assert [say("wrong", "127.0.2.1") for _ in range(5)] == ["535 5.7.8"] * 4 + ["454 4.7.0"]
    assert say(PASSWORD, "127.0.2.2") == "454 4.7.0", "the right one, too: a reply must not tell"
    assert say(PASSWORD, "127.0.3.1") == "454 4.7.0", "the account, from everywhere"
    assert say(PASSWORD, "127.0.1.1") == "235 2.7.0", "but not from where she logged in before"


def test_a_stranger_with_one_address_shuts_nobody_out_who_is_elsewhere_for_the_first_time():
    hour = [0.0]
    door = logins.Logins(check, lambda: hour[0], delay=(0.0, 0.0))

    def tried(network, password="wrong"):
        try:
            return asyncio.run(door.check(network, NAME, password))
        except logins.TooMany:
            return "too many"

    assert [tried("192.0.2") for _ in range(25)] == [None] * 20 + ["too many"] * 5
    assert tried("198.51.100", PASSWORD) == (7, "the first")
    # Who has many addresses comes no further than twenty in all, and not against who was here before.
    assert [tried(f"203.0.{number}") for number in range(20)] == [None] * 15 + ["too many"] * 5
    assert tried("203.0.113", PASSWORD) == "too many"
    assert tried("198.51.100", PASSWORD) == (7, "the first")
    hour[0] += logins.HOUR
    assert tried("203.0.113", PASSWORD) == (7, "the first")
    door.close()


def test_whom_a_client_means_by_auth_is_read_inside_tls_and_decides_nothing(office, pair, client):
    outside = office().hello()
    assert outside.say("MAIL FROM:<ann@example.org> AUTH=<>").startswith("555 5.5.4")
    inside = client()
    for written in ("AUTH=<>", "AUTH=ann@example.org", "auth=e+3Dmc2@example.org SIZE=100"):
        assert inside.say(f"MAIL FROM:<ann@example.org> {written}").startswith("250 "), written
        inside.say("RSET")
    for written in ("AUTH", "AUTH=", "AUTH=a+b@example.org", "AUTH=<> AUTH=<>", "AUTH=" + "x" * 600):
        assert inside.say(f"MAIL FROM:<ann@example.org> {written}").startswith("501 5."), written


def test_a_stranger_who_talks_past_a_login_is_sent_away(office, pair):
    client = at_once(office(networks=()), pair)
    client.reply()
    client.say("EHLO x")
    client.send(f"AUTH PLAIN {plain()}\r\nMAIL FROM:<ann@example.org>\r\n".encode())
    assert client.reply().startswith("554 5.5.0 ")
    assert client.closed()


def test_when_passwords_cannot_be_checked_nobody_is_told_that_hers_is_wrong(office, pair):
    def broken(_name, _password):
        raise OSError("the disk")

    running = office(check=broken)
    client = at_once(running, pair)
    client.reply()
    client.say("EHLO x")
    for _ in range(6):
        assert client.say(f"AUTH PLAIN {plain()}").startswith("454 4.7.0")


def test_logins_that_wait_stop_nobodys_mail_and_few_may_wait(office, pair, monkeypatch):
    monkeypatch.setattr(logins, "WAITING", 2)
    go_on = threading.Event()

    def slow(_name, _password):
        go_on.wait(10)

    running = office(check=slow)
    waiting = []
    try:
        for _ in range(3):
            client = at_once(running, pair)
            client.reply()
            client.say("EHLO x")
            client.send(f"AUTH PLAIN {plain()}\r\n".encode())
            waiting.append(client)
        assert waiting[2].reply().startswith("454 4.7.0")
        other = running.hello()
        other.until_data()
        assert other.say("From: rep@example.org\r\n\r\nx\r\n.").startswith("250 ")
    finally:
        go_on.set()
    assert [client.reply()[:3] for client in waiting[:2]] == ["535", "535"]


def test_what_is_remembered_of_failures_is_bounded(monkeypatch):
    monkeypatch.setattr(logins, "REMEMBERED", 5)
    door = logins.Logins(check, lambda: 0.0)
    for number in range(50):
        door._note(("account", str(number)), 0.0, "192.0.2")
    assert len(door._failed) == 5
    door.close()
