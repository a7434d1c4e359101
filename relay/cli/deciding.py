"""`unresolved`, `attach`, `detach`, `visibility`: a person's word, which beats every rule."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from relay.cli.command import Command, Group, answer, as_json, page, say
from relay.cli.completing import leads
from relay.cli.opened import page_before, settle, store


@click.group(cls=Group, invoke_without_command=True)
@page("MESSAGE")
@as_json
@click.pass_context
def unresolved(context: click.Context, limit: int, before: str | None, as_json: bool) -> None:
    """List mail that is on no lead, or dismiss it."""
    if context.invoked_subcommand is None:
        _list(context, limit, before, as_json)


@unresolved.command("list")
@page("MESSAGE")
@as_json
@click.pass_context
def unresolved_list(context: click.Context, limit: int, before: str | None, as_json: bool) -> None:
    """List it, newest first, with the reason."""
    _list(context, limit, before, as_json)


def _list(context: click.Context, limit: int, before: str | None, as_json: bool) -> None:
    from relay.cli.lists import unresolved_page
    from relay.cli.terminal import screen
    from relay.store.reading import unresolved as read

    db = store(context)
    found = read(db, limit, page_before(db, before))
    answer(found) if as_json else say(unresolved_page(found, screen(), datetime.now(UTC), more=len(found) == limit))


@unresolved.command("dismiss")
@click.argument("message", nargs=-1, required=True)
@click.pass_context
def unresolved_dismiss(context: click.Context, message: tuple[str, ...]) -> None:
    """Take messages from the list.

    They belong to no lead. Nothing is deleted.
    """
    from relay.store.finding import find_message
    from relay.store.people import dismiss

    db = store(context, write=True)
    for number in [find_message(db, each) for each in message]:
        if not dismiss(db, number):
            say([f"message {number} was dismissed before"])


@click.command(cls=Command)
@click.argument("message")
@click.argument("lead", nargs=-1, required=True, shell_complete=leads)
@click.option("--deal", metavar="DEAL", help="The deal of the lead that it belongs to.")
@click.option("--thread", is_flag=True, help="With all messages of its thread.")
@click.pass_context
def attach(context: click.Context, message: str, lead: tuple[str, ...], deal: str | None, thread: bool) -> None:
    """Put a message on leads, whatever the rules say."""
    from relay.store.finding import find_deal, find_lead, find_message
    from relay.store.people import attach as write
    from relay.store.people import thread_of

    db = store(context, write=True)
    number = find_message(db, message)
    leads = list(dict.fromkeys(find_lead(db, each) for each in lead))
    write(db, thread_of(db, number) if thread else [number], leads, deal=find_deal(db, deal) if deal else None)
    settle(db)


@click.command(cls=Command)
@click.argument("message")
@click.argument("lead", shell_complete=leads)
@click.pass_context
def detach(context: click.Context, message: str, lead: str) -> None:
    """Take a message off a lead, whatever the rules say."""
    from relay.store.finding import find_lead, find_message
    from relay.store.people import detach as write

    db = store(context, write=True)
    write(db, find_message(db, message), find_lead(db, lead))
    settle(db)


@click.command(cls=Command)
@click.argument("message")
@click.argument("who", type=click.Choice(["all", "responsible", "withdrawn"]))
@click.pass_context
def visibility(context: click.Context, message: str, who: str) -> None:
    """Say who may see a message.

    all: everybody. responsible: only programs that know who looks show it (lead_timeline_all). withdrawn: nobody;
    timelines, search and the unresolved list leave it out. Nothing is deleted, and it can be changed again.
    """
    from relay.store.finding import find_message
    from relay.store.people import show_to

    db = store(context, write=True)
    number = find_message(db, message)
    if not show_to(db, number, who):
        say([f"message {number}: it was {who} before"])
