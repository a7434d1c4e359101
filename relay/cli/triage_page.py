"""Unresolved mail for people: the list, whose it is, and one mail on the desk. Pure functions, rows in, lines out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.cli.terminal import Screen, fit, neutral, table, width, wrap
from relay.cli.timeline_page import arrow
from relay.cli.words import many, when

Row = Mapping[str, Any]

WHY = {
    "no-lead": "no lead has this address",
    "no-outside-party": "nobody outside is on it",
    "sender-not-recovered": "the forward does not say who wrote it",
    "unparsed": "it could not be read",
}

_BECAUSE = {
    "tag": "a tag named it, and was not applied",
    "thread": "is on other mail of the thread",
    "name": "has the same name",
    "domain": "has an address in the same domain",
    "organization": "its organization is called like the domain",
}

_CAME = {
    "bcc": "copied to us",
    "direct": "sent to us",
    "forward": "forwarded",
    "attached": "forwarded",
    "redirect": "redirected",
    "journal": "from the journal",
    "import": "imported",
}

WORDS = 4
"""Lines of a mail's first words."""

KEYS = (
    ("1-9", "attach to one of these leads"),
    ("l", "another lead: by id, ext:X, address, or a part of its name"),
    ("c", "create a lead, with name and address filled in"),
    ("d", "dismiss this mail: it belongs to no lead (nothing is deleted)"),
    ("D", "dismiss all mail of the address that waits"),
    ("n", "never log the address or its domain again, and dismiss what waits of it"),
    ("p", "take another party of the mail, when there are several"),
    ("o", "open the mail: all of its text"),
    ("e", "explain: why it stands here"),
    ("s", "skip it for now (also Space, or the arrow to the right)"),
    ("b", "back to the one before"),
    ("u", "undo the last decision"),
    ("q", "quit, with a sum (also Ctrl-C: what was decided stays)"),
)


def unresolved_page(rows: Sequence[Row], display: Screen, now: datetime, *, older: str = "") -> list[str]:
    """Mail that waits for a person: what it is, why it waits, what to do. `older`: the next page's command."""
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
        number = display.paint(id_.ljust(number_columns), "dim")
        subject = fit(neutral(row["subject"]) or "(no subject)", room, ellipsis=ellipsis)
        lines.append(f"{arrow(row['direction'], display)} {at.ljust(time_columns)}  {number}  {subject}")
        lines.append("   " + display.paint(fit(_why(row), display.columns - 3, ellipsis=ellipsis), "yellow"))
    lines += ["", display.paint("one after the other: bcc-relay unresolved work", "dim")]
    lines.append(display.paint("or: bcc-relay lead add --from ID | attach ID LEAD | unresolved dismiss ID", "dim"))
    if older:
        lines.append(display.paint(f"older: bcc-relay {older} --before {rows[-1]['message_id']}", "dim"))
    return lines


def _why(row: Row) -> str:
    party = named(row["party_address"], row["party_name"])
    others = f" and {row['party_count'] - 1} more" if row["party_count"] and row["party_count"] > 1 else ""
    return WHY.get(row["why"], str(row["why"])) + (f": {party}{others}" if party else "")


def named(address: str | None, name: str | None) -> str:
    """`Anna Meier <anna@meier.example>`, or what there is of it."""
    shown, written = neutral(name or ""), neutral(address or "")
    if not written:
        return shown
    return f"{shown} <{written}>" if shown and shown != written else f"<{written}>"


def addresses_page(rows: Sequence[Row], display: Screen, now: datetime, *, limit: int) -> list[str]:
    """Whose mail waits, the most first."""
    if not rows:
        return [display.paint("nothing waits that an address could settle", "dim")]
    shown = [
        [
            f"{row['message_count']:,}",
            neutral(row["address"]),
            neutral(row["display_name"] or ""),
            when(row["last_at"], now),
            f"#{row['message_id']}",
        ]
        for row in rows
    ]
    lines = table([["MAIL", "ADDRESS", "NAME", "NEWEST", "ID"], *shown], display, flexible=2)
    lines[0] = display.paint(lines[0], "bold")
    lines += [
        "",
        display.paint(
            "bcc-relay unresolved work --address A | lead add --from ID | unresolved dismiss --address A", "dim"
        ),
    ]
    if len(rows) == limit:
        lines.append(display.paint(f"there may be more: --limit {limit * 2}", "dim"))
    return lines


def mail_page(row: Row, beside: Row, leads: Sequence[Row], others: int, display: Screen, now: datetime) -> list[str]:
    """One mail on the desk. `row`: of the list, with the party that is looked at; `others`: mail that waits like it."""
    ellipsis = display.sign("…", "...")
    room = display.columns - 3

    def put(text: str, *styles: str) -> str:
        return "   " + display.paint(fit(text, room, ellipsis=ellipsis), *styles)

    who = named(row["author_address"], beside["author_name"]) or "(unknown)"
    handed = neutral(beside["staff_name"] or "")
    came = _CAME.get(beside["route"], str(beside["route"])) + (f" by {handed}" if handed else "")
    mark = arrow(row["direction"], display)
    at = when(row["originated_at"], now)
    head = fit(who, room - len(at) - 2, ellipsis=ellipsis)
    lines = [f"{mark} {display.paint(head, 'bold')}  {at}"]
    lines.append(put(neutral(row["subject"]) or "(no subject)", "bold"))
    words = neutral(row["snippet"])
    lines += [put(line) for line in wrap(words, room)[:WORDS] if line]
    if beside["note"].strip():
        lines.append(put(f"{handed or 'The colleague who forwarded it'} says: {neutral(beside['note'])}", "cyan"))
    facts = [f"message {row['message_id']}", came]
    if beside["attachment_count"]:
        facts.append(many(beside["attachment_count"], "attachment"))
    if beside["automatic"]:
        facts.append(f"automatic: {beside['automatic']}")
    if beside["thread_count"] > 1:
        facts.append(f"{many(beside['thread_count'] - 1, 'other message')} in its thread")
    lines.append(put(display.sign(" · ", " - ").join(filter(None, facts)), "dim"))
    lines += ["", *(_waits(row, others, display, room))]
    return [*lines, "", *_offers(leads, display)]


def _waits(row: Row, others: int, display: Screen, room: int) -> list[str]:
    sentence = _why(row) + "."
    if others > 0:
        sentence += f" {many(others, 'more mail', 'more mails')} of it {'waits' if others == 1 else 'wait'}."
    return ["   " + display.paint(line, "yellow") for line in wrap(sentence[:1].upper() + sentence[1:], room)]


def _offers(leads: Sequence[Row], display: Screen) -> list[str]:
    ellipsis = display.sign("…", "...")
    lines = []
    for number, lead in enumerate(leads, 1):
        because = _BECAUSE.get(lead.get("because", ""), "")
        told = offered(lead)
        key = display.paint(f" {number}", "bold", "green")
        shown = fit(told, display.columns - 4, ellipsis=ellipsis)
        left = display.columns - 6 - width(shown)
        reason = f"  {display.paint(fit(because, left, ellipsis=ellipsis), 'dim')}" if because and left > 12 else ""
        lines.append(f"{key}  {shown}{reason}")
    return lines


def offered(lead: Row) -> str:
    """A lead as it is offered: name, organization, address, id."""
    facts = [neutral(lead["organization"] or ""), neutral(lead["address"] or ""), f"lead {lead['lead_id']}"]
    return f"{neutral(lead['name']) or '(no name)'} ({', '.join(filter(None, facts))})"


def leads_found(leads: Sequence[Row], display: Screen) -> list[str]:
    """What a search for a lead gave, each with its key."""
    return _offers(leads, display)


def keys_line(row: Row, leads: int, others: int, display: Screen, *, can_undo: bool) -> list[str]:
    """The keys that mean something now."""
    address = row["party_address"]
    keys = [f"{'1' if leads == 1 else f'1-{leads}'} attach"] if leads else []
    keys += ["l lead", "c create", "d dismiss"]
    if address and others > 0:
        keys.append(f"D all {others + 1:,}")
    if address:
        keys.append("n never log")
    if row["party_count"] and row["party_count"] > 1:
        keys.append("p next party")
    keys += ["s skip", "b back"]
    if can_undo:
        keys.append("u undo")
    keys += ["o open", "? keys", "q quit"]
    lines, line = [], ""
    for key in keys:
        if line and len(line) + 3 + len(key) > display.columns:
            lines.append(line)
            line = ""
        line = f"{line}   {key}" if line else key
    return [display.paint(each, "dim") for each in [*lines, line]]


def help_page(display: Screen) -> list[str]:
    """All keys."""
    return [
        line
        for key, told in KEYS
        for line in (f"  {display.paint(key.ljust(4), 'bold')} {part}" for part in wrap(told, display.columns - 8))
    ]
