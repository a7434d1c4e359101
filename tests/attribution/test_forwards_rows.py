"""Forwards by clients whose language has no table: the order of the rows tells who wrote, or nothing does."""

from __future__ import annotations

import pytest
from letters import CRM, mail, record

from relay.attribution.record import Role, Route
from relay.attribution.telling import evidence

A, R, B = "Anna Lee <anna@lead.example>", "Rep <rep@our.example>", "Bob Ray <bob@lead.example>"
WHEN = "27.10.2021 09:31"
TITLE = "---------- Xxxx yyyyy zzz ---------"

ORDERS = {
    "phone": [("Xfrom", A), ("Xdate", WHEN), ("Xsubj", "Frage"), ("Xto", R)],
    "outlook": [("Xfrom", A), ("Xsent", WHEN), ("Xto", R), ("Xcc", B), ("Xsubj", "Frage")],
    "apple": [("Xfrom", A), ("Xsubj", "Frage"), ("Xdate", WHEN), ("Xto", R)],
    "thunderbird": [("Xsubj", "Frage"), ("Xdate", WHEN), ("Xfrom", A), ("Xto", R)],
    "alpine": [("Xdate", WHEN), ("Xfrom", A), ("Xto", R), ("Xsubj", "Frage")],
    "squirrelmail": [("Xsubj", "Frage"), ("Xfrom", A), ("Xdate", WHEN), ("Xto", R)],
}


def cells(rows: list[tuple[str, str]]) -> str:
    rows = [(name, value.replace("<", "&lt;")) for name, value in rows]
    return "".join(f"<tr><th>{name}: </th><td>{value}</td></tr>" for name, value in rows)


def block(rows: list[tuple[str, str]]) -> str:
    return "\n".join(f"{name}: {value}" for name, value in rows)


@pytest.mark.parametrize("name", ORDERS)
def test_a_block_in_no_table_is_read_by_the_order_of_its_rows(name):
    text = f"fyi\n\n{TITLE}\n{block(ORDERS[name])}\n\nHello"
    got = record(mail(to=CRM, subject="Fwd: Frage", text=text))
    assert (got.route, got.author and got.author.key, got.author_name) == (
        Route.FORWARD, "anna@lead.example", "Anna Lee",
    )  # fmt: skip
    assert [party.address.key for party in got.parties if party.role is Role.TO] == ["rep@our.example"]
    assert (got.subject, got.date_source, got.text, got.note) == ("Frage", "forwarded", "Hello", "fyi")
    assert got.evidence == "text-rows"
    assert "likely" in evidence(got.evidence)


def test_without_a_title_too_and_before_what_it_quotes_in_a_known_language():
    chain = f"From: {R}\nSent: Tuesday, October 26, 2021 9:31 AM\nTo: {A}\nSubject: Frage\n\nolder"
    text = f"fyi\n\n{block(ORDERS['outlook'])}\n\nHello\n\n{chain}"
    got = record(mail(to=CRM, subject="FW: Frage", text=text))
    assert (got.author and got.author.key, got.evidence) == ("anna@lead.example", "text-rows")


@pytest.mark.parametrize("subject", ["Frage", "Re: Frage", "Xy: Frage", "Fwd: Other", "Fwd:"])
@pytest.mark.parametrize("title", [f"{TITLE}\n", ""])
def test_rows_count_only_where_they_repeat_the_subject_of_a_forward(subject, title):
    text = f"fyi\n\n{title}{block(ORDERS['outlook'])}\n\nHello"
    assert record(mail(to=CRM, subject=subject, text=text)).route is Route.DIRECT


def test_a_table_of_a_report_is_nobodys_mail():
    rows = f"Owner: {B}\nUpdated: {WHEN}\nReviewer: {A}\nStatus: green"
    for text in (f"---- Weekly report ----\n{rows}\n", f"see\n\n{rows}\n"):
        assert record(mail(to=CRM, subject="FW: Weekly report", text=text)).route is Route.DIRECT


NAME_ONLY = {
    "outlook": [("Xfrom", "Anna Lee"), ("Xsent", WHEN), ("Xto", R), ("Xcc", B), ("Xsubj", "Frage")],
    "apple": [("Xfrom", "Anna Lee"), ("Xsubj", "Frage"), ("Xdate", WHEN), ("Xto", R)],
    "alpine": [("Xdate", WHEN), ("Xfrom", "Anna Lee"), ("Xto", R), ("Xsubj", "Frage")],
    "thunderbird": [("Xsubj", "Frage"), ("Xdate", WHEN), ("Xfrom", "Anna Lee"), ("Xto", R)],
}


@pytest.mark.parametrize("name", NAME_ONLY)
def test_where_the_sender_has_no_address_no_recipient_becomes_the_sender(name):
    plain = block(NAME_ONLY[name])
    rows = "".join(f"<b>{row.replace(': ', ':</b> ', 1).replace(' <', ' &lt;')}<br>" for row in plain.split("\n"))
    word = f'<p>fyi</p><div style="border:none;border-top:solid #E1E1E1 1.0pt"><p>{rows}</p></div><p>Hello</p>'
    gmail = f'<p>fyi</p><div class="gmail_attr">{TITLE}<br>{rows}</div><p>Hello</p>'
    for text, html in ((f"{TITLE}\n{plain}\n\nHello", None), (plain, None), (None, word), (None, gmail)):
        got = record(mail(to=CRM, subject="Fwd: Frage", text=text, html=html))
        assert got.author is None or (got.author.key == "rep@our.example" and got.route is Route.DIRECT)
    under = record(mail(to=CRM, subject="Fwd: Frage", text=f"---------- Forwarded message ---------\n{plain}\n\nHello"))
    assert (under.route, under.author) == (Route.FORWARD, None)
    assert "sender-not-recovered" in under.defects


def test_one_word_that_means_something_else_in_a_language_with_table_is_not_believed():
    """ "Od" is the sender in eight languages; in that of the other labels it may be the recipient."""
    rows = cells([("Xsubj", "Frage"), ("Xdate", WHEN), ("Xfrom", A), ("Od", R)])
    html = f'<p>fyi</p><div class="moz-forward-container">-------- Xx --------<table class="moz-email-headers-table">{rows}</table>Hello</div>'
    got = record(mail(to=CRM, subject="Fwd: Frage", text=None, html=html))
    assert (got.author and got.author.key, got.subject) == ("anna@lead.example", "Frage")
    assert [party.address.key for party in got.parties if party.role is Role.TO] == ["rep@our.example"]


def test_a_phone_marks_the_block_in_html_whatever_its_language():
    rows = "".join(f"{name}: {value.replace('<', '&lt;')}<br>" for name, value in ORDERS["phone"])
    html = (
        f'<div>fyi</div><div class="gmail_quote"><div class="gmail_attr">{TITLE}<br>{rows}</div><div>Hello</div></div>'
    )
    got = record(mail(to=CRM, subject="Frage", text=None, html=html))
    assert (got.author and got.author.key, got.evidence) == ("anna@lead.example", "html-block")
    assert (got.subject, got.note, got.text) == ("Frage", "fyi", "Hello")


def test_the_words_between_dashes_above_a_table_are_no_note():
    table = f'<table class="moz-email-headers-table">{cells(ORDERS["thunderbird"])}</table>'
    html = f"<p>fyi</p>-------- Xxxx yyyyy --------{table}<p>Hello</p>"
    got = record(mail(to=CRM, subject="Fwd: Frage", text=None, html=html))
    assert (got.author and got.author.key, got.note) == ("anna@lead.example", "fyi")


@pytest.mark.parametrize("subject", ["Notes", "Fwd: Notes", ""])
def test_a_signature_with_a_line_above_it_is_nobodys_mail(subject):
    rows = "Mail: Zed &lt;zed@lead.example&gt;<br>Hours: 09:00-17:00<br>Assistant: Yo &lt;yo@lead.example&gt;<br>Web: x"
    line = f'<div style="border:none;border-top:solid #ccc 1.0pt"><p>{rows}</p></div>'
    got = record(mail(to=CRM, subject=subject, text=None, html=f"<p>call Anna</p>{line}"))
    assert (got.route, got.author and got.author.key) == (Route.DIRECT, "rep@our.example")
    block = line.replace(
        rows,
        "<b>From:</b> Anna Lee &lt;anna@lead.example&gt;<br><b>Sent:</b> 27 October 2021 09:31<br><b>To:</b> Rep &lt;rep@our.example&gt;<br><b>Subject:</b> Notes",
    )
    got = record(mail(to=CRM, subject=subject or "FW:", text=None, html=f"<p>fyi</p>{line}{block}<p>Hello</p>"))
    assert (got.route, got.author and got.author.key, got.text) == (Route.FORWARD, "anna@lead.example", "Hello")
