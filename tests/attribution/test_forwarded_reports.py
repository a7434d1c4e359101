"""A bounce that a colleague forwards in the text of a mail is still a bounce, and nobody's letter."""

from __future__ import annotations

import pytest
from letters import record

FORWARD = """From: Rep <rep@our.example>
To: crm@relay.example
Subject: {prefix} {subject}
Date: Mon, 02 Mar 2026 11:00:00 +0000
Message-ID: <f@our.example>

---------- Forwarded message ---------
From: {author}
Date: Mon, Mar 2, 2026 at 10:16 AM
Subject: {subject}
To: <rep@our.example>


{text}
"""
"""As Gmail writes it."""


def forwarded(author: str, subject: str, text: str):
    return record(FORWARD.format(prefix="Fwd:", author=author, subject=subject, text=text).encode())


@pytest.mark.parametrize(
    "author",
    ["Mail Delivery Subsystem <mailer-daemon@googlemail.example>", "Mail Delivery System <MAILER-DAEMON@our.example>"],
)
def test_a_bounce_forwarded_in_the_text_keeps_its_kind(author):
    one = forwarded(
        author,
        "Delivery Status Notification (Failure)",
        "Your message wasn't delivered to anna@lead.example because the address couldn't be found.\n\n"
        "550 5.1.1 No such user\n",
    )
    assert (one.route, one.automatic, one.verdict.direction) == ("forward", "bounce", "incoming")
    [said] = one.told.reported
    assert (said.address, said.permanent) == ("anna@lead.example", True)


def test_an_automatic_answer_forwarded_in_the_text_keeps_its_kind_and_what_it_says():
    one = forwarded("Anna Lee <anna@lead.example>", "Automatic reply: Offer", "I am out of the office until 9 March.")
    assert (one.automatic, one.told.absent_until) == ("auto-reply", "2026-03-09")


def test_an_answer_to_an_automatic_answer_is_a_persons():
    one = forwarded(
        "Anna Lee <anna@lead.example>", "Re: Automatic reply: Offer", "I am out of the office until 9 March."
    )
    assert (one.automatic, one.told.absent_until) == (None, None)


def test_our_own_absence_is_nobodys_of_theirs():
    one = record(
        b"From: rep@our.example\nTo: anna@lead.example\nAuto-Submitted: auto-replied\nSubject: Automatic reply: x\n"
        b"Date: Mon, 02 Mar 2026 11:00:00 +0000\n\nI am out of the office until 9 March.\n"
    )
    assert (one.automatic, one.told.absent_until) == ("auto-reply", None)
