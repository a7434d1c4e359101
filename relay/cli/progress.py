"""Progress of long work: one line that renews itself on a terminal, nothing anywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

SHOWN_EVERY = 0.2
"""Seconds between two looks: quick enough to live, slow enough not to cost."""


class Progress:
    """Counts things done. `what` is their plural: "messages filed"."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._shown_at = time.monotonic()
        self._shown = False
        self.count = 0

    def add(self, number: int) -> None:
        self.count += number
        now = time.monotonic()
        if now - self._shown_at > SHOWN_EVERY and sys.stderr.isatty():
            self._shown_at, self._shown = now, True
            sys.stderr.write(f"\r{self.count:,} {self._what} ")
            sys.stderr.flush()

    def clear(self) -> None:
        """Take the line away, so that other lines can be written; the next `add` shows it again."""
        if self._shown:
            self._shown = False
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()


class Octets(Progress):
    """Progress in octets, shown in MiB."""

    def __init__(self, done: str) -> None:
        super().__init__(f"MiB {done}")
        self._octets = 0

    def add(self, number: int) -> None:
        self._octets += number
        super().add((self._octets >> 20) - self.count)
