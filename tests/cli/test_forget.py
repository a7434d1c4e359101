"""`forget`, `erase` and `export` beside the running relay and without one: shown, asked, done in every file, and said."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from mailbuilder import message
from running import Relay

SECRET = "Quarzuhr"
MAIL = message(
    subject=f"{SECRET} today",
    text=f"{SECRET} again.\n",
    message_id="<q@example.org>",
    attach={"q.pdf": b"Quarzuhr" * 2000},
)


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    (tmp_path / "relay").mkdir()
    made = Relay(tmp_path / "relay")
    yield made
    made.stop()


def files_with(relay: Relay, word: str) -> list[str]:
    paths = [path for path in (*relay.database.parent.iterdir(), *relay.vault.iterdir()) if path.is_file()]
    return [path.name for path in paths if word.lower().encode() in path.read_bytes().lower()]


def test_what_is_forgotten_is_in_no_file_and_does_not_come_back(relay: Relay):
    [secret, other] = relay.start().send(MAIL, message(subject="Other", message_id="<o@example.org>"))
    relay.filed(secret, other)
    assert files_with(relay, SECRET)

    assert "nobody can be asked" in relay.run("forget", secret, status=1)
    assert SECRET in relay.say("forget", secret, "--dry-run")
    assert relay.sql("SELECT count(*) FROM message") == [[2]]
    said = relay.run("forget", secret, "--yes")

    assert "1 message forgotten" in said
    assert "still to be" not in said
    assert said.strip().endswith("`bcc-relay never-log add anna@lead.example`")
    assert files_with(relay, SECRET) == []
    assert "was erased" in relay.say("raw", secret, status=1)
    assert "taken back" in relay.say("show", secret, status=1)
    [again] = relay.send(MAIL)
    relay.filed(again)
    assert relay.sql("SELECT subject FROM message") == [["Other"]]
    relay.until("SELECT count(*) = 0 FROM _erasure WHERE kind <> 'content'")
    assert files_with(relay, SECRET) == []
    assert "Taken back" in relay.say("captured")
    assert "1 messages made anew" in relay.run("rebuild", "--verify")
    relay.verify()


def test_without_a_relay_the_command_does_it_all_and_an_older_database_learns_it_from_the_vault(relay: Relay, tmp_path):
    her = "Zora Zimt <zora+crm@post.example>"
    mails = (MAIL, message(from_=her, to="bob@example.org", subject="Zimtsterne", message_id="<z@post.example>"))
    relay.filed(*relay.start().send(*mails))
    relay.until("SELECT count(*) = 2 FROM message")
    relay.run("backup", str(tmp_path / "backup"))
    relay.stop()

    assert "1 message forgotten" in relay.run("forget", "<q@example.org>", "--yes")
    assert files_with(relay, SECRET) == []
    given = tmp_path / "given.jsonl"
    assert "1 message" in relay.run("export", "zora@post.example", "-o", str(given))
    assert stat.S_IMODE(given.stat().st_mode) == 0o600
    told = [json.loads(line) for line in given.read_text().splitlines()]
    assert [(each["kind"], each.get("subject")) for each in told] == [("export", None), ("message", "Zimtsterne")]
    assert json.loads(relay.say("export", "zora@post.example", "--json"))[0]["names"] == ["Zora Zimt"]
    assert "nobody can be asked" in relay.say("erase", "zora@post.example", status=1)
    assert "removed: 1 message" in relay.say("erase", "zora@post.example", "--dry-run")
    assert relay.sql("SELECT count(*) FROM message") == [[1]]
    assert "erased; the audit says that it was done" in relay.run("erase", "Zora@POST.example", "--yes")
    assert files_with(relay, "Zimt") == files_with(relay, "post.example") == []
    assert "one of ours" in relay.say("erase", "bob@example.org", status=1)
    relay.verify()

    relay.run("restore", str(tmp_path / "backup"), "--only", "store", "--force")
    assert relay.sql("SELECT count(*) FROM message") == [[2]]
    relay.start()
    relay.until("SELECT count(*) = 0 FROM message")
    relay.filed(*relay.send(*mails))
    assert relay.sql("SELECT count(*) FROM message") == [[0]]
    relay.verify()


def test_erase_tells_where_others_name_the_person_wherever_it_is(relay: Relay):
    """Not only in her own conversations: the search index knows; and an address that nobody has is told as such."""
    mails = (
        message("Zora Quast <zora@post.example>", "bob@example.org", subject="Hello", message_id="<1@x>"),
        message(subject="About her", text="Write to zora@post.example, please.\n", message_id="<2@x>"),
        message(subject="Her name", text="I have met Zora Quast.\n", message_id="<3@x>"),
        message(subject="Another", text="Zora and Quast are two people.\n", message_id="<4@x>"),
    )
    relay.filed(*relay.start().send(*mails))
    relay.stop()
    relay.say("search", "--rebuild")
    told = relay.say("erase", "zora@post.example", "--dry-run")
    assert "words of others name the person: #2, #3;" in told
    nobody = relay.say("erase", "zora+news@post.example", "--dry-run")
    assert "no message and no lead has this address; without its plus tag, zora@post.example, all its forms" in nobody
    assert "no message and no lead" not in told
