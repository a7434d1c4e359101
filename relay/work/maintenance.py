"""Maintenance: what a timer does every night, job by job, beside the running daemon.

Each job tells in one line what it did, and whether all is well. None of them stops the next one.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from relay import sqlite
from relay.lock import Lock, Taken
from relay.store import relation
from relay.store.connection import open_store
from relay.store.opening import StoreError
from relay.store.verify import verify
from relay.vault.failure import VaultError
from relay.vault.retention import expire
from relay.vault.segment import must_not_be_half_restored
from relay.work.manifest import BackupError
from relay.work.rebuilding import SAMPLE, Source, prove
from relay.work.standing import unaccounted

SHOWN = 20
"""Differences told of each job; `verify` and `rebuild --verify` tell all."""


SETTLING = 10.0
"""Seconds for setting right what CRMs wrote while no relay ran, before the database is judged."""


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a job: is all `well`, one line that says what was done or found, and the details of that."""

    job: str
    well: bool
    line: str
    details: tuple[str, ...] = ()


def maintain(source: Source, keep: float, *, sample: int = SAMPLE) -> Iterator[Done]:
    """Do all jobs. `keep`: seconds for which accepted mail is kept. Raises BackupError when another one is at it,
    a VaultError after a restore that was interrupted.
    """
    must_not_be_half_restored(source.vault)
    try:
        lock = Lock(source.vault / "maintain.lock")
    except Taken as taken:
        raise BackupError(f"maintenance is at work already (process {taken.holder})") from None
    jobs: tuple[tuple[str, Callable[[], tuple[bool, str, Sequence[str]]]], ...] = (
        ("retention", lambda: _retention(source, keep)),
        ("verify", lambda: _verify(source)),
        ("rebuild", lambda: _rebuild(source, sample)),
        ("optimize", lambda: _optimize(source)),
    )
    with lock:
        for name, job in jobs:
            try:
                well, line, details = job()
            except (StoreError, VaultError, BackupError, sqlite.Error, OSError) as error:
                well, line, details = False, str(error), ()
            yield Done(name, well, line, tuple(details))


def _retention(source: Source, keep: float) -> tuple[bool, str, Sequence[str]]:
    """Unlink what is older than `keep` and filed."""
    with contextlib.closing(open_store(source.store, read_only=True)) as db:

        def filed(epoch: str, numbers: Sequence[int]) -> bool:
            query = (
                "SELECT count(*) FROM json_each(?) w WHERE NOT EXISTS "
                "(SELECT 1 FROM _vault_outcome o WHERE o.epoch = ? AND o.number = w.value)"
            )
            return bool(db.execute(query, (json.dumps(numbers), epoch)).fetchone()[0] == 0)

        before = datetime.now(UTC) - timedelta(seconds=keep)
        found = expire(source.vault, before, filed)
    line = f"{len(found.removed)} files of the vault removed, with {found.mails:,} mails from before {before:%Y-%m-%d}"
    if found.waiting:
        names = ", ".join(segment.path.name for segment in found.waiting[:SHOWN])
        return False, f"{line}; older mail that is not filed stays: {names}; is the relay filing?", ()
    return True, line, ()


def _verify(source: Source) -> tuple[bool, str, Sequence[str]]:
    """The invariants of the database, and an outcome for every accepted mail."""
    with contextlib.closing(open_store(source.store)) as db:
        end = time.monotonic() + SETTLING
        while relation.settle(db) and time.monotonic() < end:
            pass  # what a CRM wrote a moment ago and nobody has looked at yet is no difference
        found = [str(each) for each in verify(db, domains=source.domains)]
        found += [
            f"vault-outcome: {vault_id} was accepted and has no outcome" for vault_id in unaccounted(source.vault, db)
        ]
    return not found, f"{len(found)} differences" if found else "no differences", found[:SHOWN]


def _rebuild(source: Source, sample: int) -> tuple[bool, str, Sequence[str]]:
    found = prove(source, sample=sample)
    return not found.differences, found.sentence(), [str(each) for each in found.differences[:SHOWN]]


def _optimize(source: Source) -> tuple[bool, str, Sequence[str]]:
    """Statistics for the query planner, where SQLite thinks that they are worth it. Reads a few hundred rows of
    each index: milliseconds of the write lock.
    """
    with contextlib.closing(open_store(source.store, timeout=30.0)) as db:
        db.execute("PRAGMA analysis_limit = 400").fetchone()
        db.execute("PRAGMA optimize").fetchall()
    return True, "done", ()
