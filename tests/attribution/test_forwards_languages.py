"""Forwards in every language that has a table, in the shapes of many clients; and their twins that are no forwards."""

from __future__ import annotations

import clients
import pytest
from letters import CRM, mail, record

from relay.attribution.record import Role, Route

AMBIGUOUS = ("gmail", "gmail_html")
"""Gmail translates the sender's label alone, and languages share it ('Od'): such a date may stay unread."""


def assert_recovered(text: str | None, html: str | None, w: clients.Words, month: int, shape: str) -> None:
    prefix = next(iter(clients.words(w.code, "forward")), "Fwd")
    got = record(mail(to=CRM, subject=f"{prefix}: whatever", text=text, html=html))
    where = (w, shape)
    assert got.route is Route.FORWARD, where
    assert got.author is not None, where
    assert (got.author.key, got.author_name) == ("anna@lead.example", "Anna Lee"), where
    people = {party.address.key: party.role for party in got.parties if party.role in (Role.TO, Role.CC)}
    assert people == {"rep@our.example": Role.TO, "bob@lead.example": Role.CC}, where
    assert (got.subject, got.text.strip()) == (clients.SUBJECT, clients.BODY), where
    assert got.note == ("" if shape == "deep" else clients.NOTE), where
    if shape in AMBIGUOUS and got.date_source != "forwarded":
        assert "forwarded-date-unread" in got.defects
        return
    assert got.date_source == "forwarded", where
    if shape in AMBIGUOUS and w.date.startswith("27 listopad"):
        return  # October in Croatian, November in Czech; the block says only "Od"
    assert (got.originated_at.year, got.originated_at.month, got.originated_at.day) == (2021, month, 27), where
    assert got.originated_at.minute == 31


@pytest.mark.parametrize("code", clients.CODES)
def test_every_word_of_a_language_is_read_in_the_shapes_of_all_clients(code):
    shapes = len(clients.SHAPES)
    for number, (w, month) in enumerate(clients.variants(code)):
        # Every shape for the first words, for the others two shapes by turns: all words, all shapes, little time.
        for shape in clients.SHAPES if number == 0 else (clients.SHAPES[number % shapes], clients.SHAPES[-2]):
            assert_recovered(shape(w), None, w, month, shape.__name__)
        for shape in clients.HTML_SHAPES if number == 0 else (clients.HTML_SHAPES[number % 6],):
            assert_recovered(None, shape(w), w, month, shape.__name__)


@pytest.mark.parametrize("code", clients.CODES)
def test_the_same_block_under_a_reply_is_no_forward(code):
    w, _ = next(clients.variants(code))
    for prefix in ("Re", *clients.words(code, "reply")):
        for shape in (clients.outlook_web, clients.outlook_classic, clients.outlook_new):
            got = record(mail(to=CRM, subject=f"{prefix}: Our question", text=shape(w)))
            assert got.route is Route.DIRECT, (prefix, shape.__name__)
        for shape in (clients.word, clients.web):
            got = record(mail(to=CRM, subject=f"{prefix}: Our question", text=None, html=shape(w)))
            assert got.route is Route.DIRECT, (prefix, shape.__name__)


@pytest.mark.parametrize("code", clients.CODES)
def test_a_forward_with_a_lead_among_its_recipients_is_a_copy_of_what_we_wrote(code):
    w, _ = next(clients.variants(code))
    got = record(mail(to=f"{CRM}, Anna <anna@lead.example>", subject="Fwd: x", text=clients.thunderbird(w)))
    assert (got.route, got.author.key) == (Route.BCC, "rep@our.example")


@pytest.mark.parametrize("code", clients.CODES)
def test_words_of_a_block_in_a_note_are_no_forward(code):
    for w, _ in clients.variants(code):
        text = f"{w.sender}: Berlin, {w.to}: Hamburg\n\n{w.sender}: Berlin\n{w.to}: Hamburg\n{w.subject}: {w.title}"
        got = record(mail(to=CRM, subject="Travel", text=text))
        assert got.route is Route.DIRECT, w
        got = record(mail(to=CRM, subject="Travel", text=f"{w.title}\n\n{w.sender} {w.to} {w.subject}"))
        assert got.route is Route.DIRECT, w


@pytest.mark.parametrize("code", clients.CODES)
def test_an_attribution_in_any_language_opens_a_quotation_and_no_forward(code):
    for w, _ in clients.variants(code):
        text = f"Thanks!\n\n{w.date}, Anna Lee <anna@lead.example> {w.wrote}:\n\n> what does it cost?\n"
        got = record(mail(to=CRM, subject="Re: Our question", text=text))
        assert got.route is Route.DIRECT, w
        assert got.text == "Thanks!", w
        assert w.wrote in got.quoted, w


@pytest.mark.parametrize("code", clients.CODES)
def test_what_outlook_quotes_in_any_language_is_no_word_of_the_author(code):
    w, _ = next(clients.variants(code))
    got = record(mail(subject="Re: Our question", text=clients.outlook_new(w)))
    assert (got.text, "what does it cost?" in got.quoted) == ("FYI", True)
