"""From an event to one line: what may stand in it, and in which form.

Names and addresses come from strangers, so no value may end a line, begin another, pass for a key, move the
cursor or colour of a terminal, or be without end. Faults are told by their kind and place only: the text of
an exception may quote the mail that it is about.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import PurePath
from typing import Any

import structlog
from structlog.dev import Column, ConsoleRenderer, KeyValueColumnFormatter
from structlog.typing import EventDict, WrappedLogger

LONGEST = 1000
"""Characters of one value. The longest honest ones are the sentences of our own errors, with a path in them."""

FRAMES = 6
"""Calls told of a fault, the innermost first."""

PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}
"""Levels as syslog numbers them (sd-daemon(3)): error is "err", an operator must act; warning: have a look."""


def fault(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An exception as `error` (its kind) and `where` (the calls that led to it), without its text."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event.setdefault("error", type(error).__name__)
        event.setdefault("where", place(error))
    return event


def place(error: BaseException) -> str:
    """Where it happened: "mail/date.py:120 month < attribution/compose.py:88 compose"."""
    calls = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return " < ".join(f"{'/'.join(PurePath(c.filename).parts[-2:])}:{c.lineno} {c.name}" for c in reversed(calls))


def _visible(text: str) -> str:
    """`text` with everything that is not seen escaped: controls, line ends, marks that turn or hide others."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text)} characters)"


def bounded(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Every text cut to `LONGEST`."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > LONGEST:
            event[key] = _short(value)
    return event


def harmless(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Every value as a number, or as text on one line that does nothing to whoever looks at it."""
    for key, value in event.items():
        if not isinstance(value, (int, float)):
            event[key] = "" if value is None else _visible(_short(str(value)))
    return event


as_logfmt = structlog.processors.LogfmtRenderer(
    key_order=["timestamp", "level", "event"], drop_missing=True, bool_as_flag=False
)


def as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    """One JSON object. Whatever is not ASCII is escaped, so the line is one line for every reader."""
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return json.dumps({**first, **event}, default=str)


def with_priority(_: WrappedLogger, method: str, line: Any) -> str:
    """The line with its priority before it, which the journal takes off (sd-daemon(3))."""
    return f"<{PRIORITIES.get('error' if method == 'exception' else method, 6)}>{line}"


def _quoted(value: object) -> str:
    """A value as a person reads it, in quotes where it could be taken for more than one."""
    text = str(value)
    return f'"{text.replace(chr(34), chr(92) + chr(34))}"' if any(c in text for c in ' ="') or not text else text


def for_a_person(*, colours: bool) -> ConsoleRenderer:
    """Short lines for a terminal: time, level, event, facts."""

    def style(code: str) -> str:
        return f"\x1b[{code}m" if colours else ""

    def plain(colour: str, width: int = 0) -> KeyValueColumnFormatter:
        return KeyValueColumnFormatter(
            key_style=None, value_style=style(colour), reset_style=style("0"), value_repr=str, width=width
        )

    levels = {"debug": style("2"), "info": style("32"), "warning": style("33;1"), "error": style("31;1")}

    def level(key: str, value: object) -> str:  # noqa: ARG001  as structlog calls it
        return f"{levels.get(str(value), '')}{value!s:<7}{style('0')}"

    facts: Any = KeyValueColumnFormatter(
        key_style=style("36"), value_style="", reset_style=style("0"), value_repr=_quoted
    )
    return ConsoleRenderer(
        sort_keys=False,
        columns=[
            Column("timestamp", plain("2")),
            Column("level", level),
            Column("event", plain("1", width=18)),
            Column("", facts),
        ],
    )
