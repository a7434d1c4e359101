"""docs/parsing.md names every defect that the reader can give, and no other."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = ("header", "mime", "reading", "charset", "transfer", "fallback")


def test_the_page_about_reading_names_every_defect():
    told = set(re.findall(r"`([a-z0-9]+(?:-[a-z0-9]+)+|unparsable)`", (ROOT / "docs" / "parsing.md").read_text()))
    source = "".join((ROOT / "relay" / "mail" / f"{name}.py").read_text() for name in FILES)
    given = set(re.findall(r'defects\["([a-z0-9-]+)"', source)) | set(
        re.findall(r'defects\.append\("([a-z0-9-]+)"', source)
    )
    given |= set(re.findall(r'^[A-Z_0-9]+ = "([a-z0-9]+(?:-[a-z0-9]+)+|unparsable)"$', source, re.MULTILINE))
    given |= {"boundary-not-found", "missing-boundary"}
    assert given <= told, given - told
    assert {
        name for name in told if name.split("-")[0] in ("missing", "unreadable", "unclosed", "bad", "unknown", "too")
    } <= given
