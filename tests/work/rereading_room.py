"""A vault in memory and a database in a folder, with mail filed as an older parser would have read it.

The older reading is not a fake parser but its result: the records that today's code makes, changed by the
test (`older`), go through the real filing. Reading again is the real thing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from running import stranger

from relay import sqlite
from relay.attribution.compose import compose
from relay.attribution.record import Record
from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.mail.reading import parse
from relay.store.comparison import Compared
from relay.store.connection import open_store
from relay.store.filing import Filing
from relay.store.verify import verify
from relay.vault.writer import Vault
from relay.work.filer import Filer
from relay.work.note import Note
from relay.work.rebuilding import Source, prove
from relay.work.rereading import Reread, Rereader

CAPTURE = "crm@crm.example.org"
Older = Callable[[Sequence[Record]], Sequence[Record]]


class Shelf:
    """Accepted mail objects in memory: what is seen of a vault."""

    def __init__(self) -> None:
        self.mails: dict[VaultId, MailObject] = {}

    def put(self, content: bytes, *, sender: str = "bob@example.org") -> VaultId:
        number = len(self.mails) + 1
        envelope = Envelope(
            Address.read(sender),
            (Address("crm", "crm.example.org"),),
            Client("127.0.0.1", "client.example.org"),
            datetime(2026, 3, 3, tzinfo=UTC) + timedelta(seconds=number),
            "network",
        )
        vault_id = VaultId("0a1b2c3d", number)
        self.mails[vault_id] = MailObject(envelope, content)
        return vault_id

    def after(self, vault_id: VaultId | None, limit: int, max_octets: int) -> list[tuple[VaultId, MailObject]]:
        return [mail for mail in self.mails.items() if vault_id is None or mail[0] > vault_id][:limit]

    def get(self, vault_id: VaultId) -> MailObject | None:
        return self.mails.get(vault_id)


class Shelved(Shelf):
    """A shelf whose mail is in a real vault too, under the same ids."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def put(self, content: bytes, *, sender: str = "bob@example.org") -> VaultId:
        mail = self.mails.pop(super().put(content, sender=sender))
        vault = Vault.open(self._folder)
        try:
            vault_id = asyncio.run(vault.put(mail))
        finally:
            vault.close()
        self.mails[vault_id] = mail
        return vault_id


class Room:
    def __init__(self, folder: Path, *, keeps_unknown: bool = True, attachments_up_to: int = 0) -> None:
        self.path = folder / "relay.db"
        self.note = folder / "note"
        self.shelf = Shelf()
        self.keeps_unknown = keeps_unknown
        self._attachments_up_to = attachments_up_to
        with self.filing():
            pass  # the database is there from the start, for the CRM

    @contextlib.contextmanager
    def filing(self):
        with contextlib.closing(
            Filing(
                self.path,
                ["example.org"],
                [CAPTURE],
                keeps_unknown=self.keeps_unknown,
                attachments_up_to=self._attachments_up_to,
            )
        ) as filing:
            yield filing

    def file(self, *contents: bytes, older: Older | None = None, sender: str = "bob@example.org") -> list[VaultId]:
        """Accept these mails and file them, as an older parser read them if `older` says how."""
        ids = [self.shelf.put(content, sender=sender) for content in contents]
        with self.filing() as store, contextlib.closing(Note(self.note)) as note:
            if older is None:
                filer = Filer(self.shelf, store, note)
                while filer.step():
                    pass
                return ids
            for vault_id in ids:
                mail = self.shelf.mails[vault_id]
                records = older(compose(vault_id, mail, parse(mail.content), store.directory()))
                with store.writing() as transaction:
                    transaction.file(records, up_to=vault_id)
        return ids

    def again(self, *messages: int, dry_run: bool = False, **options: Any) -> list[Reread]:
        """Read these messages (without any: all) again."""
        wanted: Iterable[int] = messages or [i for (i,) in self.rows("SELECT id FROM message ORDER BY id")]
        with self.filing() as store, contextlib.closing(Note(self.note)) as note:
            return list(Rereader(self.shelf, store, note, **options).read(wanted, dry_run=dry_run))

    def settle(self) -> None:
        """What the filer does when there is time."""
        with self.filing() as store, contextlib.closing(Note(self.note)) as note:
            rereader = Rereader(self.shelf, store, note)
            while store.settle(lambda: None) or rereader.wanted():
                pass

    def sql(self, query: str, *arguments: object) -> list[list[Any]]:
        """As a CRM asks and writes: another process."""
        return stranger(self.path, query, *arguments)

    def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        db = open_store(self.path, read_only=True)
        with contextlib.closing(db):
            return db.execute(query, arguments).fetchall()

    def end_of_feed(self) -> int:
        return self.rows("SELECT coalesce(max(seq), 0) FROM change")[0][0]

    def told_since(self, seq: int) -> list[tuple[str, int, str]]:
        return self.rows("SELECT entity, entity_id, op FROM change WHERE seq > ? ORDER BY seq", seq)

    def verify(self, *, but: str = "") -> None:
        """The database keeps its promises (all `but` one), and no content is left that no part has."""
        db: sqlite.Connection = open_store(self.path)
        with contextlib.closing(db):
            assert [str(each) for each in verify(db) if each.name != but] == []
            orphans = "SELECT digest FROM blob WHERE digest NOT IN (SELECT digest FROM part)"
            assert db.execute(orphans).fetchall() == []
            empty = "SELECT id FROM thread WHERE id NOT IN (SELECT thread_id FROM message)"
            assert db.execute(empty).fetchall() == []
            astray = (
                "SELECT r.internet_message_id FROM _reference r JOIN message m ON m.id = r.message_id"
                " WHERE m.thread_id <> r.thread_id"
            )
            assert db.execute(astray).fetchall() == []

    def rebuilt(self, sample: int | None = None) -> Compared:
        """What the database made anew from the vault beside it (`Shelved`) has other than this one."""
        source = Source(self.path, self.path.parent / "vault", frozenset({"example.org"}), frozenset({CAPTURE}))
        return prove(source, sample=sample)

    def agrees(self) -> None:
        """`verify` finds nothing, and neither does making it anew."""
        self.verify()
        assert [str(each) for each in self.rebuilt().differences] == []

    def content(self) -> dict[str, list[Any]]:
        """All that a reader can see, without ids that depend on the order in which things came."""
        leads = (
            "SELECT m.subject, m.originated_at, lm.lead_id, lm.role, lm.deal_id, lm.reason FROM lead_message lm"
            " JOIN message m ON m.id = lm.message_id ORDER BY 1, 2, 3"
        )
        return {
            "message": self.rows(
                "SELECT internet_message_id, direction, direction_reason, automatic, subject, author_address,"
                " author_name, staff_id, originated_at, date_source, size, snippet, attachment_count, status, defects,"
                " parser FROM message ORDER BY subject, originated_at, internet_message_id, size"
            ),
            "text": self.rows("SELECT subject, text, quoted, html, note FROM message_text ORDER BY 1, 2, 3, 4, 5"),
            "parties": self.rows(
                "SELECT m.subject, m.internet_message_id, a.address, p.role, p.display_name, p.position,"
                " p.originated_at FROM message_address p JOIN message m ON m.id = p.message_id"
                " JOIN address a ON a.id = p.address_id ORDER BY 1, 2, 3, 7"
            ),
            "parts": self.rows(
                "SELECT m.subject, p.position, media_type, filename, content_id, p.size, digest, kind FROM part p"
                " JOIN message m ON m.id = p.message_id ORDER BY 1, 2, 7"
            ),
            "blobs": self.rows("SELECT digest, length(content) FROM blob ORDER BY 1"),
            "leads": self.rows(leads),
            "envelopes": self.rows(
                "SELECT e.vault_id, e.position, m.subject, m.originated_at, e.route, e.evidence, e.staff_id,"
                " (SELECT group_concat(forward_path) FROM envelope_recipient r WHERE r.envelope_id = e.id)"
                " FROM envelope e JOIN message m ON m.id = e.message_id ORDER BY 1, 2"
            ),
            "threads": sorted(
                sorted(members.split("\n"))
                for (members,) in self.rows(
                    "SELECT group_concat(subject || originated_at, char(10)) FROM message GROUP BY thread_id"
                )
            ),
            "references": self.rows(
                "SELECT r.internet_message_id, r.base_subject, m.subject FROM _reference r"
                " LEFT JOIN message m ON m.id = r.message_id ORDER BY 1, 2"
            ),
            "outcomes": self.rows("SELECT epoch, number, outcome FROM _vault_outcome ORDER BY 1, 2"),
            "identities": self.rows("SELECT fingerprint, nameless FROM _identity ORDER BY 1, 2"),
            "answers": self.rows("SELECT internet_message_id FROM _answer ORDER BY 1"),
        }
