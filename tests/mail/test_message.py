"""Whole messages: which text is the body, what is a part, and what the fields say."""

from datetime import UTC, datetime

import pytest

from relay.mail import mime
from relay.mail.address import Address, Mailbox
from relay.mail.message import Message
from relay.mail.reading import parse


def message(
    *parts, kind="multipart/mixed", boundary="b", head=b"From: a@x.example\r\nDate: 2 Jan 2023 03:04:05 +0000\r\n"
):
    """A multipart of the given parts (octets: header, blank line, body)."""
    lines = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return (
        head
        + f"Content-Type: {kind}; boundary={boundary}\r\n\r\n".encode()
        + lines
        + b"--"
        + boundary.encode()
        + b"--\r\n"
    )


PLAIN = b"Content-Type: text/plain\r\n\r\nhello"
HTML = b"Content-Type: text/html\r\n\r\n<p>hello</p>"
PDF = b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg=="


def test_the_fields_of_a_message_are_read():
    read = parse(
        b"From: =?utf-8?Q?J=C3=B6rg?= <j@x.example>\r\nSender: s@x.example\r\nReply-To: r@x.example\r\n"
        b"To: a@y.example\r\nTo: b@y.example\r\nCc: c@y.example\r\nBcc: d@y.example\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n"
        b"Date: Mon, 02 Jan 2023 04:04:05 +0100\r\nMessage-ID: <1@x.example>\r\nIn-Reply-To: <0@y.example>\r\n"
        b"References: <r1@y.example>\r\n\t<r2@\r\n y.example> junk <r1@y.example>\r\nX-Odd: =?utf-8?Q?=C3=B6?=\r\n\r\nhi\r\n"
    )
    assert read.author == (Mailbox("Jörg", Address("j", "x.example")),)
    assert read.sender == Mailbox("", Address("s", "x.example"))
    assert [one.address.key for one in (*read.reply_to, *read.to, *read.cc, *read.bcc)] == [
        "r@x.example", "a@y.example", "b@y.example", "c@y.example", "d@y.example",
    ]  # fmt: skip
    assert read.subject == "Grüße"
    assert read.originated_at == datetime(2023, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (read.message_id, read.in_reply_to, read.references) == (
        "1@x.example",
        ("0@y.example",),
        ("r1@y.example", "r2@y.example"),
    )
    assert (read.text, read.html, read.parts, read.media_type, read.defects) == ("hi\n", None, (), "text/plain", ())
    assert read.first("x-odd") == "ö"
    assert read.all("to") == ("a@y.example", "b@y.example")
    assert [one.address.key for one in read.mailboxes("to")] == ["a@y.example", "b@y.example"]


def test_a_message_that_was_written_and_not_read_has_the_same_questions():
    written = Message(fields=(("to", "A <a@y.example>"), ("to", "b@y.example")))
    assert written.first("to") == "A <a@y.example>"
    assert written.all("to") == ("A <a@y.example>", "b@y.example")
    assert written.first("cc") is None
    assert [one.address.key for one in written.mailboxes("to")] == ["a@y.example", "b@y.example"]


def test_an_alternative_gives_text_and_html_and_no_part():
    read = parse(message(PLAIN, HTML, kind="multipart/alternative"))
    assert (read.text, read.html, read.parts, read.defects) == ("hello", "<p>hello</p>", (), ())


def test_texts_in_a_row_are_one_text():
    assert parse(message(PLAIN, PDF, PLAIN)).text == "hello\nhello"


def test_a_part_is_what_is_not_body_text():
    read = parse(message(PLAIN, PDF))
    (part,) = read.parts
    assert read.text == "hello"
    assert (part.position, part.media_type, part.filename, part.content, part.disposition) == (
        0,
        "application/pdf",
        "a.pdf",
        b"%PDF",
        "",
    )


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Disposition: attachment\r\n",
        b"Content-Disposition: attachment; filename=log.txt\r\n",
        b"Content-Disposition: inline; filename=log.txt\r\n",
        b"Content-Disposition: whatever\r\n",
        b"Content-Type: text/plain; name=log.txt\r\n",
        b"Content-Type: text/csv\r\n",
        b"Content-Type: text/calendar; method=REQUEST\r\n",
    ],
)
def test_a_text_that_is_a_file_is_a_part(header):
    read = parse(message(PLAIN, header + b"\r\na;b"))
    assert read.text == "hello"
    assert [part.content for part in read.parts] == [b"a;b"]


def test_the_only_text_of_a_mail_is_its_body_also_with_a_name():
    assert parse(b"Content-Type: text/plain; name=body.txt\r\n\r\nhello").text == "hello"
    assert (
        parse(b"Content-Type: text/plain\r\nContent-Disposition: attachment; filename=a.txt\r\n\r\nhello").text is None
    )


@pytest.mark.parametrize("kind", ["markdown", "enriched", "x-unknown"])
def test_the_only_text_of_a_mail_is_its_body_also_of_a_kind_nobody_knows(kind):
    assert parse(f"Content-Type: text/{kind}\r\n\r\nhello".encode()).text == "hello"
    assert parse(message(PLAIN, f"Content-Type: text/{kind}\r\n\r\nx".encode())).text == "hello"


@pytest.mark.parametrize("kind", ["calendar", "vcard", "rtf"])
def test_a_text_for_programs_is_no_body(kind):
    assert parse(f"Content-Type: text/{kind}\r\n\r\nBEGIN:X".encode()).text is None


def test_an_inline_image_knows_that_the_html_shows_it():
    read = parse(
        message(
            b'Content-Type: text/html\r\n\r\n<img src="CID:One%40x"><img src=cid:other>',
            b"Content-Type: image/png\r\nContent-ID: <one@x>\r\nContent-Disposition: inline\r\n\r\n1",
            b"Content-Type: image/png\r\nContent-ID: <two@x>\r\n\r\n2",
            kind="multipart/related",
        )
    )
    assert [(part.content_id, part.referenced) for part in read.parts] == [("one@x", True), ("two@x", False)]


def test_an_attached_message_is_a_part_with_its_exact_octets():
    inner = b"From: i@x.example\nSubject: inner \r\n\r\n--b2\r\n text\r\n"
    read = parse(message(PLAIN, b"Content-Type: message/rfc822\r\n\r\n" + inner))
    (part,) = read.parts
    assert part.content == inner
    assert part.is_message
    assert read.text == "hello"
    assert read.subject == ""


def test_a_message_that_is_nothing_but_an_attached_one_is_a_part_too():
    read = parse(b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx")
    assert [(part.media_type, part.content) for part in read.parts] == [("message/rfc822", b"Subject: inner\r\n\r\nx")]


def test_an_attached_message_in_base64_is_decoded():
    read = parse(
        message(b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogaQ0KDQp4")
    )
    assert read.parts[0].content == b"Subject: i\r\n\r\nx"


def test_a_digest_is_made_of_messages():
    assert [
        part.media_type
        for part in parse(
            message(b"\r\nSubject: 1\r\n\r\nx", b"\r\nSubject: 2\r\n\r\ny", kind="multipart/digest")
        ).parts
    ] == ["message/rfc822"] * 2


def test_a_part_without_a_header_begins_behind_its_blank_line():
    inner = b"From: x@y.example\r\nSubject: 1\r\n\r\nx"
    (part,) = parse(message(b"\r\n" + inner, kind="multipart/digest")).parts
    assert part.content == inner
    assert parse(message(b"\r\nFrom: Berlin\r\nTo: Hamburg")).text == "From: Berlin\nTo: Hamburg"
    assert parse(message(b"\r\nContent-Type: text/plain\r\n\r\nhello")).text == "hello"


def test_two_multiparts_with_one_boundary_lose_nothing():
    inner = b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n" + PLAIN + b"\r\n--b--\r\n"
    content = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" + inner + b"--b\r\n" + PDF + b"\r\n--b--\r\n"
    read = parse(content)
    assert (read.text, len(read.parts), "multipart-goes-on" in read.defects) == ("hello", 1, True)
    assert not parse(content.partition(b"--b\r\n" + PDF)[0] + b"\r\nan epilogue\r\n--b\r\nsays nothing\r\n").parts


def test_a_name_that_lost_its_letters_gives_way_to_the_other_one():
    named = b'Content-Type: x/y; name="b\xc3\xa4r.pdf"\r\nContent-Disposition: attachment; filename="b?r.pdf"\r\n\r\n'
    assert parse(message(named)).parts[0].filename == "bär.pdf"


def test_a_bounce_keeps_its_report_and_the_returned_message():
    read = parse(
        message(
            PLAIN,
            b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\nAction: failed",
            b"Content-Type: text/rfc822-headers\r\n\r\nSubject: s",
            kind="multipart/report",
        )
    )
    assert read.text == "hello"
    assert [part.media_type for part in read.parts] == ["message/delivery-status", "text/rfc822-headers"]
    assert read.media_type == "multipart/report"


def test_a_signature_is_a_part_and_the_signed_text_the_body():
    read = parse(
        message(
            PLAIN, b"Content-Type: application/pgp-signature; name=signature.asc\r\n\r\nxx", kind="multipart/signed"
        )
    )
    assert read.text == "hello"
    assert [part.filename for part in read.parts] == ["signature.asc"]


def test_line_ends_of_texts_are_line_feeds_and_parts_keep_theirs():
    read = parse(message(b"\r\na\r\nb\rc\nd", b"Content-Type: text/csv\r\n\r\na\r\nb"))
    assert read.text == "a\nb\nc\nd"
    assert read.parts[0].content == b"a\r\nb"


def test_a_message_with_bare_carriage_returns_is_read():
    read = parse(message(PLAIN, PDF).replace(b"\r\n", b"\r"))
    assert (read.text, len(read.parts), read.defects) == ("hello", 1, ("bare-cr",))


@pytest.mark.parametrize("newline", [b"\n", b"\r\r\n"])
def test_other_line_ends_are_read(newline):
    read = parse(message(PLAIN, PDF).replace(b"\r\n", newline))
    assert (read.text.strip(), [part.content for part in read.parts]) == ("hello", [b"%PDF"])


def test_html_that_names_its_own_charset_is_believed():
    read = parse(b'Content-Type: text/html\r\n\r\n<meta charset="koi8-r">\xf0\xd2\xc9\xd7\xc5\xd4')
    assert read.html.endswith("Привет")


def test_raw_octets_in_a_header_are_read_in_the_charset_of_the_text():
    assert (
        parse(b"Subject: \xcf\xf0\xe8\xe2\xe5\xf2\r\nContent-Type: text/plain; charset=windows-1251\r\n\r\n").subject
        == "Привет"
    )


def test_a_message_saved_with_a_byte_order_mark_is_read():
    assert parse(b"\xef\xbb\xbfSubject: s\r\n\r\nx").subject == "s"
    assert parse("\ufeffSubject: s\r\n\r\nwide".encode("utf-16-le")).text == "wide"


@pytest.mark.parametrize(
    ("content", "text", "defect"),
    [
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n", "hello\n", "unclosed-multipart"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\nhello\r\n", "hello\n", "boundary-not-found"),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\nhello\r\n--b--\r\n", "hello\n", "boundary-not-found"),
        (b"Content-Type: multipart/mixed\r\n\r\nhello\r\n", "hello\n", "missing-boundary"),
        (
            b"Content-Type: multipart/mixed\r\n\r\n--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x--\r\n",
            "hello",
            "missing-boundary",
        ),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b \t\r\n\r\nhello\r\n--b-- \r\n", "hello", ""),
        (
            b'Content-Type: multipart/mixed;\r\n boundary="a\r\n b"\r\n\r\n--a b\r\n\r\nhello\r\n--a b--\r\n',
            "hello",
            "",
        ),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nhello\r\n--b--\r\n", "hello", "missing-header-end"),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nsay --b or --bb\r\n--bb\r\n--b--\r\n",
            "say --b or --bb\n--bb",
            "",
        ),
        (b"Content-Type: multipart/mixed; boundary=b\r\n--b\r\n\r\nhello\r\n--b--\r\n", "hello", "missing-header-end"),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: base64\r\n\r\nLS1iDQoNCmhlbGxvDQotLWItLQ==\r\n",
            "hello",
            "boundary-not-found",
        ),
        (b"Content-Type: text\r\n\r\nhello", "hello", ""),
        (b"Content-Type: \r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\nh\xebllo", "hëllo", ""),
        (b"Content-Type: nonsense\r\n\r\nhello", "hello", ""),
        (b"Content-Transfer-Encoding: x-secret\r\n\r\nhello", "hello", "unknown-transfer-encoding"),
        (b"Content-Type: text/plain; charset=x-secret\r\n\r\nh\xebllo", "hëllo", "unknown-charset"),
    ],
)
def test_a_broken_structure_still_gives_its_words(content, text, defect):
    read = parse(b"From: a@x.example\r\nDate: 2 Jan 2023 03:04:05 +0000\r\n" + content)
    assert (read.text, read.defects) == (text, (defect,) if defect else ())


def test_an_outer_boundary_ends_what_an_inner_one_left_open():
    inner = b"Content-Type: multipart/alternative; boundary=i\r\n\r\n--i\r\n\r\ninner"
    read = parse(message(inner, PDF))
    assert (read.text, len(read.parts), read.defects) == ("inner", 1, ("unclosed-multipart",))


def test_an_inner_boundary_that_begins_like_the_outer_one_is_its_own():
    inner = b"Content-Type: multipart/alternative; boundary=bb\r\n\r\n--bb\r\n\r\ninner\r\n--bb--"
    read = parse(message(inner, PLAIN))
    assert (read.text, read.defects) == ("inner\nhello", ())


def test_what_is_missing_is_told():
    assert parse(b"\r\nx").defects == ("missing-date", "missing-author")
    assert parse(b"From: a@b.example\r\nDate: soon\r\n\r\nx").defects == ("unreadable-date",)


def test_a_message_id_longer_than_a_line_identifies_nothing():
    assert parse(b"Message-ID: <" + b"x" * 1200 + b">\r\n\r\n").message_id is None


def test_a_thread_with_thousands_of_references_keeps_its_first_and_its_last():
    read = parse(b"References:" + b"".join(b" <%d@x>\r\n" % n for n in range(3000)) + b"\r\n\r\n")
    assert (read.references[0], read.references[-1], len(read.references)) == ("0@x", "2999@x", 1000)


def test_nesting_has_an_end_and_nothing_is_lost_there():
    content = b"From: a@b.example\r\n"
    for level in range(mime.MAX_DEPTH + 5):
        content += b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
    read = parse(content + b"\r\ndeep")
    assert "nested-too-deep" in read.defects
    assert [part.media_type for part in read.parts] == ["multipart/mixed"]
    assert b"deep" in read.parts[0].content


def test_parts_have_an_end():
    read = parse(message(*[PDF] * (mime.MAX_LEAVES + 10)))
    assert (len(read.parts), "too-many-parts" in read.defects) == (mime.MAX_LEAVES, True)
