"""`unresolved`: mail that is on no lead, as a list, by address, and one after the other at a terminal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from relay.cli.command import Group, answer, as_json, page, say
from relay.cli.completing import people
from relay.cli.opened import page_before, settle, store

if TYPE_CHECKING:
    from relay import sqlite
    from relay.store.triage import Wanted

F = TypeVar("F", bound=Callable[..., Any])

_REASONS = ("no-lead", "no-outside-party", "sender-not-recovered", "unparsed")


def _narrowed(function: F) -> F:
    """The options that narrow the list."""
    for option in (
        click.option("--domain", metavar="DOMAIN", help="Only mail of this domain, and of those below it."),
        click.option("--address", metavar="ADDRESS", help="Only mail of this address."),
        click.option("--staff", metavar="NAME", shell_complete=people, help="Only mail of this colleague."),
        click.option("--why", type=click.Choice(_REASONS), help="Only mail that waits for this reason."),
    ):
        function = option(function)
    return function


by_whom = click.option(
    "--by", metavar="NAME", shell_complete=people, help="Who decides it: a colleague, for the audit."
)


def staff_named(db: sqlite.Connection, name: str | None) -> int | None:
    """staff.id of --by or --staff, None without. Raises NotFoundError."""
    from relay.store.finding import find_staff

    return None if name is None else find_staff(db, name)


def _wanted(
    db: sqlite.Connection, why: str | None, staff: str | None, address: str | None, domain: str | None
) -> Wanted:
    from relay.store.triage import Wanted, address_key, domain_key

    return Wanted(
        why,
        staff_named(db, staff),
        address_key(address) if address is not None else None,
        domain_key(domain) if domain is not None else None,
    )


def _listing(function: F) -> F:
    """All that the list takes."""
    by_address = click.option("--by-address", is_flag=True, help="One line per unknown address, with its count.")
    return _narrowed(by_address(page("MESSAGE")(as_json(function))))


@click.group(cls=Group, invoke_without_command=True)
@_listing
@click.pass_context
def unresolved(context: click.Context, /, **asked: Any) -> None:
    """List mail that is on no lead, work through it, or dismiss it.

    `unresolved work` shows it one after the other, each settled with a key.
    """
    if context.invoked_subcommand is None:
        _list(context, **asked)


@unresolved.command("list")
@_listing
@click.pass_context
def unresolved_list(context: click.Context, /, **asked: Any) -> None:
    """List it, newest first, with the reason.

    --by-address has one line per unknown address, those with the most mail first: a lead made of one takes all
    its mail from the list, and `unresolved dismiss --address` does too.
    """
    _list(context, **asked)


def _list(
    context: click.Context,
    *,
    limit: int,
    before: str | None,
    as_json: bool,
    by_address: bool,
    why: str | None,
    staff: str | None,
    address: str | None,
    domain: str | None,
) -> None:
    from relay.cli.terminal import screen
    from relay.cli.triage_page import addresses_page, unresolved_page
    from relay.store import triage

    db = store(context)
    wanted = _wanted(db, why, staff, address, domain)
    if by_address:
        if before is not None:
            raise click.UsageError("--by-address has no pages; --limit shows more.")
        found = triage.addresses(db, wanted, limit)
        answer(found) if as_json else say(addresses_page(found, screen(), datetime.now(UTC), limit=limit))
        return
    found = triage.waiting(db, wanted, limit, page_before(db, before))
    if as_json:
        answer(found)
        return
    options = [
        (f"--{name}", value)
        for name, value in zip(("why", "staff", "address", "domain"), (why, staff, address, domain), strict=True)
    ]
    older = _command("unresolved", options) if len(found) == limit else ""
    say(unresolved_page(found, screen(), datetime.now(UTC), older=older))


def _command(name: str, options: list[tuple[str, str | None]]) -> str:
    import shlex

    from relay.cli.terminal import neutral

    words = [word for option, value in options if value is not None for word in (option, neutral(value))]
    return " ".join([name, *map(shlex.quote, words)])


@unresolved.command("work")
@click.option("--oldest", is_flag=True, help="The oldest first.")
@_narrowed
@by_whom
@click.pass_context
def unresolved_work(
    context: click.Context,
    oldest: bool,
    why: str | None,
    staff: str | None,
    address: str | None,
    domain: str | None,
    by: str | None,
) -> None:
    """Work through it at a terminal: one mail after the other.

    Each mail is shown with the leads it may belong to and why. One key attaches it, creates a lead with name and
    address filled in, dismisses it or all mail of its address, or skips it; `u` undoes, `?` shows all keys, `q`
    quits with a sum. Each decision is kept at once, so it may be broken off at any time.
    """
    from relay.cli.keys import is_terminal

    if not is_terminal():
        raise click.UsageError(
            "`unresolved work` needs a terminal; for scripts there are `unresolved list --json`, `attach`,"
            " `lead add --from` and `unresolved dismiss`."
        )
    from relay.cli.desk import Desk
    from relay.cli.keys import Keys

    db = store(context, write=True)
    wanted = _wanted(db, why, staff, address, domain)
    decider = staff_named(db, by)
    stopped = False
    with Keys() as keys:
        desk = Desk(db, keys, wanted, oldest_first=oldest, by=decider)
        try:
            desk.work()
        except KeyboardInterrupt:
            stopped = True
    say(["", desk.sum()])
    context.exit(130 if stopped else 0)


@unresolved.command("dismiss")
@click.argument("message", nargs=-1)
@click.option("--address", metavar="ADDRESS", help="All mail of this address that waits.")
@click.option("--domain", metavar="DOMAIN", help="All mail of this domain, and of those below it, that waits.")
@by_whom
@click.pass_context
def unresolved_dismiss(
    context: click.Context, message: tuple[str, ...], address: str | None, domain: str | None, by: str | None
) -> None:
    """Take messages from the list.

    They belong to no lead. Nothing is deleted; `unresolved restore` puts them back.
    """
    from relay.cli.words import many
    from relay.store import triage
    from relay.store.decision import dismiss
    from relay.store.finding import find_message

    if bool(message) + (address is not None) + (domain is not None) != 1:
        raise click.UsageError("name messages, or --address, or --domain.")
    db = store(context, write=True)
    decider = staff_named(db, by)
    if message:
        numbers = list(dict.fromkeys(find_message(db, each) for each in message))
    else:
        numbers = triage.ids(db, _wanted(db, None, None, address, domain))
        if not numbers:
            say([f"nothing of {address or domain} waits"])
            return
    done = dismiss(db, numbers, by=decider)
    before = [number for number in numbers if number not in set(done)]
    if len(done) > 1 or not message:
        say([f"{many(len(done), 'message')} dismissed"])
    if message:
        say([f"message {number} was dismissed before" for number in before])


@unresolved.command("restore")
@click.argument("message", nargs=-1)
@click.option("--address", metavar="ADDRESS", help="All dismissed mail that this address is on.")
@by_whom
@click.pass_context
def unresolved_restore(context: click.Context, message: tuple[str, ...], address: str | None, by: str | None) -> None:
    """Put dismissed messages back on the list."""
    from relay.cli.words import many
    from relay.store import triage
    from relay.store.decision import restore
    from relay.store.finding import find_message

    if bool(message) == (address is not None):
        raise click.UsageError("name messages, or --address.")
    db = store(context, write=True)
    decider = staff_named(db, by)
    if message:
        numbers = list(dict.fromkeys(find_message(db, each) for each in message))
    else:
        numbers = triage.dismissed(db, triage.address_key(address or ""))
    done = set(restore(db, numbers, by=decider))
    settle(db)
    if message:
        say([f"message {number} was not dismissed" for number in numbers if number not in done])
    if len(done) > 1 or not message:
        say([f"{many(len(done), 'message')} restored"])
