"""The promises of the reader over all octets: it never raises, is linear, and agrees with the standard library."""

import email.headerregistry
import email.policy
import gc
import re
import time
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.mail.mailbox import MARKS
from relay.mail.message import Message
from relay.mail.reading import parse

FIELDS = [
    b"From: a@b.example", b'To: "x', b"To: ((", b"Cc: <", b"Subject: =?utf-8?B?", b"Subject: =?utf-7?Q?+2AA-?=", b"Date: 1 Jan 9999 0:0:0 -9999",
    b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: text/html; charset=utf-16", b"Content-Type: text/plain; charset=hz",
    b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: base64", b"Content-Transfer-Encoding: x-uuencode", b"Content-ID: <\xff>",
    b"Content-Transfer-Encoding: quoted-printable", b"Content-Disposition: attachment; filename*0*=utf-8''%ff%00/..", b"Message-ID: <<>", b" folded",
]  # fmt: skip
PIECES = [
    *FIELDS,
    b"",
    b"",
    b"--b",
    b"--b--",
    b"--b \t",
    b"\xff\xfe\x00\xd8",
    b"\x1b$B\xff",
    b"+2AA-",
    b"=C3=",
    b"begin 644 a",
    b"#0V%T",
    b"end",
    b"From x",
    b"\0",
]

octets = st.binary(max_size=400) | st.lists(st.sampled_from(PIECES) | st.binary(max_size=12), max_size=40).flatmap(
    lambda lines: st.sampled_from([b"\r\n", b"\n", b"\r", b"\r\r\n"]).map(lambda newline: newline.join(lines))
)


def texts(read: Message):
    yield from (
        read.subject,
        read.text or "",
        read.html or "",
        read.message_id or "",
        *read.references,
        *read.in_reply_to,
    )
    for one in (*read.author, *read.to, *read.cc, *read.bcc, *read.reply_to):
        yield from (one.display_name, str(one.address), one.address.key)
    for part in read.parts:
        yield from (part.filename, part.media_type, part.content_id, part.disposition)
    for pair in read.fields:
        yield from pair


@settings(max_examples=500, deadline=None)
@given(octets)
def test_any_octets_are_read_by_our_own_reader_into_text_that_can_be_stored(content):
    read = parse(content)
    assert not {"fallback-parser", "unparsable"} & set(read.defects)
    assert len(set(read.defects)) == len(read.defects)
    assert all(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", defect) for defect in read.defects)
    for text in texts(read):
        assert "\0" not in text
        text.encode("utf-8")
    for part in read.parts:
        assert not set(part.filename) & set("/\\")
    assert [part.position for part in read.parts] == list(range(len(read.parts)))


@given(octets)
@settings(max_examples=100, deadline=None)
def test_reading_is_a_function_of_the_octets(content):
    assert parse(content) == parse(content)


WORDS = (
    st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=40)
    .map(lambda text: " ".join(text.split()))
    .filter(bool)
)
SAFE_NAME = WORDS.filter(lambda text: "=?" not in text and not set(text) & set("'\""))
LOCAL = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789.+_-", min_size=1, max_size=20).filter(
    lambda text: not text.startswith(".") and not text.endswith(".") and ".." not in text
)
BODY = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], include_characters="\n"), max_size=200
).filter(lambda text: "begin " not in text and "=ybegin" not in text)


@settings(max_examples=150, deadline=None)
@given(
    subject=SAFE_NAME, name=SAFE_NAME, local=LOCAL, text=BODY, html=BODY, attachment=st.binary(max_size=300),
    filename=st.text(alphabet="abcäöü漢字 ._-", min_size=1, max_size=30).map(str.strip).filter(lambda text: text.strip(".")),
    when=st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), cte=st.sampled_from(["base64", "quoted-printable", "8bit"]),
)  # fmt: skip
def test_well_formed_mail_is_read_as_the_standard_library_wrote_it(
    subject, name, local, text, html, attachment, filename, when, cte
):
    written = EmailMessage(policy=email.policy.SMTP)
    written["From"] = email.headerregistry.Address(name, local, "a.example")
    written["To"] = [
        email.headerregistry.Address("", "b", "b.example"),
        email.headerregistry.Address(name, "c", "c.example"),
    ]
    written["Subject"] = subject
    written["Date"] = when.replace(microsecond=0, tzinfo=UTC)
    written["Message-ID"] = "<1@a.example>"
    written.set_content(text, cte=cte)
    written.add_alternative(html, subtype="html", cte=cte)
    written.add_attachment(attachment, "application", "octet-stream", filename=filename)
    read = parse(written.as_bytes())
    seen = " ".join(name.translate(MARKS).split())
    assert read.subject == subject
    assert [(one.display_name, one.address.key) for one in read.author] == [(seen, f"{local}@a.example")]
    assert [one.address.key for one in read.to] == ["b@b.example", "c@c.example"]
    assert read.originated_at == when.replace(microsecond=0, tzinfo=UTC)
    assert read.text.rstrip("\n") == text.rstrip("\n")
    assert read.html.rstrip("\n") == html.rstrip("\n")
    assert [(part.filename, part.content) for part in read.parts] == [(filename, attachment)]
    assert read.defects == ()


H = b"From: a@x.example\r\nTo: b@y.example\r\n"
MULTI = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
GROWING = {
    "parts": lambda n: H + MULTI + b"--b\r\n\r\nx\r\n" * n,
    "nesting": lambda n: H + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (k, k) for k in range(n)),
    "one boundary nested": lambda n: H + (MULTI + b"--b\r\n") * n,
    "near misses": lambda n: H + MULTI + b"--bb\r\n" * n,
    "boundary inside lines": lambda n: H + MULTI + b"x--b" * n,
    "fields": lambda n: H + b"X: y\r\n" * n + b"\r\n",
    "junk and fields": lambda n: H + b"junk\r\nSubject: x\r\n" * n + b"\r\n",
    "junk before a boundary": lambda n: H + b"junk\r\nCc: x\r\n" * n + b"--b\r\n",
    "folds": lambda n: H + b"Subject: x\r\n" + b" y\r\n" * n + b"\r\n",
    "words": lambda n: H + b"Subject: " + b"=?utf-8?B?w7w=?= " * n + b"\r\n\r\n",
    "open words": lambda n: H + b"Subject: " + b"=?utf-8?Q?" * n + b"\r\n\r\n",
    "open words in a list": lambda n: b"To: " + b"=?utf-8?Q?" * n + b" <a@b.c>\r\n\r\n",
    "words in a name": lambda n: b"To: " + b"=?utf-8?Q?x?= " * n + b"\r\n\r\n",
    "escaped quotes": lambda n: b'To: "' + b'\\"' * n + b"\r\n\r\n",
    "quotes": lambda n: b"To: " + b'"' * (2 * n + 1) + b"\r\n\r\n",
    "quotes and brackets": lambda n: b"To: " + b'"<' * n + b"\r\n\r\n",
    "parentheses": lambda n: b"To: " + b"(" * n + b"\r\n\r\n",
    "closed parentheses": lambda n: b"To: " + b"(" * n + b")" * n + b"\r\n\r\n",
    "brackets": lambda n: b"To: " + b"<" * n + b"\r\n\r\n",
    "pairs of brackets": lambda n: b"To: " + b"<>" * n + b"\r\n\r\n",
    "commas": lambda n: b"To: " + b"a," * n + b"\r\n\r\n",
    "spaces": lambda n: b"To: a" + b" " * n + b"@b.c x\r\n\r\n",
    "ats": lambda n: b"To: " + b"@" * n + b"\r\n\r\n",
    "addresses without commas": lambda n: b"To: " + b"a@b.c " * n + b"\r\n\r\n",
    "groups": lambda n: b"To: " + b"a:" * n + b";\r\n\r\n",
    "colons": lambda n: b"To: " + b"a:" * n + b"\r\n\r\n",
    "colons after an at": lambda n: b"To: " + b"a " * n + b"a@b" + b":" * n + b";\r\n\r\n",
    "angles and colons": lambda n: b"To: " + b"<a@b.c>:" * n + b"\r\n\r\n",
    "unclosed angles": lambda n: b"To: " + b"<a," * n + b"\r\n\r\n",
    "swallowing quotes": lambda n: b"To: " + b'"<a@b.c>,"x' * n + b"\r\n\r\n",
    "comments": lambda n: b"To: " + b"(a)" * n + b" <a@b.c>\r\n\r\n",
    "equals": lambda n: b"To: " + b"=" * n + b"\r\n\r\n",
    "labels": lambda n: b"To: a@" + b"a." * n + b"\r\n\r\n",
    "letters in a domain": lambda n: b"To: a@" + "ü".encode() * n + b"\r\n\r\n",
    "parameters": lambda n: H + b"Content-Type: a/b" + b"; a=b" * n + b"\r\n\r\n",
    "semicolons": lambda n: H + b"Content-Type: a/b" + b"; " * n + b"\r\n\r\n",
    "parameter quotes": lambda n: H + b"Content-Type: a/b; x" + b'="' * n + b"\r\n\r\n",
    "ids": lambda n: H + b"References: " + b"<a@b> " * n + b"\r\n\r\n",
    "open ids": lambda n: H + b"References: " + b"<" * n + b"\r\n\r\n",
    "dates": lambda n: H + b"Date: 1 Jan 2020 0:0:0\r\n" * n + b"\r\n",
    "base64 pieces": lambda n: H + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QQ==" * n,
    "base64 junk": lambda n: H + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"!=\r\n" * n,
    "soft breaks": lambda n: H + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"= " * n,
    "uuencoded beginnings": lambda n: H + b"\r\n" + b"begin 644 a\r\n#0V%T\r\n" * n,
    "yenc beginnings": lambda n: H + b"\r\n" + b"=ybegin name=a\r\n" * n,
    "escapes of JIS": lambda n: H + b"Content-Type: text/plain; charset=iso-2022-jp\r\n\r\n" + b"\x1b$B-!\x1b(B" * n,
    "cids": lambda n: H + MULTI + b"--b\r\nContent-Type: text/html\r\n\r\n" + b"cid:a " * n + b"\r\n--b\r\nContent-ID: <b>\r\nContent-Type: a/b\r\n\r\n",
}  # fmt: skip


@pytest.fixture
def uncollected():
    """Without rounds of the garbage collector: they take as long as the process is large with what other tests left."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("kind", GROWING)
def test_reading_takes_time_linear_in_the_size(kind):
    def seconds(content: bytes) -> float:
        start = time.process_time()
        read = parse(content)
        len(list(read.fields))
        assert "fallback-parser" not in read.defects
        return time.process_time() - start

    one = GROWING[kind](1)
    times = max((200_000 - len(one)) // max(len(GROWING[kind](101)) - len(one), 1) * 100, 100)
    quarter, whole = GROWING[kind](times // 4), GROWING[kind](times)
    small = large = float("inf")
    for _ in range(6):  # on a busy machine the best of several tries: what is quadratic is so in each
        small, large = min(small, seconds(quarter)), min(large, seconds(whole))
        if large < max(8 * small, 0.2):
            break
    # Four times the size in far less than sixteen times the time, and never more than a moment.
    assert large < max(8 * small, 0.2), (small, large)
    assert large < 2
