""" "Did it arrive?" and "what was said before?": what a rep asks of the command line."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from office import furnish, mail
from running import _environment

from relay.cli.captured_page import captured_page, missing_page, share_lines
from relay.cli.feed_page import change_line
from relay.cli.terminal import Screen, width
from relay.cli.thread_page import thread_page
from relay.cli.timeline_page import Names

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
AT = "2026-03-14T09:30:00.000Z"


def test_every_copy_is_shown_with_its_lead_or_the_reason_why_not(office):
    page = office.say("captured", "--limit", "100")
    assert "→ Anna Lindqvist (lead 1)" in page
    assert "no lead has this address: carl@stone.example" in page
    assert "no lead has this address: rosa@keller.example" in page
    assert "mail among ourselves" in page
    assert "from Mia Moreau" in page
    rows = json.loads(office.say("captured", "--json", "--limit", "100"))
    columns = [name for (name,) in office.sql("SELECT name FROM pragma_table_info('handed_in')")]
    assert list(rows[0])[: len(columns)] == columns
    assert len(rows) == office.sql("SELECT count(*) FROM envelope")[0][0]
    [carl] = [row for row in rows if row["party"] == "carl@stone.example"]
    assert (carl["why"], carl["lead_count"], carl["leads"]) == ("no-lead", 0, [])


def test_one_colleague_sees_what_she_handed_in(office):
    mine = json.loads(office.say("captured", "--staff", "mia moreau", "--json", "--limit", "100"))
    assert {row["staff_id"] for row in mine} == {2}
    assert "no colleague" in office.say("captured", "--staff", "Miriam", status=1)


def test_pages_of_what_was_handed_in_follow_each_other(office):
    whole = json.loads(office.say("captured", "--json", "--limit", "1000"))
    first = json.loads(office.say("captured", "--json", "--limit", "9"))
    rest = json.loads(office.say("captured", "--json", "--limit", "1000", "--before", str(first[-1]["envelope_id"])))
    assert first + rest == whole
    told = office.say("captured", "--limit", "9", "--staff", "Bob Baker").splitlines()
    [older] = [line for line in told if line.startswith("older:")]
    assert "--staff 'Bob Baker' --since 7d --before" in older
    assert "no envelope 99999" in office.say("captured", "--before", "99999", status=1)


def test_the_span_of_time_is_understood_or_refused(office):
    for since in ("1h", "7d", "4w", "2026-01-01", "2026-01-01T10:00:00+01:00"):
        assert json.loads(office.say("captured", "--since", since, "--json", "--limit", "1"))
    assert json.loads(office.say("captured", "--since", "2099-01-01", "--json")) == []
    assert "nothing was handed in since 2099-01-01" in office.say("captured", "--since", "2099-01-01")
    for since in ("yesterday", "7", "", "7d7d"):
        assert "--since takes" in office.say("captured", "--since", since, status=2)


def test_the_share_of_a_reps_mail_that_is_here_and_what_is_missing(office):
    page = office.say("captured", "--since", "4w")
    [bob] = [line for line in page.splitlines() if line.startswith("  Bob Baker ") and "%" in line]
    assert "1 missing" in bob
    assert "Anna Lindqvist (lead 1) answered Bob Baker in" in page
    [gap] = json.loads(office.say("captured", "--missing", "--since", "4w", "--json"))
    assert (gap["internet_message_id"], gap["lead_id"], gap["lead_name"]) == (
        "never-handed-in@example.org", 1, "Anna Lindqvist",
    )  # fmt: skip
    assert "Mia" not in office.say("captured", "--staff", "Bob Baker", "--since", "4w")
    assert office.say("captured", "--missing", "--staff", "Mia Moreau") == "nothing is missing\n"
    office.say("captured", "--missing", "--before", "3", status=2)


def test_a_conversation_is_shown_in_order_with_the_mail_that_never_reached_us(office):
    page = office.say("thread", "<gates@lindqvist.example>")
    lines = [line for line in page.splitlines() if line]
    assert lines[:2] == ["Re: Offer for the new hall", "Anna Lindqvist (lead 1)"]
    assert lines[2:4] == ["∅  a mail that never reached us", "   <never-handed-in@example.org>"]
    assert lines[4].startswith("←")
    ghost, answer = json.loads(office.say("thread", "<gates@lindqvist.example>", "--json"))
    assert (ghost["id"], ghost["ghost"], ghost["answered_by"]) == (None, True, answer["id"])
    assert list(ghost) == list(answer)
    assert [lead["name"] for lead in answer["leads"]] == ["Anna Lindqvist"]


def test_a_mail_that_comes_later_takes_the_place_of_its_ghost(relay):
    anna, bob = "anna@lead.example", "bob@example.org"

    def letter(number, author, to, answers):
        return mail(author, to, "Gates", NOW + timedelta(hours=number), f"words {number}\n", message_id=f"<{number}@x.example>", answers=answers)  # fmt: skip

    chain = [
        letter(1, bob, anna, None),
        letter(2, anna, bob, "<1@x.example>"),
        letter(4, anna, bob, "<3@x.example> <5@y.example>"),
    ]
    relay.filed(*relay.send(chain[1], chain[2]))
    shown = json.loads(relay.say("thread", "<2@x.example>", "--json"))
    assert [(row["internet_message_id"], row["ghost"]) for row in shown] == [
        ("1@x.example", True),
        ("2@x.example", False),
    ]
    relay.filed(*relay.send(chain[0]))
    shown = json.loads(relay.say("thread", "<2@x.example>", "--json"))
    assert [(row["internet_message_id"], row["ghost"]) for row in shown] == [
        ("1@x.example", False),
        ("2@x.example", False),
    ]


def test_a_long_conversation_is_paged_backwards_and_stays_in_order(relay):
    letters = [
        mail("bob@example.org", "anna@lead.example", "Re: Hall" if number else "Hall", NOW + timedelta(hours=number), f"{number}\n",
             message_id=f"<{number}@example.org>", answers=f"<{number - 1}@example.org>" if number else None)
        for number in range(12)
    ]  # fmt: skip
    relay.filed(*relay.send(*letters))
    whole = [row["id"] for row in json.loads(relay.say("thread", "1", "--json"))]
    newest = [row["id"] for row in json.loads(relay.say("thread", "1", "--json", "--limit", "5"))]
    before = [row["id"] for row in json.loads(relay.say("thread", "1", "--json", "--before", str(newest[0])))]
    assert before + newest == whole
    assert len(whole) == 12
    assert f"older: bcc-relay thread 1 --before {newest[0]}" in relay.say("thread", "1", "--limit", "5")


def test_what_is_not_for_everybody_is_counted_and_not_shown(relay):
    first = mail("bob@example.org", "anna@lead.example", "Hall", NOW, "first\n", message_id="<1@example.org>")
    second = mail("bob@example.org", "anna@lead.example", "Re: Hall", NOW, "second\n", answers="<1@example.org>")
    relay.filed(*relay.send(first, second))
    relay.sql("UPDATE message SET visibility = 'responsible' WHERE id = 1")
    page = relay.say("thread", "2")
    assert "second" in page
    assert "first" not in page
    assert "1 message of it not for everybody" in page
    relay.sql("UPDATE message SET visibility = 'withdrawn' WHERE id = 2")
    assert relay.say("thread", "2") == "nothing to show\n\n2 messages of it not for everybody\n"


EVIL = "\x1b]0;x\x07\u202e見" * 40


@pytest.mark.parametrize("columns", [40, 60, 80, 160])
def test_no_line_is_wider_than_the_screen_and_nothing_reaches_the_terminal(columns):
    copy = {
        "staff_id": 1, "envelope_id": 7, "message_id": 12345, "received_at": AT, "route": "attached", "subject": EVIL,
        "lead_count": 3, "why": None, "defects": [EVIL], "leads": [{"id": 1, "name": EVIL}], "party": EVIL,
    }  # fmt: skip
    letter = {
        "id": 3, "originated_at": AT, "direction": "incoming", "automatic": None, "subject": EVIL, "author_address": EVIL,
        "author_name": EVIL, "staff_id": None, "snippet": EVIL, "attachment_count": 0, "ghost": False, "leads": [{"id": 1, "name": EVIL}],
    }  # fmt: skip
    ghost = {"ghost": True, "internet_message_id": EVIL}
    gap = {"lead_id": 1, "lead_name": EVIL, "staff_id": 1, "seen_in": 3, "seen_at": AT, "subject": EVIL}
    change = {"seq": 123456, "at": AT, "entity": "explicit_attribution", "entity_id": 99, "op": "insert", "lead_id": 1}
    for display in (Screen(columns), Screen(columns, unicode=False)):
        pages = [
            captured_page([copy, {**copy, "why": "no-lead", "leads": []}], {1: EVIL}, display, NOW, none=""),
            share_lines([{"name": EVIL, "here": 12345, "missing": 12345}], display, since="2026-03-01"),
            missing_page([gap], {1: EVIL}, display, NOW),
            thread_page([ghost, letter], Names(staff={}, files={}, deals={}), display, NOW),
            [change_line(change, {("lead", 1): EVIL}, display, NOW)],
        ]
        for line in (line for page in pages for line in page):
            assert width(line) <= columns, line
            assert not {"\x1b", "\x07", "\u202e"} & set(line)


def test_on_a_terminal_there_is_colour_and_a_narrow_one_is_enough(office):
    for words in (["captured", "--since", "4w"], ["thread", "<gates@lindqvist.example>"], ["changes"]):
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            office.command(*words),
            stdout=theirs,
            env={**_environment(), "TERM": "xterm", "COLUMNS": "44", "NO_COLOR": ""},
        ) as process:
            os.close(theirs)
            told = b""
            while True:
                try:
                    piece = os.read(ours, 65536)
                except OSError:  # a terminal whose other end is closed answers with EIO
                    break
                if not piece:
                    break
                told += piece
            os.close(ours)
            assert process.wait(30) == 0
        assert b"\x1b[" in told
        plain = re.sub(r"\x1b\[[0-9;]*m", "", told.decode())
        assert max(
            width(line) for line in plain.splitlines() if not line.startswith(("older", "newer"))
        ) <= 44 or words == ["changes"]


def test_the_office_is_furnished_without_anything_that_verify_would_find(relay):
    furnish(relay, NOW)
    assert relay.say("verify") == "ok: no differences\n"
