"""Signals: what a person, a terminal or an init system asks of the daemon.

SIGTERM and SIGINT: stop in an orderly way. The same again: stop now. SIGHUP: read the configuration again;
but when the terminal that we were started at has gone, it means what it says, and we stop.
"""

from __future__ import annotations

import asyncio
import os
import signal

AGAIN_AFTER = 1.0
"""Seconds after which a second signal is meant: some supervisors send SIGTERM to us and then to the whole group."""


HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Signals:
    """Listens from construction to `end`."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        self.reload = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._stopped_at = 0.0
        self._terminal = _at_terminal()
        for number in HEARD:
            self._loop.add_signal_handler(number, self._hang_up if number == signal.SIGHUP else self._stop)

    def end(self) -> None:
        """All is done: whoever tells us once more must not turn an orderly end into a death by a signal."""
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)  # for the moment without a handler
        for number in HEARD:
            self._loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)

    def _stop(self) -> None:
        now = self._loop.time()
        if not self.stop.is_set():
            self._stopped_at = now
            self.stop.set()
        elif now - self._stopped_at > AGAIN_AFTER:
            self.hurry.set()

    def _hang_up(self) -> None:
        if self._terminal and not _at_terminal():
            self._stop()
        else:
            self.reload.set()


def _at_terminal() -> bool:
    """Is standard input a terminal that is still there?"""
    try:
        return os.isatty(0)
    except OSError:
        return False
