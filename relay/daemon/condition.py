"""How the daemon is, as one line for `systemctl status`: what hinders first, then what goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from relay import sqlite
from relay.capture.server import Server
from relay.store.lineage import marks
from relay.store.migrations import awaits_upgrade
from relay.store.opening import StoreError, connect
from relay.vault.failure import VaultError
from relay.vault.reader import Reader
from relay.vault.writer import Vault
from relay.work.supervisor import Supervisor


def accepting(server: Server, vault: Vault) -> list[str]:
    """The half that accepts."""
    told = []
    if vault.trouble is not None:
        told.append(str(vault.trouble))
    elif not vault.has_room():
        told.append("mail is put off: hardly any room on the disk")
    sessions = server.sessions
    told.append(f"{sessions} session{'' if sessions == 1 else 's'}, {server.counted.accepted} accepted since start")
    if vault.last_commit is not None:
        moment = datetime.fromtimestamp(vault.last_commit).astimezone()
        told.append(f"last {moment:%Y-%m-%d %H:%M:%S}")
    return told


def filing(kept: Sequence[Supervisor], store: Path, vault: Path) -> list[str]:
    """The half that files, which is the processes in `kept`. Asks the disk."""
    told = [f"{each.name} does not run" for each in kept if each.pid is None]
    if awaits_upgrade(store):
        told.append("the database is being upgraded, mail waits")
    waiting = backlog(store, vault)
    told.append("the database does not answer" if waiting is None else f"{waiting} waiting to be filed")
    return told


def backlog(store: Path, vault: Path) -> int | None:
    """How many mail objects of the vault in folder `vault` have no outcome in `store`; None: it cannot be told now."""
    try:
        with contextlib.closing(connect(store, read_only=True)) as connection:
            filed = marks(connection).filed_up_to
        with Reader(vault) as reader:
            return reader.count_after(filed)
    except (StoreError, VaultError, sqlite.Error, OSError):
        return None
