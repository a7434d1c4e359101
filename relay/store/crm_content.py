"""What stands in relay.db that will hurt the CRM that wrote it: dates nobody can read, addresses that match nothing.

Only reads, and bounded: a finding names how many rows and a few of them. Where `verify` proves promises of
ours, this tells a CRM's builder what to change in theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from relay import sqlite
from relay.store import never_log
from relay.store.spelling import misspelt
from relay.store.verify import invariants, objects_of_ours, schema_differences

SHOWN = 3
"""Rows named in a finding: enough to find the fault in a program."""

COUNTED = 1000
"""Rows counted of one finding; more are "1000 or more"."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing: `what` was found, `why` it hurts, `todo`. `hurts` False: nothing is wrong, but know it."""

    name: str
    hurts: bool
    what: str
    why: str
    todo: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}: {self.why}; {self.todo}"


# name -> (query, what, why, what to do); the query's first column names the row.
_ROWS = {
    "deal-dates": (
        ("SELECT id FROM deal WHERE (opened_at IS NOT NULL AND opened_key IS NULL)"
        " OR (closed_at IS NOT NULL AND closed_key IS NULL)"),
        "deals with dates that cannot be read",
        "mail is not limited to the time of the deal",
        "write 'YYYY-MM-DD HH:MM:SS' in UTC, ISO 8601 or a Unix time; opened_key shows what was understood",
    ),
    "deal-outcome": (
        "SELECT id FROM deal WHERE outcome NOT IN ('won', 'lost')",
        "deals with another outcome than 'won', 'lost' or NULL",
        "any other word counts as closed",
        "write NULL while a deal is open",
    ),
    "address-of-ours": (
        "SELECT la.id FROM lead_address la JOIN staff_address s ON s.address_key = la.address_key",
        "addresses of leads that are a colleague's too",
        "an address of our people never puts mail on a lead",
        "delete them from lead_address (or from staff_address, if the person is no colleague)",
    ),
    "address-without-lead": (
        ("SELECT la.id FROM lead_address la WHERE NOT EXISTS (SELECT 1 FROM lead l WHERE l.id = la.lead_id)"
        " AND NOT EXISTS (SELECT 1 FROM _deleted_lead d WHERE d.lead_id = la.lead_id)"),
        "addresses of leads that do not exist",
        "their mail is on no timeline",
        "write the lead, or delete the addresses",
    ),
    "decision-without-subject": (
        ("SELECT e.id FROM explicit_attribution e WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.id = e.message_id)"
        " OR (NOT EXISTS (SELECT 1 FROM lead l WHERE l.id = e.lead_id)"
        " AND NOT EXISTS (SELECT 1 FROM _deleted_lead d WHERE d.lead_id = e.lead_id))"),
        "explicit_attribution rows whose message or lead does not exist",
        "they do nothing",
        "message_id is message.id, not the Message-ID; look up message_alias for one that was merged",
    ),
    "colleague-without-address": (
        ("SELECT s.id FROM staff s WHERE s.left_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM staff_address a WHERE a.staff_id = s.id)"),
        "colleagues without an address",
        "their mail cannot be told from a stranger's",
        "write staff_address, also for addresses at our own domains",
    ),
    "never-log-for-nobody": (
        ("SELECT id FROM never_log n WHERE n.staff_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM staff s WHERE s.id = n.staff_id)"),
        "never_log rows for a colleague who does not exist",
        "they keep no mail out",
        "staff_id is staff.id, NULL: everybody's mail",
    ),
    "merged-into-nothing": (
        ("SELECT l.id FROM lead l WHERE l.merged_into IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM lead x WHERE x.id = l.merged_into)"),
        "leads merged into one that does not exist",
        "they keep their mail until it does",
        "write the winner, or set merged_into NULL",
    ),
    "new-ids": (
        ("SELECT DISTINCT c.entity_id FROM (SELECT * FROM change ORDER BY seq DESC LIMIT 20000) c"
        " WHERE c.entity = 'lead' AND c.op = 'merge' AND NOT EXISTS (SELECT 1 FROM lead l WHERE l.id = c.entity_id)"),
        "leads that got a new id by INSERT OR REPLACE (or were deleted and inserted)",
        "mail, deals and decisions follow, but what you keep by lead.id elsewhere does not",
        "INSERT ... ON CONFLICT (external_id) DO UPDATE keeps the id",
    ),
}  # fmt: skip

_OF_INVARIANTS = {
    "crm-time": ("times that cannot be read", "programs that sort or compare by them are wrong",
                 "write 'YYYY-MM-DD HH:MM:SS' in UTC or ISO 8601"),
    "merge-circle": ("leads merged in a circle", "nobody can tell which of them is meant",
                     "set merged_into NULL on the one that stays"),
}  # fmt: skip

_MISSPELT = (
    "lead_address or staff_address rows that are no plain address",
    "no mail will ever match them",
    "write one address per row, without name, brackets or mailto:; `bcc-relay verify` names each",
)

_NEVER_LOG = (
    "never_log rows whose pattern nobody can read",
    "they keep no mail out",
    "write an address, @domain (that domain alone) or *.domain (with all below it)",
)

_KNOW = frozenset({"new-ids", "colleague-without-address"})


def content_findings(db: sqlite.Connection) -> Iterator[Finding]:
    """What the rows and the schema of relay.db show. `db`: of this program's version. Raises sqlite.Error."""
    for name, (query, what, why, todo) in _ROWS.items():
        rows = [str(row[0]) for row in db.execute(f"{query} LIMIT {COUNTED}")]
        if rows:
            yield _finding(name, rows, what, why, todo)
    wrong = [str(each.id) for each in islice(misspelt(db), COUNTED)]
    if wrong:
        yield _finding("address-form", wrong, *_MISSPELT)
    patterns = db.execute("SELECT id, pattern FROM never_log ORDER BY id")
    unreadable = list(map(str, never_log.unreadable(patterns)[:COUNTED]))
    if unreadable:
        yield _finding("never-log", unreadable, *_NEVER_LOG)
    for invariant in invariants():
        if invariant.name in _OF_INVARIANTS:
            rows = [" ".join(map(str, row)) for row in db.execute(invariant.query).fetchmany(COUNTED)]
            if rows:
                yield _finding(invariant.name, rows, *_OF_INVARIANTS[invariant.name])
    yield from _of_schema(db)


def _finding(name: str, rows: list[str], what: str, why: str, todo: str) -> Finding:
    more = ", ..." if len(rows) > SHOWN else ""
    number = f"{COUNTED} or more" if len(rows) >= COUNTED else str(len(rows))
    return Finding(name, name not in _KNOW, f"{what}: {number} (id {', '.join(rows[:SHOWN])}{more})", why, todo)


def _of_schema(db: sqlite.Connection) -> Iterator[Finding]:
    for difference in schema_differences(db):
        if "trigger" in difference.row:
            yield Finding(
                "trigger",
                True,
                f"trigger {difference.row['trigger']} on {difference.row['table']}",
                "it runs inside the relay's transactions, and when it fails mail is not filed",
                "drop it and follow the change feed",
            )
        else:
            yield Finding(
                "schema",
                True,
                f"{difference.row['kind']} {difference.row['name']} is missing or not as the relay made it",
                "what the contract promises does not hold",
                "restore it; keep columns of your own in x_ tables",
            )
    ours = {name for kind, name in objects_of_ours() if kind in ("table", "view")}
    for kind, name in db.execute("SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name"):
        if name in ours or name.startswith(("sqlite_", "_sqlite_")):
            continue
        if not name.startswith("x_"):
            yield Finding(
                "name",
                True,
                f"{kind} {name} is not ours and not named x_...",
                "a later version of the relay may want that name",
                f"rename it x_{name}",
            )
        if kind == "table":
            yield from _of_references(db, name, ours)


def _of_references(db: sqlite.Connection, table: str, ours: set[str]) -> Iterator[Finding]:
    rows = db.execute('SELECT DISTINCT "table", on_delete FROM pragma_foreign_key_list(?)', (table,)).fetchall()
    for referred, on_delete in rows:
        if referred in ours:
            yield Finding(
                "references",
                on_delete in ("CASCADE", "SET NULL", "SET DEFAULT"),
                f"{table} REFERENCES {referred} ON DELETE {on_delete}",
                "the relay does not enforce it, and INSERT OR REPLACE fires it although nothing is gone",
                "keep foreign keys off for it, or never use REPLACE",
            )
