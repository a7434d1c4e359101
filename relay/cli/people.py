"""`staff`, `lead`, `deal`: who is who, and what we do with them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from relay.cli.command import Group, answer, as_json, page, say
from relay.cli.completing import leads
from relay.cli.completing import people as our_people
from relay.cli.opened import number_before, settle, store
from relay.cli.triaging import by_whom, staff_named

if TYPE_CHECKING:
    from relay import sqlite


@click.group(cls=Group)
def staff() -> None:
    """Add and list our people, and say who left."""


@staff.command("add")
@click.argument("name")
@click.argument("address", nargs=-1, required=True)
@click.pass_context
def staff_add(context: click.Context, name: str, address: tuple[str, ...]) -> None:
    """Add a colleague, or addresses to one; prints the id.

    Addresses in the company's own domains are known anyway; a name makes them a person.
    """
    from relay.store.finding import NotFoundError, find_lead
    from relay.store.people import add_staff

    db = store(context, write=True)
    number = add_staff(db, _name(name), address)
    settle(db)
    click.echo(number)
    for each in address:
        with contextlib.suppress(NotFoundError):
            told = (
                f"note: {each} is an address of lead {find_lead(db, each)} too; what is ours brings no mail to a lead"
            )
            say([told], err=True)


@staff.command("list")
@page("ID")
@as_json
@click.pass_context
def staff_list(context: click.Context, limit: int, before: str | None, as_json: bool) -> None:
    """List our people, newest first.

    With since when they have a personal address or a password, where anybody has.
    """
    from relay.cli.accounts import with_accounts
    from relay.cli.lists import staff_page
    from relay.cli.terminal import screen
    from relay.store.reading import staff as read

    db = store(context)
    found = with_accounts(context, db, read(db, limit, number_before(before)))
    answer(found) if as_json else say(staff_page(found, screen(), more=len(found) == limit))


@staff.command("leave")
@click.argument("name", shell_complete=our_people)
@click.pass_context
def staff_leave(context: click.Context, name: str) -> None:
    """Say that a colleague has left.

    The addresses stay ours, so old mail stays what it is. Personal address and password end at once.
    """
    from relay.cli.accounts import end_secrets
    from relay.store.finding import find_staff
    from relay.store.people import staff_leaves

    db = store(context, write=True)
    number = find_staff(db, name)
    if not staff_leaves(db, number):
        say([f"{name} has left already"])
    end_secrets(context, db, number)


@click.group(cls=Group)
def lead() -> None:
    """Add, import and show leads: whom we do business with."""


@lead.command("add")
@click.argument("name", required=False)
@click.argument("address", nargs=-1)
@click.option("--external-id", metavar="X", help="The CRM's own key; ext:X names the lead from then on.")
@click.option("--organization", metavar="NAME", help="Where the person works.")
@click.option("--from", "message", metavar="MESSAGE", help="Make a lead of whoever is outside on this message.")
@click.option("--party", metavar="ADDRESS", help="With --from: this party of the message, when there are several.")
@by_whom
@click.pass_context
def lead_add(
    context: click.Context,
    name: str | None,
    address: tuple[str, ...],
    external_id: str | None,
    organization: str | None,
    message: str | None,
    party: str | None,
    by: str | None,
) -> None:
    """Add a lead; prints the id.

    All old mail of its addresses is on it at once. With --from, name, address and organization come from the
    message (the organization is the domain, unless that is a mail provider's); what is given wins. The message
    itself is on the lead in any case, also when nobody outside is on it.
    """
    from relay.store.decision import attach, on
    from relay.store.people import add_lead

    if name is None and message is None:
        raise click.UsageError("a lead needs a NAME, or --from MESSAGE.")
    if party is not None and message is None:
        raise click.UsageError("--party belongs to --from MESSAGE.")
    db = store(context, write=True)
    wanted, decider = list(address), staff_named(db, by)
    number = 0
    if message is not None:
        number, name, found, organization = _from_message(db, message, name, party, wanted, organization)
        wanted += found
    name = _name(name or "")
    made, attached = add_lead(db, name, wanted, external_id=external_id, organization=organization or None, by=decider)
    if number and not any(each.lead == made for each in on(db, number)):
        attach(db, [number], [made], by=decider)
        attached += 1
    settle(db)
    click.echo(made)
    if number:
        written = _written(name, wanted, organization)
        say([f"lead {made} is {written}"], err=True)
    _tell_attached(attached, made)


def _from_message(
    db: sqlite.Connection, message: str, name: str | None, party: str | None, given: list[str], organization: str | None
) -> tuple[int, str, list[str], str | None]:
    """(message.id, name, addresses, organization) of whoever is outside on it. Raises RefusedError."""
    from relay.attribution import newcomer
    from relay.store.finding import find_message
    from relay.store.people import RefusedError
    from relay.store.reading import outside_parties
    from relay.store.triage import address_key, beside, one, organization_of

    number = find_message(db, message)
    parties = outside_parties(db, number)
    waiting = one(db, number)
    if party is not None:
        key = address_key(party)
        parties = [each for each in parties if each["address"] == key]
        if not parties:
            raise RefusedError(f"{party} is no party outside of message {number}; `bcc-relay show {number}` has them")
    elif waiting is not None and waiting["why"] == "sender-not-recovered":
        # Only the name of who wrote it is known; others on it are not meant.
        shown = beside(db, number)["author_name"]
        if not (name or shown):
            raise RefusedError(
                f"message {number} does not say who wrote it; give a NAME, and an ADDRESS if you know it"
            )
        name = name or newcomer.name("", shown)
        return number, name, [], organization or (organization_of(db, given[0]) if given else None)
    if not parties:
        if not name:
            raise RefusedError(f"message {number} has no party outside; give a NAME, and an ADDRESS if you know it")
        return number, name, [], organization
    first = parties[0]
    found = newcomer.name(first["address"], first["display_name"])
    return number, name or found, [first["address"]], organization or organization_of(db, first["address"])


def _written(name: str, addresses: list[str], organization: str | None) -> str:
    from relay.cli.terminal import neutral

    shown = neutral(name)
    if addresses and name != addresses[-1]:
        shown += f" <{neutral(addresses[-1])}>"
    return f"{shown}, {neutral(organization)}" if organization else shown


@lead.group("address", cls=Group)
def lead_address() -> None:
    """Add addresses to leads."""


@lead_address.command("add")
@click.argument("lead", shell_complete=leads)
@click.argument("address", nargs=-1, required=True)
@click.pass_context
def lead_address_add(context: click.Context, lead: str, address: tuple[str, ...]) -> None:
    """Add addresses to a lead.

    All old mail of theirs is on it at once.
    """
    from relay.store.finding import find_lead
    from relay.store.people import add_lead_addresses

    db = store(context, write=True)
    number = find_lead(db, lead)
    added, attached = add_lead_addresses(db, number, address)
    settle(db)
    if not added:
        say([f"lead {number} has {'these addresses' if len(address) > 1 else 'this address'} already"])
    _tell_attached(attached, number)


@lead.command("list")
@page("ID")
@as_json
@click.pass_context
def lead_list(context: click.Context, limit: int, before: str | None, as_json: bool) -> None:
    """List leads, newest first."""
    from relay.cli.lists import leads_page
    from relay.cli.terminal import screen
    from relay.store.reading import leads

    found = leads(store(context), limit, number_before(before))
    answer(found) if as_json else say(leads_page(found, screen(), datetime.now(UTC), more=len(found) == limit))


@lead.command("show")
@click.argument("lead", shell_complete=leads)
@as_json
@click.pass_context
def lead_show(context: click.Context, lead: str, as_json: bool) -> None:
    """Show one lead: addresses, deals, how much mail and when."""
    from relay.cli.lists import lead_page
    from relay.cli.terminal import screen
    from relay.store.finding import find_lead
    from relay.store.reading import lead as read

    db = store(context)
    found = read(db, find_lead(db, lead))
    answer(found) if as_json else say(lead_page(found, screen(), datetime.now(UTC)))


@click.group(cls=Group)
def deal() -> None:
    """Add and list what we do with leads: deals, tickets, projects."""


@deal.command("add")
@click.argument("lead", shell_complete=leads)
@click.argument("title")
@click.option("--external-id", metavar="X", help="The CRM's own key; ext:X names the deal from then on.")
@click.option(
    "--kind", metavar="KIND", default="deal", show_default=True, help="deal, ticket, project, or the CRM's word."
)
@click.pass_context
def deal_add(context: click.Context, lead: str, title: str, external_id: str | None, kind: str) -> None:
    """Add a deal to a lead; prints the id."""
    from relay.store.finding import find_lead
    from relay.store.people import add_deal

    db = store(context, write=True)
    click.echo(add_deal(db, find_lead(db, lead), _name(title), external_id=external_id, kind=kind))


@deal.command("list")
@click.option("--lead", metavar="LEAD", help="Only deals of this lead.")
@page("ID")
@as_json
@click.pass_context
def deal_list(context: click.Context, lead: str | None, limit: int, before: str | None, as_json: bool) -> None:
    """List deals, newest first."""
    from relay.cli.lists import deals_page
    from relay.cli.terminal import screen
    from relay.store.finding import find_lead
    from relay.store.reading import deals

    db = store(context)
    found = deals(db, find_lead(db, lead) if lead else None, limit, number_before(before))
    answer(found) if as_json else say(deals_page(found, screen(), lead=lead, more=len(found) == limit))


def _name(written: str) -> str:
    if not written.strip():
        raise click.UsageError("a name must not be empty.")
    return " ".join(written.split())


def _tell_attached(attached: int, lead: int) -> None:
    """On standard error: standard output is the id, for a script."""
    if attached:
        from relay.cli.words import many

        say([f"{many(attached, 'message')} found: bcc-relay timeline {lead}"], err=True)
