"""The filer: takes accepted mail from the vault, in order, and writes what it means to the database.

It has no state of its own. Where it stands is written in the same transaction as the facts, and filing
a mail twice is filing it once, so it may die and start again at any moment. It is a guest in the
database: reading (slow, and done with nobody waiting) happens before the transaction, the write lock
is held for a few milliseconds at a time, and then, when others write too, left alone for as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from relay import sqlite
from relay.attribution.compose import compose, unparsed
from relay.attribution.directory import Directory
from relay.attribution.record import Record
from relay.attribution.tombstone import FORGOTTEN
from relay.log import Tally, log
from relay.mail.envelope import MailObject, VaultId
from relay.mail.message import Message
from relay.mail.reading import parse
from relay.store.filing import Filing
from relay.work.note import Note

BATCH = 20
"""Mail objects in one transaction at the start: about 3 ms of writing on two cores."""

SMALLEST_BATCH, LARGEST_BATCH = 4, 60

BATCH_OCTETS = 4 * 1024 * 1024
"""Octets of mail in one batch (at least one mail object is always taken)."""

HOLD = 0.003
"""Seconds of writing under the lock. A CRM's busy handler looks again 1, 3, 8, 18, 33 ... milliseconds after
its first attempt: with holds of 3 ms and the pauses below, 95 of 100 of its writes wait less than 10 ms."""

HOLD_ALONE = 0.016
"""The same when nobody else has written for a while: a commit costs what it costs, so in a large store, where
each mail touches pages of its own, small batches would cost a third of the rate. The first write of a newcomer
waits a little longer, and from then on we are in company."""

PAUSE = 1.5
"""How many times as long as it was held the lock is left alone, when others write too. Reading the next
mails takes up a good part of it."""

LONGEST_PAUSE = 0.02
"""Seconds that we pause at the most, also after a sync that a busy disk has made long."""

OF_A_MAIL = (
    sqlite.IntegrityError, sqlite.DataError, sqlite.InterfaceError, sqlite.ProgrammingError, ArithmeticError,
    AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError,
)  # fmt: skip
"""What is raised when one mail's rows cannot be written by a fault of ours: not a full disk, not a locked or damaged
database, which pass, or concern every mail."""

FILER_DIED = "filer-died"
"""Defect of a mail that has killed its reader twice."""

UNWRITTEN = "filing-failed"
"""Defect of a mail whose rows could not be written by a fault of ours; it is kept as one that cannot be read."""

Step = Callable[[str], None]
"""Called with the name of each step as it is reached, so that a test can stop the process there."""

STEPS = (
    "filer.noted",
    "filer.read",
    "filer.cleared",
    "filer.begun",
    "filer.written",
    "filer.related",
    "filer.committed",
)


class Accepted(Protocol):
    """The part of the vault that the filer needs."""

    def after(self, vault_id: VaultId | None, limit: int, max_octets: int) -> Sequence[tuple[VaultId, MailObject]]: ...


def _nothing(_: str) -> None:
    return None


class Filer:
    """Files one batch at each `step`.

    `alive` is called between two mails and while waiting, to tell that we are not stuck; it may raise
    to stop us. `at` is called at each of `STEPS`.
    """

    def __init__(
        self,
        vault: Accepted,
        store: Filing,
        note: Note,
        *,
        alive: Callable[[], None] = lambda: None,
        at: Step = _nothing,
    ) -> None:
        self._vault = vault
        self._store = store
        self._note = note
        self._alive = alive
        self._at = at
        self._log = log()
        self._filed = Tally("mail.filed", "vault_id")
        self._dropped = Tally("mail.dropped", "vault_id", always={"why": "never-log"})
        self._forgotten = Tally("mail.dropped", "vault_id", always={"why": "taken-back"})
        self._batch = BATCH
        self._free_at = 0.0

    def step(self) -> int:
        """File the next batch. Returns how many mail objects it held; 0 when the vault holds nothing new.

        Raises store errors when the database cannot be written; nothing is half written then.
        """
        mails = self._vault.after(self._store.filed_up_to(), self._batch, BATCH_OCTETS)
        if not mails:
            self._filed.tell()
            self._dropped.tell()
            self._forgotten.tell()
            return 0
        try:
            self._file(mails)
        except OF_A_MAIL:  # nothing is written; whose fault it is shows when each is filed by itself
            for each in mails:
                self._file_alone(each)
        return len(mails)

    def _file_alone(self, mail: tuple[VaultId, MailObject]) -> None:
        """What cannot be written of one mail must not keep all that came after it waiting."""
        try:
            self._file([mail])
        except OF_A_MAIL as error:
            self._log.exception("mail.unparsed", vault_id=str(mail[0]), why=type(error).__name__)
            self._file([mail], unwritten=True)

    def _file(self, mails: Sequence[tuple[VaultId, MailObject]], *, unwritten: bool = False) -> None:
        """File these in one transaction. `unwritten`: what they say cannot be written, only that they came."""
        messages = [None if unwritten else self._parse(vault_id, mail) for vault_id, mail in mails]
        directory = self._store.directory()
        records = self._compose(mails, messages, directory, unwritten=unwritten)
        if self._store.keeps_unknown:  # else nothing may be stored before we know whose mail it is
            for record in records:
                self._store.keep_large_parts(record, self._alive)
        if self._store.in_company():
            time.sleep(max(0.0, self._free_at - time.monotonic()))  # the pause we owe
        try:
            with self._store.writing(self._alive) as transaction:
                began = time.monotonic()
                self._at("filer.begun")
                current = self._store.directory()
                if current != directory:  # somebody changed who we are while we were reading
                    records = self._compose(mails, messages, current, unwritten=unwritten)
                contents = {vault_id: mail.content for vault_id, mail in mails}
                transaction.file(records, up_to=mails[-1][0], at=self._at, contents=contents)
                written = time.monotonic()
        except OF_A_MAIL:
            self._store.drop_large_parts(records, self._alive)  # their mail may come to have no parts
            raise
        ended = time.monotonic()
        self._at("filer.committed")
        for vault_id, message in transaction.filed:
            self._filed.add(vault_id=str(vault_id), message_id=message)
        for vault_id in transaction.dropped:
            self._dropped.add(vault_id=str(vault_id))
        for vault_id in transaction.forgotten:
            self._forgotten.add(vault_id=str(vault_id))
        self._pace(written - began)
        self._free_at = ended + min(PAUSE * (ended - began), LONGEST_PAUSE)

    def _parse(self, vault_id: VaultId, mail: MailObject) -> Message | None:
        """The message, or None when this mail must not be read again."""
        self._alive()
        if mail.erased or self._note.killed(vault_id):
            return None
        self._note.reading(vault_id)
        self._at("filer.noted")
        message = parse(mail.content)
        self._at("filer.read")
        return message

    def _compose(
        self,
        mails: Sequence[tuple[VaultId, MailObject]],
        messages: Sequence[Message | None],
        directory: Directory,
        *,
        unwritten: bool,
    ) -> list[Record]:
        records: list[Record] = []
        for (vault_id, mail), message in zip(mails, messages, strict=True):
            if mail.erased:  # taken back, and this database is older than that or made anew
                records.append(replace(unparsed(vault_id, mail, ()), outcome=FORGOTTEN))
                continue
            if unwritten:
                records.append(unparsed(vault_id, mail, (UNWRITTEN,)))
                continue
            if message is None:
                self._log.error("mail.unparsed", vault_id=str(vault_id), why=FILER_DIED)
                records.append(unparsed(vault_id, mail, (FILER_DIED,)))
                continue
            self._note.reading(vault_id)
            try:
                records.extend(compose(vault_id, mail, message, directory))
            except MemoryError:
                raise  # no mail's fault as long as it is not so again and again; then the note tells
            except Exception as error:  # noqa: BLE001
                # Our own fault, in code that must not fail: the mail is kept, the next one is taken.
                self._log.exception("mail.unparsed", vault_id=str(vault_id), why=type(error).__name__)
                records.append(unparsed(vault_id, mail, ("composing-failed",)))
        self._note.clear()  # whatever kills us from here on, it is not the reading of a mail
        self._at("filer.cleared")
        return records

    def _pace(self, wrote: float) -> None:
        """Keep the writing near its bound by the size of the batch. The sync that follows costs the same for any."""
        bound = HOLD if self._store.in_company() else HOLD_ALONE
        if wrote > bound:
            self._batch = max(SMALLEST_BATCH, self._batch * 3 // 4)
        elif wrote < bound / 2:
            self._batch = min(LARGEST_BATCH, self._batch + 4)
