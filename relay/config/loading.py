"""From files, the environment and credentials to `Settings`, or to every mistake in them at once.

Decides which file is meant and what wins over what. A person who repairs a configuration wants all its
mistakes in one go and the place of each, so nothing here stops at the first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from relay.config import values
from relay.config.mistake import Mistake, Mistaken
from relay.config.near import SECTIONS, unknown_key, unknown_section
from relay.config.settings import Settings
from relay.config.source import Credential, File, Found, Source, Variable

__all__ = ["SECTIONS", "Configuration", "Mistake", "Mistaken", "default", "load", "locate"]

PREFIX = "BCC_RELAY__"
DEFAULT_PLACES = (Path("bcc-relay.toml"), Path("/etc/bcc-relay/bcc-relay.toml"))

DROP_INS = "conf.d"
"""The folder beside the configuration file whose *.toml are read after it, in the order of their names."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Settings and where they come from.

    `origins`: "section.key" -> "file:line", the name of a variable or "credential NAME", for every key that
    was set.
    """

    settings: Settings
    file: Path
    drop_ins: tuple[Path, ...]
    origins: Mapping[str, str]


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
    """Read the file, what stands in conf.d beside it, and the environment. Raises Mistaken with every mistake found."""
    reading = _Reading(file, environment)
    whole = reading.file_and_drop_ins()
    reading.overrides()
    reading.credentials()
    if whole:  # of a file that cannot be read we do not know what is missing in it
        reading.missing()
        reading.disagreements()
    if reading.mistakes:
        raise Mistaken(sorted(set(reading.mistakes), key=reading.rank))
    built = {name: _section(name)(**reading.found.get(name, {})) for name in SECTIONS}
    drop_ins = tuple(each.path for each in reading.files[1:])
    return Configuration(Settings(**built), file, drop_ins, reading.origins())


def _section(name: str) -> Any:
    return next(each for each in fields(Settings) if each.name == name).default_factory


def default(known: Field[Any]) -> Any:
    """The value of a key that nobody has set."""
    return known.default_factory() if known.default_factory is not MISSING else known.default


@dataclass(slots=True)
class _Reading:
    """One reading of everything, gathering mistakes as it goes.

    `setters`: who gave each key its value last. `sharers`: who else did, where values add up.
    """

    file: Path
    environment: Mapping[str, str]
    files: list[File] = field(default_factory=list)
    found: Found = field(default_factory=dict)
    setters: dict[tuple[str, str], Source] = field(default_factory=dict)
    sharers: dict[tuple[str, str], list[Source]] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """What relative paths are relative to, in drop-ins too: a line means the same wherever it stands."""
        return self.file.absolute().parent

    def rank(self, mistake: Mistake) -> tuple[int, Mistake]:
        """The order in which mistakes are told: files as they are read, then the rest."""
        order = [str(each.path) for each in self.files]
        return (order.index(mistake.where) if mistake.where in order else len(order)), mistake

    def file_and_drop_ins(self) -> bool:
        """Read the files. Returns whether all of them could be read."""
        whole = True
        for path in [self.file, *self._drop_ins()]:
            source = File(path, self.folder)
            self.files.append(source)
            found = source.read()
            self.mistakes += source.mistakes
            whole = whole and found is not None
            for section, content in (found or {}).items():
                for name, value in content.items():
                    self._set(section, name, value, source)
        return whole

    def _drop_ins(self) -> list[Path]:
        """Files of ours in conf.d, by name. Hidden files and what editors leave behind are none."""
        folder = self.file.parent / DROP_INS
        try:
            names = sorted(os.listdir(folder))  # noqa: PTH208  names, to sort and look at
        except FileNotFoundError:
            return []
        except OSError as error:
            why = f"cannot be read: {(error.strerror or str(error)).lower()}"
            self.mistakes.append(Mistake(str(folder), 0, "", why))
            return []
        return [folder / name for name in names if name.endswith(".toml") and not name.startswith(".")]

    def _set(self, section: str, name: str, value: Any, source: Source) -> None:
        """The later one wins; only arrays of tables of several files add up."""
        content = self.found.setdefault(section, {})
        adds = SECTIONS[section][name].metadata["of"] is not None and isinstance(source, File)
        here = section, name
        if adds and here in self.setters:
            value = (*content.get(name, ()), *value)
            self.sharers.setdefault(here, []).append(self.setters[here])
        else:
            self.sharers.pop(here, None)
        content[name] = value
        self.setters[here] = source

    def overrides(self) -> None:
        """BCC_RELAY__SECTION__KEY, which win over the files."""
        for name in sorted(name for name in self.environment if name.startswith(PREFIX)):
            variable = Variable(name, self.environment[name], self.folder)
            section, _, key = name.removeprefix(PREFIX).lower().partition("__")
            known = SECTIONS.get(section, {}).get(key)
            message = ""
            if section not in SECTIONS:
                message = unknown_section(section, {})
            elif known is None:
                message = unknown_key(section, key, list(SECTIONS[section]))
            else:
                try:
                    self._set(section, key, variable.read(known, default(known)), variable)
                except ValueError as error:
                    message = str(error)
            if message:
                self.mistakes.append(variable.mistaken((), message))

    def credentials(self) -> None:
        """A credential of systemd stands in for a secret file that nothing else names."""
        folder = self.environment.get("CREDENTIALS_DIRECTORY")
        for section, keys in SECTIONS.items() if folder else ():
            for name, known in keys.items():
                path = Path(folder or "") / f"{section}.{name}"
                # lexists: none is there for who may not look, as when a command is run from within the service
                if known.metadata["credential"] and (section, name) not in self.setters and os.path.lexists(path):
                    self._set(section, name, path, Credential(path.name, path))

    def mistake(self, section: str, name: str, message: str, *index: int) -> None:
        """At the place that gave the key its value, or in the file where it should have got one."""
        source = self.setters.get((section, name), self.files[0])
        self.mistakes.append(source.mistaken((section, name, *index), message))

    def missing(self) -> None:
        for section, keys in SECTIONS.items():
            for name, known in keys.items():
                full = f"{section}.{name}"
                if not known.metadata["required"] or any(
                    each.key == full or each.key.startswith(f"{full}[") for each in self.mistakes
                ):
                    continue
                if (section, name) not in self.setters:
                    self.mistake(section, name, f"must be set: {known.metadata['doc']}")
                elif self.found[section][name] in ("", ()):
                    self.mistake(section, name, f"must not be empty: {known.metadata['doc']}")

    def disagreements(self) -> None:
        """What is right key by key and wrong together."""
        tls = self.found.get("tls", {})
        for have, lack in (("certificate", "key"), ("key", "certificate")):
            if have in tls and lack not in tls:
                self.mistake("tls", have, f"needs tls.{lack} beside it")
        store, vault = self.effective("store", "path"), self.effective("vault", "path")
        if vault in (store, *store.parents):
            # The CRM may enter the store's folder and must not enter the vault (contract, Configuration).
            said = "the vault must be a folder for nobody else"
            if ("vault", "path") in self.setters:
                self.mistake("vault", "path", f"holds store.path ({store}); {said}")
            else:
                self.mistake("store", "path", f"lies in vault.path ({vault}); {said}")
        once: set[values.Endpoint] = set()
        for name in ("listen", "listen_tls"):
            for index, each in enumerate(self.found.get("capture", {}).get(name, ())):
                if each in once and each.port:
                    self.mistake("capture", name, f"{each} is listened on twice", index)
                once.add(each)
        told = any(each.key.startswith("capture.listen_tls") for each in self.mistakes)
        if self.effective("capture", "listen_tls") and "certificate" not in tls and not told:
            self.mistake("capture", "listen_tls", "needs tls.certificate and tls.key")
        for lesser, greater in (("backlog_warning", "backlog_critical"), ("disk_critical", "disk_warning")):
            if self.effective("health", lesser) > self.effective("health", greater):
                guilty = lesser if ("health", lesser) in self.setters else greater
                self.mistake("health", guilty, f"{lesser} must not be more than {greater}: a warning comes first")

    def effective(self, section: str, name: str) -> Any:
        """The value of a key, its default when nobody has set it."""
        return self.found.get(section, {}).get(name, default(SECTIONS[section][name]))

    def origins(self) -> dict[str, str]:
        found = {}
        for here, last in self.setters.items():
            found[".".join(here)] = ", ".join(each.origin(here) for each in (*self.sharers.get(here, ()), last))
        return found
