"""Charsets: labels mean what senders mean by them, and the text can always be stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail import charset


@pytest.mark.parametrize(
    ("label", "octets", "text"),
    [
        ("us-ascii", b"caf\xe9", "café"),
        ("us-ascii", b"caf\xc3\xa9", "café"),
        ("", b"caf\xc3\xa9", "café"),
        ("", b"caf\xe9", "café"),
        ("iso-8859-1", b"\x93smart\x94 5 \x80", "“smart” 5 €"),
        ("ISO_8859-1:1987", b"\x80", "€"),
        ("iso-8859-1", b"a\x81b", "a\x81b"),
        ("iso-8859-1", "Grüße".encode(), "Grüße"),
        ("cp-1251", "Привет".encode("cp1251"), "Привет"),
        ("'utf-8'", b"na\xc3\xafve", "naïve"),
        ("utf8", b"na\xc3\xafve", "naïve"),
        ("utf-8", b"na\xefve Gr\xfc\xdfe", "naïve Grüße"),
        ("utf-8", "Grüße, Jörg, schön ".encode() + b"\xff", "Grüße, Jörg, schön \ufffd"),
        ("gb2312", "朱镕基 ṽ".encode("gb18030"), "朱镕基 ṽ"),
        ("big5", "香港嘅嘢".encode("big5hkscs"), "香港嘅嘢"),
        ("euc-kr", "똠방각하".encode("cp949"), "똠방각하"),
        ("ks_c_5601-1987", "한국어".encode("cp949"), "한국어"),
        ("shift_jis", "①髙島屋".encode("cp932"), "①髙島屋"),
        ("iso-2022-jp", b"\x1b$B-!F|K\\\x1b(B!", "①日本!"),
        ("iso-2022-jp", b"\x1b$BF|K\\\x1b(B", "日本"),
        ("iso-2022-jp", b"\x1b(I1\x1b(B", "ｱ"),
        ("euc-jp", "日本語".encode("euc_jp"), "日本語"),
        ("utf-7", b"Hi Mom -+Jjo--!", "Hi Mom -☺-!"),
        ("hz-gb-2312", b"~{VPND~}", "中文"),
        ("utf-16", "\ufeffwide".encode("utf-16-le"), "wide"),
        ("", "wide text".encode("utf-16-le"), "wide text"),
        ("koi8-r", "Привет".encode("koi8-r"), "Привет"),
        ("iso-8859-8-i", "שלום".encode("iso8859-8"), "שלום"),
        ("x-unknown", b"caf\xc3\xa9", "café"),
        ("us-ascii", b"\xef\xbb\xbfmarked", "marked"),
    ],
)
def test_a_label_means_what_its_senders_mean(label, octets, text):
    assert charset.decode(octets, label)[0] == text


@pytest.mark.parametrize(
    "label",
    ["idna", "punycode", "unicode_escape", "raw_unicode_escape", "rot13", "base64", "zlib", "mbcs", "undefined"],
)
def test_codecs_of_python_that_are_no_charsets_are_not_taken(label):
    assert charset.codec(label) is None
    assert charset.decode(b"plain w\xc3\xb6rds", label) == ("plain wörds", charset.UNKNOWN)


def test_text_that_its_charset_cannot_mean_is_told():
    assert charset.decode(b"\xff\xff\xff", "gb18030")[1] == charset.UNDECODABLE
    assert charset.decode(b"fine", "gb18030")[1] == ""


def test_html_names_its_charset_itself_when_the_header_does_not():
    assert charset.in_html(b'<html><meta http-equiv=x content="text/html; charset=koi8-r">') == "koi8-r"
    assert charset.in_html(b"<meta charset='utf-8'>") == "utf-8"
    assert charset.in_html(b"<p>charset=none</p>") == ""


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark_shows_its_order(codec):
    assert charset.decode("Grüße\r\nNext".encode(codec), "utf-16") == ("Grüße\r\nNext", "")


@pytest.mark.parametrize("label", ["utf-16", "utf-16le", "utf-32"])
def test_text_of_ascii_letters_is_no_utf_16_whatever_it_says(label):
    assert charset.decode(b"A text that some program converted", label) == ("A text that some program converted", "")
    assert charset.decode("中文".encode("utf-16-le"), "utf-16le") == ("中文", "")
    assert charset.in_html(b"<meta charset=utf-16>") == "utf-8"


def test_nul_and_surrogates_leave_the_text():
    assert charset.scrub("a\0b\ud800c") == "ab\ufffdc"


ALL = sorted(set(charset._CODEC.values()))


@pytest.mark.parametrize("decoder", ALL)
def test_every_decoder_of_the_list_exists_and_only_utf_7_can_give_surrogates(decoder):
    octets = bytes(range(256)) * 4 + bytes(
        n for a in range(0x80, 0x100, 5) for b in range(0x20, 0x100, 3) for n in (a, b)
    )
    text = octets.decode(decoder, "replace") + b"+2AA-".decode(decoder, "replace")
    assert decoder == "utf-7" or not any("\ud800" <= letter <= "\udfff" for letter in text)


@given(st.binary(max_size=200), st.sampled_from(["", "nonsense", *sorted(charset._CODEC)]))
def test_any_octets_under_any_label_give_text_that_can_be_stored(octets, label):
    text, _ = charset.decode(octets, label)
    assert "\0" not in text
    text.encode("utf-8")


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=60).filter(
        lambda text: not text.startswith(("\ufeff", "\ufffe"))
    )
)
def test_what_utf_8_writes_is_read_unchanged(text):
    assert charset.decode(text.encode(), "utf-8") == (text, "")
    assert charset.decode(text.encode(), "")[0] == text
