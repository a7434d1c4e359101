"""The whole relay against Postfix delivering to Maildir: same disk, same client, in turn.

    rates    accepted and visible messages per second, 4 KB and 64 KB, kept and single connections
    latency  from the 250 to a row in lead_timeline on an idle machine; a CRM's writes during a backlog
    large    20 clients with 25 MB each at once: all accepted, memory of the daemon

Every figure is a median of interleaved rounds; the ratios are what counts, the machine may be shared.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pwd
import shutil
import signal
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEAD = "anna@lead.example"
REP = "rep@example.org"
CAPTURE = "crm@crm.example.org"
STRANGER = shutil.which("python3", path="/usr/bin") or sys.executable
"""A Python with its own SQLite: what a CRM is to us."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(claim, seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: {what} did not happen within {seconds:.0f} s")
        time.sleep(0.02)


def reachable(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as line:
            return line.recv(3) == b"220"
    except OSError:
        return False


class Relay:
    """Our daemon in a folder of its own, with one lead."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.config = folder / "bcc-relay.toml"
        self.config.write_text(
            f'[capture]\nhostname = "crm.example.org"\nlisten = ["127.0.0.1:{self.port}"]\n'
            f'addresses = ["{CAPTURE}"]\n[company]\ndomains = ["example.org"]\n'
            f'[store]\npath = "{folder}/relay.db"\n[vault]\npath = "{folder}/vault"\n'
        )
        self.db = folder / "relay.db"
        if not self.db.exists():
            self.run("lead", "add", "Anna", LEAD)
        self.process: subprocess.Popen[bytes] | None = None
        self.start(*options)

    def run(self, *words: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "relay", "-c", str(self.config), *words],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def start(self, *options: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "relay", "-c", str(self.config), "serve", *options],
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )
        if options != ("--only", "file"):
            wait_until(lambda: reachable(self.port), 20, "start of the relay")

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(120)
            self.process = None

    def sql(self, statement: str) -> str:
        return subprocess.run(
            ["sqlite3", "-cmd", ".timeout 5000", str(self.db), statement], check=True, capture_output=True, text=True
        ).stdout.strip()

    def visible(self) -> int:
        return int(self.sql("SELECT count(*) FROM lead_message WHERE lead_id = 1") or 0)

    def peak_memory(self) -> float:
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))


class Postfix:
    """A Postfix of its own, delivering to a Maildir with virtual(8); its brakes for slow disks are off."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.config, self.queue, self.mail = folder / "etc", folder / "queue", folder / "mail"
        for path in (self.config, self.queue, folder / "data"):
            path.mkdir(parents=True)
        nobody = pwd.getpwnam("nobody")
        postfix = pwd.getpwnam("postfix")
        (self.mail / "box").mkdir(parents=True)
        for path in (self.mail, self.mail / "box"):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        os.chown(folder / "data", postfix.pw_uid, postfix.pw_gid)
        for above in [folder, *folder.parents]:
            if above.stat().st_uid == os.getuid() and above != Path("/"):
                above.chmod(above.stat().st_mode | 0o055)
        (self.config / "main.cf").write_text(
            f"compatibility_level = 3.6\nqueue_directory = {self.queue}\ndata_directory = {folder}/data\n"
            "command_directory = /usr/sbin\ndaemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\nsetgid_group = postdrop\n"
            "myhostname = crm.example.org\nmydestination =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n"
            f"virtual_mailbox_domains = crm.example.org\nvirtual_mailbox_base = {self.mail}\nvirtual_mailbox_maps = static:box/\n"
            f"virtual_uid_maps = static:{nobody.pw_uid}\nvirtual_gid_maps = static:{nobody.pw_gid}\nvirtual_minimum_uid = 1\n"
            "alias_maps =\nalias_database =\nlocal_recipient_maps =\nin_flow_delay = 0\nsmtpd_client_connection_count_limit = 0\n"
            "smtpd_client_connection_rate_limit = 0\nmessage_size_limit = 60000000\nmailbox_size_limit = 0\nvirtual_mailbox_limit = 0\n"
            f"smtpd_peername_lookup = no\nmaillog_file = /var/log/bench-postfix-{self.port}.log\nmaillog_file_prefixes = /var/log\n"
        )
        lines = Path("/usr/share/postfix/master.cf.dist").read_text().splitlines()
        lines = [line for line in lines if not line.startswith(("smtp      inet", "#"))]
        table = [self._unjailed(line) for line in lines]
        (self.config / "master.cf").write_text(
            "\n".join([f"127.0.0.1:{self.port} inet n - n - - smtpd", *table, "postlog unix-dgram n - n - 1 postlogd"])
            + "\n"
        )
        subprocess.run(["postfix", "-c", str(self.config), "start"], check=True, capture_output=True)
        wait_until(lambda: reachable(self.port), 20, "start of Postfix")

    @staticmethod
    def _unjailed(line: str) -> str:
        words = line.split()
        if len(words) >= 8 and words[1] in ("unix", "inet", "fifo", "pass"):
            words[4] = "n"
            return " ".join(words)
        return line if not line.startswith("postlog") else ""

    def visible(self) -> int:
        with contextlib.suppress(FileNotFoundError):
            return sum(1 for _ in (self.mail / "box" / "new").iterdir())
        return 0

    def stop(self) -> None:
        subprocess.run(["postfix", "-c", str(self.config), "stop"], check=False, capture_output=True)
        Path(f"/var/log/bench-postfix-{self.port}.log").unlink(missing_ok=True)


def send(port: int, count: int, size: int, clients: int, *, keep: bool) -> float:
    """Seconds that smtp-source needs to hand in `count` messages of `size` octets."""
    began = time.monotonic()
    subprocess.run(
        ["smtp-source", *(["-d"] if keep else []), "-s", str(clients), "-m", str(count), "-l", str(size),
         "-f", LEAD, "-t", CAPTURE, "-M", "client.example", f"127.0.0.1:{port}"],
        check=True, timeout=600, capture_output=True,
    )  # fmt: skip
    return time.monotonic() - began


def one_round(server: Relay | Postfix, count: int, size: int, *, keep: bool) -> tuple[float, float]:
    """(accepted per second, visible per second, the latter from the first octet to the last row)."""
    before, began = server.visible(), time.monotonic()
    sent = send(server.port, count, size, 50, keep=keep)
    wait_until(lambda: server.visible() >= before + count, 300, "delivery")
    return count / sent, count / (time.monotonic() - began)


def rates(folder: Path, rounds: int, scale: float) -> None:
    ours, theirs = Relay(folder / "relay"), Postfix(folder / "postfix")
    try:
        print(f"{'':24}{'accepted/s':>12}{'Postfix':>10}{'ratio':>8}   {'visible/s':>10}{'Postfix':>10}{'ratio':>8}")
        for name, size, usual, keep in (
            ("4 KB", 4096, 4000, True),
            ("64 KB", 65536, 2000, True),
            ("4 KB, one connection each", 4096, 3000, False),
        ):
            count = int(usual * scale)
            one_round(ours, count // 4, size, keep=keep)
            one_round(theirs, count // 4, size, keep=keep)
            pairs = [
                (one_round(ours, count, size, keep=keep), one_round(theirs, count, size, keep=keep))
                for _ in range(rounds)
            ]
            a, b = (statistics.median(o[i] for o, _ in pairs) for i in (0, 1))
            c, d = (statistics.median(p[i] for _, p in pairs) for i in (0, 1))
            e, f = (statistics.median(o[i] / p[i] for o, p in pairs) for i in (0, 1))
            print(f"{name:24}{a:12.0f}{c:10.0f}{e:8.2f}   {b:10.0f}{d:10.0f}{f:8.2f}", flush=True)
    finally:
        ours.stop()
        theirs.stop()
    print(ours.run("verify").strip())


WATCH = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=5)
for line in sys.stdin:
    vault_id = line.strip()
    while not db.execute("SELECT 1 FROM envelope e JOIN lead_timeline t ON t.message_id = e.message_id WHERE e.vault_id = ?", (vault_id,)).fetchone():
        time.sleep(0.001)
    print(time.time(), flush=True)
"""

WRITE = """
import random, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
db.execute("PRAGMA synchronous = NORMAL")
n = 0
while True:
    n += 1
    began = time.monotonic()
    db.execute("BEGIN IMMEDIATE")
    db.execute("UPDATE lead SET name = ? WHERE id = 1", (f"Anna {n}",))
    db.execute("COMMIT")
    print((time.monotonic() - began) * 1000, flush=True)
    time.sleep(random.uniform(0.01, 0.03))
"""


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def idle_latency(relay: Relay, count: int) -> list[float]:
    """Milliseconds from the 250 to the row that another process sees, one message at a time."""
    watcher = subprocess.Popen(
        [STRANGER, "-c", WATCH, str(relay.db)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert watcher.stdin
    assert watcher.stdout
    seen = []
    with smtplib.SMTP("127.0.0.1", relay.port) as client:
        client.ehlo()
        for n in range(count):
            client.mail(REP)
            client.rcpt(CAPTURE)
            _, reply = client.data(
                f"From: {REP}\r\nTo: {LEAD}\r\nSubject: n {n}\r\nMessage-ID: <idle-{n}@example.org>\r\n"
                f"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n\r\nHello {n}\r\n"
            )
            accepted = time.time()
            watcher.stdin.write(reply.decode().split()[-1] + "\n")
            watcher.stdin.flush()
            seen.append((float(watcher.stdout.readline()) - accepted) * 1000)
            time.sleep(0.05)
    watcher.stdin.close()
    watcher.wait()
    return seen


def latency(folder: Path, scale: float) -> None:
    relay = Relay(folder / "relay")
    seen = idle_latency(relay, int(200 * scale))
    print(f"250 to visible, idle:      p50 {percentile(seen, 0.5):6.1f} ms   p95 {percentile(seen, 0.95):6.1f} ms")
    relay.stop()
    backlog = int(20000 * scale)
    relay.start("--only", "accept")
    send(relay.port, backlog, 4096, 50, keep=True)
    relay.stop()
    before = relay.visible()
    began = time.monotonic()
    relay.start("--only", "file")
    wait_until(lambda: relay.visible() > before, 30, "filing")
    writer = subprocess.Popen([STRANGER, "-c", WRITE, str(relay.db)], stdout=subprocess.PIPE, text=True)
    wait_until(lambda: relay.visible() >= before + backlog, 300, "filing the backlog")
    took = time.monotonic() - began
    writer.send_signal(signal.SIGTERM)
    assert writer.stdout
    times = [float(line) for line in writer.stdout.read().split()]
    relay.stop()
    print(
        f"a CRM's write in a backlog: p50 {percentile(times, 0.5):6.1f} ms   p95 {percentile(times, 0.95):6.1f} ms   "
        f"max {max(times):6.1f} ms   ({len(times)} writes; {backlog / took:.0f} messages filed a second meanwhile)"
    )


def large(folder: Path) -> None:
    relay = Relay(folder / "relay")
    before = relay.peak_memory()
    took = send(relay.port, 20, 25 * 1024 * 1024, 20, keep=True)
    peak = relay.peak_memory()
    wait_until(lambda: relay.visible() >= 20, 300, "filing")
    print(
        f"20 x 25 MB at once: all accepted in {took:.1f} s; daemon {before:.0f} MiB before, {peak:.0f} MiB at its peak"
    )
    relay.stop()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("what", choices=("rates", "latency", "large"))
    words.add_argument("--rounds", type=int, default=5)
    words.add_argument("--scale", type=float, default=1.0, help="how many messages, relative to the usual")
    words.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    chosen = words.parse_args()
    if not shutil.which("smtp-source"):
        raise SystemExit("bench: smtp-source is missing: apt-get install postfix")
    with tempfile.TemporaryDirectory(dir=chosen.folder, prefix="bench-") as name:
        if chosen.what == "rates":
            rates(Path(name), chosen.rounds, chosen.scale)
        elif chosen.what == "latency":
            latency(Path(name), chosen.scale)
        else:
            large(Path(name))


if __name__ == "__main__":
    main()
