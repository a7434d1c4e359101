"""Deals: to which deal of a lead a message belongs.

Decides it for the messages that one lead has in one thread. What a person or a tag said comes first; then the deal
that the thread has had so far; then the one that somebody names later in the thread; then the lead's only deal that was
open when the message was written. Several open ones are no reason to guess: there is none then (`ambiguous_deal`).
A rule never chooses a deal that was closed at that time, or one of another lead; a person may.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when a deal is open: times of the contract as text ('' before, '~' after all of them)."""

    opens: str
    ends: str

    def holds(self, at: str) -> bool:
        return self.opens <= at <= self.ends


@dataclass(frozen=True, slots=True)
class Placed:
    """A message on a lead: when it was written, and the deal that a decision names (None: none that is there)."""

    at: str
    explicit: int | None = None


def deals(messages: Sequence[Placed], spans: Mapping[int, Span]) -> list[int | None]:
    """The deal of each message. `messages`: in order of (date, id); `spans`: all deals of the lead."""
    later: list[int | None] = [None] * len(messages)
    named: int | None = None
    for place in range(len(messages) - 1, -1, -1):
        later[place] = named
        named = messages[place].explicit or named
    found: list[int | None] = []
    so_far: int | None = None
    for message, coming in zip(messages, later, strict=True):
        deal = message.explicit or _by_rule(message.at, (so_far, coming), spans)
        found.append(deal)
        so_far = deal or so_far
    return found


def _by_rule(at: str, of_thread: Sequence[int | None], spans: Mapping[int, Span]) -> int | None:
    for deal in of_thread:
        if deal is not None and deal in spans and spans[deal].holds(at):
            return deal
    open_then = [deal for deal, span in spans.items() if span.holds(at)]
    return open_then[0] if len(open_then) == 1 else None
