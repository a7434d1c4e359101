"""A conversation for people, oldest first, with its gaps. Pure functions, rows in, lines out."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime

from relay.cli.terminal import Screen, fit, neutral
from relay.cli.timeline_page import Names, Row, message_list
from relay.cli.words import many


def thread_page(
    rows: Sequence[Row], names: Names, display: Screen, now: datetime, *, hidden: int = 0, older: str = ""
) -> list[str]:
    """The rows of `conversation`. `older` is how the message was named, when the thread may go further back."""
    here = [row for row in rows if not row["ghost"]]
    lines = [*_head(here, display), ""] if here else []
    if older and here:
        command = f"older: bcc-relay thread {shlex.quote(neutral(older))} --before {here[0]['id']}"
        lines += [display.paint(command, "dim"), ""]
    # All messages in one list, so that their columns stand under each other; then the ghosts between them.
    blocks = iter(_blocks(message_list(here, names, display, now)))
    for row in rows:
        lines += _ghost(row, display) if row["ghost"] else next(blocks)
    if not here:
        lines.append(display.paint("no more mail" if not hidden else "nothing to show", "dim"))
    if hidden:
        lines += ["", display.paint(f"{many(hidden, 'message')} of it not for everybody", "dim")]
    return lines


def _head(here: Sequence[Row], display: Screen) -> list[str]:
    ellipsis = display.sign("…", "...")
    subject = fit(neutral(here[0]["subject"]) or "(no subject)", display.columns, ellipsis=ellipsis)
    leads = {each["id"]: neutral(each["name"] or "") or "(no name)" for row in here for each in row["leads"]}
    told = ", ".join(f"{name} (lead {number})" for number, name in leads.items()) or "on no lead"
    return [display.paint(subject, "bold"), display.paint(fit(told, display.columns, ellipsis=ellipsis), "dim")]


def _blocks(lines: Sequence[str]) -> list[list[str]]:
    """The lines of a message list, message by message: all but the first of each are indented."""
    blocks: list[list[str]] = []
    for line in lines:
        if line.startswith(" ") and blocks:
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _ghost(row: Row, display: Screen) -> list[str]:
    ellipsis = display.sign("…", "...")
    sign = display.sign("∅", "x")
    told = fit(f"{sign}  a mail that never reached us", display.columns, ellipsis=ellipsis)
    name = fit(f"   <{neutral(row['internet_message_id'])}>", display.columns, ellipsis=ellipsis)
    return [display.paint(told, "yellow"), display.paint(name, "dim")]
