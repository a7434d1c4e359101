"""A meter for how long something takes, cheap enough for the path of every mail."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds. A commit takes 0.5 to 5 ms on a good disk, 10 to 50 on a turning one; from 0.25 on clients notice."""


@dataclass(slots=True)
class Histogram:
    """Durations counted by size. One thread observes, any may look: what it sees may be one behind."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds
