"""Measure the contract database: reading and filing, empty and with a million messages.

    .venv/bin/python scripts/bench_store.py [--messages 1000000] [--leads 100000] [--search] [--folder DIR]

Makes a database with set-based SQL (about a minute for a million), asks the documented queries, and files batches
into an empty and into the large store in turn, so that the figures can be compared whatever else the machine does.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from relay import sqlite
from relay.store import relation
from relay.store.connection import open_store
from relay.store.question import open_search, search
from relay.store.search import Indexer

WORDS = [
    "offer",
    "invoice",
    "meeting",
    "garden",
    "blue",
    "contract",
    "delivery",
    "monday",
    "price",
    "engine",
    "letter",
    "summer",
    "report",
    "project",
    "hello",
]

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
AT = "strftime('%Y-%m-%dT%H:%M:%fZ', 1600000000 + i * 97, 'unixepoch')"

# Every tenth message is on lead 1; of the others, three quarters on one of the other leads, the rest on none.
PARTY = "CASE WHEN i % 10 = 0 THEN 1 WHEN i % 4 <> 1 THEN 2 + (i * 7919) % ({leads} - 1) ELSE {leads} + 1 + (i * 104729) % ({leads} / 2) END"


def generate(db: sqlite.Connection, messages: int, leads: int) -> None:
    """Leads with one address each, half as many strangers, 50 colleagues; messages with two parties, some with three."""
    addresses = leads + leads // 2
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO _company_domain (domain) VALUES ('own.example')")
    db.execute(
        f"{NUMBERS.format(first=1, last=addresses)} INSERT INTO address (id, address, domain) "
        "SELECT i, 'person' || i || '@company' || (i % 5000) || '.example', 'company' || (i % 5000) || '.example' FROM n"
    )
    db.execute(
        f"{NUMBERS.format(first=1, last=50)} INSERT INTO address (id, address, domain) "
        f"SELECT {addresses} + i, 'rep' || i || '@own.example', 'own.example' FROM n"
    )
    db.execute("INSERT INTO _address_form (form, address_id, rank) SELECT address, id, 0 FROM address")
    db.execute(
        "INSERT INTO staff_address (staff_id, address) SELECT id, address FROM address WHERE domain = 'own.example'"
    )
    db.execute(f"{NUMBERS.format(first=1, last=leads)} INSERT INTO lead (id, name) SELECT i, 'Lead ' || i FROM n")
    db.execute(f"INSERT INTO lead_address (lead_id, address) SELECT id, address FROM address WHERE id <= {leads}")
    db.execute("COMMIT")
    step = 50_000
    for first in range(1, messages + 1, step):
        last = min(first + step - 1, messages)
        numbers, party = NUMBERS.format(first=first, last=last), PARTY.format(leads=leads)
        db.execute("BEGIN IMMEDIATE")
        db.execute(f"{numbers} INSERT INTO thread (id) SELECT i FROM n WHERE i % 3 = 0 OR i = 1")
        db.execute(
            f"{numbers} INSERT INTO message (id, internet_message_id, thread_id, direction, subject, author_address, "
            f"originated_at, received_at, snippet) SELECT i, i || '@mail.example', i - i % 3 + (i < 3), "
            f"CASE i % 2 WHEN 0 THEN 'incoming' ELSE 'outgoing' END, 'Subject of the offer ' || i, "
            f"'person' || ({party}) || '@company' || (({party}) % 5000) || '.example', {AT}, {AT}, "
            "'The first words of a mail that somebody wrote, as many as fit on the line of a list' FROM n"
        )
        db.execute(
            f"{numbers} INSERT INTO message_address (message_id, address_id, originated_at, role, display_name) "
            f"SELECT i, {party}, {AT}, CASE i % 2 WHEN 0 THEN 'from' ELSE 'to' END, 'Person' FROM n"
        )
        db.execute(
            f"{numbers} INSERT INTO message_address (message_id, address_id, originated_at, role, display_name) "
            f"SELECT i, {addresses} + 1 + i % 50, {AT}, CASE i % 2 WHEN 1 THEN 'from' ELSE 'to' END, 'Rep' FROM n"
        )
        for start in range(first, last + 1, 2000):
            relation.relate(db, range(start, min(start + 2000, last + 1)))
        db.execute("COMMIT")
    if messages:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def timed(run: Callable[[], object], times: int = 7) -> float:
    """Median milliseconds, the first run left out (it reads the disk)."""
    took = []
    for _ in range(times + 1):
        begun = time.perf_counter()
        run()
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took[1:])


QUERIES = {
    "newest 50 of a lead with a tenth of all": "SELECT * FROM lead_timeline WHERE lead_id = 1 ORDER BY originated_at DESC, message_id DESC LIMIT 50",
    "a page from its middle": "SELECT * FROM lead_timeline WHERE lead_id = 1 AND (originated_at, message_id) < ('2021-12-01T00:00:00.000Z', 0) ORDER BY originated_at DESC, message_id DESC LIMIT 50",
    "its last page": "SELECT * FROM lead_timeline WHERE lead_id = 1 AND (originated_at, message_id) < ('2020-09-15T00:00:00.000Z', 0) ORDER BY originated_at DESC, message_id DESC LIMIT 50",
    "newest 50 of an ordinary lead": "SELECT * FROM lead_timeline WHERE lead_id = 777 ORDER BY originated_at DESC, message_id DESC LIMIT 50",
    "leads of a message": "SELECT lead_id FROM lead_message WHERE message_id = 1000",
    "newest 50 over all leads": "SELECT * FROM lead_timeline ORDER BY originated_at DESC, message_id DESC LIMIT 50",
    "newest 50 unresolved": "SELECT * FROM unresolved_message ORDER BY originated_at DESC, message_id DESC LIMIT 50",
    "newest 50 handed in": "SELECT * FROM handed_in ORDER BY received_at DESC, envelope_id DESC LIMIT 50",
    "newest 50 messages LEFT JOIN lead_message": "SELECT m.id, m.subject, lm.lead_id FROM message m LEFT JOIN lead_message lm ON lm.message_id = m.id ORDER BY m.originated_at DESC, m.id DESC LIMIT 50",
    "last contact of one lead": "SELECT max(originated_at) FROM lead_message WHERE lead_id = 777",
}
SLOW = {
    "last contact of every lead": "SELECT lead_id, max(originated_at) FROM lead_message GROUP BY lead_id",
    "messages of the big lead, counted": "SELECT count(*) FROM lead_timeline WHERE lead_id = 1",
    "50 unknown addresses, newest first": "SELECT * FROM unknown_address ORDER BY last_at DESC LIMIT 50",
    "unresolved, counted": "SELECT count(*) FROM unresolved_message",
}


class Files:
    """Files batches as the filer does, with what it writes besides the relation."""

    def __init__(self, db: sqlite.Connection, leads: int) -> None:
        self.db, self.leads = db, leads
        self.next = db.execute("SELECT coalesce(max(id), 0) + 1 FROM message").fetchone()[0]
        self.related = 0.0

    def batch(self, size: int) -> None:
        db, ids = self.db, range(self.next, self.next + size)
        self.next += size
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(1800000000 + self.next)) + ".000Z"
        count = db.execute("SELECT count(*) FROM address WHERE id > ?", (self.leads,)).fetchone()[0] and self.leads
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO thread (id) VALUES (?)", [(i,) for i in ids])
        db.executemany(
            "INSERT INTO message (id, internet_message_id, thread_id, direction, subject, originated_at, received_at, snippet) VALUES (?,?,?,'incoming',?,?,?,?)",
            [(i, f"{i}@new.example", i, f"Subject {i}", at, at, "The first words " * 5) for i in ids],
        )
        db.executemany(
            "INSERT INTO message_text (message_id, subject, text) VALUES (?, '', ?)",
            [(i, " ".join(WORDS[(i * k) % len(WORDS)] for k in range(200))) for i in ids],
        )
        db.executemany(
            "INSERT INTO message_address (message_id, address_id, originated_at, role) VALUES (?, ?, ?, ?)",
            [
                row
                for i in ids
                for row in (
                    (i, 1 + (i * 7919) % (count or 1), at, "from"),
                    (i, self.leads + self.leads // 2 + 1 + i % 50, at, "to"),
                )
            ],
        )
        db.executemany("INSERT INTO _reference VALUES (?, 's', ?, ?)", [(f"{i}@new.example", i, i) for i in ids])
        db.executemany(
            "INSERT INTO _identity VALUES (?, ?)", [(k, i) for i in ids for k in (f"id:{i}", f"fp:{i:064x}")]
        )
        db.executemany(
            "INSERT INTO envelope (vault_id, message_id, route, received_at) VALUES (?, ?, 'bcc', ?)",
            [(f"aaaaaaaa-{i}", i, at) for i in ids],
        )
        db.executemany(
            "INSERT INTO _vault_outcome (epoch, number, outcome) VALUES ('aaaaaaaa', ?, 'filed')", [(i,) for i in ids]
        )
        begun = time.perf_counter()
        relation.relate(db, ids)
        self.related += time.perf_counter() - begun
        db.execute("COMMIT")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--search", action="store_true", help="index everything and search it (minutes)")
    parser.add_argument("--folder", type=Path, help="keep the databases here and use them again")
    wanted = parser.parse_args()
    with contextlib.ExitStack() as opened:
        folder = wanted.folder or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        (folder / "large").mkdir(exist_ok=True)
        (folder / "empty").mkdir(exist_ok=True)
        (folder / "empty" / "relay.db").unlink(missing_ok=True)
        path = folder / "large" / "relay.db"
        large = opened.enter_context(contextlib.closing(open_store(path)))
        empty = opened.enter_context(contextlib.closing(open_store(folder / "empty" / "relay.db")))
        if not large.execute("SELECT 1 FROM message LIMIT 1").fetchone():
            begun = time.perf_counter()
            generate(large, wanted.messages, wanted.leads)
            print(
                f"made {wanted.messages:,} messages in {time.perf_counter() - begun:.0f} s, {path.stat().st_size >> 20} MiB"
            )
        generate(empty, 0, wanted.leads)
        for analysed in (False, True):
            if analysed:
                large.execute("PRAGMA analysis_limit = 1000")
                large.execute("ANALYZE")
            print("\nmilliseconds, median", "with ANALYZE" if analysed else "without ANALYZE")
            for name, sql in QUERIES.items():
                print(f"  {timed(lambda sql=sql: large.execute(sql).fetchall()):9.2f}  {name}")
            for name, sql in SLOW.items():
                print(f"  {timed(lambda sql=sql: large.execute(sql).fetchall(), 1):9.2f}  {name}")
        print("\nfiling, messages per second (in brackets: microseconds of a message spent in relate)")
        for size in (25, 50):
            for name, db in (("empty", empty), ("large", large)) * 3:
                files, begun = Files(db, wanted.leads), time.perf_counter()
                for _ in range(3000 // size):
                    files.batch(size)
                took = time.perf_counter() - begun
                print(f"  {3000 / took:9.0f}  batches of {size}, {name} store ({files.related / 3000 * 1e6:.0f})")
        attach(large)
        if wanted.search:
            find(path, large, wanted.messages)


def attach(db: sqlite.Connection) -> None:
    """An address with a tenth of all messages leaves its lead and comes to another."""
    print("\nmilliseconds")
    for name, sql in (
        ("an ordinary address leaves its lead", "DELETE FROM lead_address WHERE lead_id = 778"),
        (
            "an ordinary address comes to a lead",
            "INSERT INTO lead_address (lead_id, address) VALUES (778, 'person778@company778.example')",
        ),
        ("a busy address leaves its lead", "DELETE FROM lead_address WHERE lead_id = 1"),
        (
            "a busy address comes to a lead",
            "INSERT INTO lead_address (lead_id, address) VALUES (1, 'person1@company1.example')",
        ),
    ):
        begun = time.perf_counter()
        db.execute(sql)
        print(f"  {(time.perf_counter() - begun) * 1000:9.1f}  {name}")
    steps = []
    begun = time.perf_counter()
    while relation.settle(db):
        steps.append(time.perf_counter() - begun)
        begun = time.perf_counter()
    print(f"  {sum(steps) * 1000:9.1f}  settled in {len(steps)} steps, the longest {max(steps, default=0) * 1000:.1f}")


def find(path: Path, db: sqlite.Connection, messages: int) -> None:
    """Give messages a text, index them, search."""
    if not db.execute("SELECT 1 FROM message_text WHERE message_id = 2").fetchone():
        pieces = " || ' ' || ".join(
            f"'{WORDS[k % len(WORDS)]}' || (i * {7 + 12 * k} % {40 * 4 ** (k % 5)})" for k in range(40)
        )
        db.execute(
            f"{NUMBERS.format(first=1, last=messages)} INSERT OR IGNORE INTO message_text (message_id, subject, text) SELECT i, '', {pieces} FROM n"
        )
    with contextlib.closing(Indexer(path)) as indexer:
        begun, done = time.perf_counter(), 0
        while count := indexer.catch_up():
            done += count
        took = time.perf_counter() - begun
        print(
            f"\nindexed {done:,} in {took:.0f} s ({done / took:,.0f}/s), {path.with_name('search.db').stat().st_size >> 20} MiB"
        )
    with contextlib.closing(open_search(path)) as connection:
        for words in (
            "offer subject",
            "offer3 meeting7",
            "offer1 invoice1 meeting1",
            "offer3 from:person1",
            "blue4*",
            "offer3 before:2021-01",
            "nothing here",
        ):
            print(f"  {timed(lambda words=words: search(connection, words)):9.2f} ms  {words}")


if __name__ == "__main__":
    main()
