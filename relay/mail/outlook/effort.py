"""Effort: how much work one mail may cost in the forms that can be made expensive.

A few kilobytes of compressed rich text can hold millions of steps. Whoever reads such forms spends from one
account for the whole mail, and what is beyond it is left out, which is told.
"""

from __future__ import annotations

from dataclasses import dataclass

STEPS = 4_000_000
"""Steps of one mail, at most some five seconds. A long mail of Outlook takes 20,000, the thread of a year 200,000,
and people attach thirty mails at once."""


@dataclass(slots=True)
class Effort:
    """`left`: steps that may still be taken; below 0 when something was left out."""

    left: int = STEPS

    def spend(self, steps: int) -> bool:
        """Take steps. False when there are no more."""
        self.left -= steps
        return self.left >= 0

    @property
    def exhausted(self) -> bool:
        return self.left < 0
