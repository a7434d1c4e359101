"""`refile`: reads old mail again with today's parser, and shows the difference."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.opened import configuration
from relay.cli.opened import vault as vault_of

if TYPE_CHECKING:
    from relay.config.settings import Settings
    from relay.store.filing import Filing
    from relay.work.rereading import Rereader

PAGE = 500
"""Ids of messages looked up at once."""


@click.command(cls=Command)
@click.argument("message", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All mail, also what today's parser has read.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@as_json
@click.pass_context
def refile(context: click.Context, message: tuple[str, ...], everything: bool, dry_run: bool, as_json: bool) -> None:
    """Read old mail again with today's parser and show the difference.

    Without MESSAGE: all mail that another version of the parser has read, or that could not be read, or of
    which only facts are kept while [filing] unknown is "keep". Ids and people's decisions survive. Mail that
    the vault has no more stays as it is. May run beside the daemon, be interrupted, and be run again.
    """
    from relay import log
    from relay.cli.progress import Progress
    from relay.cli.refiling_page import Count, described, page
    from relay.cli.terminal import screen
    from relay.lock import Lock, Taken
    from relay.store.filing import Filing
    from relay.vault.reader import Reader
    from relay.work.note import Note
    from relay.work.rereading import Rereader

    if everything and message:
        raise click.UsageError("--all means every message; name none.")
    settings = configuration(context).settings
    log.configure(level=logging.WARNING)
    vault = vault_of(settings)
    try:
        lock = Lock(vault / "refile.lock")
    except Taken as taken:
        raise click.ClickException(f"another refile is running ({taken}); wait for its end") from None
    count, told, display = Count(), [], screen()
    with lock, contextlib.ExitStack() as opened:
        who = settings.company.domains, settings.capture.addresses
        keeps_unknown, up_to = settings.filing.unknown == "keep", settings.filing.attachments_up_to
        store = opened.enter_context(
            contextlib.closing(Filing(settings.store.path, *who, keeps_unknown=keeps_unknown, attachments_up_to=up_to))
        )
        reader = opened.enter_context(contextlib.closing(Reader(vault)))
        note = opened.enter_context(contextlib.closing(Note(vault / "refile.note")))
        rereader = Rereader(reader, store, note)
        progress = opened.enter_context(Progress("messages read again"))
        ids = _named(context, message) if message else _outdated(store, everything=everything)
        for reread in rereader.read(ids, dry_run=dry_run):
            progress.add(1)
            count.add(reread)
            if as_json:
                told += described(reread)
            elif lines := page(reread, display, named=bool(message)):
                progress.clear()
                say(lines)
        if not dry_run:
            if count.changed:
                with store.writing() as transaction:
                    transaction.audit("refile", {"read": count.read, "changed": count.changed})
            _finish(settings, store, rereader)
    answer(told) if as_json else say([count.sentence(dry_run=dry_run)])
    context.exit(1 if message and count.stay else 0)


def _named(context: click.Context, message: tuple[str, ...]) -> list[int]:
    from relay.cli.opened import store as read_only
    from relay.store.finding import find_message

    db = read_only(context)
    return list(dict.fromkeys(find_message(db, each) for each in message))


def _outdated(store: Filing, *, everything: bool) -> Iterator[int]:
    from relay.mail.message import PARSER

    after = 0
    while found := store.outdated(PARSER, after, PAGE, everything=everything):
        yield from found
        after = found[-1]


def _finish(settings: Settings, store: Filing, rereader: Rereader) -> None:
    """What a running daemon does by itself: messages to be looked at once more, threads, search."""
    from relay.lock import held
    from relay.store.search import Indexer

    if held(settings.vault.path / "filer.lock"):
        return
    while store.settle(lambda: None) or rereader.wanted():
        pass
    with contextlib.closing(Indexer(settings.store.path)) as indexer:
        while indexer.catch_up():
            pass
