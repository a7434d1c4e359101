"""Every key of a TOML file is found on its line, whatever stands between."""

from __future__ import annotations

import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from relay.config.position import positions

DOCUMENT = "\n".join(  # noqa: FLY002  a line of TOML is a line here
    [
        "# a comment with [brackets] and key = 1",
        "top = 1",
        '"quoted key" = "a # no comment"',
        "'literal.key'.inner . \"deep\" = 'C:\\'",
        'text = """',
        "fake = 1",
        "[fake]",
        'an escaped \\""" and two quotes at the end"""""',
        "raw = '''",
        "'' fake = 2",
        "''''",
        "[a.b] # comment",
        'list = [ "x", # one ]',
        "  [1, 2],",
        "  { c = 1, d.e = [ 3,",
        "  4 ] },",
        "]",
        "[[many]]",
        "x = 1",
        "[many.inner]",
        "y = 1",
        "[[many]]",
        "x = 2",
        "  [[many.sub]]",
        "  z = 1979-05-27 07:32:00",
    ]
)


def test_keys_elements_and_tables_are_found_between_strings_comments_and_arrays():
    lines = positions(DOCUMENT)
    numbered = dict(enumerate(DOCUMENT.split("\n"), 1))
    assert lines["top",] == 2
    assert lines["quoted key",] == 3
    assert lines["literal.key", "inner", "deep"] == 4
    assert numbered[lines["raw",]].startswith("raw")
    assert ("fake",) not in lines
    assert numbered[lines["a", "b", "list"]].startswith("list")
    assert numbered[lines["a", "b", "list", 1]] == "  [1, 2],"
    assert numbered[lines["a", "b", "list", 2, "d", "e", 1]] == "  4 ] },"
    assert numbered[lines["many", 0, "x"]] == "x = 1"
    assert numbered[lines["many", 0, "inner", "y"]] == "y = 1"
    assert numbered[lines["many", 1, "x"]] == "x = 2"
    assert numbered[lines["many", 1, "sub", 0, "z"]].startswith("  z")


def paths(value, at=()):
    """Every path in a document that tomllib has read."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*at, key)
        yield from paths(inner, (*at, key))


def test_every_path_has_a_line_and_crlf_changes_nothing():
    assert set(paths(tomllib.loads(DOCUMENT))) == set(positions(DOCUMENT))
    assert positions(DOCUMENT) == positions(DOCUMENT.replace("\n", "\r\n"))


PIECES = [
    "a",
    "b = ",
    "1",
    '"',
    '"""',
    "'''",
    "'",
    "[",
    "]",
    "[[a]]\n",
    "{",
    "}",
    ",",
    ".",
    "#",
    "\n",
    "\\",
    " ",
    "a = [",
    "a={b=1}\n",
]


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_whatever_toml_accepts_is_walked_to_its_end(text):
    found = positions(text)
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(paths(document)) <= set(found)
