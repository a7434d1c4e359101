"""`staff capture-address`, `staff password`, `staff card`: what a colleague needs to hand in mail from anywhere.

A secret is printed once, when it is made, to standard output and nowhere else; it is never an argument, for other
users of the machine read those.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.completing import people as our_people
from relay.cli.opened import configuration, store

if TYPE_CHECKING:
    from relay import sqlite

LINE = 1024
"""Characters read of standard input for a password."""


@click.command("capture-address", cls=Command)
@click.argument("name", shell_complete=our_people)
@click.option("--rotate", is_flag=True, help="Another one; the one before works for 14 days yet.")
@click.option("--no-grace", is_flag=True, help="With --rotate: the one before ends now, as it became known.")
@as_json
@click.pass_context
def capture_address(context: click.Context, name: str, rotate: bool, no_grace: bool, as_json: bool) -> None:
    """Make a personal capture address, and print it once.

    Mail to it is taken as that colleague's from any mail program and any account: whoever knows it can write as her.
    It is kept as a hash only and cannot be shown again.
    """
    if no_grace and not rotate:
        raise click.UsageError("--no-grace belongs to --rotate.")
    made = _personal(context, name, rotate=rotate, grace=not no_grace)
    if as_json:
        answer(made)
        return
    say([made["address"]])
    _tell(made)


@click.command(cls=Command)
@click.argument("name", shell_complete=our_people)
@click.option("--generate", is_flag=True, help="Make one up, and print it once.")
@click.option("--remove", is_flag=True, help="No more logins.")
@click.pass_context
def password(context: click.Context, name: str, generate: bool, remove: bool) -> None:
    """Set a colleague's password for logging in.

    By SMTP (AUTH), inside TLS only. It is asked for twice on a terminal, else read from the first line of standard
    input. The name to log in with is any of the colleague's addresses.
    """
    from relay.store import accounts
    from relay.store.finding import find_staff

    if generate and remove:
        raise click.UsageError("--generate and --remove are two wishes; choose one.")
    db = store(context, write=True)
    path = _place(context)
    staff = find_staff(db, name)
    if remove:
        accounts.remove_password(db, path, staff)
        return
    if generate:
        from secrets import choice

        from relay.attribution.personal import make_token

        given = make_token(choice)
    else:
        given = _asked()
    accounts.set_password(db, path, staff, given, datetime.now(UTC))
    if generate:
        say([given])


def _asked() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    line = sys.stdin.readline(LINE)
    if not line.strip("\r\n"):
        raise click.UsageError("no password on standard input.")
    return line.rstrip("\r\n")


@click.command(cls=Command)
@click.argument("name", shell_complete=our_people)
@click.option("--personal", is_flag=True, help="With a personal address, which is made for it.")
@click.option("--rotate", is_flag=True, help="With --personal: another one; the one before works for 14 days yet.")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the contact (vCard) here.")
@click.option("--vcard", is_flag=True, help="Print the contact (vCard) and nothing else.")
@click.pass_context
def card(context: click.Context, name: str, personal: bool, rotate: bool, output: Path | None, vcard: bool) -> None:
    """Print how to use the capture address, for a colleague.

    Steps for each mail program.

    With -o the address is written as a contact, so that nobody types it. It is the shared one of [capture] addresses,
    or with --personal her own, which works from any account.
    """
    from relay.cli.card import contact, steps
    from relay.store.finding import find_staff

    if rotate and not personal:
        raise click.UsageError("--rotate belongs to --personal.")
    if vcard and output is not None:
        raise click.UsageError("--vcard prints it, -o writes it; choose one.")
    made = None
    if personal:
        made = _personal(context, name, rotate=rotate)
        address = str(made["address"])
    else:
        find_staff(store(context), name)
        address = configuration(context).settings.capture.addresses[0]
    written = contact(address, personal=personal)
    if vcard:
        sys.stdout.write(written)
        return
    say(steps(address, personal=personal, file=None if output is None else output.name))
    if output is not None:
        _write(output, written)
    if made is not None:
        _tell(made)


def _write(path: Path, written: str) -> None:
    import os

    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123  its rights from the first octet on
        file.write(written)


def _personal(context: click.Context, name: str, *, rotate: bool, grace: bool = True) -> dict[str, Any]:
    from relay.attribution.personal import personal_address
    from relay.store import accounts
    from relay.store.finding import find_staff

    db = store(context, write=True)
    staff = find_staff(db, name)
    now = datetime.now(UTC)
    token = accounts.give_address(db, _place(context), staff, now, rotate=rotate, grace=grace)
    shared = configuration(context).settings.capture.addresses
    until = now + accounts.GRACE
    return {
        "staff_id": staff,
        "address": personal_address(shared[0], token),
        "addresses": [personal_address(each, token) for each in shared],
        "before_until": until.isoformat(timespec="seconds").replace("+00:00", "Z") if rotate and grace else None,
    }


def _tell(made: dict[str, Any]) -> None:
    told = ["note: as good as a password; it is shown this once (bcc-relay staff card --help)"]
    if made["before_until"]:
        told.append(f"note: the one before works until {made['before_until'][:10]}")
    say(told, err=True)


def _place(context: click.Context) -> Path:
    from relay.cli.opened import vault
    from relay.store import accounts

    return accounts.place(vault(configuration(context).settings))


def with_accounts(context: click.Context, db: sqlite.Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `staff` with `capture_address_at` and `password_at`: None without one, or where this user may not see.

    And `capture_address_seen_at`: when outsiders last read that address in a mail; None: not since it was given out.
    """
    from relay.health.exposed import among
    from relay.store import accounts

    try:
        known = accounts.read(accounts.place(configuration(context).settings.vault.path)).of(db)
    except accounts.AccountsError:
        known = {}
    seen = {each["staff_id"]: each["seen_at"] for each in among(db, known)} if known else {}
    for row in rows:
        account = known.get(row["id"], accounts.Account())
        row["capture_address_at"], row["password_at"] = account.key_at, account.password_at
        row["capture_address_seen_at"] = seen.get(row["id"])
    return rows


def end_secrets(context: click.Context, db: sqlite.Connection, staff: int) -> None:
    """Remove the secrets of who has left. Where this user may not, they open no door all the same."""
    from relay.store import accounts

    try:
        accounts.remove_all(db, accounts.place(configuration(context).settings.vault.path), staff)
    except accounts.AccountsError as error:
        say([f"note: {error}; secrets of who has left open no door, they only lie there"], err=True)
