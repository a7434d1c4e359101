"""The tables of the languages: right, complete, read whole, and added to as the page says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.mail import labels, quote
from relay.mail.forward import structure, written_date
from relay.mail.forward import text as forwarded
from relay.mail.reference import is_forward_subject, is_reply_subject, split_prefixes

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "relay" / "mail" / "languages"


def test_each_file_of_the_folder_is_read_and_nothing_else():
    assert sorted(labels.CODES) == sorted(file.stem for file in FOLDER.glob("*.txt"))
    assert labels.CODES[0] == "en"
    assert len(labels.CODES) >= 60


@pytest.mark.parametrize("code", labels.CODES)
def test_a_table_has_no_mistake(code):
    language, problems = labels.read_table(code, labels.table(code))
    assert problems == []
    assert {"from", "to", "cc", "date", "subject"} <= set(language.labels.values())
    assert language.titles
    assert language.original
    assert language.wrote
    assert set(language.months.values()) == set(range(1, 13)) or language.order == "ymd"
    # What a table says is its client's: their names stand in the comment on top.
    first, second, *_ = labels.table(code).splitlines()
    assert first.startswith("# ")
    assert second.startswith("# ")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("from", "xx.txt line 6: no colon behind the role: 'from'"),
        ("form: Von", "xx.txt line 6: no such role: 'form'"),
        ("months: a; b", "xx.txt line 6: months has 2 groups by ';', not 12"),
        ("numeric: german", "xx.txt line 6: numeric is one of dmy, mdy, unknown, ymd, not 'german'"),
        ("cc: Ti", "xx.txt line 6: 'ti' is 'to' above and 'cc' here"),
        ("zones: CET 1", "xx.txt line 6: a zone is written 'NAME +01:00', not 'cet 1'"),
        ("months: a; b; c; d; e; f; g; h; i; j; k; a", "xx.txt line 6: 'a' is two months"),
    ],
)
def test_a_mistake_in_a_table_is_told_by_its_line_and_costs_that_line_only(line, told):
    good = "# X\nfrom: Fi\nto: Ti\ndate: Da\nsubject: Su\n"
    language, problems = labels.read_table("xx", good + line + "\n")
    assert problems == [told]
    assert language.labels["fi"] == "from"


def test_a_table_without_the_labels_of_a_block_says_so():
    assert labels.read_table("xx", "from: F\n")[1] == ["xx.txt: a language needs labels for from, to, date and subject"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Message d’origine", "message d'origine"),
        ("主 题", "主题"),
        ("보낸 사람", "보낸사람"),
        ("إلى", "الى"),
        ("ÎLETEN".replace("Î", "İ"), "ileten"),
        ("รับสํา", "รับสำ"),
        ("\u200fמאת\u200e", "מאת"),
        ("Trimis\xa0la", "trimis la"),
        ("e\u0301crit", "écrit"),
    ],
)
def test_words_that_are_written_in_several_ways_are_one(one, other):
    assert labels.key(one) == labels.key(other)


@given(st.text(max_size=60))
def test_the_key_of_a_key_is_itself(text):
    once = labels.key(text)
    assert labels.key(once) == labels.key(labels.key(once))


def test_a_prefix_of_two_languages_is_told_by_the_language_of_the_block():
    assert is_forward_subject("VS: x", "da")
    assert is_reply_subject("VS: x", "fi")
    assert not is_forward_subject("VS: x", "fi")
    assert not is_forward_subject("VS: x")


@pytest.mark.parametrize("code", labels.CODES)
def test_the_prefixes_of_every_language_are_taken_off_a_subject(code):
    language = labels.BY_CODE[code]
    for prefix in language.forward | language.reply:
        for subject in (f"{prefix}: Offer", f"{prefix.upper()}: Offer", f"{prefix} : Offer", f"{prefix}：Offer"):
            assert split_prefixes(subject)[1] == "Offer", subject


def test_the_page_names_every_language():
    page = (ROOT / "docs" / "forwards.md").read_text("utf-8")
    [(count, line)] = re.findall(r"^- (\d+) languages: (.*)$", page, re.MULTILINE)
    assert sorted(re.findall(r"\(`([a-z-]+)`\)", line)) == sorted(labels.CODES)
    assert int(count) == len(labels.CODES)
    for code in labels.CODES:
        name = labels.table(code).splitlines()[0].lstrip("# ").split(",")[0].split(" ")[0]
        assert re.search(rf"\b{re.escape(name)}\b[^`]*\(`{code}`\)", line), code


def test_a_language_is_added_as_the_page_says(tmp_path):
    page = (ROOT / "docs" / "forwards.md").read_text("utf-8")
    table = re.search(r"```text\n(# Esperanto\n.*?)```", page, re.DOTALL)[1]
    mail = re.search(r"```text\n(FYI\n.*?)```", page, re.DOTALL)[1]
    shutil.copytree(ROOT / "relay", tmp_path / "relay", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "relay" / "mail" / "languages"
    (folder / "eo.txt").write_text(table, "utf-8")
    listed = (folder / "__init__.py").read_text("utf-8")
    (folder / "__init__.py").write_text(listed.replace('"en",', '"en", "eo",'), "utf-8")
    program = (
        "import sys; from relay.mail import labels; from relay.mail.forward import text, written_date\n"
        "assert labels.read_table('eo', labels.table('eo'))[1] == []\n"
        "found = text.find(sys.stdin.read())\n"
        "print(found.author.address, found.language, written_date.read(found.date, language=found.language).at)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], input=mail, capture_output=True, encoding="utf-8", cwd=tmp_path, timeout=60
    )
    assert run.stderr == ""
    assert run.stdout.split(" ", 2) == ["ana@lead.example", "eo", "2026-10-27 09:31:00+00:00\n"]


WORDS = sorted({word for code in labels.CODES for word in re.split(r"[:|;\n]", labels.table(code)) if len(word) < 40})
PIECES = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(
        [":", "：", "\n", "\n\n", "> ", "-----", "________", " <a@x.example>", "27 ", "10.", "2021", "09:31", "*", "\t"]
    ),
    st.text(max_size=6),
)


@given(st.lists(PIECES, max_size=40).map("".join), st.sampled_from(labels.CODES))
def test_no_words_of_any_language_raise_or_lose_a_line(text, code):
    forwarded.find(text)
    written_date.read(text[:150], language=code)
    structure.find_structured(f'<div id="divRplyFwdMsg">{text}</div>')
    words, quoted = quote.split(text)
    kept = [line for line in [*words.split("\n"), *quoted.split("\n")] if line and not line.isspace()]
    assert sorted(kept) == sorted(line for line in text.split("\n") if line and not line.isspace())


def test_the_work_for_a_line_does_not_grow_with_the_languages(monkeypatch):
    """A line that is no label costs one look-up, a label a bounded number, whatever the number of tables."""
    asked = 0

    class Counting(dict):
        def __contains__(self, name):
            nonlocal asked
            asked += 1
            return super().__contains__(name)

    from relay.mail.forward import block_line

    monkeypatch.setattr(block_line, "LABELS", Counting(labels.LABELS))
    forwarded.find("some words: and more words 12:30\n" * 2000)
    assert asked <= 2 * 2000
    asked = 0
    forwarded.find(("From: Ann <a@x.example> " + "a: b: c: d: " * 20 + "\n") * 2000)
    assert asked <= 200 * (2 * block_line.MAX_COLONS * block_line.MAX_STARTS)
