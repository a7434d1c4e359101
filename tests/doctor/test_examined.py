"""What doctor asks of the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from relay import sqlite
from relay.health.exposed import exposed
from relay.mail.envelope import VaultId
from relay.store import accounts, examined
from relay.store.connection import open_store

WHEN = "2026-03-14T12:00:00.000Z"


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite.Connection]:
    opened = open_store(tmp_path / "relay.db")
    opened.execute("INSERT INTO staff (id, name) VALUES (1, 'Bob'), (2, 'Kim')")
    opened.execute("INSERT INTO staff (id, name, left_at) VALUES (3, 'Gone', '2020-01-01')")
    opened.execute(
        "INSERT INTO staff_address (staff_id, address) VALUES (1, 'Bob@Example.ORG'), (2, 'kim@home.example'), (3, 'g@x.example')"
    )
    yield opened
    opened.close()


def envelope(db: sqlite.Connection, number: int, staff: int, seen: int) -> None:
    db.execute(
        "INSERT INTO envelope (id, vault_id, message_id, route, received_at) VALUES (?, ?, 7, 'bcc', ?)",
        (number, f"0a0b0c0d-{number}", WHEN),
    )
    db.execute("INSERT INTO envelope_owner (envelope_id, staff_id, seen) VALUES (?, ?, ?)", (number, staff, seen))


def test_our_people_are_those_who_have_not_left(db: sqlite.Connection) -> None:
    assert examined.our_people(db) == [(1, "Bob", "bob@example.org"), (2, "Kim", "kim@home.example")]


def test_only_who_was_seen_openly_is_told(db: sqlite.Connection) -> None:
    assert examined.seen_openly(db) == []
    envelope(db, 1, staff=1, seen=0)
    envelope(db, 2, staff=2, seen=1)
    assert examined.seen_openly(db) == [(2, "Kim", WHEN)]


def test_a_personal_address_is_exposed_from_its_being_seen_until_another_is_given_out(
    db: sqlite.Connection, tmp_path: Path
) -> None:
    envelope(db, 1, staff=1, seen=1)
    assert exposed(db, tmp_path) == [], "Bob has none (any more)"
    given = accounts.place(tmp_path)
    accounts.give_address(db, given, 1, datetime(2026, 3, 13, tzinfo=UTC), rotate=False)
    assert exposed(db, tmp_path) == [{"staff_id": 1, "name": "Bob", "seen_at": WHEN}]
    accounts.give_address(db, given, 1, datetime(2026, 3, 15, tzinfo=UTC), rotate=True)
    assert exposed(db, tmp_path) == []
    given.write_text("damaged")
    assert exposed(db, tmp_path) is None, "nobody can tell"


def test_what_became_of_a_mail_and_when_the_newest_came(db: sqlite.Connection) -> None:
    assert examined.newest_capture(db) is None
    vault_id = VaultId.read("0a0b0c0d-1")
    assert vault_id is not None
    assert examined.outcome(db, vault_id) is None
    envelope(db, 1, staff=1, seen=0)
    db.execute("INSERT INTO _vault_outcome (epoch, number, outcome) VALUES ('0a0b0c0d', 1, 'filed')")
    assert examined.outcome(db, vault_id) == ("filed", [7])
    assert examined.newest_capture(db) == datetime(2026, 3, 14, 12, tzinfo=UTC)
