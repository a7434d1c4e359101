"""Where reading goes on, and what is shown meanwhile."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from relay.cli.import_progress import ImportProgress
from relay.cli.importing_page import described, sum_page
from relay.cli.terminal import Screen
from relay.work.import_marks import NAME, Marks
from relay.work.importing import Sum


def test_reading_goes_on_where_it_was_only_while_the_file_and_the_options_are_the_same(tmp_path: Path) -> None:
    box = tmp_path / "box"
    box.write_bytes(b"x" * 1000)
    marks = Marks(tmp_path, "0-")
    assert marks.begin(str(box)) == 0
    marks.note(str(box), 600)
    marks.write()
    assert Marks(tmp_path, "0-").begin(str(box)) == 600
    assert Marks(tmp_path, "1-").begin(str(box)) == 0
    assert "box" not in (tmp_path / NAME).read_text("ascii"), "what people call their mailboxes is their own business"
    assert (tmp_path / NAME).stat().st_mode & 0o077 == 0
    with box.open("ab") as file:
        file.write(b"more")
    assert Marks(tmp_path, "0-").begin(str(box)) == 0


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": "b"}', '{"a": -1}', "\xff"])
def test_marks_that_cannot_be_read_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text, "latin-1")
    (tmp_path / "box").write_bytes(b"x" * 10)
    assert Marks(tmp_path, "").begin(str(tmp_path / "box")) == 0


def test_a_bar_on_a_terminal_lines_anywhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, told in ((Terminal(), 2), (io.StringIO(), 1)):
        now = [100.0]
        monkeypatch.setattr("sys.stderr", stream)
        progress = ImportProgress(4_000_000, lambda: 34_120, clock=lambda now=now: now[0])
        progress.skip(1_000_000)
        progress.add(1_000_000)
        for now[0] in (110.0, 110.1, 131.0):
            progress.show()
        progress.clear()
        said = stream.getvalue()
        assert said.count("34,120 mails") == told
        assert said.count("[============>") == (2 if told == 2 else 0)
        assert " 50 %  34,120 mails  0.0 MB/s" in said
        assert "left" in said
        assert said.endswith("\r\x1b[K" if told == 2 else "\n")


def test_the_sum_names_what_was_damaged_and_cannot_be_tricked_by_names() -> None:
    found = Sum(taken=2, octets=2048, known=1)
    found.left_out["spam"] = 3
    found.no_mail = 1
    for number in range(1200):
        found.damage(f"/home/x/evil\x1b[2J\udcff{number}.eml", "empty")
    lines = "\n".join(sum_page(found, Screen(), dry_run=False))
    assert "2 mails taken (2.0 KiB), 1 already here" in lines
    assert "1 file that is no mail" in lines
    assert "left out: 3 spam; --all takes them too" in lines
    assert "1,200 mails or files left out:" in lines
    assert "and 1,180 more; --json names them" in lines
    assert "\x1b" not in lines
    told = described(found, stopped=False, dry_run=False)
    assert (told["damaged_count"], len(told["damaged"])) == (1200, 1000)
    str(told).encode("utf-8")
