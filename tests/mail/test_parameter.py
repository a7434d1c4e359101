"""Content-Type and Content-Disposition, and the file names they carry."""

import email.message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail.parameter import MAX_FILENAME, MAX_PARAMETERS, file_name, read
from relay.mail.reading import parse


@pytest.mark.parametrize(
    ("written", "word", "parameters"),
    [
        (b"text/plain; charset=utf-8", "text/plain", {"charset": "utf-8"}),
        (b'TEXT/Plain; Charset="utf-8"; format=flowed', "text/plain", {"charset": "utf-8", "format": "flowed"}),
        (b"text/plain;;; charset=utf-8;", "text/plain", {"charset": "utf-8"}),
        (b"text/plain; charset=utf-8 (a comment)", "text/plain", {"charset": "utf-8"}),
        (b"text/plain (a comment); charset=utf-8", "text/plain", {"charset": "utf-8"}),
        (b"text/plain charset=utf-8", "text/plain", {"charset": "utf-8"}),
        (b"text / plain; charset=utf-8", "text/plain", {"charset": "utf-8"}),
        (b"charset=utf-8", "", {"charset": "utf-8"}),
        (b'"text/plain"', "text/plain", {}),
        (b"text/plain>", "text/plain", {}),
        (b';\r\n\tname=""', "", {"name": ""}),
        (b"a/b; name = x.pdf", "a/b", {"name": "x.pdf"}),
        (b"a/b; name=a b (1).pdf; x=y", "a/b", {"name": "a b (1).pdf", "x": "y"}),
        (b'a/b; name="a;b.pdf"', "a/b", {"name": "a;b.pdf"}),
        (b'a/b; name="a \\"b\\".pdf"', "a/b", {"name": 'a "b".pdf'}),
        (b'a/b; name="C:\\tmp\\a.pdf"', "a/b", {"name": "C:\\tmp\\a.pdf"}),
        (b'a/b; name="never closed; x=y', "a/b", {"name": "never closed"}),
        (b"a/b; name=x; name=y", "a/b", {"name": "x"}),
        (b"a/b; name*=utf-8''M%C3%BCll.pdf", "a/b", {"name": "Müll.pdf"}),
        (b"a/b; name=Mull.pdf; name*=utf-8''M%C3%BCll.pdf", "a/b", {"name": "Müll.pdf"}),
        (b"a/b; name*=iso-8859-1'de'M%FCll.pdf", "a/b", {"name": "Müll.pdf"}),
        (b"a/b; name*=nonsense''M%C3%BCll.pdf", "a/b", {"name": "Müll.pdf"}),
        (b"a/b; name*0*=utf-8''R%C3; name*1*=%A9; name*2=.pdf", "a/b", {"name": "Ré.pdf"}),
        (b'a/b; name*1="b.pdf"; name*0="a"', "a/b", {"name": "ab.pdf"}),
        (b"a/b; name*1=a; name*2=b", "a/b", {"name": "ab"}),
        (b"a/b; name*0=a; name*2=c", "a/b", {"name": "a"}),
        (b"a/b; name*0=a; name*99999999999999999999=b", "a/b", {"name": "a"}),
        (b'a/b; name="=?utf-8?Q?M=C3=BCll?=.pdf"', "a/b", {"name": "Müll.pdf"}),
        (b'a/b; name="=?utf-8?Q?M=C3=BC?=\r\n =?utf-8?Q?ll=2Epdf?="', "a/b", {"name": "Müll.pdf"}),
        (b"a/b; name=utf-8''M%C3%BCll.pdf", "a/b", {"name": "Müll.pdf"}),
        (b"a/b; name=\"it's 5%25'.pdf\"", "a/b", {"name": "it's 5%25'.pdf"}),
        (b'a/b; name="M\xc3\xbcll.pdf"', "a/b", {"name": "Müll.pdf"}),
        (b"a/b; name*=shift_jis'ja'%93%FA%96%7B.pdf", "a/b", {"name": "日本.pdf"}),
        (b"a/b; name*=utf-8''=?utf-8?Q?M=C3=BCll?=.pdf", "a/b", {"name": "Müll.pdf"}),
        (b'a/b; name*0="=?utf-8?B?w6TDtsO8LnB"; name*1="kZg==?="', "a/b", {"name": "äöü.pdf"}),
        (b"a/b; name='a b.pdf'", "a/b", {"name": "a b.pdf"}),
        (b"a/b; name==?iso-2022-jp?B?GyRCRnxLXBsoQg==?=.pdf", "a/b", {"name": "日本.pdf"}),
        (b'a/b; boundary="a\r\n b"', "a/b", {"boundary": "a b"}),
        (b"", "", {}),
    ],
)
def test_a_value_with_parameters_says_what_its_writer_meant(written, word, parameters):
    value = read(written)
    assert (value.word, value.parameters) == (word, parameters)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("a.pdf", "a.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\tmp\\a.pdf", "a.pdf"),
        ("..", ""),
        ("a/..", ""),
        ("/", ""),
        ("a\0b\n.pdf", "ab.pdf"),
        ("fdp.\u202eexe", "fdp.exe"),
        ("a\u200b.pdf", "a.pdf"),
        ("  a b.pdf ", "a b.pdf"),
        ("\ud800.pdf", "\ufffd.pdf"),
        ("%E4%BD%A0%E5%A5%BD.pdf", "你好.pdf"),
        ("Angebot%20M%C3%BCller.pdf", "Angebot Müller.pdf"),
        ("100%25.pdf", "100%25.pdf"),
        ("100% M%FCller.pdf", "100% M%FCller.pdf"),
        ("%C3%BC%2F..%2F%E2%80%AEx.pdf", "x.pdf"),
        ("con.pdf", "_con.pdf"),
        ("NUL", "_NUL"),
        ("Com1 .txt", "_Com1 .txt"),
        ("console.pdf", "console.pdf"),
    ],
)
def test_a_file_name_has_no_path_and_no_tricks(written, shown):
    assert file_name(written) == shown


def test_a_long_file_name_keeps_its_ending():
    assert file_name("x" * 400 + ".pdf").endswith("x.pdf")
    assert len(file_name("x" * 400 + ".pdf")) <= MAX_FILENAME
    assert len(file_name("x" * 400)) == MAX_FILENAME
    assert file_name("漢" * 400 + ".pdf") == "漢" * 83 + ".pdf"
    assert len(file_name("漢" * 400).encode()) == MAX_FILENAME
    assert file_name("漢" * 85) == "漢" * 85
    assert len(file_name("ß" * 300 + "." + "漢" * 16).encode()) <= MAX_FILENAME


def test_a_name_in_bare_octets_is_in_the_charset_of_the_text_before_it():
    name = "报价单世界.pdf"
    mail = (
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/plain; charset=gb2312\r\n\r\n'
        + "你好".encode("gb2312")
        + b'\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="'
        + name.encode("gb2312")
        + b'"\r\n\r\n%PDF\r\n--b--\r\n'
    )
    assert parse(mail).parts[0].filename == name
    assert (
        parse(mail.replace(b"gb2312", b"utf-8").replace(name.encode("gb2312"), name.encode())).parts[0].filename == name
    )


def test_more_parameters_than_any_program_writes_are_not_read():
    assert len(read(b"a/b" + b"".join(b"; a%d=b" % n for n in range(2 * MAX_PARAMETERS))).parameters) == MAX_PARAMETERS


@given(st.text(max_size=300))
def test_no_file_name_keeps_a_separator_or_a_control(text):
    name = file_name(text)
    assert not set(name) & set("/\\\0\r\n\u202e\u2066")
    assert name not in (".", "..")


@given(
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=120).filter(
        lambda text: text == text.strip() and "=?" not in text and "\\" not in text
    )
)
def test_names_written_by_the_standard_library_are_read(name):
    part = email.message.Message()
    part.add_header("Content-Disposition", "attachment", filename=name)
    assert read(part["content-disposition"].encode()).get("filename") == name


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=60).filter(
        lambda text: text == text.strip() and not text.isascii()
    )
)
def test_names_written_by_rfc_2231_are_read(name):
    part = email.message.Message()
    part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
    assert read(part["content-disposition"].encode()).get("filename") == name


@given(st.binary(max_size=300))
def test_no_value_raises(octets):
    read(octets)
    read(b"a/b;" + octets)
