"""Reading old mail again: from the vault, with today's parser, into the rows that it has already.

Two have reason to: a person (`bcc-relay refile`), and the filer, for messages that wait in `_read_again`
because a lead has appeared for mail of which only facts were kept, or a better copy of a message has come.
Both are guests in a shared database, like the filer: mail is fetched and read with nobody waiting, the
write lock is held for a few milliseconds at a time. Nothing is remembered between two messages, so it may be
interrupted at any moment and begun again.

A mail that the vault has no more (retention, erasure) leaves its message as it is; so does one that kills
its reader, or that our own code cannot make sense of or cannot write down.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from relay.attribution.compose import compose
from relay.attribution.directory import Directory
from relay.attribution.record import Record
from relay.log import log
from relay.mail.envelope import MailObject, VaultId
from relay.mail.message import Message
from relay.mail.reading import parse
from relay.store.filing import Filing
from relay.store.renewal import Renewal, Renewed
from relay.work.filer import BATCH_OCTETS, HOLD, LONGEST_PAUSE, OF_A_MAIL, PAUSE, Step
from relay.work.note import Note

COPIES = 50
"""Copies of one message that are read, the best source first. A loop between two mail systems hands in one mail
ten thousand times."""

TIMES = 100
"""Times that one message is read while others wait too: each copy that comes is one reason, and there are as many as
`COPIES`. More is a fault of ours, which must not keep a machine busy for ever."""

COPIES_OCTETS = 64 * 1024 * 1024
"""Octets of copies of one message that are held in memory; the best one is always read."""

STEPS = ("refile.noted", "refile.read", "refile.kept", "refile.begun", "refile.renewed", "refile.committed")
"""Named steps at which a test can stop the process (after `refile.kept` large parts are stored, facts are not)."""


class Kept(Protocol):
    """The part of the vault that is needed to read a mail again."""

    def get(self, vault_id: VaultId) -> MailObject | None: ...


@dataclass(frozen=True, slots=True)
class Reread:
    """What reading one message again came to.

    `renewed`: what has changed, of this message and of those that came with it; empty when nothing has. `gone`:
    mail objects that the vault has no more; `unread`: those that could not be read. `stays`: the best source is
    among them, so the message is as it was.
    """

    message: int
    renewed: tuple[Renewed, ...]
    gone: tuple[VaultId, ...]
    unread: tuple[VaultId, ...]
    stays: bool


@dataclass(slots=True)
class _Prepared:
    """One message with its mail objects, fetched and parsed."""

    message: int
    source: VaultId | None = None
    mails: list[tuple[VaultId, MailObject, Message]] = field(default_factory=list)
    gone: list[VaultId] = field(default_factory=list)
    unread: list[VaultId] = field(default_factory=list)
    octets: int = 0
    directory: Directory | None = None
    records: dict[VaultId, Sequence[Record]] = field(default_factory=dict)


class Rereader:
    """Reads messages again. `at` is called at each of `STEPS`; the rest is as for the filer."""

    def __init__(
        self,
        vault: Kept,
        store: Filing,
        note: Note,
        *,
        alive: Callable[[], None] = lambda: None,
        at: Step = lambda _: None,
    ) -> None:
        self._vault = vault
        self._store = store
        self._note = note
        self._alive = alive
        self._at = at
        self._log = log()
        self._times: Counter[int] = Counter()

    def wanted(self, limit: int = 20) -> int:
        """Read some of the messages again that wait for it. Returns how many; 0 when none waits."""
        waiting = self._store.to_read_again(limit)
        worth = [message for message in waiting if self._store.worth_reading(message) and self._has_an_end(message)]
        if not waiting:
            self._times.clear()
        if len(worth) < len(waiting):
            with self._store.writing(self._alive) as transaction:
                transaction.read_again_later(set(waiting) - set(worth), wanted=False)
        for reread in self.read(worth):
            if reread.gone or reread.unread:
                self._log.warning(
                    "mail.not_read_again",
                    message_id=reread.message,
                    gone=len(reread.gone),
                    unread=len(reread.unread),
                )
        return len(waiting)

    def _has_an_end(self, message: int) -> bool:
        """Was the message not read again and again since nothing waited any more?"""
        self._times[message] += 1
        if self._times[message] == TIMES + 1:
            self._log.error("mail.read_without_end", message_id=message, times=TIMES)
        return self._times[message] <= TIMES

    def read(self, messages: Iterable[int], *, dry_run: bool = False) -> Iterator[Reread]:
        """Read these messages again, and tell of each what came of it. Messages that are no more are passed over.

        `dry_run`: everything is done and taken back. Raises store and vault errors; nothing is half written then.
        """
        prepared: list[_Prepared] = []
        octets = 0
        for message in messages:
            each = self._prepare(message, keep=not dry_run)
            prepared.append(each)
            octets += each.octets
            if octets > BATCH_OCTETS or len(prepared) == 20:
                yield from self._write(prepared, dry_run=dry_run)
                prepared, octets = [], 0
        yield from self._write(prepared, dry_run=dry_run)

    def _prepare(self, message: int, *, keep: bool) -> _Prepared:
        """Fetch and parse the mail objects of a message, and store large parts ahead of the facts."""
        copies = self._store.copies(message)[:COPIES]
        found = _Prepared(message, copies[0] if copies else None)
        for vault_id in copies:
            self._alive()
            if found.mails and found.octets > COPIES_OCTETS:
                break
            mail = self._vault.get(vault_id)
            if mail is None or mail.erased:
                found.gone.append(vault_id)
                continue
            found.octets += len(mail.content)
            if self._note.killed(vault_id):
                self._log.error("mail.unread", vault_id=str(vault_id), why="filer-died")
                found.unread.append(vault_id)
                continue
            self._note.reading(vault_id)
            self._at("refile.noted")
            found.mails.append((vault_id, mail, parse(mail.content)))
            self._at("refile.read")
        self._compose(found, self._store.directory())
        self._note.clear()
        if keep and self._store.keeps_text(message):
            for record in (record for records in found.records.values() for record in records):
                self._store.keep_large_parts(record, self._alive)
        self._at("refile.kept")
        return found

    def _compose(self, found: _Prepared, directory: Directory) -> None:
        found.directory = directory
        found.records.clear()
        for vault_id, mail, message in found.mails:
            try:
                found.records[vault_id] = compose(vault_id, mail, message, directory)
            except MemoryError:
                raise
            except Exception as error:  # noqa: BLE001  our own fault: what was made of the mail before is better than nothing
                self._log.exception("mail.unread", vault_id=str(vault_id), why=type(error).__name__)
                if vault_id not in found.unread:
                    found.unread.append(vault_id)

    def _write(self, prepared: Sequence[_Prepared], *, dry_run: bool) -> Iterator[Reread]:
        """Write what was prepared, in transactions that are as short as a guest's should be."""
        left = list(prepared)
        while left:
            told: list[Reread] = []
            with self._store.renewing(self._alive, trial=dry_run) as renewal:
                began = time.monotonic()
                self._at("refile.begun")
                directory = self._store.directory()
                while left and (not told or (not dry_run and time.monotonic() - began < HOLD)):
                    each = left.pop(0)
                    if each.directory != directory:  # somebody changed who we are while we were reading
                        self._compose(each, directory)
                    renewed = self._renew(renewal, each)
                    missing = (*each.gone, *each.unread)
                    told.append(
                        Reread(each.message, renewed, tuple(each.gone), tuple(each.unread), each.source in missing)
                    )
                self._at("refile.renewed")
                ended = time.monotonic()
            self._at("refile.committed")
            if self._store.in_company():
                time.sleep(min(PAUSE * (ended - began), LONGEST_PAUSE))
            yield from told

    def _renew(self, renewal: Renewal, each: _Prepared) -> tuple[Renewed, ...]:
        """Write one message, all of it or nothing: what cannot be written by a fault of ours stays as it was."""
        renewal.execute("SAVEPOINT one_message")
        try:
            renewed = renewal.read_again(each.message, each.records)
        except OF_A_MAIL as error:
            self._log.exception("mail.unread", message_id=each.message, why=type(error).__name__)
            renewal.execute("ROLLBACK TO one_message")
            renewal.read_again_later([each.message], wanted=False)  # it would fail again and again
            each.unread = list(each.records)
            renewed = ()
        renewal.execute("RELEASE one_message")
        return renewed
