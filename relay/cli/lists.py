"""Lists for people: leads, deals, colleagues, unresolved mail. Pure functions, rows in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.cli.terminal import Screen, fit, neutral, table
from relay.cli.timeline_page import arrow
from relay.cli.words import ago, many, when

Row = Mapping[str, Any]

_WHY = {
    "no-lead": "no lead has this address",
    "no-outside-party": "nobody outside is on it",
    "sender-not-recovered": "the forward does not say who wrote it",
    "unparsed": "it could not be read",
}


def _page(
    head: list[str], rows: list[list[str]], display: Screen, *, flexible: int, none: str, older: str = ""
) -> list[str]:
    """`older`: the command whose next page begins after the last row, when there may be one."""
    if not rows:
        return [display.paint(none, "dim")]
    lines = table([head, *rows], display, flexible=flexible)
    lines[0] = display.paint(lines[0], "bold")
    if older:
        lines += ["", display.paint(f"older: bcc-relay {older} --before {rows[-1][0]}", "dim")]
    return lines


def staff_page(rows: Sequence[Row], display: Screen, *, more: bool = False) -> list[str]:
    """Our people."""
    return _page(
        ["ID", "NAME", "ROLE", "ADDRESSES"],
        [
            [
                str(row["id"]),
                neutral(row["name"] or "") + (" (left)" if row["left_at"] else ""),
                neutral(row["role"]),
                ", ".join(map(neutral, row["addresses"])),
            ]
            for row in rows
        ],
        display,
        flexible=3,
        none="no staff yet: bcc-relay staff add NAME ADDRESS",
        older="staff list" if more else "",
    )


def leads_page(rows: Sequence[Row], display: Screen, now: datetime, *, more: bool = False) -> list[str]:
    """Leads with the time of their last mail."""
    return _page(
        ["ID", "NAME", "ORGANIZATION", "STATUS", "LAST MAIL", "ADDRESSES"],
        [
            [
                str(row["id"]),
                neutral(row["name"] or ""),
                neutral(row["organization"] or ""),
                neutral(row["status"] or ""),
                ago(row["last_at"], now) if row["last_at"] else display.sign("–", "-"),
                ", ".join(map(neutral, row["addresses"])),
            ]
            for row in rows
        ],
        display,
        flexible=5,
        none="no leads yet: bcc-relay lead add NAME ADDRESS",
        older="lead list" if more else "",
    )


def lead_page(row: Row, display: Screen, now: datetime) -> list[str]:
    """One lead."""
    facts = {
        "Id": str(row["id"]) + (f" (ext:{neutral(row['external_id'])})" if row["external_id"] else ""),
        "Organization": neutral(row["organization"] or ""),
        "Status": neutral(row["status"] or ""),
        "Addresses": ", ".join(map(neutral, row["addresses"])) or "none: bcc-relay lead address add",
        "Mail": many(row["message_count"], "message")
        + (f", the last one {ago(row['last_at'], now)}" if row["last_at"] else ""),
    }
    lines = [display.paint(neutral(row["name"] or "(no name)"), "bold")]
    lines += [display.paint(f"{label}:".ljust(14), "dim") + text for label, text in facts.items() if text]
    for at, deal in enumerate(row["deals"]):
        told = f"{deal['id']}  {neutral(deal['title'] or '')}  {neutral(deal['outcome'] or deal['stage'] or 'open')}"
        lines.append(display.paint(("Deals:" if at == 0 else "").ljust(14), "dim") + told)
    return lines


def deals_page(rows: Sequence[Row], display: Screen, *, lead: str | None = None, more: bool = False) -> list[str]:
    """Deals with their leads. `lead` is how the one lead was named that was asked for."""
    only = f" --lead {neutral(lead)}" if lead else ""
    return _page(
        ["ID", "TITLE", "LEAD", "KIND", "STATE"],
        [
            [
                str(row["id"]),
                neutral(row["title"] or ""),
                f"{neutral(row['lead_name'] or '')} ({row['lead_id']})" if row["lead_id"] else "",
                neutral(row["kind"]),
                neutral(row["outcome"] or row["stage"] or "open"),
            ]
            for row in rows
        ],
        display,
        flexible=1,
        none="no deals yet: bcc-relay deal add LEAD TITLE",
        older=f"deal list{only}" if more else "",
    )


def unresolved_page(rows: Sequence[Row], display: Screen, now: datetime, *, more: bool) -> list[str]:
    """Mail that waits for a person: what it is, why it waits, what to do."""
    if not rows:
        return [display.paint("nothing waits", "dim")]
    ellipsis = display.sign("…", "...")
    lines: list[str] = []
    times = [when(row["originated_at"], now) for row in rows]
    time_columns = max(map(len, times))
    numbers = [f"#{row['message_id']}" for row in rows]
    number_columns = max(map(len, numbers))
    room = display.columns - 3 - time_columns - 2 - number_columns - 2
    for row, at, id_ in zip(rows, times, numbers, strict=True):
        address = f"<{neutral(row['party_address'])}>" if row["party_address"] else ""
        party = " ".join(filter(None, [neutral(row["party_name"] or ""), address]))
        others = f" and {row['party_count'] - 1} more" if row["party_count"] and row["party_count"] > 1 else ""
        number = display.paint(id_.ljust(number_columns), "dim")
        subject = fit(neutral(row["subject"]) or "(no subject)", room, ellipsis=ellipsis)
        lines.append(f"{arrow(row['direction'], display)} {at.ljust(time_columns)}  {number}  {subject}")
        why = _WHY.get(row["why"], str(row["why"])) + (f": {party}{others}" if party else "")
        lines.append("   " + display.paint(fit(why, display.columns - 3, ellipsis=ellipsis), "yellow"))
    lines += ["", display.paint("bcc-relay lead add --from ID | attach ID LEAD | unresolved dismiss ID", "dim")]
    if more:
        lines.append(display.paint(f"older: bcc-relay unresolved --before {rows[-1]['message_id']}", "dim"))
    return lines
