"""Bodies: the author's words, the quoted part, and markup that is safe to show."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail import html, quote
from relay.mail.body import Body, body, snippet
from relay.mail.message import Message


def test_plain_text_is_preferred_to_html():
    assert body(Message(text="plain", html="<p>rich</p>")).text == "plain"


@pytest.mark.parametrize(
    "stub",
    [
        "",
        " \n\n",
        "View this email in your browser: https://x.example/v/1",
        "https://x.example/v",
        "Your client does not support HTML.",
    ],
)
def test_a_text_part_that_only_points_at_the_html_gives_way_to_it(stub):
    assert body(Message(text=stub, html="<p>Dear Anna,</p><p>" + "word " * 40 + "</p>")).text.startswith("Dear Anna,")


def test_a_short_text_is_no_stub():
    assert body(Message(text="OK, thanks", html="<p>OK, thanks</p><p>and much more in here</p>")).text == "OK, thanks"


def test_html_becomes_legible_text_with_readable_links():
    markup = (
        '<style>p{}</style><p>Hello&nbsp;<b>Anna</b>,</p><ul><li>one<li>two</ul><a href="https://a.example/x">our page</a> '
        '<a href="https://www.a.example/">www.a.example</a> <a href="mailto:bob@a.example">Bob</a> '
        '<a href="mailto:c@a.example">c@a.example</a> <a href="https://t.example/' + "x" * 300 + '">tracked</a>'
        '<a href="javascript:x">no</a><div style="display:none">preheader</div><img alt="logo" src="x">'
    )
    text = html.to_text(markup)
    assert text.startswith("Hello Anna,\n")
    assert "one\n" in text
    assert "our page (https://a.example/x) www.a.example Bob <bob@a.example> c@a.example tracked" in text
    for gone in ("javascript", "preheader", "p{}", "logo", "xxxx"):
        assert gone not in text


def test_a_mail_link_that_is_no_address_is_text():
    assert html.to_text('x (mailto: y z) <a href="mailto:a b">q</a>') == "x (mailto: y z) q (mailto:a b)"


def test_quotations_in_html_are_quoted():
    markup = '<div>Yes.</div><div class="gmail_quote"><div class="gmail_attr">On Wed, Oct 27, 2021 at 9:31 AM Anna &lt;<a href="mailto:a@b.example">a@b.example</a>&gt; wrote:</div><blockquote class="gmail_quote">first<blockquote type="cite">older</blockquote></blockquote>below</div>'
    one = body(Message(html=markup))
    assert one.text == "Yes.\nbelow"
    assert one.quoted == "On Wed, Oct 27, 2021 at 9:31 AM Anna <a@b.example> wrote:\n> first\n>> older"


def test_what_stands_under_outlooks_header_is_quoted():
    markup = '<p>Yes.</p><hr><div id="divRplyFwdMsg"><b>From:</b> A &lt;a@b.example&gt;<br><b>Sent:</b> Monday<br><b>To:</b> B<br><b>Subject:</b> x</div><p>older</p>'
    one = body(Message(html=markup))
    assert one.text == "Yes."
    assert one.quoted.endswith("older")


# --- quotations in text ---------------------------------------------------------------------------

ABOVE = "I agree.\n\nOn Mon, May 4, 2026 at 9:00 AM Anna <a@b.example> wrote:\n> first\n> second\n"


@pytest.mark.parametrize(
    ("text", "words", "quoted"),
    [
        ("just words", "just words", ""),
        (ABOVE, "I agree.", "On Mon, May 4, 2026 at 9:00 AM Anna <a@b.example> wrote:\n> first\n> second"),
        ("Anna <a@b.example> wrote:\n> first\n\nI agree.", "I agree.", "Anna <a@b.example> wrote:\n> first"),
        (
            "On Mon Anna <a@b.example> wrote:\n> one?\nyes\n> two?\nno\n\nRep",
            "yes\nno\n\nRep",
            "On Mon Anna <a@b.example> wrote:\n> one?\n> two?",
        ),
        (
            "ok\n\nOn Nov 21, 2014,\nat 10:18,\nAnna <a@b.example>\nwrote:\n> x",
            "ok",
            "On Nov 21, 2014,\nat 10:18,\nAnna <a@b.example>\nwrote:\n> x",
        ),
        ("ok\n\nAm 04.05.2026 um 09:00 schrieb Anna:\n> x", "ok", "Am 04.05.2026 um 09:00 schrieb Anna:\n> x"),
        ("ok\n\nXy 04.05.2026 zz Anna qwert:\n> x", "ok", "Xy 04.05.2026 zz Anna qwert:\n> x"),
        ("ok\n\nOn Nov 26, 2013 you wrote:\n\nThis is quoted", "ok", "On Nov 26, 2013 you wrote:\n\nThis is quoted"),
        (
            "ok\n\n-----Original Message-----\nFrom: Anna\nSent: Monday\n\nolder",
            "ok",
            "-----Original Message-----\nFrom: Anna\nSent: Monday\n\nolder",
        ),
        (
            "ok\n\n________________________________\nFrom: Anna\nTo: Rep\n\nolder",
            "ok",
            "________________________________\nFrom: Anna\nTo: Rep\n\nolder",
        ),
        ("ok\n\nFrom: Anna\nSent: Monday\nSubject: x\n\nolder", "ok", "From: Anna\nSent: Monday\nSubject: x\n\nolder"),
        ("On the other hand, we should ask:\nwhat now?", "On the other hand, we should ask:\nwhat now?", ""),
        ("The price list:\n- one\n- two", "The price list:\n- one\n- two", ""),
        ("From: Berlin\nto Hamburg", "From: Berlin\nto Hamburg", ""),
        ("a\n-----\nb\n_____\nc", "a\n-----\nb\n_____\nc", ""),
        ("if a > b then\nc", "if a > b then\nc", ""),
    ],
)
def test_the_authors_words_are_told_from_what_is_quoted(text, words, quoted):
    assert quote.split(text) == (words, quoted)


pieces = st.sampled_from(
    ["> q", ">> q", "words", "", "On Mon 4, Anna <a@b.example> wrote:", "-----Original Message-----", "From: a@b.example",
     "To: c@d.example", "Subject: s", "________________", "yes:", "  ", "> From: x", "Am 1. schrieb x:"]
)  # fmt: skip


@given(st.lists(st.one_of(pieces, st.text(max_size=30)), max_size=40))
def test_nothing_is_lost_between_words_and_quoted_part(lines):
    text = "\n".join(lines)
    words, quoted = quote.split(text)
    kept = sorted(line for part in (words, quoted) for line in part.split("\n") if line.strip())
    assert kept == sorted(line for line in text.split("\n") if line.strip())


@given(st.text(max_size=400))
def test_splitting_a_text_in_two_keeps_the_order(text):
    words, quoted = quote.split(text)
    lines = iter(text.split("\n"))
    assert all(any(line == other for other in lines) for line in words.split("\n") if line.strip())
    lines = iter(text.split("\n"))
    assert all(any(line == other for other in lines) for line in quoted.split("\n") if line.strip())


# --- safe HTML ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "markup",
    [
        '<img src="http://t.example/p.gif">', "<img src=//t.example/p.gif>", "<img/src='https://t.example/p.gif'/>",
        '<IMG SRC="http://t.example/p">', '<img srcset="http://t.example/p 2x">', '<table background="http://t.example/b">',
        '<div style="background:url(http://t.example/b)">x</div>', "<style>@import 'http://t.example';</style>x",
        '<link rel=stylesheet href="http://t.example/c.css">', '<iframe src="http://t.example"></iframe>',
        '<video poster="http://t.example/p" src="http://t.example/v"></video>', '<input type=image src="http://t.example/i">',
        '<img title="&lt;img src=&quot;http://t.example&quot;" src="http://t.example/p">', '<svg><image href="http://t.example"/></svg>',
        '<object data="http://t.example"></object>', '<base href="http://t.example/"><img src="p.gif">',
        '<body background="http://t.example/b">x', '<meta http-equiv=refresh content="0;url=http://t.example">',
        '<img src="data:image/png;base64,AAAA">', '<img src="cid:x" src="http://t.example/p">',
        "<math><mtext></table><img src=http://t.example>",
    ],
)  # fmt: skip
def test_safe_html_loads_nothing_from_elsewhere(markup):
    clean, _ = html.sanitised(markup)
    assert not [found for found in attributes(clean) if loads(*found)]
    for gone in ("<link", "<meta", "<style", "<svg", "@import", "url("):
        assert gone not in clean


class _Attributes(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attrs):
        self.found += [(name, value or "") for name, value in attrs]


def attributes(markup: str) -> list[tuple[str, str]]:
    parser = _Attributes()
    parser.feed(markup)
    parser.close()
    return parser.found


def loads(name: str, value: str) -> bool:
    if name in ("src", "srcset", "background", "poster", "data", "style", "action", "formaction") or name.startswith(
        "on"
    ):
        return not (name == "src" and value.startswith("cid:"))
    return value.lower().startswith(("javascript:", "data:"))


def test_safe_html_keeps_what_a_reader_needs():
    clean, cut = html.sanitised(
        '<p style="x" class="y" id="z" onclick="evil()">Hi <b>Anna</b></p><a href="https://a.example" target=_top>x</a>'
        '<img src="cid:logo@x" width=10><img src="https://a.example/p.gif" alt="P"><a href="javascript:alert(1)">j</a>'
        '<form action="/x"><input name="q"></form><table><tr><td bgcolor="#fff">t</td></tr></table>'
    )
    assert not cut
    assert "<p>Hi <b>Anna</b></p>" in clean
    assert 'rel="noopener' in clean
    assert '<img src="cid:logo@x" width="10">' in clean
    assert 'data-src="https://a.example/p.gif"' in clean
    assert "<td" in clean
    for gone in ("javascript", "onclick", "style=", "class=", "id=", "<form", "<input", "target"):
        assert gone not in clean


@given(st.text(alphabet="<>/=\"' abdiv-!srcimgtableptrd&;#0x\n", max_size=300))
def test_html_never_raises_and_never_leaves_a_remote_source(markup):
    clean, _ = html.sanitised(markup)
    assert not [found for found in attributes(clean) if loads(*found)]
    html.to_text(markup)


HOSTILE = {
    "open divs": "<div>" * 100_000,
    "open paragraphs": "<p>" * 100_000,
    "balanced spans": "<span>" * 50_000 + "x" + "</span>" * 50_000,
    "formatting": "".join(f"<b x{n}=1>" for n in range(20_000)) + "<p>x" * 2000,
    "attributes": "<a " + " ".join(f"a{n}=1" for n in range(50_000)) + ">x",
    "attributes behind a quoted bracket": '<b a=">" ' + " ".join(f"q{n}" for n in range(20_000)) + ">",
    "ends hidden in comments": "<div><!--</div>-->" * 9000,
    "ends hidden in attributes": "<div a=</div>" * 9000,
    "ends out of scope": "<div><table><td></div></table>" * 5000,
    "tables": "<table><tr><td>" * 30_000,
    "comments": "<!--" * 100_000,
    "styles": "<style>" * 50_000,
    "quotes": '<a b="' * 50_000,
    "less-than": "<" * 300_000,
    "references": "&" * 300_000,
    "no-break spaces": "&nbsp;" * 200_000,
    "cited": "<blockquote type=cite>" * 20_000,
    "gmail": '<div class="gmail_attr">From: x' * 3000,
    "one picture": '<img src="data:' + "A" * 1_000_000 + '">',
    "mail links": "x (mailto:" * 30_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_html_costs_bounded_time(name):
    from relay.mail.forward.structure import find_structured

    began = time.process_time()
    html.sanitised(HOSTILE[name])
    html.to_text(HOSTILE[name])
    find_structured(HOSTILE[name])
    assert time.process_time() - began < 2.5, "each of these took up to 19 s without bounds"


def test_a_deep_document_keeps_its_text():
    deep = "<div>" * 5000 + "deep inside" + "</div>" * 5000
    assert html.to_text(deep) == "deep inside"
    assert "deep inside" in html.sanitised(deep)[0]


def test_more_than_two_million_characters_are_cut_and_said_to_be():
    one = Body(None, "<p>" + "word " * 600_000 + "</p>")
    assert one.html
    assert one.defects == ["html-cut"]
    long = Body("x\n" * 2_000_000, None)
    assert len(long.text) <= 2 * 1024 * 1024
    assert long.defects == ["text-cut"]


def test_conditional_comments_do_not_swallow_the_text():
    assert (
        html.to_text("a<!--[if !mso]><!--><div>shown</div><!--<![endif]-->b<!--[if mso]>hidden<![endif]-->")
        == "a\nshown\nb"
    )


# --- snippets -------------------------------------------------------------------------------------


@given(st.text(max_size=2000))
def test_a_snippet_is_one_short_line(text):
    line = snippet(text)
    assert len(line) <= 201
    assert "\n" not in line
    assert line == line.strip()


def test_a_snippet_is_of_the_words_and_of_the_quotation_only_when_there_are_none():
    assert body(Message(text=ABOVE)).snippet == "I agree."
    assert body(Message(text="> only\n> quoted")).snippet == "> only > quoted"
    assert snippet("word " * 100).endswith("word…")


def test_a_clear_signed_text_is_shown_without_its_frame():
    signed = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n- - a list\nhello\n- -- \nAnn\n-----BEGIN PGP SIGNATURE-----\n\nxyz\n-----END PGP SIGNATURE-----\n"
    assert body(Message(text=signed)).text == "- a list\nhello\n-- \nAnn"
    assert body(Message(text=signed + "footer")).text.endswith("footer")
    never_ended = signed.partition("-----BEGIN PGP SIGNATURE")[0]
    assert body(Message(text=never_ended)).text == never_ended.strip("\n")
