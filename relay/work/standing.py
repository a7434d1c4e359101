"""How relay.db and the vault stand to each other, and a vault to a backup: what one has and the other lacks."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from relay import sqlite
from relay.mail.envelope import VaultId
from relay.store import filed
from relay.store.connection import open_store
from relay.vault.reader import Reader
from relay.work.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Standing:
    """`to_file`: mails in the vault that relay.db does not know, filed at the next start. `not_in_vault`: mails
    that relay.db knows and that came after the vault's end: the facts are there, the octets received are not.
    """

    to_file: int
    not_in_vault: int
    vault_last: VaultId | None


def standing(store: Path, vault: Path) -> Standing:
    """How the two stand. Raises StoreError, a VaultError."""
    marks = filed.highest(store)
    with Reader(vault) as reader, contextlib.closing(open_store(store, read_only=True)) as db:
        ends = reader.ends()
        to_file = sum(1 for vault_id in reader.ids() if not _known(db, vault_id)) if _behind(marks, ends) else 0
        beyond = 0
        for epoch in marks:
            query = "SELECT count(*) FROM _vault_outcome WHERE epoch = ? AND number > ?"
            if epoch in ends:
                beyond += db.execute(query, (epoch, ends[epoch][1])).fetchone()[0]
        return Standing(to_file, beyond, reader.last())


def _behind(marks: dict[str, int], ends: dict[str, tuple[int, int]]) -> bool:
    return any(last > marks.get(epoch, 0) for epoch, (_, last) in ends.items())


def _known(db: sqlite.Connection, vault_id: VaultId) -> bool:
    query = "SELECT 1 FROM _vault_outcome WHERE epoch = ? AND number = ?"
    return db.execute(query, (vault_id.epoch, vault_id.number)).fetchone() is not None


def newer_than(vault: Path, manifest: Manifest) -> int:
    """How many mail objects the vault has that are beyond the end of the backup's."""
    copied: dict[str, int] = {}
    for each in manifest.vault:
        last = VaultId.read(each.last)
        if last is not None:
            copied[last.epoch] = max(last.number, copied.get(last.epoch, 0))
    with Reader(vault) as reader:
        return sum(
            last - max(first - 1, copied.get(epoch, 0))
            for epoch, (first, last) in reader.ends().items()
            if last > copied.get(epoch, 0)
        )


def unaccounted(vault: Path, db: sqlite.Connection) -> list[str]:
    """Vault ids that were accepted, are not in the backlog, and have no outcome. Raises a VaultError.

    The backlog is what follows the last mail filed. Where that one is not in the vault any more (retention, or an
    older vault restored), what has an outcome in its segments tells how far the filer came.
    """
    row = db.execute("SELECT value FROM _relay WHERE name = 'filed_up_to'").fetchone()
    filed = None if row is None else VaultId.read(row[0])
    if filed is None:
        return []
    missing: list[str] = []
    waiting: list[str] = []  # since the last one with an outcome: backlog, if nothing more is filed
    with Reader(vault) as reader:
        for vault_id in reader.ids():
            if _known(db, vault_id):
                missing += waiting
                waiting = []
            else:
                waiting.append(str(vault_id))
            if vault_id == filed:
                return missing + waiting
    return missing
