"""`never-log`: what must not be kept, from now on and backwards."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from relay.cli.command import Group, answer, as_json, say
from relay.cli.completing import people
from relay.cli.forgetting import finish
from relay.cli.opened import configuration, settle, store
from relay.cli.opened import directory as directory_of

if TYPE_CHECKING:
    from relay import sqlite
    from relay.attribution.directory import Directory
    from relay.attribution.never_log import Entry, Pattern

SHOWN = 20
"""Messages named before a person is asked; --json names all."""

TOGETHER = 5
"""Messages removed in one transaction: some milliseconds of the write lock."""

PAUSE = 0.01
"""Seconds in between that the lock is left to others."""

COUNTED = timedelta(days=30)


@click.group("never-log", cls=Group)
def never_log() -> None:
    """Say whose mail must not be kept.

    A PATTERN is an address, @DOMAIN (that domain alone) or *.DOMAIN (the domain and all below it).
    """


@never_log.command("add")
@click.argument("pattern")
@click.option(
    "--mode",
    type=click.Choice(["drop-message", "drop-party"]),
    default="drop-message",
    show_default=True,
    help="Keep nothing of the message, or keep it without that party.",
)
@click.option("--staff", metavar="NAME", shell_complete=people, help="Only for this colleague's mail.")
@click.option("--purge", is_flag=True, help="Also take away what is here already.")
@click.option("--dry-run", is_flag=True, help="Only show what --purge would take away.")
@click.option("--yes", is_flag=True, help="Purge without asking.")
@as_json
@click.pass_context
def never_log_add(
    context: click.Context,
    pattern: str,
    mode: str,
    staff: str | None,
    purge: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Keep no mail with PATTERN from now on; prints the entry's id.

    Nothing of a dropped message stays, and in mode drop-party a message with nobody else outside is dropped too.
    With --purge, what an entry would have stopped goes as well: from the database, the search and the vault.
    It asks before it does. It may be interrupted, and run again with the same PATTERN.
    """
    from relay.attribution.never_log import Entry
    from relay.store import never_log as table
    from relay.store.finding import find_staff
    from relay.store.people import writing

    read = _pattern(pattern)
    db = store(context, write=not dry_run)
    person = find_staff(db, staff) if staff is not None else None
    entry = Entry(read, mode, person)
    directory = directory_of(configuration(context).settings, db)
    _warn(read, directory)
    if (purge or dry_run) and not _agreed(db, entry, directory, dry_run=dry_run, yes=yes, as_json=as_json):
        return
    with writing(db):
        number, changed = table.add(db, read, mode, person)
    if not changed:
        say([f"{read} was on the list before"], err=True)
    if purge:
        _purge(db, entry, directory)
        settle(db)
        with writing(db):
            table.audit_purge(db, number)
        say(finish(context, db), err=True)
    if as_json:
        answer([row for row in table.entries(db) if row["id"] == number])
    else:
        click.echo(number)


@never_log.command("list")
@as_json
@click.pass_context
def never_log_list(context: click.Context, as_json: bool) -> None:
    """List whose mail is not kept, and how much was not."""
    from relay.cli.never_log_page import counted_lines, list_page
    from relay.cli.terminal import screen
    from relay.store import never_log as table

    db = store(context)
    found = table.entries(db)
    if as_json:
        answer(found)
        return
    now, display = datetime.now(UTC), screen()
    since = (now - COUNTED).date().isoformat()
    say([*list_page(found, display, now), *counted_lines(table.counted(db, since), display, since=since)])


@never_log.command("remove")
@click.argument("pattern")
@click.option("--staff", metavar="NAME", shell_complete=people, help="The entry for this colleague's mail.")
@click.pass_context
def never_log_remove(context: click.Context, pattern: str, staff: str | None) -> None:
    """Take an entry from the list: such mail is kept again from now on.

    PATTERN is as `never-log list` shows it, or the entry's id. What was dropped does not come back.
    """
    from relay.store import never_log as table
    from relay.store.finding import NotFoundError, find_staff
    from relay.store.people import writing

    db = store(context, write=True)
    person = find_staff(db, staff) if staff is not None else None
    with writing(db):
        gone = table.remove(db, pattern, person)
    if not gone:
        named = f' for "{staff}"' if staff is not None else ""
        raise NotFoundError(f'no entry "{pattern}"{named}; `bcc-relay never-log list` shows all')


def _pattern(written: str) -> Pattern:
    from relay.attribution.never_log import Pattern

    found = Pattern.read(written)
    if found is None:
        domain = Pattern.read(f"@{written}") if "@" not in written and "*" not in written else None
        hint = (
            f"write {domain} for that domain alone, *.{domain.text} with all below it"
            if domain
            else "write an address, @DOMAIN or *.DOMAIN"
        )
        raise click.UsageError(f'"{written}" is no pattern; {hint}.')
    return found


def _warn(pattern: Pattern, directory: Directory) -> None:
    """Tell what an entry about ourselves means, before it surprises."""
    from relay.mail.address import Address

    if pattern.kind == "address":
        address = Address.read(pattern.text)
        if address is not None and directory.is_capture(address):
            raise click.UsageError(f"{pattern} is a capture address; it is never a party of a message.")
        return
    ours = {
        each
        for each in directory.domains
        if each == pattern.text or (pattern.kind == "below" and each.endswith(f".{pattern.text}"))
    }
    if ours:
        say(
            [f"note: {', '.join(sorted(ours))} is our own: mail among ourselves is not kept, all other mail is"],
            err=True,
        )


def _agreed(
    db: sqlite.Connection, entry: Entry, directory: Directory, *, dry_run: bool, yes: bool, as_json: bool
) -> bool:
    """Show what would go, and ask. Raises click.Abort for a no, ClickException where nobody can be asked."""
    from relay.cli.never_log_page import purge_page
    from relay.cli.progress import Progress
    from relay.cli.terminal import screen
    from relay.store import purging

    drop = leave_out = 0
    some: list[tuple[int, bool]] = []
    with Progress("messages found") as progress:
        for message, what in purging.stopped(db, entry, directory):
            drop, leave_out = drop + what.dropped, leave_out + (not what.dropped)
            if len(some) < SHOWN or (dry_run and as_json):
                some.append((message, what.dropped))
            progress.add(1)
    shown = purging.described(db, some)
    if dry_run and as_json:
        answer(shown)
        return False
    lines = purge_page(shown, screen(), datetime.now(UTC), drop=drop, leave_out=leave_out, done=False)
    say(lines, err=not dry_run)
    if dry_run:
        return False
    if (drop or leave_out) and not yes:
        if not sys.stdin.isatty():
            raise click.ClickException("nobody is there to be asked, so nothing was done; --yes purges without asking")
        click.confirm("Remove it for good?", abort=True, err=True)
    return True


def _purge(db: sqlite.Connection, entry: Entry, directory: Directory) -> None:
    """Take it away, a few messages at a time, until nothing is left that the entry would have stopped."""
    from relay.cli.never_log_page import purge_page
    from relay.cli.progress import Progress
    from relay.cli.terminal import screen
    from relay.store import purging
    from relay.store.people import writing

    dropped = left_out = 0
    with Progress("messages purged") as progress:
        for messages in _some(purging.stopped(db, entry, directory)):
            with writing(db):
                done = purging.purge(db, entry, messages, directory)
            dropped, left_out = dropped + done.dropped, left_out + done.left_out
            progress.add(len(messages))
            time.sleep(PAUSE)
    say(purge_page([], screen(), datetime.now(UTC), drop=dropped, leave_out=left_out, done=True), err=True)


def _some(found: Iterator[tuple[int, object]]) -> Iterator[list[int]]:
    messages: list[int] = []
    for message, _ in found:
        messages.append(message)
        if len(messages) == TOGETHER:
            yield messages
            messages = []
    if messages:
        yield messages
