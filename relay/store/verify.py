"""Verify: does relay.db keep its promises? Every difference is shown; there must be none.

Three kinds of questions: SQLite's own (is the file intact), the schema (are our tables, triggers and
views what we made, and has a stranger planted a trigger that would run as us), and the invariants in
`schema/invariants.sql`, which recompute the relation from the facts. Nothing is repaired here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from itertools import islice
from pathlib import Path

from relay import sqlite
from relay.log import log
from relay.store.connection import open_store
from relay.store.migrations import scripts, statements
from relay.store.spelling import at_our_domains, misspelt

SHOWN = 1000
"""Rows shown of one invariant: enough to see the pattern, few enough for a terminal."""

TOLD = 20
"""Differences of the schema told in the log at a start; `bcc-relay verify` shows all."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A query of invariants.sql: its `name`, the `sentence` that must hold, and the SQL that finds what does not."""

    name: str
    sentence: str
    query: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as promised: which invariant, its sentence, and the row that shows it."""

    name: str
    sentence: str
    row: dict[str, object]

    def __str__(self) -> str:
        return f"{self.name}: not so: {self.sentence}: " + ", ".join(f"{k}={v}" for k, v in self.row.items())


def invariants() -> list[Invariant]:
    """The queries of invariants.sql in order."""
    text = (resources.files("relay.store") / "schema" / "invariants.sql").read_text("utf-8")
    pieces = re.split(r"^-- ([a-z-]+): (.+)$", text, flags=re.MULTILINE)[1:]
    return [Invariant(*pieces[i : i + 3]) for i in range(0, len(pieces), 3)]


def verify(connection: sqlite.Connection, *, shown: int = SHOWN, domains: Iterable[str] = ()) -> Iterator[Difference]:
    """Every difference between the database and its promises, as it is found. `domains`: our own, as A-labels.

    Each question is one statement and so one snapshot: it may run beside everything else, and holds back
    the write-ahead log no longer than a question takes. A million messages take about 20 seconds.
    Threads are not judged while `settle` still has something to do.
    """
    yield from _intact(connection)
    yield from schema_differences(connection)
    for invariant in invariants():
        cursor = connection.execute(invariant.query)
        names = [column[0] for column in cursor.description]
        for row in cursor.fetchmany(shown):
            yield Difference(invariant.name, invariant.sentence, dict(zip(names, row, strict=True)))
        cursor.close()
    yield from _addresses(connection, domains, shown)


def _addresses(connection: sqlite.Connection, domains: Iterable[str], shown: int) -> Iterator[Difference]:
    """Addresses that a CRM wrote and that do nothing, or harm; how addresses are read is not told in SQL."""
    for each in islice(misspelt(connection), shown):
        row = {"entity": each.table, "id": each.id, "address": each.address, "write": each.better}
        yield Difference("address-spelling", "an address is written so that mail can match it, and one to a row", row)
    for lead, address in islice(at_our_domains(connection, domains), shown):
        sentence = "no lead has an address in our own domains ([company] domains)"
        yield Difference("address-of-ours", sentence, {"lead_id": lead, "address": address})


def _intact(connection: sqlite.Connection) -> Iterator[Difference]:
    for (said,) in connection.execute("PRAGMA integrity_check(100)"):
        if said != "ok":
            yield Difference("integrity", "the file is intact", {"said": said})


def schema_differences(connection: sqlite.Connection) -> Iterator[Difference]:
    """What differs from the schema of this program, apart from tables, views and indexes that a CRM added.

    A stranger's trigger on a table of ours counts: it would run in our transactions.
    """
    ours = _schema()
    found = {
        (kind, name): (table, sql)
        for kind, name, table, sql in connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")
    }
    tables = {name for kind, name in ours if kind == "table"}
    for key, sql in ours.items():
        kind, name = key
        if key not in found:
            yield Difference("schema", "nothing of ours is missing", {"kind": kind, "name": name})
        elif _words(found[key][1]) != _words(sql):
            yield Difference("schema", "what is ours is as we made it", {"kind": kind, "name": name})
    for (kind, name), (table, _) in found.items():
        if kind == "trigger" and (kind, name) not in ours and table in tables:
            yield Difference("schema", "no trigger of a stranger on our tables", {"trigger": name, "table": table})


def tell_strange_schema(path: Path) -> None:
    """Say in the log what is not as we made it; a stranger's trigger runs as us. Nothing is refused for it.

    To be called at each start, by a process that has time: it takes some 50 ms. Raises StoreError, sqlite.Error.
    """
    connection = open_store(path, read_only=True)
    try:
        for difference in islice(schema_differences(connection), TOLD):
            log().warning("store.strange_schema", **difference.row, why=f"not so: {difference.sentence}")
    finally:
        connection.close()


def objects_of_ours() -> set[tuple[str, str]]:
    """(kind, name) of every table, view, index and trigger that our schema files make."""
    return set(_schema())


def _schema() -> dict[tuple[str, str], str]:
    """(kind, name) -> SQL of everything that our schema files make, found out by making it in memory."""
    connection = sqlite.connect_memory()
    try:
        for _, script in scripts():
            for statement in statements(script):
                connection.execute(statement)
        made = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {(kind, name): sql for kind, name, sql in made if not name.startswith("sqlite_")}
    finally:
        connection.close()


def _words(sql: str | None) -> str:
    """SQL without its comments and line breaks."""
    return " ".join(re.sub(r"--[^\n]*", "", sql or "").split())
