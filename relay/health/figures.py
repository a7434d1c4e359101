"""Figures that only the running daemon knows, and the file by which others hear of them.

`health.json` lies beside relay.db, so that the CRM's users, who may not look into the vault, can tell whether
mail is accepted and filed. It is written every few seconds and removed at an orderly end; a daemon that was
killed is known by its age. Programs that share the folder could write it too, so what is read is checked and
bounded, and whoever may look at the vault's own locks believes those.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

EVERY = 5.0
"""Seconds between two writings."""

STALE = 30.0
"""Seconds after which a daemon that says nothing is taken for dead: six writings missed."""

LARGEST = 64 * 1024
"""Octets read of the file; an honest one has two thousand."""

NAMES = {(True, True): "health.json", (True, False): "health-accept.json", (False, True): "health-file.json"}
"""By what the daemon does: accepting and filing may be two services."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One daemon, now. Times are seconds since 1970, counts are since its start."""

    version: str
    pid: int
    started_at: float
    at: float
    accepts: bool
    files: bool
    sessions_open: int = 0
    sessions: int = 0
    accepted: int = 0
    octets: int = 0
    replies: Mapping[str, int] = field(default_factory=dict)
    """By the class of their code: "2xx", "3xx", "4xx", "5xx"."""
    refusals: Mapping[str, int] = field(default_factory=dict)
    """Mail and recipients that were refused or put off, by reason."""
    refusals_recent: Mapping[str, int] = field(default_factory=dict)
    """Of those, in the last hour."""
    dns_faults: Mapping[str, int] = field(default_factory=dict)
    """Mail of which DNS did not answer everything: "put-off" where that decided, "no-matter" where it did not."""
    dns_faults_recent: Mapping[str, int] = field(default_factory=dict)
    """Of those, in the last hour."""
    commits: list[int] = field(default_factory=list)
    """Commits of the vault by how long they took (`relay.meter.BOUNDS`), the slowest last."""
    commit_seconds: float = 0.0
    commit_failures: int = 0
    commit_trouble: str = ""
    """Why the last commit failed, '' when it did not."""
    commit_waits: float = 0.0
    """Seconds that the commit under way has taken until now."""
    memory: int = 0
    """Octets of mail in memory, reserved for mail to come included."""
    places: Mapping[str, int] = field(default_factory=dict)
    """Where it listens, as the log says it ('192.0.2.1:25', 'tls:...', 'lmtp:...'), each with a 1."""
    certificate_from: float = 0.0
    certificate_until: float = 0.0
    """When the certificate of TLS begins and expires, 0.0 without one."""
    certificate_trouble: str = ""
    """Why the certificate that is there cannot be used, '' when it can."""
    restarts: Mapping[str, int] = field(default_factory=dict)
    """Of the processes beside the daemon, by name."""
    restarts_recent: Mapping[str, int] = field(default_factory=dict)
    """Of those, in the last hour."""


def write(figures: Figures, folder: Path) -> None:
    """Put the figures into their file, whole or not at all. Raises OSError."""
    path = folder / NAMES[figures.accepts, figures.files]
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        new.unlink()
    # EXCL and NOFOLLOW: others may write in this folder, and must not make us write elsewhere.
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o640)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(figures), file)
    new.replace(path)


def remove(figures: Figures, folder: Path) -> None:
    """The daemon ends in an orderly way: nobody shall take it for one that was killed."""
    with contextlib.suppress(OSError):
        (folder / NAMES[figures.accepts, figures.files]).unlink()


def read(folder: Path, now: float, own: Figures | None = None) -> list[Figures]:
    """What the daemons beside us say of themselves: those that still say it. `own`: who asks, as it is now."""
    found = [] if own is None else [own]
    for does, name in NAMES.items():
        if own is not None and does == (own.accepts, own.files):
            continue
        with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
            figures = _read(folder / name)
            if -STALE < now - figures.at < STALE:
                found.append(figures)
    return found


def _read(path: Path) -> Figures:
    """Raises OSError, ValueError or TypeError where the file is not one of ours."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        written: Any = json.loads(file.read(LARGEST))
    figures = Figures(**written)
    pattern = Figures(version="", pid=0, started_at=0.0, at=0.0, accepts=False, files=False)
    for key, example in asdict(pattern).items():
        value = getattr(figures, key)
        if isinstance(example, float) and type(value) is int:
            continue
        if type(value) is not type(example) or (isinstance(value, float) and not abs(value) < 1e15):
            raise ValueError(key)
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if any(type(each) is not int for each in inner) or len(list(inner)) > 100:
            raise ValueError(key)
    return figures
