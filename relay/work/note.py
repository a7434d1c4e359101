"""The note: which mail is being read at this moment.

Hostile octets may kill the process that reads them (a fault in native code, or so slow that it must
be killed). Before each reading the filer writes the vault id here; after its next start it finds the
note of a mail that had killed it. Twice found is enough: such a mail is filed as `unparsed`.

The note must survive the death of the process, not of the machine, so it is written without fsync:
a power failure is no mail's fault.
"""

from __future__ import annotations

import os
from pathlib import Path

from relay.mail.envelope import VaultId

DEATHS_ALLOWED = 1
"""A reader killed once may have been killed by anything; twice at the same mail is that mail."""

_WIDTH = 64
_EMPTY = b" " * _WIDTH


class Note:
    """The file that holds the note. Raises OSError when it cannot be opened or written."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.suspect, self.deaths = self._found()
        self._written = _EMPTY if self.suspect is None else b""

    def _found(self) -> tuple[VaultId | None, int]:
        name, _, deaths = os.pread(self._file, _WIDTH, 0).decode("ascii", "replace").strip().partition(" ")
        vault_id = VaultId.read(name)
        return (
            (None, 0) if vault_id is None else (vault_id, int(deaths) if deaths.isascii() and deaths.isdigit() else 1)
        )

    def killed(self, vault_id: VaultId) -> bool:
        """Has this mail killed its reader more often than chance allows?"""
        return vault_id == self.suspect and self.deaths > DEATHS_ALLOWED

    def reading(self, vault_id: VaultId) -> None:
        """Note that this mail is being read. Found again, the note counts one death more."""
        deaths = self.deaths + 1 if vault_id == self.suspect else 1
        self._write(f"{vault_id} {deaths}".encode().ljust(_WIDTH))

    def clear(self) -> None:
        """Nothing is being read."""
        if self._written != _EMPTY:
            self._write(_EMPTY)

    def _write(self, line: bytes) -> None:
        os.pwrite(self._file, line, 0)
        self._written = line

    def close(self) -> None:
        os.close(self._file)
