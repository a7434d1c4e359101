"""Where in a TOML file each key and list element stands.

`tomllib` gives values without positions, and a mistake is only half told without its line. This walks
a document that tomllib has already accepted, so it never judges: it only has to keep in step through
strings, comments, arrays, inline tables, dotted and quoted keys, tables and arrays of tables.
"""

from __future__ import annotations

import contextlib
import re
import tomllib

Path = tuple[str | int, ...]
"""Keys, and indices for elements of arrays and arrays of tables: `("admission", "upstream", 0, "networks")`."""

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")
_STRINGS = {
    # A run of one or two quotation marks is content; the closing three may follow one or two of them. The classes are
    # possessive, or a string that nothing closes would be tried in every division (not the groups: Python before
    # 3.11.5 goes wrong on those).
    '"""': re.compile(r'"""(?:[^"\\]++|\\.|"{1,2}(?!"))*"{3,5}', re.DOTALL),
    "'''": re.compile(r"'''(?:[^']++|'{1,2}(?!'))*'{3,5}", re.DOTALL),
    '"': re.compile(r'"(?:[^"\\\n]|\\.)*"'),
    "'": re.compile(r"'[^'\n]*'"),
}


def positions(document: str) -> dict[Path, int]:
    """Line numbers, counted from 1, of every key, table and array element. `document` is valid TOML."""
    walk = _Walk(document.replace("\r\n", "\n"))
    # Better a mistake without its line than none at all: should the walk lose its way, what it has is kept.
    with contextlib.suppress(ValueError, IndexError):
        walk.run()
    return walk.lines


class _Walk:
    def __init__(self, document: str) -> None:
        self.document = document
        self.at = 0
        self.line = 1
        self.counted = 0
        self.lines: dict[Path, int] = {}
        self.tables: dict[Path, int] = {}
        """How many elements each array of tables has so far, by its resolved path."""

    def run(self) -> None:
        table: Path = ()
        while True:
            self.match(_BLANK)
            if self.at >= len(self.document):
                return
            if self.document.startswith("[", self.at):
                table = self.header()
            else:
                self.pair(table)

    def header(self) -> Path:
        several = self.document.startswith("[[", self.at)
        self.at += 2 if several else 1
        self.match(_SPACE)
        line = self.here()
        names = self.key()
        self.match(_SPACE)
        self.at += 2 if several else 1
        found: Path = ()
        for name in names[:-1]:
            found = (*found, name)
            self.note(found, line)
            if found in self.tables:
                found = (*found, self.tables[found] - 1)
        found = (*found, names[-1])
        self.note(found, line)
        if several:
            self.tables[found] = self.tables.get(found, 0) + 1
            found = (*found, self.tables[found] - 1)
            self.lines[found] = line
        return found

    def pair(self, table: Path) -> None:
        line = self.here()
        found = table
        for name in self.key():
            found = (*found, name)
            self.note(found, line)
        self.match(_SPACE)
        self.at += 1  # "="
        self.match(_SPACE)
        self.value(found)

    def key(self) -> list[str]:
        names: list[str] = []
        while True:
            self.match(_SPACE)
            quote = self.document[self.at]
            if quote in "\"'":
                written = self.match(_STRINGS[quote])
                names.append(str(tomllib.loads(f"key = {written}")["key"]))
            else:
                names.append(self.match(_BARE_KEY))
            self.match(_SPACE)
            if not self.document.startswith(".", self.at):
                return names
            self.at += 1

    def value(self, found: Path) -> None:
        opening = self.document[self.at]
        if opening == "[":
            self.array(found)
        elif opening == "{":
            self.inline_table(found)
        elif opening in "\"'":
            triple = self.document[self.at : self.at + 3]
            self.match(_STRINGS[triple if triple in _STRINGS else opening])
        else:
            self.match(_SCALAR)

    def array(self, found: Path) -> None:
        self.at += 1
        index = 0
        while True:
            self.match(_BLANK)
            if self.document.startswith("]", self.at):
                self.at += 1
                return
            self.lines[*found, index] = self.here()
            self.value((*found, index))
            index += 1
            self.match(_BLANK)
            if self.document.startswith(",", self.at):
                self.at += 1

    def inline_table(self, found: Path) -> None:
        self.at += 1
        while True:
            self.match(_BLANK)
            if self.document.startswith("}", self.at):
                self.at += 1
                return
            self.pair(found)
            self.match(_BLANK)
            if self.document.startswith(",", self.at):
                self.at += 1

    def match(self, pattern: re.Pattern[str]) -> str:
        """Take what `pattern` matches here. Raises ValueError when the document is not what we think."""
        found = pattern.match(self.document, self.at)
        if found is None:
            raise ValueError("the walk lost its way")
        self.at = found.end()
        return found[0]

    def note(self, found: Path, line: int) -> None:
        self.lines.setdefault(found, line)

    def here(self) -> int:
        self.line += self.document.count("\n", self.counted, self.at)
        self.counted = self.at
        return self.line
