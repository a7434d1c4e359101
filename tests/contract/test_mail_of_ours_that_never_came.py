"""missing_message claims a mail as ours only when the answer shows it; share counts it for the rep."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from relay.store.share import share
from tests.store.mailroom import Mailroom
from tests.store.stranger import Stranger

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


class Office:
    """Lead 1 is Anna of x.example; our domain is own.example; Rep is staff 3."""

    def __init__(self, room: Mailroom, crm: Stranger) -> None:
        self.room, self.crm = room, crm
        room.db.execute("INSERT INTO _company_domain VALUES ('own.example')")
        crm("INSERT INTO lead (id) VALUES (1), (2)")
        crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@x.example'), (2, 'dora@z.example')")
        crm("INSERT INTO staff (id, name) VALUES (3, 'Rep')")
        crm("INSERT INTO staff_address (staff_id, address) VALUES (3, 'rep@own.example'), (3, 'rep@private.example')")

    def answer(
        self,
        parent: str,
        own: str | None = "re1@mail.x.example",
        *,
        from_: str = "anna@x.example",
        cc: str | tuple[str, ...] = (),
        quoted: str = "",
        **columns: object,
    ) -> int:
        """An incoming mail that answers `parent`."""
        columns = {"staff_id": 3, **columns}
        message = self.room.message(from_, "rep@own.example", cc, internet_message_id=own, **columns)
        self.room.db.execute("INSERT INTO _answer VALUES (?, ?)", (message, parent))
        self.room.db.execute("INSERT INTO message_text (message_id, quoted) VALUES (?, ?)", (message, quoted))
        return message

    def missing(self) -> list[list[object]]:
        return self.crm("SELECT internet_message_id, lead_id, staff_id, seen_in FROM missing_message ORDER BY seen_in")


@pytest.fixture
def office(mailroom: Mailroom, crm: Stranger) -> Office:
    return Office(mailroom, crm)


@pytest.mark.parametrize("parent", ["lost@own.example", "lost@MAIL.Own.Example"])
def test_an_id_made_at_our_domain_is_ours(office: Office, parent: str) -> None:
    answer = office.answer(parent, own=None, staff_id=None)
    assert office.missing() == [[parent, 1, None, answer]]


@pytest.mark.parametrize("parent", ["lost@notown.example", "lost@own.example.evil.test", "own.example"])
def test_an_id_that_only_looks_like_our_domain_is_not(office: Office, parent: str) -> None:
    office.answer(parent, own="re@" + parent.partition("@")[2])
    assert office.missing() == []


@pytest.mark.parametrize(
    "quoted",
    [
        "On Tue, Nov 3, 2026 at 10:00 AM Rep <rep@own.example> wrote:\n> Dear Anna",
        "-----Original Message-----\nFrom: Rep [mailto:Rep@Own.example]\nTo: Anna <anna@x.example>",
    ],
)
def test_the_answer_quotes_us_where_both_use_the_same_mail_host(office: Office, quoted: str) -> None:
    answer = office.answer("CAx@mail.gmail.com", "CAy@mail.gmail.com", quoted=quoted)
    assert office.missing() == [["CAx@mail.gmail.com", 1, 3, answer]]


@pytest.mark.parametrize(
    ("parent", "own", "cc", "quoted"),
    [
        ("first@mail.x.example", "re@mail.x.example", (), ""),
        ("first@other.x.example", "re@mail.x.example", (), ""),
        ("CAx@mail.gmail.com", "CAy@mail.gmail.com", (), "On Tuesday Anna <anna@x.example> wrote:\n> to rep@own.example"),
        ("CAx@mail.gmail.com", "CAy@mail.gmail.com", (), ""),
        ("AB1@AB1.eurprd05.prod.outlook.com", "CD2@CD2.namprd01.prod.outlook.com", (), ""),
        ("q@somewhere.example", "re@mail.x.example", ("carl@third.example",), ""),
        ("q@mx.third.example", "re@mail.x.example", ("carl@third.example",), ""),
        ("q@somewhere.example", None, (), ""),
        ("q@x.example", "re@mail.gmail.com", (), ""),
    ],
)  # fmt: skip
def test_what_may_be_the_leads_own_or_a_third_persons_mail_is_not_claimed(
    office: Office, parent: str, own: str | None, cc: tuple[str, ...], quoted: str
) -> None:
    office.answer(parent, own, cc=cc, quoted=quoted)
    assert office.missing() == []


def test_between_the_lead_and_us_an_id_of_another_mail_system_is_ours(office: Office) -> None:
    answer = office.answer("CAx@mail.gmail.com", cc=("rep@private.example", "boss@own.example"))
    assert office.missing() == [["CAx@mail.gmail.com", 1, 3, answer]]


def test_lists_and_what_was_withdrawn_claim_nothing_an_absence_notice_does(office: Office) -> None:
    office.answer("a@own.example", automatic="list")
    office.answer("b@own.example", visibility="withdrawn")
    away = office.answer("c@own.example", automatic="auto-reply")
    assert [row[3] for row in office.missing()] == [away]


def test_it_is_gone_when_the_mail_comes_or_the_lead_is_no_more(office: Office) -> None:
    office.answer("lost@own.example")
    office.answer("lost2@own.example", from_="dora@z.example")
    assert len(office.missing()) == 2
    office.room.message(
        "rep@own.example", "anna@x.example", direction="outgoing", internet_message_id="lost@own.example"
    )
    assert [row[1] for row in office.missing()] == [2]
    office.crm("DELETE FROM lead WHERE id = 2")
    assert office.missing() == []


def test_the_share_of_a_reps_mail_that_is_here(office: Office, mailroom: Mailroom, crm: Stranger) -> None:
    assert share(mailroom.db, BEGINNING) == ()
    for n in range(3):
        mailroom.message(
            "rep@own.example",
            "anna@x.example",
            direction="outgoing",
            staff_id=3,
            internet_message_id=f"{n}@own.example",
        )
    mailroom.message("rep@own.example", "nobody@q.example", direction="outgoing", staff_id=3)
    mailroom.message("rep@own.example", "anna@x.example", direction="outgoing", staff_id=3, visibility="withdrawn")
    office.answer("0@own.example")
    office.answer("lost@own.example")
    office.answer("lost@own.example")  # answered twice, missing once
    crm("INSERT INTO staff (id, name) VALUES (4, NULL)")
    office.answer("lost4@own.example", staff_id=4)
    assert share(mailroom.db, BEGINNING) == ((3, "Rep", 3, 1), (4, "", 0, 1))
    assert share(mailroom.db, datetime(2027, 1, 1, tzinfo=UTC)) == ()
