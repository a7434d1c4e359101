"""What reading old mail again has changed, for people and for programs. Pure: results in, lines out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from relay.cli.terminal import Screen, fit, neutral, width
from relay.cli.words import many

if TYPE_CHECKING:
    from relay.store.difference import ChangedField
    from relay.store.renewal import Renewed
    from relay.work.rereading import Reread

BODIES = ("text", "quoted", "html", "note", "snippet")
"""Fields of which only the number of changed lines is known (relay.store.difference)."""

_LABEL = 20


@dataclass(slots=True)
class Count:
    """What a whole run came to."""

    read: int = 0
    changed: int = 0
    stay: int = 0

    def add(self, reread: Reread) -> None:
        self.read += 1
        self.changed += len(reread.renewed)
        self.stay += reread.stays

    def sentence(self, *, dry_run: bool) -> str:
        """The last line: how many, and what of them."""
        if not self.read:
            return "nothing to read again: today's parser has read everything (--all reads it all the same)"
        told = f"{many(self.read, 'message')} read again: {self.changed:,} {'would change' if dry_run else 'changed'}"
        if dry_run and self.changed:
            told += " (without --dry-run it is done)"
        if self.stay:
            told += f", {self.stay:,} no longer in the vault or not readable {'stays' if self.stay == 1 else 'stay'}"
            told += " as filed"
        return told


def described(reread: Reread) -> list[dict[str, Any]]:
    """One result as objects for --json: only what changed, or could not be read."""
    found: list[dict[str, Any]] = [
        {"message_id": each.message, "outcome": each.what, "into": each.into, "changes": _changes(each.changes)}
        for each in reread.renewed
    ]
    if reread.stays:
        why = "gone" if reread.gone else "unread"
        missing = [str(vault_id) for vault_id in (*reread.gone, *reread.unread)]
        found.append({"message_id": reread.message, "outcome": why, "vault_ids": missing, "changes": {}})
    return found


def _changes(changes: Sequence[ChangedField]) -> dict[str, dict[str, Any]]:
    return {
        each.field: {"lines_removed": each.old, "lines_added": each.new}
        if each.field in BODIES
        else {"old": each.old, "new": each.new}
        for each in changes
    }


def page(reread: Reread, display: Screen, *, named: bool) -> list[str]:
    """The lines about one message; none when it is as it was. `named`: a person asked for just this one."""
    lines: list[str] = []
    for each in reread.renewed:
        lines += _renewed(each, display)
    if named and reread.stays:
        missing = ", ".join(map(str, (*reread.gone, *reread.unread)))
        why = "the vault has it no more" if reread.gone else "it could not be read"
        told = f"message {reread.message}: left as it is, {why} ({missing})"
        lines.append(display.paint(told, "yellow"))
    elif named and not lines:
        lines.append(f"message {reread.message}: as it was")
    return lines


def _renewed(each: Renewed, display: Screen) -> list[str]:
    told = {
        "changed": f"message {each.message}",
        "new": f"message {each.message}: new",
        "merged": f"message {each.message}: the same as message {each.into}, merged into it",
        "removed": f"message {each.message}: it can be read now, and never-log says that it is not kept; removed",
    }[each.what]
    lines = [display.paint(told, "bold")]
    room = display.columns - _LABEL - 1
    ellipsis = display.sign("…", "...")
    for change in each.changes:
        label = f"  {change.field}".ljust(_LABEL)
        for text, style in _difference(change, display, room):
            cut = fit(text, room, ellipsis=ellipsis)
            lines.append(f"{label} {display.paint(cut, style) if style else cut}")
            label = " " * _LABEL
    return lines


def _difference(change: ChangedField, display: Screen, room: int) -> list[tuple[str, str]]:
    """(line, colour or '') for what was and what is."""
    if change.field in BODIES:
        counts = [f"+{change.new}"] * bool(change.new) + [f"-{change.old}"] * bool(change.old)
        return [(f"changed ({' '.join(counts)} lines)" if counts else "changed (blanks only)", "")]
    if isinstance(change.old, list):
        gone = [(f"- {neutral(str(one))}", "red") for one in _but(change.old, change.new)]
        come = [(f"+ {neutral(str(one))}", "green") for one in _but(change.new, change.old)]
        return [*gone, *come] or [("in another order", "")]
    old, new = _shown(change.old), _shown(change.new)
    line = f"{old} {display.sign('→', '->')} {new}"
    return [(line, "")] if width(line) <= room else [(f"- {old}", "red"), (f"+ {new}", "green")]


def _but(some: Sequence[object], others: Sequence[object]) -> list[object]:
    """Those of `some` that are not among `others`, each as often as it is one too many."""
    left = list(others)
    return [one for one in some if one not in left or left.remove(one)]  # type: ignore[func-returns-value]


def _shown(value: object) -> str:
    if value is None:
        return "none"
    return f'"{neutral(value)}"' if isinstance(value, str) else str(value)
