"""Originals in parts: whatever a client makes of a message that a person attaches."""

from __future__ import annotations

import base64
import struct
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from letters import ANNA, CRM, REP, mail, people, record, records, with_messages

sys.path.append(str(Path(__file__).parent.parent / "mail"))
from outlook_files import attachment, embedded, msg, note, recipient, tnef

THEIRS = mail(from_=ANNA, to=REP, subject="Our question", text="What does it cost?", Message_ID="<q@lead.example>")
OURS = mail(from_=REP, to="bob@lead.example", subject="Offer", text="Here it is.", Message_ID="<o@our.example>")


def wrapper(*files: tuple[str, str, bytes], **more: str) -> bytes:
    return mail(to=CRM, subject="Fwd: Our question", text="please file", files=files, **more)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("Our question.eml", "application/octet-stream"),
        ("Our question.EML", "text/plain"),
        ("Our question.eml", "application/x-unknown"),
        ("message", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("Our question.txt", "text/plain"),
        ("x.emlx", "application/octet-stream"),
    ],
)
def test_a_file_that_is_a_message_is_an_original_whatever_its_name_and_type(name: str, media_type: str) -> None:
    content = THEIRS
    if name.endswith("emlx"):
        content = str(len(THEIRS)).encode() + b"\n" + THEIRS + b"<?xml version='1.0'?><plist></plist>"
    if name.endswith(".txt"):
        content = content.replace(b"From:", b"MIME-Version: 1.0\r\nFrom:", 1)
    main, _, sub = media_type.partition("/")
    octets = mail(to=CRM, text="please file", files=(("placeholder.bin", "application/octet-stream", content),))
    octets = octets.replace(b"application/octet-stream", f"{main}/{sub}".encode())
    octets = octets.replace(b'; filename="placeholder.bin"', f'; filename="{name}"'.encode() if name else b"")
    one = record(octets)
    assert (one.route, one.author.key, one.message_id) == ("attached", "anna@lead.example", "q@lead.example")
    assert (one.verdict.direction, one.note, one.handed_in_by) == ("incoming", "please file", 1)
    assert one.evidence == "attached-file"


def test_a_message_in_base64_is_read_although_no_rfc_allows_it() -> None:
    for media_type in (b"message/rfc822", b"message/global"):
        part = (
            b"Content-Type: "
            + media_type
            + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            + base64.encodebytes(THEIRS)
        )
        octets = with_messages(mail(to=CRM, text="FYI"), (b"",)).replace(
            b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n", part
        )
        assert (record(octets).author.key, record(octets).evidence) == ("anna@lead.example", "attached")


def test_files_that_are_no_messages_stay_files() -> None:
    notes = b"From: Berlin\nTo: Hamburg\nSubject: the train\n\nwas late"
    for name, content in (
        ("notes.txt", notes),
        ("log.txt", b"From: x\nDate: y\n\nz"),
        ("a.doc", bytes.fromhex("D0CF11E0A1B11AE1") + b"\0" * 2000),
    ):
        one = record(wrapper((name, "application/octet-stream", content)))
        assert (one.route, one.author.key, one.attachment_count) == ("direct", "rep@our.example", 1)


def test_a_digest_is_as_many_originals() -> None:
    head = mail(to=CRM, text=None, subject="Digest").partition(b"\r\n\r\n")[0].replace(b"\r\nMIME-Version: 1.0", b"")
    body = b"\r\n".join(b"--d\r\n\r\n" + one for one in (THEIRS, OURS)) + b"\r\n--d--\r\n"
    octets = head + b'\r\nMIME-Version: 1.0\r\nContent-Type: multipart/digest; boundary="d"\r\n\r\n' + body
    assert [one.message_id for one in records(octets)] == ["q@lead.example", "o@our.example"]


def test_a_signed_wrapper_is_opened_however_it_is_signed() -> None:
    inner = with_messages(mail(to=CRM, text="FYI"), (THEIRS,))
    outer, _, _ = inner.partition(b"\r\n\r\n")
    entity = inner[inner.index(b"Content-Type: multipart/mixed") :]
    fields = b"\r\n".join(line for line in outer.split(b"\r\n") if not line.startswith((b"Content-", b"MIME")))
    detached = (
        fields
        + b'\r\nMIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary="s"\r\n\r\n--s\r\n'
        + entity
        + b"\r\n--s\r\nContent-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Disposition: attachment\r\n\r\nMIA=\r\n--s--\r\n"
    )
    opaque = fields + b"\r\nMIME-Version: 1.0\r\n" + opaquely_signed(entity)
    for octets in (detached, opaque):
        one = record(octets)
        assert (one.author.key, one.note, one.defects) == ("anna@lead.example", "FYI", ())


@pytest.mark.parametrize("pieces", [0, 7, 1000])
def test_a_lead_who_signs_opaquely_is_read_and_the_signature_is_no_attachment(pieces: int) -> None:
    entity = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "Grüße, was kostet es?".encode()
    fields = (
        f"From: {ANNA}\r\nTo: {REP}\r\nSubject: x\r\nDate: Tue, 05 May 2026 11:00:00 +0200\r\nMIME-Version: 1.0\r\n"
    )
    one = record(fields.encode() + opaquely_signed(entity, pieces))
    assert (one.text.strip(), one.attachment_count) == ("Grüße, was kostet es?", 0)
    assert [(part.filename, part.kind) for part in one.parts] == [("smime.p7m", "signature")]
    assert one.defects == ()


def test_encrypted_and_broken_signatures_stay_files_and_say_so() -> None:
    fields = (
        f"From: {ANNA}\r\nTo: {REP}\r\nSubject: x\r\nDate: Tue, 05 May 2026 11:00:00 +0200\r\nMIME-Version: 1.0\r\n"
    )
    broken = opaquely_signed(b"x").replace(b"\r\nMCg", b"\r\nMSg")
    one = record(fields.encode() + broken)
    assert (one.attachment_count, one.defects) == (1, ("signature-not-opened",))
    enveloped = der(0x30, bytes.fromhex("06092a864886f70d010703") + der(0xA0, der(0x30, b"\2\1\0")))
    head = b"Content-Type: application/pkcs7-mime; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    one = record(fields.encode() + head + base64.encodebytes(enveloped))
    assert (one.attachment_count, one.defects) == (1, ("encrypted",))


def test_the_returned_message_of_a_bounce_is_no_original_in_old_and_new_bounces() -> None:
    report = with_messages(mail(from_="MAILER-DAEMON@our.example", to=CRM, text="failed"), (OURS,))
    old = report.replace(b"Subject: Offer", b"Subject: failure notice", 1)
    exim = report.replace(
        b"Subject: Offer", b"X-Failed-Recipients: bob@lead.example\r\nSubject: Mail delivery failed", 1
    )
    exim = exim.replace(b"MAILER-DAEMON@our.example", b"Mail System <noreply@our.example>", 1)
    for octets in (old, exim):
        one = record(octets, reverse_path=None)
        assert (one.route, one.automatic) == ("direct", "bounce")
    attached = record(with_messages(mail(to=CRM, text="it bounced"), (old,)))
    assert (attached.route, attached.author.key) == ("attached", "mailer-daemon@our.example")


def test_a_postmaster_of_ours_may_forward() -> None:
    from relay.attribution.directory import Directory

    ours = Directory(frozenset({"our.example"}), frozenset({CRM}), {"postmaster@our.example": 3})
    octets = with_messages(mail(from_="postmaster@our.example", to=CRM, text="FYI"), (THEIRS,))
    assert record(octets, directory=ours).author.key == "anna@lead.example"


# -- Outlook


def test_msg_files_are_originals_with_their_own_parts_and_exact_dates() -> None:
    first = msg(note(attachments=(attachment("plan.pdf", b"%PDF"),)))
    ours = note(
        author=("Rep", "rep@our.example"), to=(recipient("Bob", "bob@lead.example"),), message_id="<o@our.example>"
    )
    found = records(
        wrapper(("Our question.msg", "application/vnd.ms-outlook", first), ("x", "application/octet-stream", msg(ours)))
    )
    assert [(one.author.key, one.verdict.direction, one.evidence) for one in found] == [
        ("anna@lead.example", "incoming", "outlook"),
        ("rep@our.example", "outgoing", "outlook"),
    ]
    assert [part.filename for part in found[0].parts] == ["plan.pdf"]
    assert (found[0].originated_at, found[0].date_source) == (datetime(2026, 5, 4, 14, 5, 6, tzinfo=UTC), "header")
    assert (found[0].note, found[0].message_id, found[0].defects) == ("please file", "question@lead.example", ())
    assert people(found[1]) == {"rep@our.example": "from", "bob@lead.example": "to"}


def test_a_msg_whose_author_only_exchange_can_resolve_keeps_the_name_and_guesses_no_address() -> None:
    one = record(wrapper(("q.msg", "application/vnd.ms-outlook", msg(note(exchange=True)))))
    assert (one.author, one.author_name) == (None, "Anna Lee")
    assert (one.verdict.reason, one.defects) == ("sender-not-recovered", ("missing-author", "sender-not-recovered"))
    unnamed = note(to=(recipient("Rep", "rep@our.example"), recipient("Dora", "", exchange="/o=x/cn=dora")))
    one = record(wrapper(("q.msg", "application/vnd.ms-outlook", msg(unnamed))))
    assert "recipient-without-address" in one.defects
    assert people(one) == {"anna@lead.example": "from", "rep@our.example": "to"}


def test_a_colleagues_msg_is_opened_down_to_the_customer() -> None:
    colleague = note(
        author=("Boss", "boss@our.example"),
        to=(recipient("Rep", "rep@our.example"),),
        attachments=(embedded("Our question", note()),),
    )
    assert record(wrapper(("fw.msg", "application/octet-stream", msg(colleague)))).author.key == "anna@lead.example"


def test_a_draft_or_a_contact_of_outlook_makes_no_forward() -> None:
    draft = note(sent=None, message_id="", values={(0x0E07, 3): 8})
    for item in (draft, note(kind="IPM.Contact")):
        one = record(wrapper(("x.msg", "application/vnd.ms-outlook", msg(item))))
        assert (one.route, one.attachment_count) == ("direct", 1)


def test_winmail_holds_the_files_the_text_and_the_originals() -> None:
    files = record(
        mail(
            text="Hello",
            files=(("winmail.dat", "application/ms-tnef", tnef(note(attachments=(attachment("plan.pdf", b"%PDF"),)))),),
        )
    )
    assert (files.text, [part.filename for part in files.parts], files.attachment_count) == ("Hello", ["plan.pdf"], 1)
    carried = tnef(
        note(author=("Rep", "rep@our.example"), text="please file", attachments=(embedded("Our question", note()),))
    )
    one = record(
        mail(to=CRM, subject="FW: Our question", text="", files=(("winmail.dat", "application/octet-stream", carried),))
    )
    assert (one.route, one.author.key, one.note) == ("attached", "anna@lead.example", "please file")


def test_an_inline_forward_that_only_winmail_has_is_found() -> None:
    block = "FYI\r\n\r\nFrom: Anna Lee <anna@lead.example>\r\nSent: Monday, May 4, 2026 4:05 PM\r\nTo: Rep <rep@our.example>\r\nSubject: Our question\r\n\r\nDear Rep\r\n"
    carried = tnef(note(author=("Rep", "rep@our.example"), text=block))
    one = record(
        mail(to=CRM, subject="FW: Our question", text="", files=(("winmail.dat", "application/ms-tnef", carried),))
    )
    assert (one.route, one.author.key, one.text) == ("forward", "anna@lead.example", "Dear Rep")


# -- opaque signatures: the shortest structure that is right (RFC 5652 §5.1)


def der(tag: int, value: bytes) -> bytes:
    if len(value) < 128:
        return bytes([tag, len(value)]) + value
    length = struct.pack(">I", len(value))
    return bytes([tag, 0x84]) + length + value


def opaquely_signed(entity: bytes, pieces: int = 0) -> bytes:
    """`pieces`: octets a piece of a content of unknown length, 0 for one that is told (BER and DER)."""
    content_type = bytes.fromhex("06092a864886f70d010701")
    if pieces:
        strings = b"".join(der(4, entity[at : at + pieces]) for at in range(0, len(entity), pieces))
        encapsulated = b"\x30\x80" + content_type + b"\xa0\x80\x24\x80" + strings + b"\0\0" * 4
        data = b"\x30\x80" + b"\2\1\1" + b"\x31\x80\x30\x80\x06\1\1\0\0\0\0" + encapsulated + b"\x31\0" + b"\0\0"
        signed = b"\x30\x80" + bytes.fromhex("06092a864886f70d010702") + b"\xa0\x80" + data + b"\0\0" * 2
    else:
        encapsulated = der(0x30, content_type + der(0xA0, der(4, entity)))
        data = der(0x30, b"\2\1\1" + der(0x31, b"") + encapsulated + der(0x31, b""))
        signed = der(0x30, bytes.fromhex("06092a864886f70d010702") + der(0xA0, data))
    head = b'Content-Type: application/pkcs7-mime; smime-type=signed-data; name="smime.p7m"\r\n'
    head += b'Content-Disposition: attachment; filename="smime.p7m"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    return head + base64.encodebytes(signed).replace(b"\n", b"\r\n")
