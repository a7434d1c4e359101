"""Logs: one event name per fact, identifiers beside it, and never a subject, a body or a secret.

A person at a terminal gets coloured lines; anything else gets `key=value` lines that `grep` and
`awk` understand. Identifiers join the facts: `vault_id`, `up_to`, `client`. What may happen thousands of
times a second is counted and told in sums (`Tally`): a log that floods is not read.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable
from typing import TextIO, cast

import structlog

Log = structlog.typing.FilteringBoundLogger


class _Lossy:
    """A stream that may fail (a full disk, a pipe nobody reads): what was said is lost, and work goes on."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def configure(stream: TextIO = sys.stderr, *, level: int = logging.INFO) -> None:
    """Send our events from `level` on to `stream`."""
    if stream.isatty():
        renderer: structlog.typing.Processor = structlog.dev.ConsoleRenderer(pad_event_to=24)
        stamp = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
    else:
        renderer = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"], drop_missing=True)
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            stamp,
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Lossy(stream))),
        cache_logger_on_first_use=True,
    )
    # aiosmtpd writes addresses at INFO and message octets at DEBUG: neither may reach a log.
    logging.getLogger("mail.log").setLevel(logging.WARNING)


TELLING = 1.0
"""Seconds between two lines of one tally: a person sees single mails at once, and a backlog as it shrinks."""


class Tally:
    """Tells `event` with `count` at most once in `TELLING` seconds: the first at once, what follows in sums.

    Call `tell` when nothing happens, so that the last sum is not kept back. `clock` gives seconds.
    """

    def __init__(self, event: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._event = event
        self._clock = clock
        self._log = log()
        self._count = 0
        self._facts: dict[str, object] = {}
        self._told = float("-inf")

    def add(self, count: int, **facts: object) -> None:
        """It happened `count` times more; of `facts` the latest are told."""
        self._count += count
        self._facts = facts
        self.tell()

    def tell(self) -> None:
        """Tell what was counted, if there is anything and it is time."""
        now = self._clock()
        if self._count and now - self._told >= TELLING:
            self._log.info(self._event, count=self._count, **self._facts)
            self._told, self._count = now, 0


def log(**context: object) -> Log:
    """A logger whose every event carries `context`."""
    logger: Log = structlog.get_logger(**context)
    return logger
