"""Never-log in the filer: nothing stays of mail that must not be kept, and all other mail is filed as ever."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room

from relay.attribution.compose import unparsed
from relay.attribution.record import Record
from relay.mail.envelope import MailObject
from relay.store.search import Indexer
from relay.work.filer import Filer
from relay.work.note import Note

WORD = "Quetzalcoatl"
"""Stands in every subject, name, body and file of mail that must not be kept, and nowhere else."""

LAWYER = f"{WORD} <{WORD}@law.example>"
REP, OTHER = "bob@example.org", "kim@example.org"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    room = Room(tmp_path)
    for name, address in (("Bob", REP), ("Kim", OTHER)):
        room.sql("INSERT INTO staff (name) VALUES (?)", name)
        room.sql("INSERT INTO staff_address (staff_id, address) SELECT max(id), ? FROM staff", address)
    room.sql("INSERT INTO lead (name) VALUES ('Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    yield room
    room.verify()


def entry(room: Room, pattern: str, mode: str = "drop-message", staff: int | None = None) -> None:
    room.sql("INSERT INTO never_log (pattern, mode, staff_id) VALUES (?, ?, ?)", pattern, mode, staff)


def secret(to: str = LAWYER, number: int = 1, size: int = 10, **named: object) -> bytes:
    words = {
        "subject": f"{WORD} {number}", "message_id": f"<{WORD}-{number}@example.org>", "text": f"{WORD} said this.\n",
        "html": f"<p>{WORD} said <b>this</b></p>", "attach": {f"{WORD}.bin": WORD.encode() * size}, **named,
    }  # fmt: skip
    return message(to=to, **words)


def harmless(number: int = 1, **named: object) -> bytes:
    return message(**{"subject": f"Subject {number}", "message_id": f"<{number}@example.org>", **named})


def traces(room: Room, word: str = WORD) -> list[str]:
    """The files of both databases in which the word stands, also in what was deleted and in the log."""
    with contextlib.closing(Indexer(room.path)) as indexer:
        while indexer.catch_up():
            pass
    files = [path for path in room.path.parent.iterdir() if path.is_file() and ".db" in path.name]
    assert any(b"Subject 1" in path.read_bytes() for path in files), "the databases are read as they are"
    return [path.name for path in files if word.lower() in path.read_bytes().decode("latin-1").lower()]


def outcomes(room: Room) -> list[str]:
    return [outcome for (outcome,) in room.rows("SELECT outcome FROM _vault_outcome ORDER BY epoch, number")]


def parties(room: Room, number: int = 1) -> list[str]:
    query = (
        "SELECT a.address FROM message_address m JOIN address a ON a.id = m.address_id"
        " WHERE m.message_id = ? ORDER BY m.position"
    )
    return [address for (address,) in room.rows(query, number)]


@pytest.mark.parametrize("size", [10, 100_000], ids=["small parts", "large parts"])
def test_nothing_stays_of_a_message_with_a_listed_party(room: Room, size: int) -> None:
    entry(room, " @LAW.example ")
    room.file(
        harmless(1),
        secret(number=1, size=size),
        secret("anna@lead.example", number=2, size=size, cc=LAWYER),
        secret(REP, number=3, size=size, from_=LAWYER, cc=CAPTURE),
        harmless(2),
    )
    assert outcomes(room) == ["filed", "dropped", "dropped", "dropped", "filed"]
    assert room.rows("SELECT subject FROM message") == [("Subject 1",), ("Subject 2",)]
    assert traces(room) == []
    assert room.rows("SELECT count(*) FROM blob") == [(0,)]


def test_how_much_was_dropped_is_counted_for_each_of_us_and_nothing_else_is_known(room: Room) -> None:
    entry(room, "@law.example")
    room.file(secret(), secret(number=2), secret(from_=f"Kim <{OTHER}>", number=3), sender="nobody@example.org")
    assert room.rows("SELECT staff_id, day, message_count FROM dropped_mail") == [
        (1, "2026-03-03", 2), (2, "2026-03-03", 1),
    ]  # fmt: skip


def test_a_listed_party_among_others_is_left_out_and_the_message_is_kept(room: Room) -> None:
    entry(room, "@law.example", "drop-party")
    room.file(harmless(1, cc=LAWYER, fields={"Reply-To": LAWYER, "Sender": LAWYER}), secret(number=2))
    assert outcomes(room) == ["filed", "dropped"]
    assert parties(room) == [REP, "anna@lead.example"]
    assert room.rows("SELECT lead_id, reason FROM lead_message") == [(1, "address")]
    assert traces(room) == []


def test_what_the_client_said_of_a_party_that_is_left_out_is_not_kept_either(room: Room) -> None:
    entry(room, "@law.example", "drop-party")
    room.file(harmless(1, cc=LAWYER), sender=f"{WORD}@law.example")
    assert room.rows("SELECT reverse_path FROM envelope") == [("",)]
    assert traces(room) == []


def test_a_personal_entry_holds_for_what_that_person_handed_in_or_is_on(room: Room) -> None:
    entry(room, "@law.example", staff=2)
    mine, hers = message(to=LAWYER, subject="Subject 1"), message(f"Kim <{OTHER}>", LAWYER, subject="Subject 2")
    room.file(mine, hers, message(LAWYER, f"{OTHER}, {CAPTURE}", subject="Subject 3"), sender="nobody@example.org")
    assert outcomes(room) == ["filed", "dropped", "dropped"]


@pytest.mark.parametrize("mode", ["drop-message", "drop-party"])
def test_a_forward_of_mail_that_must_not_be_kept_leaves_nothing_of_itself(room: Room, mode: str) -> None:
    entry(room, "@law.example", mode)
    quoted = f"Fyi, {WORD}!\n\n---------- Forwarded message ---------\nFrom: {LAWYER}\nDate: Mon, 2 Mar 2026 at 10:15\n"
    quoted += f"Subject: {WORD}\nTo: Bob <{REP}>\n\nDear Bob, {WORD}.\n"
    room.file(
        harmless(1),
        message(to=CAPTURE, subject=f"Fwd: {WORD}", text=quoted),
        message(to=CAPTURE, subject=f"Fwd: {WORD}", text=f"See {WORD}\n", forward=[secret(REP, from_=LAWYER)]),
    )
    assert room.rows("SELECT count(*) FROM envelope WHERE route IN ('forward', 'attached')") == [(0,)]
    assert outcomes(room) == ["filed", "dropped", "dropped"]
    assert traces(room) == []


def test_of_several_originals_in_one_mail_the_others_are_filed_without_the_comment_on_all(room: Room) -> None:
    entry(room, "@law.example")
    inside = [harmless(1), secret(REP, from_=LAWYER), harmless(2)]
    room.file(message(to=CAPTURE, subject=f"Fwd: {WORD}", text=f"See {WORD}\n", forward=inside))
    assert outcomes(room) == ["filed"]
    assert room.rows("SELECT e.position, m.subject FROM envelope e JOIN message m ON m.id = e.message_id") == [
        (0, "Subject 1"), (2, "Subject 2"),
    ]  # fmt: skip
    assert room.rows("SELECT note FROM message_text") == [("",), ("",)]
    assert traces(room) == []


def test_a_listed_persons_own_forward_is_dropped_with_all_that_it_carries(room: Room) -> None:
    entry(room, "@law.example", "drop-party")
    room.file(harmless(1), message(LAWYER, CAPTURE, subject=WORD, text=f"{WORD}\n", forward=[harmless(2)]))
    assert outcomes(room) == ["filed", "dropped"]
    assert traces(room) == []


def test_an_entry_made_while_the_mail_was_being_read_holds_and_its_large_parts_go(room: Room) -> None:
    def at(step: str) -> None:
        if step == "filer.begun" and not room.rows("SELECT 1 FROM never_log"):
            assert room.rows("SELECT count(*) FROM blob") == [(1,)], "stored ahead"

    room.shelf.put(secret(size=100_000))
    with room.filing() as store, contextlib.closing(Note(room.note)) as note:
        real = store.keep_large_parts

        def keep(record: Record, alive: Callable[[], None]) -> None:
            real(record, alive)
            entry(room, "@law.example")

        store.keep_large_parts = keep  # type: ignore[method-assign]  the moment between two transactions
        assert Filer(room.shelf, store, note, at=at).step() == 1
    assert outcomes(room) == ["dropped"]
    assert room.rows("SELECT count(*) FROM blob") == [(0,)]


def test_a_content_that_other_mail_has_too_stays(room: Room) -> None:
    shared = {"shared.bin": b"x" * 300_000}
    room.file(harmless(1, attach=shared))
    entry(room, "@law.example")
    room.file(secret(attach=shared), harmless(2, attach=shared))
    assert room.rows("SELECT count(*) FROM part p JOIN blob b ON b.digest = p.digest") == [(2,)]


@pytest.mark.parametrize(
    "write",
    [
        "INSERT OR REPLACE INTO never_log (id, pattern) VALUES (1, '@law.example')",
        "REPLACE INTO never_log (id, pattern, mode) VALUES (1, '  *.LAW.example ', 'drop-message')",
        "INSERT INTO never_log (id, pattern) VALUES (1, '@law.example') ON CONFLICT (id) DO UPDATE SET pattern = excluded.pattern",
        "UPDATE never_log SET pattern = '@LAW.EXAMPLE'",
    ],
)
def test_a_crm_writes_the_table_as_it_likes_and_the_next_mail_obeys(room: Room, write: str) -> None:
    entry(room, "nobody@else.example")
    with room.filing() as store, contextlib.closing(Note(room.note)) as note:
        filer = Filer(room.shelf, store, note)
        room.shelf.put(secret(number=1))
        assert filer.step() == 1
        room.sql(write)
        room.shelf.put(secret(number=2))
        assert filer.step() == 1
        room.sql("DELETE FROM never_log")
        room.shelf.put(secret(number=3))
        assert filer.step() == 1
    assert outcomes(room) == ["filed", "dropped", "filed"]


def test_rows_that_nobody_can_read_stop_nothing_and_the_log_tells_their_number(
    room: Room, capfd: pytest.CaptureFixture[str]
) -> None:
    for pattern in ("law.example", "", "@", "*"):
        entry(room, pattern)
    room.sql("INSERT INTO never_log (pattern) VALUES (x'ff00')")
    room.file(harmless(1, to=LAWYER))
    assert outcomes(room) == ["filed"]
    said = capfd.readouterr()
    assert said.err.count("never_log.unreadable") + said.out.count("never_log.unreadable") == 1
    room.sql("DELETE FROM never_log")


def test_filing_again_what_was_dropped_counts_it_once(room: Room) -> None:
    entry(room, "@law.example")
    room.file(secret())
    room.sql("DELETE FROM _relay WHERE name = 'filed_up_to'")
    room.file(harmless(1))
    assert outcomes(room) == ["dropped", "filed"]
    assert room.rows("SELECT sum(message_count) FROM dropped_mail") == [(1,)]


def test_our_own_domain_listed_keeps_internal_mail_out(room: Room) -> None:
    entry(room, "@example.org")
    room.file(harmless(1), harmless(2, to=OTHER), harmless(3, to=CAPTURE, text="A note\n"), harmless(4, cc=OTHER))
    assert outcomes(room) == ["filed", "dropped", "filed", "filed"]


def unread(records: Sequence[Record]) -> list[Record]:
    """As a parser that could not read the mail would have had it."""
    mail = MailObject(records[0].envelope, b"\x00")
    return [unparsed(records[0].vault_id, mail, ("unparsable",))]


def test_what_nobody_could_read_is_removed_when_a_parser_can_and_the_list_says_so(room: Room) -> None:
    entry(room, "@law.example")
    room.file(secret(), older=unread)
    room.file(harmless(1), older=unread)
    assert outcomes(room) == ["unparsed", "unparsed"]
    told = [renewed for reread in room.again() for renewed in reread.renewed]
    assert [(each.message, each.what) for each in told] == [(1, "removed"), (2, "changed")]
    assert outcomes(room) == ["dropped", "filed"]
    assert traces(room) == []
    assert room.rows("SELECT count(*) FROM _erasure WHERE kind = 'mail'") == [(1,)]


def test_mail_that_was_here_before_the_entry_stays_until_somebody_asks(room: Room) -> None:
    room.file(secret(), harmless(1), message(to=CAPTURE, text="See\n", forward=[secret(number=2), harmless(2)]))
    entry(room, "@law.example")
    before = room.content()
    assert [reread.renewed for reread in room.again()] == [(), (), (), ()]
    assert room.content() == before


def test_reading_old_mail_again_files_no_original_that_is_listed(room: Room) -> None:
    inside = [harmless(1), secret(number=2)]
    room.file(message(to=CAPTURE, text="See\n", forward=inside), older=lambda records: records[:1])
    entry(room, "@law.example")
    room.again()
    assert room.rows("SELECT subject FROM message") == [("Subject 1",)]
    assert traces(room) == []


def test_an_older_message_loses_a_listed_party_when_it_is_read_again(room: Room) -> None:
    room.file(harmless(1, cc=LAWYER))
    entry(room, "@law.example", "drop-party")
    room.again()
    assert parties(room) == [REP, "anna@lead.example"]


def test_a_better_copy_of_a_message_from_before_changes_nothing_if_it_is_listed_now(room: Room) -> None:
    room.file(message(to=CAPTURE, text="See\n", forward=[secret()]))
    entry(room, "@law.example")
    before = room.content()
    room.file(secret())
    room.settle()
    assert {**room.content(), "outcomes": None} == {**before, "outcomes": None}
    assert outcomes(room) == ["filed", "dropped"]
