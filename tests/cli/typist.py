"""A person at a terminal: a program on a real pty, keys typed into it, and what stands on the screen."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Self

PATIENCE = 30.0
"""Seconds that any wait may take on a loaded machine."""

OWN_TERMINAL = (
    "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    "signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)
"""The terminal becomes the program's own, so that Ctrl-C becomes a signal, and one that counts: a shell that starts the
tests in the background has them ignore it."""

_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


class Typist:
    """Use it as a context manager: at its end the program is gone."""

    def __init__(self, command: list[str], environment: dict[str, str], *, columns: int = 100, rows: int = 40) -> None:
        self.master, slave = pty.openpty()
        self.resize(columns, rows, tell=False)

        # Where COLUMNS is set, it counts, and not the terminal's own size.
        size_unsaid = {name: value for name, value in environment.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-c", OWN_TERMINAL, *command],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**size_unsaid, "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        os.close(self.master)

    def resize(self, columns: int, rows: int, *, tell: bool = True) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.process.send_signal(signal.SIGWINCH)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def interrupt(self) -> None:
        """Ctrl-C, once the program sleeps: readline does not see a signal that comes before it waits for a key."""
        end = time.monotonic() + PATIENCE
        while Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2][0] != "S":
            assert time.monotonic() < end, self.seen
            self._more(0.01)
        self.type("\x03")

    def until(self, words: str) -> str:
        """Wait for words on the screen. Returns what has come since the last wait, without colours."""
        end = time.monotonic() + PATIENCE
        while True:
            shown = _SEQUENCE.sub("", self.seen)
            at = shown.find(words)
            if at >= 0:
                # All of that page, up to what comes after it, is taken: the next wait sees only what is new.
                self._more(0.05)
                shown, self.seen = _SEQUENCE.sub("", self.seen), ""
                return shown
            assert time.monotonic() < end, f"waited in vain for {words!r}; there is:\n{shown}"
            assert self._more(0.2) or self.process.poll() is None, f"it ended before {words!r}:\n{shown}"

    def ended(self) -> tuple[int, str]:
        """Wait for the program's end. Returns (exit status, what it said at last)."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None or self._more(0.05):
            assert time.monotonic() < end, self.seen
            self._more(0.05)
        return self.process.returncode, _SEQUENCE.sub("", self.seen)

    def _more(self, seconds: float) -> bool:
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            octets = os.read(self.master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # which says that the other end has been closed
                raise
            return False
        self.seen += octets.decode("utf-8", "replace")
        return bool(octets)
