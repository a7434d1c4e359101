"""What in the setting of a CRM will hurt: its SQLite library, its rights, the disk, and what it holds open.

Runs as the CRM's own user, beside whatever else runs. It opens the database only to read, takes no lock,
and sees others' locks where the system tells them (`readers`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from relay.store import readers
from relay.store.crm_content import Finding

OLDEST = (3, 31, 0)
"""The first library that has generated columns and so can open relay.db."""

CURED = (3, 51, 3)
"""The first without the WAL-reset bug, which came with WAL in 3.7.0."""

LARGE_LOG = 256 << 20
"""Octets of the log from which every reader becomes slow."""

LONG_SNAPSHOT = 5.0
"""Seconds that a person's request may read; longer is forgotten."""

LONG_LOCK = 0.25
"""Seconds of the write lock that others begin to notice."""

_LOOK = 0.02
"""Seconds between two looks at who holds what."""

_ASK = {
    "python3": ["-c", "import sqlite3; print(sqlite3.sqlite_version)"],
    "sqlite3": ["--version"],
    "php": ["-r", 'echo class_exists("SQLite3") ? SQLite3::version()["versionString"] : "";'],
    "ruby": ["-e", "require 'sqlite3'; puts SQLite3::SQLITE_VERSION"],
    "node": ["--no-warnings", "-p", "require('node:sqlite') && process.versions.sqlite"],
}
"""How programs on the PATH tell the version of the library that they use."""

REMOTE = ("nfs", "cifs", "smb", "9p", "afs", "ceph", "glusterfs", "lustre", "vboxsf", "vmhgfs", "drvfs", "virtiofs",
           "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.glusterfs")  # fmt: skip
"""Beginnings of the names of file systems that several machines write, or that have no shared memory."""


def version(text: str) -> tuple[int, ...] | None:
    """'3.40.1 2022-12-28 ...' as (3, 40, 1), None when it is no version."""
    words = text.split()
    numbers = words[0].split(".") if words else []
    return tuple(map(int, numbers)) if len(numbers) >= 2 and all(n.isdigit() for n in numbers) else None


def libraries() -> dict[str, tuple[int, ...]]:
    """Program -> version of the SQLite that it uses, for the usual programs on the PATH."""
    found: dict[str, tuple[int, ...]] = {}
    for program, arguments in _ASK.items():
        path = shutil.which(program)
        if path is None:
            continue
        try:
            done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        told = version(done.stdout)
        if told:
            found[program] = told
    return found


def library_findings(found: dict[str, tuple[int, ...]], *, guarded: bool) -> Iterator[Finding]:
    """`guarded`: the relay runs and holds its read mark, which keeps old libraries from resetting the log."""
    programs: dict[tuple[int, ...], list[str]] = {}
    for program, number in found.items():
        programs.setdefault(number, []).append(program)
    for number, names in programs.items():
        library = f"SQLite {'.'.join(map(str, number))} ({', '.join(names)})"
        if number < OLDEST:
            why = "it cannot open relay.db (generated columns)"
            yield Finding("library", True, library, why, "use SQLite 3.31 or later")
        elif number < CURED:
            now = "the relay runs and prevents it" if guarded else "the relay prevents it, but does not run now"
            yield Finding(
                "wal-reset", not guarded, f"{library} has the WAL-reset bug (3.7.0 to 3.51.2)",
                f"two programs that checkpoint at the same time can corrupt the database; {now}",
                "PRAGMA wal_autocheckpoint = 0 on your connections, or SQLite 3.51.3",
            )  # fmt: skip


def right_findings(path: Path) -> Iterator[Finding]:
    """What this user may do there."""
    folder = path.parent
    may_write = os.access(path, os.W_OK)
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            "folder", True, f"this user may not write in {folder}",
            "SQLite needs relay.db-wal and relay.db-shm there: reading works only while the relay runs",
            "put the user into the folder's group; never open with immutable=1, which gives wrong answers",
        )  # fmt: skip
    elif not may_write:
        yield Finding(
            "file", True, f"this user may not write {path}", "every write fails",
            "put the user into the file's group (mode 0660)",
        )  # fmt: skip
    for beside in (Path(f"{path}-wal"), Path(f"{path}-shm")):
        if beside.exists() and may_write and not os.access(beside, os.R_OK | os.W_OK):
            yield Finding(
                "file", True, f"this user may not write {beside}", "every access fails with 'readonly database'",
                f"chmod 0660 {beside}, and the folder's group (setgid folder, mode 2770)",
            )  # fmt: skip
    kind = file_system(path)
    if kind.startswith(REMOTE):
        yield Finding(
            "file-system", True, f"{folder} is on a {kind} file system",
            "WAL needs memory shared by all programs: on a network disk they corrupt the database",
            "keep relay.db on a local disk",
        )  # fmt: skip


def file_system(path: Path) -> str:
    """Type of the file system that holds `path`, '' when the system does not tell."""
    try:
        device = path.stat().st_dev
        wanted = f"{os.major(device)}:{os.minor(device)}"
        for line in Path("/proc/self/mountinfo").read_text("utf-8", "replace").splitlines():
            fields, _, rest = line.partition(" - ")
            if fields.split()[2] == wanted:
                return rest.split()[0]
    except (OSError, IndexError):
        pass
    return ""


def held_findings(path: Path) -> Iterator[Finding]:
    """What is held at this moment, and the size of the log."""
    now = readers.held(path)
    if now.log > LARGE_LOG:
        yield Finding(
            "log", True, f"{path.name}-wal has {now.log >> 20} MiB", "every reader has to look through it",
            "end the snapshots that keep it (see snapshot), or start the relay, which folds it in",
        )  # fmt: skip
    for holder in now.in_the_way:
        yield _snapshot(holder, None)


def watch_findings(
    path: Path,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Finding]:
    """What is held too long within the next `seconds`: snapshots, and the write lock."""
    watch = readers.Watch(path)
    snapshots: dict[int | None, tuple[float, readers.Holder]] = {}
    locks: dict[int | None, tuple[float, readers.Holder]] = {}
    since: dict[int | None, float] = {}
    end = clock() + seconds
    while (now := clock()) < end:
        for holder, age in watch.look(now):
            if holder.behind and not holder.ours:
                snapshots[holder.pid] = max(snapshots.get(holder.pid, (0.0, holder)), (age, holder), key=_first)
        writers = {holder.pid: holder for holder in watch.now.writers}
        since = {pid: since.get(pid, now) for pid in writers}
        for pid, holder in writers.items():
            if not holder.ours:
                locks[pid] = max(locks.get(pid, (0.0, holder)), (now - since[pid], holder), key=_first)
        sleep(_LOOK)
    for age, holder in snapshots.values():
        if age >= min(LONG_SNAPSHOT, seconds / 2):
            yield _snapshot(holder, age)
    for age, holder in locks.values():
        if age >= LONG_LOCK:
            yield Finding(
                "write-lock", True, f"{_named(holder)} held the write lock for {age:.1f} s",
                "meanwhile no mail is filed, and programs without a timeout are told 'database is locked'",
                "collect what is to be written first, then BEGIN IMMEDIATE, write, COMMIT",
            )  # fmt: skip


def _first(each: tuple[float, readers.Holder]) -> float:
    return each[0]


def _snapshot(holder: readers.Holder, age: float | None) -> Finding:
    told = f" for {age:.0f} s or more" if age is not None else ""
    return Finding(
        "snapshot", True, f"{_named(holder)} holds a snapshot{told} ({holder.behind >> 10} KiB behind)",
        "the write-ahead log grows until it is let go",
        "end transactions, and read queries to their end or close their cursors",
    )  # fmt: skip


def _named(holder: readers.Holder) -> str:
    return f"{holder.program} (process {holder.pid})" if holder.pid else "a program elsewhere"
