"""Progress of an import: a bar that renews itself on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from relay.words import lasting

SHOWN_EVERY = 0.2
"""Seconds between two pictures: quick enough to live, slow enough not to cost."""

TOLD_EVERY = 30.0
"""Seconds between two lines where there is no terminal: a log of an hour has 120."""

BAR = 24
"""Columns of the bar."""


class ImportProgress:
    """`total`: octets of all files, None where nobody counted them. `count` gives the mails read."""

    def __init__(self, total: int, count: Callable[[], int], clock: Callable[[], float] = time.monotonic) -> None:
        self._total = total
        self._count = count
        self._clock = clock
        self._began = self._shown = self._told = clock()
        self._octets = self._skipped = 0
        self._drawn = False
        self._terminal = sys.stderr.isatty()

    def add(self, octets: int) -> None:
        """So much more was read."""
        self._octets += octets

    def skip(self, octets: int) -> None:
        """So much was read by an earlier run: it is done, and says nothing about how fast we are."""
        self._skipped += octets

    def show(self) -> None:
        """Draw, if it is time to."""
        now = self._clock()
        if self._terminal and now - self._shown >= SHOWN_EVERY:
            self._shown, self._drawn = now, True
            sys.stderr.write(f"\r\x1b[K{self.line()}")
            sys.stderr.flush()
        elif not self._terminal and now - self._told >= TOLD_EVERY:
            self._told = now
            sys.stderr.write(f"bcc-relay: import: {self.line(bar=False)}\n")
            sys.stderr.flush()

    def line(self, *, bar: bool = True) -> str:
        """`[=====>    ]  34 %  34,120 mails  12.3 MB/s  2 min left`."""
        done = min(1.0, (self._octets + self._skipped) / self._total) if self._total else 0.0
        took = max(self._clock() - self._began, 0.001)
        told = [f"{done:4.0%}".replace("%", " %"), f"{self._count():,} mails", f"{self._octets / took / 1e6:.1f} MB/s"]
        rest = max(0, self._total - self._skipped - self._octets)
        if took > 2.0 and self._octets:
            told.append(f"{lasting(rest * took / self._octets)} left")
        full = int(done * BAR)
        picture = f"[{'=' * full}{'>' if full < BAR else ''}{' ' * (BAR - full - 1)}] " if bar else ""
        return picture + "  ".join(told)

    def clear(self) -> None:
        """Take the bar away, so that other lines can be written."""
        if self._drawn:
            self._drawn = False
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
