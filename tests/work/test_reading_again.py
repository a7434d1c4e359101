"""Old mail is read again: ids and decisions survive, what a mail says is replaced, and the feed tells what changed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room

from relay.attribution.compose import unparsed
from relay.attribution.record import Direction, Record, Route, Verdict
from relay.mail.message import PARSER

OLD = "0"
"""A version of the parser before today's."""

ORIGINALS = [
    message(
        from_=f"p{n}@lead.example", to="bob@example.org", subject=f"Question {n}", message_id=f"<q{n}@lead.example>"
    )
    for n in range(3)
]
THREE = message(
    to=CAPTURE, subject="Fwd: three", text="Have a look.\n", message_id="<w@example.org>", forward=ORIGINALS
)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    room = Room(tmp_path)
    room.sql("INSERT INTO staff (name) VALUES ('Bob')")
    room.sql("INSERT INTO staff_address (staff_id, address) VALUES (1, 'bob@example.org')")
    room.sql("INSERT INTO lead (name) VALUES ('Anna')")
    room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    return room


def by_older(**changes: object):
    """As an older parser read it: the same, but for these fields."""
    return lambda records: [replace(record, parser=OLD, **changes) for record in records]


def only(*positions: int):
    """As an older parser read it that found only these of the originals, in this order."""
    return lambda records: [replace(records[at], position=number, parser=OLD) for number, at in enumerate(positions)]


def as_unparsed(records: Sequence[Record]) -> list[Record]:
    first = records[0]
    blank = replace(first, subject="")
    return [
        replace(
            blank, outcome="unparsed", parser=OLD, message_id=None, thread_ids=(), base_subject="", author=None,
            author_name="", parties=(), parts=(), text="", quoted="", html="", snippet="", defects=("unparsable",),
            verdict=Verdict(Direction.UNKNOWN, "unparsed"), fingerprint="0" * 64, route=Route.BCC, handed_in_by=None,
            originated_at=first.envelope.received_at, date_source="received", staff_id=None, evidence="",
        )
    ]  # fmt: skip


def test_mail_that_reads_as_before_is_marked_as_read_and_nobody_is_told(room: Room) -> None:
    room.file(message(message_id="<1@example.org>", attach={"a.pdf": b"1"}), THREE, older=by_older())
    before, ids, seq = room.content(), room.rows("SELECT id FROM part"), room.end_of_feed()
    envelopes = room.rows("SELECT * FROM envelope")
    assert [each.renewed for each in room.again()] == [()] * 4
    assert room.rows("SELECT DISTINCT parser FROM message") == [(PARSER,)]
    assert room.told_since(seq) == []
    before["message"] = [(*row[:-1], PARSER) for row in before["message"]]
    assert room.content() == before
    assert (room.rows("SELECT id FROM part"), room.rows("SELECT * FROM envelope")) == (ids, envelopes)
    room.verify()


def test_a_message_that_reads_otherwise_keeps_its_id_and_decisions_and_is_told_once(room: Room) -> None:
    room.file(message(message_id="<0@example.org>"), older=by_older())
    room.file(
        message(message_id="<1@example.org>", subject="Angebot", attach={"a.pdf": b"1"}),
        older=by_older(
            subject="=?utf-8?q?Angebot?=", text="raw\nraw", snippet="raw", parties=(), parts=(), automatic="bulk",
            verdict=Verdict(Direction.UNKNOWN, "no-author"), base_subject="x",
        ),
    )  # fmt: skip
    room.sql("INSERT INTO lead (name) VALUES ('Carl')")
    room.sql("INSERT INTO explicit_attribution (message_id, lead_id, decided_by) VALUES (2, 2, 1)")
    room.sql("INSERT INTO dismissal (message_id, dismissed_by) VALUES (2, 1)")
    assert room.rows("SELECT lead_id, reason FROM lead_message WHERE message_id = 2") == [(2, "person")]
    seq = room.end_of_feed()
    [_, reread] = room.again()
    assert {each.field for each in reread.renewed[0].changes} == {
        "direction", "direction_reason", "automatic", "subject", "snippet", "attachment_count", "text", "parties",
        "parts", "leads",
    }  # fmt: skip
    assert room.told_since(seq) == [("message", 2, "update")]
    assert room.rows("SELECT id, subject, direction FROM message WHERE id = 2") == [(2, "Angebot", "outgoing")]
    assert room.rows("SELECT lead_id, reason FROM lead_message WHERE message_id = 2 ORDER BY 1") == [
        (1, "address"), (2, "person"),
    ]  # fmt: skip
    assert room.rows("SELECT dismissed_by FROM dismissal") == [(1,)]
    assert room.rows("SELECT decided_by FROM explicit_attribution") == [(1,)]
    room.settle()
    assert room.told_since(seq) == [("message", 2, "update")], "nothing is told again when threads are settled"
    room.verify()


def test_a_detached_message_stays_off_its_lead(room: Room) -> None:
    room.file(message(message_id="<1@example.org>"), older=by_older(parties=()))
    room.sql("INSERT INTO explicit_attribution (message_id, lead_id, verdict) VALUES (1, 1, 'detach')")
    room.again()
    assert room.rows("SELECT count(*) FROM message_address")[0][0] == 2
    assert room.rows("SELECT * FROM lead_message") == []
    room.verify()


def test_a_trial_changes_nothing_and_tells_what_the_real_thing_does(room: Room) -> None:
    room.file(message(message_id="<1@example.org>", attach={"big.bin": b"x" * 300_000}), older=by_older(parts=()))
    room.file(THREE, older=only(2, 0))
    dump = [
        room.rows(f"SELECT * FROM {table}") for table in ("message", "part", "blob", "envelope", "change", "thread")
    ]
    trial = room.again(dry_run=True)
    assert dump == [
        room.rows(f"SELECT * FROM {table}") for table in ("message", "part", "blob", "envelope", "change", "thread")
    ]
    assert [each.what for reread in trial for each in reread.renewed].count("new") == 2, "seen from each of two"
    real = room.again()
    assert trial[0] == real[0]
    assert trial[1] == real[1]
    room.verify()


def test_unparsed_mail_becomes_filed_under_its_id_and_the_other_way_round(room: Room) -> None:
    room.file(message(message_id="<1@example.org>", subject="Offer"), older=as_unparsed)
    room.sql("INSERT INTO explicit_attribution (message_id, lead_id) VALUES (1, 1)")
    assert room.rows("SELECT outcome FROM _vault_outcome") == [("unparsed",)]
    room.again()
    assert room.rows("SELECT id, status, subject, defects FROM message") == [(1, "filed", "Offer", "[]")]
    assert room.rows("SELECT outcome FROM _vault_outcome") == [("filed",)]
    assert room.rows("SELECT lead_id, reason FROM lead_message") == [(1, "address")]
    room.verify()
    [vault_id] = room.shelf.mails
    record = unparsed(vault_id, room.shelf.mails[vault_id], ("unparsable",))
    with room.filing() as store, store.renewing() as renewal:
        renewal.read_again(1, {vault_id: (record,)})
    assert room.rows("SELECT id, status FROM message") == [(1, "unparsed")]
    assert room.rows("SELECT outcome FROM _vault_outcome") == [("unparsed",)]
    assert room.rows("SELECT text FROM message_text") == [("",)]
    assert room.rows("SELECT * FROM lead_message") == [(1, 1, "2026-03-03T00:00:01.000Z", None, None, "person")]
    room.verify()


def test_a_mail_that_yields_more_originals_is_paired_by_content_not_by_position(room: Room) -> None:
    room.file(THREE, older=only(2, 0))
    assert room.rows("SELECT id, subject FROM message") == [(1, "Question 2"), (2, "Question 0")]
    envelopes = dict(room.rows("SELECT message_id, id FROM envelope"))
    seq = room.end_of_feed()
    room.again(1)
    assert room.rows("SELECT id, subject FROM message") == [(1, "Question 2"), (2, "Question 0"), (3, "Question 1")]
    assert room.rows("SELECT position, message_id FROM envelope ORDER BY position") == [(0, 2), (1, 3), (2, 1)]
    assert {m: i for m, i in room.rows("SELECT message_id, id FROM envelope") if m < 3} == envelopes
    assert ("message", 3, "insert") in room.told_since(seq)
    room.again()
    room.settle()
    assert room.rows("SELECT count(*) FROM message") == [(3,)]
    room.verify()


def test_originals_of_the_same_words_are_paired_by_their_dates(room: Room) -> None:
    days = [
        message("p@lead.example", "bob@example.org", message_id=None, date=f"Mon, {n:02} Mar 2026 10:15:24 +0000")
        for n in (2, 9)
    ]
    room.file(message(to=CAPTURE, subject="Fwd: two", text="", forward=days), older=only(1, 0))
    before = room.rows("SELECT id, originated_at FROM message ORDER BY id")
    assert len(before) == 2
    room.again()
    assert room.rows("SELECT id, originated_at FROM message ORDER BY id") == before
    assert room.rows("SELECT message_id FROM envelope ORDER BY position") == [(2,), (1,)]


def test_a_mail_that_yields_fewer_originals_keeps_ids_by_content_and_a_persons_decisions(room: Room) -> None:
    def shuffled_with_a_ghost(records: Sequence[Record]) -> list[Record]:
        made_up = replace(
            records[0], position=3, message_id="made-up@x", subject="Made up", fingerprint="1" * 64,
            thread_ids=("made-up@x",), base_subject="made up", parser=OLD,
        )  # fmt: skip
        return [*(replace(records[at], position=n, parser=OLD) for n, at in enumerate((1, 2, 0))), made_up]

    room.file(THREE, older=shuffled_with_a_ghost)
    room.sql("INSERT INTO explicit_attribution (message_id, lead_id, decided_by) VALUES (4, 1, 1)")
    seq = room.end_of_feed()
    [reread] = room.again(2)
    assert [(each.message, each.what, each.into) for each in reread.renewed if each.what == "merged"] == [
        (4, "merged", 3)
    ]
    assert room.rows("SELECT id, subject FROM message") == [(1, "Question 1"), (2, "Question 2"), (3, "Question 0")]
    assert room.rows("SELECT old_id, message_id FROM message_alias") == [(4, 3)]
    assert room.rows("SELECT message_id, lead_id, decided_by FROM explicit_attribution") == [(3, 1, 1)]
    assert room.rows("SELECT message_id, reason FROM lead_message") == [(3, "person")]
    told = [row for row in room.told_since(seq) if row[0] == "message"]
    assert ("message", 4, "merge") in told
    assert ("message", 4, "delete") not in told
    assert told.count(("message", 3, "update")) == 1
    room.again()
    room.settle()
    room.verify()


def test_a_wrapper_that_is_now_seen_to_hold_messages_gives_its_id_to_the_first(room: Room) -> None:
    def wrapper(records: Sequence[Record]) -> list[Record]:
        return [
            replace(
                records[0], subject="Fwd: three", message_id="w@example.org", thread_ids=("w@example.org",),
                fingerprint="2" * 64, base_subject="three", parser=OLD, route=Route.DIRECT, evidence="",
            )
        ]  # fmt: skip

    room.file(THREE, older=wrapper)
    room.again()
    assert room.rows("SELECT id, subject FROM message") == [(1, "Question 0"), (2, "Question 1"), (3, "Question 2")]
    assert room.rows("SELECT DISTINCT route, evidence FROM envelope") == [("attached", "attached")]
    assert room.rows("SELECT DISTINCT note FROM message_text") == [("Have a look.",)]
    room.verify()


def test_parts_keep_their_ids_shared_contents_stay_and_orphans_go(room: Room) -> None:
    shared, wrong = b"shared" * 100_000, b"wrongly decoded"
    room.file(message(message_id="<1@example.org>", attach={"s.bin": shared}))

    def older(records: Sequence[Record]) -> list[Record]:
        (record,) = records
        first, second = record.parts
        damaged = replace(second, content=wrong, digest="d" * 64, position=first.position)
        return [replace(record, parts=(damaged, replace(first, position=9)), parser=OLD)]

    room.file(message(message_id="<2@example.org>", attach={"s.bin": shared, "right.bin": b"right"}), older=older)
    ids = dict(room.rows("SELECT filename, id FROM part WHERE message_id = 2"))
    assert room.rows("SELECT count(*) FROM blob") == [(2,)]
    room.again()
    assert room.rows("SELECT filename FROM part WHERE message_id = 2 ORDER BY position") == [("s.bin",), ("right.bin",)]
    assert room.rows("SELECT id FROM part WHERE message_id = 2 AND filename = 's.bin'") == [(ids["s.bin"],)]
    assert room.rows("SELECT length(content) FROM blob ORDER BY 1") == [(5,), (len(shared),)]
    room.verify()


def test_a_large_content_that_was_taken_away_while_a_mail_with_it_was_filed_is_there_again(room: Room) -> None:
    large = b"y" * 300_000
    vault_id = room.shelf.put(message(message_id="<1@example.org>", attach={"y.bin": large}))
    from relay.attribution.compose import compose
    from relay.mail.reading import parse

    with room.filing() as store:
        mail = room.shelf.mails[vault_id]
        records = compose(vault_id, mail, parse(mail.content), store.directory())
        store.keep_large_parts(records[0], lambda: None)
        room.sql("DELETE FROM blob")  # as another refile does with a content that no part has any more
        with store.writing() as transaction:
            transaction.file(records, up_to=vault_id)
    room.verify()
    assert room.rows("SELECT length(content) FROM blob") == [(len(large),)]


# -- copies


MAIL = message(from_="anna@lead.example", to="bob@example.org", subject="Question", message_id="<q@lead.example>")


def test_the_better_copy_decides_and_the_comment_of_the_forwarder_stays(room: Room) -> None:
    room.file(message(to=CAPTURE, subject="Fwd", text="Please call her.\n", forward=[MAIL]))
    assert room.rows("SELECT m.size, t.note FROM message m JOIN message_text t ON t.message_id = m.id")[0][1]
    room.file(b"Received: from a by b\r\n" + MAIL, sender="anna@lead.example")
    room.settle()
    size, note = room.rows("SELECT m.size, t.note FROM message m JOIN message_text t ON t.message_id = m.id")[0]
    assert (size, note) == (len(MAIL) + 23, "Please call her.")
    assert room.rows("SELECT route FROM envelope ORDER BY id") == [("attached",), ("bcc",)]
    before = room.content()
    assert [each.renewed for each in room.again()] == [()]
    assert room.content() == before
    room.verify()


def test_a_comment_that_comes_with_a_later_copy_is_kept(room: Room) -> None:
    room.file(MAIL, sender="anna@lead.example")
    seq = room.end_of_feed()
    room.file(message(to=CAPTURE, subject="Fwd", text="Please call her.\n", forward=[MAIL]))
    room.settle()
    assert room.rows("SELECT note FROM message_text") == [("Please call her.",)]
    assert room.told_since(seq) == [("message", 1, "update")]
    room.verify()


def test_what_was_filed_as_a_copy_and_is_none_becomes_a_message_of_its_own(room: Room) -> None:
    other = message(subject="Other", text="Other words.\n", message_id="<other@example.org>")
    first = message(subject="First", text="First words.\n", message_id="<first@example.org>")
    same = by_older(message_id=None, thread_ids=(), fingerprint="3" * 64, author=None)
    room.file(first, other, older=same)
    assert room.rows("SELECT id FROM message") == [(1,)]
    room.again()
    room.settle()
    assert room.rows("SELECT id, subject FROM message") == [(1, "First"), (2, "Other")]
    assert room.rows("SELECT message_id FROM envelope ORDER BY id") == [(1,), (2,)]
    assert room.rows("SELECT text FROM message_text ORDER BY message_id") == [("First words.",), ("Other words.",)]
    room.verify()


def test_two_messages_that_turn_out_to_be_one_become_the_older_one(room: Room) -> None:
    mail = message(subject="Offer", message_id="<1@example.org>", attach={"a.pdf": b"1"})
    room.file(mail)
    room.file(
        b"Received: x\r\n" + mail,
        older=by_older(message_id="wrong@x", thread_ids=("wrong@x",), fingerprint="4" * 64, subject="wrong"),
    )
    room.sql("INSERT INTO lead (name) VALUES ('Carl')")
    room.sql("INSERT INTO explicit_attribution (message_id, lead_id, decided_at) VALUES (2, 2, '2026-01-02')")
    room.sql("INSERT INTO explicit_attribution (message_id, lead_id, decided_at) VALUES (1, 1, '2026-01-01')")
    room.sql(
        "INSERT INTO explicit_attribution (message_id, lead_id, verdict, decided_at) VALUES (2, 1, 'detach', '2026-01-02')"
    )
    seq = room.end_of_feed()
    room.again(2)
    room.settle()
    assert room.rows("SELECT id, subject FROM message") == [(1, "Offer")]
    assert room.rows("SELECT old_id, message_id FROM message_alias") == [(2, 1)]
    assert room.rows("SELECT message_id FROM envelope") == [(1,), (1,)]
    decisions = room.rows("SELECT lead_id, verdict FROM explicit_attribution WHERE message_id = 1 ORDER BY 1")
    assert decisions == [(1, "detach"), (2, "attach")], "of two decisions about one lead the later one stands"
    assert room.rows("SELECT lead_id FROM lead_message") == [(2,)]
    assert ("message", 2, "merge") in room.told_since(seq)
    assert room.rows("SELECT action, subject_id FROM audit") == [("merge", 1)]
    assert [each.renewed for each in room.again()] == [()]
    room.verify()


def test_what_the_vault_has_no_more_stays_as_it_is_and_is_told(room: Room) -> None:
    [first, second] = room.file(
        message(message_id="<1@example.org>"), message(message_id="<2@example.org>"), older=by_older(subject="old")
    )
    del room.shelf.mails[first]
    one, two = room.again()
    assert (one.gone, one.stays, one.renewed) == ((first,), True, ())
    assert (two.gone, two.stays) == ((), False)
    assert room.rows("SELECT subject, parser FROM message") == [("old", OLD), ("Offer", PARSER)]
    assert second in room.shelf.mails
    room.verify()


def test_a_mail_that_kills_its_reader_is_left_as_it_is(room: Room) -> None:
    [vault_id] = room.file(message(message_id="<1@example.org>"), older=by_older(subject="old"))
    room.note.write_text(f"{vault_id} 2")
    [reread] = room.again()
    assert (reread.unread, reread.stays, reread.renewed) == ((vault_id,), True, ())
    assert room.rows("SELECT subject FROM message") == [("old",)]


# -- threads


def test_a_message_joins_the_thread_that_its_references_name_now(room: Room) -> None:
    room.file(message(message_id="<1@example.org>"), message(message_id="<9@example.org>", subject="Else"))
    answer = message(
        from_="new@lead.example", to="bob@example.org", subject="Re: Offer", message_id="<2@lead.example>",
        fields={"In-Reply-To": "<1@example.org>"},
    )  # fmt: skip
    room.file(answer, older=by_older(thread_ids=("2@lead.example",)))
    assert room.rows("SELECT count(DISTINCT thread_id) FROM message") == [(3,)]
    assert room.rows("SELECT * FROM lead_message WHERE message_id = 3") == []
    seq = room.end_of_feed()
    room.again()
    assert room.rows("SELECT thread_id FROM message WHERE id IN (1, 3)") == [(1,), (1,)]
    assert room.rows("SELECT lead_id, reason FROM lead_message WHERE message_id = 3") == [(1, "thread")]
    assert room.told_since(seq) == [("message", 3, "update")]
    room.settle()
    assert room.told_since(seq) == [("message", 3, "update")]
    room.verify()


def test_a_message_alone_in_its_thread_keeps_the_thread_whatever_it_refers_to_now(room: Room) -> None:
    room.file(
        message(message_id="<1@example.org>", subject="Offer", fields={"References": "<0@x.example>"}),
        older=by_older(thread_ids=("mis@read",), base_subject="mis", message_id="mis@read"),
    )
    room.again()
    assert room.rows("SELECT id, base_subject FROM thread") == [(1, "offer")]
    assert room.rows("SELECT internet_message_id, message_id FROM _reference ORDER BY 1") == [
        ("0@x.example", None), ("1@example.org", 1),
    ]  # fmt: skip
    room.file(message(message_id="<0@x.example>", subject="Offer"))
    assert room.rows("SELECT DISTINCT thread_id FROM message") == [(1,)]
    room.verify()


def test_a_message_leaves_a_thread_that_it_has_nothing_to_do_with(room: Room) -> None:
    room.file(message(message_id="<1@example.org>"))
    room.file(
        message(from_="eve@x.example", message_id="<2@x.example>", subject="Else"),
        older=by_older(thread_ids=("2@x.example", "1@example.org"), base_subject="offer"),
    )
    assert room.rows("SELECT DISTINCT thread_id FROM message") == [(1,)]
    room.again(2)
    assert room.rows("SELECT id, thread_id FROM message") == [(1, 1), (2, 2)]
    room.settle()
    room.verify()


def test_who_is_ours_now_decides_the_direction_anew(room: Room) -> None:
    room.file(message(from_="bob@private.example", to="anna@lead.example", message_id="<1@p.example>"))
    assert room.rows("SELECT direction, staff_id FROM message") == [("incoming", 1)]
    room.sql("INSERT INTO staff_address (staff_id, address) VALUES (1, 'bob@private.example')")
    room.settle()
    room.again()
    assert room.rows("SELECT direction, staff_id FROM message") == [("outgoing", 1)]
    room.verify()


# -- whatever the older parser made of it, what is there afterwards is what filing today makes


BAG = [
    message(message_id="<1@example.org>", attach={"a.pdf": b"1", "b.pdf": b"2"}),
    message(from_="anna@lead.example", to="bob@example.org", subject="Re: Offer", message_id="<2@lead.example>",
            fields={"In-Reply-To": "<1@example.org>"}),
    message(from_="new@lead.example", to="bob@example.org", subject="RE: Offer", message_id="<3@lead.example>",
            fields={"References": "<1@example.org> <2@lead.example>"}, attach={"a.pdf": b"1"}),
    THREE,
    message(to="bob2@example.org", subject="Lunch", message_id="<5@example.org>"),
    message(subject="No id", text="Nameless.\n"),
    message(to=CAPTURE, subject="Fwd: Words", text="note\n\n---------- Forwarded message ---------\n"
            "From: Max <max@x.example>\nDate: Wed, Oct 27, 2021 at 9:31 AM\nSubject: Words\nTo: <bob@example.org>\n\nhi\n"),
    b"Received: again\r\n" + ORIGINALS[1],
]  # fmt: skip


def spoilt(chance: random.Random):
    """Some reading of a mail that an older parser may have had."""

    def older(records: Sequence[Record]) -> list[Record]:
        if chance.random() < 0.15:
            return as_unparsed(records)
        kept = list(records)
        if len(kept) > 1:
            chance.shuffle(kept)
            kept = kept[: chance.randint(1, len(kept))]
        spoiled = []
        for number, record in enumerate(kept):
            changes: dict[str, object] = {"parser": OLD, "position": number}
            if chance.random() < 0.3:
                changes |= {"subject": "spoilt", "base_subject": "spoilt"}
            if chance.random() < 0.3:
                changes |= {"text": "spoilt", "snippet": "spoilt", "fingerprint": f"{chance.getrandbits(256):064x}"}
            if chance.random() < 0.3:
                changes["parties"] = record.parties[:1]
            if chance.random() < 0.3:
                changes["parts"] = record.parts[:1]
            if chance.random() < 0.3:
                changes |= {"thread_ids": record.thread_ids[:1]}
            if chance.random() < 0.2:
                changes |= {"message_id": None, "thread_ids": ()}
            if chance.random() < 0.2:
                changes |= {"originated_at": record.envelope.received_at, "date_source": "received"}
            spoiled.append(replace(record, **changes))  # type: ignore[arg-type]
        return spoiled

    return older


@pytest.mark.parametrize("seed", range(12))
def test_reading_again_gives_what_filing_today_gives(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    rooms = []
    for name in ("today", "again"):
        (tmp_path / name).mkdir()
        room = Room(tmp_path / name)
        room.sql("INSERT INTO staff (name) VALUES ('Bob')")
        room.sql("INSERT INTO staff_address (staff_id, address) VALUES (1, 'bob@example.org')")
        room.sql("INSERT INTO lead (name) VALUES ('Anna')")
        room.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
        rooms.append(room)
    today, again = rooms
    today.file(*BAG)
    today.settle()
    again.file(*BAG, older=spoilt(chance))
    for _ in range(2):  # threads that a message has left may be met again only by another message
        again.again(*chance.sample(ids := [i for (i,) in again.rows("SELECT id FROM message")], len(ids)))
        again.settle()
    seq = again.end_of_feed()
    assert again.content() == today.content()
    again.verify()
    assert [each.renewed for each in again.again()] == [()] * again.rows("SELECT count(*) FROM message")[0][0]
    again.settle()
    assert again.told_since(seq) == []
