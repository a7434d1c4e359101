"""`demo`: the whole path in a temporary folder, with a real daemon and real SMTP. Needs no configuration."""

from __future__ import annotations

import contextlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relay.cli.command import Command, say

if TYPE_CHECKING:
    from relay import sqlite
    from relay.cli.terminal import Screen

PATIENCE = 30.0
"""Seconds to wait for the daemon, and then for the mail: a slow machine needs three."""

CONFIGURATION = """\
[capture]
hostname = "crm.example.org"
listen = ["127.0.0.1:0"]
addresses = ["crm@crm.example.org"]
[company]
domains = ["example.org"]
[store]
path = "shared/relay.db"
[vault]
path = "vault"
"""

QUERY = """\
SELECT originated_at, direction, author_name, subject
  FROM lead_timeline
 WHERE lead_id = 1
 ORDER BY originated_at DESC, message_id DESC
 LIMIT 50;"""


@click.command(cls=Command)
@click.option("--keep", is_flag=True, help="Leave the folder, to look around in it.")
@click.pass_context
def demo(context: click.Context, keep: bool) -> None:
    """Show the whole path in a temporary folder, in a few seconds.

    Starts the daemon on a loopback port, sends a BCC copy and two forwards to it over SMTP, and shows the
    lead's timeline and the query that a CRM would use.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # by the way that stops the daemon too
    folder = Path(tempfile.mkdtemp(prefix="bcc-relay-demo-"))
    try:
        context.exit(_show(folder, keep=keep))
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _show(folder: Path, *, keep: bool) -> int:
    from relay.cli.terminal import screen
    from relay.store.connection import open_store
    from relay.store.people import add_lead, add_staff

    display = screen()
    file = folder / "bcc-relay.toml"
    file.write_text(CONFIGURATION, encoding="utf-8")
    (folder / "shared").mkdir()
    with daemon(file) as port:
        say(_step(display, f"A relay listens on 127.0.0.1:{port}. Its database:"))
        say([f"   {folder}/shared/relay.db"])
        with contextlib.closing(open_store(folder / "shared" / "relay.db")) as db:
            add_staff(db, "Bob Baker", ["bob@example.org"])
            add_lead(db, "Anna Lindqvist", ["anna@lindqvist.example"], organization="Lindqvist AB")
            say(["", *_step(display, "Bob is one of us, Anna is a lead. Bob sends real mail to the relay, by SMTP:")])
            _send(port, display)
            if not _filed(db, 3):
                say(["bcc-relay: the mail did not arrive on the timeline in time; --keep leaves the folder"], err=True)
                return 1
            _tell(db)
    if keep:
        program = "bcc-relay" if shutil.which("bcc-relay") else f"{sys.executable} -m relay"
        say(["", f"Look around: {program} -c {file} timeline anna@lindqvist.example"])
    return 0


@contextlib.contextmanager
def daemon(file: Path) -> Iterator[int]:
    """The real daemon with this configuration. Gives its port, and stops it in the end."""
    log = file.with_name("daemon.log")
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "relay", "-c", str(file), "serve"],
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
        )
    try:
        assert process.stdout is not None  # noqa: S101  asked for above
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        line = process.stdout.readline().decode() if ready else ""
        if "listening on" not in line:
            told = log.read_text(errors="replace").strip().splitlines()[-3:]
            raise click.ClickException("the daemon did not start: " + (" ".join(told) or "no answer in time"))
        yield int(line.rpartition(":")[2])
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _send(port: int, display: Screen) -> None:
    import smtplib

    from relay.cli.demonstration_mail import mails
    from relay.cli.terminal import wrap

    try:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example.org", timeout=PATIENCE) as client:
            for what, content in mails(datetime.now(UTC)):
                client.ehlo_or_helo_if_needed()
                client.mail("bob@example.org")
                client.rcpt("crm@crm.example.org")
                code, text = client.data(content)
                reply = f"{code} {text.decode('ascii', 'replace')}"
                say(["   " + line for line in wrap(what, display.columns - 3)])
                say(["   " + display.paint(reply, "green" if code == 250 else "red")])
                if code != 250:
                    raise click.ClickException("the relay did not take the mail")
    except (smtplib.SMTPException, OSError) as error:
        raise click.ClickException(f"the relay did not take the mail: {error}") from error


def _filed(db: sqlite.Connection, wanted: int) -> bool:
    """Wait until so many messages are on the lead's timeline. The condition is the database's, not the clock's."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        (count,) = db.execute("SELECT count(*) FROM lead_timeline WHERE lead_id = 1").fetchone()
        if count >= wanted:
            return True
        time.sleep(0.02)
    return False


def _tell(db: sqlite.Connection) -> None:
    from relay.cli.terminal import screen, table
    from relay.cli.timeline_page import Names, timeline_page
    from relay.store import reading

    display = screen()
    say(["", *_step(display, "bcc-relay timeline anna@lindqvist.example"), ""])
    found = reading.timeline(db, 1, 50)
    names = Names(
        staff=reading.staff_names(db, {row["staff_id"] for row in found}),
        files=reading.file_names(db, [row["message_id"] for row in found]),
        deals=reading.deal_titles(db, {row["deal_id"] for row in found}),
    )
    say(timeline_page(reading.lead(db, 1), found, names, display, datetime.now(UTC)))
    say(["", *_step(display, "The same for any CRM, in any language, from the file relay.db:"), "", QUERY, ""])
    answered = reading.rows(db, QUERY)
    say(table([list(answered[0]), *([str(value) for value in row.values()] for row in answered)], display, flexible=3))


def _step(display: Screen, text: str) -> list[str]:
    from relay.cli.terminal import wrap

    sign = display.sign("▸ ", "> ")
    lines = wrap(text, display.columns - len(sign))
    return [display.paint((sign if at == 0 else "  ") + line, "bold") for at, line in enumerate(lines)]
