"""Addresses: what is one, in which form it is compared, and which spellings of it are looked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail.address import MAX_LOCAL_PART, Address, a_labels, forms, u_labels


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("ann@a.example", "ann@a.example"),
        ("  Ann.Lee@A.Example ", "ann.lee@a.example"),
        ("<ann@a.example>", "ann@a.example"),
        ("Ann Lee <ann@a.example>", "ann@a.example"),
        ("mailto:ann@a.example?subject=hello", "ann@a.example"),
        ("<mailto:ann%2Bx@a.example>", "ann+x@a.example"),
        ("'ann@a.example'", "ann@a.example"),
        ("ann@a.example.", "ann@a.example"),
        ("ann @ a.example", "ann@a.example"),
        ('"ann lee"@a.example', "ann lee@a.example"),
        ('"a\\"b"@a.example', 'a"b@a.example'),
        ("@x.example,@y.example:ann@a.example", "ann@a.example"),
        ("ann@müller.example", "ann@xn--mller-kva.example"),
        ("ann@MÜLLER.example", "ann@xn--mller-kva.example"),
        ("ann@faß.example", "ann@xn--fa-hia.example"),
        ("ann@例え。テスト", "ann@xn--r8jz45g.xn--zckzah"),
        ("jörg@a.example", "jörg@a.example"),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
        ("ann@inbucket", "ann@inbucket"),
        ("\u200bann@a.example\u200b", "ann@a.example"),
    ],
)
def test_what_a_person_types_is_read_as_the_address_meant(typed, key):
    address = Address.read(typed)
    assert address is not None
    assert address.key == key


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ann",
        "@a.example",
        "ann@",
        "ann lee@a.example",
        "a@b.example, c@d.example",
        "ann@a example.org",
        "ann@-",
        "a\x00b@c.example",
        "x" * (MAX_LOCAL_PART + 1) + "@a.example",
        "a@" + "b" * 300,
        "ann@" + "ü" * 64 + ".example",
        "ann@\ud800.example",
    ],
)
def test_what_is_no_address_is_none(typed):
    assert Address.read(typed) is None


def test_forms_are_the_spellings_a_crm_may_have_typed_best_first():
    address = Address.read("Ann+News@Müller.example")
    assert address is not None
    assert forms(address) == (
        ("ann+news@xn--mller-kva.example", 0),
        ("ann+news@müller.example", 0),
        ("ann+news@mÜller.example", 0),
        ("ann+news@mu\u0308ller.example", 0),
        ("ann@xn--mller-kva.example", 1),
        ("ann@müller.example", 1),
        ("ann@mÜller.example", 1),
        ("ann@mu\u0308ller.example", 1),
    )


@pytest.mark.parametrize(
    "typed",
    ["ann@MÜLLER-LÜDENSCHEIDT.example", "Ann@Müller-Lüdenscheidt.example", "ann@Österreich-Über.Österreich.example",
     "ÄNN.ÉT@ПОЧТА.example", "Änn.Ét@Почта.example"],
)  # fmt: skip
def test_letters_beyond_ascii_match_in_capitals_too_which_no_database_folds(typed):
    address = Address.read(typed)
    assert address is not None
    as_sqlite_has_it = "".join(letter.lower() if letter.isascii() else letter for letter in typed)
    assert (as_sqlite_has_it, 0) in forms(address)


def test_letters_in_pieces_and_in_one_are_the_same_address():
    pieces, whole = Address.read("Ju\u0308rgen@bu\u0308cher.example"), Address.read("J\u00fcrgen@b\u00fccher.example")
    assert pieces is not None
    assert whole is not None
    assert pieces.key == whole.key
    assert forms(pieces) == forms(whole)


def test_an_address_without_tag_or_letters_beyond_ascii_has_one_form():
    assert forms(Address("Ann", "a.example")) == (("ann@a.example", 0),)


def test_a_tag_without_a_name_before_it_is_no_tag():
    assert forms(Address("+x", "a.example")) == (("+x@a.example", 0),)


@given(st.text(max_size=600))
def test_reading_an_address_never_raises_and_reads_its_own_result_alike(text):
    address = Address.read(text)
    if address is not None and '"' not in address.local_part and " " not in address.local_part:
        again = Address.read(str(address))
        assert again is None or again.domain == address.domain


@given(st.text(max_size=80))
def test_a_domain_comes_back_the_same_from_its_letters(text):
    domain = a_labels(text)
    assert domain.isascii()
    assert a_labels(u_labels(domain)) == domain


@pytest.mark.parametrize("label", ["xn--", "xn--\x80", "xn---", "xn--999999999", "xn--a", "xn--" + "9" * 59])
def test_labels_that_only_look_encoded_stay_as_they_are(label):
    assert u_labels(f"{label}.example") == f"{label}.example"
