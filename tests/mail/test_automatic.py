"""Which mail a program wrote, and which one a person did whatever programs have put on it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relay.mail import automatic as reading
from relay.mail.automatic import automatic
from relay.mail.message import Message, Part
from relay.mail.reading import parse


def kind(*lines: str, own: tuple[str, ...] = ()) -> str | None:
    return automatic(parse("\n".join((*lines, "", "Hello")).encode()), own=own)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["Auto-Submitted: auto-replied (zimbra; vacation)"], "auto-reply"),
        (["Auto-Submitted: Auto-Replied; owner-email=x"], "auto-reply"),
        (["X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent", "Subject: x"], "auto-reply"),
        (["X-MS-Exchange-Inbox-Rules-Loop: a@b.example", "Subject: Réponse automatique : Offre"], "auto-reply"),
        (["Subject: Automatic reply: Offer"], "auto-reply"),
        (["Subject: Automatische Antwort: Angebot"], "auto-reply"),
        (["Subject: 自動応答: 件名"], "auto-reply"),
        (["Subject: AUTO: Ann Lee is out of the office (returning 17.08.2026)"], "auto-reply"),
        (["Precedence: junk", "Subject: away from my mail", "In-Reply-To: <a@b>"], "auto-reply"),
        (["Precedence: bulk", "Subject: Out of the office"], "auto-reply"),
        (["Subject: Undelivered Mail", "From: MAILER-DAEMON@x.example"], "bounce"),
        (["Subject: Undeliverable: Offer", "From: postmaster@x.example"], "bounce"),
        (["From: MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@x.example", "Subject: Unzustellbar: x"], "bounce"),
        (["Content-Type: multipart/report; report-type=feedback-report; boundary=x"], "bulk"),
        # people
        (["Subject: Out of office next week"], None),
        (["Subject: Abwesenheit: wer vertritt dich?"], None),
        (["Subject: Auto: Angebot"], None),
        (["Subject: Re: Automatic reply: Offer"], None),
        (["X-MS-Exchange-Inbox-Rules-Loop: a@b.example", "Subject: Offer"], None),
        (["List-Unsubscribe: <https://x.example>", "In-Reply-To: <a@b.example>", "Subject: Re: Offer"], None),
        (["From: postmaster@x.example", "Subject: Your new domain"], None),
    ],
)
def test_a_program_is_told_by_its_marks_and_a_person_by_their_lack(lines: list[str], expected: str | None) -> None:
    assert kind(*lines) == expected


@pytest.mark.parametrize(
    "fields",
    [
        ["List-Id: Info <info.own.example>", "Precedence: list", "List-Unsubscribe: <mailto:x@own.example>"],
        ["List-Post: <mailto:info@own.example>"],
    ],
)
def test_mail_through_a_list_of_ours_is_a_persons(fields: list[str]) -> None:
    assert kind(*fields, own=("own.example",)) is None
    assert kind(*fields, own=("wn.example", "other.example")) == "list"
    assert kind(*fields, "Auto-Submitted: auto-replied", own=("own.example",)) == "auto-reply"


def calendar(method: str, disposition: str = "", text: str | None = None) -> Message:
    content = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{method}BEGIN:VEVENT\r\n".encode()
    return Message(text=text, parts=(Part(0, "text/calendar", "", "", disposition, content),))


def test_calendars_speak_by_methods_and_people_attach_files() -> None:
    assert automatic(calendar("METHOD:REQUEST\r\n", text="Let us meet")) == "calendar"
    assert automatic(calendar("METHOD:REPLY\r\n", "inline")) == "calendar"
    assert automatic(calendar("METHOD:REQUEST\r\n", "attachment")) == "calendar"
    assert automatic(calendar("METHOD:REQUEST\r\n", "attachment", "The date as a file")) is None
    assert automatic(calendar("METHOD:PUBLISH\r\n")) is None
    assert automatic(calendar("X-COMMENT:METHOD:REQUEST\r\n")) is None


def test_every_field_that_is_asked_for_is_a_sign_for_which_a_mail_is_looked_at_closely():
    """Most mail has none of them, and is asked once whether it has any."""
    source = Path(reading.__file__).read_text()
    asked = set(re.findall(r"first\([\"']([a-z-]+)[\"']\)", source)) - {"content-type"}
    assert len(asked) > 7
    assert {name.encode() for name in asked} | {b"x-vacation"} <= reading._SIGNS
