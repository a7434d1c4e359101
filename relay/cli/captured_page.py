"""What was handed in, for the people who handed it in. Pure functions, rows in, lines out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.cli.explain_origin import in_short
from relay.cli.terminal import Screen, cell, fit, neutral, width
from relay.cli.words import when

Row = Mapping[str, Any]

_WHY = {
    "withdrawn": "taken back",
    "unparsed": "kept, but it could not be read",
    "internal": "mail among ourselves",
    "dismissed": "dismissed",
    "lead-deleted": "its lead was deleted",
    "no-lead": "no lead has this address",
    "no-outside-party": "nobody outside is on it",
    "sender-not-recovered": "the forward does not say who wrote it",
}

GOOD, POOR = 90, 60
"""Per cent of a rep's mail that is here, from which on it is well, and under which somebody should ask."""


def captured_page(
    rows: Sequence[Row], staff: Mapping[int, str], display: Screen, now: datetime, *, none: str, older: str = ""
) -> list[str]:
    """Rows of `captured`. `staff`: names, {} when all rows are of one person. `older`: the next page's command."""
    if not rows:
        return [display.paint(none, "dim")]
    ellipsis, dot = display.sign("…", "..."), display.sign(" · ", " - ")
    times = [when(row["received_at"], now) for row in rows]
    time_columns = max(map(len, times))
    route_columns = max(len(row["route"]) for row in rows)
    number_columns = max(len(f"#{row['message_id']}") for row in rows)
    room = display.columns - time_columns - route_columns - number_columns - 6
    lines: list[str] = []
    for row, at in zip(rows, times, strict=True):
        subject = cell(neutral(row["subject"]) or "(no subject)", room, ellipsis=ellipsis)
        number = display.paint(f"#{row['message_id']}".rjust(number_columns), "dim")
        route = display.paint(row["route"].ljust(route_columns), "cyan")
        lines.append(f"{at.ljust(time_columns)}  {route}  {subject}  {number}")
        who = neutral(staff.get(row["staff_id"], "")) if row["staff_id"] else ""
        origin = in_short(row) if row.get("trust") else ""
        told = dot.join(filter(None, [_landed(row, display), f"from {who}" if who else "", origin]))
        colour = (
            "yellow" if row["why"] in ("no-lead", "sender-not-recovered", "unparsed", "no-outside-party") else "dim"
        )
        colour = "green" if row["why"] is None else colour
        lines.append("  " + display.paint(fit(told, display.columns - 2, ellipsis=ellipsis), colour))
        if row["defects"]:
            defects = "defects: " + ", ".join(neutral(str(each)) for each in row["defects"])
            lines.append("  " + display.paint(fit(defects, display.columns - 2, ellipsis=ellipsis), "magenta"))
    if older:
        lines += ["", display.paint(f"older: bcc-relay {older} --before {rows[-1]['envelope_id']}", "dim")]
    return lines


def _landed(row: Row, display: Screen) -> str:
    """Where it is, or why it is nowhere."""
    if row["why"] is None:
        named = [f"{neutral(each['name'] or '') or '(no name)'} (lead {each['id']})" for each in row["leads"]]
        more = row["lead_count"] - len(named)
        return display.sign("→ ", "-> ") + ", ".join(named) + (f" and {more} more" if more > 0 else "")
    told = _WHY.get(row["why"], str(row["why"]))
    return f"{told}: {neutral(row['party'])}" if row["why"] == "no-lead" and row["party"] else told


def share_lines(shares: Sequence[Row], display: Screen, *, since: str) -> list[str]:
    """How much of each person's mail with leads is here. `shares`: name, here, missing."""
    told = [row for row in shares if row["here"] + row["missing"]]
    if not told:
        return []
    tails = [f"{row['here']:,} here" + (f", {row['missing']:,} missing" if row["missing"] else "") for row in told]
    room = display.columns - 2 - 2 - len("100 %") - 2 - max(map(len, tails))
    columns = min(max(width(neutral(row["name"] or "(unknown)")) for row in told), room)
    head = fit(f"How much of our mail to leads is here, since {since}", display.columns)
    lines = ["", display.paint(head, "bold")]
    for row, tail in zip(told, tails, strict=True):
        per_cent = round(100 * row["here"] / (row["here"] + row["missing"]))
        colour = "green" if per_cent >= GOOD else "red" if per_cent < POOR else "yellow"
        name = cell(neutral(row["name"] or "(unknown)"), columns, ellipsis=display.sign("…", "..."))
        lines.append(f"  {name}  {display.paint(f'{per_cent:3} %', colour)}  {tail}")
    return lines


def in_sight_page(rows: Sequence[Row], staff: Mapping[int, str], display: Screen, now: datetime) -> list[str]:
    """Mail in which outsiders read a capture address: what to do about it."""
    if not rows:
        return []
    ellipsis = display.sign("…", "...")
    lines = ["", display.paint("Outsiders have seen a capture address: it belongs into Bcc", "bold")]
    for row in rows:
        whose = neutral(staff.get(row["staff_id"], "")) if row["staff_id"] else ""
        which = "a personal address" if row["personal"] else "the capture address"
        told = f"{when(row['received_at'], now)}  {neutral(row['author_address'] or '')} answered with {which} in sight"
        lines.append("  " + fit(f"{told}, #{row['message_id']}", display.columns - 2, ellipsis=ellipsis))
        if row["personal"]:
            todo = f"bcc-relay staff capture-address {shlex.quote(whose) if whose else 'NAME'} --rotate"
            lines.append("  " + display.paint(f"  give out another one: {todo}", "yellow"))
    return lines


def missing_page(
    rows: Sequence[Row], staff: Mapping[int, str], display: Screen, now: datetime, *, more: str = ""
) -> list[str]:
    """Mail of ours that a lead answered and that never reached us. `more`: the command that shows the rest."""
    if not rows:
        return []
    ellipsis = display.sign("…", "...")
    lines = ["", display.paint("Answered by a lead, and never handed in", "bold")]
    for row in rows:
        lead = f"{neutral(row['lead_name'] or '') or '(no name)'} (lead {row['lead_id']})"
        who = neutral(staff.get(row["staff_id"], "")) if row["staff_id"] else ""
        told = f"{when(row['seen_at'], now)}  {lead} answered" + (f" {who}" if who else "") + f" in #{row['seen_in']}:"
        lines.append(
            "  " + fit(f"{told} {neutral(row['subject']) or '(no subject)'}", display.columns - 2, ellipsis=ellipsis)
        )
    if more:
        lines.append(display.paint(f"all of them: bcc-relay {more}", "dim"))
    return lines
