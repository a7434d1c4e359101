"""Pinned: mail filed once more, under the ids that its messages have already.

For rebuilding: two databases can only be compared if a message has one id in both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from relay import sqlite
from relay.attribution.record import Record
from relay.mail.envelope import VaultId
from relay.store.facts import Transaction
from relay.store.rows import Batch


class Pinned(Transaction):
    """Files records under the ids that their messages have already.

    `ids`: (vault id, position) -> message.id; `merged`: messages into which others were merged, whatever the
    copies say of themselves.
    """

    def __init__(
        self, connection: sqlite.Connection, ids: Mapping[tuple[VaultId, int], int], merged: Collection[int]
    ) -> None:
        super().__init__(connection)
        self._ids = ids
        self._merged = merged
        # What is not pinned gets an id that nobody has.
        self._db.execute("DELETE FROM sqlite_sequence WHERE name = 'message'")
        self._db.execute(
            "INSERT INTO sqlite_sequence (name, seq) VALUES ('message', ?)", (max(ids.values(), default=0),)
        )

    def _identified(self, records: list[Record]) -> Batch:
        batch = super()._identified(records)
        given: dict[int, int] = {}  # what the filer would have called it -> what it is called
        for place, record in enumerate(records):
            mine = batch.ids[place]
            wanted = self._ids.get((record.vault_id, record.position))
            if mine in given or wanted is None or not batch.new[place]:
                continue
            taken = (
                wanted in given.values()
                or self._db.execute("SELECT 1 FROM message WHERE id = ?", (wanted,)).fetchone() is not None
            )
            if not taken:
                given[mine] = wanted
            elif wanted in self._merged:
                given[mine] = wanted
                batch.new[place] = False
                self._db.execute("DELETE FROM _identity WHERE message_id = ?", (mine,))
        # In two steps: one's old id may be another's new one.
        self._db.executemany(
            "UPDATE _identity SET message_id = -? WHERE message_id = ?", [(new, old) for old, new in given.items()]
        )
        self._db.execute("UPDATE _identity SET message_id = -message_id WHERE message_id < 0")
        batch.ids = [given.get(i, i) for i in batch.ids]
        return batch
