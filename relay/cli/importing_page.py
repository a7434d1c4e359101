"""What an import brought, for a person and for a program. Pure functions."""

from __future__ import annotations

from typing import Any

from relay.cli.terminal import Screen, neutral
from relay.cli.words import many, octets
from relay.work.importing import Sum

SHOWN = 20
"""Damaged mails named on a terminal; --json gives a thousand."""

ADDRESSES = 5
"""Unknown authors of sent mail named: the largest ones."""

_LEFT_OUT = {
    "spam": "spam",
    "trash": "in the bin",
    "draft": "drafts, templates and unsent mail",
    "chat": "chats",
    "deleted": "deleted, and not yet taken out of the file",
    "folder-data": "notes of a mail program about its folder",
}


def sum_page(found: Sum, display: Screen, *, dry_run: bool) -> list[str]:
    """The sum as lines."""
    would = "would be " if dry_run else ""
    lines = [f"{many(found.taken, 'mail')} {would}taken ({octets(found.octets)}), {found.known:,} already here"]
    if found.left_out:
        told = ", ".join(f"{number:,} {_LEFT_OUT[why]}" for why, number in sorted(found.left_out.items()))
        lines.append(f"left out: {told}; --all takes them too")
    if found.no_mail:
        lines.append(
            display.paint(f"{many(found.no_mail, 'file')} that {'is' if found.no_mail == 1 else 'are'} no mail", "dim")
        )
    if found.strangers:
        largest = found.strangers.most_common(ADDRESSES)
        named = ", ".join(f"{neutral(address)} ({number:,})" for address, number in largest)
        lines.append(
            display.paint(f"sent mail by addresses that are none of ours: {named}; if one is, tell it with ", "yellow")
            + "`bcc-relay staff add` and run `bcc-relay refile --all`"
        )
    if found.damaged_count:
        lines.append(display.paint(f"{many(found.damaged_count, 'mail or file', 'mails or files')} left out:", "red"))
        lines += [f"  {neutral(place)}: {neutral(why)}" for place, why in found.damaged[:SHOWN]]
        if found.damaged_count > SHOWN:
            lines.append(f"  and {found.damaged_count - SHOWN:,} more; --json names them")
    return lines


def described(found: Sum, *, stopped: bool, dry_run: bool) -> dict[str, Any]:
    """The sum for a program."""
    return {
        "taken": found.taken,
        "octets": found.octets,
        "already_here": found.known,
        "left_out": dict(sorted(found.left_out.items())),
        "no_mail": found.no_mail,
        "unknown_authors": {_whole(address): number for address, number in found.strangers.most_common()},
        "damaged": [{"place": _whole(place), "why": _whole(why)} for place, why in found.damaged],
        "damaged_count": found.damaged_count,
        "stopped": stopped,
        "dry_run": dry_run,
    }


def _whole(text: str) -> str:
    """Names of files may hold octets that are no text."""
    return text.encode("utf-8", "replace").decode()
