"""The oldest SQLite that the contract promises, 3.31.1, loads the schema and fires every trigger."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from relay.store.migrations import scripts, statements

AT = "2026-01-01T00:00:00.000Z"


@pytest.fixture(scope="module")
def old_sqlite(tmp_path_factory: pytest.TempPathFactory):
    if not (shutil.which("node") and shutil.which("npm")):
        assert not os.environ.get("CI"), "CI needs node and npm: apt-get install nodejs npm"
        pytest.skip("needs node and npm (apt-get install nodejs npm) for SQLite 3.31.1 as sql.js")
    folder = tmp_path_factory.mktemp("sqljs")
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefer-offline", "sql.js@1.2.2"]
    (folder / "package.json").write_text("{}")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        assert not os.environ.get("CI"), done.stderr
        pytest.skip("npm could not install sql.js@1.2.2: " + done.stderr[:200])

    def run(*steps: str) -> list[list[list[object]]]:
        schema = [statement for _, script in scripts() for statement in statements(script)]
        done = subprocess.run(
            ["node", str(Path(__file__).with_name("old_sqlite.mjs"))],
            cwd=folder, input=json.dumps({"schema": schema, "steps": steps}), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_it_is_that_version_and_keeps_the_relation(old_sqlite) -> None:
    version, *_, first, second, moved, off, on, gone, whole = old_sqlite(
        "SELECT sqlite_version()",
        "INSERT INTO address (address, domain) VALUES ('anna@x.example', 'x.example'), ('anna+y@x.example', 'x.example')",
        "INSERT INTO _address_form VALUES ('anna@x.example', 1, 0), ('anna+y@x.example', 2, 0), ('anna@x.example', 2, 1)",
        f"INSERT INTO message (direction, originated_at, received_at) VALUES ('incoming', '{AT}', '{AT}'), ('outgoing', '{AT}', '{AT}')",
        f"INSERT INTO message_address (message_id, address_id, originated_at, role) VALUES (1, 1, '{AT}', 'from'), (2, 2, '{AT}', 'to')",
        "INSERT INTO lead (name, external_id) VALUES ('Anna', 'x1')",
        "INSERT INTO lead_address (lead_id, address) VALUES (1, char(9) || 'ANNA@x.example ')",
        "SELECT lead_id, message_id, role, reason FROM lead_timeline ORDER BY message_id",
        "INSERT INTO lead_address (lead_id, address) VALUES (2, 'anna+y@x.example'); SELECT lead_id, message_id FROM lead_message ORDER BY 1",
        "INSERT OR REPLACE INTO lead (name, external_id) VALUES ('Anne', 'x1'); SELECT lead_id, message_id FROM lead_message ORDER BY message_id DESC",
        "INSERT INTO staff_address (staff_id, address) VALUES (1, 'anna@x.example'); SELECT count(*) FROM lead_message",
        "DELETE FROM staff_address; SELECT count(*) FROM lead_message",
        "INSERT INTO explicit_attribution (message_id, lead_id, verdict) VALUES (1, 2, 'detach'); SELECT lead_id, message_id FROM lead_message",
        "PRAGMA integrity_check",
    )
    assert version == [["3.31.1"]]
    assert first == [[1, 1, "from", "address"], [1, 2, "to", "address"]]
    assert second == [[1, 1], [2, 2]]
    # The replaced lead has a new id (2); what was on the old one is on it now.
    assert moved == [[2, 2], [2, 1]]
    assert (off, on, gone) == ([[0]], [[2]], [[2, 2]])
    assert whole == [["ok"]]


def test_every_view_can_be_read_and_every_deal_date(old_sqlite) -> None:
    views = [name for _, s in scripts() for name in re.findall(r"^CREATE VIEW (\w+)", s, re.MULTILINE)]
    assert len(views) > 10
    *_, contract, deal = old_sqlite(
        *(f"SELECT * FROM {view}" for view in views),
        "SELECT major, minor, length(feed_id) FROM contract",
        "INSERT INTO deal (lead_id, opened_at, closed_at) VALUES (1, '2026-05-01', '2026-05-02 10:30:00'); SELECT opened_key, closed_key FROM deal",
    )
    assert contract == [[1, 0, 16]]
    assert deal == [["2026-05-01T00:00:00.000Z", "2026-05-02T10:30:00.000Z"]]
