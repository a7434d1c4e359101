"""The line between the daemon and a process that it keeps (see `supervisor` for the daemon's end).

Standard input tells what the daemon knows: a line end means "something new", `LEAVE` means "go, another
will take your place", end of file means "finish and go". Standard output carries our heartbeat. Nothing
else is said: SIGTERM, SIGINT and SIGHUP may reach the whole group when a person, a terminal or systemd
means the daemon, and it is the daemon that tells us.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

LEAVE = b"!"
"""Said to a process that must not finish: it ends at the next step, since what it was told at its start has changed."""

BEAT = 1.0
"""Seconds between two heartbeats at the most; the supervisor waits for one much longer."""


class Gone(Exception):  # noqa: N818  not an error: the daemon has gone and so do we
    """The daemon has gone or sends us away, and the time that was left is over."""


class Lifeline:
    """Made once, at the start of the process. `last_words`: seconds we may go on after the daemon has gone."""

    def __init__(self, last_words: float) -> None:
        for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(ignored, signal.SIG_IGN)
        os.set_blocking(1, False)
        self._last_words = last_words
        self._beaten = 0.0
        self._leave_by: float | None = None

    @property
    def gone(self) -> bool:
        """Has the daemon gone?"""
        return self._leave_by is not None

    def beat(self) -> None:
        """Tell that we live (not oftener than needed). Raises Gone when it is time to stop at once."""
        now = time.monotonic()
        if now - self._beaten > BEAT:
            self._beaten = now
            with contextlib.suppress(OSError):  # a full pipe has beats enough; a closed one has no reader
                os.write(1, b".")
            self.listen(0.0)
        if self._leave_by is not None and now > self._leave_by:
            raise Gone

    def listen(self, seconds: float) -> None:
        """Wait for news, at most so long. When the daemon has gone there is none: then only wait."""
        if self._leave_by is not None:
            time.sleep(max(0.0, min(seconds, self._leave_by - time.monotonic())))
            return
        ready, _, _ = select.select([0], [], [], seconds)
        if ready:
            said = os.read(0, 65536)
            if LEAVE in said:
                self._leave_by = time.monotonic()
            elif not said:
                self._leave_by = time.monotonic() + self._last_words
