"""The header: where it ends, which lines are fields, and fields that are decoded when asked for."""

import pickle

import pytest

from relay.mail import header
from relay.mail.header import Fields, split


def names(content):
    fields, body, defects = split(content, 0, len(content))
    return [name.decode() for name, _ in fields], content[body:], defects


@pytest.mark.parametrize(
    ("content", "fields", "body", "defects"),
    [
        (b"A: 1\r\nB: 2\r\n\r\nbody", ["a", "b"], b"body", []),
        (b"A: 1\nB: 2\n\nbody", ["a", "b"], b"body", []),
        (b"A: 1\r\r\nB: 2\r\r\n\r\r\nbody", ["a", "b"], b"body", []),
        (b"A: 1\r\n\tmore\r\n \r\n and more\r\nB: 2\r\n\r\nbody", ["a", "b"], b"body", []),
        (b"A: 1\r\nB: 2\r\n", ["a", "b"], b"", []),
        (b"A: 1", ["a"], b"", []),
        (b"A : 1\r\nB\t:2\r\n\r\n", ["a", "b"], b"", []),
        (b" A: 1\r\nB: 2\r\n\r\n", ["a", "b"], b"", []),
        (b"\r\nbody", [], b"body", []),
        (b"", [], b"", []),
        (b"\r\n\r\nSubject: 1\r\n\r\nbody", ["subject"], b"body", ["blank-line-before-header"]),
        (b"From x Tue Feb 3\nA: 1\n\nbody", ["a"], b"body", ["mbox-line"]),
        (b">From x Tue Feb 3\nA: 1\n\nbody", ["a"], b"body", ["mbox-line"]),
        (b"From : a@x.example\nA: 1\n\nbody", ["from", "a"], b"body", []),
        (b"A: 1\r\njunk\r\nSubject: 2\r\n\r\nbody", ["a", "subject"], b"body", ["junk-in-header"]),
        (b"A: 1\r\nHello there\r\nbody", ["a"], b"Hello there\r\nbody", ["missing-header-end"]),
        (
            b"A: 1\r\n--b\r\nContent-Type: x/y\r\n\r\nbody",
            ["a"],
            b"--b\r\nContent-Type: x/y\r\n\r\nbody",
            ["missing-header-end"],
        ),
        (
            b"A: 1\r\nHello\r\n--b\r\nContent-Type: x/y\r\n\r\n",
            ["a"],
            b"Hello\r\n--b\r\nContent-Type: x/y\r\n\r\n",
            ["missing-header-end"],
        ),
        (b"just text\nand more", [], b"just text\nand more", ["missing-header-end"]),
    ],
)
def test_a_header_ends_where_its_writer_ended_it(content, fields, body, defects):
    assert names(content) == (fields, body, defects)


def test_only_the_octets_of_the_entity_are_read():
    content = b"xxA: 1\r\n\r\nbodyyy"
    assert split(content, 2, len(content) - 2) == ([(b"a", b" 1\r")], 10, [])


def test_a_header_without_bounds_is_cut(monkeypatch):
    monkeypatch.setattr(header, "MAX_FIELDS", 3)
    found, body, defects = split(b"A: 1\r\n" * 5 + b"\r\nbody", 0, 36)
    assert (len(found), body, defects) == (3, 32, ["too-many-fields"])
    monkeypatch.setattr(header, "MAX_HEADER", 12)
    found, _, defects = split(b"A: 1\r\n" * 5 + b"\r\nbody", 0, 36)
    assert (len(found), defects) == (2, ["header-too-long"])


def test_fields_are_like_a_tuple_of_decoded_pairs():
    fields = Fields([(b"subject", b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r"), (b"to", b"a\r\n b\r"), (b"to", b"c")])
    pairs = (("subject", "Grüße"), ("to", "a b"), ("to", "c"))
    assert fields == pairs
    assert tuple(fields) == pairs
    assert fields[0] == pairs[0]
    assert fields[1:] == pairs[1:]
    assert len(fields) == 3
    assert hash(fields) == hash(pairs)
    assert fields == Fields.of(pairs)
    assert repr(fields) == repr(pairs)
    assert fields != "other"


def test_fields_are_found_by_name():
    fields = Fields([(b"to", b"a"), (b"to", b"b")])
    assert fields.first("to") == "a"
    assert fields.all("to") == ("a", "b")
    assert fields.first("cc") is None
    assert fields.all("cc") == ()


def test_fields_travel_between_processes():
    fields = Fields([(b"to", b"Gr\xfc\xdfe")], "iso-8859-1")
    assert pickle.loads(pickle.dumps(fields)) == fields
