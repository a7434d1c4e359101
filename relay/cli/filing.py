"""`file`: files what was accepted while no daemon files."""

from __future__ import annotations

import logging

import click

from relay.cli.command import Command, say
from relay.cli.opened import configuration
from relay.cli.opened import vault as vault_of


@click.command(cls=Command)
@click.pass_context
def file(context: click.Context) -> None:
    """File what was accepted while no daemon files.

    That is: none runs, or one with --only accept. Does nothing, and says so with exit
    status 1, while the daemon files by itself.
    """
    from relay import log
    from relay.cli.progress import Progress
    from relay.cli.words import many
    from relay.lock import Taken
    from relay.work.filing_by_hand import HandFiling

    settings = configuration(context).settings
    log.configure(level=logging.WARNING)  # a person is told how many at the end; the progress line is enough
    vault_of(settings)
    try:
        filing = HandFiling(settings)
    except Taken:
        raise click.ClickException("the daemon is running and files by itself; nothing to do") from None
    with filing, Progress("mails filed") as progress:
        while filed := filing.step():
            progress.add(filed)
        filing.finish()
    say([f"{many(progress.count, 'mail')} filed"])
