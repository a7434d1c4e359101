"""Nothing a stranger writes can do anything to a terminal, and columns stay columns in any script."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from relay.cli.terminal import Screen, cell, fit, neutral, neutral_lines, screen, table, width, wrap


def test_control_characters_and_escape_sequences_are_shown_not_obeyed():
    assert neutral("a\x1b[31mred\x1b[0m\x07\x9b2J") == "a\ufffd[31mred\ufffd[0m\ufffd\ufffd2J"
    assert neutral("one\r\ntwo\tthree\u2028four") == "one two three four"


def test_what_reorders_or_hides_is_taken_out():
    assert neutral("invoice\u202efdp.exe") == "invoicefdp.exe"
    assert neutral("a\u2066b\u2069c\u200bd\ufeffe\u00adf\U000e0041g") == "abcdefg"


def test_towers_of_marks_are_cut():
    assert width(neutral("e" + "\u0301" * 500)) == 1
    assert len(neutral("e" + "\u0301" * 500)) == 5


def test_lone_surrogates_never_reach_an_encoder():
    neutral("\ud800x").encode()


@given(st.text())
def test_a_neutral_line_is_one_harmless_line(text):
    line = neutral(text)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in line)
    assert not set(line) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert neutral(line) == line
    line.encode()


def test_wide_characters_take_two_columns_and_marks_none():
    assert width("日本語") == 6
    assert width("e\u0301") == 1
    assert width("🚀!") == 3
    assert width("plain") == 5


@given(st.text(alphabet="aé日🚀\u0301 ", max_size=30), st.integers(1, 20))
def test_a_cell_has_exactly_its_columns(text, columns):
    assert width(cell(text, columns)) == columns
    assert width(fit(text, columns)) <= columns


@given(st.text(alphabet="aé日🚀 ", max_size=80), st.integers(2, 20))
def test_wrapping_loses_no_word_and_fits(text, columns):
    lines = wrap(text, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_lines_of_a_body_keep_their_indentation():
    assert neutral_lines("a\n\tb\x1b\n\n  c  ") == ["a", "    b\ufffd", "", "  c"]


def test_colour_is_for_terminals_without_no_color(monkeypatch, tmp_path):
    class Terminal:
        encoding = "utf-8"

        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert screen(Terminal()).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not screen(Terminal()).colour
    monkeypatch.delenv("NO_COLOR")
    with (tmp_path / "out").open("w", encoding="ascii") as file:
        assert screen(file) == Screen(100, colour=False, unicode=False)
    assert Screen(colour=False).paint("x", "red") == "x"
    assert Screen(colour=True).paint("x", "bold", "red") == "\x1b[1;31mx\x1b[0m"


def test_a_table_gives_way_in_its_flexible_column():
    lines = table([["ID", "TITLE"], ["1", "x" * 100]], Screen(40), flexible=1)
    assert [width(line) for line in lines] == [9, 40]


def test_a_table_fits_a_narrow_screen_when_one_column_cannot_give_way_enough():
    row = ["2026-11-21T22:50:00.000Z", "incoming", "Anna Lindqvist", "Offer"]
    assert max(map(width, table([row], Screen(40), flexible=3))) <= 40
