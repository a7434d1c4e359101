"""Lists for people: leads, deals, colleagues. Pure functions, rows in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.cli.terminal import Screen, neutral, table
from relay.cli.words import ago, many

Row = Mapping[str, Any]


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
    """Our people. Since when somebody has a secret is told where anybody has one."""
    secrets = [
        [
            f"{word} {row[key][:10]}"
            + (" (outsiders saw it: --rotate)" if word == "address" and row.get("capture_address_seen_at") else "")
            for key, word in (("capture_address_at", "address"), ("password_at", "password"))
            if row.get(key)
        ]
        for row in rows
    ]
    some = any(secrets)
    return _page(
        ["ID", "NAME", "ROLE", *(["SINCE"] if some else []), "ADDRESSES"],
        [
            [
                str(row["id"]),
                neutral(row["name"] or "") + (" (left)" if row["left_at"] else ""),
                neutral(row["role"]),
                *([", ".join(own)] if some else []),
                ", ".join(map(neutral, row["addresses"])),
            ]
            for row, own in zip(rows, secrets, strict=True)
        ],
        display,
        flexible=4 if some else 3,
        none="no staff yet: bcc-relay staff add NAME ADDRESS",
        older="staff list" if more else "",
    )


def leads_page(rows: Sequence[Row], display: Screen, now: datetime, *, more: bool = False) -> list[str]:
    """Leads with the time of the last contact: mail that a person wrote."""
    return _page(
        ["ID", "NAME", "ORGANIZATION", "STATUS", "LAST CONTACT", "ADDRESSES"],
        [
            [
                str(row["id"]),
                neutral(row["name"] or ""),
                neutral(row["organization"] or ""),
                neutral(row["status"] or ""),
                ago(row["last_contact_at"], now) if row["last_contact_at"] else display.sign("–", "-"),
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
        "Contact": _contact(row, now),
    }
    lines = [display.paint(neutral(row["name"] or "(no name)"), "bold")]
    lines += [display.paint(f"{label}:".ljust(14), "dim") + text for label, text in facts.items() if text]
    for at, told in enumerate(each for health in row["address_health"] for each in _health(health, now)):
        lines.append(display.paint(("Heard:" if at == 0 else "").ljust(14), "yellow") + told)
    for at, deal in enumerate(row["deals"]):
        told = f"{deal['id']}  {neutral(deal['title'] or '')}  {neutral(deal['outcome'] or deal['stage'] or 'open')}"
        lines.append(display.paint(("Deals:" if at == 0 else "").ljust(14), "dim") + told)
    return lines


def _contact(row: Row, now: datetime) -> str:
    """Who last wrote when; what machines wrote does not count."""
    wrote, heard = row["last_incoming_at"], row["last_outgoing_at"]
    said = [f"they wrote {ago(wrote, now)}"] if wrote else []
    said += [f"we wrote {ago(heard, now)}"] if heard else []
    return ", ".join(said) or "none yet"


def _health(row: Row, now: datetime) -> list[str]:
    """What automatic mail says of an address, a sentence each. An absence that is over is no news."""
    address = neutral(row["address"])
    said = []
    if row["bounced_at"]:
        reason = f": {neutral(row['bounce_reason'])}" if row["bounce_reason"] else ""
        said.append(f"mail to {address} failed for good on {row['bounced_at'][:10]}{reason}")
    if row["left_at"]:
        said.append(f"{address}: an automatic answer of {row['left_at'][:10]} says that the person left")
    if row["absent_until"] and row["absent_until"][:10] >= f"{now:%Y-%m-%d}":
        said.append(f"{address}: an automatic answer says absent until {row['absent_until'][:10]}")
    return said


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
