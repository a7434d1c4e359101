from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from relay.store.connection import StoreError
from relay.store.question import QuestionError, open_search, read, search
from relay.store.search import Indexer, search_path
from tests.store.mailroom import Mailroom
from tests.store.stranger import Stranger, sqlite3_command


def write(room: Mailroom, text: str, *, on: int | None = None, **columns: object) -> int:
    message = room.message(str(columns.pop("from_", "anna@lead.example")), "rep@own.example", on=on, **columns)
    room.db.execute("INSERT INTO message_text (message_id, text) VALUES (?, ?)", (message, text))
    return message


def in_step(store: Path, limit: int = 3) -> None:
    with contextlib.closing(Indexer(store)) as indexer:
        while indexer.catch_up(limit):
            pass


def found(store: Path, words: str, **how: object) -> list[int]:
    with contextlib.closing(open_search(store)) as connection:
        return [answer.message_id for answer in search(connection, words, **how)]


@pytest.fixture
def five(mailroom: Mailroom) -> Mailroom:
    write(mailroom, "The garden is blue", on=5, subject="Häuser", attachment_count=1, author_name="Anna Lead")
    write(mailroom, "The blue garden", on=3, subject="Boats")
    write(mailroom, "garden gnomes", on=9, subject="Boats and houses", from_="bob@other.example")
    write(mailroom, "secret garden", on=2, visibility="withdrawn")
    write(mailroom, 'say "blue" OR NEAR(', on=4)
    return mailroom


def test_messages_are_found_by_words_newest_first(store: Path, five: Mailroom) -> None:
    in_step(store)
    assert found(store, "garden") == [3, 1, 2]
    assert found(store, "blue garden") == [1, 2]
    assert found(store, '"blue garden"') == [2]
    assert found(store, "gard*") == [3, 1, 2]
    assert found(store, "garden -blue") == [3]
    assert found(store, "HAUSER") == [1]
    assert found(store, "subject:boats") == [3, 2]
    assert found(store, "from:anna garden") == [1, 2]
    assert found(store, "from:other.example") == [3]
    assert found(store, "to:rep boats") == [3, 2]
    assert found(store, "to:anna garden") == []
    assert found(store, "has:attachment") == [1]
    assert found(store, "garden before:2026-01-06") == [2]
    assert found(store, "after:2026-01-06 garden") == [3, 1]
    assert found(store, "garden", limit=1, before=("2026-01-10T12:00:00.000Z", 3)) == [1]


@pytest.mark.parametrize(
    "words", ['"', '""', "NEAR(a b", "a OR", "AND", "*", "-", "--", "col:x", "'; DROP TABLE lead", "a\0b", "{a} : b", "^x", "from:", 'from:"', "has:attachment *", "ß" * 5000]
)  # fmt: skip
def test_nothing_that_a_person_types_breaks_the_query(store: Path, five: Mailroom, words: str) -> None:
    in_step(store)
    with contextlib.suppress(QuestionError):
        found(store, words)


@pytest.mark.parametrize("words", ["", "   ", "before:yesterday", "has:everything", "after:"])
def test_what_cannot_be_asked_is_told_in_one_line(words: str) -> None:
    if words == "after:":
        read(words)  # an empty filter is only a word
        return
    with pytest.raises(QuestionError) as error:
        read(words)
    assert "\n" not in str(error.value)


def test_what_changes_and_what_goes_is_followed(store: Path, five: Mailroom) -> None:
    in_step(store)
    five.db.execute("UPDATE message_text SET text = 'now about cheese' WHERE message_id = 1")
    five.db.execute("UPDATE message SET parser = '2' WHERE id = 1")
    five.db.execute("UPDATE message SET visibility = 'all' WHERE id = 4")
    five.db.execute("DELETE FROM message WHERE id = 2")
    in_step(store)
    assert found(store, "cheese") == [1]
    assert found(store, "garden") == [3, 4]
    with contextlib.closing(Indexer(store)) as indexer:
        assert indexer.catch_up() == 0


def test_steps_are_bounded_and_a_crash_between_them_loses_and_repeats_nothing(store: Path, mailroom: Mailroom) -> None:
    with contextlib.closing(Indexer(store)) as indexer:
        indexer.catch_up()
    for number in range(20):
        write(mailroom, f"word{number}")
    for _ in range(3):  # each time another process, which dies after one step
        with contextlib.closing(Indexer(store)) as indexer:
            assert indexer.catch_up(5) == 5
    assert found(store, "word*") == list(range(15, 0, -1))
    in_step(store)
    assert found(store, "word*") == list(range(20, 0, -1))


def test_a_rebuild_gives_the_same_index_also_while_mail_comes_in(store: Path, five: Mailroom) -> None:
    in_step(store)
    with contextlib.closing(Indexer(store)) as indexer:
        indexer.rebuild()
        assert indexer.catch_up(2)
        five.db.execute("DELETE FROM message WHERE id = 1")
        five.db.execute("UPDATE message SET subject = 'Cheese' WHERE id = 5")
        write(five, "a new garden", on=20)
        while indexer.catch_up(2):
            pass
    assert found(store, "garden") == [6, 3, 2]
    assert found(store, "cheese") == [5]


def test_a_feed_that_does_not_reach_back_means_starting_over(store: Path, five: Mailroom) -> None:
    in_step(store)
    five.db.execute("UPDATE message SET subject = 'Cheese' WHERE id = 2")
    five.db.execute("DELETE FROM change WHERE seq <= (SELECT max(seq) FROM change)")
    write(five, "fresh")
    in_step(store)
    assert found(store, "cheese") == [2]
    five.db.execute("UPDATE _relay SET value = 'restored' WHERE name = 'feed_id'")
    five.db.execute("UPDATE message_text SET text = 'from the backup' WHERE message_id = 3")
    in_step(store)
    assert found(store, "backup") == [3]


def test_the_index_is_readable_by_the_sqlite_of_debian(store: Path, five: Mailroom) -> None:
    in_step(store)
    assert (
        sqlite3_command(
            search_path(store),
            "SELECT rowid FROM message_search WHERE message_search MATCH 'garden' ORDER BY rowid DESC",
        )
        == "3\n2\n1\n"
    )
    crm = Stranger(store)
    crm("ATTACH ? AS search", str(search_path(store)))
    rows = crm(
        "SELECT m.id, m.subject FROM search.message_search s JOIN message m ON m.id = s.rowid WHERE message_search MATCH 'blue' ORDER BY m.originated_at DESC"
    )
    crm.close()
    assert rows == [[1, "Häuser"], [5, ""], [2, "Boats"]]


def test_an_index_of_another_version_is_made_anew(store: Path, five: Mailroom) -> None:
    in_step(store)
    sqlite3_command(search_path(store), "PRAGMA user_version = 99; DROP TABLE _search")
    in_step(store)
    assert found(store, "garden") == [3, 1, 2]


def test_without_an_index_a_person_is_told_what_to_do(store: Path) -> None:
    with pytest.raises(StoreError, match="bcc-relay serve"):
        open_search(store)
