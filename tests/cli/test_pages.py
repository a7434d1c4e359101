"""What people read: lists of messages and letters, from rows to lines."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from relay.cli.health_page import judge, status_page
from relay.cli.letter_page import letter_page
from relay.cli.terminal import Screen, width
from relay.cli.timeline_page import Names, message_list, timeline_page
from relay.cli.words import ago, in_full, lasting, many, octets, when

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)  # a Saturday


def row(number=1, **changed):
    given = {
        "id": number, "message_id": number, "originated_at": "2026-03-14T09:30:00.000Z", "direction": "outgoing",
        "subject": "Offer", "author_name": "B. Baker", "author_address": "bob@example.org", "staff_id": 7,
        "snippet": "Dear Anna", "attachment_count": 0, "automatic": None, "deal_id": None,
    }  # fmt: skip
    return {**given, **changed}


NAMES = Names(staff={7: "Bob Baker"}, files={2: ["plan.pdf", ""]}, deals={3: "New hall"})


def test_direction_is_told_by_arrow_and_colour_seen_from_us():
    rows = [row(1), row(2, direction="incoming"), row(3, direction="internal"), row(4, direction="unknown")]
    heads = [line for line in message_list(rows, NAMES, Screen(100), NOW) if "#" in line]
    assert [head[0] for head in heads] == ["→", "←", "↔", "?"]
    ascii_heads = [line for line in message_list(rows, NAMES, Screen(100, unicode=False), NOW) if "#" in line]
    assert [head[:2] for head in ascii_heads] == ["->", "<-", "<>", "? "]
    coloured = message_list(rows[:2], NAMES, Screen(100, colour=True), NOW)
    assert coloured[0].startswith("\x1b[1;32m→")
    assert coloured[2].startswith("\x1b[1;36m←")


def test_a_colleague_is_called_by_her_name_and_others_as_they_call_themselves():
    rows = [
        row(1),
        row(2, direction="incoming", author_name="Anna", staff_id=7),
        row(3, direction="incoming", author_name="", author_address="x@y.example"),
    ]
    text = "\n".join(message_list(rows, NAMES, Screen(120), NOW))
    for name in ("Bob Baker", "Anna", "x@y.example"):
        assert name in text


def test_attachments_deal_and_automatic_mail_are_told():
    text = "\n".join(
        message_list([row(2, attachment_count=2, deal_id=3, automatic="auto-reply")], NAMES, Screen(120), NOW)
    )
    assert "2 attachments: plan.pdf, (no name) · deal: New hall" in text
    assert "[auto-reply] Offer" in text


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 160])
def test_no_line_is_wider_than_the_screen(columns):
    wide = row(
        12345,
        subject="見積書の件について" * 20,
        snippet="🚀" * 200,
        author_name="名前" * 30,
        staff_id=None,
        attachment_count=1,
    )
    narrow = row(2, subject="", snippet="", author_name="", author_address="")
    for display in (Screen(columns), Screen(columns, unicode=False)):
        for line in message_list([wide, narrow], NAMES, display, NOW):
            assert width(line) <= columns, line


def test_hostile_text_is_harmless_everywhere_on_the_page():
    evil = "\x1b]0;x\x07\u202e"
    lead = {"id": 1, "name": evil, "organization": evil, "status": evil, "addresses": [evil], "message_count": 1}
    names = Names(staff={}, files={1: [evil]}, deals={3: evil})
    rows = [row(1, subject=evil, snippet=evil, author_name=evil, staff_id=None, attachment_count=1, deal_id=3)]
    text = "".join(timeline_page(lead, rows, names, Screen(100), NOW, more=evil))
    assert not set(text) & set("\x1b\x07\u202e")


def test_an_empty_timeline_says_so_and_a_full_one_tells_the_next_page():
    lead = {"id": 1, "name": "Anna", "organization": None, "status": "open", "addresses": [], "message_count": 0}
    assert timeline_page(lead, [], NAMES, Screen(), NOW) == ["Anna · lead 1 · open", "", "no mail"]
    assert (
        timeline_page(None, [row(5)], NAMES, Screen(), NOW, more="anna@x")[-1]
        == "older: bcc-relay timeline anna@x --before 5"
    )


def letter(**changed):
    given = {
        "id": 1, "internet_message_id": "a@b", "direction": "incoming", "direction_reason": "author-outside", "automatic": None,
        "subject": "Hall", "author_address": "anna@x.example", "author_name": "Anna", "originated_at": "2026-03-01T09:00:00.000Z",
        "date_source": "forwarded", "defects": ["no-date"], "text": "Hello\n\n\tcode\n", "quoted": "> old", "html": "", "note": "for the file",
        "parties": [{"address": "anna@x.example", "role": "from", "display_name": "Anna", "staff": [], "leads": [{"id": 1, "name": "Anna"}]},
                    {"address": "bob@example.org", "role": "to", "display_name": "", "staff": [{"id": 7, "name": "Bob"}], "leads": []}],
        "leads": [{"lead_id": 1, "name": "Anna", "role": "from", "deal_id": 3, "deal_title": "New hall", "reason": "address"}],
        "parts": [{"filename": "plan.pdf", "media_type": "application/pdf", "size": 2048, "kind": "attachment"},
                  {"filename": "", "media_type": "image/png", "size": 10, "kind": "inline"}],
        "envelopes": [{"vault_id": "00000000-1", "route": "forward", "reverse_path": "bob@example.org", "staff_name": "Bob", "received_at": "2026-03-02T09:00:00.000Z"}],
        "dismissed_at": None,
    }  # fmt: skip
    return {**given, **changed}


def test_a_letter_tells_everything_a_person_asks():
    text = "\n".join(letter_page(letter(), Screen(100)))
    for told in (
        "(as the forward quotes it)", "Anna <anna@x.example>  lead 1", "bob@example.org  Bob", "  for the file", "    code", "│ > old",
        "plan.pdf  application/pdf, 2.0 KiB", "(no name)  image/png, 10 B, inline", "incoming: somebody outside wrote it",
        "Anna, lead 1: by address, from, deal 3 (New hall)", "by forward from Bob, as 00000000-1", "no-date", "<a@b>",
    ):  # fmt: skip
        assert told in text, told


def test_a_letter_of_nobody_says_what_to_do():
    bare = letter(leads=[], parties=[], author_name="", note="", quoted="", parts=[], envelopes=[])
    text = "\n".join(letter_page(bare, Screen(100)))
    assert "(unknown)" in text
    assert "none: bcc-relay attach 1 LEAD" in text
    outside = [{"address": "eve@x.example", "role": "to", "display_name": "", "staff": [], "leads": []}]
    text = "\n".join(letter_page({**bare, "parties": outside}, Screen(100)))
    assert "none: bcc-relay lead add --from 1, or attach 1 LEAD" in text


def test_a_letter_of_a_hundred_thousand_lines_is_cut_and_says_so():
    page = letter_page(letter(text="x\n" * 100_000), Screen(100))
    assert len(page) < 2100
    assert any("--json has all of it" in line for line in page)


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("2026-03-14T09:30:00.000Z", "today 09:30"),
        ("2026-03-13T23:59:59.999Z", "yesterday 23:59"),
        ("2026-03-09T08:00:00.000Z", "Mon 08:00"),
        ("2026-03-07T08:00:00.000Z", "7 Mar 08:00"),
        ("2025-12-31T08:00:00.000Z", "31 Dec 2025"),
        ("2026-03-15T08:00:00.000Z", "15 Mar 08:00"),
    ],
)
def test_times_are_as_short_as_can_be_understood(written, told):
    assert when(written, NOW, UTC) == told


def test_numbers_are_said_as_people_say_them():
    assert in_full("2026-03-14T09:30:00.000Z", UTC) == "Sat 14 Mar 2026 09:30 +0000"
    assert [lasting(s) for s in (3, 130, 7300, 86400, 3e8, -5)] == ["3 s", "2 min", "2 h", "1 day", "9 years", "0 s"]
    assert ago("2026-03-14T11:57:00.000Z", NOW) == "3 min ago"
    assert [octets(n) for n in (0, 1023, 1536, 5 << 40)] == ["0 B", "1023 B", "1.5 KiB", "5.0 TiB"]
    assert (many(1, "message"), many(1204, "message"), many(2, "staff", "staff")) == (
        "1 message",
        "1,204 messages",
        "2 staff",
    )


WELL = {
    "accepting": True, "filing": True, "backlog": 0, "oldest_waiting_at": None, "disk_free": 10 << 30, "wal_size": 0, "messages": 3,
    "unresolved": 1, "unparsed": 0, "leads": 2, "staff": 1, "last_capture_at": "2026-03-14T11:00:00.000Z", "last_vault_id": "00000000-3",
    "store": "/x/relay.db", "vault": "/x/vault", "store_size": 4096,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "level", "said"),
    [
        ({}, "ok", ""),
        ({"accepting": False}, "critical", "start `bcc-relay serve`"),
        ({"filing": False}, "critical", "nothing is filed"),
        ({"oldest_waiting_at": "2026-03-14T11:58:00.000Z"}, "warning", "mail has waited for 2 min"),
        ({"oldest_waiting_at": "2026-03-14T10:00:00.000Z"}, "critical", "mail has waited for 2 h"),
        ({"disk_free": 500 << 20}, "warning", "make room"),
        ({"disk_free": 100 << 20}, "critical", "make room"),
        ({"wal_size": 1 << 30}, "warning", "keep a read open"),
    ],
)
def test_status_judges_as_monitoring_needs_it(changed, level, said):
    found = {**WELL, **changed}
    judged, problems = judge(found, NOW)
    assert judged == level
    assert said in " ".join(problems)
    lines = status_page({**found, "level": judged, "problems": problems}, Screen(), NOW)
    assert lines[0].startswith(level.upper() + ": ")
    assert "| backlog=0 messages=3 unresolved=1" in lines[0]
