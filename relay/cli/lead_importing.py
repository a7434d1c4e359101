"""`lead import`: a list of leads from a file, all of it or nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.opened import settle, store

if TYPE_CHECKING:
    from relay.store.lead_file import Mistake

SHOWN = 20
"""Mistakes told: enough to see the pattern."""

LARGEST = 64 << 20
"""Octets of a list: half a million leads. A larger file is hardly a list of leads."""


@click.command("import", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True))
@click.option("--extra", is_flag=True, help="Keep columns that are not known, in lead.extra.")
@click.option("--dry-run", is_flag=True, help="Say what would come of it, and write nothing.")
@as_json
@click.pass_context
def lead_import(context: click.Context, file: str, extra: bool, dry_run: bool, as_json: bool) -> None:
    """Add the leads of a list, CSV or JSON: all of it or nothing.

    The first line of CSV names the columns; JSON is an array of objects, or an object a line.

    Columns: name (or first_name and last_name), address (several: with blanks or commas between, or
    columns address1, address2), organization, external_id, status, owner (one of our people). FILE - is
    standard input.

    An entry means the lead with its external_id, else the one that has one of its addresses; others are
    new. So the same list again changes nothing. Mistakes are told with their lines, all at once.
    """
    from relay.cli.progress import Progress
    from relay.store.lead_file import Mistake, read
    from relay.store.lead_import import ImportRefusedError, import_leads

    text = _text(file)
    entries, mistakes = read(text, extra=extra)
    if not mistakes and not entries:
        mistakes = [Mistake(1, "there is no lead in it")]
    if mistakes:
        context.exit(_refuse(file, mistakes))
    db = store(context, write=True)
    try:
        with Progress("leads read") as progress:
            found = import_leads(db, entries, dry_run=dry_run, done=progress.add)
    except ImportRefusedError as error:
        context.exit(_refuse(file, error.mistakes))
    if not dry_run:
        settle(db)
    if as_json:
        told = {"added": found.added, "changed": found.changed, "same": found.same, "messages": found.messages}
        answer(told)
        return
    from relay.cli.words import many

    would = "would be " if dry_run else ""
    said = f"{many(found.added, 'lead')} {would}added, {found.changed:,} changed, {found.same:,} as they were"
    say([said + (f"; {many(found.messages, 'message')} found for them" if found.messages else "")])


def _text(file: str) -> str:
    """The list as text. Raises ClickException with one line when it cannot be read."""
    name = "standard input" if file == "-" else file
    if file == "-":
        octets = sys.stdin.buffer.read(LARGEST + 1)
    else:
        with open(file, "rb") as stream:  # noqa: PTH123  the name as it was given, for the error
            octets = stream.read(LARGEST + 1)
    if len(octets) > LARGEST:
        raise click.ClickException(f"{name}: larger than {LARGEST >> 20} MiB; import it in pieces")
    # Spreadsheets write UTF-16 with a mark, or UTF-8 with one.
    encoding = "utf-16" if octets[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return octets.decode(encoding)
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise click.ClickException(f"{name}:{line}: not UTF-8 text; save the list as CSV UTF-8") from None


def _refuse(file: str, mistakes: Sequence[Mistake]) -> int:
    """Tell the mistakes. Returns the exit status."""
    name = "standard input" if file == "-" else file
    lines = [f"{name}:{each.line}: {each.told}" for each in mistakes[:SHOWN]]
    if len(mistakes) > SHOWN:
        lines.append(f"bcc-relay: and {len(mistakes) - SHOWN:,} more mistakes")
    say([*lines, "bcc-relay: nothing was imported"], err=True)
    return 1
