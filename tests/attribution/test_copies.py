"""Copies: mail that somebody else was sent, and that we were given too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from letters import ANNA, BOSS, CRM, RECEIVED, REP, mail, people, record

from relay.attribution.directory import Directory


def test_a_bcc_copy_is_outgoing_with_every_recipient_and_the_rep_as_author():
    one = record(mail(to=f"{ANNA}, bob@lead.example", Cc=f"carl@other.example, {BOSS}"))
    assert (one.route, one.verdict.direction, one.verdict.reason) == ("bcc", "outgoing", "author-ours")
    assert people(one) == {
        "rep@our.example": "from",
        "anna@lead.example": "to",
        "bob@lead.example": "to",
        "carl@other.example": "cc",
        "boss@our.example": "cc",
    }
    assert (one.staff_id, one.handed_in_by) == (1, 1)
    assert one.date_source == "header"
    assert one.originated_at == datetime(2026, 5, 5, 9, 0, tzinfo=UTC)


def test_a_leads_mail_is_incoming_and_belongs_to_our_person_on_it():
    one = record(mail(from_=ANNA, to=BOSS), reverse_path="anna@lead.example")
    assert (one.verdict.direction, one.staff_id, one.handed_in_by) == ("incoming", 2, None)


@pytest.mark.parametrize("subject", ["Fwd: Offer", "FW: Offer", "Re: Offer"])
def test_a_mail_to_a_lead_is_a_copy_whatever_its_subject_or_body_says(subject):
    text = "See below\n\n---------- Forwarded message ---------\nFrom: Eve <eve@x.example>\nDate: Wed, Oct 27, 2021 at 9:31 AM\nSubject: x\nTo: <rep@our.example>\n\nhi"
    for to, cc in ((ANNA, ""), (ANNA, CRM), (f"{CRM}, {ANNA}", "")):
        one = record(mail(to=to, subject=subject, text=text, Cc=cc))
        assert (one.route, one.verdict.direction, one.author.key) == ("bcc", "outgoing", "rep@our.example")
        assert "eve@x.example" not in people(one)


def test_an_attached_message_in_a_mail_to_a_lead_stays_an_attachment():
    one = record(mail(attached=(mail(from_="eve@x.example"),)))
    assert (one.route, one.author.key, one.attachment_count) == ("bcc", "rep@our.example", 1)


def test_internal_mail_needs_another_of_our_people():
    assert record(mail(to=BOSS)).verdict.direction == "internal"
    for to in (REP, "", "undisclosed-recipients:;", "rep@private.example"):
        verdict = record(mail(to=to)).verdict
        assert (verdict.direction, verdict.reason) == ("outgoing", "no-other-party")


def test_a_mail_without_author_has_no_direction():
    verdict = record(mail(from_=""), reverse_path=None).verdict
    assert (verdict.direction, verdict.reason) == ("unknown", "no-author")


def test_our_people_are_known_by_every_address_and_with_plus_tags():
    assert record(mail(from_="rep@private.example")).staff_id == 1
    assert record(mail(from_="Rep+News@OUR.example")).staff_id == 1
    unknown = record(mail(from_="new@our.example", Cc=BOSS))
    assert (unknown.verdict.direction, unknown.staff_id) == ("outgoing", 1), "who handed it in, not a colleague in Cc"


def test_a_capture_address_is_never_a_party():
    one = record(mail(to=f"{ANNA}, crm+deal-4@relay.example", Cc=CRM, Bcc="crm.lead-2@relay.example"))
    assert set(people(one)) == {"rep@our.example", "anna@lead.example"}


def test_envelope_recipients_that_no_header_names_are_parties_in_bcc():
    one = record(mail(), forward_paths=(CRM, "hidden@lead.example", "anna@lead.example"))
    assert people(one)["hidden@lead.example"] == "bcc"
    assert people(one)["anna@lead.example"] == "to"


def test_an_address_has_its_strongest_role_once():
    one = record(mail(to=f"{ANNA}, ANNA@lead.example", Cc=ANNA, Reply_To="rep@our.example"))
    assert people(one) == {"rep@our.example": "from", "anna@lead.example": "to"}


def test_more_parties_than_a_person_writes_are_bounded_with_a_defect():
    crowd = ", ".join(f"p{n}@lead.example" for n in range(2500))
    one = record(b"From: rep@our.example\r\nTo: " + crowd.encode() + b"\r\n\r\nhi")
    assert len(one.parties) == 2000
    assert "too-many-parties" in one.defects


@pytest.mark.parametrize(
    ("date", "at", "source", "defect"),
    [
        ("Tue, 05 May 2026 11:00:00 +0200", datetime(2026, 5, 5, 9, tzinfo=UTC), "header", None),
        ("Tue, 05 May 2026 11:40:00 +0200", RECEIVED, "received", None),
        ("Tue, 05 May 2036 11:00:00 +0200", RECEIVED, "received", "date-in-future"),
        ("Thu, 01 Jan 1970 00:00:00 +0000", RECEIVED, "received", "date-too-old"),
        ("", RECEIVED, "received", None),
    ],
)
def test_a_message_is_never_younger_than_its_receipt_nor_older_than_mail(date, at, source, defect):
    one = record(mail(Date=date))
    assert (one.originated_at, one.date_source) == (at, source)
    assert {"date-in-future", "date-too-old"} & set(one.defects) == ({defect} if defect else set())


def test_two_copies_have_one_fingerprint_and_two_messages_have_two():
    text = "Dear Anna,\n\nthe offer stands until Friday."
    first, wrapped = (
        record(mail(text=text)),
        record(mail(text=text.replace("stands ", "stands\n"), subject="Re: Offer")),
    )
    assert first.fingerprint == wrapped.fingerprint
    assert first.fingerprint != record(mail(text=text + " Really.")).fingerprint


def test_one_text_to_many_one_by_one_is_as_many_messages_where_no_message_id_tells_them_apart():
    anna, ben = (record(mail(to=to, Message_ID="")) for to in ("anna@lead.example", "ben@other.example"))
    assert anna.fingerprint != ben.fingerprint
    again = record(mail(to=["anna@lead.example", CRM], Message_ID=""))
    assert again.fingerprint == anna.fingerprint, "the capture address beside them is no recipient"
    named = [record(mail(to=to, Message_ID="<1@x>")) for to in ("anna@lead.example", "ben@other.example")]
    assert named[0].fingerprint == named[1].fingerprint, "a Message-ID says more than who is named"


def test_a_redirect_is_the_message_itself_handed_in_by_who_resent_it():
    octets = mail(from_=ANNA, to=BOSS, Resent_From=REP, Resent_To=CRM)
    one = record(octets, reverse_path="anna@lead.example")
    assert (one.route, one.evidence, one.handed_in_by) == ("redirect", "resent", 1)
    assert (one.verdict.direction, one.author.key, one.message_id) == (
        "incoming",
        "anna@lead.example",
        "one@our.example",
    )


@pytest.mark.parametrize(
    ("address", "tags"),
    [
        ("crm+deal-42@relay.example", ("deal-42",)),
        ("crm.deal-42@relay.example", ("deal-42",)),
        ("crm-Deal-42@relay.example", ("deal-42",)),
        ("deal-42@relay.example", ("deal-42",)),
        ("crm+deal-42+lead-7@relay.example", ("deal-42", "lead-7")),
        ("crm.deal-42.lead-7@relay.example", ("deal-42", "lead-7")),
        ("crm+lead-ext-A.17-b@relay.example", ("lead-ext-A.17-b",)),
        ("crm+deal-ext-X1-lead-3@relay.example", ("deal-ext-X1", "lead-3")),
        ("crm@relay.example", ()),
    ],
)
def test_tags_are_read_in_every_form_of_the_capture_address(address, tags):
    one = record(mail(), forward_paths=(address,))
    assert one.tags == tags
    assert "unknown-tag" not in one.defects


@pytest.mark.parametrize(
    "address", ["crm+whatever@relay.example", "deal-abc@relay.example", "crm+deal-0@relay.example"]
)
def test_an_unknown_tag_is_a_defect_and_never_dropped(address):
    one = record(mail(), forward_paths=(address,))
    assert "unknown-tag" in one.defects
    assert one.tags


def test_an_exact_address_and_our_people_win_over_a_tag_reading():
    both = Directory(
        domains=frozenset({"our.example"}),
        capture=frozenset({"crm@our.example", "crm-eu@our.example"}),
        staff={"crm.lee@our.example": 3},
    )
    from relay.mail.address import Address

    assert both.capture_address(Address("crm-eu", "our.example")) == ("crm-eu@our.example", "")
    assert both.capture_address(Address("crm-eu-deal-4", "our.example")) == ("crm-eu@our.example", "deal-4")
    assert both.capture_address(Address("crm.lee", "our.example")) is None
    assert both.capture_address(Address("deal-4", "our.example")) is None, "our own domain has people of that name"


def test_a_directory_is_equal_to_one_with_equal_contents():
    assert Directory(staff={"a@b.example": 1}) == Directory(staff={"a@b.example": 1})
    assert Directory(capture=frozenset({"a@b.example"})) != Directory()


def test_a_clock_a_minute_ahead_is_no_defect():
    one = record(mail(Date=""), received=RECEIVED + timedelta(minutes=1))
    assert "date-in-future" not in one.defects
