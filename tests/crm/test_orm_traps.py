"""What a model made from the database would write and must not: the manual names every such column."""

from __future__ import annotations

import re
from pathlib import Path

from running import Relay

MANUAL = (Path(__file__).parents[2] / "docs" / "crm.md").read_text(encoding="utf-8")
SECTION = MANUAL[MANUAL.index("## With an ORM") : MANUAL.index("## A person's word")]


def tables_of_a_crm() -> list[str]:
    """Those that rule 4 says a CRM writes."""
    rule = MANUAL[MANUAL.index("4. **Write `lead`") : MANUAL.index("5. **Ids")]
    return re.findall(r"`([a-z_]+)`", rule[: rule.index("read\n")])


def test_columns_that_a_model_must_leave_out_are_named(tmp_path: Path) -> None:
    relay = Relay(tmp_path / "relay")
    relay.say("lead", "add", "Anna")
    tables = tables_of_a_crm()
    assert len(tables) == 8
    left_out = {
        name
        for table in tables
        for name, hidden, default in relay.sql("SELECT name, hidden, dflt_value FROM pragma_table_xinfo(?)", table)
        if hidden or default is not None
    }
    told = set(re.findall(r"`([a-z_]+)`", SECTION))
    # What is left are words of people, which a form asks for all the same.
    assert left_out - told <= {"role", "verdict", "reason", "mode"}
    assert {"address_key", "opened_key", "closed_key", "created_at", "status"} <= left_out & told


def test_what_a_model_of_the_rest_writes_has_its_defaults(tmp_path: Path) -> None:
    relay = Relay(tmp_path / "relay")
    relay.say("lead", "add", "Anna", "anna@lead.example")
    relay.sql("INSERT INTO lead (external_id, name, organization) VALUES ('K-1', 'Rosa', NULL)")
    relay.sql("INSERT INTO lead_address (lead_id, address) VALUES (2, ' Rosa@Lead.example')")
    relay.sql("INSERT INTO deal (lead_id, title, opened_at) VALUES (2, 'roof', '2026-03-02 10:15:00.123456')")
    assert relay.sql("SELECT status, length(created_at), length(updated_at) FROM lead WHERE id = 2") == [
        ["open", 24, 24]
    ]
    assert relay.sql("SELECT address_key FROM lead_address WHERE lead_id = 2") == [["rosa@lead.example"]]
    assert relay.sql("SELECT kind, opened_key FROM deal") == [["deal", "2026-03-02T10:15:00.123Z"]]
    relay.verify()
