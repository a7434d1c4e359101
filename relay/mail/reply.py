"""Replies: every sentence our server says, with its code and enhanced code (RFC 5321 §4.2, RFC 3463).

All texts stand here so that they can be read together: a rep must know from a refusal what to do, a
stranger must learn nothing. None ever repeats what the client sent.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply: `code` (three digits), `enhanced` ('2.0.0', '' where the RFCs have none), `text`."""

    code: int
    enhanced: str
    text: str

    @property
    def positive(self) -> bool:
        return self.code < 400

    def __str__(self) -> str:
        return f"{self.code} {self.enhanced} {self.text}" if self.enhanced else f"{self.code} {self.text}"
