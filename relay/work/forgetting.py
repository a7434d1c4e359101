"""Taking messages back: a tombstone for each, then they are removed, a few at a time.

The mail objects are read once more before they are erased, for the hash by which a retry of the very same octets
is known; a vault that cannot be read is no reason to keep what a person wants gone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from relay import sqlite
from relay.mail.envelope import VaultId
from relay.store import removal
from relay.store.people import writing
from relay.store.person import Person, drop_address, take_out
from relay.store.removal import Removed
from relay.vault.failure import VaultError
from relay.vault.reader import Reader

TOGETHER = 5
"""Messages removed in one transaction: some milliseconds of the write lock."""


def forget(
    db: sqlite.Connection,
    vault: Path,
    messages: Iterable[int],
    *,
    action: str = "forget",
    progress: Callable[[int], None] = lambda _: None,
) -> Removed:
    """Take these messages back; ids that are none are passed over. May be interrupted and said again.

    `action`: what the audit calls it.
    What is left to be done in other files waits in a queue then: `erasing.at_rest`. Raises sqlite.Error.
    """
    wanted = sorted(set(messages))
    done: list[Removed] = []
    for start in range(0, len(wanted), TOGETHER):
        some = wanted[start : start + TOGETHER]
        digests = _digests(vault, removal.mails_of(db, some)[0])
        with writing(db):
            for message in some:
                removal.bury(db, message, digests)
            done.append(removal.remove(db, some))
            removal.audit(db, action, done[-1].messages)
        progress(len(some))
    gone = {each for removed in done for each in removed.mails}
    kept = {each for removed in done for each in removed.kept} - gone
    return Removed(tuple(i for removed in done for i in removed.messages), tuple(sorted(gone)), tuple(sorted(kept)))


def _digests(vault: Path, mails: Sequence[VaultId]) -> list[str]:
    found = []
    with contextlib.suppress(VaultError), Reader(vault) as reader:
        for vault_id in mails:
            mail = reader.get(vault_id)
            if mail is not None and not mail.erased:
                found.append(sha256(mail.content).hexdigest())
    return found


def erase(
    db: sqlite.Connection,
    vault: Path,
    person: Person,
    *,
    leads: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Removed:
    """Erase a person: messages with her alone go, out of the others she is taken. Returns what was removed.

    May be interrupted and said again. Raises sqlite.Error.
    """
    removed = forget(db, vault, person.alone, action="erase", progress=progress)
    shared = (*person.wrote, *person.named)
    for start in range(0, len(shared), TOGETHER):
        some = shared[start : start + TOGETHER]
        with writing(db):
            take_out(db, person, some)
            removal.audit(db, "erase-party", some)
        progress(len(some))
    with writing(db):
        drop_address(db, person, leads=leads)
    return removed
