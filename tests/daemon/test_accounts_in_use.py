"""Accounts from the command to the filed mail: a real daemon, real clients."""

from __future__ import annotations

import contextlib
import shutil
import smtplib
import subprocess

import pytest
from certificates import make, trusting
from dns_stub import NameServer
from mailbuilder import message
from running import PATIENCE, Relay, stranger

PASSWORD = "correct horse battery"


@pytest.fixture
def names():
    """A name server that knows no names: nothing can be proved."""
    with NameServer() as server:
        yield server.place


@pytest.fixture
def relay(tmp_path, names):
    folder = tmp_path / "relay"
    relay = Relay(
        folder,
        f'[admission]\nnetworks = []\n[tls]\ncertificate = "tls.crt"\nkey = "tls.key"\n[dns]\nservers = ["{names}"]\n',
    )
    make(folder)
    relay.start()
    relay.run("staff", "add", "Ann Lee", "ann@home.example")
    try:
        yield relay
        relay.verify()
    finally:
        relay.stop()


def _set_password(relay, password=PASSWORD):
    subprocess.run(relay.command("staff", "password", "Ann Lee"), input=password.encode(), check=True)


@contextlib.contextmanager
def _secured(relay):
    """A client inside TLS."""
    with smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE) as client:
        client._host = "crm.example.org"
        client.starttls(context=trusting(relay.folder / "tls.crt"))
        yield client


def test_a_colleague_logs_in_hands_in_mail_and_leaves(relay):
    _set_password(relay)
    with _secured(relay) as client:
        client.login("Ann@Home.example", PASSWORD)
        client.sendmail("ann@home.example", "crm@crm.example.org", message("Ann Lee <ann@home.example>"))
        relay.until("SELECT count(*) FROM envelope")
        [[by, staff, tls]] = relay.sql("SELECT admitted_by, staff_id, tls FROM envelope")
        assert (by, staff) == ("auth", 1)
        assert tls.startswith("TLSv1.3 ")
        relay.run("staff", "leave", "Ann Lee")
        with pytest.raises(smtplib.SMTPDataError, match=r"5\.7\."):  # the session that is open is not believed any more
            client.sendmail("ann@home.example", "crm@crm.example.org", message("Ann Lee <ann@home.example>"))
        client.close()
    with _secured(relay) as client, pytest.raises(smtplib.SMTPAuthenticationError):
        client.login("ann@home.example", PASSWORD)
    assert PASSWORD not in relay.log()


def test_a_new_password_ends_the_sessions_of_the_one_before(relay):
    _set_password(relay)
    mail = message("Ann Lee <ann@home.example>")
    with _secured(relay) as client:
        client.login("ann@home.example", PASSWORD)
        client.sendmail("ann@home.example", "crm@crm.example.org", mail)
        _set_password(relay, "quite another one")
        with pytest.raises(smtplib.SMTPDataError, match="log in again") as refused:
            client.sendmail("ann@home.example", "crm@crm.example.org", mail)
        assert refused.value.smtp_code == 530
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.docmd("NOOP")
        client.close()
    with _secured(relay) as client:
        client.login("ann@home.example", "quite another one")
        client.sendmail("ann@home.example", "crm@crm.example.org", mail)


def test_a_login_is_to_write_as_oneself(relay):
    """From is that person's, whatever other fields say who sent it or sent it on."""
    relay.run("staff", "add", "Bob Baker", "bob@example.org")
    _set_password(relay)
    hers = "Ann Lee <ann@home.example>"
    with _secured(relay) as client:
        client.login("ann@home.example", PASSWORD)
        for author in ("bob@example.org", "anna@lead.example", '"ann@home.example" <bob@example.org>'):
            for field in ("Sender", "Resent-From", "Reply-To", "X-From"):
                mail = f"{field}: {hers}\r\n".encode() + message(author)
                with pytest.raises(smtplib.SMTPDataError) as refused:
                    client.sendmail("ann@home.example", "crm@crm.example.org", mail)
                assert (refused.value.smtp_code, refused.value.smtp_error[:5]) == (553, b"5.7.1"), (author, field)
        client.sendmail("bob@example.org", "crm@crm.example.org", message(hers))  # the envelope says where bounces go


@pytest.mark.skipif(shutil.which("msmtp") is None, reason="msmtp is not installed")
def test_msmtp_logs_in(relay, tmp_path):
    _set_password(relay)
    settings = tmp_path / "msmtprc"
    settings.write_text(
        f"account default\nhost 127.0.0.1\nport {relay.port}\ntls on\ntls_starttls on\ntls_host_override crm.example.org\n"
        f'tls_trust_file {relay.folder / "tls.crt"}\nauth on\nuser ann@home.example\npassword "{PASSWORD}"\n'
        "from ann@home.example\n"
    )
    settings.chmod(0o600)
    mail = message("Ann Lee <ann@home.example>")
    subprocess.run(["msmtp", "-C", str(settings), "crm@crm.example.org"], input=mail, check=True, timeout=PATIENCE)
    relay.until("SELECT count(*) FROM envelope WHERE admitted_by = 'auth'")


def test_a_personal_address_is_printed_once_and_takes_mail_that_proves_nothing(relay, tmp_path):
    address = relay.run("staff", "capture-address", "Ann Lee").splitlines()[0]
    token = address.partition("me-")[2].partition("@")[0]
    assert "cannot be shown again" in relay.run("staff", "capture-address", "Ann Lee", status=1)
    assert token not in relay.run("staff", "list")
    [vault_id] = relay.send(message("Ann Lee <ann@home.example>"), sender="ann@home.example", to=(address.upper(),))
    relay.filed(vault_id)
    assert relay.sql("SELECT admitted_by, staff_id FROM envelope") == [["personal-address", 1]]
    relay.stop()
    for path in relay.folder.rglob("*"):
        if path.is_file():
            octets = path.read_bytes().lower()
            assert token.encode() not in octets, path
    relay.run("backup", str(tmp_path / "backup"))
    (relay.vault / "accounts.json").unlink()
    relay.run("restore", "--force", str(tmp_path / "backup"))
    assert "address 20" in relay.run("staff", "list")
    assert stranger(relay.database, "SELECT count(*) FROM staff") == [[1]]
