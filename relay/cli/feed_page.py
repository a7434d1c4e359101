"""The change feed for people: one line a change. Pure functions, rows in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.cli.terminal import Screen, cell, fit, neutral
from relay.cli.words import read, when

Row = Mapping[str, Any]
Described = Mapping[tuple[str, int], str]

_OPS = {
    "insert": ("new", "green"),
    "update": ("changed", "cyan"),
    "delete": ("deleted", "red"),
    "merge": ("merged", "magenta"),
}
_ENTITIES = {
    "explicit_attribution": "decision",
    "lead_address": "address",
    "staff_address": "our address",
    "never_log": "never-log rule",
}

NARROW = 66
"""Columns below which the time of a change is left out."""


def feed_page(rows: Sequence[Row], described: Described, display: Screen, now: datetime, *, older: bool) -> list[str]:
    """A piece of the feed, oldest first. `older`: there are changes before it."""
    if not rows:
        return [display.paint("no changes", "dim")]
    lines = [change_line(row, described, display, now) for row in rows]
    if older:
        lines.insert(0, display.paint("older changes: bcc-relay changes --since 0", "dim"))
    return lines


def change_line(row: Row, described: Described, display: Screen, now: datetime) -> str:
    """`812  today 10:12:03  message 12   new      Offer for the new hall`."""
    ellipsis = display.sign("…", "...")
    word, colour = _OPS.get(row["op"], (str(row["op"]), "yellow"))
    entity = _ENTITIES.get(row["entity"], str(row["entity"]))
    thing = cell(f"{neutral(entity)} {row['entity_id']}", 19, ellipsis=ellipsis)
    at = f"{when(row['at'], now)}:{read(row['at']).astimezone():%S}"
    time = "" if display.columns < NARROW else cell(at, 18, ellipsis=ellipsis) + "  "
    head = f"{str(row['seq']).rjust(6)}  {time}"
    room = display.columns - len(head) - 19 - 2 - 7 - 2
    told = fit(_told(row, described, display), room, ellipsis=ellipsis)
    return (display.paint(head, "dim") + f"{thing}  {display.paint(cell(word, 7), colour)}  {told}").rstrip()


def _told(row: Row, described: Described, display: Screen) -> str:
    """What it is called, and the lead it is about."""
    entity = "message" if row["entity"] == "dismissal" else row["entity"]
    name = neutral(described.get((entity, row["entity_id"]), ""))
    lead = row["lead_id"]
    if row["op"] == "merge" and lead is not None:
        whose = neutral(described.get(("lead", lead), "")) or "(no name)"
        return f"into {whose} (lead {lead})"
    if lead is None or row["entity"] == "lead":
        return name
    whose = f"{neutral(described.get(('lead', lead), '')) or '(gone)'} (lead {lead})"
    return f"{name}{display.sign(' · ', ' - ')}{whose}" if name else whose


def new_feed_line(feed_id: str, seq: int, display: Screen) -> str:
    """The line that must not be missed."""
    told = f"the feed is a new one, {feed_id} (was the database restored?): read everything again; changes after {seq}:"
    return display.paint(told, "bold", "yellow")
