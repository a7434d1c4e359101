"""Header text: encoded words, also broken ones, and octets that declare nothing."""

import base64
import email.header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail.encoded import decode_words, printable, to_text


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?UTF-8?b?R3LDvMOfZQ==?= aus =?iso-8859-1?q?K=F6ln?=", "Grüße aus Köln"),
        (b"=?utf-8*de?Q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?Q?a?= =?utf-8?Q?b?=\r\n =?utf-8?Q?c?= d", "abc d"),
        (b"=?utf-8?Q?caf=C3?= =?utf-8?Q?=A9?=", "café"),
        (b"=?utf-8?B?4pi?= =?utf-8?B?g?=", "☠"),
        (b"=?utf-8?B?4pi=?= =?utf-8?B?g==?=", "☠"),
        (b"=?utf-8?B?R3LDvMOfZQ?=", "Grüße"),
        (b"=?utf-8?Q?caf=C3=A9 au lait?=", "café au lait"),
        (b"=?utf-8?Q?Are_you_there??=", "Are you there?"),
        (b"a=?utf-8?Q?b?=c", "abc"),
        (b"=?gb2312?B?1uzpRrv5?=", "朱镕基"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?idna?Q?plain_words?=", "plain words"),
        (b"=?utf-8?Q?never closed", "=?utf-8?Q?never closed"),
        (b"=?utf-8?Q?caf=C3=A9", "café"),
        (b"=?utf-8?Q?caf=C3=A9?", "café"),
        (b"=?utf-8?B?Y2Fmw6k", "café"),
        (b"=?utf-8?Q?caf=C3=A9 =?utf-8?Q?_au_lait?=", "café au lait"),
        (b"=?utf-8?Q?never =?utf-8?Q?_closed?=", "=?utf-8?Q?never  closed"),
        (b"=? utf-8 ?Q? caf=C3=A9?=", " café"),
        (b"=?utf-8?B?w6k?= =?utf-8?B?w6k=?=", "éé"),
        (b"=?utf-8?B?w6k?= =?utf-8?B?w6k?=", "éé"),
        (b"=?utf-8?X?what?=", "=?utf-8?X?what?="),
        (b"=?UTF-8?B?nnDusSNdG92w6Fuw61fMjAxOF8wMw?=", "=?UTF-8?B?nnDusSNdG92w6Fuw61fMjAxOF8wMw?="),
        (b"=?utf-8?Q??=", ""),
        (b"=?utf-8?Q?a=0D=0ATo:_x?=", "a  To: x"),
        (b"=?utf-8?Q?a=00b?=", "ab"),
        (b"one\r\n two\r\n\t three\r\n  \r\n four", "one two three four"),
        (b"Gr\xc3\xbc\xc3\x9fe", "Grüße"),
        (b"Gr\xfc\xdfe", "Grüße"),
        (b"", ""),
    ],
)
def test_a_header_value_is_read_as_a_person_reads_it(written, text):
    assert to_text(written) == text


def test_a_line_of_text_has_no_line_ends_and_no_control_characters():
    assert printable("a\r\nb\x1b\x85c\u2028d") == "a  b  c d"


@given(
    st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=60).filter(
        lambda text: text.strip() == text and "=?" not in text
    )
)
def test_what_the_standard_library_encodes_is_decoded(text):
    written = email.header.Header(text, "utf-8").encode()
    assert to_text(written.encode()) == " ".join(to_text(text.encode()).split("\n"))


@given(st.binary(max_size=60), st.lists(st.integers(1, 20), max_size=5))
def test_base64_cut_anywhere_is_joined(octets, cuts):
    whole = base64.b64encode(b"caf\xc3\xa9 " + octets.hex().encode()).decode().rstrip("=")
    words, position = [], 0
    for cut in [*cuts, len(whole)]:
        if whole[position : position + cut]:
            words.append(f"=?utf-8?B?{whole[position : position + cut]}?=")
        position += cut
    assert decode_words(" ".join(words)) == "café " + octets.hex()


@given(st.text(alphabet=st.sampled_from("=?utf-8QqBb_ \tAZ09+/é"), max_size=200))
def test_nothing_that_looks_like_an_encoded_word_raises(text):
    decode_words(text).encode("utf-8")
