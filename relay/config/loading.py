"""From a TOML file and the environment to `Settings`, or to every mistake in them at once.

Decides which keys exist (the fields of `settings`), which file is meant, and what overrides what. A
person who repairs a configuration wants all its mistakes in one go and the line of each, so nothing here
stops at the first. What a value means is not known here (`values`).
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from relay.config import position, values
from relay.config.settings import Settings

PREFIX = "BCC_RELAY__"
DEFAULT_PLACES = (Path("bcc-relay.toml"), Path("/etc/bcc-relay/bcc-relay.toml"))

_SYNTAX_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)\Z")


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing to repair. `line` is 0 when there is none (environment, unreadable file)."""

    where: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return ": ".join(
            [f"{self.where}:{self.line}" if self.line else self.where, *filter(None, [self.key]), self.message]
        )


class Mistaken(Exception):  # noqa: N818  it is the configuration that is mistaken
    """The configuration has mistakes; `mistakes` are all of them, in the order of the file."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings and where they come from.

    `origins`: "section.key" -> "file:line" or the name of the variable, for every key that was set.
    `pending`: ("section.key", sentence) for every key that was set and has no effect yet.
    """

    settings: Settings
    file: Path
    origins: Mapping[str, str]
    pending: tuple[tuple[str, str], ...]


def locate(wanted: str | None, environment: Mapping[str, str], places: tuple[Path, ...] = DEFAULT_PLACES) -> Path:
    """Which file: --config, then BCC_RELAY_CONFIG, then the default places. Raises Mistaken when there is none."""
    if wanted or environment.get("BCC_RELAY_CONFIG"):
        return Path(wanted or environment["BCC_RELAY_CONFIG"])
    for place in places:
        if os.path.lexists(place):
            return place
    looked = " nor at ".join(str(place) for place in places)
    advice = f"no configuration file at {looked}; name one with --config or BCC_RELAY_CONFIG"
    raise Mistaken([Mistake("configuration", 0, "", advice)])


def load(file: Path, environment: Mapping[str, str]) -> Configuration:
    """Read the file and the overrides. Raises Mistaken with every mistake found."""
    reading = _Reading(file, environment)
    document = reading.document()
    found: dict[str, Any] = {}
    if document is not None:
        found = reading.sections(document)
    reading.overrides(found)
    if document is not None:
        reading.missing(found)
        reading.disagreements(found)
    if reading.mistakes:
        raise Mistaken(sorted(set(reading.mistakes)))
    built = {section.name: _type(section)(**found.get(section.name, {})) for section in fields(Settings)}
    return Configuration(Settings(**built), file, reading.origins, tuple(reading.pending(found)))


def _type(section: Field[Any]) -> Any:
    return section.default_factory


def _near(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return close[0] if close else ""


def _default(known: Field[Any]) -> object:
    return known.default_factory() if known.default_factory is not MISSING else known.default


SECTIONS: dict[str, dict[str, Field[Any]]] = {
    section.name: {known.name: known for known in fields(_type(section))} for section in fields(Settings)
}


@dataclass(slots=True)
class _Reading:
    """One reading of one file, gathering mistakes as it goes."""

    file: Path
    environment: Mapping[str, str]
    lines: dict[position.Path, int] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)

    def mistake(self, at: position.Path, message: str) -> None:
        line = next((self.lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in self.lines), 1)
        written = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{_quoted(part)}" for part in at)
        self.mistakes.append(Mistake(str(self.file), line, written.lstrip("."), message))

    def document(self) -> dict[str, Any] | None:
        """The file as TOML has it, or None when it cannot be read at all."""
        where = str(self.file)
        try:
            octets = self.file.read_bytes()
        except FileNotFoundError:
            self.mistakes.append(Mistake(where, 0, "", "there is no such file; name another with --config"))
            return None
        except OSError as error:
            self.mistakes.append(Mistake(where, 0, "", f"cannot be read: {(error.strerror or str(error)).lower()}"))
            return None
        try:
            written = octets.removeprefix(b"\xef\xbb\xbf").decode()
            document = tomllib.loads(written)
            self.lines = position.positions(written)
        except UnicodeDecodeError as error:
            line = octets.count(b"\n", 0, error.start) + 1
            self.mistakes.append(Mistake(where, line, "", "is not UTF-8 text; save the file as UTF-8"))
        except tomllib.TOMLDecodeError as error:
            self.mistakes.append(_syntax_mistake(where, str(error), written))
        except RecursionError:
            self.mistakes.append(Mistake(where, 1, "", "is nested too deeply"))
        else:
            return document
        return None

    def sections(self, document: dict[str, Any]) -> dict[str, Any]:
        """Values by section and key, as far as they can be read."""
        found: dict[str, Any] = {}
        for name, content in document.items():
            if name not in SECTIONS:
                self.mistake((name,), _unknown_section(name, content))
            elif isinstance(content, list) and content and all(isinstance(each, dict) for each in content):
                self.mistake((name,), f"there is one such section; write [{name}]")
            elif not isinstance(content, dict):
                self.mistake((name,), f"is a section; write [{name}] and its keys below")
            else:
                found[name] = self.table((name,), content, SECTIONS[name])
        return found

    def table(self, at: position.Path, content: dict[str, Any], known: Mapping[str, Field[Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in content.items():
            here = (*at, name)
            if name not in known:
                self.mistake(here, _unknown_key(str(at[0]), name, list(known)))
                continue
            self.origins[".".join(map(str, here))] = f"{self.file}:{self.lines.get(here, 1)}"
            try:
                if known[name].metadata["of"] is not None:
                    found[name] = self.tables(here, value, known[name].metadata["of"])
                else:
                    found[name] = known[name].metadata["kind"].read(value, self.file.absolute().parent)
            except values.Several as error:
                for index, sentence in error.found:
                    self.mistake((*here, index), sentence)
            except ValueError as error:
                self.mistake(here, str(error))
        return found

    def tables(self, at: position.Path, value: object, kind: Any) -> tuple[Any, ...]:
        """An array of tables, each one a `kind`."""
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise ValueError(f"may occur several times; write [[{'.'.join(map(str, at))}]] and its keys below")
        known = {each.name: each for each in fields(kind)}
        return tuple(kind(**self.table((*at, index), each, known)) for index, each in enumerate(value))

    def overrides(self, found: dict[str, Any]) -> None:
        """BCC_RELAY__SECTION__KEY, which win over the file."""
        for variable in sorted(name for name in self.environment if name.startswith(PREFIX)):
            section, _, name = variable.removeprefix(PREFIX).lower().partition("__")
            known = SECTIONS.get(section, {}).get(name)
            message = ""
            if section not in SECTIONS:
                message = _unknown_section(section, {})
            elif known is None:
                message = _unknown_key(section, name, list(SECTIONS[section]))
            else:
                try:
                    value = self.from_text(self.environment[variable], known)
                except ValueError as error:
                    message = str(error)
                else:
                    found.setdefault(section, {})[name] = value
                    self.origins[f"{section}.{name}"] = variable
            if message:
                self.mistakes.append(Mistake(variable, 0, "", message))

    def from_text(self, written: str, known: Field[Any]) -> object:
        """A variable holds a plain text; a list is written as in TOML, or with commas."""
        folder = self.file.absolute().parent
        several = isinstance(_default(known), tuple)
        value: object = written
        if several and written.lstrip().startswith("["):
            try:
                value = tomllib.loads(f"value = {written}")["value"]
            except (tomllib.TOMLDecodeError, RecursionError) as error:
                raise ValueError(f"{values.shown(written)} is not a TOML list") from error
        elif several:
            value = [piece.strip() for piece in written.split(",") if piece.strip()]
        if known.metadata["of"] is None:
            return known.metadata["kind"].read(value, folder)
        before = len(self.mistakes)
        tables = self.tables((known.name,), value, known.metadata["of"])
        if len(self.mistakes) > before:
            found = "; ".join(f"{mistake.key}: {mistake.message}" for mistake in self.mistakes[before:])
            del self.mistakes[before:]
            raise ValueError(found)
        return tables

    def missing(self, found: dict[str, Any]) -> None:
        for section, keys in SECTIONS.items():
            for name, known in keys.items():
                if not known.metadata["required"] or any(m.key == f"{section}.{name}" for m in self.mistakes):
                    continue
                if f"{section}.{name}" not in self.origins:
                    self.mistake((section, name), f"must be set: {known.metadata['doc']}")
                elif found.get(section, {}).get(name) in ("", ()):
                    self.mistake((section, name), f"must not be empty: {known.metadata['doc']}")

    def disagreements(self, found: dict[str, Any]) -> None:
        """What is right key by key and wrong together."""
        tls = found.get("tls", {})
        if len(tls) == 1:
            have, lack = ("certificate", "key") if "certificate" in tls else ("key", "certificate")
            self.mistake(("tls", have), f"needs tls.{lack} beside it")
        store, vault = found.get("store", {}).get("path"), found.get("vault", {}).get("path")
        if store and vault and vault in (store, *store.parents):
            # The CRM may enter the store's folder and must not enter the vault (contract, Configuration).
            self.mistake(("vault", "path"), "holds store.path; the vault must be a folder for nobody else")
        capture = found.get("capture", {})
        once: set[values.Endpoint] = set()
        for name in ("listen", "listen_tls"):
            for index, each in enumerate(capture.get(name, ())):
                if each in once and each.port:
                    self.mistake(("capture", name, index), f"{each} is listened on twice")
                once.add(each)

    def pending(self, found: dict[str, Any]) -> Iterator[tuple[str, str]]:
        """Keys that were set and change nothing yet. The default word of a choice is what happens anyway."""
        for section, keys in SECTIONS.items():
            for name, value in found.get(section, {}).items():
                known = keys[name]
                sentence = known.metadata["pending"]
                if sentence and value not in ("", ()) and not (isinstance(value, str) and value == _default(known)):
                    yield f"{section}.{name}", sentence


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else values.shown(name)


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


def _unknown_section(name: str, content: object) -> str:
    if not isinstance(content, dict):
        owner = next((section for section, keys in SECTIONS.items() if name in keys), "")
        if owner:
            return f"belongs into the section [{owner}]"
    near = _near(name, list(SECTIONS))
    return f"there is no section [{_quoted(name)}]; " + (
        f"did you mean [{near}]?" if near else f"there are {', '.join(f'[{each}]' for each in SECTIONS)}"
    )


def _unknown_key(section: str, name: str, known: list[str]) -> str:
    elsewhere = [other for other, keys in SECTIONS.items() if name in keys and other != section]
    near = _near(name, known)
    if elsewhere and not (near and difflib.SequenceMatcher(None, near, name).ratio() > 0.8):
        return f"there is no such key here; did you mean {elsewhere[0]}.{name}?"
    if not near:
        dotted = {f"{other}.{key}".lower(): f"{other}.{key}" for other, keys in SECTIONS.items() for key in keys}
        close = difflib.get_close_matches(name.lower(), [key.split(".")[1] for key in dotted], n=1, cutoff=0.6)
        if close:
            return (
                "there is no such key; did you mean "
                + next(v for k, v in dotted.items() if k.endswith(f".{close[0]}"))
                + "?"
            )
        return f"there is no such key; known here: {', '.join(known)}"
    return f"there is no such key; did you mean {near}?"
