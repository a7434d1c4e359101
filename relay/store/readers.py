"""Who holds a snapshot of relay.db, so that its write-ahead log cannot begin anew, and who the write lock.

A program that forgets an open transaction, or the cursor of a query half read, keeps its snapshot: as long
as it lives the log only grows, and reading through a long log is slow for everybody. Nobody but that
program can end it, so a person must be told which one it is. SQLite marks every snapshot by a POSIX lock
on an octet of relay.db-shm, and /proc/locks tells whose it is, also of other users' processes; what the
mark stands for is in the index itself (https://sqlite.org/walformat.html §2). Reads only, opens no
database, and finds nothing where there is no /proc.
"""

from __future__ import annotations

import contextlib
import os
import struct
from dataclasses import dataclass
from pathlib import Path

FRAME = 4096 + 24
"""Octets of one page in the log with its header."""

_WRITE, _READ = 120, 123
"""Octets of the index that stand for the write lock and for the first of the read marks."""

_MARKS = 5
_AFTER = struct.Struct("=16xI")  # mxFrame in the header: frames in the log
_MARKED = struct.Struct("=100x5I")  # nBackfill and the frames that the marks stand for; the header stands twice before


_kept_open: dict[tuple[int, int], int] = {}
"""(device, inode) -> descriptor of an index. Never closed: closing any descriptor of a file cancels all POSIX
locks that this process has on it, those of SQLite's connections among them."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A process with a snapshot (or the write lock) at this moment.

    `pid` None: it runs where we cannot see it (another container). `program`: the first two words of its
    command line (the others may be secrets). `behind`: octets written to the log since its snapshot; 0: it
    reads what is newest, as anybody does for a moment. `ours`: the relay's filer, which holds one on
    purpose, or another process of bcc-relay.
    """

    pid: int | None
    program: str
    behind: int
    ours: bool


@dataclass(frozen=True, slots=True)
class Held:
    """Everything that is held on one database: `log` octets of its -wal file, snapshots the oldest first, writers."""

    log: int
    snapshots: tuple[Holder, ...]
    writers: tuple[Holder, ...]

    @property
    def in_the_way(self) -> tuple[Holder, ...]:
        """Snapshots of others that are older than what is newest: they keep the log from beginning anew."""
        return tuple(holder for holder in self.snapshots if holder.behind and not holder.ours)


def held(path: Path) -> Held:
    """Who holds what on the database at `path`, at this moment. Never raises; a fraction of a millisecond."""
    log = Path(f"{path}-wal")
    index = Path(f"{path}-shm")
    try:
        octets = log.stat().st_size
    except OSError:
        octets = 0
    try:
        inode = index.stat().st_ino
        locks = Path("/proc/locks").read_text("ascii", "replace")
    except OSError:
        return Held(octets, (), ())
    written, marks = _marks(index)
    snapshots: dict[int | None, int] = {}
    writers: list[int | None] = []
    for pid, first, last in _locks(locks, inode):
        if first <= _WRITE <= last:
            writers.append(pid)
        for slot in range(max(first, _READ) - _READ, min(last, _READ + _MARKS - 1) - _READ + 1):
            # The first mark stands for the database without the log.
            behind = max(0, written - marks[slot]) * FRAME
            snapshots[pid] = max(behind, snapshots.get(pid, 0))
    oldest_first = sorted(snapshots.items(), key=lambda each: -each[1])
    return Held(octets, tuple(_holder(*each) for each in oldest_first), tuple(_holder(pid, 0) for pid in writers))


def _marks(index: Path) -> tuple[int, tuple[int, ...]]:
    """(frames in the log, the frame that each mark stands for). Without rights to read: as if all were newest."""
    try:
        head = os.pread(_descriptor(index), 136, 0)
        (written,) = _AFTER.unpack_from(head)
        return written, _MARKED.unpack_from(head)
    except (OSError, struct.error):
        return 0, (0,) * _MARKS


def _descriptor(index: Path) -> int:
    status = index.stat()
    key = status.st_dev, status.st_ino
    if key not in _kept_open:
        _kept_open[key] = os.open(index, os.O_RDONLY | os.O_CLOEXEC)
    return _kept_open[key]


def _locks(text: str, inode: int) -> list[tuple[int | None, int, int]]:
    """(process, first octet, last octet) of the POSIX locks on one file, as /proc/locks tells them."""
    found: list[tuple[int | None, int, int]] = []
    for line in text.splitlines():
        words = line.split()
        # 12: POSIX  ADVISORY  READ 1234 fe:01:5678 124 124; '12: -> ...' is one that waits. The device is not
        # compared: overlay file systems tell another one there than stat does.
        if len(words) != 8 or words[1] != "POSIX" or words[5].rpartition(":")[2] != str(inode):
            continue
        with contextlib.suppress(ValueError):
            pid = int(words[4])
            found.append((pid if pid > 0 else None, int(words[6]), 1 << 62 if words[7] == "EOF" else int(words[7])))
    return found


def _holder(pid: int | None, behind: int) -> Holder:
    words: list[str] = []
    if pid is not None:
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
    told = "".join(c if c.isprintable() else "?" for c in " ".join(words[:2]))[:120]
    ours = "relay.work" in words or any(word.rpartition("/")[2] == "bcc-relay" for word in words[:2])
    return Holder(pid, told or "?", behind, ours)


class Watch:
    """Looks again and again, and so knows for how long a snapshot has been held."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._since: dict[tuple[int | None, int], float] = {}
        self.now = Held(0, (), ())
        """What the last look saw."""

    def look(self, at: float) -> list[tuple[Holder, float]]:
        """(holder, seconds since it was first seen with this snapshot), the oldest first. `at`: a monotonic time."""
        self.now = held(self._path)
        written, _ = _marks(Path(f"{self._path}-shm"))
        # Behind grows while others write; what stays is the place in the log where it stands.
        seen = {(h.pid, written - h.behind // FRAME): h for h in self.now.snapshots}
        self._since = {key: self._since.get(key, at) for key in seen}
        return sorted(((h, at - self._since[key]) for key, h in seen.items()), key=lambda each: -each[1])
