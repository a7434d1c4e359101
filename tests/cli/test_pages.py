"""What people read: lists of messages and letters, from rows to lines."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime

import pytest

from relay.cli.health_page import nagios, status_page
from relay.cli.letter_page import letter_page
from relay.cli.terminal import Screen, width
from relay.cli.timeline_page import Names, message_list, timeline_page
from relay.cli.words import ago, in_full, lasting, many, octets, when
from relay.config.settings import Health
from relay.health.figures import Figures
from relay.health.judgement import judge

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
        "notes": [{"staff_name": "Bob", "note": "for the file"}],
        "parties": [{"address": "anna@x.example", "role": "from", "display_name": "Anna", "staff": [], "leads": [{"id": 1, "name": "Anna"}]},
                    {"address": "bob@example.org", "role": "to", "display_name": "", "staff": [{"id": 7, "name": "Bob"}], "leads": []}],
        "leads": [{"lead_id": 1, "name": "Anna", "role": "from", "deal_id": 3, "deal_title": "New hall", "reason": "address"}],
        "parts": [{"filename": "plan.pdf", "media_type": "application/pdf", "size": 2048, "kind": "attachment", "danger": ""},
                  {"filename": "", "media_type": "image/png", "size": 10, "kind": "inline", "danger": ""}],
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
    bare = letter(leads=[], parties=[], author_name="", note="", notes=[], quoted="", parts=[], envelopes=[])
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
    "accepting": True, "filing": True, "backlog": 0, "oldest_waiting_at": None, "disk_free": 10 << 30, "store_free": 10 << 30,
    "vault_free": 10 << 30, "wal_size": 0, "messages": 3, "unresolved": 1, "unresolved_more": False, "unparsed": 0, "leads": 2, "staff": 1,
    "last_capture_at": "2026-03-14T11:00:00.000Z", "last_vault_id": "00000000-3", "store": "/x/relay.db", "vault": "/x/vault",
    "store_size": 4096, "search_size": 4096, "vault_size": 4096, "vault_segments": 1, "search_waits_since": None, "snapshots": [], "writers": [],
    "erasures_waiting": 0, "erasures_since": None,
    "quiet": [], "addresses_seen": [], "shares": [], "daemons": [], "not_seen": [], "recent": {"since": "2026-02-12T12:00:00.000Z", "messages": 4, "unresolved": 1},
}  # fmt: skip
DAEMON = asdict(Figures("1", 7, 0.0, 0.0, accepts=True, files=True))


def certificate(begins, ends, trouble=""):
    """Figures of a certificate; days from now."""
    days = {"certificate_from": begins, "certificate_until": ends}
    return {key: NOW.timestamp() + days[key] * 86400 for key in days} | {"certificate_trouble": trouble}


@pytest.mark.parametrize(
    ("changed", "level", "said"),
    [
        ({}, "ok", ""),
        ({"accepting": False}, "critical", "start `bcc-relay serve`"),
        ({"accepting": None, "filing": None}, "unknown", "cannot be seen by this user"),
        ({"filing": False}, "critical", "nothing is filed"),
        ({"oldest_waiting_at": "2026-03-14T11:57:00.000Z"}, "ok", ""),
        ({"oldest_waiting_at": "2026-03-14T11:50:00.000Z"}, "warning", "mail has waited for 10 min"),
        ({"oldest_waiting_at": "2026-03-14T10:00:00.000Z"}, "critical", "mail has waited for 2 h"),
        ({"disk_free": 700 << 20}, "warning", "make room"),
        ({"disk_free": 100 << 20}, "critical", "make room"),
        ({"wal_size": 1 << 30}, "warning", "keep a read open"),
        (
            {"wal_size": 1 << 30, "snapshots": [{"pid": 77, "program": "php x|y", "behind": 9 << 20}]},
            "warning",
            "a read is kept open by process 77 (php x|y)",
        ),
        (
            {"oldest_waiting_at": "2026-03-14T10:00:00.000Z", "writers": [{"pid": None, "program": "?"}]},
            "critical",
            "the write lock is held by process ? (?)",
        ),
        ({"search_waits_since": "2026-03-14T11:00:00.000Z"}, "warning", "search is 1 h behind"),
        ({"erasures_waiting": 2, "erasures_since": "2026-03-14T11:30:00.000Z"}, "ok", ""),
        (
            {"erasures_waiting": 2, "erasures_since": "2026-03-14T10:00:00.000Z"},
            "warning",
            "taken back has waited for 2 h to be erased (2 in the vault)",
        ),
        ({"unparsed": 2}, "warning", "mail.unparsed in the log"),
        ({"daemons": [{**DAEMON, "restarts_recent": {"filer": 3}}]}, "warning", "the filer died 3 times in an hour"),
        (
            {"daemons": [{**DAEMON, "commit_trouble": "vault: disk full"}]},
            "critical",
            "cannot be kept: vault: disk full",
        ),
        ({"daemons": [{**DAEMON, **certificate(-80, 10)}]}, "warning", "the certificate expires on 2026-03-24"),
        ({"daemons": [{**DAEMON, **certificate(-80, 20)}]}, "ok", ""),
        ({"daemons": [{**DAEMON, **certificate(-3, 3)}]}, "ok", ""),
        ({"daemons": [{**DAEMON, **certificate(-80, -1)}]}, "critical", "the certificate expired on 2026-03-13"),
        ({"daemons": [{**DAEMON, **certificate(-80, 5, "no key")}]}, "warning", "no key; the one before serves until"),
        ({"daemons": [{**DAEMON, "certificate_trouble": "no key"}]}, "critical", "no key; there is no TLS"),
        ({"daemons": [{**DAEMON, "commit_waits": 90.0}]}, "critical", "the disk has not answered for 1 min"),
        ({"quiet": [{"staff_id": 1, "name": "Bob", "last_at": "2026-03-01T11:00:00.000Z"}]}, "ok", ""),
        ({"shares": [{"staff_id": 1, "name": "Bob", "here": 1, "missing": 9}]}, "ok", ""),
        ({"addresses_seen": [{"staff_id": 1, "name": "Bob", "seen_at": "2026-03-01T11:00:00.000Z"}]}, "ok", ""),
        ({"addresses_seen": None}, "ok", ""),
    ],
)
def test_status_judges_as_monitoring_needs_it(changed, level, said):
    found = {**WELL, **changed}
    judged = judge(found, Health(), NOW)
    assert judged.level == level
    assert said in " ".join(judged.problems)
    told = {**found, "level": judged.level, "problems": judged.problems}
    assert status_page(told, Screen(), NOW)[0].startswith(level.upper() + ": ")
    [line] = nagios(told, NOW)
    assert line.startswith(level.upper() + ": ")
    text, _, figures = line.partition(" | ")
    assert "|" not in text
    assert "messages=3 unresolved=1" in figures
    assert all(re.fullmatch(r"[a-z_]+=-?[0-9.]+(s|%|B|)", each) for each in figures.split(" "))


def test_status_names_who_has_gone_quiet_and_whose_mail_is_not_here():
    found = {
        **WELL, "level": "ok", "problems": [],
        "quiet": [{"staff_id": n, "name": f"Rep \x1b[31m{n}", "last_at": "2026-03-01T12:00:00.000Z"} for n in range(7)],
        "shares": [{"staff_id": 1, "name": "Bob", "here": 30, "missing": 10}, {"staff_id": 2, "name": "Eve", "here": 3, "missing": 0}],
    }  # fmt: skip
    page = "\n".join(status_page(found, Screen(), NOW))
    assert "\x1b" not in page
    assert "(13 days ago)" in page
    assert "and 2 more" in page
    assert "Bob 75 % (10 missing)" in page
    assert "Seen outside" not in page
    found["addresses_seen"] = [{"staff_id": 1, "name": "Bob", "seen_at": "2026-03-01T12:00:00.000Z"}]
    page = " ".join("\n".join(status_page(found, Screen(), NOW)).split())
    assert "Seen outside: the personal address of Bob (13 days ago); give out another one:" in page
    assert "Eve" not in page


def test_status_fits_a_narrow_terminal():
    found = {
        **WELL,
        "level": "ok",
        "problems": [],
        "not_seen": ["the vault /var/lib/bcc-relay/vault: no right to look there"],
    }
    assert max(map(len, status_page(found, Screen(columns=44), NOW))) <= 44


def test_status_of_a_database_that_cannot_be_read_is_one_line():
    found = {"level": "critical", "problems": ["/x/relay.db: no such database"], "now": 0.0}
    assert status_page(found, Screen(), NOW) == nagios(found, NOW) == ["CRITICAL: /x/relay.db: no such database"]
