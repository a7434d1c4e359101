"""Logs: one event name per fact, identifiers beside it, and never a subject, a body or a secret.

A person at a terminal gets coloured lines; anything else gets `key=value` lines that `grep` and
`awk` understand. Identifiers join the facts: `session`, `vault_id`, `message_id`.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog

Log = structlog.typing.FilteringBoundLogger


def configure(stream: TextIO = sys.stderr, *, verbose: bool = False) -> None:
    """Send our events to `stream`, from INFO on (DEBUG if `verbose`)."""
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
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    # aiosmtpd writes addresses at INFO and message octets at DEBUG: neither may reach a log.
    logging.getLogger("mail.log").setLevel(logging.WARNING)


def log(**context: object) -> Log:
    """A logger whose every event carries `context`."""
    logger: Log = structlog.get_logger(**context)
    return logger
