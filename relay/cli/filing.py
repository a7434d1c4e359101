"""`file`: files what was accepted while no daemon files."""

from __future__ import annotations

import contextlib
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
    from relay.lock import Lock, Taken
    from relay.store.filing import Filing
    from relay.store.lineage import Lineage
    from relay.store.search import Indexer
    from relay.vault.reader import Reader
    from relay.vault.segment import must_not_be_half_restored
    from relay.work.filer import Filer
    from relay.work.note import Note
    from relay.work.rereading import Rereader

    settings = configuration(context).settings
    log.configure(level=logging.WARNING)  # a person is told how many at the end; the progress line is enough
    vault = vault_of(settings)
    must_not_be_half_restored(vault)
    try:
        lock = Lock(vault / "filer.lock")
    except Taken:
        raise click.ClickException("the daemon is running and files by itself; nothing to do") from None
    with lock, contextlib.ExitStack() as opened:
        keeps_unknown = settings.filing.unknown == "keep"
        who = settings.company.domains, settings.capture.addresses
        store = opened.enter_context(contextlib.closing(Filing(settings.store.path, *who, keeps_unknown=keeps_unknown)))
        reader = opened.enter_context(contextlib.closing(Reader(vault)))
        note = opened.enter_context(contextlib.closing(Note(vault / "filer.note")))
        indexer = opened.enter_context(contextlib.closing(Indexer(settings.store.path)))
        lineage = opened.enter_context(
            contextlib.closing(
                Lineage(settings.store.path, vault, settings.company.domains, settings.capture.addresses)
            )
        )
        lineage.begin(store.writing)
        progress = opened.enter_context(Progress("mails filed"))
        filer = Filer(reader, store, note)
        while filed := filer.step():
            progress.add(filed)
        rereader = Rereader(reader, store, note)
        while store.settle(lambda: None) or rereader.wanted():
            pass
        while indexer.catch_up():
            pass
    say([f"{many(progress.count, 'mail')} filed"])
