"""The filer's life among others: locks, deaths, changes of who we are, and mail that comes twice."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mailbuilder import message
from running import Relay, stranger

from relay.attribution.record import Record
from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.store.filing import Filing
from relay.store.search import Indexer
from relay.work import filer as filing
from relay.work.filer import Filer
from relay.work.note import Note

LOCK = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"


@contextlib.contextmanager
def write_lock_held(database: Path) -> Iterator[None]:
    """A CRM in the middle of a long transaction."""
    with subprocess.Popen(
        [sys.executable, "-I", "-c", LOCK, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as crm:
        assert crm.stdin
        assert crm.stdout
        assert crm.stdout.readline() == "held\n"
        yield
        crm.stdin.close()


def test_mail_is_accepted_while_a_crm_holds_the_write_lock_and_filed_when_it_lets_go(relay) -> None:
    relay.run("lead", "add", "Anna", "anna@lead.example")
    with write_lock_held(relay.database):
        mails = [message(subject=f"Offer {n}", message_id=f"<lock-{n}@example.org>") for n in range(30)]
        ids = relay.send(*mails)
        relay.run("status", status=None)  # reading goes on as well
        with pytest.raises(AssertionError, match="waited in vain"):
            stranger(relay.database, "SELECT count(*) FROM envelope", patience=2)
    relay.filed(*ids)
    assert relay.sql("SELECT count(*) FROM lead_timeline") == [[30]]
    assert "filer.died" not in relay.log()


class Poisoned(Relay):
    def command(self, *words: str) -> list[str]:
        if words[0] == "serve":
            return [sys.executable, str(Path(__file__).with_name("poisoned.py")), "serve", str(self.file)]
        return super().command(*words)


def test_a_mail_that_kills_its_reader_twice_is_filed_unparsed_and_the_next_one_is_taken(tmp_path: Path) -> None:
    relay = Poisoned(tmp_path / "relay").start()
    try:
        relay.run("lead", "add", "Anna", "anna@lead.example")
        ids = relay.send(
            message(subject="before", message_id="<before@example.org>"),
            message(subject="poison", message_id="<poison@example.org>", fields={"X-Poison": "yes"}),
            message(subject="after", message_id="<after@example.org>"),
        )
        relay.filed(*ids)
        rows = relay.sql(
            "SELECT e.vault_id, m.subject, m.status, m.defects FROM message m JOIN envelope e ON e.message_id = m.id ORDER BY m.id"
        )
        assert [row[1:3] for row in rows] == [["before", "filed"], ["poison", "unparsed"], ["after", "filed"]]
        assert [row[0] for row in rows] == ids
        assert rows[1][3] == '["filer-died"]'
        assert relay.log().count("filer.died") == 2, "two deaths, and no third"
        assert relay.sql("SELECT subject FROM lead_timeline ORDER BY message_id") == [["before"], ["after"]]
        assert relay.sql("SELECT why FROM unresolved_message") == [["unparsed"]]
        relay.verify()
    finally:
        relay.stop()


# -- the filer by itself, on a list instead of a vault ---------------------------------------------


class Shelf:
    """Accepted mail objects in memory: what the filer sees of a vault."""

    def __init__(self, *contents: bytes) -> None:
        envelope = Envelope(
            Address("bob", "example.org"),
            (Address("crm", "crm.example.org"),),
            Client("127.0.0.1", "client.example.org"),
            datetime(2026, 3, 3, tzinfo=UTC),
            "network",
        )
        self.mails = [(VaultId("0a1b2c3d", n), MailObject(envelope, octets)) for n, octets in enumerate(contents, 1)]

    def after(self, vault_id: VaultId | None, limit: int, max_octets: int) -> list[tuple[VaultId, MailObject]]:
        return [mail for mail in self.mails if vault_id is None or mail[0] > vault_id][:limit]


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "relay.db"


@contextlib.contextmanager
def filer_on(database: Path, shelf: Shelf, **options) -> Iterator[Filer]:
    with contextlib.ExitStack() as opened:
        store = opened.enter_context(contextlib.closing(Filing(database, ["example.org"], ["crm@crm.example.org"])))
        note = opened.enter_context(contextlib.closing(Note(database.with_name("note"))))
        yield Filer(shelf, store, note, **options)


def file_all(database: Path, *contents: bytes, **options) -> None:
    with filer_on(database, Shelf(*contents), **options) as filer:
        while filer.step():
            pass


def ask(database: Path, query: str) -> list[list[object]]:
    return stranger(database, query)


def test_filing_twice_is_filing_once(database: Path) -> None:
    mails = [message(message_id=f"<{n}@example.org>", subject=f"Offer {n}") for n in range(3)]
    file_all(database, *mails)
    before = ask(database, "SELECT * FROM message")
    stranger(database, "DELETE FROM _relay WHERE name = 'filed_up_to'")  # it forgets where it stood
    file_all(database, *mails)
    assert ask(database, "SELECT * FROM message") == before
    assert ask(database, "SELECT count(*) FROM envelope") == [[3]]


def test_two_copies_of_one_mail_are_one_message_with_two_envelopes(database: Path) -> None:
    mail = message(message_id="<once@example.org>")
    file_all(database, mail, b"Received: by another way\r\n" + mail)
    assert ask(database, "SELECT count(*) FROM message") == [[1]]
    assert ask(database, "SELECT count(DISTINCT vault_id) FROM envelope") == [[2]]


def test_one_message_id_on_different_mails_is_not_one_message(database: Path) -> None:
    file_all(
        database,
        message(message_id="<reused@example.org>", subject="Invoice 1", text="One.\n"),
        message(message_id="<reused@example.org>", subject="Invoice 2", text="Two.\n"),
    )
    assert ask(database, "SELECT subject FROM message ORDER BY id") == [["Invoice 1"], ["Invoice 2"]]


def test_the_same_words_in_two_mails_are_two_messages(database: Path) -> None:
    file_all(
        database,
        message(message_id="<thanks-1@example.org>", text="Thanks.\n"),
        message(message_id="<thanks-2@example.org>", text="Thanks.\n"),
    )
    assert ask(database, "SELECT count(*) FROM message") == [[2]]


def test_a_thread_is_the_same_in_any_order_of_arrival(tmp_path: Path) -> None:
    first = message(message_id="<1@example.org>", subject="Offer")
    second = message(message_id="<2@lead.example>", subject="Re: Offer", fields={"In-Reply-To": "<1@example.org>"})
    third = message(
        message_id="<3@example.org>", subject="AW: Offer", fields={"References": "<0@example.org> <2@lead.example>"}
    )
    for n, order in enumerate(((first, second, third), (third, first, second), (third, second, first))):
        database = tmp_path / f"{n}.db"
        for mail in order:  # each in a batch of its own, so that threads have to be joined in the database
            file_all(database, *order[: order.index(mail) + 1])
        assert ask(database, "SELECT count(DISTINCT thread_id), count(*) FROM message") == [[1, 3]]
        assert ask(database, "SELECT count(*) FROM thread") == [[1]]
        assert ask(database, "SELECT count(*) FROM _reference WHERE message_id IS NULL") == [[1]], "one ghost"


def test_who_is_staff_is_read_inside_the_transaction(database: Path) -> None:
    """A colleague's private address becomes known after the mail was read and before it is written."""
    mail = message(from_="bob@private.example", to="anna@lead.example", message_id="<p@private.example>")

    def at(step: str) -> None:
        if step == "filer.cleared" and not ask(database, "SELECT count(*) FROM staff_address")[0][0]:
            stranger(database, "INSERT INTO staff_address (staff_id, address) VALUES (1, 'Bob@Private.example')")

    file_all(database, mail, at=at)
    assert ask(database, "SELECT direction, staff_id FROM message") == [["outgoing", 1]]


def test_a_fault_of_ours_in_reading_one_mail_keeps_the_mail_and_takes_the_next(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = filing.compose

    def failing(vault_id, mail, read, directory) -> tuple[Record, ...]:
        if read.subject == "odd":
            raise ZeroDivisionError
        return real(vault_id, mail, read, directory)

    monkeypatch.setattr(filing, "compose", failing)
    file_all(database, message(subject="odd"), message(subject="even"))
    rows = ask(database, "SELECT subject, status, defects FROM message ORDER BY id")
    assert rows[0] == ["odd", "unparsed", '["composing-failed"]']
    assert rows[1][:2] == ["even", "filed"]


def test_large_and_small_parts_are_stored_once_per_content(database: Path) -> None:
    large, small = bytes(range(256)) * 4096, b"small"
    file_all(
        database,
        message(message_id="<a@example.org>", attach={"plan.pdf": large, "note.bin": small}),
        message(message_id="<b@example.org>", attach={"plan again.pdf": large}),
    )
    assert ask(database, "SELECT count(*), sum(length(content)) FROM blob") == [[2, len(large) + len(small)]]
    assert ask(database, "SELECT filename, size FROM part ORDER BY id") == [
        ["plan.pdf", len(large)], ["note.bin", len(small)], ["plan again.pdf", len(large)],
    ]  # fmt: skip


def test_the_secret_of_a_personal_capture_address_is_not_stored(database: Path) -> None:
    shelf = Shelf(message())
    envelope = Envelope(
        None,
        (Address("crm+me-s3cret", "crm.example.org"),),
        Client("127.0.0.1"),
        datetime(2026, 3, 3, tzinfo=UTC),
        "network",
    )
    shelf.mails = [(shelf.mails[0][0], MailObject(envelope, shelf.mails[0][1].content))]
    with filer_on(database, shelf) as filer:
        filer.step()
    assert ask(database, "SELECT forward_path FROM envelope_recipient") == [["crm+me-...@crm.example.org"]]
    for file in database.parent.iterdir():
        assert b"s3cret" not in file.read_bytes(), file


def test_search_follows_what_is_filed(database: Path) -> None:
    file_all(database, message(subject="Offer for a hall", message_id="<s@example.org>"))
    with contextlib.closing(Indexer(database)) as indexer:
        while indexer.catch_up():
            pass
    found = stranger(
        database.with_name("search.db"), "SELECT rowid FROM message_search WHERE message_search MATCH 'hall offer'"
    )
    assert found == [[1]]


def test_one_message_id_under_many_subjects_is_as_many_threads(database: Path) -> None:
    file_all(
        database,
        *(message(message_id="<reused@example.org>", subject=f"Invoice {n}", text=f"{n}\n") for n in range(60)),
    )
    assert ask(database, "SELECT count(*), count(DISTINCT thread_id) FROM message") == [[60, 60]]


def test_a_large_thread_stays_when_it_meets_an_older_small_one(database: Path) -> None:
    small = message(message_id="<old@example.org>", subject="Offer")
    large = [
        message(message_id=f"<n{n}@example.org>", subject="Re: Offer", fields={"In-Reply-To": "<root@example.org>"})
        for n in range(120)
    ]
    both = message(
        message_id="<both@example.org>",
        subject="Re: Offer",
        fields={"References": "<old@example.org> <root@example.org>"},
    )
    file_all(database, small, *large)
    [[before]] = ask(database, "SELECT max(thread_id) FROM message")
    file_all(database, small, *large, both)
    assert ask(database, "SELECT DISTINCT thread_id FROM message") == [[before]]
    assert ask(database, "SELECT count(*) FROM thread") == [[1]]
    assert ask(database, "SELECT DISTINCT thread_id FROM _reference") == [[before]]


def test_a_locked_database_is_not_called_trouble_by_what_can_wait(database: Path) -> None:
    file_all(database, message())
    with contextlib.closing(Filing(database, ["example.org"], ["crm@crm.example.org"])) as store:
        stranger(database, "INSERT INTO _unsettled (kind, subject_id) VALUES ('thread', 1)")
        with write_lock_held(database):
            assert store.settle(lambda: None) == 0
        assert store.settle(lambda: None) == 1
    assert ask(database, "SELECT count(*) FROM _unsettled") == [[0]]
