"""`captured`: the rep's question, "did it arrive?"."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from relay.cli.command import Command, answer, as_json, page, say
from relay.cli.completing import people
from relay.cli.opened import number_before, store

if TYPE_CHECKING:
    from relay import sqlite

MISSING_SHOWN = 5
"""Missing mails named below the list; --missing gives all."""

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


@click.command(cls=Command)
@click.option("--staff", metavar="NAME", shell_complete=people, help="Only what this colleague handed in.")
@click.option(
    "--since", metavar="TIME", default="7d", show_default=True, help="12h, 7d, 4w, or a date as in 2026-03-01."
)
@click.option("--missing", is_flag=True, help="Instead: mail of ours that a lead answered and that never reached us.")
@page("ENVELOPE")
@as_json
@click.pass_context
def captured(
    context: click.Context,
    staff: str | None,
    since: str,
    missing: bool,
    limit: int,
    before: str | None,
    as_json: bool,
) -> None:
    """Show what was handed in, and where it landed or why not.

    One entry for each accepted copy, newest first. Below it, how much was not kept because of never-log (of
    such mail nothing else is known), and how much of our mail to leads is here: an answer of a lead tells of a
    mail of ours that nobody handed in. ENVELOPE is the envelope_id of --json.
    """
    from relay.cli.captured_page import captured_page, in_sight_page, missing_page, share_lines
    from relay.cli.never_log_page import counted_lines
    from relay.cli.terminal import screen
    from relay.cli.words import many
    from relay.store import handed_in, never_log, proofs
    from relay.store.finding import find_staff
    from relay.store.reading import staff_names
    from relay.store.share import share
    from relay.store.times import text_time

    moment = beginning(since, datetime.now(UTC))
    start = text_time(moment)
    if missing and before is not None:
        raise click.UsageError("--before is for the list of what was handed in; give --missing a larger --limit.")
    db = store(context)
    one = find_staff(db, staff) if staff is not None else None
    named = f" --staff {shlex.quote(staff)}" if staff is not None else ""
    asked = f"captured{named} --since {shlex.quote(since)}"
    now, display = datetime.now(UTC), screen()
    if missing:
        gaps = handed_in.missing(db, staff=one, since=start, limit=limit)
        names = staff_names(db, {row["staff_id"] for row in gaps})
        answer(gaps) if as_json else say(missing_page(gaps, names, display, now)[1:] or ["nothing is missing"])
        return
    found = handed_in.captured(db, staff=one, since=start, limit=limit, before=_place(db, before))
    if as_json:
        answer(found)
        return
    names = staff_names(db, {row["staff_id"] for row in found}) if one is None else {}
    none = f"nothing was handed in since {since}" if before is None else "nothing more was handed in"
    lines = captured_page(found, names, display, now, none=none, older=asked if len(found) == limit else "")
    if before is None:
        shares = [each._asdict() for each in share(db, moment) if one in (None, each.staff_id)]
        gaps = handed_in.missing(db, staff=one, since=start, limit=MISSING_SHOWN + 1)
        names = staff_names(db, {row["staff_id"] for row in gaps})
        more = f"{asked} --missing" if len(gaps) > MISSING_SHOWN else ""
        lines += counted_lines(never_log.counted(db, start[:10], one), display, since=start[:10])
        if one is None and (gone := handed_in.forgotten(db, start)):
            lines += ["", display.paint(f"Taken back since {start[:10]}, with its copies: {many(gone, 'mail')}", "dim")]
        lines += share_lines(shares, display, since=start[:10])
        seen = proofs.in_sight(db, staff=one, since=start, limit=MISSING_SHOWN)
        lines += in_sight_page(seen, staff_names(db, {row["staff_id"] for row in seen}), display, now)
        lines += missing_page(gaps[:MISSING_SHOWN], names, display, now, more=more)
    say(lines)


def beginning(since: str, now: datetime) -> datetime:
    """The time that --since names. Raises click.UsageError."""
    span = re.fullmatch(r"(\d{1,5})([hdw])", since.strip().lower())
    try:
        if span:
            return now - int(span[1]) * _UNITS[span[2]]
        return datetime.fromisoformat(since.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise click.UsageError(f'--since takes 12h, 7d, 4w or a date as in 2026-03-01, not "{since}".') from None


def _place(db: sqlite.Connection, before: str | None) -> tuple[str, int] | None:
    """Where the page before ended. Raises NotFoundError."""
    from relay.store.finding import NotFoundError
    from relay.store.handed_in import place

    number = number_before(before)
    if number is None:
        return None
    found = place(db, number)
    if found is None:
        raise NotFoundError(f"no envelope {number}; --before takes the envelope_id of the last row seen")
    return found
