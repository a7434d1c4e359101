"""Measure the contract database: reading and filing, empty and with a million messages.

    .venv/bin/python scripts/bench_store.py [--messages 1000000] [--leads 100000] [--search] [--folder DIR]

Makes a database with set-based SQL (about a minute for a million), asks the documented queries, and files batches
into an empty and into the large store in turn, so that the figures can be compared whatever else the machine does.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

from relay import log, sqlite
from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.store import relation
from relay.store.checkpoint import Checkpointer
from relay.store.connection import open_store
from relay.store.filing import Filing
from relay.store.question import open_search, search
from relay.store.search import Indexer
from relay.work.filer import Filer
from relay.work.note import Note

CAPTURE = Address("crm", "crm.example")

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
# Message-IDs in no order, as in life: an odd factor reorders the numbers below 2^32 without meeting one twice.
SCRAMBLED = "printf('%08x', i * 2654435761 % 4294967296)"
AT = "strftime('%Y-%m-%dT%H:%M:%fZ', 1600000000 + i * 97, 'unixepoch')"

# Every tenth message is on lead 1; of the others, three quarters on one of the other leads, the rest on none.
PARTY = "CASE WHEN i % 10 = 0 THEN 1 WHEN i % 4 <> 1 THEN 2 + (i * 7919) % ({leads} - 1) ELSE {leads} + 1 + (i * 104729) % ({leads} / 2) END"


def internet_message_id(number: int) -> str:
    """The Message-ID of a generated message."""
    return f"{number * 2654435761 % 2**32:08x}@mail.example"


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
        db.execute(
            f"{numbers} INSERT INTO thread (id, base_subject) SELECT i, 'subject of the offer ' || (i - i % 3) FROM n WHERE i % 3 = 0 OR i = 1"
        )
        db.execute(
            f"{numbers} INSERT INTO message (id, internet_message_id, thread_id, direction, subject, author_address, "
            f"originated_at, received_at, snippet) SELECT i, {SCRAMBLED} || '@mail.example', i - i % 3 + (i < 3), "
            f"CASE i % 2 WHEN 0 THEN 'incoming' ELSE 'outgoing' END, 'Subject of the offer ' || (i - i % 3), "
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
        db.execute("BEGIN IMMEDIATE")
        remember(db, messages)
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def remember(db: sqlite.Connection, messages: int) -> None:
    """What filing looks up: references, identities, envelopes, outcomes. In the order of their keys, which is faster."""
    numbers = NUMBERS.format(first=1, last=messages)
    db.execute(
        f"{numbers} INSERT INTO _reference (internet_message_id, base_subject, thread_id, message_id) "
        f"SELECT {SCRAMBLED} || '@mail.example', 'subject of the offer ' || (i - i % 3), i - i % 3 + (i < 3), i FROM n ORDER BY 1"
    )
    db.execute(
        f"{numbers} INSERT INTO _identity (message_id, fingerprint, nameless) "
        f"SELECT i, replace(hex(zeroblob(8)), '00', {SCRAMBLED}), 0 FROM n"
    )
    db.execute(
        f"{numbers} INSERT INTO envelope (vault_id, message_id, route, received_at, staff_id) "
        f"SELECT 'aaaaaaaa-' || i, i, 'bcc', {AT}, 1 + i % 50 FROM n"
    )
    db.execute(f"{numbers} INSERT INTO _vault_outcome (epoch, number, outcome) SELECT 'aaaaaaaa', i, 'filed' FROM n")


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


class Shelf:
    """Mails made beforehand, as the filer meets them in a vault."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.mails: list[tuple[VaultId, MailObject]] = []

    def put(self, contents: list[bytes]) -> None:
        for content in contents:
            envelope = Envelope(
                Address("rep1", "own.example"), (CAPTURE,), Client("127.0.0.1", "client"), datetime.now(UTC), "network"
            )
            self.mails.append((VaultId(self.epoch, len(self.mails) + 1), MailObject(envelope, content)))

    def after(self, vault_id: VaultId | None, limit: int, _max_octets: int) -> list[tuple[VaultId, MailObject]]:
        first = 0 if vault_id is None or vault_id.epoch != self.epoch else vault_id.number
        return self.mails[first : first + limit]


def letters(seed: str, count: int, messages: int, leads: int) -> list[bytes]:
    """Mails of about 4 KB between a rep and people known and new: half of them answers, a quarter to several."""
    chance = random.Random(seed)
    made: list[bytes] = []
    sent: list[tuple[str, str]] = []
    for n in range(count):
        person = chance.randint(1, leads + leads // 2) if chance.random() < 0.85 else 10**7 + chance.randrange(10**9)
        others = [chance.randint(1, leads + leads // 2) for _ in range(chance.randint(1, 4) if n % 4 == 0 else 0)]
        rep = f"Rep <rep{chance.randint(1, 50)}@own.example>"
        them = f"Person {person} <person{person}@company{person % 5000}.example>"
        author, to = (rep, them) if n % 2 else (them, rep)
        identifier, subject, refers = f"{chance.getrandbits(96):x}@mail.example", f"About {seed} {n}", ""
        if n % 4 == 1:
            old = chance.randint(1, messages or 10**6)
            subject, refers = f"Re: Subject of the offer {old - old % 3}", internet_message_id(old)
        elif n % 4 == 3 and sent:
            refers, subject = chance.choice(sent[-200:])
            subject = f"Re: {subject}"
        sent.append((identifier, subject.removeprefix("Re: ")))
        words = " ".join(chance.choice(WORDS) for _ in range(260))
        fields = [
            *(f"Received: from host{k}.example by mx{k}.example with ESMTPS id {chance.getrandbits(64):x}; "
              f"{format_datetime(datetime.now(UTC))}" for k in range(3)),
            f"From: {author}", f"To: {to}", f"Subject: {subject}", f"Message-ID: <{identifier}>",
            f"Date: {format_datetime(datetime.now(UTC) - timedelta(minutes=chance.randrange(600)))}",
        ]  # fmt: skip
        if others:
            fields.append("Cc: " + ", ".join(f"person{k}@company{k % 5000}.example" for k in others))
        if refers:
            fields += [f"In-Reply-To: <{refers}>", f"References: <{chance.getrandbits(96):x}@mail.example> <{refers}>"]
        if n % 5 < 2:
            fields += ["MIME-Version: 1.0", 'Content-Type: multipart/alternative; boundary="b1"']
            half = words[: len(words) // 2]
            body = (
                f'--b1\r\nContent-Type: text/plain; charset="utf-8"\r\n\r\n{half}\r\n--b1\r\nContent-Type: text/html; '
                f'charset="utf-8"\r\n\r\n<html><body><p>{half.replace("blue", "<b>blue</b>")}</p></body></html>\r\n--b1--'
            )
        else:
            quoted = "\r\n> ".join(words[k : k + 70] for k in range(0, len(words), 70))
            body = f"{words}\r\n\r\nOn Monday, {person} wrote:\r\n> {quoted}"
        made.append(("\r\n".join(fields) + "\r\n\r\n" + body + "\r\n").encode())
    return made


class Desk:
    """A filer as in production, over mails in memory: parse, compose, store, with the checkpointer beside it."""

    def __init__(self, opened: contextlib.ExitStack, path: Path) -> None:
        # Another run on the same database must not meet vault ids that are filed already.
        self.shelf = Shelf(f"{random.getrandbits(32):08x}")
        self.store = opened.enter_context(contextlib.closing(Filing(path, ["own.example"], [CAPTURE.key])))
        note = opened.enter_context(contextlib.closing(Note(path.with_name("note"))))
        opened.enter_context(contextlib.closing(Checkpointer(path, self.store.turn)))
        self.filer = Filer(self.shelf, self.store, note)

    def file(self, contents: list[bytes]) -> tuple[float, float]:
        """Seconds until all are filed, and seconds of the processor."""
        self.shelf.put(contents)
        begun, used = time.perf_counter(), time.process_time()
        while self.filer.step():
            pass
        return time.perf_counter() - begun, time.process_time() - used


def filing(paths: dict[str, Path], messages: int, leads: int, rounds: int, count: int) -> None:
    """File the same mails into each store by turns; medians over the rounds."""
    print(f"\nfiling mails of 4 KB end to end, messages per second, medians of {rounds} rounds of {count}")
    with contextlib.ExitStack() as opened:
        desks = {name: Desk(opened, path) for name, path in paths.items()}
        rates: dict[str, list[float]] = {name: [] for name in desks}
        work: dict[str, list[float]] = {name: [] for name in desks}
        run = random.getrandbits(32)
        for turn in range(-1, rounds):  # the first round warms the caches
            mails = letters(f"{run:x}.{turn}", count, messages, leads)
            for name in list(desks) if turn % 2 else reversed(desks):
                took, used = desks[name].file(mails)
                if turn >= 0:
                    rates[name].append(count / took)
                    work[name].append(used / count * 1e6)
        for name, measured in rates.items():
            ratios = [mine / base for mine, base in zip(measured, rates["empty"], strict=True)]
            print(
                f"  {statistics.median(measured):7.0f}  {name} store ({min(measured):.0f} to {max(measured):.0f}; "
                f"{statistics.median(ratios):.2f} of the empty one), "
                f"{statistics.median(work[name]):.0f} us of the processor a mail"
            )


def main() -> None:
    log.configure(level=logging.WARNING)  # what is filed is the table's to tell
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--search", action="store_true", help="index everything and search it (minutes)")
    parser.add_argument("--rounds", type=int, default=9, help="of filing into each store")
    parser.add_argument("--folder", type=Path, help="keep the databases here and use them again")
    wanted = parser.parse_args()
    with contextlib.ExitStack() as opened:
        folder = wanted.folder or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(exist_ok=True)
        (folder / "large").mkdir(exist_ok=True)
        (folder / "empty").mkdir(exist_ok=True)
        for left in (folder / "empty").iterdir():
            left.unlink()
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
        empty.close()
        filing(
            {"empty": folder / "empty" / "relay.db", "large": path}, wanted.messages, wanted.leads, wanted.rounds, 500
        )
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
