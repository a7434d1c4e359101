"""Composing never fails, whatever a message is, and gives only what can be stored."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from letters import ANNA, CRM, OURS, RECEIVED, mail, record

from relay.attribution.compose import compose, unparsed
from relay.attribution.record import Record
from relay.mail.address import Address, Mailbox
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.mail.message import Message, Part
from relay.mail.reading import parse

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
ID = VaultId("0badcafe", 7)


def envelope(*forward_paths: str) -> Envelope:
    paths = tuple(a for a in map(Address.read, forward_paths or (CRM,)) if a is not None)
    return Envelope(Address("rep", "our.example"), paths, Client("127.0.0.1"), RECEIVED, "network")


def assert_storable(record: Record) -> None:
    facts = dataclasses.asdict(dataclasses.replace(record, parts=()))
    text = json.dumps(facts, default=str, ensure_ascii=False)
    text.encode("utf-8")
    assert "\\u0000" not in text
    for part in record.parts:
        f"{part.filename}{part.media_type}{part.content_id}".encode()
    assert record.originated_at.tzinfo is not None
    assert record.originated_at <= record.envelope.received_at
    assert len(record.snippet) <= 201


addresses = st.sampled_from(
    ["rep@our.example", "boss@our.example", "anna@lead.example", CRM, "crm+deal-4@relay.example"]
)
mailboxes = st.lists(
    st.builds(lambda a, n: Mailbox(n, Address.read(a)), addresses, st.text(max_size=20)), max_size=4
).map(tuple)
texts = st.one_of(
    st.none(),
    st.text(max_size=200),
    st.lists(
        st.sampled_from(["---------- Forwarded message ---------", "From: Anna <anna@lead.example>", "From: Anna", "Date: Wed, Oct 27, 2021 at 9:31 AM", "Subject: x", "To: rep@our.example", "", "hello", "> quoted", "On 1 Anna <anna@lead.example> wrote:", "-----Original Message-----", "________"]),
        max_size=20,
    ).map("\n".join),
)  # fmt: skip
parts = st.lists(
    st.builds(
        Part,
        st.integers(0, 9),
        st.sampled_from(["image/png", "message/rfc822", "application/octet-stream", "text/calendar"]),
        st.sampled_from(["", "a.eml", "x.png"]),
        st.sampled_from(["", "cid@x"]),
        st.sampled_from(["", "inline", "attachment"]),
        st.one_of(st.binary(max_size=60), st.just(mail(from_=ANNA))),
        st.booleans(),
    ),
    max_size=4,
).map(tuple)
messages = st.builds(
    Message,
    message_id=st.one_of(st.none(), st.text(max_size=20)),
    references=st.lists(st.text(max_size=20), max_size=5).map(tuple),
    originated_at=st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
    author=mailboxes,
    sender=st.one_of(st.none(), mailboxes.filter(bool).map(lambda found: found[0])),
    reply_to=mailboxes,
    to=mailboxes,
    cc=mailboxes,
    bcc=mailboxes,
    subject=st.one_of(st.text(max_size=60), st.sampled_from(["Fwd: x", "Re: x", "VS: x"])),
    text=texts,
    html=texts,
    parts=parts,
    media_type=st.sampled_from(["text/plain", "multipart/mixed", "multipart/report"]),
    fields=st.lists(
        st.tuples(st.sampled_from(["date", "resent-from", "resent-to", "list-id", "x"]), st.text(max_size=40)),
        max_size=4,
    ).map(tuple),
)


@settings(max_examples=300, deadline=None)
@given(messages, st.lists(addresses, min_size=1, max_size=3))
def test_composing_never_raises_and_numbers_its_records(message, forward_paths):
    found = compose(ID, MailObject(envelope(*forward_paths), b"x"), message, OURS)
    assert [one.position for one in found] == list(range(len(found)))
    assert found
    for one in found:
        assert one.outcome == "filed"
        assert one.verdict.reason
        assert len({party.address.key for party in one.parties}) == len(one.parties)
        assert not any(OURS.is_capture(party.address) for party in one.parties)
        assert one.originated_at <= RECEIVED


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_any_octets_become_storable_records(octets):
    for one in compose(ID, MailObject(envelope(), octets), parse(octets), OURS):
        assert_storable(one)


def test_composing_twice_gives_equal_records():
    assert record(mail()) == record(mail())


def test_an_unparsable_mail_keeps_what_is_known():
    content = b"Subject: Offer\r\nbroken"
    one = unparsed(ID, MailObject(envelope(), content), ("filer-died",))
    assert (one.outcome, one.subject, one.size, one.defects) == ("unparsed", "Offer", len(content), ("filer-died",))
    assert (one.originated_at, one.date_source, one.verdict.direction) == (RECEIVED, "received", "unknown")
    assert unparsed(ID, MailObject(envelope(), b"Subject: \xff\r\n"), ()).subject == ""
    assert unparsed(ID, MailObject(envelope(), bytes(100_000)), ()).subject == ""
    (same,) = compose(ID, MailObject(envelope(), content), Message(defects=("unparsable",)), OURS)
    assert (same.outcome, same.subject) == ("unparsed", "Offer")


def test_every_decision_carries_its_reason():
    one = record(
        mail(
            to=CRM,
            subject="Fwd: x",
            text="---- Forwarded message ----\nFrom: Anna <anna@lead.example>\nDate: sometime\n\nx",
        )
    )
    assert one.route == "forward"
    assert one.evidence == "text-title"
    assert one.verdict.reason == "author-outside"
    assert one.date_source == "received"
    assert "forwarded-date-unread" in one.defects


def test_an_old_message_keeps_its_own_date():
    assert record(mail(Date="Fri, 02 Jan 1998 00:00:00 +0000")).originated_at == datetime(1998, 1, 2, tzinfo=UTC)


@pytest.mark.skipif(not (CORPUS / "mime" / "eml").is_dir(), reason="no corpus here")
def test_every_message_of_the_corpus_becomes_storable_records():
    for path in sorted((CORPUS / "mime" / "eml").rglob("*.eml")):
        octets = path.read_bytes()
        for to_capture in (octets, b"To: " + CRM.encode() + b"\r\n" + octets):
            for one in compose(ID, MailObject(envelope(), to_capture), parse(to_capture), OURS):
                assert_storable(one)


@pytest.mark.skipif(not (CORPUS / "forwards" / "cases.jsonl").is_file(), reason="no corpus here")
def test_no_reply_of_the_corpus_is_a_forward_and_forwards_of_every_language_are_whole(tmp_path):
    import subprocess
    import sys

    figures = tmp_path / "figures.json"
    here = Path(__file__).resolve()
    command = [
        sys.executable,
        str(CORPUS / "forwards" / "score.py"),
        "--whole",
        "forward_adapter:whole",
        "--json",
        str(figures),
    ]
    subprocess.run(command, cwd=here.parent, check=True, capture_output=True)
    scored = json.loads(figures.read_text())
    right, of = scored["fields"]["forwarded-"]
    assert right == of > 0, "a reply was taken for a forward"
    assert not scored["failed"]
