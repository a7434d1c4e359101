"""`doctor` as text: a line for each finding, what to do under it, the DNS lines at its end. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from relay.cli.terminal import Screen, neutral
from relay.cli.words import many
from relay.doctor.finding import Finding, Level
from relay.doctor.zone import Line

COLOURS = {Level.OK: "green", Level.HINT: "cyan", Level.UNSEEN: "dim", Level.WARNING: "yellow", Level.ERROR: "red"}
LABEL = 9
"""Columns of the level."""


def finding_lines(finding: Finding, display: Screen) -> list[str]:
    """One line, and what to publish or type on the next; that one is never broken, so that it can be copied."""
    label = display.paint(finding.level.value.ljust(LABEL), COLOURS[finding.level])
    lines = [f"{label}{neutral(finding.check)}: {neutral(finding.said)}"]
    if finding.todo:
        lines.append(" " * LABEL + display.paint("-> ", "dim") + neutral(finding.todo))
    return lines


def last_line(findings: Iterable[Finding]) -> str:
    counted = Counter(finding.level for finding in findings)
    parts = [
        many(counted[Level.ERROR], "error"),
        many(counted[Level.WARNING], "warning"),
        many(counted[Level.HINT], "hint"),
        f"{counted[Level.OK]:,} ok",
    ]
    if counted[Level.UNSEEN]:
        parts.append(f"{counted[Level.UNSEEN]:,} not to be seen from here")
    return ", ".join(parts)


def zone_lines(lines: Sequence[Line]) -> list[str]:
    """The records to publish, those without which no mail comes first."""
    told = ["", "DNS, so that mail for the capture address comes to this machine by itself, and nobody sends as it:"]
    told += [f"  {line}" for line in lines if not line.optional]
    optional = [f"  {line}" for line in lines if line.optional]
    return [*told, "and, if you like:", *optional] if optional else told
