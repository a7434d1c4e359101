"""Foreseeable faults as one line for a person: what, where, what to do.

The parts of the program raise their own errors with such a line; this knows which those are, and says the
rest (the system's and SQLite's) in the same form. What it does not know is a fault of ours.
"""

from __future__ import annotations

import errno
import sys

_ADVICE = {
    errno.EACCES: "permission denied; run as the user that runs the relay, or give this user rights on the folder",
    errno.EPERM: "permission denied; run as the user that runs the relay, or give this user rights on the folder",
    errno.EROFS: "the disk is read-only",
    errno.ENOSPC: "the disk is full; make room and try again",
    errno.EDQUOT: "the disk quota is used up; make room and try again",
    errno.ENOENT: "there is no such file or folder; see the paths in the configuration",
    errno.EADDRINUSE: "another program listens there; stop it, or change [capture] listen",
    errno.EADDRNOTAVAIL: "this machine has no such address; change [capture] listen",
    errno.EMFILE: "too many open files; raise LimitNOFILE",
}

_OURS = (
    ("relay.config.loading", "Mistaken"),
    ("relay.store.opening", "StoreError"),
    ("relay.store.finding", "NotFoundError"),
    ("relay.store.people", "RefusedError"),
    ("relay.store.question", "QuestionError"),
    ("relay.store.feed", "CursorError"),
    ("relay.vault.failure", "VaultError"),
    ("relay.capture.listener", "ListenError"),
    ("relay.work.manifest", "BackupError"),
    ("relay.health.listener", "ListenerError"),
)


def sentence(error: BaseException) -> str | None:
    """The line (or lines, for a configuration) that tells `error`, or None for a fault of our own."""
    for module, name in _OURS:
        # Looked up only where it was imported: what never ran raised nothing.
        kind = getattr(sys.modules.get(module), name, None)
        if kind is not None and isinstance(error, kind):
            return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename else ""
        said = (error.strerror or str(error)).lower()
        return f"{where}{_ADVICE.get(error.errno, said)}"
    return _sqlite(error)


def _sqlite(error: BaseException) -> str | None:
    module = sys.modules.get("relay.sqlite")
    if module is None or not isinstance(error, module.Error):
        return None
    said = str(error)
    if "locked" in said or "busy" in said:
        return "another program holds the write lock of the database; nothing was written, try again"
    if "readonly" in said or "unable to open" in said:
        return f"the database cannot be written ({said}); run as the user that runs the relay"
    if "full" in said:
        return "the disk of the database is full; nothing was written, make room and try again"
    if "malformed" in said or "not a database" in said or "disk I/O" in said:
        return f"the database is damaged ({said}); stop the relay and restore the last backup"
    return None
