"""The program as a whole: help and version everywhere, exit statuses, one line for every foreseeable fault."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from mailbuilder import message
from running import Relay, stranger

from relay import __version__
from relay.cli.fault import sentence
from relay.cli.program import program, run

ROOT = Path(__file__).parents[2]


def every(command=program, words=()):
    yield command, words
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from every(inner, (*words, name))


def test_every_command_has_help_and_version(capsys):
    for _, words in every():
        for option in ("-h", "--help"):
            assert run([*words, option]) == 0
            assert capsys.readouterr().out.startswith("Usage: bcc-relay")
        assert run([*words, "--version"]) == 0
        assert capsys.readouterr().out == f"bcc-relay {__version__}\n"


def test_every_command_says_what_it_does_in_its_first_line_and_every_option_has_help():
    for command, words in every():
        first = (command.help or "").strip().splitlines()[0]
        assert first.endswith("."), words
        assert not words or len(first) <= 75, words
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (words, parameter.name)


def test_the_commands_of_this_release_are_all_there():
    names = {" ".join(words) for _, words in every()}
    assert names >= {
        "demo", "serve", "config check", "staff add", "staff list", "staff leave", "lead add", "lead address add", "lead list",
        "lead show", "deal add", "deal list", "timeline", "show", "raw", "search", "unresolved", "unresolved list",
        "unresolved dismiss", "attach", "detach", "file", "status", "verify",
    }  # fmt: skip


def test_everything_that_reads_answers_in_json():
    for words in (
        "staff list",
        "lead list",
        "lead show",
        "deal list",
        "timeline",
        "show",
        "search",
        "unresolved",
        "unresolved list",
        "status",
        "verify",
    ):
        [command] = [c for c, w in every() if " ".join(w) == words]
        assert "as_json" in {p.name for p in command.params}, words


@pytest.mark.parametrize(("script", "made"), [("make_cli_docs", "manual"), ("make_man_page", "page")])
def test_the_papers_are_what_the_program_says(script, made):
    found = importlib.util.spec_from_file_location(script, ROOT / "scripts" / f"{script}.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert module.FILE.read_text(encoding="utf-8") == getattr(module, made)(), f"run scripts/{script}.py"


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_the_manual_page_is_without_fault():
    told = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", ROOT / "docs" / "bcc-relay.1"], capture_output=True)
    assert told.stdout == b""


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["nonsense"], 2), (["timeline"], 2), (["timeline", "1", "--limit", "0"], 2), (["lead", "add"], 2), (["search"], 2),
        (["status", "--nonsense"], 3), (["-c", "none.toml", "status"], 3), (["-c", "none.toml", "timeline", "status"], 1), ([], 2), (["lead"], 2),
    ],
)  # fmt: skip
def test_wrong_command_lines_exit_2_and_those_of_status_3(words, status, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run(words) == status
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(("bcc-relay: ", "Usage: "))


def test_help_answers_at_once_and_imports_nothing_heavy():
    script = "import sys; from relay.cli.program import run; run(['--help']); print(sorted(m for m in sys.modules if m in {'pysqlite3','sqlite_utils','structlog','asyncio','uvloop','email','tomllib'}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"
    took: list[float] = []
    for _ in range(5):  # seconds of the processor: those of the clock tell how busy the machine is
        before = os.times()
        subprocess.run([sys.executable, "-m", "relay", "--help"], capture_output=True, check=True, cwd=ROOT)
        after = os.times()
        took.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(took) < 0.3


def test_config_check_tells_all_mistakes_at_once(tmp_path, capsys):
    file = tmp_path / "c.toml"
    file.write_text('[capture]\nhostnam = "a.example"\n[limits]\nconnections = "x"\n')
    assert run(["-c", str(file), "config", "check"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{file}:{number}" for number in (1, 1, 2, 4)]
    file.write_text('[capture]\nhostname = "a.example"\naddresses = ["c@a.example"]\n[dns]\ntimeout = "8 s"\n')
    assert run(["-c", str(file), "config", "check"]) == 0
    assert capsys.readouterr().out == f"ok: {file}\n"


@pytest.fixture
def still(tmp_path):
    """A folder with a database and no daemon."""
    relay = Relay(tmp_path / "still")
    relay.run("lead", "add", "Anna", "anna@lead.example")
    return relay


def one_line(told: str, *said: str) -> None:
    assert told.startswith(("bcc-relay: ", "CRITICAL: ")), told
    assert told.count("\n") == 1, told
    for each in said:
        assert each in told


def test_a_missing_database_is_one_line(tmp_path):
    relay = Relay(tmp_path / "x")
    one_line(relay.run("timeline", "1", status=1), "relay.db", "`bcc-relay serve` makes it")
    one_line(relay.run("status", status=2), "relay.db")


def test_a_database_of_a_newer_version_is_one_line_and_stays_as_it_is(still):
    still.sql("PRAGMA user_version = 99")
    before = still.database.read_bytes()
    for words in (["timeline", "1"], ["lead", "add", "X"], ["verify"], ["serve"]):
        one_line(still.run(*words, status=1), "made by a newer bcc-relay")
    one_line(still.run("status", status=2), "newer")
    assert still.database.read_bytes() == before


def test_a_file_that_is_no_database_is_one_line(tmp_path):
    relay = Relay(tmp_path / "x")
    relay.database.write_bytes(b"not a database, but some text that is long enough to be looked at" * 50)
    for words in (["timeline", "1"], ["lead", "add", "X"], ["serve"]):
        one_line(relay.run(*words, status=1), "relay.db")


def test_every_line_of_a_list_of_commands_fits_a_terminal():
    for group, words in every():
        if isinstance(group, click.Group):
            column = max(map(len, group.commands)) + 4
            for name, command in group.commands.items():
                said = command.get_short_help_str()
                assert said.endswith("."), (*words, name)
                assert column + len(said) <= 78, f"{(*words, name)}: {column + len(said)}"


def test_a_locked_database_is_one_line_after_the_patience_of_a_crm(still):
    holder = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None); db.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-I", "-c", holder, still.database], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        one_line(still.run("lead", "add", "X", status=1), "holds the write lock", "nothing was written")
        still.run("timeline", "1")  # readers never wait
        process.stdin.close()
    assert still.sql("SELECT count(*) FROM lead") == [[1]]


def test_no_rights_is_one_line(still):
    still.vault.mkdir()
    powerless = []
    if os.geteuid() == 0:  # root without its capabilities is an ordinary owner
        powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    for folder in (still.database.parent, still.vault):
        folder.chmod(0o000)
    try:
        for words in (["timeline", "1"], ["lead", "add", "X"], ["serve"]):
            done = subprocess.run(
                [*powerless, *still.command(*words)], capture_output=True, text=True, check=False, cwd=ROOT
            )
            if powerless and "setpriv" in done.stderr:
                pytest.skip("this system does not let root give up its capabilities")
            assert done.returncode == 1
            one_line(done.stderr)
    finally:
        for folder in (still.database.parent, still.vault):
            folder.chmod(0o700)


def test_an_address_in_use_is_one_line(relay, tmp_path):
    other = Relay(tmp_path / "other")
    other.file.write_text(other.file.read_text().replace("127.0.0.1:0", f"127.0.0.1:{relay.port}"))
    told = other.run("serve", status=1).splitlines()
    assert told[-1].startswith("bcc-relay: ")
    assert f"127.0.0.1:{relay.port}" in told[-1]


def test_faults_of_system_and_database_are_sentences_and_our_own_are_not():
    assert "make room" in sentence(OSError(28, "No space left on device", "/x/y"))
    assert sentence(OSError(28, "No space left on device", "/x/y")).startswith("/x/y: ")
    from relay import sqlite

    assert "try again" in sentence(sqlite.OperationalError("database is locked"))
    assert "make room" in sentence(sqlite.OperationalError("database or disk is full"))
    assert sentence(sqlite.OperationalError("no such column: nonsense")) is None
    assert sentence(KeyError("x")) is None


def test_a_reader_that_leaves_early_is_no_fault(still):
    command = " ".join(still.command("lead", "list", "--json")) + " | head -c 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.stderr == ""


def test_a_terminal_without_utf8_gets_ascii(relay):
    relay.run("lead", "add", "Anna Öberg", "anna@lead.example")
    relay.filed(*relay.send(message(subject="Grüße")))
    done = subprocess.run(
        relay.command("timeline", "1"),
        capture_output=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert done.stdout.isascii()
    assert b"->" in done.stdout


def test_json_is_json_and_words_are_words_where_the_locale_knows_ascii_only(still):
    ascii_only = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    options = {"capture_output": True, "check": True, "cwd": ROOT, "env": ascii_only}
    assert subprocess.run(still.command("lead", "add", "Jörg Ö"), **options).stdout == b"2\n"
    answered = subprocess.run(still.command("lead", "list", "--json"), **options).stdout
    assert answered.isascii()
    assert [each["name"] for each in json.loads(answered)] == ["Jörg Ö", "Anna"]


def test_a_closed_standard_output_is_no_fault(still):
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *still.command("timeline", "1")], capture_output=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_demonstration_shows_both_directions_and_cleans_up(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "TERM")}
    done = subprocess.run(
        [sys.executable, "-m", "relay", "demo"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**environment, "TMPDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {line[0] for line in done.stdout.splitlines() if "  today " in line or "#" in line} >= {"→", "←"}
    assert "FROM lead_timeline" in done.stdout
    assert done.stdout.count(" incoming ") == 2
    assert done.stdout.count(" outgoing ") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_stranger_s_lead_attaches_old_mail_and_the_timeline_shows_it(relay):
    relay.filed(*relay.send(message(to="eve@new.example")))
    relay.sql("INSERT INTO lead (name) VALUES ('Eve')")
    stranger(relay.database, "INSERT INTO lead_address (lead_id, address) VALUES (1, ' Eve@New.Example ')")
    assert "Offer" in relay.run("timeline", "eve@new.example")


PAPERS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]


def test_every_command_and_option_that_a_paper_shows_is_there():
    """Behind a backtick, or at the beginning of a line of an example."""
    known = {" ".join(words): command for command, words in every()}
    shown = 0
    for paper in PAPERS:
        for block, inline in re.findall(
            r"^```[a-z ]*\n(.*?)^```|`(bcc-relay [^`\n]*)`", paper.read_text("utf-8"), re.DOTALL | re.MULTILINE
        ):
            for line in re.findall(r"^bcc-relay ([a-z].*)$", block or inline, re.MULTILINE):
                words = re.split(r" *[|#>]", line)[0].split()
                depth = next(n for n in range(len(words), -1, -1) if " ".join(words[:n]) in known)
                assert depth, (paper.name, line)
                command = known[" ".join(words[:depth])]
                assert not isinstance(command, click.Group) or depth == len(words) or not words[depth].isalpha(), line
                there = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
                asked = {word.partition("=")[0] for word in words if word.startswith("--")}
                assert asked <= {*there, "--help", "--version"}, (paper.name, line)
                shown += 1
    assert shown > 100
