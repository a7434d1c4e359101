"""Behaviours 24 and 25: every decision tells its reason, and any program can read all of it."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from company import BOB
from running import CAPTURE


def test_24_provenance_why_is_this_here(company):
    """Each row of a lead has its rule and the address; each copy its route, client, rule of admission and evidence."""
    anna = company.lead("Anna")
    original = company.mail(company.at("anna"), BOB, subject="Question")
    message = company.file(company.mail(BOB, CAPTURE, subject="Fwd: Question", forward=(original,)))
    assert company.crm("SELECT reason, role FROM lead_message WHERE lead_id = ?", anna) == [["address", "from"]]
    assert company.crm("SELECT route, admitted_by, evidence, staff_id FROM envelope WHERE message_id = ?", message) == [
        ["attached", "network", "attached", 1]
    ]
    assert company.of(message, "direction_reason", "parser <> ''") == ("author-outside", 1)
    told = company.relay.run("explain", str(message))
    for words in (company.at("anna"), f"lead {anna}", "attached", "Bob Baker"):
        assert words in told, words
    assert json.loads(company.relay.run("explain", str(message), "--json"))["id"] == message


def test_25_any_crm_can_read_it(company):
    """A program that opens the file read-only, with its own SQLite, sees messages, leads, attachments and what is unresolved."""
    anna = company.lead("Anna")
    message = company.copy(company.at("anna"), attach=(("a.pdf", "application/pdf", b"%PDF"),))
    waiting = company.copy(company.at("nobody"))
    if not shutil.which("sqlite3"):
        pytest.skip("needs the sqlite3 command")
    queries = {
        f"SELECT message_id FROM lead_timeline WHERE lead_id = {anna}": str(message),
        f"SELECT filename FROM part WHERE message_id = {message} AND kind = 'attachment'": "a.pdf",
        "SELECT major FROM contract": "1",
        f"SELECT why FROM unresolved_message WHERE message_id = {waiting}": "no-lead",
        "PRAGMA journal_mode": "wal",
    }
    done = subprocess.run(
        ["sqlite3", "-readonly", str(company.relay.database), ";".join(queries)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.stderr, done.stdout.split()) == ("", list(queries.values()))


def test_25_a_reader_polls_the_feed(company):
    """`WHERE seq > ?` gives what is new, each with the lead or message to read again; ids never come back."""
    [[seq]] = company.crm("SELECT ifnull(max(seq), 0) FROM change")
    anna = company.lead("Anna")
    message = company.copy(company.at("anna"))
    news = company.crm("SELECT entity, entity_id, op FROM change WHERE seq > ? ORDER BY seq", seq)
    assert news[0] == ["lead", anna, "insert"]
    assert ["message", message, "insert"] in news
    company.crm("DELETE FROM lead WHERE id = ?", anna)
    assert company.lead("Eve") > anna
