"""docs/behaviours.md names each behaviour with the tests that hold it."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_docs_behaviours_has_all_25_and_their_tests():
    page = (HERE.parents[1] / "docs" / "behaviours.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| .+ \| (.+) \|$", page, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 26))
    told = [(name, int(number)) for number, names in rows for name in re.findall(r"`(\w+)`", names)]
    source = "\n".join(path.read_text("utf-8") for path in sorted(HERE.glob("test_*.py")))
    assert sorted(told) == sorted(
        (name, int(number)) for name, number in re.findall(r"^def (test_(\d\d)_\w+)", source, re.MULTILINE)
    )
