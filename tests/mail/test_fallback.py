"""The standard library stands in when our own reader fails, and says so."""

import pytest

from relay.mail import fallback, mime, reading, report
from relay.mail.reading import parse

MAIL = (
    b"From: =?utf-8?Q?J=C3=B6rg?= <j@x.example>\r\nTo: a@y.example, b@y.example\r\nSubject: =?utf-8?B?R3LDvMOfZQ==?=\r\n"
    b"Date: Mon, 02 Jan 2023 03:04:05 +0000\r\nMessage-ID: <1@x.example>\r\nReferences: <r1@y.example> <r2@y.example>\r\n"
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGr\xc3\xbc\xc3\x9fe\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n--b\r\nContent-Type: application/pdf\r\n"
    b"Content-Disposition: attachment; filename=../a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx\r\n--b--\r\n"
)


@pytest.fixture
def broken(monkeypatch):
    """Our own reader, with a mistake nobody thought of."""

    def fail(_content):
        raise ZeroDivisionError

    monkeypatch.setattr(mime, "walk", fail)


def test_a_message_our_reader_fails_on_is_read_by_the_standard_library(broken):
    read = parse(MAIL)
    assert read.defects == (fallback.FALLBACK,)
    assert [(one.display_name, one.address.key) for one in read.author] == [("Jörg", "j@x.example")]
    assert [one.address.key for one in read.to] == ["a@y.example", "b@y.example"]
    assert (read.subject, read.message_id, read.references) == (
        "Grüße",
        "1@x.example",
        ("r1@y.example", "r2@y.example"),
    )
    assert (read.text, read.html) == ("Grüße", "<p>hi</p>")
    assert [(part.media_type, part.filename) for part in read.parts] == [
        ("application/pdf", "a.pdf"),
        ("message/rfc822", ""),
    ]
    assert read.parts[0].content == b"%PDF"
    assert read.first("subject") == "Grüße"


def test_a_mistake_behind_the_walker_is_caught_too(monkeypatch):
    monkeypatch.setattr(reading, "_contents", lambda *_: 1 // 0)
    assert parse(MAIL).defects == (fallback.FALLBACK,)


def test_both_readers_agree_on_an_ordinary_message():
    ours, theirs = parse(MAIL), fallback.parse(MAIL)
    for name in ("author", "to", "subject", "originated_at", "message_id", "references", "text", "html", "media_type"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert [(part.media_type, part.filename) for part in ours.parts] == [
        (part.media_type, part.filename) for part in theirs.parts
    ]


def test_a_delivery_report_is_read_with_all_its_recipients(broken):
    groups = b"".join(
        b"\r\nFinal-Recipient: rfc822; %s@x.example\r\nAction: failed\r\nStatus: 5.1.1\r\n" % who
        for who in (b"a", b"b")
    )
    mail = (
        b"From: mailer-daemon@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        b"Reporting-MTA: dns; mx.example\r\n" + groups + b"\r\n--b--\r\n"
    )
    read = parse(mail)
    assert read.defects == (fallback.FALLBACK,)
    found = report.read(read)
    assert found is not None
    assert [each.final.key for each in found.recipients if each.final] == ["a@x.example", "b@x.example"]


def test_what_the_standard_library_cannot_read_either_is_unparsable(broken, monkeypatch):
    monkeypatch.setattr(fallback, "_message", lambda _: 1 // 0)
    read = parse(MAIL)
    assert read.defects == (fallback.UNPARSABLE,)
    assert (read.author, read.text, tuple(read.fields)) == ((), None, ())


def test_too_much_for_the_standard_library_is_unparsable(broken, monkeypatch):
    monkeypatch.setattr(fallback, "MAX_OCTETS", 10)
    assert parse(MAIL).defects == (fallback.UNPARSABLE,)


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
        + b"".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (n, n + 1) for n in range(1500)),
        b"To: " + b"(" * 5000 + b"\r\n\r\n",
        b"Date: 99999 Foo 99999\r\nFrom: \xff\xfe\r\nContent-Type: text/plain; charset=idna\r\n\r\n\xff",
        b"Content-Type: text/plain; charset=utf-7\r\n\r\n+2AA-\0",
        b"Content-Disposition: attachment; filename*0*=x''%ff\r\nContent-Transfer-Encoding: base64\r\n\r\n====",
        b"",
        b"\0" * 100,
    ],
)
def test_the_fallback_itself_never_raises(broken, content):
    read = parse(content)
    assert read.defects[0] in (fallback.FALLBACK, fallback.UNPARSABLE)
    assert "\0" not in (read.text or "")
    (read.text or "").encode("utf-8")
