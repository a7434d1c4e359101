"""What a person takes back is gone, octet by octet, and stays away by whatever way it comes again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import Room

from relay.attribution.tombstone import FORGOTTEN
from relay.store import removal
from relay.store.connection import open_store

SECRET = "Krankschreibung Quarzuhr"
PRIVATE = {
    "from_": "Zacharias Quastenflosser <zacharias@privatpost.example>",
    "to": "Bob Baker <bob@example.org>",
    "subject": "Quastenflosser Diagnose",
    "text": f"Lieber Bob,\n{SECRET} im Anhang.\n",
    "message_id": "<geheimnis-771@privatpost.example>",
    "attach": {"attest-quastenflosser.pdf": b"ATTEST-INHALT-QUARZUHR" * 3000},
}
WORDS = (b"quastenflosser", b"quarzuhr", b"geheimnis-771", b"privatpost", b"zacharias")


def octets(room: Room) -> bytes:
    """All that is in the database's files."""
    with closing(open_store(room.path)) as db:
        assert db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    found = [path.read_bytes() for path in room.path.parent.glob("relay.db*")]
    return b"".join(found).lower()


def forget(room: Room, *ids: int, tombstone: bool = True) -> removal.Removed:
    with closing(open_store(room.path)) as db:
        db.execute("BEGIN IMMEDIATE")
        if tombstone:
            for each in ids:
                removal.bury(db, each)
        removed = removal.remove(db, ids)
        db.execute("COMMIT")
    room.settle()
    return removed


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_nothing_of_it_is_left_in_the_database(room: Room):
    room.sql("INSERT INTO lead (id, name) VALUES (1, 'Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    for number in range(60):
        room.file(message(message_id=f"<offer-{number}@example.org>", subject=f"Offer {number}"))
    [vault_id] = room.file(message(**PRIVATE))
    for number in range(60):
        room.file(message(message_id=f"<later-{number}@example.org>", subject=f"Later {number}"))
    [(secret,)] = room.rows("SELECT message_id FROM envelope WHERE vault_id = ?", str(vault_id))
    room.sql("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (?, 1)", secret)
    assert all(word in octets(room) for word in WORDS)
    seq = room.end_of_feed()

    removed = forget(room, secret)

    assert removed == removal.Removed((secret,), (vault_id,), ())
    assert [word for word in WORDS if word in octets(room)] == []
    assert ("message", secret, "delete") in room.told_since(seq)
    assert room.rows("SELECT outcome FROM _vault_outcome WHERE number = ?", vault_id.number) == [(FORGOTTEN,)]
    assert ("mail", str(vault_id)) in room.rows("SELECT kind, subject FROM _erasure")
    room.verify()
