"""The documented queries keep their plan: with statistics and without, whatever SQLite has learnt.

Times are measured by scripts/bench_store.py; a plan says the same on any machine.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.mailroom import Mailroom, day
from tests.store.stranger import Stranger

HIDDEN = "USING ROWID SEARCH ON TABLE lead FOR IN-OPERATOR"
TIMELINE = ["lm USING PRIMARY KEY (lead_id=?)", HIDDEN, "m USING INTEGER PRIMARY KEY (rowid=?)"]
DEEP = ["lm USING PRIMARY KEY (lead_id=? AND (originated_at,message_id)<(?,?))", *TIMELINE[1:]]
NEWEST = "ORDER BY originated_at DESC, message_id DESC LIMIT 50"
UNRESOLVED_PARTS = "u USING PRIMARY KEY"

QUERIES = {
    "newest 50 of a lead": (f"SELECT * FROM lead_timeline WHERE lead_id = 1 {NEWEST}", TIMELINE),
    "the same for programs that know who looks": (f"SELECT * FROM lead_timeline_all WHERE lead_id = 1 {NEWEST}", TIMELINE),
    "a deep page": (
        f"SELECT * FROM lead_timeline WHERE lead_id = 1 AND (originated_at, message_id) < ('2026-02-01', 5) {NEWEST}",
        DEEP,
    ),
    "leads of a message": (
        "SELECT lead_id FROM lead_message WHERE message_id = 1",
        ["lead_message USING COVERING INDEX lead_message_by_message (message_id=?)"],
    ),
    "a message on its timelines": (
        "SELECT * FROM lead_timeline WHERE message_id = 1",
        ["lm USING INDEX lead_message_by_message (message_id=?)", *TIMELINE[1:]],
    ),
    "newest over all leads": (
        f"SELECT * FROM lead_timeline {NEWEST}",
        ["lm USING INDEX lead_message_by_date", *TIMELINE[1:]],
    ),
    "a deep page over all leads": (
        f"SELECT * FROM lead_timeline WHERE (originated_at, message_id) < ('2026-02-01', 5) {NEWEST}",
        ["lm USING INDEX lead_message_by_date ((originated_at,message_id)<(?,?))", *TIMELINE[1:]],
    ),
    "last contact of every lead": (
        "SELECT lead_id, max(originated_at) FROM lead_message GROUP BY lead_id",
        ["lead_message"],
    ),
    "leads with their last contact": (
        "SELECT l.id, l.name, (SELECT max(originated_at) FROM lead_message x WHERE x.lead_id = l.id) FROM lead l ORDER BY l.id LIMIT 50",
        ["l", "x USING PRIMARY KEY (lead_id=?)"],
    ),
    "last contact by people": (
        "SELECT last_contact_at FROM lead_contact WHERE lead_id = 1",
        ["l USING INTEGER PRIMARY KEY (rowid=?)", "lm USING PRIMARY KEY (lead_id=?)", "m USING INTEGER PRIMARY KEY (rowid=?)"],
    ),
    "messages with or without a lead": (
        "SELECT m.id, lm.lead_id FROM message m LEFT JOIN lead_message lm ON lm.message_id = m.id ORDER BY m.originated_at DESC, m.id DESC LIMIT 50",
        ["m USING COVERING INDEX message_by_date", "lm USING COVERING INDEX lead_message_by_message (message_id=?)"],
    ),
    "leads with their mail": (
        ("SELECT l.id, m.subject FROM lead l LEFT JOIN lead_message lm ON lm.lead_id = l.id LEFT JOIN message m ON m.id = lm.message_id WHERE l.id = 5 "
        "ORDER BY lm.originated_at DESC LIMIT 50"),
        ["l USING INTEGER PRIMARY KEY (rowid=?)", "lm USING PRIMARY KEY (lead_id=?)", "m USING INTEGER PRIMARY KEY (rowid=?)"],
    ),
    "newest of the feed": ("SELECT * FROM change WHERE seq > 5 ORDER BY seq LIMIT 100", ["change USING INTEGER PRIMARY KEY (rowid>?)"]),
    "mail of an address": (
        "SELECT message_id FROM message_address WHERE address_id = 1 ORDER BY originated_at DESC LIMIT 50",
        ["message_address USING PRIMARY KEY (address_id=?)"],
    ),
    "parties of a message": ("SELECT * FROM message_address WHERE message_id = 1", ["message_address USING INDEX message_address_by_message (message_id=?)"]),
    "newest handed in by a colleague": (
        "SELECT envelope_id, subject FROM handed_in WHERE staff_id = 3 ORDER BY received_at DESC LIMIT 50",
        ["e USING INDEX envelope_by_staff (staff_id=?)", "m USING INTEGER PRIMARY KEY (rowid=?)"],
    ),
}  # fmt: skip


@pytest.fixture
def filled(mailroom: Mailroom) -> Path:
    """A small database of a shape that misleads: few leads, one of them with nearly everything."""
    for number in range(60):
        mailroom.message(
            f"p{number % 7}@x.example" if number % 5 == 0 else "anna@x.example", "rep@own.example", on=number
        )
    mailroom.db.execute("INSERT INTO lead (id) VALUES (1), (2), (3)")
    mailroom.db.execute("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example'), (2, 'p1@x.example')")
    (path,) = mailroom.db.execute("SELECT file FROM pragma_database_list WHERE name = 'main'").fetchone()
    mailroom.close()
    return Path(path)


def plan(crm: Stranger, sql: str) -> list[str]:
    steps = [str(row[3]) for row in crm(f"EXPLAIN QUERY PLAN {sql}")]
    return [
        step.removeprefix("SEARCH ").removeprefix("SCAN ")
        for step in steps
        if not step.startswith(("USE TEMP", "CORRELATED"))
    ]


STATISTICS = {
    "none": [],
    "of this database": ["ANALYZE"],
    # What ANALYZE wrote for a million messages on 100,000 leads, one of which has 100,000.
    "of a large one": [
        "ANALYZE",
        "DELETE FROM sqlite_stat1",
        (
            "INSERT INTO sqlite_stat1 VALUES ('message', 'message_by_internet_message_id', '1000000 1'), ('message', 'message_by_thread', '1000000 3'), "
            "('message', 'message_by_date', '1000000 1 1'), ('lead', 'sqlite_autoindex_lead_1', '100000 1001'), ('lead_message', 'lead_message_by_date', '750001 1 1'), "
            "('lead_message', 'lead_message_by_message', '750001 1 1'), ('lead_message', 'lead_message', '750001 13 1 1')"
        ),
        "ANALYZE sqlite_schema",
    ],
}


@pytest.mark.parametrize("messages", ["100", "1000000"])
@pytest.mark.parametrize("rows", ["100", "10000000"])
@pytest.mark.parametrize("leads", ["100", "1000000"])
def test_stale_statistics_do_not_make_sqlite_read_whole_tables(
    filled: Path, messages: str, rows: str, leads: str
) -> None:
    # 3.38 to 3.40 build a Bloom filter over all of a table, for a page of 50, when they believe that it is small.
    crm = Stranger(filled)
    try:
        crm("ANALYZE")
        crm("DELETE FROM sqlite_stat1")
        for table, index, stat in (
            ("message", "message_by_date", f"{messages} 1 1"),
            ("lead", "sqlite_autoindex_lead_1", f"{leads} 1"),
            ("lead_message", "lead_message", f"{rows} {int(rows) // 20} 1 1"),
            ("lead_message", "lead_message_by_date", f"{rows} 1 1"),
            ("lead_message", "lead_message_by_message", f"{rows} 1 1"),
            ("_unrelated", "_unrelated", f"{rows} 1 1"),
            ("envelope", "envelope_by_date", f"{rows} 1 1"),
        ):
            crm("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", table, index, stat)
        crm("ANALYZE sqlite_schema")
        for sql in (
            f"SELECT * FROM lead_timeline {NEWEST}",
            f"SELECT * FROM lead_timeline WHERE lead_id = 1 {NEWEST}",
            f"SELECT * FROM lead_timeline_all WHERE lead_id = 1 {NEWEST}",
            f"SELECT * FROM unresolved_message {NEWEST}",
            "SELECT * FROM handed_in ORDER BY received_at DESC LIMIT 50",
        ):
            steps = [str(row[3]) for row in crm(f"EXPLAIN QUERY PLAN {sql}")]
            assert not [step for step in steps if "BLOOM" in step or "AUTOMATIC" in step or step == "SCAN m"], (
                sql,
                steps,
            )
    finally:
        crm.close()


@pytest.mark.parametrize("statistics", STATISTICS)
def test_documented_queries_keep_their_plan(filled: Path, statistics: str) -> None:
    crm = Stranger(filled)
    try:
        for sql in STATISTICS[statistics]:
            crm(sql)
        for name, (sql, wanted) in QUERIES.items():
            steps = plan(crm, sql)
            assert len(steps) == len(wanted), (name, steps)
            for step, beginning in zip(steps, wanted, strict=True):
                assert step.startswith(beginning), (name, steps)
        # Unresolved mail is walked in the order of its date, without a sort over all of it.
        steps = [str(row[3]) for row in crm(f"EXPLAIN QUERY PLAN SELECT * FROM unresolved_message {NEWEST}")]
        assert steps[0] == "SCAN u", steps
        assert steps[-1] != "USE TEMP B-TREE FOR ORDER BY", steps
    finally:
        crm.close()


MISSING = {
    "of a lead": ("WHERE lead_id = 1", "lm USING PRIMARY KEY (lead_id=?)"),
    "of an answer": ("WHERE seen_in = 1", "lm USING INDEX lead_message_by_message (message_id=?)"),
    "since a day": ("WHERE seen_at >= '2026-02-01'", "lm USING INDEX lead_message_by_date (originated_at>?)"),
    "the newest": ("", "lm USING INDEX lead_message_by_date"),
}


@pytest.mark.parametrize("statistics", STATISTICS)
@pytest.mark.parametrize("asked", MISSING)
def test_what_never_came_is_asked_by_lead_answer_or_day_in_an_index(filled: Path, statistics: str, asked: str) -> None:
    crm = Stranger(filled)
    try:
        for sql in STATISTICS[statistics]:
            crm(sql)
        where, beginning = MISSING[asked]
        order = "" if "seen_in" in where else "ORDER BY seen_at DESC"
        steps = [str(row[3]) for row in crm(f"EXPLAIN QUERY PLAN SELECT * FROM missing_message {where} {order}")]
        assert steps[0].removeprefix("SEARCH ").removeprefix("SCAN ").startswith(beginning), steps
        assert not [step for step in steps if "BLOOM" in step or "AUTOMATIC" in step or "USE TEMP" in step], steps
        # nothing is read whole but our own domains
        assert {step for step in steps[1:] if step.startswith("SCAN")} <= {"SCAN c"}, steps
    finally:
        crm.close()


def test_pages_are_complete_and_without_repetition(filled: Path) -> None:
    crm = Stranger(filled)
    try:
        seen: list[list[object]] = []
        after: list[object] = [day(999), 0]
        while page := crm(
            "SELECT originated_at, message_id FROM lead_timeline WHERE lead_id = 1 AND (originated_at, message_id) < (?, ?) "
            "ORDER BY originated_at DESC, message_id DESC LIMIT 7",
            *after,
        ):
            seen += page
            after = page[-1]
        assert seen == crm(
            "SELECT originated_at, message_id FROM lead_message WHERE lead_id = 1 ORDER BY 1 DESC, 2 DESC"
        )
        assert len(seen) == 48
    finally:
        crm.close()
