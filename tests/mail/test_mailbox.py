"""Lists of mailboxes, as they are really written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail.mailbox import MAX_MAILBOXES, mailboxes, read


def pairs(text):
    return [(one.display_name, str(one.address)) for one in read(text)]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ann@a.example", [("", "ann@a.example")]),
        ('Ann <ann@a.example>, "Lee, Bob" <bob@b.example>', [("Ann", "ann@a.example"), ("Lee, Bob", "bob@b.example")]),
        ("Lee, Bob <bob@b.example>", [("Lee, Bob", "bob@b.example")]),
        ("Dr. John Q. Public <j@x.example>", [("Dr. John Q. Public", "j@x.example")]),
        ("j@x.example (Jane Roe)", [("Jane Roe", "j@x.example")]),
        ("(a (nested) comment) j@x.example", [("a (nested) comment", "j@x.example")]),
        (r'"Jane \"JR\" Roe" <j@x.example>', [('Jane "JR" Roe', "j@x.example")]),
        ("=?utf-8?Q?Roe,_J?= <j@x.example>, k@x.example", [("Roe, J", "j@x.example"), ("", "k@x.example")]),
        ("=?utf-8?Q?a=3Cb=40c=3E?= <j@x.example>", [("a<b@c>", "j@x.example")]),
        ('"=?utf-8?Q?J=C3=B6rg?=" <j@x.example>', [("Jörg", "j@x.example")]),
        ("=?utf-8?Q?J=C3=B6?= =?utf-8?Q?rg?= <j@x.example>", [("Jörg", "j@x.example")]),
        ("=?utf-8?Q?J=C3=B6rg <j@x.example>", [("Jörg", "j@x.example")]),
        ("Ann [mailto:ann@a.example]", [("Ann", "ann@a.example")]),
        ("\ufeff\u202aAnn\u202c <ann@a.example>", [("Ann", "ann@a.example")]),
        ("undisclosed-recipients:;", []),
        (
            "Team: Ed <e@a.example>, f@a.example;, x@y.example",
            [("Ed", "e@a.example"), ("", "f@a.example"), ("", "x@y.example")],
        ),
        ("RE: Bob <bob@b.example>", [("RE: Bob", "bob@b.example")]),
        ("a@x.example; b@y.example", [("", "a@x.example"), ("", "b@y.example")]),
        ("a@x.example b@y.example", [("", "a@x.example"), ("", "b@y.example")]),
        ("<a@x.example> <b@y.example>", [("", "a@x.example"), ("", "b@y.example")]),
        ("Ann <a@x.example> Bob <b@y.example>", [("Ann", "a@x.example"), ("Bob", "b@y.example")]),
        ("John Doe j@x.example", [("John Doe", "j@x.example")]),
        ("<a@b.example> Ann", [("Ann", "a@b.example")]),
        ("<mailto:a@b.example>", [("", "a@b.example")]),
        ("mailto:a@b.example", [("", "a@b.example")]),
        ('"a@b.example"', [("", "a@b.example")]),
        ("'a@b.example'", [("", "a@b.example")]),
        ("\"'Ann'\" <a@b.example>", [("Ann", "a@b.example")]),
        ("a@b.example <a@b.example>", [("a@b.example", "a@b.example")]),
        ('"john doe"@x.example', [("", "john doe@x.example")]),
        ('"x" <"a b"@c.example>', [("x", "a b@c.example")]),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", [("Pete", "pete@silly.test")]),
        ("<@a.test,@b.test:u@c.test>", [("", "u@c.test")]),
        ("jdoe@test   . example", [("", "jdoe@test.example")]),
        ('"Bob <b@y.example>', [("Bob", "b@y.example")]),
        ('"Bob <b@y.example>, "Ann" <a@y.example>', [("Bob", "b@y.example"), ("Ann", "a@y.example")]),
        ("Name <j@x.example", [("Name", "j@x.example")]),
        ("(never closed <j@x.example>", [("never closed", "j@x.example")]),
        ("Jörg <j@müller.example>", [("Jörg", "j@xn--mller-kva.example")]),
        (", ,,a@b.example,,", [("", "a@b.example")]),
        ("<>", []),
        ("Ann <>", []),
        ("nobody at all", []),
        ("", []),
    ],
)
def test_a_list_gives_the_mailboxes_its_writer_meant(written, meant):
    assert pairs(written) == meant


def test_all_fields_of_a_name_count():
    assert [one.address.key for one in mailboxes([b"a@x.example", b"b@y.example"])] == ["a@x.example", "b@y.example"]


@pytest.mark.parametrize(
    "written", [b"=?utf-8?Q?J=C3=B6rg_<j@x.example>?=", b"=?utf-8?B?SsO2cmcgPGpAeC5leGFtcGxlPg==?="]
)
def test_a_mailbox_inside_an_encoded_word_is_read_when_there_is_no_other(written):
    assert [(one.display_name, str(one.address)) for one in mailboxes([written])] == [("Jörg", "j@x.example")]
    with_another = mailboxes([written + b" <real@x.example>"])
    assert [str(one.address) for one in with_another] == ["real@x.example"]


def test_eight_bit_names_are_read_without_an_encoding():
    assert mailboxes([b"J\xc3\xb6rg <j@x.example>"])[0].display_name == "Jörg"
    assert mailboxes([b"J\xf6rg <j@x.example>"])[0].display_name == "Jörg"
    assert mailboxes([b"\xc8\xe2\xe0\xed <j@x.example>"], "windows-1251")[0].display_name == "Иван"


def test_more_recipients_than_anyone_has_are_cut():
    assert len(read("a@b.example," * (MAX_MAILBOXES + 50))) == MAX_MAILBOXES
    assert len(mailboxes([b'"x" <a@b.example>, (c) c@d.example,' * 400] * 20)) == MAX_MAILBOXES


@given(st.text(alphabet=st.sampled_from('ab@.,;:<>()"\\[] \t=?QUTF-8_\u00fc\u3002'), max_size=200))
def test_no_list_raises_and_each_result_is_an_address(text):
    for one in read(text):
        assert one.address.local_part
        assert one.address.domain
        assert one.display_name == " ".join(one.display_name.split())
