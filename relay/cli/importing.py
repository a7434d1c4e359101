"""`import`: old mail out of mailboxes, by the way that new mail goes."""

from __future__ import annotations

import contextlib
import logging
import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.completing import people
from relay.cli.opened import configuration, store
from relay.cli.opened import directory as directory_of
from relay.cli.opened import vault as vault_of

if TYPE_CHECKING:
    from relay import sqlite
    from relay.cli.import_progress import ImportProgress
    from relay.oldmail.files import Mailboxes
    from relay.work.import_marks import Marks
    from relay.work.importing import Importer


@click.command("import", cls=Command)
@click.argument("path", nargs=-1, required=True, type=click.Path())
@click.option("--staff", metavar="NAME", shell_complete=people, help="Whose mailbox it is: who handed the mail in.")
@click.option("--all", "everything", is_flag=True, help="Also spam, the bin, drafts and chats.")
@click.option("--dry-run", is_flag=True, help="Say what would be taken, and take nothing.")
@as_json
@click.pass_context
def import_mail(
    context: click.Context, path: tuple[str, ...], staff: str | None, everything: bool, dry_run: bool, as_json: bool
) -> None:
    """Take old mail: mbox, Maildir, .eml, folders, Google Takeout.

    PATH is a file or a folder; archives (.zip, .tgz) are read as they are downloaded. The same path again
    brings only what is new, so it may be interrupted, and run again to go on. May run beside the daemon:
    new mail does not wait for it.

    Mail of our people is known by its author. Spam, the bin, drafts and chats are left out and counted. What is
    damaged is named, and nothing else is lost by it; the exit status is 1 then.
    """
    from relay import log
    from relay.cli.import_progress import ImportProgress
    from relay.cli.importing_page import described, sum_page
    from relay.cli.terminal import screen
    from relay.lock import Lock, Taken
    from relay.oldmail.files import Mailboxes
    from relay.store.imported import is_here
    from relay.work.import_marks import Marks
    from relay.work.importing import Importer, ImportStopped

    paths = [Path(each) for each in path]
    settings = configuration(context).settings
    log.configure(level=logging.WARNING)
    folder = vault_of(settings)
    db = store(context)
    sender = _address_of(db, staff) if staff is not None else ""
    directory = directory_of(settings, db)  # to tell sent mail by authors that nobody knows
    stop = _Stop()
    why_stopped = ""
    with contextlib.ExitStack() as opened:
        opened.enter_context(stop)
        marks = None
        way = None
        if not dry_run:
            try:
                opened.enter_context(Lock(folder / "import.lock"))
            except Taken as taken:
                raise click.ClickException(f"another import is running ({taken}); wait for its end") from None
            from relay.cli.import_doors import door

            try:
                way = door(settings, sender, lambda: stop.asked)
            except ImportStopped as error:
                raise click.ClickException(str(error)) from None
            opened.callback(way.close)
            marks = Marks(folder, f"{everything} {sender} {_state(db, folder)}")
        run = _Run(
            Importer(way, lambda known_as: is_here(db, known_as), directory, everything=everything),
            Mailboxes(settings.capture.max_size, begin=marks.begin if marks else lambda _: 0),
            marks,
        )
        progress = ImportProgress(sum(map(run.mailboxes.size, paths)), lambda: run.importer.sum.read)
        opened.callback(progress.clear)
        try:
            if way is not None:
                way.wait(0)  # what an earlier run handed over has its outcome then
            for each in paths:
                run.take(each, stop, progress)
            run.hand_over()
            if way is not None:
                way.wait(0) if stop.asked else way.finish()
        except ImportStopped as error:
            why_stopped = str(error)
        if marks is not None:
            marks.write()
    found = run.importer.sum
    if as_json:
        answer(described(found, stopped=stop.asked or bool(why_stopped), dry_run=dry_run))
    else:
        say(sum_page(found, screen(), dry_run=dry_run))
    if why_stopped:
        raise click.ClickException(why_stopped)
    if stop.asked:
        say(["bcc-relay: interrupted; run the same command again to go on"], err=True)
        context.exit(130)
    context.exit(1 if found.damaged_count else 0)


class _Stop:
    """Ctrl-C and SIGTERM ask for an end at the next mail; the second Ctrl-C ends at once."""

    def __init__(self) -> None:
        self.asked = False

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def __enter__(self) -> None:
        self._before = {each: signal.signal(each, self._ask) for each in (signal.SIGINT, signal.SIGTERM)}

    def __exit__(self, *_: object) -> None:
        for each, before in self._before.items():
            signal.signal(each, before)


class _Run:
    """One run over several paths, which remembers how far it is in a large file."""

    def __init__(self, importer: Importer, mailboxes: Mailboxes, marks: Marks | None) -> None:
        self.importer = importer
        self.mailboxes = mailboxes
        self._marks = marks
        self._at = ("", 0)  # file and end of the last letter

    def take(self, path: Path, stop: _Stop, progress: ImportProgress) -> None:
        """All letters below a path. Raises ImportStopped."""
        self.mailboxes.tell(progress.add, progress.skip)
        reading = ""
        for found in self.mailboxes.letters(path):
            if stop.asked:
                return
            if self.mailboxes.file != reading:
                self._done(reading)
                reading = self.mailboxes.file
            self.importer.take(found)
            if reading and found.end > 0:
                self._at = reading, found.end
                self._note()
            progress.show()
        self._done(reading)

    def hand_over(self) -> None:
        """What has gathered, also where the run was asked to stop. Raises ImportStopped."""
        self.importer.hand_over()
        self._note()

    def _note(self) -> None:
        if self._marks is not None and not self.importer.gathered:
            self._marks.note(*self._at)

    def _done(self, file: str) -> None:
        if self._marks is not None and file:
            self._marks.done(file)


def _state(db: sqlite.Connection, folder: Path) -> str:
    """Another one when relay.db or the vault was restored: what was taken then need not be here now."""
    from relay.vault.segment import segments

    (feed,) = db.execute("SELECT feed_id FROM contract").fetchone()
    return f"{feed} {segments(folder)[-1].epoch}"


def _address_of(db: sqlite.Connection, staff: str) -> str:
    """An address of a colleague, by which the relay knows who handed the mail in. Raises NotFoundError."""
    from relay.store.finding import find_staff

    person = find_staff(db, staff)
    row = db.execute("SELECT address FROM staff_address WHERE staff_id = ? ORDER BY id LIMIT 1", (person,)).fetchone()
    if row is None:
        raise click.ClickException(f"{staff} has no address; give one with `bcc-relay staff add`")
    return str(row[0]).strip()
