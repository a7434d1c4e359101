"""One message, however often and by whatever way it comes: one row, an envelope each. Never two mails in one row."""

from __future__ import annotations

import contextlib
import random
import zlib
from dataclasses import replace
from itertools import combinations, permutations
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room, Shelf, Shelved

from relay.attribution.compose import compose
from relay.attribution.directory import Directory
from relay.attribution.likeness import letter as of_record
from relay.attribution.likeness import same_mail
from relay.cli.letter_page import letter_page
from relay.cli.terminal import Screen
from relay.mail.envelope import VaultId
from relay.mail.reading import parse
from relay.store import migrations
from relay.store.connection import open_store
from relay.store.reading import letter

WORDS = (
    "Dear Bob,\n\nthank you for the offer of 14 May. We would take 120 pieces at 9.80 if you can deliver before the "
    "end of June; please tell me whether that is possible.\n\nKind regards\nAnna"
)


def original(
    text: str = WORDS, *, number: int = 1, at: str = "10:00:31", day: int = 2, to: str = "bob@example.org"
) -> bytes:
    return message(
        from_="Anna Lee <anna@lead.example>",
        to=to,
        subject="Re: Offer",
        text=text,
        date=f"{('Sun', 'Mon', 'Tue', 'Wed')[day - 1]}, {day:02} Mar 2026 {at} +0000",
        message_id=f"<offer-{number}@lead.example>",
    )


def forward(
    by: str, note: str, text: str = WORDS, *, at: str = "10:00 AM", day: int = 2, to: str = "<bob@example.org>"
) -> bytes:
    name = ("Sun", "Mon", "Tue", "Wed")[day - 1]
    block = (
        f"{note}\n\n---------- Forwarded message ---------\nFrom: Anna Lee <anna@lead.example>\n"
        f"Date: {name}, Mar {day}, 2026 at {at}\nSubject: Re: Offer\nTo: {to}\n\n\n{text}\n"
    )
    return message(
        from_=f"{by}@example.org", to=CAPTURE, subject="Fwd: Offer", text=block,
        date="Mon, 02 Mar 2026 18:00:00 +0000", message_id=f"<fwd-{by}-{zlib.crc32(block.encode())}@example.org>",
    )  # fmt: skip


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return room_of(tmp_path)


def room_of(folder: Path, **options: bool) -> Room:
    folder.mkdir(exist_ok=True)
    room = Room(folder, **options)
    for number, name in enumerate(("bob", "carl"), start=1):
        room.sql("INSERT INTO staff (name) VALUES (?)", name)
        room.sql("INSERT INTO staff_address (staff_id, address) VALUES (?, ?)", number, f"{name}@example.org")
    return room


def groups(room: Room) -> set[frozenset[str]]:
    rows = room.rows("SELECT group_concat(vault_id) FROM envelope GROUP BY message_id")
    return {frozenset(ids.split(",")) for (ids,) in rows}


MANGLED = "> " + WORDS.replace("\n\n", "\n").replace("possible.", "possible\u00a0<https://lead.example/x>.").replace(
    "\n", "\n> "
)


def test_a_forward_and_its_original_are_one_message_in_every_order_with_every_note(tmp_path: Path) -> None:
    mails = [original(), forward("bob", "Please call her.", MANGLED.replace("> ", "")), forward("carl", "Too cheap!")]
    for number, order in enumerate(list(permutations(mails))[::2]):
        for together in (False, True):
            room = room_of(tmp_path / f"{number}{together}")
            if together:
                room.file(*order)
            else:
                for each in order:
                    room.file(each)
            room.settle()
            assert room.rows("SELECT id, internet_message_id, originated_at FROM message") == [
                (1, "offer-1@lead.example", "2026-03-02T10:00:31.000Z")
            ]
            assert len(room.rows("SELECT 1 FROM envelope")) == 3
            [(note,)] = room.rows("SELECT note FROM message_text")
            assert sorted(note.split("\n\n")) == ["Please call her.", "Too cheap!"]
            said = room.rows("SELECT s.name, n.note FROM envelope_note n JOIN envelope e ON e.id = n.envelope_id"
                             " JOIN staff s ON s.id = e.staff_id ORDER BY 1")  # fmt: skip
            assert said == [("bob", "Please call her."), ("carl", "Too cheap!")]
            assert room.rows("SELECT 1 FROM _forwarded") == []
            room.verify()
            before = room.content()
            room.again()
            room.settle()
            assert room.content() == before


TRAPS = {
    "a number corrected an hour later": (original(), forward("bob", "", WORDS.replace("120", "130"), at="11:00 AM")),
    "the same at the same minute of the next day": (original(), forward("bob", "", day=3)),
    "a word corrected within the minute": (original(), forward("bob", "", WORDS.replace("June", "July"))),
    "a few words twice a day": (original("OK, thanks"), forward("bob", "", "OK, thanks", at="3:00 PM")),
    "a few words within the minute to somebody else": (
        original("OK, thanks", to="carl@example.org"), forward("bob", "", "OK, thanks")),
    "the same text to another": (original(to="carl@example.org"), forward("bob", "", to="<bob@example.org>")),
    "two mails": (original(number=1), original(number=2)),
    "two forwards of two mails": (forward("bob", ""), forward("carl", "", at="10:07 AM")),
}  # fmt: skip


@pytest.mark.parametrize("trap", TRAPS)
def test_two_mails_never_become_one(tmp_path: Path, trap: str) -> None:
    one, other = TRAPS[trap]
    for number, order in enumerate(((one, other), (other, one))):
        room = room_of(tmp_path / str(number))
        room.file(*order[: 1 + number])
        room.file(*order[1 + number :])
        room.settle()
        room.again()
        room.settle()
        assert len(groups(room)) == 2
        room.verify()


def test_a_few_words_are_joined_by_the_minute_and_who_got_them(room: Room) -> None:
    room.file(forward("bob", "", "OK, thanks"))
    room.file(original("OK, thanks"))
    assert len(groups(room)) == 1


def test_a_date_in_another_zone_is_the_same_if_the_text_is_long(room: Room) -> None:
    room.file(original(), forward("bob", "", at="5:30 AM"))
    assert len(groups(room)) == 1


def test_a_forward_takes_one_original_and_no_second_one(room: Room) -> None:
    room.file(forward("bob", ""), original(number=1), original(number=2))
    room.settle()
    assert sorted(map(len, groups(room))) == [1, 2]


def test_where_only_facts_are_kept_the_texts_are_compared_out_of_the_vault(tmp_path: Path) -> None:
    for number, order in enumerate(permutations((original(), forward("bob", "Call her.")))):
        room = room_of(tmp_path / str(number), keeps_unknown=False)
        for each in order:
            room.file(each)
        room.settle()
        assert room.rows("SELECT id, internet_message_id FROM message") == [(1, "offer-1@lead.example")]
        assert room.rows(
            "SELECT subject, direction, originated_at, date_source, author_name, snippet FROM message"
        ) == [("Re: Offer", "incoming", "2026-03-02T10:00:31.000Z", "header", "Anna Lee", "")]
        assert room.rows("SELECT 1 FROM _forwarded") == []
        assert len(room.rows("SELECT DISTINCT route FROM envelope")) == 2
        assert room.rows("SELECT text, note FROM message_text") == [("", "")]
        assert room.rows("SELECT 1 FROM envelope_note") == []
        room.verify()


EXCHANGE = "Microsoft Exchange <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.org>"


def journal() -> bytes:
    text = "Sender: anna@lead.example\nSubject: Re: Offer\nMessage-Id: <offer-1@lead.example>\nTo: bob@example.org\n"
    return message(
        from_=EXCHANGE, to=CAPTURE, subject="Re: Offer", text=text, forward=[original()], fields={"X-MS-Journal-Report": ""}
    )  # fmt: skip


def prove_whole(room: Room) -> tuple[list[str], int]:
    """(what rebuild finds different, how many messages it calls outdated)"""
    found = room.rebuilt()
    assert found.gone == 0
    return [str(each) for each in found.differences], found.outdated


def test_by_every_way_at_once_it_is_one_message_and_made_anew_it_is_the_same(tmp_path: Path) -> None:
    attached = message(
        from_="carl@example.org", to=CAPTURE, subject="Fwd: see", text="As it came.", forward=[original()]
    )
    ways = [
        b"Received: from mx by relay; first\r\n" + original(),
        b"Received: from mx by relay; and again\r\n" + original(),  # its client did not hear our 250
        original(),  # a colleague's copy
        journal(),
        attached,
        forward("bob", "Please call her."),
        forward("carl", "Too cheap!"),
    ]
    for number, order in enumerate((ways, ways[::-1], ways[3:] + ways[:3])):
        (folder := tmp_path / str(number)).mkdir()
        room = room_of(folder)
        room.shelf = Shelved(folder / "vault")
        if number:
            for mail in order:
                room.file(mail)
        else:
            room.file(*order)
        room.settle()
        assert room.rows("SELECT count(DISTINCT message_id), count(*), count(DISTINCT vault_id) FROM envelope") == [
            (1, 7, 7)
        ]
        assert room.rows("SELECT count(*) FROM message") == [(1,)]
        room.verify()
        assert prove_whole(room) == ([], 0)


GONE = (
    "DROP TRIGGER envelope_note_goes", "DROP TRIGGER _forwarded_goes", "DROP TABLE envelope_note", "DROP TABLE _forwarded",
)  # fmt: skip
"""What that release did not have."""


def test_what_an_older_release_filed_as_two_is_one_after_refile(
    tmp_path: Path,
) -> None:
    room = room_of(tmp_path)
    room.shelf = Shelved(tmp_path / "vault")
    first, second = forward("bob", "Please call her."), original()
    hidden = {"evidence": "", "parser": "2"}  # as that release read them: no evidence, and so no look for an original
    for mail in (first, second):
        room.file(mail, older=lambda records: [replace(record, **hidden) for record in records])
    assert room.rows("SELECT count(*) FROM message") == [(2,)]
    (script,) = (text for name, text in migrations.scripts() if name == "0008_b_copies")
    with contextlib.closing(open_store(room.path)) as db:
        for statement in (*GONE, *migrations.statements(script)):
            db.execute(statement)
    assert room.rows("SELECT message_id FROM _forwarded") == [(1,)]
    assert room.rows("SELECT note FROM envelope_note") == [("Please call her.",)]
    assert prove_whole(room)[0] == []
    seq = room.end_of_feed()
    room.again()
    room.settle()
    assert room.rows("SELECT id, internet_message_id FROM message") == [(1, "offer-1@lead.example")]
    assert room.rows("SELECT old_id, message_id FROM message_alias") == [(2, 1)]
    assert ("message", 2, "merge") in room.told_since(seq)
    assert room.rows("SELECT note FROM message_text") == [("Please call her.",)]
    room.verify()
    assert prove_whole(room) == ([], 0)


def test_each_colleagues_note_is_shown_under_her_name(room: Room) -> None:
    room.file(
        forward("bob", "Please call her."), original(), forward("carl", "Too cheap!"), forward("carl", "Too cheap!")
    )
    room.settle()
    with contextlib.closing(open_store(room.path, read_only=True)) as db:
        found = letter(db, 1)
    assert [(one["staff_name"], one["note"]) for one in found["notes"]] == [
        ("bob", "Please call her."), ("carl", "Too cheap!"), ("carl", "Too cheap!")
    ]  # fmt: skip
    page = "\n".join(letter_page(found, Screen()))
    assert page.count("Too cheap!") == 1
    assert "Note of bob:\n  Please call her." in page


OTHER = WORDS.replace("120 pieces at 9.80", "the whole stock at 9.10")
SETS: dict[str, list[bytes]] = {
    "a mail": [original(), forward("bob", "Call her."), forward("carl", "", MANGLED.replace("> ", ""))],
    "the same, a number corrected": [original(WORDS.replace("120", "130"), number=2), forward("bob", "", WORDS.replace("120", "130"))],
    "the same minute, other words": [original(OTHER, number=3), forward("carl", "Hm.", OTHER), forward("bob", "", OTHER)],
    "the same words on the day before": [original(number=4, day=1), forward("carl", "", day=1)],
    "a few words": [original("OK, thanks", number=5), forward("bob", "", "OK, thanks")],
    "the same few words later": [original("OK, thanks", number=6, at="15:07:02"), forward("carl", "", "OK, thanks", at="3:07 PM")],
    "forwards only": [forward("bob", "", OTHER + "\nP.S. Not on Friday, please.", at="11:11 AM")],
}  # fmt: skip


def brute_force(mails: list[bytes]) -> set[frozenset[bytes]]:
    """Each with each, without any order: what is the same mail, or of one Message-ID, is one group."""
    domains = frozenset({"example.org"})
    who = Directory(domains, frozenset({CAPTURE}), {"bob@example.org": 1, "carl@example.org": 2})
    shelf = Shelf()
    kept = {mail: shelf.mails[shelf.put(mail)] for mail in mails}
    records = [compose(VaultId("0a1b2c3d", 1), kept[mail], parse(mail), who)[0] for mail in mails]
    letters = [of_record(record, at, domains) for at, record in enumerate(records)]
    group = list(range(len(mails)))
    for one, other in combinations(range(len(mails)), 2):
        first, second = letters[one], letters[other]
        assert first is not None
        assert second is not None
        if same_mail(first, second):
            old, new = group[other], group[one]
            group = [new if each == old else each for each in group]
    return {frozenset(mail for mail, its in zip(mails, group, strict=True) if its == each) for each in set(group)}


@pytest.mark.parametrize("seed", range(6))
def test_in_any_order_and_batches_the_groups_are_those_of_comparing_each_with_each(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    chosen = chance.sample(sorted(SETS), 4)
    mails = [mail for name in chosen for mail in SETS[name]]
    chance.shuffle(mails)
    expected = {frozenset(SETS[name]) for name in chosen}
    assert brute_force(mails) == expected
    room = room_of(tmp_path, keeps_unknown=seed % 4 != 3)
    left = list(mails)
    while left:
        size = chance.randint(1, 4)
        room.file(*left[:size])
        left = left[size:]
    room.settle()
    octets = {str(vault_id): mail.content for vault_id, mail in room.shelf.mails.items()}
    assert {frozenset(octets[i] for i in group) for group in groups(room)} == expected
    room.verify()
