"""`never-log` as a person uses it, beside a running daemon: from now on, backwards, and what a rep is told."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Callable

import pytest
from mailbuilder import message
from running import CAPTURE, PATIENCE, Relay, _environment

WORD = "Quetzalcoatl"
"""Stands only in mail that must not be kept."""

LAW = f"{WORD} <{WORD}@law.example>"


def secret(number: int, to: str = LAW, **named: object) -> bytes:
    words = {
        "subject": f"{WORD} {number}", "message_id": f"<{WORD}-{number}@example.org>", "text": f"{WORD} said this.\n",
        "attach": {f"{WORD}.bin": WORD.encode() * 30}, **named,
    }  # fmt: skip
    return message(to=to, **words)


def people(relay: Relay) -> Relay:
    relay.sql("INSERT INTO staff (name) VALUES ('Bob'), ('Kim')")
    relay.sql("INSERT INTO staff_address (staff_id, address) VALUES (1, 'bob@example.org'), (2, 'kim@example.org')")
    relay.sql("INSERT INTO lead (name) VALUES ('Anna')")
    relay.sql("INSERT INTO lead_address (lead_id, address) VALUES (1, 'anna@lead.example')")
    return relay


@pytest.fixture
def office(relay: Relay) -> Relay:
    """People and a running daemon."""
    return people(relay)


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Relay:
    """Three mails, filed by the real daemon: one to Anna with a copy to the lawyer, two to the lawyer alone."""
    relay = people(Relay(tmp_path_factory.mktemp("never-log") / "relay").start())
    try:
        kept = message(subject="Kept", message_id="<1@example.org>", cc=LAW)
        relay.filed(*relay.send(kept, secret(1), secret(2)))
    finally:
        relay.stop()
    return relay


@pytest.fixture
def filed(once: Relay, relay_running: Callable[..., Relay]) -> Relay:
    """A copy of it, with no daemon."""
    relay = relay_running(start=False)
    for folder in ("shared", "vault"):
        shutil.copytree(once.folder / folder, relay.folder / folder, dirs_exist_ok=True)
    return relay


def traces(relay: Relay) -> list[str]:
    """Files of ours in which the word stands: databases, their logs, the vault, what the daemon said."""
    files = [path for path in relay.folder.rglob("*") if path.is_file()]
    assert any(path.parent == relay.vault and path.suffix == ".db" for path in files)
    return sorted(path.name for path in files if WORD.encode().lower() in path.read_bytes().lower())


def erased(relay: Relay) -> None:
    relay.until("SELECT NOT EXISTS (SELECT 1 FROM _erasure WHERE kind <> 'content')")


def test_nothing_of_a_dropped_mail_stays_in_any_file_and_the_rep_is_told_how_many(office: Relay) -> None:
    office.say("never-log", "add", " @LAW.example ")
    ids = office.send(
        message(subject="Kept", message_id="<1@example.org>"),
        secret(1),
        secret(2, to="anna@lead.example", cc=LAW, text=f"{WORD}\n" * 30_000),
        message(
            to=CAPTURE, subject=f"Fwd: {WORD}", text=f"{WORD}\n", forward=[secret(3, "bob@example.org", from_=LAW)]
        ),
    )
    office.filed(*ids)
    erased(office)
    assert office.sql("SELECT subject FROM message") == [["Kept"]]
    assert [office.sql("SELECT outcome FROM _vault_outcome WHERE number = ?", int(each.split("-")[1]))[0][0] for each in ids] == [
        "filed", "dropped", "dropped", "dropped",
    ]  # fmt: skip
    told = office.say("captured", "--staff", "Bob")
    assert "Kept" in told
    assert "because of never-log: 3 messages (Bob 3)" in told
    assert "never-log" in office.say("show", ids[1], status=1)
    assert "3 messages (Bob 3)" in office.say("never-log", "list")
    assert "event=mail.dropped" in office.log()
    assert office.stop() == 0
    assert traces(office) == []


def test_a_new_entry_works_backwards_shown_first_and_leaves_no_trace(office: Relay) -> None:
    office.filed(
        *office.send(
            message(subject="Kept", message_id="<1@example.org>", cc="law@law.example.org"),
            secret(1, cc="anna@lead.example"),
            secret(2, to="bob@example.org", from_=LAW, cc=CAPTURE),
        )
    )
    office.until("SELECT count(*) = 2 FROM lead_message")
    told = office.say("never-log", "add", f"{WORD}@law.example", "--dry-run")
    assert f"{WORD} 1" in told
    assert "outgoing" in told
    assert f"1 lead   {WORD} 1\n" in told, "whole: there is room"
    assert "2 messages to be removed" in told
    rows = json.loads(office.say("never-log", "add", "@law.example", "--dry-run", "--json"))
    assert {row["id"]: row["lead_count"] for row in rows} == {2: 1, 3: 0}
    assert office.sql("SELECT count(*) FROM never_log") == [[0]], "a dry run writes nothing"
    assert "nobody is there to be asked" in office.say("never-log", "add", "@law.example", "--purge", status=1)
    assert office.sql("SELECT count(*) FROM never_log") == [[0]]
    told = office.run("never-log", "add", "@law.example", "--purge", "--yes")
    assert "2 messages removed" in told
    erased(office)
    assert office.sql("SELECT subject FROM message") == [["Kept"]]
    assert office.sql("SELECT count(*) FROM lead_message") == [[1]]
    assert office.sql("SELECT outcome, count(*) FROM _vault_outcome GROUP BY 1") == [["dropped", 2], ["filed", 1]]
    assert office.sql("SELECT action, subject_kind, detail FROM audit WHERE action = 'purge'") == [
        ["purge", "never_log", "{}"]
    ]
    again = office.say("never-log", "add", "@law.example", "--purge", "--yes")
    assert "was on the list before" in again
    assert "no mail is here" in again
    assert office.stop() == 0
    assert traces(office) == []
    office.run("rebuild", "--verify", "--full")


def test_a_party_is_left_out_backwards_and_refile_and_rebuild_agree(filed: Relay) -> None:
    told = filed.say("never-log", "add", "@law.example", "--mode", "drop-party", "--purge", "--yes")
    assert "2 messages removed" in told, "nobody else outside is left on them"
    assert "the party left out of 1 message" in told
    assert filed.sql("SELECT address FROM address ORDER BY 1") == [["anna@lead.example"], ["bob@example.org"]]
    assert filed.sql("SELECT count(*) FROM lead_message") == [[1]]
    assert "as it was" in filed.say("refile", "1")
    assert WORD not in filed.say("search", WORD)
    filed.say("never-log", "add", "@lead.example")
    filed.say("rebuild", "--verify", "--full")  # the message from before that entry differs, and rightly so


def test_a_person_at_a_terminal_is_asked(filed: Relay) -> None:
    for said, left, status in ((b"n\n", 3, 130), (b"y\n", 0, 0)):
        ours, theirs = pty.openpty()
        os.write(ours, said)
        done = subprocess.run(
            filed.command("never-log", "add", "@law.example", "--purge"), stdin=theirs, capture_output=True,
            env=_environment(), timeout=PATIENCE, check=False,
        )  # fmt: skip
        os.close(ours)
        os.close(theirs)
        assert b"3 messages to be removed" in done.stderr
        assert done.returncode == status, done.stderr
        assert filed.sql("SELECT count(*) FROM message") == [[left]]
        assert filed.sql("SELECT count(*) FROM never_log") == [[1 if status == 0 else 0]]


def test_the_list_is_kept_by_people_and_by_crms(filed: Relay) -> None:
    assert filed.say("never-log", "list").strip() == "all mail is kept: bcc-relay never-log add PATTERN"
    assert filed.say("never-log", "add", "Max Law <Law@BÜRO.example>").strip() == "1"
    filed.say("never-log", "add", "*.hr.example", "--mode", "drop-party", "--staff", "Kim")
    filed.sql("INSERT INTO never_log (pattern) VALUES ('bank.example')")
    filed.sql("INSERT INTO never_log (pattern, staff_id, added_at) VALUES (' @Notary.example', 9, 'yesterday')")
    told = filed.say("never-log", "list")
    assert "law@xn--bro-hoa.example" in told
    assert "nobody (no pattern)" in told
    assert "nobody (no staff 9)" in told
    rows = json.loads(filed.say("never-log", "list", "--json"))
    assert [(row["id"], row["mode"], row["staff_id"], row["readable"]) for row in rows] == [
        (1, "drop-message", None, True), (2, "drop-party", 2, True), (3, "drop-message", None, False),
        (4, "drop-message", 9, True),
    ]  # fmt: skip
    assert "on the list before" in filed.say("never-log", "add", "law@büro.EXAMPLE")
    filed.say("never-log", "add", "law@büro.example", "--mode", "drop-party")
    assert filed.sql("SELECT pattern, mode FROM never_log WHERE id = 1") == [["law@xn--bro-hoa.example", "drop-party"]]
    assert 'no entry "*.hr.example"' in filed.say("never-log", "remove", "*.hr.example", status=1)
    filed.say("never-log", "remove", "@*.HR.example", "--staff", "kim@example.org")
    filed.say("never-log", "remove", "bank.example")
    filed.say("never-log", "remove", "4")
    assert filed.sql("SELECT id FROM never_log") == [[1]]


def test_what_is_no_pattern_is_refused_with_what_to_write_and_our_own_domain_is_noted(filed: Relay) -> None:
    for pattern, said in (
        ("bank.example", "@bank.example for that domain alone, *.bank.example"),
        ("law*@x.example", "write an address"),
        (CAPTURE, "capture address"),
    ):
        assert said in filed.say("never-log", "add", pattern, status=2)
    assert "mail among ourselves is not kept, all other mail is" in filed.say("never-log", "add", "*.example.org")
