"""Messages in the database, in one line each, the way filing writes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from relay import sqlite
from relay.attribution import tag
from relay.mail.address import Address, forms
from relay.store import relation
from relay.store.connection import open_store


def day(number: int) -> str:
    """A text time, a day apart for each number."""
    return f"2026-{1 + number // 28:02}-{1 + number % 28:02}T12:00:00.000Z"


class Mailroom:
    def __init__(self, path: Path) -> None:
        self.db: sqlite.Connection = open_store(path)
        self._days = 0

    def address(self, text: str) -> int:
        key, domain = text.lower(), text.rpartition("@")[2].lower()
        row = self.db.execute("SELECT id FROM address WHERE address = ?", (key,)).fetchone()
        if row:
            return row[0]
        made = self.db.execute("INSERT INTO address (address, domain) VALUES (?, ?)", (key, domain)).lastrowid
        assert made
        self.db.executemany(
            "INSERT INTO _address_form (form, address_id, rank) VALUES (?, ?, ?)",
            [(form, made, rank) for form, rank in forms(Address(text.rpartition("@")[0], domain))],
        )
        return made

    def thread(self) -> int:
        return self.db.execute("INSERT INTO thread (base_subject) VALUES ('')").lastrowid or 0

    def message(
        self,
        from_: str = "rep@own.example",
        to: Iterable[str] | str = (),
        cc: Iterable[str] | str = (),
        *,
        direction: str = "incoming",
        thread: int | None = None,
        on: int | None = None,
        relate: bool = True,
        tags: Iterable[str] = (),
        **columns: object,
    ) -> int:
        """Write a message with its parties, in one transaction. Returns its id.

        `tags`: as an address has them (`deal-42`), or as a subject has them (`[D-42]`).
        """
        self._days = self._days + 1 if on is None else on
        at = day(self._days)
        self.db.execute("BEGIN IMMEDIATE")
        columns = {
            "direction": direction,
            "originated_at": at,
            "received_at": at,
            "thread_id": thread or self.thread(),
            "author_address": from_,
            **columns,
        }
        made = self.db.execute(
            f"INSERT INTO message ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            list(columns.values()),
        ).lastrowid
        assert made
        parties = {}
        for role, given in (("from", from_), ("to", to), ("cc", cc)):
            for text in [given] if isinstance(given, str) else given:
                parties.setdefault(self.address(text), role)
        self.db.executemany(
            "INSERT INTO message_address (message_id, address_id, originated_at, role) VALUES (?, ?, ?, ?)",
            [(made, address, columns["originated_at"], role) for address, role in parties.items()],
        )
        asked = [("address", t) for text in tags if not text.startswith("[") for t in tag.read(text)]
        asked += [("subject", t) for text in tags for t in tag.in_subject(text)]
        self.db.executemany(
            "INSERT OR IGNORE INTO _message_tag (message_id, source, kind, value) VALUES (?, ?, ?, ?)",
            [(made, source, each.kind, each.value) for source, each in asked],
        )
        if relate:
            relation.relate(self.db, [made])
        self.db.execute("COMMIT")
        return made

    def settle(self) -> None:
        while relation.settle(self.db):
            pass

    def close(self) -> None:
        self.db.close()
