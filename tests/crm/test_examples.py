"""docs/crm.md and docs/examples: what is shown there is run here, by other programs, on a database of the real daemon."""

from __future__ import annotations

import base64
import grp
import json
import os
import pwd
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from mailbuilder import message
from office import picture
from running import PATIENCE, Relay

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
MANUAL = (ROOT / "docs" / "crm.md").read_text(encoding="utf-8")


def skip(reason):
    assert not os.environ.get("CI"), reason
    pytest.skip(reason)


def node():
    """A Node with node:sqlite: $BCC_RELAY_NODE, or the one on the PATH."""
    found = os.environ.get("BCC_RELAY_NODE") or shutil.which("node")
    if found is None:
        skip("needs Node 22.13 or newer: npm install node@22, and BCC_RELAY_NODE for its path")
    said = subprocess.run([found, "--version"], capture_output=True, text=True).stdout.strip()
    if tuple(map(int, said[1:].split(".")[:2])) < (22, 13):
        skip(
            f"{found} is {said}; node:sqlite needs 22.13 or newer: npm install node@22, and BCC_RELAY_NODE for its path"
        )
    return found


def program(language):
    """The words that start an example."""
    if language == "php":
        php = shutil.which("php")
        if php is None or "pdo_sqlite" not in subprocess.run([php, "-m"], capture_output=True, text=True).stdout:
            skip("needs PHP with PDO: apt-get install php-cli php-sqlite3")
        return [php, str(EXAMPLES / "php" / "crm.php")]
    if language == "node":
        return [node(), "--disable-warning=ExperimentalWarning", str(EXAMPLES / "node" / "crm.mjs")]
    if language == "python":
        # the system's own, as a CRM beside us has it; with its older SQLite
        return [
            next(p for p in ("/usr/bin/python3", shutil.which("python3")) if p and Path(p).exists()),
            "-I",
            str(EXAMPLES / "python" / "crm.py"),
        ]
    if shutil.which("sqlite3") is None:
        skip("needs the sqlite3 command: apt-get install sqlite3")
    return ["sh", str(EXAMPLES / "sqlite3" / "crm.sh")]


class Crm:
    """An example program on one database."""

    def __init__(self, language, database, before=()):
        self.words = [*before, *program(language), str(database)]
        self.octets = b""

    def run(self, *words, status=0):
        done = subprocess.run([*self.words, *map(str, words)], capture_output=True, timeout=PATIENCE)
        assert done.returncode == status, done.stderr.decode()
        return done.stdout if status == 0 else done.stderr

    def rows(self, *words):
        """JSON lines, or (sqlite3) one array."""
        text = self.run(*words).decode()
        return (
            json.loads(text or "[]")
            if text.startswith("[") or not text
            else [json.loads(line) for line in text.splitlines()]
        )

    def follow(self, *words):
        return subprocess.Popen([*self.words, "follow", *map(str, words)], stdout=subprocess.PIPE)


@pytest.fixture(params=["php", "node", "python", "sqlite3"])
def crm(request, office):
    return Crm(request.param, office.database)


def test_a_timeline_is_shown_in_pages_without_gap_or_repetition(crm, office):
    office.sql(  # more than two pages
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)"
        " INSERT INTO explicit_attribution (message_id, lead_id) SELECT id, 1 FROM message WHERE direction <> 'internal'"
    )
    office.sql("UPDATE lead SET merged_into = 1 WHERE id IN (2, 3)")
    [(count,)] = office.sql("SELECT count(*) FROM lead_timeline WHERE lead_id = 1")
    columns = "originated_at, message_id, direction, author_name, author_address, subject, snippet, attachment_count"
    whole = office.sql(
        f"SELECT {columns} FROM lead_timeline WHERE lead_id = 1 ORDER BY originated_at DESC, message_id DESC"
    )
    first = crm.rows("timeline", 1)
    assert [list(row.values()) for row in first] == whole[:50]
    middle = first[count // 2]
    rest = crm.rows("timeline", 1, middle["originated_at"], middle["message_id"])
    assert [list(row.values()) for row in rest] == whole[count // 2 + 1 :]
    assert crm.rows("timeline", 99) == []


def test_a_stranger_becomes_a_lead_with_all_her_mail(crm, office):
    waiting = crm.rows("unknown")
    assert [(row["party_name"], row["party_address"], row["why"]) for row in waiting] == [
        ("Carl Stone", "carl@stone.example", "no-lead"),
        ("Rosa Keller", "rosa@keller.example", "no-lead"),
    ]
    lead = int(crm.run("adopt", waiting[0]["message_id"]))
    assert [row["subject"] for row in crm.rows("timeline", lead)] == ["Recommended by Anna"]
    assert office.sql("SELECT name FROM lead WHERE id = ?", lead) == [["Carl Stone"]]
    assert len(crm.rows("unknown")) == 1
    before = office.sql("SELECT max(seq) FROM change")
    assert b"waits for nobody" in crm.run("adopt", waiting[0]["message_id"], status=1)
    assert office.sql("SELECT max(seq) FROM change") == before, "nothing half-done"


def test_a_message_is_shown_with_its_pictures_and_attachments_and_nothing_is_loaded(crm, office):
    [(offer, part)] = office.sql(
        "SELECT m.id, p.id FROM message m JOIN part p ON p.message_id = m.id"
        " WHERE m.internet_message_id = 'offer@example.org' AND p.kind = 'attachment'"
    )
    page = crm.run("page", offer).decode()
    assert "data:image/png;base64," + base64.b64encode(picture()).decode() in page
    assert "cid:" not in page
    assert not re.search(r"""(?<!-)\bsrc=(&quot;|")https?:""", page)
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "default-src 'none'" in page
    assert f'<a href="attachment/{part}">offer.pdf</a>' in page
    assert crm.run("attachment", part) == b"%PDF-1.4\n% an offer\n"
    assert b"no message 999" in crm.run("page", 999, status=1)
    assert b"no part 999" in crm.run("attachment", 999, status=1)


def test_what_a_stranger_wrote_is_escaped(crm, office):
    evil = "</iframe></pre><script>alert(1)</script>\"'&"
    office.sql("UPDATE message SET subject = ?, author_name = ? WHERE id = 2", evil, evil)
    office.sql("UPDATE message_text SET html = '', text = ? WHERE message_id = 2", evil)
    office.sql("UPDATE part SET filename = ? WHERE message_id = 2", evil)
    page = crm.run("page", 2).decode()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 5, "title, heading, author, text and file name"
    office.sql("UPDATE message_text SET html = ? WHERE message_id = 2", '<p title="</iframe><script>">x</p>')
    assert "<script" not in crm.run("page", 2).decode()
    office.sql("UPDATE message SET subject = 'x', author_name = 'y', visibility = 'withdrawn' WHERE id = 2")
    assert b"no message 2" in crm.run("page", 2, status=1)
    office.sql("UPDATE message SET visibility = 'all' WHERE id = 2")


def test_changes_are_heard_of_within_a_second(crm, office):
    office.start()
    office.filed(*office.send(message("anna@lindqvist.example", "bob@example.org", subject="First")))
    [(feed, newest)] = office.sql("SELECT feed_id, (SELECT max(seq) FROM change) FROM contract")
    follower = crm.follow(feed, newest - 1)
    try:
        assert _line(follower)["seq"] == newest
        for number in range(2):
            office.sql("UPDATE lead SET status = ? WHERE id = 2", f"stage {number}")
            written = time.monotonic()  # later than its commit
            told = _line(follower)
            assert time.monotonic() - written < 1.0
            assert (told["entity"], told["entity_id"], told["op"]) == ("lead", 2, "update")
        office.filed(*office.send(message("anna@lindqvist.example", "bob@example.org", subject="News")))
        told = _line(follower)
        assert (told["entity"], told["op"]) == ("message", "insert")
        office.sql("UPDATE _relay SET value = 'cafecafecafecafe' WHERE name = 'feed_id'")
        while "start_over" not in (told := _line(follower)):
            pass
        assert told == {"start_over": "cafecafecafecafe"}
    finally:
        follower.kill()
        follower.communicate()


_LEFT: dict[int, bytes] = {}


def _line(follower):
    """The next object that it prints."""
    left = _LEFT.setdefault(follower.pid, b"")
    end = time.monotonic() + PATIENCE
    while b"\n" not in left:
        ready, _, _ = select.select([follower.stdout], [], [], max(0, end - time.monotonic()))
        assert ready, "nothing came"
        piece = os.read(follower.stdout.fileno(), 65536)
        assert piece, "it ended"
        left += piece
    line, _, _LEFT[follower.pid] = left.partition(b"\n")
    return json.loads(line.strip().strip(b"[],"))


def test_leads_are_merged_and_deleted_and_a_table_of_our_own_goes_along(crm, office):
    crm.run("remind", 2, 'call: it\'s "urgent" – é')
    assert [row["text"] for row in crm.rows("reminders", 2)] == ['call: it\'s "urgent" – é']
    [(both,)] = office.sql("SELECT count(DISTINCT message_id) FROM lead_timeline WHERE lead_id IN (1, 2)")
    crm.run("merge", 2, 1)
    assert len(office.sql("SELECT message_id FROM lead_timeline WHERE lead_id = 1")) == both
    assert crm.rows("timeline", 2) == []
    assert [row["text"] for row in crm.rows("reminders", 1)] == ['call: it\'s "urgent" – é']
    waiting = len(crm.rows("unknown"))
    crm.run("delete", 1)
    assert crm.rows("timeline", 1) == []
    assert crm.rows("reminders", 1) == []
    assert len(crm.rows("unknown")) == waiting, "years of mail flood no list"


def test_a_mistyped_path_makes_no_database(crm, tmp_path):
    crm.words[-1] = str(tmp_path / "none.db")
    assert crm.run("unknown", status=1)
    assert not (tmp_path / "none.db").exists()


HOLDER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(1.2)
db.execute("COMMIT")
"""


@pytest.mark.parametrize("language", ["php", "node", "python", "sqlite3"])
def test_it_waits_for_another_writer(language, office):
    """The relay, or another program, holds the write lock for a second: nothing is lost and nothing is said."""
    crm = Crm(language, office.database)
    crm.run("remind", 1, "first")
    holder = subprocess.Popen(
        [sys.executable, "-I", "-c", HOLDER, str(office.database)],
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline() == b"held\n"
        crm.run("remind", 1, "second")
    assert [row["text"] for row in crm.rows("reminders", 1)] == ["first", "second"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
@pytest.mark.parametrize(
    ("language", "running"), [("php", True), ("php", False), ("node", True), ("python", False), ("sqlite3", True)]
)
def test_another_user_of_the_group_reads_and_writes_with_the_relay_running_and_stopped(
    language, running, public, tmp_path
):
    if shutil.which("setpriv") is None:
        skip("needs setpriv (package util-linux)")
    nobody, group = pwd.getpwnam("nobody").pw_uid, grp.getgrnam("users").gr_gid
    shared = public.database.parent
    os.chown(shared, -1, group)
    shared.chmod(0o2770)
    for file in shared.iterdir():
        os.chown(file, -1, group)
        file.chmod(0o660)
    if running:
        public.start()
    before = [
        "setpriv",
        f"--reuid={nobody}",
        f"--regid={nobody}",
        f"--groups={group}",
        "sh",
        "-c",
        'umask 007; exec "$@"',
        "sh",
    ]
    crm = Crm(language, public.database, before)
    # The repository and Node may stand where that user cannot go.
    for word, mode in ((-2, 0o644), (len(before), 0o755)):
        if (
            Path(crm.words[word]).is_absolute()
            and subprocess.run([*before, "cat", crm.words[word]], capture_output=True).returncode
        ):
            copied = public.folder / Path(crm.words[word]).name
            shutil.copy(crm.words[word], copied)
            copied.chmod(mode)
            crm.words[word] = str(copied)
    assert crm.rows("timeline", 1)
    crm.run("remind", 1, "as another user")
    assert len(crm.rows("reminders", 1)) == 1
    assert int(crm.run("adopt", crm.rows("unknown")[0]["message_id"]))


@pytest.fixture
def public(furnished):
    """The office in a folder that other users can enter: pytest keeps its own from them."""
    with tempfile.TemporaryDirectory(prefix="bcc-relay-test-") as folder:
        Path(folder).chmod(0o755)
        relay = Relay(Path(folder) / "relay")
        for each in ("shared", "vault"):
            shutil.copytree(furnished.folder / each, relay.folder / each, dirs_exist_ok=True)
        try:
            yield relay
            relay.verify()
        finally:
            relay.stop()


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", MANUAL, flags=re.MULTILINE | re.DOTALL)


def test_every_statement_of_the_manual_runs_in_the_sqlite3_command(office):
    if shutil.which("sqlite3") is None:
        skip("needs the sqlite3 command: apt-get install sqlite3")
    found = blocks("sql")
    assert len(found) >= 4
    for block in found:
        done = subprocess.run(
            ["sqlite3", "-batch", "-bail", "-cmd", ".timeout 5000", str(office.database)],
            input=block, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), block
    assert office.sql("SELECT name FROM lead WHERE external_id = 'K-77'") == [["Rosa Keller-Brandt"]]
    assert office.sql("SELECT merged_into FROM lead WHERE id = 5") == [[1]]
    assert office.sql("SELECT message_id FROM dismissal") == [[26]]


def test_words_are_searched_as_the_manual_says(office):
    office.run("search", "--rebuild")
    [block] = blocks("sql search")
    done = subprocess.run(
        ["sqlite3", "-batch", "-bail", str(office.database)], input=block, capture_output=True, text=True,
        cwd=office.database.parent, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Plans for the foundation" in done.stdout


def test_the_manual_links_to_files_that_are_there_and_names_every_command_of_the_examples():
    for target in re.findall(r"\]\(([^)#:]+)", MANUAL):
        assert (ROOT / "docs" / target).exists(), target
    for command in (
        "timeline",
        "unknown",
        "adopt",
        "page",
        "attachment",
        "follow",
        "merge",
        "delete",
        "remind",
        "reminders",
    ):
        assert f"`{command}" in MANUAL
        for file in EXAMPLES.glob("*/crm.*"):
            assert f" {command}" in file.read_text(encoding="utf-8"), (file, command)


def test_the_manual_names_only_what_the_database_has(office):
    names = {name for (name,) in office.sql("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    columns = {
        name
        for table in names
        for (name,) in office.sql("SELECT name FROM pragma_table_xinfo(?)", table)
        if not table.startswith("_")
    }
    written = set(re.findall(r"`([a-z]+_[a-z_]+)(?:\.[a-z_]+)?`", MANUAL))
    ours = {"explicit_attribution"}
    pragmas = {"journal_mode"}
    unknown = written - names - columns - ours - pragmas
    assert not unknown, unknown
