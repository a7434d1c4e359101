"""Rebuild: messages made anew from the vault, with the filer's own code, and held against relay.db.

What comes out must be what is stored: same ids, same facts, same leads. A few messages at a time, each with
all that it hangs together with (its copies, its conversation), in a small database of their own, so that a
million messages need neither room nor a long look at relay.db. What the vault does not have any more cannot
be proved, and counts as gone.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from relay import sqlite
from relay.attribution.compose import compose, unparsed
from relay.attribution.directory import Directory
from relay.attribution.record import Record
from relay.lock import Lock, Taken
from relay.mail.envelope import MailObject, VaultId
from relay.mail.reading import parse
from relay.store import never_log, relation, tagging, who
from relay.store.comparison import Chosen, Compared, choose, compare, copy_leads, copy_people
from relay.store.connection import open_store
from relay.store.pinned import Pinned
from relay.store.renewal import Renewal
from relay.vault.reader import Reader
from relay.work.filer import FILER_DIED, UNWRITTEN
from relay.work.manifest import BackupError

SAMPLE = 200
"""Mails of the vault that a sample draws: seconds, and a fault that touches one mail in a hundred is found in seven
nights of eight."""

TOGETHER = 300
"""Messages made anew in one small database: the look at relay.db, which holds back its log, takes about a second."""

AGAIN = 3
"""Times that a difference is looked at before it is told: what a CRM wrote a moment ago may not be settled yet."""

PAUSE = 0.7
"""Seconds in between."""

Poison = Mapping[VaultId, str]
"""Mail that is not to be read -> the defect that tells so."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is compared: the database, the vault, and who we are as the configuration says it."""

    store: Path
    vault: Path
    domains: frozenset[str]
    capture: frozenset[str]


def prove(source: Source, *, sample: int | None = SAMPLE, progress: Callable[[int], None] = lambda _: None) -> Compared:
    """Hold relay.db against the vault: `sample` mails of the vault drawn at random, or (None) all messages.

    Raises StoreError, a VaultError, BackupError when another one is at it.
    """
    found = Compared()
    seen: set[int] = set()
    scratch = source.vault / "rebuilding"
    with contextlib.ExitStack() as opened:
        try:
            opened.enter_context(Lock(source.vault / "rebuild.lock"))
        except Taken as taken:
            raise BackupError(f"another rebuild is at work (process {taken.holder})") from None
        opened.callback(shutil.rmtree, scratch, ignore_errors=True)
        live = opened.enter_context(contextlib.closing(open_store(source.store, read_only=True)))
        reader = opened.enter_context(contextlib.closing(Reader(source.vault)))
        for seeds in _seeds(live, reader, sample):
            fresh = set(seeds) - seen
            if not fresh:
                continue
            for attempt in range(1, AGAIN + 1):
                shutil.rmtree(scratch, ignore_errors=True)  # of one that was killed, or our own
                scratch.mkdir(mode=0o700)
                chosen, compared = _prove_some(source, live, reader, fresh, seen, scratch / "relay.db")
                if not compared.differences or attempt == AGAIN:
                    break
                time.sleep(PAUSE)
            progress(len(chosen.messages - seen))
            seen |= chosen.messages
            found.add(compared)
    return found


def _seeds(live: sqlite.Connection, reader: Reader, sample: int | None) -> Iterator[list[int]]:
    """Messages to begin with, some at a time."""
    if sample is None:
        after = 0
        while rows := live.execute(
            "SELECT id FROM message WHERE id > ? ORDER BY id LIMIT ?", (after, TOGETHER)
        ).fetchall():
            yield [i for (i,) in rows]
            after = rows[-1][0]
        return
    # Drawn by vault ids, which are dense; message ids may have leapt.
    ranges = [(epoch, first, last) for epoch, (first, last) in reader.ends().items()]
    if not ranges:
        return
    drawn: set[str] = set()
    weights = [last - first + 1 for _, first, last in ranges]
    for epoch, first, last in random.choices(ranges, weights, k=sample):  # noqa: S311  a sample, no secret
        drawn.add(f"{epoch}-{random.randint(first, last)}")  # noqa: S311
    rows = live.execute(
        "SELECT DISTINCT e.message_id FROM json_each(?) w CROSS JOIN envelope e ON e.vault_id = w.value",
        (json.dumps(sorted(drawn)),),
    ).fetchall()
    for start in range(0, len(rows), 50):
        yield [i for (i,) in rows[start : start + 50]]


def _prove_some(
    source: Source, live: sqlite.Connection, reader: Reader, seeds: set[int], seen: set[int], path: Path
) -> tuple[Chosen, Compared]:
    live.execute("BEGIN")  # one look at relay.db, whatever is written meanwhile
    try:
        chosen = choose(live, seeds, TOGETHER * 2)
        directory = Directory(
            domains=source.domains, capture=source.capture, staff=who.staff(live), never_log=never_log.read(live)
        )
        gone = _build(source, live, reader, chosen, directory, path)
        since = who.since(live, who.digest(live, source.domains, source.capture))
        with contextlib.closing(open_store(path, read_only=True)) as scratch:
            compared = compare(live, scratch, chosen, gone, since)
    finally:
        live.execute("COMMIT")
    again = len(chosen.messages & seen)  # counted with another chunk already
    compared.same = max(0, compared.same - again)
    return chosen, compared


def _build(
    source: Source, live: sqlite.Connection, reader: Reader, chosen: Chosen, directory: Directory, path: Path
) -> set[int]:
    """Make the chosen messages anew in the database `path`. Returns those that have mail which is gone."""
    ids = {(vault_id, position): i for vault_id, found in chosen.mails.items() for position, i in found.items()}
    merged = {
        i
        for (i,) in live.execute(
            "SELECT message_id FROM message_alias WHERE message_id IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(chosen.messages)),),
        )
    }
    poison = _poison(live, chosen)
    taken_back = _taken_back(live, chosen)
    epochs = list(reader.ends())
    order = sorted(chosen.mails, key=lambda v: (epochs.index(v.epoch) if v.epoch in epochs else -1, v.number))
    gone: set[int] = set()
    with contextlib.closing(open_store(path)) as db:
        db.execute("PRAGMA synchronous = OFF")  # thrown away in a moment
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO _company_domain VALUES (?)", [(domain,) for domain in sorted(source.domains)])
        copy_people(live, db)
        pinned = Pinned(db, ids, merged)
        for vault_id in order:
            records = _records(reader, vault_id, directory, poison, taken_back)
            if records is None:
                gone |= set(chosen.mails[vault_id].values())
            else:
                pinned.file(records, up_to=vault_id)
        copy_leads(live, db, chosen.messages)
        relation.relate(db, sorted(chosen.messages))
        _read_again(db, reader, directory, poison, taken_back)
        db.execute("COMMIT")
        while relation.settle(db):
            pass
        tagging.carry(live, db, chosen.messages)
    return gone


def _records(
    reader: Reader, vault_id: VaultId, directory: Directory, poison: Poison, taken_back: set[VaultId]
) -> tuple[Record, ...] | None:
    """What the filer would make of a mail object; None when the vault does not have it, or will not for long."""
    if vault_id in taken_back:
        return None
    mail: MailObject | None = reader.get(vault_id)
    if mail is None or mail.erased:
        return None
    if vault_id in poison:
        return (unparsed(vault_id, mail, (poison[vault_id],)),)
    try:
        return compose(vault_id, mail, parse(mail.content), directory)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  as the filer has it; a difference is told
        return (unparsed(vault_id, mail, ("composing-failed",)),)


def _poison(live: sqlite.Connection, chosen: Chosen) -> Poison:
    """Mail that has killed its reader, or could not be written: it must not be read here either."""
    rows = live.execute(
        "SELECT e.vault_id, d.value FROM json_each(?1) w CROSS JOIN message m ON m.id = w.value "
        "CROSS JOIN envelope e ON e.message_id = m.id CROSS JOIN json_each(m.defects) d "
        "WHERE m.status = 'unparsed' AND d.value IN (SELECT value FROM json_each(?2))",
        (json.dumps(sorted(chosen.messages)), json.dumps([FILER_DIED, UNWRITTEN])),
    )
    return {vault_id: defect for text, defect in rows if (vault_id := VaultId.read(text)) is not None}


def _taken_back(live: sqlite.Connection, chosen: Chosen) -> set[VaultId]:
    """Mail of which something was taken back: the vault's copy goes as soon as the daemon comes to it."""
    rows = live.execute(
        "SELECT e.subject FROM json_each(?) w CROSS JOIN _erasure e ON e.kind = 'mail' AND e.subject = w.value",
        (json.dumps([str(vault_id) for vault_id in chosen.mails]),),
    )
    return {vault_id for (text,) in rows if (vault_id := VaultId.read(text)) is not None}


def _read_again(
    db: sqlite.Connection, reader: Reader, directory: Directory, poison: Poison, taken_back: set[VaultId]
) -> None:
    """What the filer does next with messages of which a better copy came."""
    for _ in range(TOGETHER * 4):
        row = db.execute("SELECT message_id FROM _read_again ORDER BY message_id LIMIT 1").fetchone()
        if row is None:
            return
        today: dict[VaultId, tuple[Record, ...]] = {}
        for (text,) in db.execute("SELECT DISTINCT vault_id FROM envelope WHERE message_id = ?", row).fetchall():
            vault_id = VaultId.read(text)
            if vault_id is not None and (records := _records(reader, vault_id, directory, poison, taken_back)):
                today[vault_id] = records
        db.execute("DELETE FROM _read_again WHERE message_id = ?", row)
        Renewal(db).read_again(row[0], today)
