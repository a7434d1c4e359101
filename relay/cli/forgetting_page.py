"""What is about to be removed, and what came of it, for people. Pure functions, rows in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.cli.terminal import Screen, neutral, table
from relay.cli.words import many, when

Row = Mapping[str, Any]

SHOWN = 20
"""Messages named; --json names all."""


def going_page(rows: Sequence[Row], display: Screen, now: datetime) -> list[str]:
    """Rows of `removal.told`: what goes."""
    told = [
        [
            f"#{row['message_id']}",
            when(row["originated_at"], now),
            neutral(row["direction"]),
            neutral(row["author"]),
            neutral(row["subject"]) or "(no subject)",
        ]
        for row in rows[:SHOWN]
    ]
    lines = table(told, display, flexible=4)
    if len(rows) > SHOWN:
        lines.append(f"and {many(len(rows) - SHOWN, 'more', 'more')}")
    parts = [
        many(sum(row["copies"] for row in rows), "copy", "copies"),
        many(sum(row["attachments"] for row in rows), "attachment"),
        f"on {many(sum(row['leads'] for row in rows), 'lead')}",
    ]
    lines.append(f"{many(len(rows), 'message')} ({', '.join(parts)}) will be gone for good.")
    others = sum(row["others"] for row in rows)
    if others:
        lines.append(
            f"{many(others, 'other message')} came in the same mail and will be kept, but not its octets (`raw`)."
        )
    return lines


def waiting_lines(mails: int, log: bool, search: bool) -> list[str]:
    """What the relay has still to do after a removal."""
    left = [f"{many(mails, 'mail')} in the vault"] if mails else []
    left += ["the write-ahead log"] if log else []
    left += ["the search index"] if search else []
    if not left:
        return []
    what = ", ".join(left)
    return [f"still to be overwritten: {what}; done when the relay runs and nobody reads there (`bcc-relay status`)"]


def never_log_line(addresses: Sequence[str]) -> list[str]:
    """The last line: how such mail is kept out from now on."""
    if not addresses:
        return []
    words = " or ".join(f"`bcc-relay never-log add {neutral(address)}`" for address in addresses[:2])
    return [f"To keep such mail out from now on: {words}"]
