"""The log: one event for a fact on one line, in the form its reader needs, and no flood of them."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from relay import log

EVIL = 'mx\n<0>timestamp=2026-01-01 level=error event=forged\r\x1b]0;x\x07\x1b[2J\u202e\u2028 " = \\ \ud800\x00\x85'
ESCAPED = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2028\u2029\ud800-\udfff]")


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(log.INHERITED, "")
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    hooks = threading.excepthook, sys.excepthook
    before = list(logging.getLogger().handlers)
    yield
    threading.excepthook, sys.excepthook = hooks
    logging.getLogger().handlers[:] = before
    log.configure(level="info")
    threading.excepthook, sys.excepthook = hooks
    logging.getLogger().handlers[:] = before
    structlog.reset_defaults()


Lines = Callable[[], list[str]]


@pytest.fixture
def lines() -> Lines:
    stream = io.StringIO()
    log.configure(stream)
    return lambda: [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(form: str = "auto", stream: io.StringIO | None = None, level: str = "debug") -> Callable[..., str]:
    """`say(level, event, ...)` gives what was written."""
    there = stream if stream is not None else io.StringIO()
    log.configure(there, form=form, level=level)

    def say(how: str, event: str, **facts: object) -> str:
        there.seek(0)
        there.truncate()
        getattr(log.log(), how)(event, **facts)
        return there.getvalue()

    return say


# -- sums ------------------------------------------------------------------------------------------


def test_what_happens_often_is_told_in_sums(lines: Lines) -> None:
    clock = [0.0]
    tally = log.Tally("mail.filed", "vault_id", singly=2, clock=lambda: clock[0])
    tally.tell()
    for number in range(1, 1001):
        tally.add(vault_id=f"e-{number}", message_id=number)
    assert lines() == [f"level=info event=mail.filed vault_id=e-{n} message_id={n}" for n in (1, 2)]
    clock[0] = 1.0
    tally.tell()
    tally.tell()
    assert lines()[2:] == ["level=info event=mail.filed count=998 first=e-3 last=e-1000"]


def test_mail_now_and_then_is_told_each_by_itself(lines: Lines) -> None:
    clock = [5.0]
    tally = log.Tally("mail.filed", "vault_id", clock=lambda: clock[0])
    for number in range(100):
        clock[0] += 0.2
        tally.add(vault_id=f"e-{number}")
    assert len(lines()) == 100
    assert not tally.waiting


def test_a_flood_of_days_costs_the_journal_few_lines(lines: Lines) -> None:
    clock = [0.0]
    tally = log.Tally("mail.accepted", "vault_id", clock=lambda: clock[0])
    for number in range(30_000):
        clock[0] = number / 1000
        tally.add(vault_id=f"e-{number}")
    tally.tell(now=True)
    told = lines()
    assert len(told) <= 30 * (log.SINGLY + 1)
    counted = sum(int(found[1]) if (found := re.search(r"count=(\d+)", line)) else 1 for line in told)
    assert counted == 30_000, "no mail is left out"


def test_at_level_debug_each_mail_is_told(lines: Lines) -> None:
    stream = io.StringIO()
    log.configure(stream, level="debug")
    tally = log.Tally("mail.accepted", "vault_id")
    for number in range(200):
        tally.add(vault_id=f"e-{number}")
    assert stream.getvalue().count("\n") == 200


# -- forms -----------------------------------------------------------------------------------------


def test_a_file_or_pipe_gets_logfmt_with_the_time() -> None:
    line = said()("info", "daemon.ready", pid=7, on="a b", who='the "x"', yes=True, nothing=None)
    assert re.fullmatch(
        r"timestamp=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z level=info event=daemon\.ready pid=7 "
        r'on="a b" who="the \\"x\\"" yes=true nothing=\n',
        line,
    )


def test_a_terminal_gets_short_coloured_lines_in_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    line = said(stream=Terminal())("warning", "mail.deferred", why="no-room", on="a b")
    assert "\x1b[" in line
    plain = re.sub(r"\x1b\[[0-9;]*m", "", line)
    assert re.fullmatch(r'\d\d:\d\d:\d\d warning mail\.deferred {6}why=no-room on="a b"\n', plain)


@pytest.mark.parametrize(("variable", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "")])
def test_no_colour_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, value)
    assert "\x1b" not in said(stream=Terminal())("error", "filer.died", status="SIGKILL")


def test_json_by_option_is_one_object_on_one_line_also_on_a_terminal() -> None:
    line = said("json", Terminal())("info", "mail.filed", vault_id="e-1", message_id=3)
    found = json.loads(line)
    assert line.count("\n") == 1
    assert list(found)[:3] == ["timestamp", "level", "event"]
    assert (found["event"], found["vault_id"], found["message_id"]) == ("mail.filed", "e-1", 3)


def in_the_journal(tmp_path: Path, form: str, program: str) -> list[str]:
    """What a process says whose standard error is the journal (systemd.exec(5), $JOURNAL_STREAM)."""
    with (tmp_path / "journal").open("w+") as journal:
        there = os.fstat(journal.fileno())
        environment = {**os.environ, "JOURNAL_STREAM": f"{there.st_dev}:{there.st_ino}"}
        start = f"from relay import log; log.configure(form={form!r}, level='debug'); l = log.log()\n"
        subprocess.run([sys.executable, "-c", start + program], stderr=journal, env=environment, check=True)
        journal.seek(0)
        return journal.read().splitlines()


LEVELS = "l.debug('a.a', x=1); l.info('a.a', x=1); l.warning('a.a', x=1); l.error('a.a', x=1)"


def test_the_journal_gets_priorities_and_no_time(tmp_path: Path) -> None:
    assert in_the_journal(tmp_path, "auto", LEVELS) == [
        "<7>level=debug event=a.a x=1",
        "<6>level=info event=a.a x=1",
        "<4>level=warning event=a.a x=1",
        "<3>level=error event=a.a x=1",
    ]


def test_json_in_the_journal_has_its_priority_too(tmp_path: Path) -> None:
    found = in_the_journal(tmp_path, "json", LEVELS)
    assert [line[:3] for line in found] == ["<7>", "<6>", "<4>", "<3>"]
    assert [json.loads(line[3:])["level"] for line in found] == ["debug", "info", "warning", "error"]


def test_an_exception_is_an_error_in_the_journal_on_one_line(tmp_path: Path) -> None:
    [line] = in_the_journal(tmp_path, "auto", "try: int('Geheim')\nexcept ValueError: l.exception('a.a')")
    assert line.startswith("<3>level=error event=a.a error=ValueError where=")
    assert "Geheim" not in line


def test_another_journal_than_ours_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    with (tmp_path / "log").open("w") as stream:
        log.configure(stream)
        log.log().info("a.a")
        stream.flush()
    assert (tmp_path / "log").read_text().startswith("timestamp=")


def test_the_processes_beside_the_daemon_log_as_it_does() -> None:
    log.configure(io.StringIO(), level="warning", form="json")
    program = "from relay import log; log.configure_as_parent(); l = log.log(); l.info('a.a'); l.warning('b.b', x=1)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    [line] = done.stderr.splitlines()
    assert json.loads(line)["event"] == "b.b"


@pytest.mark.parametrize("told", ["", "nonsense", "json x", "xml 20", "json"])
def test_a_process_that_was_told_nonsense_logs_all_the_same(told: str) -> None:
    program = "from relay import log; log.configure_as_parent(); log.log().info('a.a')"
    environment = {**os.environ, log.INHERITED: told}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert "level=info event=a.a" in done.stderr


def test_a_new_level_holds_for_loggers_that_exist() -> None:
    stream = io.StringIO()
    log.configure(stream, level="warning")
    logger = log.log(client="c")
    logger.info("a.a")
    log.configure(stream, level="info")
    logger.info("b.b")
    assert "a.a" not in stream.getvalue()
    assert "event=b.b" in stream.getvalue()


# -- strangers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["logfmt", "json", "terminal"])
@pytest.mark.parametrize("how", ["debug", "info", "warning", "error"])
def test_a_stranger_cannot_forge_a_line_or_touch_the_terminal(
    form: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    say = said() if form == "logfmt" else said("json") if form == "json" else said(stream=Terminal())
    line = say(how, "mail.refused", client=EVIL, list=[EVIL], why="size")
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert not ESCAPED.search(line[:-1])
    if form == "json":
        assert json.loads(line)["client"] == EVIL
        assert json.loads(line)["event"] == "mail.refused"
    else:
        outside = re.sub(r'"(?:[^"\\]|\\.)*"', '""', line)
        assert "forged" not in outside, "what a stranger said is inside quotes"
        assert "why=size" in outside


def test_no_value_is_without_end() -> None:
    for form in ("logfmt", "json"):
        assert len(said(form)("info", "a.a", name="x" * 1_000_000)) < 2_000


def test_what_libraries_say_is_an_event_of_one_line_without_the_text_of_exceptions() -> None:
    stream = io.StringIO()
    log.configure(stream)
    logging.getLogger("asyncio").error(
        "Task exception was never retrieved\nfuture: Geheim", exc_info=ValueError("Geheim")
    )
    logging.getLogger("mail.log").info("addresses at info")
    [line] = stream.getvalue().splitlines()
    assert 'event=library.said library=asyncio why="Task exception was never retrieved" error=ValueError' in line
    assert "Geheim" not in line


def test_a_fault_of_ours_is_one_line_with_its_place_and_without_its_text() -> None:
    for program, event in (
        ("int('Geheim')", "process.failed"),
        (
            "import threading\nt = threading.Thread(target=int, args=('Geheim',), name='vault-writer'); t.start(); t.join()",
            "thread.died",
        ),
    ):
        start = "from relay import log; log.configure()\n"
        done = subprocess.run([sys.executable, "-c", start + program], capture_output=True, text=True, check=False)
        [line] = done.stderr.splitlines()
        assert f"event={event}" in line
        assert "error=ValueError" in line
        assert "Geheim" not in line


# -- readers that fail -----------------------------------------------------------------------------


def test_a_log_that_nobody_reads_does_not_stop_the_work() -> None:
    stream = io.StringIO()
    log.configure(stream)
    stream.close()
    log.Tally("mail.filed").add(vault_id="e-1")


def test_a_full_pipe_loses_lines_and_says_so_later_but_never_waits() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        log.configure(stream)
        logger = log.log()
        for number in range(5_000):  # more than a pipe holds; a stream that waits would wait for ever
            logger.info("a.a", number=number)
        got = reader.read(1 << 20)
        logger.info("b.b")
        got += reader.read(1 << 20)
    whole = got.decode().splitlines()
    [lost] = [line for line in whole if "event=log.lost" in line]
    missing = int(lost.partition("count=")[2].partition(" ")[0])
    assert missing > 0
    assert sum("event=a.a" in line for line in whole) == 5_000 - missing
    assert "event=b.b" in whole[-1]
