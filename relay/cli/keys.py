"""Single keys and edited lines from a person at a terminal. Knows nothing of mail.

The terminal gives each key at once while a `Keys` is open, and its own modes come back at the end, whatever
happens: also for a line, which is read with the editing that people know from their shell. Ctrl-C stays a signal.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

ESCAPE, RESIZED, END = "escape", "resized", "end"
"""What `key` gives for the Escape key, for a terminal that has another size now, and for one that has gone."""

_ARROWS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}

ALONE = 0.05
"""Seconds after which an ESC is the key itself and not the beginning of an arrow's sequence; ssh sends those whole."""


def is_terminal() -> bool:
    """Is there a person on both ends: keys come from a terminal and what we say goes to one?"""
    return sys.stdin.isatty() and sys.stdout.isatty()


class Keys:
    """The keyboard of the terminal on standard input. Use it as a context manager, in the main thread."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()

    def __enter__(self) -> Self:
        self._found = termios.tcgetattr(self._fd)
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)
        # A handler that does nothing: the number of the signal goes into the pipe, which wakes `key`.
        self._handler: Any = signal.signal(signal.SIGWINCH, lambda _number, _frame: None)
        self._wakeup = signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        tty.setcbreak(self._fd, termios.TCSADRAIN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._found)
        signal.set_wakeup_fd(self._wakeup)
        signal.signal(signal.SIGWINCH, self._handler)
        os.close(self._wake)
        os.close(self._woken)

    def key(self) -> str:
        """The next key: a character, 'escape', 'up', 'down', 'left', 'right', 'resized', or 'end'.

        Raises KeyboardInterrupt for Ctrl-C.
        """
        sys.stdout.flush()
        while True:
            ready, _, _ = select.select([self._fd, self._woken], [], [])
            if self._woken in ready:
                signals = os.read(self._woken, 512)
                if signal.SIGWINCH in signals:
                    return RESIZED
                continue
            return self._character()

    def _character(self) -> str:
        octets = self._octet()
        if octets in (b"", b"\x04"):
            return END
        if octets == b"\x1b":
            return self._escaped()
        lead = octets[0]
        for _ in range((lead >= 0xC0) + (lead >= 0xE0) + (lead >= 0xF0)):  # a character beyond ASCII, in UTF-8
            octets += self._octet()
        return octets.decode("utf-8", "replace")

    def _escaped(self) -> str:
        if not self._waits() or self._octet() not in (b"[", b"O"):
            return ESCAPE
        last = b""
        while self._waits():  # a sequence ends with its first letter or ~
            last = self._octet()
            if not last or last.isalpha() or last == b"~":
                break
        return _ARROWS.get(last, "")

    def _waits(self) -> bool:
        return bool(select.select([self._fd], [], [], ALONE)[0])

    def _octet(self) -> bytes:
        try:
            return os.read(self._fd, 1)
        except OSError:  # EIO: the terminal has gone
            return b""

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """The terminal in its own modes meanwhile, for another program."""
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._found)
        try:
            yield
        finally:
            tty.setcbreak(self._fd, termios.TCSADRAIN)

    def line(self, asked: str, filled: str = "") -> str | None:
        """A line that the person types, with `filled` in it to be edited. None for Ctrl-C or Ctrl-D: never mind."""
        with self.lent():
            try:
                return _edited(asked, filled)
            except (EOFError, KeyboardInterrupt):
                sys.stdout.write("\n")
                return None


def _edited(asked: str, filled: str) -> str:
    try:
        import readline  # not every Python is built with it
    except ImportError:
        return input(f"{asked}[{filled}] " if filled else asked).strip() or filled
    readline.set_auto_history(False)
    readline.set_startup_hook(lambda: readline.insert_text(filled))
    try:
        return input(asked).strip()
    finally:
        readline.set_startup_hook()
