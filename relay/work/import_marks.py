"""Marks: how far large mailboxes were read, so that an import that was interrupted goes on there.

A mark is of one file as it is now, and of this relay.db and vault: another inode, size or time of change, other
options, a restore, and it is read from its start, where the digests of what is here keep everything from being taken
twice. So a mark may be lost, but never be wrong. It stands in
the vault's folder, without the path: what people call their mailboxes is their own business.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from hashlib import sha256
from pathlib import Path

NAME = "import.marks"

EVERY = 1.0
"""Seconds between two writings: what is read again after a crash at the most."""

KEPT = 100
"""Marks of other mailboxes that are kept: imports that were interrupted and not gone on with."""


class Marks:
    """The marks of one vault. `options`: whatever else decides what is taken and whether it is still here."""

    def __init__(self, folder: Path, options: str) -> None:
        self._path = folder / NAME
        self._options = sha256(options.encode()).hexdigest()[:16]
        self._written = time.monotonic()
        self._marks: dict[str, int] = {}
        self._keys: dict[str, str] = {}
        with contextlib.suppress(OSError, ValueError):
            read = json.loads(self._path.read_text("ascii"))
            if isinstance(read, dict):
                self._marks = {str(key): at for key, at in read.items() if isinstance(at, int) and at > 0}

    def begin(self, file: str) -> int:
        """The octet at which reading of the file begins."""
        try:
            found = os.stat(file)  # noqa: PTH116  a name, as it was given
        except OSError:
            return 0
        key = f"{found.st_dev}-{found.st_ino}-{found.st_size}-{found.st_mtime_ns}-{self._options}"
        self._keys[file] = key
        at = self._marks.get(key, 0)
        return at if at < found.st_size else 0

    def note(self, file: str, end: int) -> None:
        """All of the file before `end` is in the vault, or need not be."""
        if file in self._keys:
            self._marks[self._keys[file]] = end
            if time.monotonic() - self._written > EVERY:
                self.write()

    def done(self, file: str) -> None:
        """The file was read to its end: the next time it is read from its start."""
        self._marks.pop(self._keys.pop(file, ""), None)

    def write(self) -> None:
        """Without fsync: after a power failure an older mark is as good. What takes none is no reason to stop."""
        self._written = time.monotonic()
        newest = dict(list(self._marks.items())[-KEPT:])
        making = self._path.with_suffix(".marks-making")
        with contextlib.suppress(OSError):
            making.write_text(json.dumps(newest), "ascii")
            making.chmod(0o600)
            making.replace(self._path)
