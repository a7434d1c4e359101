"""One message for people, like a letter: head, words, what was quoted, what was enclosed, and why it stands here.

Pure: the row of `relay.store.reading.letter` in, lines out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from relay.attribution import telling
from relay.attribution.telling import told as told_of
from relay.cli import explain_origin
from relay.cli.terminal import Screen, neutral, neutral_lines, width, wrap
from relay.cli.timeline_page import arrow
from relay.cli.words import in_full, octets

Row = Mapping[str, Any]

_ROLES = {"from": "From", "sender": "Sender", "reply-to": "Reply to", "to": "To", "cc": "Cc", "bcc": "Bcc"}
_LABEL = 12
LINES = 2000
"""Lines of text shown: a person reads no more, and --json has all of it."""


def letter_page(found: Row, display: Screen) -> list[str]:
    """The whole letter."""
    lines = _head(found, display)
    for whose, note in _notes(found):
        lines += [
            "",
            display.paint(f"Note of {whose}:", "yellow"),
            *(f"  {line}" for line in _body(note, display, display.columns - 2)),
        ]
    lines += ["", *_body(found["text"], display, display.columns)]
    if found["quoted"].strip():
        quoted = _body(found["quoted"], display, display.columns - 2)
        bar = display.sign("│", "|")
        lines += ["", *(display.paint(f"{bar} {line}".rstrip(), "dim") for line in quoted)]
    lines += _parts(found["parts"], display)
    return [*lines, "", *_why(found, display)]


def _notes(found: Row) -> list[tuple[str, str]]:
    """(who wrote it, note) of each colleague, each once; what several said together where the copies are gone."""
    somebody = "the colleague who forwarded it"
    each = [(neutral(one["staff_name"] or "") or somebody, one["note"]) for one in found["notes"]]
    return list(dict.fromkeys(each or [(somebody, found["note"])] * bool(found["note"].strip())))


def _head(found: Row, display: Screen) -> list[str]:
    lines = [display.paint(neutral(found["subject"]) or "(no subject)", "bold")]
    lines += _labelled("Date", [in_full(found["originated_at"]) + _date_source(found)], display)
    by_role: dict[str, list[str]] = {}
    for party in found["parties"]:
        by_role.setdefault(party["role"], []).append(_party(party, display))
    for role, label in _ROLES.items():
        if role in by_role:
            lines += _labelled(label, by_role[role], display)
    if "from" not in by_role:
        lines += _labelled("From", [neutral(found["author_name"]) or "(unknown)"], display)
    return lines


def _date_source(found: Row) -> str:
    return {"forwarded": " (as the forward quotes it)", "received": " (when it came; it bears no date)"}.get(
        found["date_source"], ""
    )


def _party(party: Row, display: Screen) -> str:
    name, address = neutral(party["display_name"]), neutral(party["address"])
    whose = [display.paint(f"lead {each['id']}", "cyan") for each in party["leads"]]
    whose += [display.paint(neutral(each["name"] or "ours"), "green") for each in party["staff"]]
    written = f"{name} <{address}>" if name and name != address else address
    return f"{written}  {', '.join(whose)}".rstrip()


def _labelled(label: str, values: Sequence[str], display: Screen) -> list[str]:
    lines = []
    for at, value in enumerate(values):
        shown = f"{label}:" if at == 0 else ""
        lines.append(display.paint(shown.ljust(_LABEL), "dim") + value)
    return lines


def _body(text: str, display: Screen, columns: int) -> list[str]:
    lines: list[str] = []
    for line in neutral_lines(text.strip("\n")):
        lines += wrap(line, columns) if width(line) > columns else [line]
        if len(lines) > LINES:
            return [*lines[:LINES], display.paint("(and so on: --json has all of it)", "dim")]
    return lines


def _parts(parts: Sequence[Row], display: Screen) -> list[str]:
    if not parts:
        return []
    lines = ["", display.paint("Enclosed", "bold")]
    for part in parts:
        kind = "" if part["kind"] == "attachment" else f", {part['kind']}"
        name = neutral(part["filename"]) or "(no name)"
        lines.append(
            f"  {name}  " + display.paint(f"{neutral(part['media_type'])}, {octets(part['size'])}{kind}", "dim")
        )
        if part["danger"]:
            told = telling.told(telling.DANGERS, part["danger"])
            lines.append("    " + display.paint(f"{part['danger']}: {neutral(told)}", "red"))
    return lines


def _no_lead(found: Row) -> str:
    """Why there is no lead, or what brings one."""
    if found["direction"] == "internal":
        return "none: mail among ourselves"
    if found["dismissed_at"]:
        return "none; dismissed"
    if any(not party["staff"] for party in found["parties"]):
        return f"none: bcc-relay lead add --from {found['id']}, or attach {found['id']} LEAD"
    return f"none: bcc-relay attach {found['id']} LEAD"


def _why(found: Row, display: Screen) -> list[str]:
    """Where it stands and why: the part that answers questions."""
    lines: list[str] = []
    reason = neutral(told_of(telling.DIRECTIONS, found["direction_reason"]))
    lines += _labelled(
        "Direction",
        [f"{arrow(found['direction'], display).rstrip()} {found['direction']}" + (f": {reason}" if reason else "")],
        display,
    )
    for at, each in enumerate(found["leads"]):
        deal = f", deal {each['deal_id']} ({neutral(each['deal_title'] or '')})" if each["deal_id"] else ""
        why = f"by {each['reason']}" + (f", {each['role']}" if each["role"] else "")
        told = f"{neutral(each['name'] or '(no name)')}, lead {each['lead_id']}: {why}{deal}"
        lines += _labelled("Lead" if at == 0 else "", [told], display)
    if not found["leads"]:
        lines += _labelled("Lead", [_no_lead(found)], display)
    for each in found["envelopes"]:
        who = neutral(each["staff_name"] or each["reverse_path"] or "<>")
        how = explain_origin.in_short(each)
        lines += _labelled(
            "Came",
            [f"{in_full(each['received_at'])} by {each['route']} from {who}, as {each['vault_id']}; {how}"],
            display,
        )
    if found["automatic"]:
        what = f"{found['automatic']}: {told_of(telling.AUTOMATIC, found['automatic'])}"
        lines += _labelled("Automatic", [what], display)
    if found["defects"]:
        told = ", ".join(neutral(str(each)) for each in found["defects"])
        lines += [display.paint("Defects:".ljust(_LABEL), "yellow") + told]
    if found["internet_message_id"]:
        lines += _labelled("Message-ID", [f"<{neutral(found['internet_message_id'])}>"], display)
    return [*lines, display.paint("Id:".ljust(_LABEL), "dim") + str(found["id"])]
