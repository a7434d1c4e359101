"""What scripts/try-install asks of a machine that has booted, in that machine, with nothing but Debian's Python.

try_install.py installer     scripts/install: fresh, upgrade under way, a failing upgrade, rights, removal
try_install.py package       the same for the Debian package
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import smtplib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

DATA = Path("/var/lib/bcc-relay")
STORE = DATA / "shared/relay.db"
PATIENCE = 90.0
MAIL = "From: Bob <bob@acme.example>\r\nTo: anna@lead.example\r\nSubject: {}\r\n\r\nHello {}\r\n"
SLOW = """-- Some seconds of work, as years of mail are.
CREATE TABLE x_numbers AS
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000000) SELECT count(*) AS counted FROM n;
"""
CRM = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], timeout=60)
for line in sys.stdin:
    rows = db.execute(line).fetchall()
    db.commit()
    print(repr(rows), flush=True)
"""


def kept(promise: str) -> None:
    print(f"ok   {promise}", flush=True)


def must(truth: object, promise: str, told: object = "") -> None:
    if not truth:
        print(f"NOT  {promise}\n{told}", flush=True)
        print(run("journalctl", "-u", "bcc-relay", "-n", "40", "--no-pager", "-o", "cat"), flush=True)
        sys.exit(1)
    kept(promise)


def run(*words: str, user: str = "", ok: bool | None = None) -> str:
    """Output of a command; `ok` is whether it must succeed."""
    command = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *words] if user else [*words]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ok is not None and ok != (done.returncode == 0):
        must(
            False,
            f"{' '.join(words)[:120]} {'succeeds' if ok else 'fails'}{' as ' + user if user else ''}",
            done.stdout,
        )
    return done.stdout.strip()


def ask(query: str, user: str = "crm", ok: bool | None = True) -> str:
    """One statement by a program of Debian's, as `user`."""
    program = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], timeout=10); "
        "rows = db.execute(sys.argv[2]).fetchall(); db.commit(); print(rows)"
    )
    return run("/usr/bin/python3", "-I", "-c", program, str(STORE), query, user=user, ok=ok)


def until(condition: Callable[[], object], promise: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            must(False, promise)
        time.sleep(0.1)
    kept(promise)


def send(number: int, *, lmtp: str = "", port: int = 25) -> str:
    """Hand in a mail and say goodbye. The vault id of its 250; raises SMTPException, OSError."""
    client = smtplib.LMTP(lmtp) if lmtp else smtplib.SMTP("127.0.0.1", port, "client", timeout=PATIENCE)
    with client:
        client.ehlo_or_helo_if_needed()
        for code, said in (client.mail("bob@acme.example"), client.rcpt("crm@relay.acme.example")):
            if code != 250:
                raise smtplib.SMTPResponseException(code, said)
        code, said = client.data(MAIL.format(f"mail {number}", number))
        if code != 250:
            raise smtplib.SMTPDataError(code, said)
        return said.split()[-1].decode()


def count() -> int:
    return int(ask("SELECT count(*) FROM message").strip("[](),"))


def unfiled(ids: list[str]) -> set[str]:
    """Of these vault ids, those that no message came in by."""
    return set(ids) - set(re.findall(r"[0-9a-f]{8}-\d+", ask("SELECT vault_id FROM envelope")))


class Sender(threading.Thread):
    """Hands in one mail after the other, each over a connection of its own, until `end`."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.refused: list[str] = []
        self.longest = 0.0
        self._first = first
        self._end = threading.Event()

    def run(self) -> None:
        while not self._end.is_set():
            began = time.monotonic()
            try:
                self.ids.append(send(self._first + self.sent))
            except (OSError, smtplib.SMTPException) as error:
                self.refused.append(repr(error))
            self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.05)

    @property
    def sent(self) -> int:
        """How many were answered 250 so far."""
        return len(self.ids)

    def end(self) -> None:
        self._end.set()
        self.join()


@contextlib.contextmanager
def open_crm() -> Iterator[Callable[[str], str]]:
    """A CRM that keeps its connection open."""
    crm = subprocess.Popen(
        ["setpriv", "--reuid=crm", "--regid=crm", "--init-groups", "/usr/bin/python3", "-I", "-c", CRM, str(STORE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def asked(query: str) -> str:
        crm.stdin.write(query + "\n")
        crm.stdin.flush()
        return crm.stdout.readline().strip()

    yield asked
    crm.stdin.close()
    must(crm.wait() == 0, "a CRM's connection stayed open all the time")


UNIT, FILER = "bcc-relay.service", "bcc-relay-filer.service"


def active(unit: str = UNIT) -> str:
    return run("systemctl", "is-active", unit)


def main_pid(unit: str = UNIT) -> int:
    return int(run("systemctl", "show", "-P", "MainPID", unit))


def rights() -> None:
    """Who may do what, with the daemon running and stopped."""
    for user in ("crm", "stranger", "mta"):
        run("useradd", "--system", "--user-group", user)
    run("usermod", "-aG", "bcc-relay", "crm", ok=True)
    run("usermod", "-aG", "bcc-relay-mta", "mta", ok=True)
    ask("INSERT INTO lead (id, name) VALUES (1, 'Anna') RETURNING id")
    ask("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example') RETURNING id")
    send(0)
    until(
        lambda: "mail 0" in ask("SELECT subject FROM lead_timeline"),
        "a mail is on the lead's timeline for the CRM's user",
    )
    for state in ("running", "stopped"):
        if state == "stopped":
            run("systemctl", "stop", "bcc-relay.service", "bcc-relay.socket", "bcc-relay-lmtp.socket", ok=True)
        must(
            "Anna" in ask("UPDATE lead SET updated_at = updated_at RETURNING name"),
            f"the CRM's user reads and writes, daemon {state}",
        )
        ask("SELECT 1", user="stranger", ok=False)
        run("ls", str(DATA), user="stranger", ok=False)
        kept(f"who is not in the group reads nothing, daemon {state}")
        run("ls", str(DATA / "vault"), user="crm", ok=False)
        kept(f"the CRM's user cannot enter the vault, daemon {state}")
    run("systemctl", "start", "bcc-relay.socket", "bcc-relay-lmtp.socket", ok=True)
    send(1)
    must(active() == "active", "a connection starts the stopped service")
    until(lambda: count() == 2, "and its mail is filed")
    hand_in = "import sys; sys.path.insert(0, '/src/scripts'); import try_install as t; t.send(2, lmtp='/run/bcc-relay/lmtp.sock')"
    run("/usr/bin/python3", "-B", "-c", hand_in, user="stranger", ok=False)
    run("/usr/bin/python3", "-B", "-c", hand_in, user="crm", ok=False)
    run("/usr/bin/python3", "-B", "-c", hand_in, user="mta", ok=True)
    until(lambda: count() == 3, "LMTP takes mail of a user in bcc-relay-mta, and of nobody else")


def halves() -> None:
    """The half that reads what strangers wrote has no network, and neither half needs the other."""
    spaces = [Path(f"/proc/{main_pid(unit)}/ns/net").readlink() for unit in (UNIT, FILER)]
    must(spaces[0] != spaces[1], "the service that files has a network of its own, with nothing in it")
    told = run("bcc-relay", "doctor", "--no-network", ok=None)
    must(
        "; taken back" in told and "Traceback" not in told, "doctor sends a mail through the front door and back", told
    )
    before, filed = main_pid(FILER), count()
    run("systemctl", "stop", FILER, ok=True)
    send(90)
    must(count() == filed, "without it mail is accepted and waits")
    run("systemctl", "start", FILER, ok=True)
    until(lambda: count() == filed + 1, "and is filed when it is back")
    os.kill(main_pid(FILER), 9)
    until(lambda: active(FILER) == "active" and main_pid(FILER) not in (0, before), "killed, it is back")
    before = main_pid(FILER)
    run("systemctl", "restart", UNIT, ok=True)
    until(lambda: main_pid(FILER) not in (0, before) and active(FILER) == "active", "a restart is one of both")
    before = main_pid(FILER)
    config = Path("/etc/bcc-relay/bcc-relay.toml")
    was = config.read_text()
    config.write_text(was.replace('addresses = ["', 'addresses = ["new@relay.acme.example", "'))
    send(91)  # the line between them is there again
    run("systemctl", "reload", UNIT, ok=True)
    until(lambda: "config.reloaded" in run("journalctl", f"_PID={before}", "-o", "cat"), "and so is a reload")
    must(main_pid(FILER) == before, "which restarts neither")
    config.write_text(was)
    run("systemctl", "reload", UNIT, ok=True)


def from_one_service() -> None:
    """As it was when one service did all: the next installation makes two of it."""
    unit, filer = (Path("/etc/systemd/system") / name for name in (UNIT, FILER))
    run("systemctl", "stop", UNIT, ok=True)
    filer.unlink()
    old = unit.read_text().replace(" --only accept", "").replace(f" {FILER}", "")
    unit.write_text(old.replace("SystemCallErrorNumber", "SystemCallFilter=setpriority\nSystemCallErrorNumber"))
    run("systemctl", "daemon-reload", ok=True)
    run("systemctl", "start", UNIT, ok=True)
    filed = count()
    send(92)
    until(lambda: count() == filed + 1, "one service does all")
    run("sh", "/src/scripts/install", ok=True)
    must((active(), active(FILER)) == ("active", "active"), "an upgrade makes two services of one")
    send(93)
    until(lambda: count() == filed + 2, "which do the same")


def life() -> None:
    """What systemd does for it."""
    before = main_pid()
    os.kill(before, 9)
    until(lambda: active() == "active" and main_pid() not in (0, before), "killed, it is back")
    drop = Path("/run/systemd/system/bcc-relay.service.d/watchdog.conf")
    drop.parent.mkdir(parents=True, exist_ok=True)
    drop.write_text("[Service]\nWatchdogSec=3\n")
    run("systemctl", "daemon-reload", ok=True)
    run("systemctl", "restart", "bcc-relay.service", ok=True)
    before = main_pid()
    time.sleep(6)
    must(main_pid() == before, "the watchdog is fed")
    os.kill(before, 19)
    until(lambda: active() == "active" and main_pid() not in (0, before), "stopped dead, the watchdog brings it back")
    drop.unlink()
    run("systemctl", "daemon-reload", ok=True)
    run("systemctl", "reload", "bcc-relay.service", ok=True)
    until(lambda: active() == "active", "it reloads")
    run("systemctl", "start", "bcc-relay-maintain.service", ok=True)
    kept("maintenance runs under its sandbox")
    credentials = Path("/etc/credstore")
    credentials.mkdir(mode=0o700, exist_ok=True)
    for name in ("key", "certificate"):
        (credentials / f"bcc-relay.tls.{name}").write_text("secret")
    run("systemctl", "restart", "bcc-relay.service", ok=True)
    told = run("nsenter", "-t", str(main_pid()), "-m", "cat", "/run/credentials/bcc-relay.service/tls.key")
    must(told == "secret", "a key in /etc/credstore is a credential of the service", told)
    for name in ("key", "certificate"):
        (credentials / f"bcc-relay.tls.{name}").unlink()
    run("systemctl", "restart", "bcc-relay.service", ok=True)
    journal = run("journalctl", "-u", "bcc-relay*", "-o", "cat", "--no-pager")
    for word in ("Traceback", "cannot_work", "Operation not permitted"):
        must(word not in journal, f"no {word} in the journal", journal[-3000:])
    for unit in (UNIT, FILER, "bcc-relay-maintain.service"):
        told = run("systemd-analyze", "verify", unit, ok=True)
        must(not told, f"systemd finds nothing to say about {unit}", told)


def upgrade(install: Callable[[], None]) -> None:
    """A new version with a slow migration, while mail comes in and a CRM works."""
    before, version = count(), ask("PRAGMA user_version")
    sender = Sender(first=1000)
    with open_crm() as crm:
        crm("SELECT count(*) FROM lead")
        sender.start()
        install()
        at_restart = sender.sent
        must(
            active() == "active" and ask("PRAGMA user_version") == version,
            "the new version runs, and its migration is under way",
        )
        until(lambda: sender.sent > at_restart + 5, "mail is accepted during the migration")
        must(ask("PRAGMA user_version") == version, "which still goes on")
        until(lambda: ask("PRAGMA user_version") != version, "and is done")
        sender.end()
        must(
            crm("UPDATE lead SET name = 'Anna L.' RETURNING name") == "[('Anna L.',)]",
            "the CRM's open connection writes after it",
        )
    must(not sender.refused, f"none of {sender.sent} mails was refused", sender.refused[:3])
    kept(f"the longest one waited {sender.longest:.1f} s")
    until(lambda: not unfiled(sender.ids), "each that was answered 250 is filed")
    told = f"{before} before, {len(sender.ids)} answered 250, {count()} now"
    must(count() == before + len(set(sender.ids)) == before + sender.sent, "once", told)


def next_version(folder: Path, version: str, schema: str = "", code: str = "") -> None:
    """A clone with the next version of the program."""
    shutil.copytree("/src", folder, symlinks=True)
    project = folder / "pyproject.toml"
    old = next(line for line in project.read_text().splitlines() if line.startswith("version = "))
    project.write_text(project.read_text().replace(old, f'version = "{version}"'))
    (folder / "relay/__init__.py").write_text((folder / "relay/__init__.py").read_text().replace(old[11:-1], version))
    if schema:
        (folder / "relay/store/schema/9999_slow.sql").write_text(schema)
    if code:
        with (folder / "relay/daemon/__init__.py").open("a") as file:
            file.write(code)


def installer() -> None:
    install = ("sh", "/src/scripts/install")
    told = run(*install, ok=True)
    must(active() == "active", "scripts/install makes it a service that runs")
    for word in (
        "relay.acme.example.  IN  MX  10 relay.acme.example.",
        "bcc-relay staff add",
        "you@acme.example",
        "config check",
    ):
        must(word in told, f"it ends with {word}", told)
    must("bcc-relay" in run("man", "-w", "bcc-relay"), "the manual page is found")
    rights()
    halves()
    life()
    from_one_service()
    config = Path("/etc/bcc-relay/bcc-relay.toml")
    config.write_text(config.read_text() + "# edited\n")
    next_version(Path("/next"), "9.9.1", schema=SLOW)
    upgrade(lambda: run("sh", "/next/scripts/install", ok=True) and None)
    must("9.9.1" in run("bcc-relay", "--version"), "run again it is an upgrade")
    must(config.read_text().endswith("# edited\n"), "an edited configuration stays")
    link = Path("/opt/bcc-relay/current").readlink()
    shutil.rmtree("/next")
    next_version(Path("/next"), "9.9.2", schema=SLOW, code="\nraise SystemExit('broken')\n")
    told = run("sh", "/next/scripts/install", ok=False)
    must("the old one runs again" in told or "nothing was changed" in told, "an upgrade that fails says so", told)
    until(lambda: active() == "active", "and leaves the old version running")
    must(Path("/opt/bcc-relay/current").readlink() == link, "in its place")
    with config.open("a") as file:
        file.write("[nonsense]\n")
    pid = main_pid()
    run("sh", "/src/scripts/install", ok=False)
    must(
        main_pid() == pid,
        "a configuration that the new version cannot read stops the upgrade before anything is changed",
    )
    config.write_text(config.read_text().replace("[nonsense]\n", ""))
    edited = Path("/etc/systemd/system/bcc-relay.service.d/override.conf")
    edited.parent.mkdir(exist_ok=True)
    edited.write_text("[Service]\nNice=1\n")
    told = run("sh", "/src/scripts/install", "--remove", ok=True)
    must(
        edited.exists() and str(edited.parent) in told,
        "--remove leaves what systemctl edit has made, and says so",
        told,
    )
    edited.unlink()
    edited.parent.rmdir()
    must(STORE.exists() and config.exists(), "--remove leaves the database and the configuration")
    must(not Path("/opt/bcc-relay").exists() and active() != "active", "and takes everything else")
    beside_a_mail_server()


def beside_a_mail_server() -> None:
    """Installed again, over the data that stayed, with port 25 taken and a group of the CRM's own."""
    shutil.rmtree("/next")
    next_version(Path("/next"), "9.9.3", schema=SLOW)  # the data has been upgraded
    before = count()
    run("groupadd", "sales", ok=True)
    run("usermod", "-aG", "sales", "stranger", ok=True)
    with socket.create_server(("0.0.0.0", 25)):
        run("sh", "/next/scripts/install", "--group", "nobodys", ok=False)
        must(not Path("/opt/bcc-relay").exists(), "a group that is not there: nothing is changed")
        told = run("sh", "/next/scripts/install", "--group", "sales", ok=True)
        must("127.0.0.1:2525" in told, "where port 25 is taken it takes another one and says so", told)
        send(5000, port=2525)
        until(
            lambda: int(ask("SELECT count(*) FROM message", "stranger").strip("[](),")) == before + 1,
            "mail goes on over the old data",
        )
        kept("and the group named by --group reads it")
        ask("SELECT 1", user="crm", ok=False)
        kept("and the other group no longer")
        run("sh", "/next/scripts/install", ok=True)
        ask("UPDATE lead SET name = name RETURNING id", user="stranger", ok=True)
        kept("an upgrade remembers the group")


def package() -> None:
    (deb,) = Path("/packages").glob("*.deb")
    by_hand = Path("/opt/bcc-relay/current"), Path("/etc/systemd/system/bcc-relay.service")
    for path in by_hand:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    must("remove that first" in run("dpkg", "-i", str(deb), ok=False), "beside what scripts/install made it says so")
    for path in by_hand:
        path.unlink()
    by_hand[0].parent.rmdir()
    told = run("sh", "/src/scripts/install", "--remove", ok=False)
    must("not installed here" in told, "--remove of nothing says so", told)
    run("dpkg", "-i", str(deb), ok=True)
    must(active() == "active", "the package makes it a service that runs")
    for words in ((), ("--remove",)):
        told = run("sh", "/src/scripts/install", *words, ok=False)
        must("as a Debian package" in told and active() == "active", "scripts/install leaves a package alone", told)
    config = Path("/etc/bcc-relay/bcc-relay.toml")
    mine = config.read_text().replace("crm.example.org", "relay.acme.example").replace("example.org", "acme.example")
    config.write_text(mine + "# edited\n")
    run("systemctl", "restart", "bcc-relay.service", ok=True)
    rights()
    halves()
    life()
    newer = Path("/tmp/newer")
    run("dpkg-deb", "-R", str(deb), str(newer), ok=True)
    control = newer / "DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: ", "\nVersion: 9."))
    (schema,) = newer.glob("usr/lib/bcc-relay/lib/python3*/site-packages/relay/store/schema")
    (schema / "9999_slow.sql").write_text(SLOW)
    run("dpkg-deb", "--root-owner-group", "-Znone", "-b", str(newer), "/tmp/newer.deb", ok=True)
    upgrade(lambda: run("dpkg", "--force-confold", "-i", "/tmp/newer.deb", ok=True) and None)
    must(config.read_text().endswith("# edited\n"), "an edited configuration stays")
    run("dpkg", "--purge", "bcc-relay", ok=True)
    must(STORE.exists(), "purge leaves the data")
    must(not Path("/usr/lib/bcc-relay").exists() and active() != "active", "and takes everything else")


if __name__ == "__main__":
    {"installer": installer, "package": package}[sys.argv[1]]()
