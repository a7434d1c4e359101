"""Forwards: the original decides author, date, parties and direction; the comment is kept apart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from letters import ANNA, BOSS, CRM, REP, mail, people, record, records

GMAIL = """Please file this

---------- Forwarded message ---------
From: Anna Lee <anna@lead.example>
Date: Wed, Oct 27, 2021 at 9:31 AM
Subject: Our question
To: Rep <rep@our.example>
Cc: <bob@lead.example>, carl@other.example


Dear Rep,

what does it cost?
"""
OUTLOOK = """FYI

________________________________
From: Anna Lee <anna@lead.example>
Sent: Wednesday, October 27, 2021 3:14 PM
To: Rep <rep@our.example>
Subject: Our question

Dear Rep,

what does it cost?
"""
CLASSIC = OUTLOOK.replace("________________________________", "-----Original Message-----").replace(
    "Anna Lee <anna@lead.example>", "Anna Lee [mailto:anna@lead.example]"
)
APPLE = """FYI

> Begin forwarded message:
>
> From: Anna Lee <anna@lead.example>
> Subject: Our question
> Date: 27 October 2021 at 15:14:21 CEST
> To: Rep <rep@our.example>
>
> Dear Rep,
>
> what does it cost?
"""
BODY = "Dear Rep,\n\nwhat does it cost?"

HTML_GMAIL = """<div dir="ltr">FYI<br><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">---------- Forwarded message ---------<br>From: <strong class="gmail_sendername" dir="auto">Anna Lee</strong> <span dir="auto">&lt;<a href="mailto:anna@lead.example">anna@lead.example</a>&gt;</span><br>Date: Wed, Oct 27, 2021 at 3:14 PM<br>Subject: Our question<br>To: Rep &lt;<a href="mailto:rep@our.example">rep@our.example</a>&gt;<br></div><br><br><div dir="ltr"><p>Dear Rep,</p><p>what does it <b>cost</b>?</p></div></div></div>"""
HTML_CLASSIC = """<html><body><div class="WordSection1"><p class="MsoNormal">FYI<o:p></o:p></p><div><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in"><p class="MsoNormal"><b>From:</b> Anna Lee &lt;anna@lead.example&gt; <br><b>Sent:</b> Wednesday, October 27, 2021 3:14 PM<br><b>To:</b> Rep &lt;rep@our.example&gt;<br><b>Subject:</b> Our question<o:p></o:p></p></div></div><p class="MsoNormal"><o:p>&nbsp;</o:p></p><p class="MsoNormal">Dear Rep,<o:p></o:p></p><p class="MsoNormal">what does it <b>cost</b>?<o:p></o:p></p></div></body></html>"""
HTML_WEB = """<html><body><div style="font-family:Calibri">FYI</div><div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1"><div id="divRplyFwdMsg" dir="ltr"><font face="Calibri, sans-serif" color="#000000"><b>From:</b> Anna Lee &lt;anna@lead.example&gt;<br><b>Sent:</b> Wednesday, October 27, 2021 3:14 PM<br><b>To:</b> Rep &lt;rep@our.example&gt;<br><b>Subject:</b> Our question</font><div>&nbsp;</div></div><div><p>Dear Rep,</p><p>what does it <b>cost</b>?</p></div></body></html>"""
HTML_MOBILE = """<html><body><div dir="auto">FYI</div><div id="mail-editor-reference-message-container"><div class="ms-outlook-mobile-reference-message skipProofing"><meta><hr style="display: inline-block; width: 98%;"><div id="divRplyFwdMsg"><strong>From:</strong> Anna Lee &lt;anna@lead.example&gt;<br><strong>Sent:</strong> Wednesday, October 27, 2021 3:14 PM<br><strong>To:</strong> Rep &lt;rep@our.example&gt;<br><strong>Subject:</strong> Our question<br></div><br><p>Dear Rep,</p><p>what does it <b>cost</b>?</p></div></div></body></html>"""
HTML_NEW = """<html><body><div class="WordSection1"><p>FYI</p><div id="mail-editor-reference-message-container"><div><div style="border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p class="MsoNormal"><b><span>From: </span></b><span>Anna Lee &lt;anna@lead.example&gt;<br><b>Date: </b>Wednesday, 27 October 2021 at 15:14<br><b>To: </b>Rep &lt;rep@our.example&gt;<br><b>Subject: </b>Our question<o:p></o:p></span></p></div><p>Dear Rep,</p><p>what does it <b>cost</b>?</p></div></div></div></body></html>"""
HTML_APPLE = """<html><head></head><body>FYI<br><div><br><blockquote type="cite"><div>Begin forwarded message:</div><br class="Apple-interchange-newline"><div style="margin-top: 0px;"><span><b>From: </b></span><span>Anna Lee &lt;<a href="mailto:anna@lead.example">anna@lead.example</a>&gt;<br></span></div><div><span><b>Subject: </b></span><span><b>Our question</b><br></span></div><div><span><b>Date: </b></span><span>27 October 2021 at 15:14:21 CEST<br></span></div><div><span><b>To: </b></span><span>Rep &lt;<a href="mailto:rep@our.example">rep@our.example</a>&gt;<br></span></div><br><div><p>Dear Rep,</p><p>what does it <b>cost</b>?</p></div></blockquote></div><br></body></html>"""


@pytest.mark.parametrize("text", [GMAIL, OUTLOOK, CLASSIC, APPLE], ids=["gmail", "outlook", "classic", "apple"])
@pytest.mark.parametrize("subject", ["Fwd: Our question", "Our question"])
def test_an_inline_forward_becomes_the_leads_incoming_message(text, subject):
    one = record(mail(to=CRM, subject=subject, text=text))
    assert (one.route, one.verdict.direction, one.verdict.reason) == ("forward", "incoming", "author-outside")
    assert (one.author.key, one.author_name, one.subject) == ("anna@lead.example", "Anna Lee", "Our question")
    assert people(one)["rep@our.example"] == "to"
    assert one.text == BODY
    assert one.note in ("FYI", "Please file this")
    assert one.date_source == "forwarded"
    assert one.originated_at.date() == datetime(2021, 10, 27, tzinfo=UTC).date()
    assert (one.staff_id, one.handed_in_by, one.message_id) == (1, 1, None)
    assert one.evidence.startswith("text-")
    assert not one.defects


@pytest.mark.parametrize(
    "html",
    [HTML_GMAIL, HTML_CLASSIC, HTML_WEB, HTML_MOBILE, HTML_NEW, HTML_APPLE],
    ids=["gmail", "classic", "web", "mobile", "new", "apple"],
)
@pytest.mark.parametrize("with_text", [False, True])
def test_an_html_forward_is_read_by_its_structure_and_only_the_original_is_shown(html, with_text):
    one = record(mail(to=CRM, subject="FW: Our question", text=OUTLOOK if with_text else None, html=html))
    assert (one.route, one.author.key, one.author_name) == ("forward", "anna@lead.example", "Anna Lee")
    assert (one.subject, one.note, one.text) == ("Our question", "FYI", BODY)
    assert one.evidence.startswith("html-")
    assert "<b>cost</b>" in one.html
    assert "FYI" not in one.html
    assert "From:" not in one.html


def test_a_date_without_zone_is_in_the_forwarders_own_zone():
    one = record(mail(to=CRM, text=OUTLOOK))  # the wrapper's Date is +0200
    assert one.originated_at == datetime(2021, 10, 27, 13, 14, tzinfo=UTC)


def test_a_date_that_cannot_be_read_is_said_to_be_the_receipts():
    one = record(mail(to=CRM, text=OUTLOOK.replace("Wednesday, October 27, 2021 3:14 PM", "03/04/2021")))
    assert one.date_source == "received"
    assert "forwarded-date-unread" in one.defects


def test_a_forward_of_our_own_sent_mail_is_outgoing_to_its_recipients():
    text = OUTLOOK.replace("From: Anna Lee <anna@lead.example>", "From: Rep <rep@our.example>").replace(
        "To: Rep <rep@our.example>", "To: Anna Lee <anna@lead.example>"
    )
    text += "\n\nFrom: Eve <eve@x.example>\nSent: Monday, October 25, 2021 3:14 PM\nTo: Rep <rep@our.example>\nSubject: older\n\nolder"
    one = record(mail(to=CRM, subject="FW: Our question", text=text))
    assert (one.route, one.verdict.direction, one.author.key) == ("forward", "outgoing", "rep@our.example")
    assert people(one)["anna@lead.example"] == "to"
    assert "eve@x.example" not in people(one)


def test_the_first_sender_outside_our_company_is_the_customer():
    inner = GMAIL.replace("Please file this", "Boss, please look")
    text = (
        "My comment\n\n---------- Forwarded message ---------\nFrom: Boss <boss@our.example>\n"
        "Date: Thu, Oct 28, 2021 at 9:31 AM\nSubject: Fwd: Our question\nTo: Rep <rep@our.example>\n\n\n" + inner
    )
    one = record(mail(to=CRM, subject="Fwd: Fwd: Our question", text=text))
    assert (one.author.key, one.subject, one.text) == ("anna@lead.example", "Our question", BODY)
    assert "My comment" in one.note
    assert "Boss, please look" in one.note


def test_a_name_without_an_address_stays_a_name():
    text = OUTLOOK.replace("Anna Lee <anna@lead.example>", "Anna Lee") + "\nMail me at other@lead.example"
    one = record(mail(to=CRM, subject="FW: Our question", text=text))
    assert (one.route, one.author, one.author_name) == ("forward", None, "Anna Lee")
    assert (one.verdict.direction, one.verdict.reason) == ("unknown", "sender-not-recovered")
    assert "sender-not-recovered" in one.defects
    assert "other@lead.example" not in people(one)


@pytest.mark.parametrize(
    "text",
    [
        "Called Anna today, she wants an offer.\n\nFrom: is a word\n",
        "On Monday I met Anna. She wrote:\nI want it.",
        "Notes from: the meeting\nto: do\nsubject: x",
        "Anna said the forwarded message never came:\n\nForwarded message\n\nand so on",
        "From: Berlin\nTo: Hamburg\n\nthe train was late",
        "From: Berlin\nTo: Hamburg\nDate: Monday\nSubject: train\n\nthe train was late",
        "Plan\n-----\nFrom: 10:00\nTo: 11:00\nSubject: pricing\n\nwe met",
        "From: Berlin\nTo: Hamburg\nDate: 12 May 2026 10:00\nSubject: train\n\nthe train was late",
        "---- Forwarded message ----\nFrom: the desk of Anna\nTo: whom it may concern\n\nhello",
        "New enquiry\n\nFrom: anna@lead.example\nTo: us\nSubject: pricing\n\nplease call",
    ],
)
def test_a_fresh_mail_to_the_capture_address_is_no_forward(text):
    one = record(mail(to=CRM, subject="Call with Anna", text=text))
    assert (one.route, one.author.key) == ("direct", "rep@our.example")
    assert (one.verdict.direction, one.verdict.reason) == ("outgoing", "no-other-party")


def test_a_block_without_addresses_under_its_own_subject_is_a_forward():
    text = OUTLOOK.replace("Anna Lee <anna@lead.example>", "Anna Lee").replace("Rep <rep@our.example>", "Rep")
    assert record(mail(to=CRM, subject="Our question", text=text)).route == "forward"
    assert record(mail(to=CRM, subject="My notes", text=text)).route == "direct"
    assert record(mail(to=CRM, subject="FW: My notes", text=text)).route == "forward"


def test_an_empty_subject_line_is_not_filled_from_the_body():
    one = record(mail(to=CRM, subject="FW:", text=OUTLOOK.replace("Subject: Our question", "Subject: ")))
    assert (one.route, one.subject, one.text) == ("forward", "", BODY)


def test_values_in_paragraphs_of_their_own_are_read():
    text = "From:\n\nAnna Lee <anna@lead.example>\n\nSent:\n\n27 October 2021 15:14\n\nTo:\n\nRep <rep@our.example>\n\nSubject:\n\nOur question\n\nDear Rep"
    one = record(mail(to=CRM, subject="FW: x", text=text))
    assert (one.author.key, one.subject, one.text) == ("anna@lead.example", "Our question", "Dear Rep")


def test_who_wrote_is_told_from_who_sent_on_their_behalf():
    def author(written):
        return record(mail(to=CRM, subject="FW: x", text=OUTLOOK.replace("Anna Lee <anna@lead.example>", written)))

    both = author("Sec <sec@lead.example> on behalf of Anna Lee <anna@lead.example>")
    assert (both.author.key, both.author_name) == ("anna@lead.example", "Anna Lee")
    assert author("Sec <sec@lead.example> On Behalf Of Anna Lee").author.key == "sec@lead.example"


@pytest.mark.parametrize("text", [GMAIL, OUTLOOK, CLASSIC, APPLE], ids=["gmail", "outlook", "classic", "apple"])
def test_a_flowed_forward_is_read_like_any_other(text):
    wire = "".join(f"{line} \r\n" if ":" in line else f"{line}\r\n" for line in text.split("\n"))
    octets = mail(to=CRM, subject="Fwd: x", text="{}").replace(b'charset="utf-8"', b'charset="utf-8"; format=flowed')
    one = record(octets.replace(b"{}", wire.encode()))
    assert (one.route, one.author.key, one.subject) == ("forward", "anna@lead.example", "Our question")
    assert one.text == BODY
    assert not one.defects


def test_a_reply_is_never_a_forward():
    quoted = "Thanks\n\nOn Wed, Oct 27, 2021 at 9:31 AM Anna <anna@lead.example> wrote:\n> " + GMAIL.replace(
        "\n", "\n> "
    )
    for to in (CRM, f"{BOSS}, {CRM}"):
        for text in (quoted, OUTLOOK, CLASSIC):
            assert record(mail(to=to, subject="RE: Our question", text=text)).route in ("direct", "bcc")


def test_an_outsiders_forward_to_us_is_the_outsiders_mail():
    one = record(mail(from_=ANNA, to=f"{REP}, {CRM}", subject="Fwd: x", text=GMAIL.replace("anna@", "eve@")))
    assert (one.route, one.author.key, one.verdict.direction) == ("bcc", "anna@lead.example", "incoming")


def test_a_forward_to_a_colleague_and_the_capture_address_is_a_forward():
    one = record(mail(to=BOSS, Cc=CRM, subject="FW: Our question", text=OUTLOOK))
    assert (one.route, one.author.key) == ("forward", "anna@lead.example")
    assert record(mail(to=BOSS, subject="FW: Our question", text=OUTLOOK)).route == "bcc", (
        "only in the envelope: a copy"
    )


def test_attachments_of_an_inline_forward_are_the_originals():
    one = record(mail(to=CRM, text=GMAIL, files=(("plan.pdf", "application/pdf", b"%PDF-1"),)))
    assert [part.filename for part in one.parts] == ["plan.pdf"]


def test_a_wrapped_header_block_is_read_whole():
    crowd = ",\n ".join(f"Person Number {n} <p{n}@lead.example>" for n in range(60))
    text = f"---------- Forwarded message ---------\nFrom: Anna Lee\n <anna@lead.example>\nDate: Wed, Oct 27, 2021 at 9:31 AM\nSubject: A long subject that goes\n on\nTo: {crowd}\n\nbody"
    one = record(mail(to=CRM, text=text))
    assert (one.author.key, one.subject, one.text) == ("anna@lead.example", "A long subject that goes on", "body")
    assert len(one.parties) == 61


def test_attached_messages_are_each_the_exact_original_and_the_wrapper_is_nobodys():
    first = mail(
        from_=ANNA, to=REP, subject="One", Message_ID="<1@lead.example>", Date="Mon, 04 May 2026 10:00:00 +0000"
    )
    second = mail(from_="bob@lead.example", to=REP, subject="Two", Message_ID="<2@lead.example>", text="Two\n")
    found = records(mail(to=CRM, subject="Fwd: both", text="please file", attached=(first, second)))
    assert [(r.position, r.route, r.message_id, r.subject) for r in found] == [
        (0, "attached", "1@lead.example", "One"),
        (1, "attached", "2@lead.example", "Two"),
    ]
    assert {r.verdict.direction for r in found} == {"incoming"}
    assert {r.note for r in found} == {"please file"}
    assert {r.handed_in_by for r in found} == {1}
    assert found[0].originated_at == datetime(2026, 5, 4, 10, tzinfo=UTC)
    assert found[0].size == len(first)


def test_an_eml_file_under_any_type_is_an_attached_message():
    original = mail(from_=ANNA, to=REP, subject="One")
    one = record(mail(to=CRM, files=(("One.EML", "application/octet-stream", original),)))
    assert (one.route, one.author.key) == ("attached", "anna@lead.example")
    assert record(mail(to=CRM, files=(("x.eml", "application/octet-stream", b"\x00\x01 no mail"),))).route == "direct"


def test_a_colleagues_wrapper_is_opened_down_to_the_customer():
    original = mail(from_=ANNA, to=BOSS, subject="One")
    wrapper = mail(from_=BOSS, to=REP, subject="Fwd: One", attached=(original,))
    one = record(mail(to=CRM, attached=(wrapper,)))
    assert (one.route, one.author.key, one.subject) == ("attached", "anna@lead.example", "One")


def test_the_returned_message_of_a_bounce_is_no_original():
    bounce = mail(from_="MAILER-DAEMON@our.example", to=CRM, attached=(mail(),)).replace(
        b"multipart/mixed", b"multipart/report"
    )
    one = record(bounce, reverse_path=None)
    assert (one.route, one.automatic, one.author.key) == ("direct", "bounce", "mailer-daemon@our.example")


def test_originals_of_one_mail_are_bounded():
    found = records(mail(to=CRM, attached=tuple(mail(from_=f"p{n}@lead.example") for n in range(230))))
    assert len(found) == 200
    assert "too-many-originals" in found[0].defects


def test_wrappers_in_wrappers_end():
    octets = mail(from_=BOSS, to=REP)
    for _ in range(30):
        octets = mail(from_=BOSS, to=REP, attached=(octets,))
    assert len(records(mail(to=CRM, attached=(octets,)))) == 1
