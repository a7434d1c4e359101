"""What is in effect: every key with its value as TOML, and where it comes from."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from relay.config.loading import SECTIONS, Configuration
from relay.config.sample import as_toml

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Value:
    """One key. `toml`: its value as a person would write it, '' when it has none. `live`: a reload changes it."""

    section: str
    name: str
    toml: str
    origin: str
    live: bool

    def as_row(self) -> dict[str, object]:
        """For programs: the value as JSON has it, sizes and times with their units, as in the file."""
        value = tomllib.loads(f"value = {self.toml}")["value"] if self.toml else None
        key = f"{self.section}.{self.name}"
        return {"key": key, "value": value, "origin": self.origin, "reload": self.live}


def effective(found: Configuration) -> list[Value]:
    """Every key there is, in the order of the sample."""
    values = []
    for section, keys in SECTIONS.items():
        content = getattr(found.settings, section)
        for name, known in keys.items():
            value = getattr(content, name)
            toml = "" if value is None or value == "" else as_toml(known, value)
            origin = found.origins.get(f"{section}.{name}", DEFAULT)
            values.append(Value(section, name, toml, origin, known.metadata["live"]))
    return values
