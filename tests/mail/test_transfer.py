"""Transfer encodings: what is meant comes out, also when it is broken."""

import base64
import binascii
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail import transfer
from relay.mail.inline import take_out


def decoded(octets, encoding):
    around = b"x" + octets + b"y"
    return transfer.decode(around, 1, len(around) - 1, encoding)


@pytest.mark.parametrize(
    ("octets", "meant", "defect"),
    [
        (b"R3LDvMOfZQ==", b"Gr\xc3\xbc\xc3\x9fe", ""),
        (b"R3LD\r\nvMOf\r\nZQ==\r\n", b"Gr\xc3\xbc\xc3\x9fe", ""),
        (b"\r\n\r\nR3LD\nvMOf\nZQ==", b"Gr\xc3\xbc\xc3\x9fe", ""),
        (b"R3LDvM\r\nOfZQ==", b"Gr\xc3\xbc\xc3\x9fe", ""),
        (b"R3\r\nLDvMOf\r\nZ\r\nQ==", b"Gr\xc3\xbc\xc3\x9fe", ""),
        (b"R3LDvMOfZQ", b"Gr\xc3\xbc\xc3\x9fe", transfer.BAD_BASE64),
        (b"R3LDv!MOfZQ==", b"Gr\xc3\xbc\xc3\x9fe", transfer.BAD_BASE64),
        (b"SGVsbG8gV29ybGQhA", b"Hello World!", transfer.BAD_BASE64),
        (b"SGk=\r\nSGk=\r\n", b"HiHi", transfer.BAD_BASE64),
        (b"SGVsbG8=\r\n\r\n____________\r\na list, unsubscribe here\r\n", b"Hello", transfer.BAD_BASE64),
        (b"SGVsbG8h\r\n\r\n-- \r\nthe list at lists.example\r\n", b"Hello!", transfer.BAD_BASE64),
        (b"SGVsbG8= ignored", b"Hello", transfer.BAD_BASE64),
        (
            b"no base64 at all but words\r\nin several lines of it\r\n",
            b"no base64 at all but words\r\nin several lines of it\r\n",
            transfer.BAD_BASE64,
        ),
        (b"", b"", ""),
        (b"====", b"", transfer.BAD_BASE64),
        (b"A", b"", transfer.BAD_BASE64),
    ],
)
def test_base64_gives_what_it_still_says(octets, meant, defect):
    assert decoded(octets, b"base64") == (meant, defect)


@pytest.mark.parametrize(
    "encoding", [b"base64", b" BASE64 ", b"base64 (comment)", b'"base64"', b"base64;", b"x-base64"]
)
def test_base64_is_known_however_it_is_written(encoding):
    assert decoded(b"SGk=", encoding)[0] == b"Hi"


@pytest.mark.parametrize(
    ("octets", "meant"),
    [
        (b"caf=E9=\r\n au=20lait", b"caf\xe9 au lait"),
        (b"caf=e9", b"caf\xe9"),
        (b"soft = \t\r\nbreak", b"soft break"),
        (b"soft =\rbreak", b"soft break"),
        (b"a=ZZb=", b"a=ZZb"),
        (b"_a_", b"_a_"),
    ],
)
def test_quoted_printable_gives_what_it_still_says(octets, meant):
    assert decoded(octets, b"quoted-printable") == (meant, "")


@pytest.mark.parametrize("encoding", [b"", b"7bit", b"8BIT", b"binary", b"8 bit"])
def test_identity_encodings_change_nothing(encoding):
    assert decoded(b"=41\r\n", encoding) == (b"=41\r\n", "")


def test_an_unknown_encoding_leaves_the_octets_and_says_so():
    assert decoded(b"x", b"x-secret") == (b"x", transfer.UNKNOWN_ENCODING)


def uuencoded(octets):
    return b"".join(binascii.b2a_uu(octets[n : n + 45]) for n in range(0, len(octets), 45))


@given(st.binary(min_size=1, max_size=300), st.sampled_from([b"\n", b"\r\n"]))
def test_uuencode_is_read_with_and_without_its_frame(octets, newline):
    lines = uuencoded(octets)
    framed = b"begin 644 a\n" + lines + b"`\nend\n"
    assert decoded(framed.replace(b"\n", newline), b"x-uuencode") == (octets, "")
    assert decoded(lines.replace(b"\n", newline), b"x-uuencode") == (octets, "")


@given(st.binary(min_size=1, max_size=300))
def test_a_uuencoded_file_is_taken_out_of_a_text(octets):
    text, files = take_out(
        b"before\r\nbegin 644 my file.bin\r\n" + uuencoded(octets).replace(b"\n", b"\r\n") + b"`\r\nend\r\nafter\r\n"
    )
    assert text == b"before\r\nafter\r\n"
    assert [(file.name, file.content) for file in files] == [("my file.bin", octets)]


@given(st.binary(max_size=300))
def test_a_yencoded_file_is_taken_out_of_a_text(octets):
    body = bytearray()
    for octet in octets:
        letter = (octet + 42) & 255
        body += bytes([61, (letter + 64) & 255]) if letter in b"\0\r\n=" else bytes([letter])
    text, files = take_out(b"before\r\n=ybegin line=128 size=3 name=y.bin\r\n" + body + b"\r\n=yend size=3\r\nafter")
    assert text == b"before\r\nafter"
    assert [(file.name, file.content) for file in files] == [("y.bin", octets)]


@pytest.mark.parametrize(
    "text",
    [
        b"we begin 644 times",
        b"begin 644 a\r\nwords only\r\n",
        b"begin 644 a\r\n" * 50,
        b"=ybegin name=x\r\nnever ends",
        b"",
        b"begin 644 a\r\n#zzzz\r\n`\r\nend\r\n",
    ],
)
def test_words_that_only_look_like_a_file_stay_text(text):
    assert take_out(text) == (text, [])


@given(st.binary(max_size=2000), st.sampled_from([b"\n", b"\r\n"]))
def test_base64_by_the_standard_library_is_decoded_without_a_defect(octets, newline):
    assert decoded(base64.encodebytes(octets).replace(b"\n", newline), b"base64") == (octets, "")


@given(st.binary(max_size=500))
def test_quoted_printable_by_the_standard_library_is_decoded(octets):
    assert decoded(quopri.encodestring(octets), b"quoted-printable") == (octets, "")


@given(
    st.binary(max_size=300) | st.text(alphabet="AZaz09+/= \r\n!", max_size=200).map(str.encode),
    st.sampled_from([b"base64", b"quoted-printable", b"uuencode"]),
)
def test_no_octets_raise_and_the_fast_decoder_changes_nothing(octets, encoding):
    fast = decoded(octets, encoding)
    kept, transfer._decode_base64 = transfer._decode_base64, binascii.a2b_base64
    try:
        assert decoded(octets, encoding) == fast
    finally:
        transfer._decode_base64 = kept
