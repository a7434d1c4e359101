"""Mail out of mailboxes: it is about itself, whatever it quotes, and keeps the time at which it came there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from letters import ANNA, BOSS, CRM, OURS, RECEIVED, REP, mail

from relay.attribution.compose import compose
from relay.attribution.record import Record
from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, MailObject, VaultId, decode
from relay.mail.imported import digest
from relay.mail.reading import parse

FORWARDED = "fyi\n\n---------- Forwarded message ---------\nFrom: Max <max@x.example>\nDate: Wed, Oct 27, 2021 at 9:31 AM\nSubject: Question\nTo: <rep@our.example>\n\nhi\n"
CAME = datetime(2019, 3, 2, 10, 15, tzinfo=UTC)


def imported(content: bytes, *, owner: str | None = None, dated: datetime | None = None) -> tuple[Record, ...]:
    reverse = None if owner is None else Address.read(owner)
    to = (Address("crm", "relay.example"),)
    envelope = Envelope(reverse, to, Client("unix:uid=1,pid=2", "import"), RECEIVED, "import", dated)
    object_ = MailObject(decode(envelope.encode()), content)  # as it comes out of the vault
    return compose(VaultId("0badcafe", 7), object_, parse(content), OURS)


@pytest.mark.parametrize("author", [REP, ANNA, BOSS])
@pytest.mark.parametrize("text", ["Hello", FORWARDED])
def test_a_mail_of_a_mailbox_is_about_itself_even_if_it_holds_a_forward(author: str, text: str) -> None:
    to = ANNA if author != ANNA else REP
    [found] = imported(mail(from_=author, to=to, text=text))
    assert found.route == "import"
    assert found.evidence == ""
    assert found.author is not None
    assert found.author.key in author
    assert found.verdict.reason == ("author-outside" if author == ANNA else "author-ours")
    assert {party.address.key for party in found.parties} >= {"anna@lead.example"}
    assert CRM not in {party.address.key for party in found.parties}


def test_a_forward_to_the_capture_address_is_read_as_ever_from_a_folder_of_sent_mail() -> None:
    [found] = imported(mail(to=CRM, subject="Fwd: Question", text=FORWARDED))
    assert found.route == "forward"
    assert found.author is not None
    assert found.author.key == "max@x.example"
    assert found.staff_id == 1


def test_mail_that_somebody_resent_to_us_is_about_itself() -> None:
    fields = {
        "Resent-From": "boss@our.example",
        "Resent-To": "rep@our.example",
        "Resent-Date": "Tue, 05 May 2026 12:00:00 +0200",
    }
    [found] = imported(mail(from_=ANNA, to=BOSS, **fields))
    assert (found.route, found.verdict.direction) == ("import", "incoming")


def test_the_owner_of_the_mailbox_handed_it_in_and_is_on_mail_that_names_nobody_of_ours() -> None:
    [found] = imported(mail(from_=ANNA, to="undisclosed-recipients:;"), owner="rep@our.example")
    assert (found.handed_in_by, found.staff_id) == (1, 1)
    [found] = imported(mail(from_=BOSS, to=ANNA), owner="rep@our.example")
    assert (found.handed_in_by, found.staff_id) == (2, 2), "a proved author wins over the owner"


def test_nobody_having_handed_it_in_does_not_make_it_automatic() -> None:
    [found] = imported(mail(from_=ANNA, to=REP))
    assert found.automatic is None


@pytest.mark.parametrize(
    ("date", "dated", "at", "source"),
    [
        ("Tue, 05 May 2026 11:00:00 +0200", CAME, datetime(2026, 5, 5, 9, tzinfo=UTC), "header"),
        ("", CAME, CAME, "received"),
        ("no date", CAME, CAME, "received"),
        ("Tue, 05 May 1970 11:00:00 +0200", CAME, CAME, "received"),
        ("", None, RECEIVED, "received"),
        ("", datetime(2030, 1, 1, tzinfo=UTC), RECEIVED, "received"),
    ],
)
def test_mail_without_a_date_has_the_one_of_its_mailbox(
    date: str, dated: datetime | None, at: datetime, source: str
) -> None:
    content = mail(from_=ANNA, to=REP).replace(
        b"Date: Tue, 05 May 2026 11:00:00 +0200\r\n", f"Date: {date}\r\n".encode() if date else b""
    )
    [found] = imported(content, dated=dated)
    assert (found.originated_at, found.date_source) == (at, source)
    assert found.envelope.received_at == RECEIVED


def test_a_mail_is_the_same_in_two_folders_with_other_labels_and_flags() -> None:
    one = mail(from_=ANNA, to=REP)
    labels = b"X-Gmail-Labels: Inbox,\r\n Important\r\nX-GM-THRID: 17\r\nX-Mozilla-Status: 0001\r\nStatus: RO\r\n"
    other = b"X-Mozilla-Status2: 00800000\r\nX-Mozilla-Keys:                     \r\n"
    assert digest(labels + one) == digest(other + one) == digest(one) == digest(one + b"\r\n\r\n")
    assert digest(one) != digest(one.replace(b"Hello", b"Hallo"))
    assert digest(one) != digest(one.replace(b"Subject: Offer", b"Subject: Other"))
    in_body = one + b"Status: RO\r\n"
    assert digest(in_body) != digest(one), "only a header has such fields"


def test_only_imported_mail_bears_a_digest() -> None:
    content = mail()
    [found] = imported(content)
    assert found.imported == digest(content)
    envelope = Envelope(None, (Address("crm", "relay.example"),), Client("127.0.0.1"), RECEIVED, "network")
    [other] = compose(VaultId("0badcafe", 8), MailObject(envelope, content), parse(content), OURS)
    assert other.imported is None
    assert other.route == "bcc"
