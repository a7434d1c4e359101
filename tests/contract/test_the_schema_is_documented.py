from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from relay.store.migrations import scripts
from tests.store.mailroom import Mailroom

ROOT = Path(__file__).resolve().parents[2]


def test_schema_md_is_what_the_sql_says_and_every_column_has_a_comment() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "schema-docs", "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_schema_md_names_every_column_of_the_database_and_no_other(mailroom: Mailroom) -> None:
    text = (ROOT / "docs" / "schema.md").read_text("utf-8")
    told = {
        title: re.findall(r"^\| `(\w+)` \|", body, re.MULTILINE)
        for title, body in re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    }
    objects = mailroom.db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')").fetchall()
    there = {
        name: [row[1] for row in mailroom.db.execute(f"PRAGMA table_xinfo({name})")]
        for (name,) in objects
        if not name.startswith(("sqlite_", "_sqlite_", "_do_"))
    }
    assert told == there


def test_the_comments_are_in_the_database_itself(mailroom: Mailroom) -> None:
    for name, sql in mailroom.db.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'view')"):
        if not name.startswith(("sqlite_", "_sqlite_")):
            for column in mailroom.db.execute(f"PRAGMA table_xinfo({name})").fetchall():
                assert re.search(rf"^(?:  |.*, ){column[1]}\b.*(?:-- \S|/\* \S)", sql, re.MULTILINE), (name, column[1])


def test_django_can_read_it(mailroom: Mailroom) -> None:
    # Its inspectdb and migrations cut a table's SQL at ", " and fail where a piece is a single character.
    for name, sql in mailroom.db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql <> ''"):
        for piece in sql.partition("(")[2].strip("()").split(", "):
            assert piece[1:].split(), (name, piece)


def test_no_column_of_the_contract_is_missing(mailroom: Mailroom) -> None:
    contract = {
        "lead": "id external_id name organization status owner_staff_id merged_into extra created_at updated_at",
        "lead_address": "id lead_id address address_key added_at",
        "staff": "id name role manager_id left_at",
        "staff_address": "id staff_id address address_key",
        "deal": "id external_id lead_id title kind stage outcome opened_at closed_at created_at updated_at",
        "explicit_attribution": "id message_id lead_id deal_id verdict reason decided_by decided_at",
        "dismissal": "message_id dismissed_by dismissed_at",
        "never_log": "id pattern mode staff_id added_by added_at",
        "lead_message": "lead_id message_id originated_at role deal_id reason",
        "message": "id internet_message_id thread_id direction direction_reason automatic subject author_address author_name staff_id originated_at "
        "date_source received_at size snippet attachment_count visibility status defects parser",
        "message_text": "message_id subject text quoted html note",
        "address": "id address domain bounced_at",
        "message_address": "message_id address_id originated_at role display_name",
        "part": "id message_id position media_type filename content_id size digest kind",
        "blob": "digest content",
        "envelope": "id vault_id position message_id route reverse_path client tls admitted_by staff_id received_at",
        "envelope_recipient": "envelope_id forward_path",
        "thread": "id base_subject",
        "message_alias": "old_id message_id",
        "change": "seq at entity entity_id op lead_id",
        "audit": "id at",
        "lead_timeline": "lead_id message_id originated_at role deal_id reason thread_id direction automatic subject author_address author_name staff_id snippet attachment_count",
        "lead_timeline_all": "lead_id message_id originated_at role deal_id reason thread_id direction automatic subject author_address author_name staff_id snippet attachment_count visibility",
        "unresolved_message": "message_id originated_at received_at direction subject author_address party_address party_name party_count staff_id snippet why",
        "unknown_address": "address domain display_name message_count last_at",
        "handed_in": "staff_id envelope_id message_id received_at route subject lead_count why defects",
        "ambiguous_deal": "lead_id message_id deal_count",
        "disputed_tag": "message_id tag lead_id",
        "address_health": "address bounced_at bounce_reason absent_until left_at",
        "lead_address_health": "lead_id lead_address_id address bounced_at bounce_reason absent_until left_at",
        "lead_contact": "lead_id last_incoming_at last_outgoing_at last_contact_at first_incoming_at first_outgoing_at incoming_count outgoing_count",
        "missing_message": "internet_message_id lead_id staff_id seen_in seen_at",
        "contract": "major minor feed_id oldest_seq",
    }
    for table, columns in contract.items():
        there = [row[1] for row in mailroom.db.execute(f"PRAGMA table_xinfo({table})")]
        assert there[: len(columns.split())] == columns.split(), table


def test_nothing_newer_than_sqlite_3_31_and_nothing_of_ours_is_needed() -> None:
    schema = "\n".join(re.sub(r"--[^\n]*", "", script) for _, script in scripts())
    for forbidden in (
        "MATERIALIZED",
        "iif(",
        "RETURNING",
        "->",
        "unixepoch(",
        "DISTINCT FROM",
        "STRICT",
        "REFERENCES",
        "VIRTUAL TABLE",
        "json_",
        "COLLATE",
    ):
        assert forbidden.lower() not in schema.lower(), forbidden
