"""One writer: the lock that the process writing a vault holds on it.

An flock, so it goes when the process goes, however it dies. The file stays; its text is for people.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from relay.vault.failure import VaultBusyError, explain

NAME = "writer.lock"


class WriterLock:
    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, folder: Path) -> WriterLock:
        """Take the lock of the vault in `folder`, without waiting. Raises VaultBusyError, VaultError."""
        path = folder / NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise explain(error, path) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            who = f" (process {holder})" if holder.isdigit() else ""
            raise VaultBusyError(f"vault: {folder} is in use by another bcc-relay{who}; stop that one first") from None
        except OSError as error:
            os.close(descriptor)
            raise explain(error, path) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(descriptor)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
