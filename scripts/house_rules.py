"""House rules that no linter knows: docstrings that teach, files of one idea, links that lead somewhere.

Prints `file:line: what is wrong` and exits 1 if there is anything.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LONGEST = 400
"""Lines of a module; design asks for about 350, and a file that grows past it has found a second idea."""

WORDS = re.compile(r"(?:manager|helpers?|utils?|common|base|core|services?|processor|engine|items?)\.py\Z")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository; without git, all that are there."""
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).exists()]
    return [path for pattern in patterns for path in sorted(ROOT.rglob(pattern)) if ".venv" not in path.parts]


def modules() -> Iterator[str]:
    for path in tracked("*.py"):
        name = path.relative_to(ROOT)
        text = path.read_text(encoding="utf-8")
        # A test file's promises are in the names of its tests.
        if name.parts[0] != "tests" and not ast.get_docstring(ast.parse(text)):
            yield f"{name}:1: opens without a docstring that says what it decides"
        lines = text.count("\n")
        if name.parts[0] == "relay" and lines > LONGEST:
            yield f"{name}:{lines}: {lines} lines: has found a second idea"
        if name.parts[0] == "relay" and WORDS.match(path.name):
            yield f"{name}:1: a name that says nothing"


def papers() -> Iterator[str]:
    for path in tracked("*.md"):
        name = path.relative_to(ROOT)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for link in LINK.findall(line):
                if not (path.parent / link).exists():
                    yield f"{name}:{number}: the link {link} leads nowhere"
    for needed in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "docs/cli.md", "docs/schema.md"):
        if not (ROOT / needed).exists() or not (ROOT / needed).stat().st_size:
            yield f"{needed}:1: is missing"


def requirements() -> Iterator[str]:
    """No registry's address: the pip of whoever installs knows where its index is."""
    for path in tracked("requirements*.txt", "*.toml", "scripts/*", ".ci/*"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if (
                re.search(r"(?:--index-url|--extra-index-url|--find-links|index-url\s*=)", line)
                and path.name != Path(__file__).name
            ):
                yield f"{path.relative_to(ROOT)}:{number}: names a package index"


def main() -> int:
    wrong = [*modules(), *papers(), *requirements()]
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
