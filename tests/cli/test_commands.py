"""The whole path in the hands of a person: every command, against a real daemon."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess

import pytest
from mailbuilder import message


@pytest.fixture
def office(relay):
    """A relay with Bob as staff, Anna as lead 1 with a deal, and three mails: out, in as a forward, and from a stranger."""
    relay.say("staff", "add", "Bob Baker", "bob@example.org")
    assert relay.say("lead", "add", "Anna Lindqvist", "anna@lead.example", "--external-id", "A-1") == "1\n"
    assert relay.say("deal", "add", "anna@lead.example", "New hall", "--external-id", "D-9") == "1\n"
    incoming = message(
        "Anna Lindqvist <anna@lead.example>",
        "bob@example.org",
        subject="A hall",
        text="Can you?\n",
        date="Sun, 01 Mar 2026 09:00:00 +0000",
        message_id="<q@lead.example>",
    )
    relay.mails = [
        message(
            subject="Offer",
            attach={"offer.pdf": b"%PDF"},
            message_id="<o@example.org>",
            text="Dear Anna, the zebra.\n\n> Can you?\n",
        ),
        message(to="crm@crm.example.org", subject="Fwd: A hall", text="for the file\n", forward=[incoming]),
        message("carl@stranger.example", "bob@example.org", subject="Hello \x1b]0;evil\x07 there", text="I am new.\n"),
    ]
    relay.ids = relay.send(*relay.mails)
    relay.filed(*relay.ids)
    return relay


def test_a_mail_travels_from_smtp_to_the_timeline(office):
    page = office.say("timeline", "anna@lead.example")
    lines = page.splitlines()
    assert lines[0] == "Anna Lindqvist · lead 1 · open"
    [out] = [line for line in lines if line.startswith("→")]
    [into] = [line for line in lines if line.startswith("←")]
    assert "Bob Baker" in out
    assert "Offer" in out
    assert "Anna Lindqvist" in into
    assert "A hall" in into
    assert "1 attachment: offer.pdf" in page
    assert lines.index(out) < lines.index(into), "newest first"
    for named in ("1", "ext:A-1", "ANNA@lead.example", "anna+x@lead.example"):
        assert office.say("timeline", named).splitlines()[0] == lines[0]


def test_json_has_the_column_names_of_the_view(office):
    rows = json.loads(office.say("timeline", "1", "--json"))
    columns = [row[0] for row in office.sql("SELECT name FROM pragma_table_info('lead_timeline')")]
    assert [list(row) for row in rows] == [columns, columns]
    waiting = json.loads(office.say("unresolved", "--json"))
    assert list(waiting[0]) == [
        row[0] for row in office.sql("SELECT name FROM pragma_table_info('unresolved_message')")
    ]


def test_pages_follow_each_other_without_gap_or_repetition(office):
    whole = json.loads(office.say("timeline", "1", "--json"))
    first = json.loads(office.say("timeline", "1", "--json", "--limit", "1"))
    second = json.loads(office.say("timeline", "1", "--json", "--limit", "1", "--before", str(first[0]["message_id"])))
    third = json.loads(office.say("timeline", "1", "--json", "--before", str(second[0]["message_id"])))
    assert first + second + third == whole
    assert json.loads(office.say("timeline", "1", "--json", "--before", "2026-03-02")) == second
    assert f"--before {first[0]['message_id']}" in office.say("timeline", "1", "--limit", "1")


def test_show_reads_like_a_letter(office):
    page = office.say("show", "<o@example.org>")
    assert page.startswith("Offer\n")
    for told in (
        "From:",
        "Bob Baker <bob@example.org>",
        "Anna Lindqvist <anna@lead.example>  lead 1",
        "Dear Anna, the zebra.",
        "│ > Can you?",
        "offer.pdf",
        "Direction:",
        "outgoing",
        office.ids[0],
    ):
        assert told in page, page
    forwarded = office.say("show", office.ids[1])
    assert "Note of Bob Baker:" in forwarded
    assert "for the file" in forwarded
    found = json.loads(office.say("show", office.ids[0], "--json"))
    assert found["leads"][0]["lead_id"] == 1
    assert found["parts"][0]["filename"] == "offer.pdf"


def test_raw_gives_exactly_the_octets_received(office):
    for vault_id, mail in zip(office.ids, office.mails, strict=True):
        done = subprocess.run(office.command("raw", vault_id), capture_output=True, check=True)
        assert done.stdout == mail
    assert "was accepted once" in office.say("raw", "<o@example.org>", "--envelope", "2", status=1)


def test_raw_does_nothing_to_a_terminal(office):
    ours, theirs = pty.openpty()
    with subprocess.Popen(office.command("raw", office.ids[2]), stdout=theirs) as process:
        os.close(theirs)
        told = b""
        with contextlib.suppress(OSError):  # a terminal whose other end is closed answers with EIO
            while piece := os.read(ours, 65536):
                told += piece
        os.close(ours)
        assert process.wait(30) == 0
    assert b"I am new." in told
    assert b"\x1b" not in told


def test_search_finds_words_and_fields(office):
    office.say("search", "--rebuild")
    assert "Offer" in office.say("search", "zebra")
    assert "nothing found" in office.say("search", "zebra", "from:anna")
    assert json.loads(office.say("search", "from:anna", "--json"))[0]["subject"] == "A hall"
    assert office.say("search", "before:yesterwhen", status=1).count("\n") == 1


def test_the_addresses_of_what_is_found_are_given_for_a_mailer_each_once(office):
    office.say("search", "--rebuild")
    everybody = office.say("search", "after:2000-01-01", "--addresses").split()
    assert everybody
    assert len(everybody) == len(set(everybody))
    assert not [address for address in everybody if address.endswith("@example.org")]  # our own people
    rows = json.loads(office.say("search", "after:2000-01-01", "--addresses", "--json"))
    assert [row["address"] for row in rows] == everybody
    assert rows[0].keys() == {"address", "display_name", "message_count", "last_at"}
    assert len(office.say("search", "after:2000-01-01", "--addresses", "--limit", "1").split()) < len(everybody)


def test_what_a_stranger_writes_cannot_reach_the_terminal(office):
    for command in (["unresolved"], ["show", office.ids[2]], ["search", "new"]):
        if command[0] == "search":
            office.say("search", "--rebuild")
        page = office.say(*command)
        assert "\x1b" not in page
        assert "\x07" not in page
        assert "Hello" in page


def test_unresolved_mail_becomes_a_lead_in_one_command(office):
    assert "carl@stranger.example" in office.say("unresolved")
    [waiting] = json.loads(office.say("unresolved", "list", "--json"))
    told = office.say("lead", "add", "--from", str(waiting["message_id"]))
    assert told.startswith("2\n")
    assert "1 message found: bcc-relay timeline 2" in told
    assert "lead 2 is" in told
    assert "carl@stranger.example" in told
    assert "nothing waits" in office.say("unresolved")
    assert "Hello" in office.say("timeline", "carl@stranger.example")


def test_a_person_s_word_beats_the_rules(office):
    [waiting] = json.loads(office.say("unresolved", "--json"))
    number = str(waiting["message_id"])
    office.say("attach", number, "1", "--deal", "ext:D-9")
    rows = json.loads(office.say("timeline", "1", "--json"))
    assert {row["message_id"]: row["reason"] for row in rows}[waiting["message_id"]] == "person"
    assert "deal: New hall" in office.say("timeline", "1")
    office.say("detach", number, "1")
    assert len(json.loads(office.say("timeline", "1", "--json"))) == 2
    office.say("unresolved", "dismiss", number)
    assert "nothing waits" in office.say("unresolved")
    assert "was dismissed before" in office.say("unresolved", "dismiss", number)
    actions = [row[0] for row in office.sql("SELECT action FROM audit WHERE subject_kind = 'message' ORDER BY id")]
    assert actions == ["attach", "detach", "dismiss"]


def test_a_whole_thread_is_attached_at_once(relay):
    relay.say("lead", "add", "Dora")
    ids = relay.send(
        message(to="x@one.example", message_id="<1@example.org>", subject="Plan"),
        message(
            to="y@two.example",
            message_id="<2@example.org>",
            subject="Re: Plan",
            fields={"In-Reply-To": "<1@example.org>"},
        ),
    )
    relay.filed(*ids)
    relay.say("attach", ids[0], "1", "--thread")
    assert len(json.loads(relay.say("timeline", "1", "--json"))) == 2


def test_more_addresses_bring_old_mail(office):
    assert "1 message found" in office.say("lead", "address", "add", "1", "carl@stranger.example")
    assert "already" in office.say("lead", "address", "add", "1", "carl@stranger.example")
    assert len(json.loads(office.say("timeline", "1", "--json"))) == 3


def test_lists_and_pages_of_people(office):
    assert "Bob Baker" in office.say("staff", "list")
    assert "older: bcc-relay staff list --before 1" in office.say("staff", "list", "--limit", "1")
    assert json.loads(office.say("staff", "list", "--json"))[0]["addresses"] == ["bob@example.org"]
    office.say("staff", "leave", "bob baker")
    assert "(left)" in office.say("staff", "list")
    assert "has left already" in office.say("staff", "leave", "Bob Baker")
    assert "Anna Lindqvist" in office.say("lead", "list")
    shown = office.say("lead", "show", "ext:A-1")
    assert "1  New hall  open" in shown
    assert "2 messages" in shown
    assert json.loads(office.say("lead", "show", "1", "--json"))["addresses"] == ["anna@lead.example"]
    assert "New hall" in office.say("deal", "list", "--lead", "1")
    assert json.loads(office.say("deal", "list", "--json", "--before", "1")) == []


def test_a_colleague_with_a_lead_s_address_is_pointed_out(office):
    told = office.say("staff", "add", "Carl", "anna@lead.example")
    assert "note: anna@lead.example is an address of lead 1 too" in told
    assert "staff-address: not so" in office.say("verify", status=1)
    office.sql("DELETE FROM staff_address WHERE address = 'anna@lead.example'")  # or `verify` goes on saying so


def test_what_is_not_there_is_answered_in_one_line_with_what_to_do(office):
    for words, said in [
        (["timeline", "anna@lead.exmaple"], "did you mean 1 (Anna Lindqvist, anna@lead.example)?"),
        (["timeline", "lindq"], "did you mean 1 (Anna Lindqvist, anna@lead.example)?"),
        (["timeline", "ext:none"], "no lead"),
        (["show", "4711"], "the newest is 3"),
        (["show", "<none@x>"], "a MESSAGE is its id"),
        (["show", "00000000-1"], "has not been filed (yet)"),
        (["deal", "add", "1", "Twin", "--external-id", "D-9"], "is deal 1 (New hall) already"),
        (["lead", "add", "Twin", "--external-id", "A-1"], "is lead 1 (Anna Lindqvist) already"),
        (["lead", "add", "Bob", "bob@example.org"], "address of our colleague Bob Baker"),
        (["lead", "add", "X", "no address"], "is not an address"),
        (["staff", "add", "Eve", "bob@example.org"], "belongs to Bob Baker"),
        (["staff", "leave", "Bob Bakker"], "did you mean Bob Baker?"),
        (["attach", "1", "1", "--deal", "9"], "no deal"),
    ]:
        told = office.say(*words, status=1)
        assert told.startswith("bcc-relay: ")
        assert told.count("\n") == 1
        assert said in told


def test_status_tells_that_all_is_well_and_that_it_is_not(relay):
    relay.filed(*relay.send(message()))
    page = relay.say("status")
    assert page.startswith("OK: backlog 0, last capture ")
    assert json.loads(relay.say("status", "--json"))["messages"] == 1
    relay.stop()
    assert relay.say("status", status=2).startswith("CRITICAL: no mail is accepted: start `bcc-relay serve`")


def test_file_files_what_is_accepted_while_no_daemon_files(relay_running):
    relay = relay_running(start=False)
    relay.start("--only", "accept")
    relay.send(message(), message(to="x@y.example"))
    assert json.loads(relay.say("status", "--json", status=None))["backlog"] == 2
    assert "2 mails filed" in relay.say("file")
    assert "0 mails filed" in relay.say("file")
    assert "Offer" in relay.say("search", "offer")
    relay.stop()
    relay.start()
    relay.filed(*relay.send(message()))  # the filer is at work: it has its lock
    assert "files by itself" in relay.say("file", status=1)


def test_sigterm_ends_with_status_zero_and_leaves_nothing_behind(relay):
    vault_ids = relay.send(message())
    assert relay.stop() == 0
    assert relay.sql("SELECT count(*) FROM envelope WHERE vault_id = ?", vault_ids[0]) == [[1]]
