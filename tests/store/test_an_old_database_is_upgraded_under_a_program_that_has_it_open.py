from __future__ import annotations

from pathlib import Path

import pytest

from relay.store import migrations
from relay.store.connection import open_store
from relay.store.migrations import prepare
from relay.store.verify import verify
from tests.store.stranger import Stranger

AT = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """relay.db as the first release made it (schema 1 to 4), with data."""
    path = tmp_path / "relay.db"
    with monkeypatch.context() as patch:
        first = [each for each in migrations.scripts() if each[0] < "0005"]
        patch.setattr(migrations, "scripts", lambda: first)
        patch.setattr(migrations, "VERSION", len(first))
        prepare(path)
    crm = Stranger(path)
    crm("INSERT INTO address (address, domain) VALUES ('anna@x.example', 'x.example')")
    crm("INSERT INTO _address_form VALUES ('anna@x.example', 1, 0)")
    crm(f"INSERT INTO message (direction, originated_at, received_at) VALUES ('incoming', '{AT}', '{AT}')")
    crm(f"INSERT INTO message_address (message_id, address_id, originated_at, role) VALUES (1, 1, '{AT}', 'from')")
    crm("INSERT INTO lead (external_id) VALUES ('c-1'), ('c-2')")
    crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example')")
    crm("INSERT INTO deal (lead_id, opened_at) VALUES (1, 'tomorrow'), (1, 1763805600), (1, '2026-05-01')")
    crm("CREATE TABLE x_color (lead_id INTEGER REFERENCES lead(id), color)")
    crm("CREATE INDEX x_deal ON deal (title)")
    crm("CREATE TRIGGER x_spy AFTER INSERT ON deal BEGIN INSERT INTO x_color VALUES (NEW.lead_id, 'new'); END")
    crm.close()
    return path


def test_it_keeps_all_and_the_program_goes_on_in_the_new_one(old: Path) -> None:
    crm = Stranger(old)
    timeline = "SELECT lead_id, message_id FROM lead_timeline"
    assert crm(timeline) == [[1, 1]]
    keys = "SELECT opened_key FROM deal ORDER BY id"
    assert crm(keys) == [[None], [None], ["2026-05-01T00:00:00.000Z"]]
    prepare(old)
    # the same connection, with statements that it prepared before
    assert crm(timeline) == [[1, 1]]
    assert crm(keys) == [
        [None],
        ["2025-11-22T10:00:00.000Z"],
        ["2026-05-01T00:00:00.000Z"],
    ]
    assert crm("SELECT * FROM ambiguous_deal") == []
    crm("INSERT INTO deal (lead_id, title) VALUES (1, 'Boat')")
    assert crm("SELECT * FROM x_color") == [[1, "new"]], "a trigger and an index of the CRM's are still there"
    crm("UPDATE lead SET merged_into = 2 WHERE id = 1")
    assert crm(timeline) == [[2, 1]]
    crm("INSERT OR REPLACE INTO lead (external_id) VALUES ('c-2')")
    assert crm(timeline) == [[3, 1]]
    assert crm("PRAGMA integrity_check") == [["ok"]]
    crm.close()
    db = open_store(old)
    differences = {d.name for d in verify(db)}
    db.close()
    assert differences <= {"schema", "deal-time", "unsettled"}, "the planted trigger, the date 'tomorrow'"


def test_while_it_reads_a_snapshot_or_is_about_to_write(old: Path) -> None:
    reader, writer = Stranger(old), Stranger(old)
    reader("BEGIN")
    assert reader("SELECT count(*) FROM lead") == [[2]]
    prepare(old)
    assert reader("SELECT count(*) FROM lead_timeline") == [[1]], "its own snapshot"
    reader("COMMIT")
    writer("BEGIN IMMEDIATE")
    writer("INSERT INTO lead (external_id) VALUES ('c-3')")
    writer("COMMIT")
    assert reader("SELECT count(*) FROM lead") == [[3]]
    for each in (reader, writer):
        each.close()


def test_an_upgraded_database_and_a_new_one_are_the_same(old: Path, tmp_path: Path) -> None:
    prepare(old)
    new = tmp_path / "new.db"
    prepare(new)
    schema = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'x_%' ORDER BY type, name"
    upgraded, made = open_store(old), open_store(new)
    assert upgraded.execute(schema).fetchall() == made.execute(schema).fetchall()
    upgraded.close()
    made.close()
