"""Journal reports: who received a mail by the word of our own server, and who may say so."""

from __future__ import annotations

import time

import pytest
from letters import ANNA, BOSS, CRM, mail, people, record, with_messages

from relay.mail import journal
from relay.mail.reading import parse

EXCHANGE = '"Microsoft Exchange" <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@our.example>'
OFFER = mail(to=ANNA, Message_ID="<offer@our.example>")
REPORT = """Sender: rep@our.example
Subject: Offer
Message-Id: <offer@our.example>
To: anna@lead.example
Bcc: hidden@lead.example
"""


def report(
    text: str = REPORT,
    original: bytes = OFFER,
    *,
    from_: str = EXCHANGE,
    mark: str = "X-MS-Journal-Report",
    value: str = " ",
) -> bytes:
    octets = mail(from_=from_, to=CRM, text=text, Message_ID="<report@our.example>")
    octets = f"{mark}:{value}\r\n".encode() + octets
    return with_messages(octets, (original,)) if original else octets


@pytest.mark.parametrize("admitted_by", ["network", "lmtp", "deliver"])
def test_the_original_is_filed_with_its_unseen_receivers(admitted_by: str) -> None:
    one = record(report(), reverse_path=None, admitted_by=admitted_by)
    assert (one.route, one.evidence, one.message_id) == ("journal", "journal", "offer@our.example")
    assert (one.verdict.direction, one.author.key, one.handed_in_by, one.staff_id) == (
        "outgoing",
        "rep@our.example",
        1,
        1,
    )
    assert people(one) == {"rep@our.example": "from", "anna@lead.example": "to", "hidden@lead.example": "bcc"}
    assert (one.text, one.note, one.defects) == ("Hello", "", ())


def test_members_of_a_list_and_those_to_whom_it_was_forwarded_received_it() -> None:
    text = """Sender: anna@lead.example
Subject: Question
Message-Id: <q@lead.example>
Recipient: boss@our.example, Expanded: sales@our.example
To: "Rep" <rep@our.example>, Forwarded: old@our.example
Cc: RFC822;
"""
    theirs = mail(from_=ANNA, to="sales@our.example", Message_ID="<q@lead.example>")
    one = record(report(text, theirs), reverse_path=None)
    assert people(one) == {
        "anna@lead.example": "from",
        "sales@our.example": "to",
        "boss@our.example": "bcc",
        "rep@our.example": "bcc",
        "old@our.example": "bcc",
    }
    assert (one.verdict.direction, one.handed_in_by, one.staff_id) == ("incoming", 1, 1)


def test_mail_among_us_that_went_outside_unseen_is_outgoing() -> None:
    among_us = mail(to=BOSS, Message_ID="<offer@our.example>")
    text = REPORT.replace("anna@lead.example", "boss@our.example")
    assert record(report(text, among_us)).verdict.direction == "outgoing"
    assert record(report(text.replace("hidden@lead.example", CRM), among_us)).verdict.direction == "internal"


def test_the_report_of_exchange_2003_is_read() -> None:
    text = 'Sender: "Rep" <rep@our.example>\nMessage-ID: <offer@our.example>\nRecipients:\n "Anna Lee" <anna@lead.example>\n <hidden@lead.example>\n'
    one = record(b"Content-Identifier: ExJournalData\r\n" + report(text, mark="X-Other"))
    assert people(one)["hidden@lead.example"] == "bcc"


def test_a_report_without_its_mail_gives_what_it_says() -> None:
    one = record(report(original=b""))
    assert (one.route, one.evidence, one.defects) == ("journal", "journal-facts", ("journal-without-original",))
    assert (one.message_id, one.author.key, one.subject) == ("offer@our.example", "rep@our.example", "Offer")
    assert people(one) == {"rep@our.example": "from", "anna@lead.example": "to", "hidden@lead.example": "bcc"}


def test_of_a_protected_mail_the_readable_copy_counts() -> None:
    locked = mail(
        to=ANNA,
        text="locked",
        files=(("message.rpmsg", "application/x-microsoft-rpmsg-message", b"x"),),
        Message_ID="<offer@our.example>",
    )
    octets = with_messages(b"X-MS-Journal-Report:\r\n" + mail(from_=EXCHANGE, to=CRM, text=REPORT), (locked, OFFER))
    assert record(octets).text == "Hello"


@pytest.mark.parametrize(
    ("from_", "reverse_path", "admitted_by", "text"),
    [
        ("eve@evil.example", "eve@evil.example", "network", REPORT),
        (EXCHANGE, None, "upstream", REPORT),
        (EXCHANGE, None, "network", REPORT.replace("our.example", "evil.example")),
    ],
)
def test_a_report_that_no_system_of_ours_sent_is_believed_by_nobody(
    from_: str, reverse_path: str | None, admitted_by: str, text: str
) -> None:
    one = record(report(text, from_=from_), reverse_path=reverse_path, admitted_by=admitted_by)
    assert (one.route, one.message_id) == ("direct", "report@our.example")
    assert "journal-not-believed" in one.defects
    assert not {"anna@lead.example", "hidden@lead.example", "rep@our.example"} & people(one).keys()


def test_a_mail_that_quotes_a_report_is_no_report() -> None:
    octets = with_messages(mail(to=CRM, text=REPORT), (OFFER,))
    assert journal.read(parse(octets)) is None
    assert record(octets).route == "attached"
    assert journal.read(parse(b"X-MS-Journal-Report:\r\n" + mail(text="no fields"))) is None


def test_a_report_of_many_receivers_is_read_in_linear_time() -> None:
    lines = "".join(f"Recipient: r{n}@lead.example, Expanded: l{n}@our.example\n" for n in range(30_000))
    report = parse(b"X-MS-Journal-Report:\r\n" + mail(text="Sender: rep@our.example\n" + lines))
    began = time.process_time()
    found = journal.read(report)
    assert time.process_time() - began < 1.0, "a fraction of it on any machine"
    assert found is not None
    assert len(found.recipients) == journal.MAX_RECIPIENTS
