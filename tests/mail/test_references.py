"""References, base subjects, and mail that no person wrote."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail.automatic import automatic
from relay.mail.message import Message, Part
from relay.mail.reading import parse
from relay.mail.reference import base_subject, is_forward_subject, is_reply_subject, message_ids, thread_ids


@pytest.mark.parametrize(
    ("subject", "base"),
    [
        ("Offer", "offer"),
        ("Re: Offer", "offer"),
        ("RE: FW: Aw: SV: Antw: Offer", "offer"),
        ("Re[2]: Offer", "offer"),
        ("Re (3): Offer", "offer"),
        ("Re^2: Offer", "offer"),
        ("[sales] Re: Offer", "offer"),
        ("Re: [sales] Offer", "offer"),
        ("Offer (fwd)", "offer"),
        ("WG: Re: Offer", "offer"),
        ("回复: Offer", "offer"),
        ("Re：Offer", "offer"),
        ("TR : Offer", "offer"),
        ("Re:  two   blanks", "two blanks"),
        ("Re:", ""),
        ("", ""),
        ("Note: this stays", "note: this stays"),
        ("Project: Re: x", "project: re: x"),
        ("[only]", "[only]"),
    ],
)
def test_a_thread_has_one_base_subject(subject, base):
    assert base_subject(subject) == base


@given(st.text(max_size=200))
def test_a_base_subject_has_none_itself(subject):
    base = base_subject(subject)
    assert base == base_subject(f"Re: {base}") or base == ""
    assert base_subject(f"Re: {subject}") == base_subject(subject)


def test_a_prefix_that_means_both_proves_no_forward():
    assert is_forward_subject("FW: RE: x")
    assert not is_forward_subject("RE: FW: x")
    assert not is_forward_subject("VS: x")
    assert is_reply_subject("VS: x")
    assert not is_reply_subject("Fwd: x")


def test_endless_prefixes_and_blanks_end():
    assert base_subject("Re: " * 100_000 + "x")
    assert base_subject("re" + " " * 200_000 + "x")
    assert base_subject("[" * 100_000) == "[" * 100_000


def test_thread_ids_are_the_own_then_the_nearest_each_once():
    message = Message(message_id="own", in_reply_to=("b",), references=("root", "a", "b"))
    assert thread_ids(message) == ("own", "b", "a", "root")
    many = Message(message_id="own", references=tuple(f"r{n}" for n in range(5000)))
    ids = thread_ids(many)
    assert len(ids) == 100
    assert (ids[0], ids[1], ids[-1]) == ("own", "r4999", "r0")
    assert thread_ids(Message()) == ()


def test_message_ids_are_read_with_and_without_brackets():
    assert message_ids("<a@b> <c@d>\t<a@b> (comment)") == ("a@b", "c@d")
    assert message_ids("a@b c@d") == ("a@b", "c@d")
    assert message_ids("Your message of Monday") == ()


def read(*lines: str) -> Message:
    return parse("\r\n".join([*lines, "", "text"]).encode())


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (["Subject: hi"], None),
        (["Auto-Submitted: no"], None),
        (["Auto-Submitted: auto-replied"], "auto-reply"),
        (["Auto-Submitted: auto-generated (rejected)", "Subject: Automatic reply: away"], "auto-reply"),
        (["Auto-Submitted: auto-generated"], "bulk"),
        (["X-Autoreply: yes"], "auto-reply"),
        (["X-Auto-Response-Suppress: All", "Subject: Automatic reply: away"], "auto-reply"),
        (["X-Auto-Response-Suppress: All"], "bulk"),
        (["X-Auto-Response-Suppress: DR, RN, NRN"], None),
        (["Precedence: bulk"], "bulk"),
        (["Precedence: list"], "list"),
        (["List-Id: <x.example>"], "list"),
        (["List-Id: <x.example>", "Precedence: bulk"], "list"),
        (["List-Unsubscribe: <https://x.example>"], "bulk"),
        (["Content-Type: multipart/report; report-type=delivery-status; boundary=x"], "bounce"),
        (["Content-Type: multipart/report; report-type=disposition-notification; boundary=x"], "auto-reply"),
        (["X-Failed-Recipients: a@b.example"], "bounce"),
    ],
)
def test_mail_that_a_program_wrote_is_told(lines, kind):
    assert automatic(read(*lines)) == kind


def test_the_null_reverse_path_proves_nothing_alone():
    assert automatic(read("Subject: Offer"), null_reverse_path=True) is None
    assert automatic(read("From: MAILER-DAEMON@x.example"), null_reverse_path=True) == "bounce"
    assert automatic(read("Subject: Out of office"), null_reverse_path=True) == "auto-reply"


def test_an_invitation_is_told_from_an_attached_calendar():
    def calendar(content: bytes) -> Message:
        return Message(parts=(Part(0, "text/calendar", "", "", "", content),))

    assert automatic(calendar(b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\n")) == "calendar"
    assert automatic(calendar(b"BEGIN:VCALENDAR\r\n")) is None
