"""`changes`: the feed in pieces, and followed by a program that stays."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from mailbuilder import message
from running import PATIENCE, _environment, stranger


class Follower:
    """`changes --follow`, with its output read line by line."""

    def __init__(self, office, *words):
        self.process = subprocess.Popen(
            # As at a terminal: what a shell starts in the background is born deaf to Ctrl-C, and so would this be.
            ["env", "--default-signal=INT", *office.command("changes", "--follow", *words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
        )
        self.left = b""

    def line(self, patience=PATIENCE):
        end = time.monotonic() + patience
        while b"\n" not in self.left:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))
            assert ready, "nothing came"
            piece = os.read(self.process.stdout.fileno(), 65536)
            assert piece, self.process.stderr.read().decode()
            self.left += piece
        line, _, self.left = self.left.partition(b"\n")
        return line.decode()

    def object(self, patience=PATIENCE):
        return json.loads(self.line(patience))

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, err


@pytest.fixture
def follow(office, follow_of):
    return lambda *words: follow_of(office, *words)


@pytest.fixture
def follow_of():
    followers = []

    def start(relay, *words):
        followers.append(Follower(relay, *words))
        return followers[-1]

    yield start
    for each in followers:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()
        each.process.stdout.close()
        each.process.stderr.close()


def test_pieces_of_the_feed_follow_each_other(office):
    whole = [list(row) for row in office.sql("SELECT seq, at, entity, entity_id, op, lead_id FROM change ORDER BY seq")]
    first = json.loads(office.say("changes", "--since", "0", "--limit", "7", "--json"))
    rest = json.loads(office.say("changes", "--since", str(first[-1]["seq"]), "--limit", "10000", "--json"))
    assert [list(row.values()) for row in first + rest] == whole
    assert list(first[0]) == ["seq", "at", "entity", "entity_id", "op", "lead_id"]
    newest = json.loads(office.say("changes", "--limit", "3", "--json"))
    assert [list(row.values()) for row in newest] == whole[-3:]


def test_a_person_reads_what_changed_and_where_to_go_on(office):
    office.sql("UPDATE lead SET status = 'won' WHERE id = 2")
    office.sql("UPDATE lead SET merged_into = 1 WHERE id = 2")
    page = office.say("changes", "--limit", "10")
    assert "changed" in page
    assert "into Anna Lindqvist (lead 1)" in page
    assert "older changes: bcc-relay changes --since 0" in page
    assert "newer: bcc-relay changes --since 5" in office.say("changes", "--since", "0", "--limit", "5")
    [(last,)] = office.sql("SELECT max(seq) FROM change")
    assert office.say("changes", "--since", str(last)) == "no changes\n"


@pytest.mark.parametrize(
    ("since", "told"),
    [
        ("9999", "a cursor of 9999 is of another feed"),
        ("feedfeed:3", "not feedfeed"),
        ("x", "SEQ or FEED_ID:SEQ"),
        ("-4", "SEQ"),
    ],
)
def test_a_cursor_of_another_feed_is_refused_in_one_line(office, since, told):
    for follow in ([], ["--follow"]):
        page = office.say("changes", f"--since={since}", *follow, status=1)
        assert told in page
        assert page.count("\n") == 1
    [(feed_id,)] = office.sql("SELECT feed_id FROM contract")
    assert json.loads(office.say("changes", "--since", f"{feed_id}:0", "--limit", "1", "--json"))[0]["seq"] == 1


def test_changes_that_are_no_longer_kept_are_not_passed_over(office):
    office.sql("DELETE FROM change WHERE seq < 10")
    assert "changes before 10 are no longer kept" in office.say("changes", "--since", "5", status=1)
    assert json.loads(office.say("changes", "--since", "9", "--limit", "1", "--json"))[0]["seq"] == 10
    assert json.loads(office.say("changes", "--since", "0", "--limit", "1", "--json"))[0]["seq"] == 10


def test_a_program_that_follows_has_news_within_a_second_and_idles_for_nothing(office, follow):
    follower = follow("--json")
    head = follower.object()
    [(feed_id, newest)] = office.sql("SELECT feed_id, (SELECT max(seq) FROM change) FROM contract")
    assert head == {"feed_id": feed_id, "since": newest, "oldest_seq": 1}
    for number in range(3):
        office.sql("UPDATE lead SET status = ? WHERE id = 3", f"stage {number}")
        written = time.monotonic()  # when the writer has ended: later than its commit
        assert follower.object()["seq"] == newest + 1 + number
        assert time.monotonic() - written < 1.0
    before = _processor_seconds(follower.process.pid)
    assert not select.select([follower.process.stdout], [], [], 2.0)[0], "nothing was written, nothing is told"
    assert _processor_seconds(follower.process.pid) - before < 0.2, "two idle seconds"
    assert follower.end()[0] == 0


def _proc(pid, name):
    return Path(f"/proc/{pid}/{name}").read_text()


def _processor_seconds(pid):
    fields = _proc(pid, "stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_what_the_filer_writes_is_followed_too_and_nothing_is_missed_or_repeated(relay, follow_of):
    relay.run("lead", "add", "Anna", "anna@lead.example")
    follower = follow_of(relay, "--json", "--since", "0")
    assert follower.object()["since"] == 0
    for number in range(3):
        relay.filed(*relay.send(message(subject=f"News {number}"), message(subject=f"More {number}")))
    seqs = [seq for (seq,) in relay.sql("SELECT seq FROM change ORDER BY seq")]
    assert len(seqs) >= 8
    assert [follower.object()["seq"] for _ in seqs] == seqs


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_following_ends_at_a_signal_without_a_word(follow, number):
    follower = follow("--json")
    follower.object()
    assert follower.end(number) == (0, b"", b"")


def test_following_ends_when_nobody_reads_any_more(follow):
    follower = follow("--json")
    follower.object()
    follower.process.stdout.close()
    assert follower.process.wait(PATIENCE) == 0, "although nothing was written"
    assert follower.process.stderr.read() == b""


def test_a_reader_that_has_stopped_reading_does_not_keep_it_from_ending(office, follow):
    office.sql(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
        " INSERT INTO change (entity, entity_id, op) SELECT 'x_many', i, 'insert' FROM n"
    )
    follower = follow("--json", "--since", "0")
    follower.object()
    end = time.monotonic() + PATIENCE
    while not _blocked_in_write(follower.process.pid) and time.monotonic() < end:
        time.sleep(0.01)
    follower.process.terminate()
    assert follower.process.wait(PATIENCE) == 0


def _blocked_in_write(pid):
    """Does it sleep in write(2)? The kernel tells where (pipe_write), or with less rights at least that it sleeps."""
    where = _proc(pid, "wchan")
    return "pipe_w" in where or (where in ("", "0") and _proc(pid, "stat").rpartition(")")[2].split()[0] == "S")


def test_a_new_feed_is_told_and_followed(office, follow):
    [(newest,)] = office.sql("SELECT max(seq) FROM change")
    follower, person = follow("--json"), follow("--since", str(newest - 1))
    head = follower.object()
    assert person.line().split()[0] == str(newest)
    office.sql("UPDATE _relay SET value = 'cafecafecafecafe' WHERE name = 'feed_id'")
    assert follower.object() == {**head, "feed_id": "cafecafecafecafe", "start_over": True}
    assert "the feed is a new one, cafecafecafecafe" in person.line()
    office.sql("UPDATE lead SET status = 'again' WHERE id = 3")
    assert follower.object()["seq"] == head["since"] + 1


def test_a_database_that_is_replaced_is_followed_in_its_new_file(office, follow, tmp_path):
    follower = follow("--json")
    head = follower.object()
    copy = tmp_path / "copy.db"
    office.sql(f"VACUUM INTO '{copy}'")
    stranger(copy, "UPDATE _relay SET value = 'beefbeefbeefbeef' WHERE name = 'feed_id'")
    stranger(copy, "PRAGMA journal_mode = WAL")
    for suffix in ("", "-wal", "-shm"):
        office.database.with_name(office.database.name + suffix).unlink(missing_ok=True)
    time.sleep(0.5)  # it looks in vain; there is no condition to wait for: it says nothing before five seconds
    shutil.move(copy, office.database)
    told = follower.object()
    assert (told["feed_id"], told["start_over"]) == ("beefbeefbeefbeef", True)
    office.sql("UPDATE lead SET status = 'restored' WHERE id = 3")
    assert follower.object()["seq"] == head["since"] + 1
    assert follower.end()[0] == 0
