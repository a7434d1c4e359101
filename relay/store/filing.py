"""The filer's door to relay.db: where it stands, who we are, and the write lock.

The database belongs to others as much as to us. A CRM may hold the write lock for minutes, so getting
it is a patient loop in which we go on telling that we live. What is written under the lock is in
`facts`.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from relay import sqlite
from relay.attribution.directory import Directory
from relay.attribution.identity import source_rank
from relay.attribution.never_log import NeverLog
from relay.attribution.record import Record
from relay.log import log
from relay.mail.envelope import VaultId
from relay.store import erasures, forwarded, never_log, relation, removal, who
from relay.store.connection import open_store
from relay.store.contents import drop_contents
from relay.store.erasures import Waiting
from relay.store.facts import Transaction
from relay.store.opening import SameFile
from relay.store.renewal import Renewal
from relay.store.rows import large_parts

PATIENCE = 0.5
"""Seconds that one attempt to get the write lock waits, so that we can tell in between that we live."""

COMPANY = 60.0
"""Seconds for which a program that has written here counts as being about."""

LONG_WAIT = 10.0
"""Seconds of waiting for the write lock after which it is worth a line in the log, and every so often."""


class Filing:
    """One connection to relay.db for one filer. Raises StoreError when the database cannot be had.

    `alive` is called while we wait for the write lock; it may raise to end the waiting. `keeps_unknown`: is the
    text of mail with no known lead kept ([filing] unknown)? `attachments_up_to`: see `Directory`.
    """

    def __init__(
        self,
        path: Path,
        domains: Iterable[str],
        capture: Iterable[str],
        alive: Callable[[], None] = lambda: None,
        *,
        keeps_unknown: bool = True,
        attachments_up_to: int = 0,
    ) -> None:
        self._db = open_store(path, timeout=PATIENCE, alive=alive)
        self._file = SameFile(path)
        self._domains = frozenset(domains)
        self._capture = frozenset(capture)
        self.keeps_unknown = keeps_unknown
        self._attachments_up_to = attachments_up_to
        self._directory: Directory | None = None
        self._listed: never_log.Written = ()
        self._never_log = NeverLog()
        self._version = -1
        self._others_wrote = -COMPANY
        self.turn = threading.Lock()
        """Held while we write, so that the checkpointer can do its last step in between."""
        self._log = log()
        self._write_domains(alive)

    def close(self) -> None:
        self._db.close()

    def leave_checkpoints(self) -> None:
        """Another program takes the checkpoints: none at our commits either, however long the log."""
        self._db.execute("PRAGMA wal_autocheckpoint = 0")

    def must_be_there(self) -> None:
        """Raises StoreError when the database was deleted or replaced under us."""
        self._file.check()

    def _write_domains(self, alive: Callable[[], None]) -> None:
        """The views tell outside parties from ours by our domains, so they stand in the database too."""
        stored = {domain for (domain,) in self._db.execute("SELECT domain FROM _company_domain")}
        if stored != self._domains:
            with self.writing(alive) as transaction:
                transaction.execute("DELETE FROM _company_domain")
                transaction.executemany("INSERT INTO _company_domain VALUES (?)", [(d,) for d in sorted(self._domains)])

    def directory(self) -> Directory:
        """Who we are now. Read again only when another connection has written something."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if self._directory is None or version != self._version:
            if self._directory is not None:
                self._others_wrote = time.monotonic()
            read = Directory(
                self._domains, self._capture, who.staff(self._db), self._read_never_log(), self._attachments_up_to
            )
            if read != self._directory:
                self._directory = read
            self._version = version
        return self._directory

    def _read_never_log(self) -> NeverLog:
        """Whose mail is not kept; patterns are read again only when one has changed."""
        listed = never_log.written(self._db)
        if listed != self._listed:
            self._listed, self._never_log = listed, NeverLog.of(listed)
            unreadable = len(never_log.unreadable(enumerate(pattern for pattern, _, _ in listed)))
            if unreadable:
                self._log.warning("never_log.unreadable", entries=unreadable, todo="`bcc-relay never-log list`")
        return self._never_log

    def in_company(self) -> bool:
        """Is another program writing to the database these days? Then we owe it pauses."""
        return time.monotonic() - self._others_wrote < COMPANY

    def filed_up_to(self) -> VaultId | None:
        """The last mail object, in the vault's order, that has its outcome."""
        row = self._db.execute("SELECT value FROM _relay WHERE name = 'filed_up_to'").fetchone()
        return None if row is None else VaultId.read(row[0])

    @contextmanager
    def writing(self, alive: Callable[[], None] = lambda: None) -> Iterator[Transaction]:
        """The write lock, however long a CRM keeps it; COMMIT at the end, ROLLBACK when anything is raised."""
        with self._locked(alive):
            yield Transaction(self._db, keeps_unknown=self.keeps_unknown)

    @contextmanager
    def renewing(self, alive: Callable[[], None] = lambda: None, *, trial: bool = False) -> Iterator[Renewal]:
        """The same for old mail that is read again. A `trial` ends with ROLLBACK in any case."""
        with self._locked(alive, end="ROLLBACK" if trial else "COMMIT"):
            yield Renewal(self._db, keeps_unknown=self.keeps_unknown)

    @contextmanager
    def _locked(self, alive: Callable[[], None], end: str = "COMMIT") -> Iterator[None]:
        with self.turn:
            self._begin(alive)
            try:
                yield
                self._db.execute(end)
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _begin(self, alive: Callable[[], None]) -> None:
        attempts = 0
        while True:
            try:
                self._db.execute("BEGIN IMMEDIATE")
            except sqlite.OperationalError as error:
                if "locked" not in str(error):
                    raise
                attempts += 1
                if attempts % int(LONG_WAIT / PATIENCE) == 0:
                    self._log.warning(
                        "store.locked", for_s=round(attempts * PATIENCE), why="a program holds the write lock"
                    )
                alive()
            else:
                return

    def keep_large_parts(self, record: Record, alive: Callable[[], None]) -> None:
        """Store large contents ahead of the facts. Without its facts a content is harmless, and found again."""
        for part in large_parts(record):
            with self.writing(alive) as transaction:
                transaction.keep([(part.digest, part.content)])

    def drop_large_parts(self, records: Iterable[Record], alive: Callable[[], None]) -> None:
        """Remove what was stored ahead of facts that could not be written."""
        if digests := {part.digest for record in records for part in large_parts(record)}:
            with self._locked(alive):
                drop_contents(self._db, digests)

    def copies(self, message: int) -> list[VaultId]:
        """The mail objects that a message came in, in the order in which they are to be read: the best source first.

        Then those of messages that may be the same, if only a text that is not kept can tell. Empty when there is no
        such message.
        """
        ranked = []
        for at, each in enumerate([message, *forwarded.undecided(self._db, message)]):
            rows = self._db.execute("SELECT vault_id, route, evidence, id FROM envelope WHERE message_id = ?", (each,))
            ranked += sorted((at, source_rank(route, by), number, vault_id) for vault_id, route, by, number in rows)
        found = (VaultId.read(vault_id) for _, _, _, vault_id in ranked)
        return list(dict.fromkeys(each for each in found if each is not None))

    def outdated(self, parser: str, after: int, limit: int, *, everything: bool = False) -> list[int]:
        """Messages with ids above `after`, in order, that today's parser or configuration may read otherwise.

        Those that another version of the parser has read, that could not be read, and those without a text that
        would be kept now. Or every message.
        """
        query = "SELECT id FROM message m WHERE m.id > ?1"
        if not everything:
            query += " AND (m.parser <> ?2 OR m.status = 'unparsed'"
            if self.keeps_unknown:
                query += " OR EXISTS (SELECT 1 FROM _facts_only f WHERE f.message_id = m.id)"
            query += ")"
        found = self._db.execute(f"{query} ORDER BY m.id LIMIT ?3", (after, parser, limit))
        return [message for (message,) in found]

    def to_read_again(self, limit: int) -> list[int]:
        """Messages that triggers, or the filing of a better copy, want read again from the vault."""
        query = "SELECT message_id FROM _read_again ORDER BY message_id LIMIT ?"
        return [message for (message,) in self._db.execute(query, (limit,))]

    def keeps_text(self, message: int) -> bool:
        """Is the text of this message kept? Not where only facts are, and rightly so."""
        bare = self._db.execute("SELECT 1 FROM _facts_only WHERE message_id = ?", (message,)).fetchone() is not None
        return not bare or self.keeps_unknown or message in Transaction(self._db).known([message])

    def worth_reading(self, message: int) -> bool:
        """Would reading the message again bring anything? Its text, what a better copy says, or that it is a copy of
        another one, which only its text tells.
        """
        copies = "SELECT count(*) FROM (SELECT 1 FROM envelope WHERE message_id = ? LIMIT 2)"
        return (
            self.keeps_text(message)
            or self._db.execute(copies, (message,)).fetchone()[0] > 1
            or bool(forwarded.undecided(self._db, message))
        )

    def erasures(self) -> Waiting:
        """What was removed here and waits to be erased elsewhere."""
        return erasures.waiting(self._db)

    def erased(
        self,
        mails: Iterable[VaultId],
        contents: Iterable[str],
        asked: Iterable[tuple[str, str]],
        alive: Callable[[], None] = lambda: None,
    ) -> int:
        """Take from that queue what is done; see `erasures.done`."""
        with self._locked(alive):
            return erasures.done(self._db, mails, contents, asked)

    def messages_of(self, mails: Iterable[VaultId]) -> dict[int, list[VaultId]]:
        """The messages that these mail objects brought, each with all mail objects that it came in."""
        found: dict[int, list[VaultId]] = {}
        rows = self._db.execute(
            "SELECT o.message_id, o.vault_id FROM envelope o WHERE o.message_id IN "
            "(SELECT e.message_id FROM json_each(?) w CROSS JOIN envelope e ON e.vault_id = w.value)",
            (json.dumps([str(each) for each in mails]),),
        )
        for message, text in rows:
            vault_id = VaultId.read(text)
            if vault_id is not None:
                found.setdefault(message, []).append(vault_id)
        return found

    def remove(self, messages: Iterable[int], alive: Callable[[], None] = lambda: None) -> int:
        """Take these messages back (`removal`). Returns how many there were."""
        wanted = list(messages)
        with self._locked(alive):
            for message in wanted:
                removal.bury(self._db, message)
            return len(removal.remove(self._db, wanted).messages)

    def settle(self, alive: Callable[[], None]) -> int:
        """Set right what a CRM's triggers could not, a little at a time. Returns 0 when nothing is left to do now."""
        alive()
        try:
            return int(relation.settle(self._db))
        except sqlite.OperationalError as error:
            if "locked" not in str(error):
                raise
            return 0  # a program holds the write lock; nothing here is urgent
