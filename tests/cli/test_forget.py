"""`forget` beside the running relay and without one: shown, asked, done in every file, and said."""

from __future__ import annotations

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


@pytest.mark.parametrize("running", [True, False])
def test_what_is_forgotten_is_in_no_file_and_does_not_come_back(relay: Relay, running: bool):
    [secret, other] = relay.start().send(MAIL, message(subject="Other", message_id="<o@example.org>"))
    relay.filed(secret, other)
    assert files_with(relay, SECRET)
    if not running:
        relay.stop()

    assert "nobody can be asked" in relay.run("forget", secret, status=1)
    assert SECRET in relay.run("forget", secret, "--dry-run")
    assert relay.sql("SELECT count(*) FROM message") == [[2]]
    said = relay.run("forget", secret, "--yes")

    assert "1 message forgotten" in said
    assert "still to be" not in said
    assert said.strip().endswith("`bcc-relay never-log add anna@lead.example`")
    assert files_with(relay, SECRET) == []
    assert "was erased" in relay.run("raw", secret, status=1)
    assert "taken back" in relay.run("show", secret, status=1)
    if not running:
        relay.start()
    [again] = relay.send(MAIL)
    relay.filed(again)
    assert relay.sql("SELECT subject FROM message") == [["Other"]]
    relay.until("SELECT count(*) = 0 FROM _erasure WHERE kind <> 'content'")
    assert files_with(relay, SECRET) == []
    assert "Taken back" in relay.run("captured")
    assert "1 messages made anew" in relay.run("rebuild", "--verify")
    relay.verify()


def test_an_older_database_that_is_put_back_learns_it_from_the_vault(relay: Relay, tmp_path: Path):
    [secret] = relay.start().send(MAIL)
    relay.filed(secret)
    relay.run("backup", str(tmp_path / "backup"))
    relay.stop()
    relay.run("forget", secret, "--yes")
    relay.run("restore", str(tmp_path / "backup"), "--only", "store", "--force")
    assert relay.sql("SELECT count(*) FROM message") == [[1]]
    relay.start()
    relay.until("SELECT count(*) = 0 FROM message")
    [again] = relay.send(MAIL)
    relay.filed(again)
    assert relay.sql("SELECT count(*) FROM message") == [[0]]
    relay.verify()
