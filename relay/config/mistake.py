"""Mistakes in a configuration: one thing to repair each, and all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing to repair. `line` is 0 when there is none (environment, unreadable file)."""

    where: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return ": ".join(
            [f"{self.where}:{self.line}" if self.line else self.where, *filter(None, [self.key]), self.message]
        )


class Mistaken(Exception):  # noqa: N818  it is the configuration that is mistaken
    """The configuration has mistakes; `mistakes` are all of them, by file and in the order of the file."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)
