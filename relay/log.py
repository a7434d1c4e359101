"""Logs: one event name per fact, identifiers beside it, and never a subject, a body or a secret.

A person at a terminal gets short coloured lines in local time. Under systemd the journal gets `key=value`
lines with a priority and without a time, which it has itself; anything else gets them with the time, or JSON
where [log] format asks for it. What the values may do to a line is decided in `relay.logline`.

Identifiers join the facts: `session`, `vault_id`, `message_id`, `client`. What may happen thousands of times
a second is counted and told in sums (`Tally`): a log that floods is not read. docs/logs.md is the catalogue
of all events; a test holds it against the code.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import stat
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Any, Protocol, TextIO, cast

import structlog

from relay import logline

Log = structlog.typing.FilteringBoundLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
FORMATS = ("auto", "logfmt", "json")

INHERITED = "BCC_RELAY_LOG"
"""The variable by which the processes beside the daemon log as it does: form and level."""

READER_PATIENCE = 50
"""Milliseconds that a line waits for a full pipe, terminal or journal to take it. After a line was lost the
next ones do not wait at all, until one goes through: mail must not wait for whoever reads the log."""


_level = logging.INFO


class _Lossy:
    """A stream that may fail (a full disk, a pipe nobody reads): what was said is lost, and work goes on."""

    def __init__(self, stream: TextIO, processors: Sequence[structlog.typing.Processor]) -> None:
        self._stream = stream
        self._processors = processors
        self._lost = 0
        self._ready: select.poll | None = None
        with contextlib.suppress(OSError, ValueError, AttributeError):
            mode = os.fstat(stream.fileno()).st_mode
            if not stat.S_ISREG(mode):  # a file takes what comes, or fails
                self._ready = select.poll()
                self._ready.register(stream.fileno(), select.POLLOUT)

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._ready is not None and not self._ready.poll(0 if self._lost else READER_PATIENCE):
                self._lost += 1
                return
            if self._lost:
                text = f"{self._tell_lost()}\n{text}"
                self._lost = 0
            self._stream.write(text)

    def _tell_lost(self) -> object:
        line: Any = {"event": "log.lost", "count": self._lost, "why": "nobody read the log for a while"}
        for process in self._processors:  # not by a logger: ours is locked while it writes
            line = process(None, "warning", line)
        return line

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self._stream.flush()


def configure(stream: TextIO | None = None, *, level: int | str = "info", form: str = "auto") -> None:
    """Send our events from `level` on to `stream` (standard error) in `form`, one of `FORMATS`.

    May be called again: loggers that exist follow. The processes that are started from here on log in the
    same way when they call `configure_as_parent`.
    """
    stream = sys.stderr if stream is None else stream
    number = LEVELS[level] if isinstance(level, str) else level
    global _level  # noqa: PLW0603  one log for a process, as structlog's own settings are
    _level = number
    os.environ[INHERITED] = f"{form} {number}"
    processors = [structlog.processors.add_log_level, logline.fault, *_renderers(stream, form)]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Lossy(stream, processors))),
        # Not cached, so that a reload changes the level of loggers that exist: 2 us a call.
        cache_logger_on_first_use=False,
    )
    _listen_to_libraries()


def _all_singly() -> bool:
    return _level <= logging.DEBUG


def configure_as_parent() -> None:
    """Log to standard error as the process that started us does."""
    form, _, level = os.environ.get(INHERITED, "").partition(" ")
    known = form in FORMATS and level.isdigit()
    configure(level=int(level) if known else logging.INFO, form=form if known else "auto")


def _renderers(stream: TextIO, form: str) -> list[structlog.typing.Processor]:
    """What makes a line of an event, for this stream."""
    journal = _is_journal(stream)
    now = structlog.processors.TimeStamper(fmt="iso", utc=True)
    found: list[structlog.typing.Processor]
    if form == "json":
        found = [now, logline.bounded, logline.as_json]
    elif form == "auto" and stream.isatty():
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "") in ("", "dumb")
        local = structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
        found = [local, logline.harmless, logline.for_a_person(colours=not plain)]
    else:
        found = [*([] if journal else [now]), logline.harmless, logline.as_logfmt]
    return [*found, logline.with_priority] if journal else found


def _is_journal(stream: TextIO) -> bool:
    """Does the stream go to systemd's journal (systemd.exec(5), $JOURNAL_STREAM)?"""
    told = os.environ.get("JOURNAL_STREAM", "")
    with contextlib.suppress(OSError, ValueError, AttributeError):
        there = os.fstat(stream.fileno())
        return bool(told) and told == f"{there.st_dev}:{there.st_ino}"
    return False


class _Libraries(logging.Handler):
    """What libraries say by Python's own logging, as events of ours: the first line, which is their words."""

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(Exception):
            said = record.getMessage().partition("\n")[0][:200]
            tell = log().error if record.levelno >= logging.ERROR else log().warning
            tell("library.said", library=record.name, why=said, exc_info=record.exc_info)


def _thread_died(died: threading.ExceptHookArgs) -> None:
    name = died.thread.name if died.thread else ""
    log().error("thread.died", name=name, exc_info=died.exc_value)


def _failed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log().error("process.failed", exc_info=error)


def _listen_to_libraries() -> None:
    """Nothing reaches standard error past us: a traceback may hold what a stranger wrote."""
    # aiosmtpd writes addresses at INFO and message octets at DEBUG: neither may reach a log.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    root = logging.getLogger()
    if not any(isinstance(each, _Libraries) for each in root.handlers):
        root.addHandler(_Libraries(logging.WARNING))
    threading.excepthook = _thread_died
    sys.excepthook = _failed


TELLING = 1.0
"""Seconds between two sums of one tally: a person sees a backlog as it shrinks."""

SINGLY = 10
"""Facts of a tally told each by itself in so many seconds (`TELLING`). journald takes 10,000 lines of a service in
30 seconds and throws the rest away, errors among them; so many a second leave it room, and a company's mail is
seldom more."""


class Tells(Protocol):
    """The part of a logger that a tally needs."""

    def info(self, event: str, **facts: Any) -> Any: ...


class Tally:
    """Tells `event` each by itself while there are few, and what is more in sums with `count`, `first` and `last`.

    `by` names the fact whose first and last value a sum tells; `always` is told with each and with the sum.
    Call `tell` when nothing happens, so that the last sum is not kept back. At level debug there are no
    sums. `clock` gives seconds.
    """

    def __init__(
        self,
        event: str,
        by: str = "",
        *,
        singly: int = SINGLY,
        clock: Callable[[], float] = time.monotonic,
        log: Tells | None = None,
        always: Mapping[str, object] = MappingProxyType({}),
    ) -> None:
        self._event = event
        self._by = by
        self._singly = singly
        self._clock = clock
        self._log = log or structlog.get_logger()
        self._always = always
        self._began = float("-inf")
        self._told = 0
        self._count = 0
        self._first: object = None
        self._last: object = None

    @property
    def waiting(self) -> bool:
        """Is there a sum to be told?"""
        return self._count > 0

    def add(self, **facts: object) -> None:
        """It happened once more."""
        self.tell()
        if (self._told < self._singly and not self._count) or _all_singly():
            if not self._told:
                self._began = self._clock()
            self._told += 1
            self._log.info(self._event, **self._always, **facts)
            return
        if not self._count:
            self._first = facts.get(self._by)
        self._count += 1
        self._last = facts.get(self._by)

    def tell(self, *, now: bool = False) -> None:
        """Tell the sum, if there is one and it is time (or `now`, at the end)."""
        if not now and self._clock() - self._began < TELLING:
            return
        self._told = 0
        if self._count:
            span = {"first": self._first, "last": self._last} if self._by else {}
            self._log.info(self._event, count=self._count, **self._always, **span)
            self._began, self._told, self._count = self._clock(), 1, 0


def log(**context: object) -> Log:
    """A logger whose every event carries `context`."""
    logger: Log = structlog.get_logger(**context)
    return logger
