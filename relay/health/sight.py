"""What can be seen of the relay from here and now, by this user. No judgement: `judgement` does that."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from relay import sqlite
from relay.config.settings import Settings
from relay.health.exposed import exposed
from relay.health.figures import Figures
from relay.lock import held
from relay.mail.envelope import VaultId
from relay.store import pulse, readers, sizes
from relay.store.connection import open_store
from relay.store.times import text_time
from relay.vault import sizes as vault_sizes
from relay.vault.failure import VaultError
from relay.vault.reader import Reader

T = TypeVar("T")

SNAPSHOT = 1 << 20
"""Octets written since from which a snapshot is told: less is a reader at work."""

USUAL_DAYS = 5
"""Days with mail, among the last copies looked at, from which somebody counts as handing in regularly."""

FORGOTTEN = timedelta(days=90)
"""Who has handed in nothing for so long has not "gone quiet" any more: that is known, or should be `staff leave`."""


def look(settings: Settings, now: datetime, daemons: Sequence[Figures]) -> dict[str, Any]:
    """Everything that can be seen. Times are UTC text, sizes octets; `None`: this user may not see it.

    `not_seen` says in sentences what that was. `daemons` is what those that run say of themselves. Raises
    StoreError when the database cannot be read at all.
    """
    store, vault = settings.store.path, settings.vault.path
    not_seen: list[str] = []
    with contextlib.closing(open_store(store, read_only=True, timeout=1.0)) as db:
        found = pulse.pulse(db, now)
        found["quiet"] = quiet(pulse.handed_in_by(db), now, timedelta(seconds=settings.health.quiet_after))
        found["shares"] = pulse.shares(db, found["recent"]["since"])
        found["addresses_seen"] = exposed(db, vault)
        found["search_waits_since"] = _try(lambda: pulse.search_waits_since(db, store), "search.db", not_seen)
    found["daemons"] = [asdict(each) for each in daemons]
    found.update(_vault(vault, VaultId.read(found["filed_up_to"] or ""), not_seen))
    if found["accepting"] is None and daemons:
        found["accepting"] = any(each.accepts for each in daemons)
        found["filing"] = any(each.files for each in daemons)
    size = sizes.sizes(store)
    if (found["oldest_waiting_at"] or "") > (found["last_capture_at"] or ""):
        found["last_capture_at"] = found["oldest_waiting_at"]  # accepted, not filed yet
    found["store"], found["vault"] = str(store), str(vault)
    found["store_size"], found["wal_size"], found["search_size"] = size.database, size.log, size.search
    found.update(_holders(store))
    found["store_free"] = _try(lambda: _free(store.parent), f"disk of {store.parent}", not_seen)
    found["vault_free"] = _try(lambda: _free(vault), f"disk of {vault}", not_seen)
    frees = [free for free in (found["store_free"], found["vault_free"]) if free is not None]
    found["disk_free"] = min(frees) if frees else None
    found["not_seen"] = not_seen
    return found


def _try(question: Callable[[], T], what: str, not_seen: list[str]) -> T | None:
    """The answer, or None and a sentence where this user gets none."""
    try:
        return question()
    except (OSError, sqlite.Error, VaultError) as error:
        refused = isinstance(error, PermissionError) or "unable to open" in str(error) or "readonly" in str(error)
        not_seen.append(f"{what}: {'no right to look there' if refused else error}")
        return None


def _vault(path: Path, filed: VaultId | None, not_seen: list[str]) -> dict[str, Any]:
    """What the vault tells, all None for who may not look into it."""
    unseen = dict.fromkeys(
        ("accepting", "filing", "backlog", "oldest_waiting_at", "last_vault_id", "vault_size", "vault_segments")
    )

    def seen() -> dict[str, Any]:
        size = vault_sizes.sizes(path)
        with Reader(path) as vault:
            backlog = vault.count_after(filed)
            waiting = vault.after(filed, 1, 1) if backlog else []
            last = vault.last()
        return {
            "accepting": held(path / "writer.lock"),
            "filing": held(path / "filer.lock"),
            "backlog": backlog,
            "oldest_waiting_at": text_time(waiting[0][1].envelope.received_at) if waiting else None,
            "last_vault_id": str(last) if last else None,
            "vault_size": size.octets,
            "vault_segments": size.segments,
        }

    if os.path.lexists(path) and not os.access(path, os.R_OK | os.X_OK):
        not_seen.append(f"the vault {path}: no right to look there")
        return dict(unseen)
    return _try(seen, f"the vault {path}", not_seen) or dict(unseen)


def quiet(people: list[tuple[int, str, list[str]]], now: datetime, after: timedelta) -> list[dict[str, Any]]:
    """Who handed in mail regularly and has not for `after`, nor for twice their own longest pause.

    Those whose last mail is older than `FORGOTTEN` are left out. Gives staff_id, name and last_at.
    """
    found = []
    for id_, name, times in people:
        days = sorted({datetime.fromisoformat(at).date() for at in times})
        if len(days) < USUAL_DAYS:
            continue
        pause = max(later - earlier for earlier, later in pairwise(days))
        silent = now - datetime.fromisoformat(times[0])
        if max(after, 2 * pause) < silent < FORGOTTEN:
            found.append({"staff_id": id_, "name": name, "last_at": times[0]})
    return sorted(found, key=lambda person: str(person["last_at"]))


def _holders(store: Path) -> dict[str, Any]:
    """The programs of others that keep a snapshot of relay.db, and those that write to it, at this moment."""
    holding = readers.held(store)
    return {
        "snapshots_seen": os.access("/proc/locks", os.R_OK),  # not in a service with ProcSubset=pid
        "snapshots": [
            {"pid": each.pid, "program": each.program, "behind": each.behind}
            for each in holding.in_the_way
            if each.behind >= SNAPSHOT
        ],
        "writers": [{"pid": each.pid, "program": each.program} for each in holding.writers if not each.ours],
    }


def _free(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
