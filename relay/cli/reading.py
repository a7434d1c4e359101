"""`timeline`, `thread`, `show`, `raw`, `search`: reading what was filed."""

from __future__ import annotations

import contextlib
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from relay.cli.command import MOST_ROWS, Command, answer, as_json, page, say
from relay.cli.completing import leads
from relay.cli.opened import configuration, page_before, store


@click.command(cls=Command)
@click.argument("lead", shell_complete=leads)
@page("MESSAGE|TIME")
@as_json
@click.pass_context
def timeline(context: click.Context, lead: str, limit: int, before: str | None, as_json: bool) -> None:
    """Show the mail with a lead, newest first: sent and received.

    An arrow to the right is mail of ours to the lead, an arrow to the left is mail from the lead.
    """
    from relay.cli.terminal import screen
    from relay.cli.timeline_page import Names, timeline_page
    from relay.store import reading
    from relay.store.finding import find_lead

    db = store(context)
    number = find_lead(db, lead)
    found = reading.timeline(db, number, limit, page_before(db, before))
    if as_json:
        answer(found)
        return
    names = Names(
        staff=reading.staff_names(db, {row["staff_id"] for row in found}),
        files=reading.file_names(db, [row["message_id"] for row in found if row["attachment_count"]]),
        deals=reading.deal_titles(db, {row["deal_id"] for row in found}),
        ambiguous=reading.ambiguous_deals(db, number, [row["message_id"] for row in found if row["deal_id"] is None]),
    )
    who = None if before else reading.lead(db, number)
    say(timeline_page(who, found, names, screen(), datetime.now(UTC), more=lead if len(found) == limit else ""))


@click.command(cls=Command)
@click.argument("message")
@page("MESSAGE|TIME")
@as_json
@click.pass_context
def thread(context: click.Context, message: str, limit: int, before: str | None, as_json: bool) -> None:
    """Show the conversation that a message belongs to, oldest first.

    With its gaps: a mail that somebody answered and that never reached us stands where it must have been.
    When it is long, the newest part; --before goes back.
    """
    from relay.cli.terminal import screen
    from relay.cli.thread_page import thread_page
    from relay.cli.timeline_page import Names
    from relay.store import reading
    from relay.store.conversation import conversation, hidden
    from relay.store.finding import find_message

    db = store(context)
    number = find_message(db, message)
    found = conversation(db, number, limit, page_before(db, before))
    if as_json:
        answer(found)
        return
    here = [row for row in found if not row["ghost"]]
    names = Names(
        staff=reading.staff_names(db, {row["staff_id"] for row in here}),
        files=reading.file_names(db, [row["id"] for row in here if row["attachment_count"]]),
        deals={},
    )
    older = message if len(here) == limit else ""
    say(thread_page(found, names, screen(), datetime.now(UTC), hidden=hidden(db, number), older=older))


@click.command(cls=Command)
@click.argument("message")
@as_json
@click.pass_context
def show(context: click.Context, message: str, as_json: bool) -> None:
    """Show one message like a letter.

    Who, when, the words, what was quoted, what was enclosed, and why it stands where it stands.
    """
    from relay.cli.letter_page import letter_page
    from relay.cli.terminal import screen
    from relay.store.finding import find_message
    from relay.store.reading import letter

    db = store(context)
    found = letter(db, find_message(db, message))
    answer(found) if as_json else say(letter_page(found, screen()))


@click.command(cls=Command)
@click.argument("message")
@click.option(
    "--envelope",
    type=click.IntRange(1),
    metavar="N",
    default=1,
    show_default=True,
    help="The Nth accepted copy of the message.",
)
@click.pass_context
def raw(context: click.Context, message: str, envelope: int) -> None:
    """Write the exact bytes received.

    To standard output; a terminal gets them without what could do it harm. A message that was handed in
    several times has several copies. The id of a 250 reply gives what came under that id, filed or not.
    """
    from relay.cli.terminal import neutral_lines
    from relay.mail.envelope import VaultId
    from relay.store.finding import NotFoundError, find_message
    from relay.store.reading import envelopes
    from relay.vault.reader import Reader

    vault_id = VaultId.read(message) if envelope == 1 else None
    if vault_id is None:
        db = store(context)
        copies = list(dict.fromkeys(each["vault_id"] for each in envelopes(db, find_message(db, message))))
        if envelope > len(copies):
            times = "once" if len(copies) == 1 else f"{len(copies)} times"
            raise NotFoundError(f"message {message} was accepted {times}; there is no --envelope {envelope}")
        vault_id = VaultId.read(copies[envelope - 1])
    assert vault_id is not None  # noqa: S101  the database holds vault ids only
    with Reader(configuration(context).settings.vault.path) as vault:
        mail = vault.get(vault_id)
    if mail is None:
        raise NotFoundError(f"the vault does not hold {vault_id}; see [vault] path and keep")
    if mail.erased:
        raise NotFoundError(f"mail {vault_id} was erased: what it brought was taken back, or must not be kept")
    if sys.stdout.isatty():
        say(neutral_lines(mail.content.decode(errors="replace")))
    else:
        sys.stdout.buffer.write(mail.content)


@click.command(cls=Command)
@click.argument("words", nargs=-1)
@page("MESSAGE|TIME")
@as_json
@click.option(
    "--addresses",
    "only_addresses",
    is_flag=True,
    help="Only the addresses of who is on these messages, but for our own people: each once, for a mailer.",
)
@click.option(
    "--rebuild", is_flag=True, help="Make the index anew from the database, then search (if WORDS are given)."
)
@click.pass_context
def search(
    context: click.Context,
    words: tuple[str, ...],
    limit: int,
    before: str | None,
    as_json: bool,
    only_addresses: bool,
    rebuild: bool,
) -> None:
    """Find messages by words, newest first.

    All words must occur; also from:ANNA to:BOB subject:OFFER before:2026-01-31 after:2025-01-01
    has:attachment. With --addresses all messages found count, not only a page of them.
    """
    from relay.cli.terminal import screen
    from relay.cli.timeline_page import Names, found_page
    from relay.store import question, reading

    if not words and not rebuild:
        raise click.UsageError("Missing argument 'WORDS...'.")
    path = configuration(context).settings.store.path
    if rebuild:
        _rebuild(path)
        if not words:
            return
    db = question.open_search(path)
    context.call_on_close(db.close)
    if only_addresses and context.get_parameter_source("limit") is ParameterSource.DEFAULT:
        limit = MOST_ROWS
    ids = [
        each.message_id for each in question.search(db, " ".join(words), limit=limit, before=page_before(db, before))
    ]
    if only_addresses:
        everybody = question.addresses(db, ids, configuration(context).settings.company.domains)
        answer(everybody) if as_json else say([str(each["address"]) for each in everybody])
        return
    found = reading.messages(db, ids)
    if as_json:
        answer(found)
        return
    names = Names(
        staff=reading.staff_names(db, {row["staff_id"] for row in found}),
        files=reading.file_names(db, [row["id"] for row in found if row["attachment_count"]]),
        deals={},
    )
    more = " ".join(words) if len(found) == limit else ""
    say(found_page(found, names, screen(), datetime.now(UTC), more=more))


def _rebuild(path: Path) -> None:
    from relay.cli.progress import Progress
    from relay.store.search import Indexer

    with contextlib.closing(Indexer(path)) as indexer, Progress("messages indexed") as progress:
        indexer.rebuild()
        while done := indexer.catch_up():
            progress.add(done)
