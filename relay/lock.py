"""One at a time: an advisory lock on a file, freed by the system however its holder ends.

The vault has one writer and one filer, whatever is started twice. The file stays; the number in it is the
holder's process id, for people.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

GLANCE = 0.3
"""Seconds for which taking is tried: `status` looks whether a lock is held by sharing it for a moment."""


class Taken(Exception):  # noqa: N818  an answer, not a fault
    """Somebody else holds the lock: `holder` is the process id, '' when it cannot be told."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"held by process {holder}" if holder else "held by another process")
        self.holder = holder


class Lock:
    """Holds `path` until released. Raises Taken when another process has it, OSError without rights."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _take(descriptor)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise Taken(holder if holder.isdigit() else "") from None
        except OSError:
            os.close(descriptor)
            raise
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor: int | None = descriptor

    def touch(self) -> None:
        """Write the number again, through to the disk: returns when the disk has answered, whatever it said."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
                os.fdatasync(self._descriptor)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def held(path: Path) -> bool:
    """Does a process hold this lock? Never waits and never makes the file. Raises OSError without rights."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _take(descriptor: int) -> None:
    deadline = time.monotonic() + GLANCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
