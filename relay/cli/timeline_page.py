"""Lists of messages for people: a lead's timeline, and what a search found. Pure functions, rows in, lines out."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from relay.cli.terminal import Screen, cell, fit, neutral, width
from relay.cli.words import many, when

Row = Mapping[str, Any]

NARROW = 76
"""Columns below which subject and snippet get lines of their own instead of a column."""


@dataclass(frozen=True, slots=True)
class Names:
    """What ids stand for: staff.id and deal.id to names, message.id to the names of its attachments."""

    staff: Mapping[int, str]
    files: Mapping[int, Sequence[str]]
    deals: Mapping[int, str]
    ambiguous: Mapping[int, int] = field(default_factory=dict)
    """message.id -> deals open then, where nothing says which is meant."""


def arrow(direction: str, display: Screen) -> str:
    """The direction as seen from us: to the right is mail of ours, to the left is mail for us."""
    signs = {
        "outgoing": (display.sign("→", "->"), "green"),
        "incoming": (display.sign("←", "<-"), "cyan"),
        "internal": (display.sign("↔", "<>"), "dim"),
    }
    sign, colour = signs.get(direction, ("?", "yellow"))
    return display.paint(cell(sign, 2), "bold", colour)


def author(row: Row, names: Names) -> str:
    """Who wrote it: our colleague by her name, others by the name they give themselves."""
    ours = names.staff.get(row["staff_id"], "") if row["direction"] == "outgoing" else ""
    return neutral(ours or row["author_name"] or row["author_address"] or "(unknown)")


def timeline_page(
    lead: Row | None, rows: Sequence[Row], names: Names, display: Screen, now: datetime, *, more: str = ""
) -> list[str]:
    """The timeline of a lead. `lead` heads the first page; `more` is how the lead was named, when there may be more."""
    lines = _head(lead, display) if lead is not None else []
    lines += message_list([{**row, "id": row["message_id"]} for row in rows], names, display, now)
    if not rows:
        lines.append(display.paint("no mail" if lead is not None else "no more mail", "dim"))
    if more:
        command = f"older: bcc-relay timeline {shlex.quote(neutral(more))} --before {rows[-1]['message_id']}"
        lines += ["", display.paint(command, "dim")]
    return lines


def _head(lead: Row, display: Screen) -> list[str]:
    dot = display.sign(" · ", " - ")
    name = neutral(lead["name"] or "(no name)")
    facts = [neutral(lead["organization"] or ""), f"lead {lead['id']}", neutral(lead["status"] or "")]
    addresses = ", ".join(map(neutral, lead["addresses"]))
    return [
        display.paint(name, "bold") + dot + dot.join(filter(None, facts)),
        *([display.paint(fit(addresses, display.columns), "dim")] if addresses else []),
        *([display.paint(many(lead["message_count"], "message"), "dim")] if lead["message_count"] else []),
        "",
    ]


def found_page(rows: Sequence[Row], names: Names, display: Screen, now: datetime, *, more: str = "") -> list[str]:
    """What a search found. `more` is what was looked for, when there may be more."""
    lines = message_list(rows, names, display, now) or [display.paint("nothing found", "dim")]
    if more and rows:
        command = f"older: bcc-relay search {shlex.quote(neutral(more))} --before {rows[-1]['id']}"
        lines += ["", display.paint(command, "dim")]
    return lines


def message_list(rows: Sequence[Row], names: Names, display: Screen, now: datetime) -> list[str]:
    """Rows with the columns of `message`: arrow, when, who, subject, id; below: snippet, attachments, deal."""
    if not rows:
        return []
    ellipsis = display.sign("…", "...")
    times = [when(row["originated_at"], now) for row in rows]
    writers = [author(row, names) for row in rows]
    time_columns = max(map(len, times))
    who_columns = min(max(map(width, writers)), 22)
    id_columns = max(len(f"#{row['id']}") for row in rows)
    narrow = display.columns < NARROW
    if narrow:
        who_columns = min(who_columns, display.columns - 3 - time_columns - 2 - 2 - id_columns)
    indent = 3 if narrow else 3 + time_columns + 2 + who_columns + 2
    room = display.columns - indent
    lines: list[str] = []
    for row, at, who in zip(rows, times, writers, strict=True):
        head = f"{arrow(row['direction'], display)} {cell(at, time_columns)}  "
        name = display.paint(cell(who, who_columns, ellipsis=ellipsis), "bold")
        number = display.paint(f"#{row['id']}".rjust(id_columns), "dim")
        subject = _subject(row, display, room - (0 if narrow else id_columns + 2), ellipsis)
        if narrow:
            lines += [f"{head}{name}  {number}", f"{' ' * indent}{subject[0]}"]
        else:
            gap = " " * (room - id_columns - subject[1])
            lines.append(f"{head}{name}  {subject[0]}{gap}{number}")
        lines += [" " * indent + line for line in _below(row, names, display, room, ellipsis)]
    return lines


def _subject(row: Row, display: Screen, room: int, ellipsis: str) -> tuple[str, int]:
    """The subject, painted, and the columns it takes."""
    note = f"[{row['automatic']}] " if row["automatic"] else ""
    subject = neutral(row["subject"]) or "(no subject)"
    shown = fit(subject, max(8, room - len(note)), ellipsis=ellipsis)
    return display.paint(note, "yellow") + shown, len(note) + width(shown)


def _below(row: Row, names: Names, display: Screen, room: int, ellipsis: str) -> list[str]:
    lines: list[str] = []
    snippet = neutral(row["snippet"] or "")
    if snippet:
        lines.append(display.paint(fit(snippet, room, ellipsis=ellipsis), "dim"))
    facts: list[str] = []
    if row["attachment_count"]:
        files = [neutral(name) or "(no name)" for name in names.files.get(row["id"], ())]
        facts.append(f"{many(row['attachment_count'], 'attachment')}: {', '.join(files)}")
    deal = names.deals.get(row.get("deal_id") or 0, "")
    if deal:
        facts.append(f"deal: {neutral(deal)}")
    elif row["id"] in names.ambiguous:
        facts.append(f"deal: which of {names.ambiguous[row['id']]}?")
    if facts:
        dot = display.sign(" · ", " - ")
        lines.append(display.paint(fit(dot.join(facts), room, ellipsis=ellipsis), "magenta"))
    return lines
