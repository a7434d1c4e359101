"""Where values come from: a TOML file, or a variable of the environment. Reads one of them as far as it can be read.

Decides which keys exist in it and where each stands, so that a mistake can be told with its place. What a
value means is not known here (`values`), nor what wins over what (`loading`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

from relay.config import position, values
from relay.config.mistake import Mistake
from relay.config.near import SECTIONS, quoted, unknown_key, unknown_section

_SYNTAX_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")

Found = dict[str, dict[str, Any]]
"""Values as the program uses them, by section and key."""


class Source(Protocol):
    """What can tell where a key stands in it."""

    def origin(self, at: position.Path) -> str: ...
    def mistaken(self, at: position.Path, message: str) -> Mistake: ...


@dataclass(slots=True)
class File:
    """One TOML file. Relative paths in it are relative to `folder`. `mistakes` gathers what is wrong."""

    path: Path
    folder: Path
    lines: dict[position.Path, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def origin(self, at: position.Path) -> str:
        return f"{self.path}:{self.lines.get(at, 1)}"

    def mistaken(self, at: position.Path, message: str) -> Mistake:
        line = next((self.lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in self.lines), 1)
        written = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{quoted(part)}" for part in at)
        return Mistake(str(self.path), line, written.lstrip("."), message)

    def read(self) -> Found | None:
        """Values by section and key, as far as they can be read. None when the file cannot be read at all."""
        document = self._document()
        return None if document is None else self._sections(document)

    def _mistake(self, at: position.Path, message: str) -> None:
        self.mistakes.append(self.mistaken(at, message))

    def _document(self) -> dict[str, Any] | None:
        where = str(self.path)
        try:
            octets = self.path.read_bytes()
        except FileNotFoundError:
            self.mistakes.append(Mistake(where, 0, "", "there is no such file; name another with --config"))
            return None
        except OSError as error:
            self.mistakes.append(Mistake(where, 0, "", f"cannot be read: {(error.strerror or str(error)).lower()}"))
            return None
        try:
            text = octets.removeprefix(b"\xef\xbb\xbf").decode()
            document = tomllib.loads(text)
            self.lines = position.positions(text)
        except UnicodeDecodeError as error:
            line = octets.count(b"\n", 0, error.start) + 1
            self.mistakes.append(Mistake(where, line, "", "is not UTF-8 text; save the file as UTF-8"))
        except tomllib.TOMLDecodeError as error:
            self.mistakes.append(_syntax_mistake(where, str(error), text))
        except RecursionError:
            self.mistakes.append(Mistake(where, 1, "", "is nested too deeply"))
        else:
            return document
        return None

    def _sections(self, document: dict[str, Any]) -> Found:
        found: Found = {}
        for name, content in document.items():
            if name not in SECTIONS:
                self._mistake((name,), unknown_section(name, content))
            elif isinstance(content, list) and content and all(isinstance(each, dict) for each in content):
                self._mistake((name,), f"there is one such section; write [{name}]")
            elif not isinstance(content, dict):
                self._mistake((name,), f"is a section; write [{name}] and its keys below")
            else:
                found[name] = self._table((name,), content, SECTIONS[name])
        return found

    def _table(self, at: position.Path, content: dict[str, Any], known: Mapping[str, Field[Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in content.items():
            here = (*at, name)
            if name not in known:
                self._mistake(here, unknown_key(str(at[0]), name, list(known)))
                continue
            try:
                if known[name].metadata["of"] is not None:
                    found[name] = self.tables(here, value, known[name].metadata["of"])
                else:
                    found[name] = known[name].metadata["kind"].read(value, self.folder)
            except values.Several as error:
                for index, sentence in error.found:
                    self._mistake((*here, index), sentence)
            except ValueError as error:
                self._mistake(here, str(error))
        return found

    def tables(self, at: position.Path, value: object, kind: Any) -> tuple[Any, ...]:
        """An array of tables, each one a `kind`. Raises ValueError when it is none."""
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise ValueError(f"may occur several times; write [[{'.'.join(map(str, at))}]] and its keys below")
        known = {each.name: each for each in fields(kind)}
        return tuple(kind(**self._table((*at, index), each, known)) for index, each in enumerate(value))


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of the environment, which holds one value: a plain text, or a list."""

    name: str
    text: str
    folder: Path

    def origin(self, _: position.Path) -> str:
        return self.name

    def mistaken(self, _: position.Path, message: str) -> Mistake:
        return Mistake(self.name, 0, "", message)

    def read(self, known: Field[Any], default: object) -> object:
        """The value of `known`. A list is written as in TOML, or with commas. Raises ValueError."""
        value: object = self.text
        several = isinstance(default, tuple)
        if several and self.text.lstrip().startswith("["):
            try:
                value = tomllib.loads(f"value = {self.text}")["value"]
            except (tomllib.TOMLDecodeError, RecursionError) as error:
                raise ValueError(f"{values.shown(self.text)} is not a TOML list") from error
        elif several:
            value = [piece.strip() for piece in self.text.split(",") if piece.strip()]
        if known.metadata["of"] is None:
            return known.metadata["kind"].read(value, self.folder)
        file = File(Path(self.name), self.folder)
        tables = file.tables((known.name,), value, known.metadata["of"])
        if file.mistakes:
            raise ValueError("; ".join(f"{mistake.key}: {mistake.message}" for mistake in file.mistakes))
        return tables


@dataclass(frozen=True, slots=True)
class Credential:
    """A file that systemd made for us (LoadCredential=, systemd.exec(5)), named like the key it stands for."""

    name: str
    path: Path

    def origin(self, _: position.Path) -> str:
        return f"credential {self.name}"

    def mistaken(self, _: position.Path, message: str) -> Mistake:
        return Mistake(self.origin(()), 0, "", message)


def _syntax_mistake(where: str, said: str, written: str) -> Mistake:
    """Tomllib's sentence with its place taken out, and the key that was being written there."""
    place = _SYNTAX_PLACE.search(said)
    lines = written.split("\n")
    line = int(place[1]) if place and place[1] else max(1, len(written.rstrip().split("\n")))
    message = said[: place.start()] if place else said
    column = f" (column {place[2]})" if place and place[2] else ""
    key = re.match(r"\s*([A-Za-z0-9_.\-\"']+)\s*=", lines[line - 1]) if line <= len(lines) else None
    if message == "Cannot overwrite a value" and key:
        message, column = "is given twice", ""
    return Mistake(where, line, key[1] if key else "syntax", f"{message[:1].lower()}{message[1:]}{column}")
