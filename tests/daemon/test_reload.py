"""SIGHUP: a new configuration is taken over, or told with all its mistakes while the old one stays."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import smtplib
import subprocess
import time
from pathlib import Path

import pytest
from notified import Systemd
from running import CAPTURE, PATIENCE, Relay

from relay.config.loading import load
from relay.daemon.reloading import change

POST = "post@crm.example.org"
HANGING = str(Path(__file__).parent / "hanging.py")


def mail(number: int = 1) -> bytes:
    return (
        f"From: Bob <bob@example.org>\r\nTo: anna@lead.example\r\nSubject: hello {number}\r\n"
        f"Message-ID: <{number}@example.org>\r\n\r\nhi {number}\r\n"
    ).encode()


def write(relay: Relay, old: str, new: str) -> None:
    """Another configuration, put in place of the old one as an editor does."""
    text = relay.file.read_text()
    assert old in text
    beside = relay.file.with_suffix(".new")
    beside.write_text(text.replace(old, new))
    beside.replace(relay.file)


def hang_up(relay: Relay, systemd: Systemd) -> None:
    """SIGHUP, and wait until the daemon says that it is done."""
    assert relay.process is not None
    relay.process.send_signal(signal.SIGHUP)
    told = systemd.until("RELOADING=1\nMONOTONIC_USEC=")
    assert int(told.rpartition("=")[2]) > 0
    systemd.until("READY=1")


def said_to(relay: Relay, sender: str, to: str) -> tuple[int, bytes]:
    with smtplib.SMTP("127.0.0.1", relay.port, local_hostname="client.example.org", timeout=PATIENCE) as client:
        client.ehlo()
        code, said = client.mail(sender)
        return (code, said) if code != 250 else client.rcpt(to)


@pytest.fixture
def relay(relay_running, systemd: Systemd) -> Relay:
    found = relay_running(start=False).start(environment=systemd.environment)
    systemd.until("READY=1")
    return found


def test_mail_for_a_new_capture_address_is_accepted_and_filed_as_such(relay: Relay, systemd: Systemd) -> None:
    assert said_to(relay, "bob@example.org", POST)[0] == 550
    write(relay, f'["{CAPTURE}"]', f'["{CAPTURE}", "{POST}"]')
    hang_up(relay, systemd)
    relay.filed(*relay.send(mail(), to=(POST,)))
    assert relay.sql("SELECT direction FROM message") == [["outgoing"]]
    assert relay.sql("SELECT address FROM address WHERE address LIKE 'post@%'") == []
    assert "config.reloaded" in relay.log()
    assert "capture.addresses" in relay.log()


def test_an_address_that_was_taken_out_is_refused(relay: Relay, systemd: Systemd) -> None:
    write(relay, f'["{CAPTURE}"]', f'["{POST}"]')
    hang_up(relay, systemd)
    assert said_to(relay, "bob@example.org", CAPTURE)[0] == 550
    assert said_to(relay, "bob@example.org", POST)[0] == 250


def test_our_domains_change_for_the_filer_and_the_views(relay: Relay, systemd: Systemd) -> None:
    relay.filed(*relay.send(mail(1)))
    write(relay, 'domains = ["example.org"]', 'domains = ["lead.example"]')
    hang_up(relay, systemd)
    relay.filed(*relay.send(mail(2)))
    assert relay.sql("SELECT direction FROM message ORDER BY id") == [["outgoing"], ["incoming"]]


def test_what_is_kept_of_unknown_mail_changes(relay: Relay, systemd: Systemd) -> None:
    kept = relay.send(mail(1))
    relay.filed(*kept)
    write(relay, "[company]", '[filing]\nunknown = "facts"\n[company]')
    hang_up(relay, systemd)
    relay.filed(*relay.send(mail(2)))
    told = "SELECT m.subject FROM message m JOIN message_text t ON t.message_id = m.id WHERE t.text <> ''"
    assert relay.sql(told) == [["hello 1"]]


def test_size_and_networks_change_for_new_sessions_only(relay: Relay, systemd: Systemd) -> None:
    with smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE) as early:
        early.ehlo()
        write(relay, "[company]", 'max_size = "2 MiB"\n[admission]\nnetworks = ["127.0.0.2/32"]\n[company]')
        hang_up(relay, systemd)
        assert early.mail("bob@example.org")[0] == 250, "who was here stays what they were"
        with smtplib.SMTP("127.0.0.1", relay.port, timeout=PATIENCE) as late:
            late.ehlo()
            assert late.esmtp_features["size"] == str(2 << 20)
            assert late.mail("")[0] == 250
            assert late.rcpt(CAPTURE)[0] == 550, "notices without a sender are taken of full trust only"


def test_a_broken_file_is_told_with_every_mistake_and_the_old_one_stays(relay: Relay, systemd: Systemd) -> None:
    good = relay.file.read_text()
    write(relay, f'addresses = ["{CAPTURE}"]', 'addresses = ["crm"]\nmax_size = "lots"\nhostnam = "x"')
    hang_up(relay, systemd)
    log = relay.log()
    for mistake in ("capture.addresses[1]", "capture.max_size", "did you mean hostname?"):
        assert mistake in log
    assert log.count("config.mistake") == 3
    assert "config.rejected" in log
    assert "config.reloaded" not in log
    systemd.until("STATUS=the configuration has mistakes (see the log), the old one is in effect; ")
    relay.filed(*relay.send(mail()))
    relay.file.write_text(good)
    hang_up(relay, systemd)
    systemd.until("STATUS=0 sessions")


def test_a_file_that_is_gone_changes_nothing(relay: Relay, systemd: Systemd) -> None:
    relay.file.rename(relay.folder / "elsewhere")
    hang_up(relay, systemd)
    assert "there is no such file" in relay.log()
    relay.filed(*relay.send(mail()))
    (relay.folder / "elsewhere").rename(relay.file)


def test_what_needs_a_restart_is_named_in_one_line_and_keeps_its_value(relay: Relay, systemd: Systemd) -> None:
    write(relay, 'listen = ["127.0.0.1:0"]', 'listen = ["127.0.0.1:1"]\nlmtp = "lmtp.sock"')
    write(relay, 'path = "vault"', 'path = "elsewhere"')
    hang_up(relay, systemd)
    [line] = [line for line in relay.log().splitlines() if "config.needs_restart" in line]
    assert all(key in line for key in ("capture.listen", "capture.lmtp", "vault.path"))
    relay.filed(*relay.send(mail()))
    assert not (relay.folder / "elsewhere").exists()
    write(relay, 'path = "elsewhere"', 'path = "vault"')


def test_a_drop_in_file_is_found_by_a_reload(relay: Relay, systemd: Systemd) -> None:
    (relay.folder / "conf.d").mkdir()
    (relay.folder / "conf.d" / "post.toml").write_text(f'[capture]\naddresses = ["{POST}"]\n')
    hang_up(relay, systemd)
    assert said_to(relay, "bob@example.org", POST)[0] == 250


def test_form_and_level_of_the_log_change_for_the_filer_too(relay: Relay, systemd: Systemd) -> None:
    write(relay, "[company]", '[log]\nformat = "json"\nlevel = "debug"\n[company]')
    hang_up(relay, systemd)
    before = len(relay.log())
    relay.filed(*relay.send(mail()))
    end = time.monotonic() + PATIENCE
    events: set[str] = set()
    while not {"session.closed", "mail.filed"} <= events:
        assert time.monotonic() < end, events
        time.sleep(0.02)
        events = {json.loads(line)["event"] for line in relay.log()[before:].splitlines() if line.endswith("}")}


def test_nothing_is_lost_or_filed_twice_while_the_configuration_changes(relay: Relay, systemd: Systemd) -> None:
    accepted = []
    for round_ in range(4):
        write(relay, "[company]\ndomains = [", f'[company]\ndomains = ["r{round_}.example", ')
        assert relay.process is not None
        relay.process.send_signal(signal.SIGHUP)
        accepted += relay.send(*(mail(10 * round_ + number) for number in range(10)))
    relay.filed(*accepted)
    assert relay.sql("SELECT count(*), count(DISTINCT internet_message_id) FROM message") == [[40, 40]]
    assert relay.sql("SELECT count(*) FROM message WHERE status <> 'filed'") == [[0]]
    assert "filer.died" not in relay.log()


def test_a_daemon_whose_terminal_has_gone_stops(relay_running) -> None:
    relay = relay_running(start=False)
    pid, terminal = pty.fork()
    if not pid:
        os.execv(relay.command()[0], relay.command("serve"))
    said = b""
    with contextlib.suppress(OSError):
        while b"bcc-relay: ready" not in said:
            said += os.read(terminal, 4096)
    os.close(terminal)
    end = time.monotonic() + PATIENCE
    done = 0
    while not done:
        assert time.monotonic() < end, "it lives on without its terminal"
        time.sleep(0.02)
        done, status = os.waitpid(pid, os.WNOHANG)
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_fault_of_ours_while_reloading_is_told_and_the_next_reload_counts(relay_running, systemd: Systemd) -> None:
    relay = relay_running(start=False).start(program=HANGING, environment=systemd.environment)
    systemd.until("READY=1")
    (relay.folder / "hang").write_text("read")
    hang_up(relay, systemd)
    assert "config.not_reloaded" in relay.log()
    (relay.folder / "hang").unlink()
    write(relay, f'["{CAPTURE}"]', f'["{CAPTURE}", "{POST}"]')
    hang_up(relay, systemd)
    relay.filed(*relay.send(mail(), to=(POST,)))
    assert relay.stop() == 0


@pytest.mark.slow
def test_a_storm_of_hangups_leaves_nothing_behind(relay: Relay, systemd: Systemd) -> None:
    """Neither descriptors nor threads nor processes, and each time the last state of the file is in effect."""
    assert relay.process is not None
    hang_up(relay, systemd)
    folder = Path(f"/proc/{relay.process.pid}/fd")

    def descriptors() -> list[str]:
        found = []
        for each in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append(str(each.readlink()))
        return sorted(found)

    before = descriptors()
    for _ in range(500):
        relay.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + PATIENCE
    told = relay.log().count("config.reloading")
    while told < 20:
        relay.process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
        assert time.monotonic() < end
        told = relay.log().count("config.reloading")
    write(relay, f'["{CAPTURE}"]', f'["{CAPTURE}", "{POST}"]')
    relay.process.send_signal(signal.SIGHUP)
    while said_to(relay, "bob@example.org", POST)[0] != 250:
        assert time.monotonic() < end
    # SQLite keeps a few open for another connection to the same file.
    while len(left := descriptors()) > len(before) + 5:
        assert time.monotonic() < end, f"{left} where there were {before}"
        time.sleep(0.01)
    assert "filer.died" not in relay.log()


def test_which_keys_can_change_is_decided_key_by_key(tmp_path: Path) -> None:
    least = '[capture]\nhostname = "a.example"\naddresses = ["crm@a.example"]\n'
    more = 'max_size = "1 MiB"\nlisten = ["127.0.0.1:0"]\n[limits]\nconnections = 7\n[store]\npath = "/x/relay.db"\n'
    (tmp_path / "old.toml").write_text(least)
    (tmp_path / "new.toml").write_text(least + more)
    old, new = load(tmp_path / "old.toml", {}).settings, load(tmp_path / "new.toml", {}).settings
    found = change(old, new)
    assert found.changed == ("capture.max_size", "limits.connections")
    assert found.waiting == ("capture.listen", "store.path")
    assert found.settings.capture.max_size == 1 << 20
    assert found.settings.capture.listen == old.capture.listen
    assert found.settings.store == old.store
    assert change(old, old).settings == old


def test_the_processes_beside_the_daemon_do_not_mind_a_hangup_of_the_group(relay: Relay) -> None:
    assert relay.process is not None
    relay.filed(*relay.send(mail(1)))
    told = subprocess.run(["ps", "--ppid", str(relay.process.pid), "-o", "pid="], capture_output=True, check=False)
    for child in told.stdout.split():
        os.kill(int(child), signal.SIGHUP)
    relay.filed(*relay.send(mail(2)))
    assert "filer.died" not in relay.log()
