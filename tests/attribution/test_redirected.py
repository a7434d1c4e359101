"""Redirected: mail that came on to us unchanged, and who of ours is behind it."""

from __future__ import annotations

import pytest
from letters import ANNA, CRM, REP, mail, people, record

from relay.mail.address import Address
from relay.mail.rewritten import undone

TOP = "Received: by relay; Tue, 05 May 2026 09:10:00 +0000\r\n"


def sent_on(fields: str, *, from_: str = ANNA, to: str = REP, **more: object):
    """A lead's mail with what a forwarding server wrote on top of it."""
    return record(fields.encode() + mail(from_=from_, to=to), **{"reverse_path": None} | more)


@pytest.mark.parametrize(
    "fields",
    [
        f"X-Forwarded-To: {CRM}\r\nX-Forwarded-For: rep@our.example {CRM}\r\nDelivered-To: rep@our.example\r\n",  # Gmail, filter
        f"X-Forwarded-For: rep@our.example, {CRM}\r\n",
        f"X-Forwarded-To: {CRM}\r\nDelivered-To: rep@our.example\r\n",
        "X-MS-Exchange-Inbox-Rules-Loop: rep@our.example\r\n",  # Outlook, rule "redirect"
        "X-MS-Exchange-ForwardingLoop: rep@our.example;1b2c-33\r\n",  # Exchange, mailbox that forwards
        "X-Sieve-Redirected-From: <rep@our.example>\r\n",
    ],
)
def test_what_a_rule_sent_on_is_the_message_itself_and_came_from_the_person_of_the_rule(fields: str) -> None:
    one = sent_on(TOP + fields)
    assert (one.route, one.evidence, one.handed_in_by) == ("redirect", "auto-forwarded", 1)
    assert (one.author.key, one.verdict.direction, one.subject) == ("anna@lead.example", "incoming", "Offer")
    assert people(one) == {"anna@lead.example": "from", "rep@our.example": "to"}


@pytest.mark.parametrize(
    "fields",
    [
        "X-Forwarded-For: 192.0.2.7\r\n",  # a web mailer tells its client's address
        "X-Forwarded-For: eve@evil.example other@evil.example\r\n",
        "X-MS-Exchange-Inbox-Rules-Loop: eve@lead.example\r\n",  # a rule on their side
        "X-Forwarded-To: crm@elsewhere.example\r\n",
        "Delivered-To: rep@our.example\r\nX-Original-To: rep@our.example\r\n",
        "X-Original-From: Carl <carl@lead.example>\r\nX-Original-Sender: carl@lead.example\r\n",
    ],
)
def test_fields_that_anybody_may_write_claim_nothing(fields: str) -> None:
    one = sent_on(TOP + fields)
    assert (one.route, one.author.key, one.handed_in_by) == ("bcc", "anna@lead.example", None)


def test_a_field_of_a_rule_takes_no_forward_apart() -> None:
    text = "---------- Forwarded message ---------\nFrom: Anna <anna@lead.example>\nDate: Wed, Oct 27, 2021 at 9:31 AM\nSubject: x\nTo: <rep@our.example>\n\nhi"
    one = record(f"X-Forwarded-For: rep@our.example {CRM}\r\n".encode() + mail(to=CRM, subject="Fwd: x", text=text))
    assert (one.route, one.author.key) == ("forward", "anna@lead.example")


def block(by: str, to: str, sender: str = "") -> str:
    return (
        f"Resent-From: {by}\r\n"
        + (f"Resent-Sender: {sender}\r\n" if sender else "")
        + f"Resent-To: {to}\r\nResent-Date: Tue, 05 May 2026 11:00:00 +0200\r\n"
    )


def test_of_several_resent_blocks_the_one_that_names_us_tells_who_it_was() -> None:
    boss, rep = block("boss@our.example", "rep@our.example"), block("rep@our.example", CRM)
    for fields in (rep + TOP + boss, boss + TOP + rep):
        one = sent_on(fields)
        assert (one.route, one.evidence, one.handed_in_by) == ("redirect", "resent", 1)
    assert sent_on(block("boss@our.example", "x@y.example") + block("rep@our.example", "y@z.example")).handed_in_by == 2


def test_what_a_lead_resent_to_one_of_us_is_the_leads_copy_and_no_redirect() -> None:
    one = sent_on(block("carl@lead.example", "rep@our.example"))
    assert (one.route, one.author.key, one.handed_in_by) == ("bcc", "anna@lead.example", None)


def test_resent_for_somebody_names_the_author_of_the_resending() -> None:
    assert sent_on(block("rep@our.example", CRM, sender="boss@our.example")).handed_in_by == 1
    assert sent_on(f"Resent-Sender: boss@our.example\r\nResent-To: {CRM}\r\n").handed_in_by == 2


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("SRS0=HHH=TT=our.example=rep@forwarder.example", "rep@our.example"),
        ("srs0+hHh/=tT=our.example=rep@forwarder.example", "rep@our.example"),
        ("SRS1=HHH=first.example==HHH=TT=our.example=rep@second.example", "rep@our.example"),
        ("prvs=0123456789=rep@our.example", "rep@our.example"),
        ("prvs=1234abcdef=rep+tag@our.example", "rep+tag@our.example"),
        ("rep=prvs=1234abcdef@our.example", "rep@our.example"),
        ("btv1==0123abcdef==rep@our.example", "rep@our.example"),
        ("rep+caf_=crm=relay.example@our.example", "rep@our.example"),
        ("SRS0=HHH=TT=our.example=prvs=0123456789=rep@forwarder.example", "rep@our.example"),
        ("rep@our.example", "rep@our.example"),
        ("a=b@our.example", "a=b@our.example"),
        ("SRS0=broken@our.example", "SRS0=broken@our.example"),
        ("bounces+rep=our.example@list.example", "bounces+rep=our.example@list.example"),
    ],
)
def test_a_rewritten_reverse_path_is_undone(written: str, meant: str) -> None:
    local, _, domain = written.rpartition("@")
    assert str(undone(Address(local, domain))) == meant


def test_who_sent_it_is_known_behind_a_rewritten_reverse_path() -> None:
    one = record(mail(from_="info@elsewhere.example"), reverse_path="SRS0=HHH=TT=our.example=rep@forwarder.example")
    assert one.handed_in_by == 1
    stranger = record(mail(from_=ANNA, to=REP), reverse_path="SRS0=HHH=TT=lead.example=anna@our.example")
    assert stranger.handed_in_by is None


def test_google_tells_who_a_copy_was_for_and_strangers_claim_no_lead() -> None:
    theirs = record(b"X-Gm-Original-To: boss@our.example\r\n" + mail(from_=ANNA, to="sales-list@groups.example"))
    assert people(theirs)["boss@our.example"] == "bcc"
    assert theirs.staff_id == 2
    ours = record(b"X-Gm-Original-To: hidden@lead.example\r\n" + mail(from_=REP, to=ANNA))
    assert people(ours)["hidden@lead.example"] == "bcc"
    forged = record(b"X-Gm-Original-To: hidden@lead.example\r\n" + mail(from_="eve@evil.example", to=REP))
    assert "hidden@lead.example" not in people(forged)
    untrusted = record(b"X-Gm-Original-To: boss@our.example\r\n" + mail(from_=ANNA, to=REP), admitted_by="upstream")
    assert "boss@our.example" not in people(untrusted)


# -- lists

LIST = "List-Id: Sales <sales.our.example>\r\nList-Post: <mailto:sales@our.example>\r\n"


@pytest.mark.parametrize(
    "fields",
    [
        "X-Original-From: Anna Lee <anna@lead.example>\r\n",  # Google Groups
        "X-Original-Sender: anna@lead.example\r\nReply-To: sales@our.example\r\n",
        "Reply-To: Anna Lee <anna@lead.example>, sales@our.example\r\n",  # Mailman
    ],
)
@pytest.mark.parametrize("name", ["'Anna Lee' via Sales", "Anna Lee über Sales", "Anna Lee via Sales via Groups"])
def test_the_author_behind_a_list_of_ours_is_found(fields: str, name: str) -> None:
    one = sent_on(LIST + fields, from_=f'"{name}" <sales@our.example>', to="sales@our.example")
    assert (one.author.key, one.author_name) == ("anna@lead.example", "Anna Lee")
    # a person wrote to us
    assert (one.verdict.direction, one.evidence, one.automatic) == ("incoming", "list-author", None)
    assert people(one) == {"anna@lead.example": "from", "sales@our.example": "sender"}


def test_an_author_whom_the_list_hides_stays_a_name() -> None:
    one = sent_on(LIST, from_='"Anna Lee via Sales" <sales@our.example>', to="sales@our.example")
    assert (one.author, one.author_name, one.verdict.reason) == (None, "Anna Lee", "sender-not-recovered")
    assert "sender-not-recovered" in one.defects


def test_a_strangers_list_a_list_that_writes_itself_and_mail_of_no_list_stay_as_they_are() -> None:
    theirs = LIST.replace("our.example", "groups.example")
    one = sent_on(theirs + "X-Original-From: <carl@lead.example>\r\n", from_='"Carl via X" <sales@groups.example>')
    assert one.author.key == "sales@groups.example"
    one = sent_on(LIST, from_='"Sales" <sales@our.example>', to=ANNA)
    assert (one.author.key, one.verdict.direction) == ("sales@our.example", "outgoing")
    one = sent_on("Reply-To: carl@lead.example\r\n", from_='"Shop via Sales" <sales@our.example>', to=ANNA)
    assert one.author.key == "sales@our.example"
    one = sent_on(LIST + "X-Original-From: <carl@lead.example>\r\n", from_=REP, to="sales@our.example")
    assert one.author.key == "rep@our.example", "From is a person, not the list"
