"""`attach`, `detach`, `visibility`: a person's word, which beats every rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from relay.cli.command import Command, say
from relay.cli.completing import leads
from relay.cli.opened import settle, store
from relay.cli.triaging import by_whom, staff_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from relay.store.decision import Decided, On


@click.command(cls=Command)
@click.argument("message")
@click.argument("lead", nargs=-1, required=True, shell_complete=leads)
@click.option("--deal", metavar="DEAL", help="The deal of the lead that it belongs to.")
@click.option("--thread", is_flag=True, help="With all messages of its thread.")
@click.option("--only", is_flag=True, help="Take it off all other leads, as of those that share its address.")
@by_whom
@click.pass_context
def attach(
    context: click.Context,
    message: str,
    lead: tuple[str, ...],
    deal: str | None,
    thread: bool,
    only: bool,
    by: str | None,
) -> None:
    """Put a message on leads, whatever the rules say.

    A dismissal of it is taken back. Says which leads have it then. With --thread all messages that the thread has now,
    but for mail among ourselves and mail that is withdrawn; who writes in it later goes by the rules.
    """
    from relay.cli.words import many
    from relay.store import reading
    from relay.store.decision import attach as write
    from relay.store.decision import thread_of
    from relay.store.finding import find_deal, find_lead, find_message

    db = store(context, write=True)
    number = find_message(db, message)
    leads = list(dict.fromkeys(find_lead(db, each) for each in lead))
    wanted = thread_of(db, number, shown=True) if thread else [number]
    left_out = len(thread_of(db, number)) - len(wanted) if thread else 0
    chosen = find_deal(db, deal) if deal else None
    told = write(db, wanted, leads, deal=chosen, only=only, by=staff_named(db, by))
    settle(db)
    title = reading.deal_titles(db, [chosen]).get(chosen, "") if chosen else ""
    of_deal = f", {_name_of(title, chosen, 'deal')}," if chosen else ""
    kept_out = f"; {many(left_out, 'message')} among ourselves or withdrawn not" if left_out else ""
    say([_attached(told, set(leads), "you" if by is None else by, of_deal) + kept_out])


@click.command(cls=Command)
@click.argument("message")
@click.argument("lead", shell_complete=leads)
@click.option("--thread", is_flag=True, help="With all messages of its thread.")
@by_whom
@click.pass_context
def detach(context: click.Context, message: str, lead: str, thread: bool, by: str | None) -> None:
    """Take a message off a lead, whatever the rules say.

    Says which leads keep it, or that it waits in `unresolved` now.
    """
    from relay.store.decision import detach as write
    from relay.store.decision import on, thread_of
    from relay.store.finding import find_lead, find_message

    db = store(context, write=True)
    number, whose = find_message(db, message), find_lead(db, lead)
    name = _name_of(db.execute("SELECT name FROM lead WHERE id = ?", (whose,)).fetchone()[0], whose)
    told = write(db, thread_of(db, number) if thread else [number], whose, by=staff_named(db, by))
    settle(db)
    by_word = f"by {_possessive('you' if by is None else by)} word"
    if len(told) > 1:
        were = sum(any(each.lead == whose for each in one.before) for one in told)
        say([f"{len(told)} messages of the thread: off {name} {by_word} ({were} were on it)"])
        return
    [one] = told
    if not any(each.lead == whose for each in one.before):
        say([f"message {number}: was not on {name}, and {by_word} no rule puts it there"])
        return
    left = on(db, number)
    kept = (
        f"{_names(left)} {'keeps' if len(left) == 1 else 'keep'} it" if left else "on no lead now" + _waits(db, number)
    )
    say([f"message {number}: off {name} {by_word}; {kept}"])


def _waits(db: object, message: int) -> str:
    from relay.store.triage import one

    return ", so it waits in `bcc-relay unresolved`" if one(db, message) else ""  # type: ignore[arg-type]


def _attached(told: Sequence[Decided], leads: set[int], who: str, deal: str) -> str:
    """What `attach` did, in a line."""
    first = told[0]
    on = [each for each in first.after if each.lead in leads]
    others = [each for each in first.after if each.lead not in leads]
    subject = f"message {first.message}" if len(told) == 1 else f"{len(told)} messages of the thread"
    sentence = f"{subject}: on {_names(on)}{deal} by {_possessive(who)} word"
    if len(told) == 1:
        already = [each for each in first.before if each.lead in leads]
        if already:
            sentence += f" (on {_names(already, ids=False)} before, by {already[0].reason})"
        if others:
            sentence += f"; {_names(others)} {'keeps' if len(others) == 1 else 'keep'} it too"
    if any(one.was_dismissed for one in told):
        sentence += "; the dismissal is taken back"
    return sentence


def _names(leads: Sequence[On], *, ids: bool = True) -> str:
    """Up to three by name, the rest by number."""
    named = [_name_of(each.name, each.lead) if ids else _short(each) for each in leads]
    if len(named) > 3:
        return f"{', '.join(named[:2])} and {len(named) - 2} other leads"
    return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]])) if named else "no lead"


def _short(lead: On) -> str:
    from relay.cli.terminal import neutral

    return neutral(lead.name) or f"lead {lead.lead}"


def _name_of(name: str | None, number: int, kind: str = "lead") -> str:
    from relay.cli.terminal import neutral

    return f"{neutral(name)} ({kind} {number})" if name and name.strip() else f"{kind} {number}"


def _possessive(who: str) -> str:
    from relay.cli.terminal import neutral

    return "your" if who == "you" else f"{neutral(who)}'s"


@click.command(cls=Command)
@click.argument("message")
@click.argument("who", type=click.Choice(["all", "responsible", "withdrawn"]))
@by_whom
@click.pass_context
def visibility(context: click.Context, message: str, who: str, by: str | None) -> None:
    """Say who may see a message.

    all: everybody. responsible: only programs that know who looks show it (lead_timeline_all). withdrawn: nobody;
    timelines, search and the unresolved list leave it out. Nothing is deleted, and it can be changed again.
    """
    from relay.store.decision import show_to
    from relay.store.finding import find_message

    db = store(context, write=True)
    number = find_message(db, message)
    if not show_to(db, number, who, by=staff_named(db, by)):
        say([f"message {number}: it was {who} before"])
