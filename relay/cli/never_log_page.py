"""The never-log and what an entry would take away, for people. Pure functions, rows in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.cli.terminal import Screen, cell, neutral, table
from relay.cli.words import ago, many, when

Row = Mapping[str, Any]


def list_page(rows: Sequence[Row], display: Screen, now: datetime) -> list[str]:
    """The entries, oldest first; those that nobody can read say so."""
    if not rows:
        return [display.paint("all mail is kept: bcc-relay never-log add PATTERN", "dim")]
    told = [
        [
            str(row["id"]),
            neutral(str(row["pattern"])),
            neutral(str(row["mode"])),
            _whose(row),
            ago(row["added_at"], now) if _is_time(row["added_at"]) else "",
        ]
        for row in rows
    ]
    lines = table([["ID", "PATTERN", "MODE", "FOR", "ADDED"], *told], display, flexible=1)
    return [display.paint(lines[0], "bold"), *lines[1:]]


def _whose(row: Row) -> str:
    if not row["readable"]:
        return "nobody (no pattern)"
    if row["staff_id"] is None:
        return "everybody"
    return neutral(row["staff_name"] or "") or f"nobody (no staff {row['staff_id']})"


def _is_time(written: object) -> bool:
    try:
        return datetime.fromisoformat(str(written)).tzinfo is not None
    except ValueError:
        return False


def counted_lines(rows: Sequence[Row], display: Screen, *, since: str) -> list[str]:
    """How much was not kept. `rows`: staff_id, name, message_count."""
    if not rows:
        return []
    who = "; ".join(
        f"{neutral(row['name'] or '') or 'handed in by nobody known'} {row['message_count']:,}" for row in rows
    )
    total = many(sum(row["message_count"] for row in rows), "message")
    return ["", display.paint(f"Not kept since {since}, because of never-log: {total} ({who})", "dim")]


def purge_page(
    rows: Sequence[Row], display: Screen, now: datetime, *, drop: int, leave_out: int, done: bool
) -> list[str]:
    """What an entry takes away of mail that is here: some of the messages, and how many in all.

    `rows`: id, originated_at, direction, subject, lead_count, dropped.
    """
    if not drop and not leave_out:
        return ["no mail is here that the entry would have stopped"]
    lines = []
    if rows:
        ellipsis = display.sign("…", "...")
        told = [
            [
                f"#{row['id']}",
                when(row["originated_at"], now),
                row["direction"],
                "removed" if row["dropped"] else "party left out",
                many(row["lead_count"], "lead"),
                cell(neutral(row["subject"]) or "(no subject)", 60, ellipsis=ellipsis).rstrip(),
            ]
            for row in rows
        ]
        lines = table([["MESSAGE", "DATE", "DIRECTION", "WHAT", "ON", "SUBJECT"], *told], display, flexible=5)
        lines[0] = display.paint(lines[0], "bold")
        if drop + leave_out > len(rows):
            lines.append(display.paint(f"and {drop + leave_out - len(rows):,} more", "dim"))
        lines.append("")
    parts = [f"{many(drop, 'message')} {'removed' if done else 'to be removed'}"] if drop else []
    if leave_out:
        parts.append(f"the party {'left out' if done else 'to be left out'} of {many(leave_out, 'message')}")
    return [*lines, ", ".join(parts)]
