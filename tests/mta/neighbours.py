"""Real mail servers beside the real relay: Postfix and Exim with the fragments that we ship, on loopback ports.

Each runs from a private folder, is started and stopped by us, and is asked only what its operator can see: the log,
the queue, the mailbox. The fragments in config/ are used as they are, with paths and ports put in.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from running import PATIENCE, Relay

ROOT = Path(__file__).parents[2]
FRAGMENTS = ROOT / "config"
EXIM = shutil.which("exim4") or shutil.which("exim4", path=os.environ.get("BCC_RELAY_EXIM", "/nonexistent"))


PEOPLE = """
INSERT INTO staff (id, name) VALUES (1, 'Bob'), (2, 'Carol');
INSERT INTO staff_address (staff_id, address) VALUES (1, 'bob@example.org'), (2, 'carol@example.org');
INSERT INTO lead (id, name) VALUES (1, 'Anna');
INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example');
"""

FILED = """
SELECT m.direction, m.direction_reason, s.name, m.defects,
    (SELECT count(*) FROM envelope e WHERE e.message_id = m.id),
    (SELECT e.reverse_path FROM envelope e WHERE e.message_id = m.id ORDER BY e.id LIMIT 1),
    (SELECT e.admitted_by FROM envelope e WHERE e.message_id = m.id ORDER BY e.id LIMIT 1),
    (SELECT json_group_array(l.name) FROM lead_message lm JOIN lead l ON l.id = lm.lead_id WHERE lm.message_id = m.id),
    (SELECT json_group_object(a.address, p.role) FROM message_address p JOIN address a ON a.id = p.address_id
        WHERE p.message_id = m.id),
    (SELECT json_group_array(path) FROM (SELECT r.forward_path AS path FROM envelope e
        JOIN envelope_recipient r ON r.envelope_id = e.id WHERE e.message_id = m.id ORDER BY 1))
FROM message m LEFT JOIN staff s ON s.id = m.staff_id WHERE m.internet_message_id = ?
"""
"""All that is asked of a message, in one question: each is a process of its own."""


def missing_postfix() -> str:
    """Why Postfix cannot be run here, '' when it can."""
    if os.getuid() != 0:
        return "Postfix is started by root only"
    if not shutil.which("postfix", path="/usr/sbin:/usr/bin"):
        return "postfix is not installed: apt-get install postfix"
    return ""


def missing_exim() -> str:
    """Why Exim cannot be run here, '' when it can."""
    if os.getuid() != 0:
        return "Exim is started by root only"
    if EXIM is None:
        return "exim4 is neither in PATH nor in the folder that BCC_RELAY_EXIM names (.ci/run fetches it)"
    try:
        pwd.getpwnam("Debian-exim")
    except KeyError:
        return "Exim asks for a user Debian-exim: useradd --system --user-group --no-create-home Debian-exim"
    return ""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def until(condition, what):
    """Wait until it holds; `what` (or what it returns) is told when it does not."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what() if callable(what) else what}"
        time.sleep(0.02)


class Neighbours:
    """A folder with a relay that knows Bob, Carol (ours) and Anna (a lead), and room for a mail server beside it."""

    def __init__(self, way: str, user: str) -> None:
        self.way = way
        self.folder = Path(tempfile.mkdtemp(prefix="bcc-relay-mta-"))
        self.folder.chmod(0o755)
        self.group = grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
        run = self.folder / "run"
        run.mkdir(mode=0o750)
        shutil.chown(run, group=self.group)
        self.socket = run / "lmtp.sock"
        self.relay_port = free_port()
        self.port = free_port()
        self.relay = relay = Relay(self.folder / "relay")
        text = relay.file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{self.relay_port}")
        relay.file.write_text(text.replace("[company]", f'lmtp = "{self.socket}"\n[company]'))
        relay.start()
        crm = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=30).executescript(sys.argv[2])"
        subprocess.run([sys.executable, "-I", "-c", crm, relay.database, PEOPLE], check=True)
        self.command = self.folder / "bcc-relay"
        self.command.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m relay "$@"\n')
        self.command.chmod(0o755)

    def fragment(self, name: str) -> str:
        """A file of config/, with our places put in."""
        text = (FRAGMENTS / name).read_text()
        for theirs, ours in {
            "/run/bcc-relay/lmtp.sock": str(self.socket),
            "/usr/local/bin/bcc-relay": str(self.command),
            "nobody:bcc-relay-mta": f"nobody:{self.group}",
            "group = bcc-relay-mta": f"group = {self.group}",
            "[127.0.0.1]:2525": f"[127.0.0.1]:{self.relay_port}",
            "port = 2525": f"port = {self.relay_port}",
        }.items():
            text = text.replace(theirs, ours)
        return text

    def send(self, mail: bytes, sender: str, *recipients: str) -> None:
        """As a mail client: one SMTP session with the mail server."""
        with smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example.org", timeout=PATIENCE) as client:
            refused = client.sendmail(sender, recipients, mail)
        assert not refused

    def filed(self, message_id: str) -> dict[str, object]:
        """What the database says of the one message with this Message-ID, once it is there."""
        try:
            ((*facts, leads, parties, to),) = self.relay.until(FILED, message_id.strip("<>"))
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.log()[-3000:]}") from None
        names = ("direction", "reason", "staff", "defects", "copies", "reverse_path", "admitted_by")
        lists = {"leads": json.loads(leads), "parties": json.loads(parties), "to": json.loads(to)}
        return {**dict(zip(names, facts, strict=True)), **lists}

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self.relay.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postfix(Neighbours):
    """Postfix with our lines in its main.cf and master.cf. `way`: 'lmtp', 'smtp' or 'pipe'."""

    def __init__(self, way: str, main_cf: str = "") -> None:
        super().__init__(way, "nobody" if way == "pipe" else "postfix")  # a pipe may not have the group of Postfix
        self.config, self.mail = self.folder / "etc", self.folder / "mail"
        for path in (self.config, self.folder / "queue", self.folder / "data", self.mail):
            path.mkdir()
        postfix, nobody = pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
        os.chown(self.folder / "data", postfix.pw_uid, postfix.pw_gid)
        os.chown(self.mail, nobody.pw_uid, nobody.pw_gid)
        self.maillog = self.folder / "maillog"
        transport = self.fragment("postfix/bcc-relay-transport")
        service = {"lmtp": "bccrelay:unix", "smtp": "smtp:[", "pipe": "bccdeliver:"}[way]
        chosen = [line.lstrip("#") for line in transport.splitlines() if f"    {service}" in line]
        assert len(chosen) == 1, transport
        (self.config / "bcc-relay-transport").write_text(f"{chosen[0]}\nlead.example discard:\n")
        for name in ("bcc-relay-out", "bcc-relay-in"):
            shutil.copy(FRAGMENTS / "postfix" / name, self.config)
        ours = self.fragment("postfix/main.cf").replace("/etc/postfix", str(self.config))
        (self.config / "main.cf").write_text(
            f"compatibility_level = 3.6\nqueue_directory = {self.folder}/queue\ndata_directory = {self.folder}/data\n"
            "command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\n"
            "setgid_group = postdrop\nmyhostname = mail.example.org\nmydestination =\ninet_interfaces = 127.0.0.1\n"
            f"inet_protocols = ipv4\nmynetworks = 127.0.0.0/8\nvirtual_mailbox_domains = example.org\n"
            f"virtual_mailbox_base = {self.mail}\nvirtual_mailbox_maps = static:box/\nvirtual_minimum_uid = 1\n"
            f"virtual_uid_maps = static:{nobody.pw_uid}\nvirtual_gid_maps = static:{nobody.pw_gid}\nalias_maps =\n"
            "alias_database =\nlocal_recipient_maps =\nsmtpd_peername_lookup = no\nsmtp_destination_recipient_limit = 150\n"
            "bccrelay_destination_recipient_limit = 150\nminimal_backoff_time = 1s\nmaximal_backoff_time = 2s\n"
            f"maillog_file = {self.maillog}\nmaillog_file_prefixes = {self.folder}\n{ours}\n{main_cf}\n"
        )  # fmt: skip
        lines = Path("/usr/share/postfix/master.cf.dist").read_text().splitlines()
        table = [f"127.0.0.1:{self.port} inet n - n - - smtpd"]
        for line in lines[: next(n for n, line in enumerate(lines) if line.startswith("maildrop"))]:
            words = line.split()
            if len(words) >= 8 and words[1] in ("unix", "unix-dgram") and not line.startswith("#"):
                table.append(" ".join([*words[:4], "n", *words[5:]]))  # no chroot: this queue is a temporary folder
        (self.config / "master.cf").write_text("\n".join(table) + "\n" + self.fragment("postfix/master.cf"))
        done = subprocess.run(["/usr/sbin/postfix", "-c", self.config, "start"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + self.log()
        self.pid = int((self.folder / "queue/pid/master.pid").read_text())

    def log(self) -> str:
        return self.maillog.read_text(errors="replace") if self.maillog.exists() else ""

    def logged(self, *words: str) -> list[str]:
        """The lines of the log with all these words, once there is one."""
        find = lambda: [line for line in self.log().splitlines() if all(word in line for word in words)]  # noqa: E731
        until(find, lambda: f"{words} in\n{self.log()[-3000:]}")
        return find()

    def try_again(self) -> None:
        subprocess.run(["/usr/sbin/postqueue", "-c", self.config, "-f"], check=True)

    def bounces(self) -> list[str]:
        return [
            file.read_text(errors="replace")
            for file in self.mail.glob("box/new/*")
            if "MAILER-DAEMON" in file.read_text(errors="replace")
        ]

    def close(self) -> None:
        subprocess.run(["/usr/sbin/postfix", "-c", self.config, "stop"], capture_output=True)
        with contextlib.suppress(AssertionError):
            until(lambda: not _alive(self.pid), "the end of Postfix")
        super().close()


class Exim(Neighbours):
    """Exim with our routers and transports. `way`: 'lmtp', 'smtp' or 'pipe'."""

    def __init__(self, way: str) -> None:
        super().__init__(way, "Debian-exim")
        spool, logs, mail = self.folder / "spool", self.folder / "logs", self.folder / "mail"
        for path in (spool, logs, mail):
            path.mkdir()
            shutil.chown(path, "Debian-exim", "Debian-exim")
        self.mainlog, self.mailbox = logs / "mainlog", mail / "box"
        routers = self.fragment("exim/routers")
        if way == "pipe":
            routers = routers.replace("transport = bcc_relay_lmtp", "transport = bcc_relay_pipe")
        if way == "smtp":
            routers = routers.replace("  driver = accept\n  domains = crm", "  domains = crm")
            routers = routers.replace("  transport = bcc_relay_lmtp\n", "")
            for line in ("driver = manualroute", "route_list =", "transport = bcc_relay_smtp", "self = send"):
                assert f"#{line}" in routers
                routers = routers.replace(f"#{line}", line)
        self.config = self.folder / "exim.conf"
        self.config.write_text(
            f"exim_path = {EXIM}\nprimary_hostname = mail.example.org\nspool_directory = {spool}\nlog_file_path = {logs}/%slog\n"
            f"daemon_smtp_ports = {self.port}\nlocal_interfaces = 127.0.0.1\nhost_lookup =\nrfc1413_hosts =\n"
            "acl_smtp_rcpt = accept\ndomainlist local_domains = example.org\nnever_users =\nkeep_environment =\n"
            "tls_advertise_hosts =\nqueue_run_max = 2\nlog_selector = +smtp_confirmation\n"
            f"begin routers\n{routers}\n"
            "ours:\n  driver = accept\n  domains = example.org\n  transport = box\n"
            "theirs:\n  driver = accept\n  transport = gone\n"
            f"begin transports\n{self.fragment('exim/transports')}\n"
            f"box:\n  driver = appendfile\n  file = {self.mailbox}\n  user = Debian-exim\n"
            "gone:\n  driver = appendfile\n  file = /dev/null\n  user = Debian-exim\n"
            "begin retry\n* * F,1h,1s\n"
        )
        self.config.chmod(0o644)
        self.process = subprocess.Popen(
            [str(EXIM), "-C", str(self.config), "-bdf", "-oP", str(self.folder / "exim.pid")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        until(lambda: self.process.poll() is not None or _answers(self.port), "the start of Exim")
        assert self.process.poll() is None, self.process.communicate()[1]

    def log(self) -> str:
        return self.mainlog.read_text(errors="replace") if self.mainlog.exists() else ""

    def logged(self, *words: str) -> list[str]:
        find = lambda: [line for line in self.log().splitlines() if all(word in line for word in words)]  # noqa: E731
        until(find, lambda: f"{words} in\n{self.log()[-3000:]}")
        return find()

    def try_again(self) -> None:
        subprocess.run([str(EXIM), "-C", str(self.config), "-qff"], check=True, capture_output=True, timeout=PATIENCE)

    def bounces(self) -> list[str]:
        text = self.mailbox.read_text(errors="replace") if self.mailbox.exists() else ""
        return [text] if "Mailer-Daemon" in text else []

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=PATIENCE)
        super().close()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
