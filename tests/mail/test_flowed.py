"""Flowed text (RFC 3676): the wire's line breaks are no line breaks of the writer's."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail.flowed import unwrapped
from relay.mail.reading import parse


@pytest.mark.parametrize(
    ("wire", "text"),
    [
        ("A long line \nthat goes on \nand ends.\nNext.", "A long line that goes on and ends.\nNext."),
        ("> quoted \n> twice\n>> deeper \n>> still", "> quoted twice\n>> deeper still"),
        ("> quoted \nanswer", "> quoted \nanswer"),
        ("> > as people quote \n> > by hand", "> > as people quote \n> > by hand"),
        ("words \n-- \nAnn", "words \n-- \nAnn"),
        ("-- \nAnn\nLead", "-- \nAnn\nLead"),
        (" From the start\n >no quote\n  indented", "From the start\n>no quote\n indented"),
        ("From: Ann <a@x.example> \nTo: Bob \nSubject: x \n\nbody", "From: Ann <a@x.example> \nTo: Bob \nSubject: x \n\nbody"),
        (" \n  \nx", "\n \nx"),
        ("ends with a blank ", "ends with a blank "),
        (">\n> \n>x", ">\n>\n> x"),
        ("plain\nlines", "plain\nlines"),
        ("", ""),
    ],
)  # fmt: skip
def test_soft_line_breaks_vanish_and_hard_ones_stay(wire, text):
    assert unwrapped(wire) == text


def test_the_blank_of_a_break_vanishes_when_the_writer_says_so():
    assert unwrapped("日本 \n語\nab  \ncd", delete_space=True) == "日本語\nab cd"


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ("format=flowed", "one two"),
        ('Format="FLOWED"; DelSp=No', "one two"),
        ("format=flowed; delsp=yes", "onetwo"),
        ("format=fixed", "one \ntwo"),
        ("charset=utf-8", "one \ntwo"),
    ],
)
def test_only_a_text_that_says_so_is_flowed(parameters, text):
    assert parse(f"Content-Type: text/plain; {parameters}\r\n\r\none \r\ntwo".encode()).text == text


@given(st.text(alphabet=">- ab\n", max_size=200), st.booleans())
def test_no_word_is_lost(text, delete_space):
    def letters(one):
        return "".join(char for char in one if char in "ab-")

    assert letters(unwrapped(text, delete_space=delete_space)) == letters(text)


@pytest.mark.parametrize("line", ["a \n", "> \n", ">> a \n", "From: \n", " \n", ">"])
def test_unwrapping_takes_linear_time(line):
    text = line * (400_000 // len(line))
    start = time.process_time()
    unwrapped(text)
    assert time.process_time() - start < 2
