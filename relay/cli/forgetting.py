"""`forget`: takes messages back, everywhere and for good."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.opened import configuration, store

if TYPE_CHECKING:
    from relay import sqlite


@click.command(cls=Command)
@click.argument("message", nargs=-1, required=True)
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("--yes", is_flag=True, help="Without asking.")
@as_json
@click.pass_context
def forget(context: click.Context, message: tuple[str, ...], dry_run: bool, yes: bool, as_json: bool) -> None:
    """Take messages back, everywhere and for good.

    Text, attachments, all copies, the mail in the vault and the words in the search index go. A hash stays, by
    which a retry or a copy of a colleague is known and dropped. The id in a 250 reply names all that came in that
    mail. It asks before it does, and cannot be undone; a backup from before still has it.
    """
    from relay.cli.forgetting_page import going_page, never_log_line
    from relay.cli.progress import Progress
    from relay.cli.terminal import screen
    from relay.cli.words import many
    from relay.store import removal
    from relay.store.finding import find_messages
    from relay.work.forgetting import forget as take_back

    db = store(context, write=not dry_run)
    wanted = list(dict.fromkeys(number for each in message for number in find_messages(db, each)))
    rows = removal.told(db, wanted)
    if not as_json:
        say(going_page(rows, screen(), datetime.now(UTC)))
    if dry_run:
        if as_json:
            answer({"messages": rows})
        return
    agreed(yes=yes)
    addresses = removal.outside(db, wanted)
    with Progress("messages removed") as progress:
        done = take_back(db, configuration(context).settings.vault.path, wanted, progress=progress.add)
    left = finish(context, db)
    if as_json:
        answer(
            {
                "messages": rows,
                "mails": [str(each) for each in (*done.mails, *done.kept)],
                "still_waiting": len(left),
            }
        )
        return
    say([f"{many(len(done.messages), 'message')} forgotten", *left, *never_log_line(addresses)])


def agreed(*, yes: bool) -> None:
    """Ask. Raises click.Abort for a no, ClickException where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException("nothing was removed: nobody can be asked here; say --yes")
    click.confirm("This cannot be undone. Go on?", abort=True, err=True)


def finish(context: click.Context, db: sqlite.Connection) -> list[str]:
    """Erase in the other files what was removed from relay.db, or wait for the daemon. Returns what is left."""
    from relay.cli.forgetting_page import waiting_lines
    from relay.work.erasing import at_rest

    settings = configuration(context).settings
    external = settings.store.checkpoint == "external"
    left = at_rest(settings.store.path, settings.vault.path, db, external=external)
    return waiting_lines(len(left.mails), left.log is not None, left.search is not None)
