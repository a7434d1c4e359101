"""The real daemon for tests: a process of its own, on a free port, in a fresh folder, spoken to as strangers do.

Mail goes in by SMTP. The database is read and written by another process with the standard library's SQLite
and default settings, which is what a CRM is. Waiting is a condition on the database with a deadline.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import select
import smtplib
import subprocess
import sys
from pathlib import Path

PATIENCE = 30.0
"""Seconds that any wait may take on a loaded machine."""

CAPTURE = "crm@crm.example.org"

STRANGER = """
import json, sqlite3, sys, time
path, query, arguments, patience = json.loads(sys.argv[1])
db = sqlite3.connect(path)
end = time.monotonic() + patience
while True:
    with db:
        cursor = db.execute(query, arguments)
        rows = cursor.fetchall()
    if not patience or (rows and rows[0][0]):
        break
    if time.monotonic() > end:
        sys.exit(f"waited in vain for {query!r} {arguments!r}: {rows[:5]!r}")
    time.sleep(0.01)
json.dump([list(row) for row in rows], sys.stdout, default=repr)
"""


def stranger(database: Path, query: str, *arguments: object, patience: float = 0.0) -> list[list[object]]:
    """The rows of one statement, asked by a program that knows nothing of us. With `patience`: once the first is true."""
    asked = json.dumps([str(database), query, arguments, patience])
    done = subprocess.run([sys.executable, "-I", "-c", STRANGER, asked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Relay:
    """One folder with a configuration, and the daemon in it while it runs."""

    def __init__(self, folder: Path, extra: str = "", *, domains: tuple[str, ...] = ("example.org",)) -> None:
        self.folder = folder
        self.file = folder / "bcc-relay.toml"
        self.database = folder / "shared" / "relay.db"
        self.vault = folder / "vault"
        self.database.parent.mkdir(parents=True)
        self.file.write_text(
            f'[capture]\nhostname = "crm.example.org"\nlisten = ["127.0.0.1:0"]\naddresses = ["{CAPTURE}"]\n'
            f"[company]\ndomains = {json.dumps(domains)}\n"
            f'[store]\npath = "shared/relay.db"\n[vault]\npath = "vault"\n{extra}',
            encoding="utf-8",
        )
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str, environment: dict[str, str] | None = None, program: str = "") -> Relay:
        """Start `serve` (or a Python `program` that takes the same words) and wait until it says that it is ready."""
        words = [sys.executable, program, str(self.file)] if program else self.command("serve", *options)
        with (self.folder / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                words,
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env={**_environment(), **(environment or {})},
            )
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline().decode() if ready else ""
        assert line.startswith("bcc-relay: ready"), self.log()
        endpoint = re.search(r" 127\.0\.0\.1:(\d+)", line)
        if endpoint:
            self.port = int(endpoint[1])
        return self

    def stop(self) -> int | None:
        """SIGTERM to our own process, and its exit status."""
        process, self.process = self.process, None
        if process is None:
            return None
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"the daemon did not stop:\n{self.log()}") from None
        finally:
            assert process.stdout is not None
            process.stdout.close()
        return process.returncode

    def log(self) -> str:
        return (self.folder / "daemon.log").read_text(errors="replace")

    def send(self, *mails: bytes, sender: str = "bob@example.org", to: tuple[str, ...] = (CAPTURE,)) -> list[str]:
        """Hand in mails over one SMTP session. Returns the vault ids of the 250 replies."""
        ids = []
        with smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example.org", timeout=PATIENCE) as client:
            for mail in mails:
                client.ehlo_or_helo_if_needed()
                code, said = client.mail(sender)
                assert code == 250, said
                for each in to:
                    code, said = client.rcpt(each)
                    assert code == 250, said
                code, said = client.data(mail)
                assert (code, said[:18]) == (250, b"2.0.0 accepted as "), said
                ids.append(said.split()[-1].decode())
        return ids

    def sql(self, query: str, *arguments: object) -> list[list[object]]:
        """Ask as a CRM asks: another process, default settings. Writes are committed."""
        return stranger(self.database, query, *arguments)

    def until(self, query: str, *arguments: object) -> list[list[object]]:
        """Wait until the first column of the first row is true."""
        return stranger(self.database, query, *arguments, patience=PATIENCE)

    def filed(self, *vault_ids: str) -> None:
        """Wait until these mails (all that were accepted, without any) have their outcome in the database."""
        for vault_id in vault_ids:
            epoch, _, number = vault_id.partition("-")
            self.until("SELECT count(*) FROM _vault_outcome WHERE epoch = ? AND number = ?", epoch, int(number))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "relay", "-c", str(self.file), *words]

    def run(self, *words: str, status: int | None = 0) -> str:
        """A command line as a process of its own. Returns its output; `status` is what it must exit with."""
        done = subprocess.run(
            self.command(*words), capture_output=True, check=False, env=_environment(), timeout=PATIENCE * 2
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert status is None or done.returncode == status, f"{words}: {done.returncode}\n{out}{err}"
        assert "Traceback" not in err, err
        return out + err

    def say(self, *words: str, status: int | None = 0) -> str:
        """What `run` does, in this process: a tenth of the time, for tests in which the process is not the point."""
        import structlog

        from relay.cli.program import run

        if os.geteuid() == 0 and any(path.exists() and path.stat().st_uid for path in (self.vault, self.database)):
            return Relay.run(
                self, *words, status=status
            )  # root becomes the owner of the data, and this process must not
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
        stdin, sys.stdin = sys.stdin, io.StringIO()  # nobody to be asked
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                given = run(["-c", str(self.file), *words])
        finally:
            sys.stdin = stdin
            structlog.reset_defaults()  # the log as a command set it up is none of this process
        told = ""
        for stream in (out, err):
            stream.flush()
            told += stream.buffer.getvalue().decode()  # type: ignore[attr-defined]
        assert status is None or given == status, f"{words}: {given}\n{told}"
        return told

    def verify(self) -> None:
        """The database keeps its promises: what a test of a running relay ends with, by `relay_running` or itself."""
        if self.database.exists():
            self.say("verify")


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BCC_RELAY")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONIOENCODING": "utf-8", "TZ": "UTC"}
