"""What can go wrong with the vault, each as one line for a person: what, where, what to do."""

from __future__ import annotations

import errno
from pathlib import Path

from relay import sqlite


class VaultError(Exception):
    """The vault cannot be opened, read or written. Its text is one line for a person."""


class VaultRightsError(VaultError):
    """We may not read or write there."""


class VaultFullError(VaultError):
    """No room on the disk."""


class VaultDamagedError(VaultError):
    """A segment is not what we wrote."""


class VaultNewerError(VaultError):
    """A segment was written by a newer version of this program."""


class VaultBusyError(VaultError):
    """Another process is the writer of this vault."""


class VaultClosedError(VaultError):
    """The vault is closed; nothing more is taken."""


def explain(error: Exception, path: Path) -> VaultError:
    """The error of SQLite or of the system that came up at `path`, in our words."""
    if isinstance(error, VaultError):
        return error
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    code = getattr(error, "sqlite_errorname", "")
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EROFS:
        return VaultRightsError(f"vault: the disk of {path} is read-only: mount it for writing")
    if number in (errno.ENOTDIR, errno.EEXIST):
        return VaultError(f"vault: {path} is not a folder: change [vault] path")
    if number in (errno.EACCES, errno.EPERM) or code.startswith(("SQLITE_READONLY", "SQLITE_PERM")):
        return VaultRightsError(
            f"vault: no right to write {path}: {text}; give the folder to the user that runs bcc-relay"
        )
    if number in (errno.ENOSPC, errno.EDQUOT) or code.startswith("SQLITE_FULL") or "disk is full" in text:
        return VaultFullError(f"vault: the disk of {path} is full: make room; mail waits at the senders until then")
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or "malformed" in text or "not a database" in text:
        return VaultDamagedError(
            f"vault: {path} is damaged ({text}); stop, move the file away, restore it from the last backup, start again"
        )
    if isinstance(error, sqlite.Error | OSError | MemoryError):
        return VaultError(f"vault: {path}: {text or type(error).__name__}; see whether the disk is well")
    return VaultError(f"vault: {path}: {type(error).__name__}: {text}")
