"""What bounces and automatic answers say of the addresses of leads, and what counts as contact."""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import Room

from relay.store.connection import open_store

ANNA = "Anna Lee <anna@lead.example>"
BOB = "bob@example.org"


def dsn(
    about: str | None = "<offer@example.org>",
    who: str = "anna@lead.example",
    *,
    action: str = "failed",
    status: str = "5.1.1",
    minute: int = 20,
    writer: str = BOB,
    daemon: str = "MAILER-DAEMON@example.org",
) -> bytes:
    identifier = f"Message-ID: {about}\r\n" if about else ""
    return (
        f"From: {daemon}\r\nTo: {BOB}\r\nDate: Mon, 02 Mar 2026 10:{minute}:00 +0000\r\n"
        f"Message-ID: <{minute}.{who}@mx.example.org>\r\nSubject: Undelivered Mail Returned to Sender\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.example.org\r\n\r\nFinal-Recipient: rfc822; {who}\r\nAction: {action}\r\n"
        f"Status: {status}\r\nDiagnostic-Code: smtp; 550 {status} No such user\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nFrom: {writer}\r\nSubject: Offer\r\n{identifier}\r\n--b--\r\n"
    ).encode()


OFFER = message(message_id="<offer@example.org>")
BOUNCE = dsn()


def from_anna(minute: int, **how: object) -> bytes:
    given = {"subject": "Hello", "text": "Hello Bob", **how}
    return message(
        ANNA, BOB, date=f"Mon, 02 Mar 2026 10:{minute}:00 +0000", message_id=f"<{minute}@lead.example>", **given
    )  # type: ignore[arg-type]


def away(minute: int, text: str, subject: str = "Automatic reply: Offer") -> bytes:
    return from_anna(minute, subject=subject, text=text, fields={"Auto-Submitted": "auto-replied"})


@pytest.fixture
def room(tmp_path: Path) -> Room:
    made = Room(tmp_path)
    with contextlib.closing(open_store(made.path)) as db:
        db.execute("INSERT INTO lead (id, name) VALUES (1, 'Anna')")
        db.execute("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
        db.execute("INSERT INTO staff (id, name) VALUES (1, 'Bob')")
        db.execute("INSERT INTO staff_address (staff_id, address) VALUES (1, 'bob@example.org')")
    return made


def health(room: Room) -> list[tuple[object, ...]]:
    room.verify()
    query = "SELECT address, substr(bounced_at, 12, 5), bounce_reason, absent_until, substr(left_at, 12, 5) FROM "
    found = room.rows(f"{query} lead_address_health")
    assert found == room.rows(f"{query} address_health WHERE address = 'anna@lead.example'")
    return found


BOUNCED = [("anna@lead.example", "10:20", "550 5.1.1 No such user", None, None)]


def test_a_bounce_of_logged_mail_marks_the_address_of_the_lead(room: Room) -> None:
    room.file(OFFER, BOUNCE)
    assert health(room) == BOUNCED
    assert room.rows("SELECT address FROM address WHERE bounced_at IS NOT NULL") == [("anna@lead.example",)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_mail_bounce_and_a_later_mail_of_the_person_in_any_order_come_out_the_same(
    room: Room, order: tuple[int, ...]
) -> None:
    mails = (OFFER, BOUNCE, from_anna(30))
    for at in order:
        room.file(mails[at])
        room.verify()
    assert health(room) == []
    assert [each.renewed for each in room.again()] == [(), (), ()]
    assert health(room) == []


def test_an_earlier_mail_of_the_person_clears_nothing_and_neither_does_a_machine_of_hers(room: Room) -> None:
    room.file(from_anna(10), OFFER, BOUNCE, away(40, "Thank you for your mail."))
    assert health(room) == BOUNCED


def test_the_mail_that_bounced_may_come_after_the_bounce_and_the_feed_tells_the_lead(room: Room) -> None:
    room.file(BOUNCE)
    assert health(room) == []
    seq = room.end_of_feed()
    room.file(OFFER)
    assert health(room) == BOUNCED
    told = room.rows("SELECT entity, op, lead_id FROM change WHERE seq > ? AND entity = 'lead_address'", seq)
    assert told == [("lead_address", "update", 1)]


@pytest.mark.parametrize(
    "forged",
    [
        dsn("<never@example.org>"),  # of a mail that we never sent
        dsn(who="boss@lead.example"),  # that was not for this address
        dsn(None, writer="eve@evil.example"),
        dsn(None, "boss@lead.example"),
        dsn(action="delayed", status="4.4.1"),
        dsn(status="4.4.7"),
        dsn(status="5.2.3"),
    ],
    ids=["unknown id", "another address", "not ours", "not written to", "delayed", "gave up", "too large"],
)
def test_what_is_not_proved_or_not_for_good_marks_nobody(room: Room, forged: bytes) -> None:
    room.file(OFFER, forged)
    assert health(room) == []
    assert room.rows("SELECT * FROM address_health") == []


def test_a_mail_of_the_lead_that_was_not_ours_cannot_be_bounced(room: Room) -> None:
    room.file(from_anna(10, cc="carl@third.example"), dsn("<10@lead.example>", "carl@third.example"))
    assert room.rows("SELECT * FROM address_health") == []
    room.verify()


def test_a_report_without_an_id_is_believed_of_a_mail_of_ours_of_these_days(room: Room) -> None:
    room.file(OFFER, dsn(None))
    assert health(room) == BOUNCED


def test_the_mail_taken_away_the_bounce_is_believed_no_more(room: Room) -> None:
    room.file(OFFER, BOUNCE)
    room.sql("DELETE FROM message WHERE internet_message_id = 'offer@example.org'")
    assert room.rows("SELECT * FROM address_health") == []
    assert room.rows("SELECT bounced_at FROM address WHERE bounced_at IS NOT NULL") == []


def test_a_bounce_stands_on_the_timeline_is_no_contact_and_waits_for_nobody(room: Room) -> None:
    room.file(BOUNCE, OFFER)
    timeline = "SELECT direction, automatic, reason FROM lead_timeline WHERE lead_id = 1 ORDER BY originated_at"
    assert room.rows(timeline) == [("outgoing", None, "address"), ("incoming", "bounce", "thread")]
    contact = (
        "SELECT last_incoming_at, substr(last_outgoing_at, 12, 5), substr(last_contact_at, 12, 5) FROM lead_contact"
    )
    assert room.rows(contact) == [(None, "10:15", "10:15")]
    room.file(dsn("<elsewhere@example.org>", "nobody@nowhere.example", minute=40))
    assert room.rows("SELECT message_id FROM unresolved_message") == []
    room.verify()


def test_a_bounce_that_a_colleague_forwards_as_a_file_counts_as_the_bounce(room: Room) -> None:
    room.file(
        OFFER,
        message(BOB, "crm@crm.example.org", subject="Fwd: Undelivered", forward=[BOUNCE], message_id="<f@example.org>"),
    )
    assert health(room) == BOUNCED


def test_an_absence_is_kept_and_ends_when_the_person_writes(room: Room) -> None:
    room.file(OFFER, away(20, "I am out of the office until 9 March."))
    assert health(room) == [("anna@lead.example", None, None, "2026-03-09T00:00:00.000Z", None)]
    room.file(away(21, "I am out of the office until 16 March."))
    assert health(room) == [("anna@lead.example", None, None, "2026-03-16T00:00:00.000Z", None)]
    room.file(from_anna(30))
    assert health(room) == []


def test_who_left_is_told_with_the_day_on_which_it_was_first_said(room: Room) -> None:
    room.file(away(25, "Anna Lee has left the company."), away(20, "Anna Lee has left the company."))
    assert health(room) == [("anna@lead.example", None, None, None, "10:20")]


def test_a_person_who_writes_of_her_holidays_is_no_machine(room: Room) -> None:
    room.file(from_anna(20, text="I am out of the office until 9 March. Let us talk after."))
    assert health(room) == []


def test_contact_is_what_people_wrote(room: Room) -> None:
    room.file(
        from_anna(10),
        OFFER,
        away(20, "Thank you for your mail."),
        from_anna(25, fields={"List-Unsubscribe": "<https://lead.example/u>"}),
        message("Carl <carl@third.example>", BOB, cc="anna@lead.example", date="Mon, 02 Mar 2026 10:40:00 +0000"),
    )
    [found] = room.rows("SELECT * FROM lead_contact")
    assert [str(each)[11:16] for each in found[1:6]] == ["10:10", "10:15", "10:15", "10:10", "10:15"]
    assert found[6:] == (1, 1)


def test_an_alias_is_marked_under_the_name_that_we_wrote_to(room: Room) -> None:
    status = b"Final-Recipient: rfc822; box@host.example\r\nOriginal-Recipient: rfc822; anna@lead.example"
    room.file(OFFER, BOUNCE.replace(b"Final-Recipient: rfc822; anna@lead.example", status))
    assert health(room) == BOUNCED


def test_never_log_holds_for_the_addresses_that_a_report_names(room: Room) -> None:
    room.sql("INSERT INTO never_log (pattern) VALUES ('lawyer@firm.example')")
    room.file(dsn(who="lawyer@firm.example"))
    assert room.rows("SELECT * FROM message") == room.rows("SELECT * FROM _delivery_report") == []
