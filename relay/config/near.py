"""Names that nobody knows: which section or key was meant? One sentence for whoever mistyped it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import Field, fields
from typing import Any

from relay.config import values
from relay.config.settings import Settings

SECTIONS: dict[str, dict[str, Field[Any]]] = {
    section.name: {known.name: known for known in fields(section.default_factory)}  # type: ignore[arg-type]
    for section in fields(Settings)
}
"""Every key there is, by section."""


def near(name: str, known: Sequence[str]) -> str:
    """The known name that looks most like this one, '' when none does."""
    close = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    return close[0] if close else ""


def quoted(name: str) -> str:
    """A name as TOML writes it."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else values.shown(name)


def unknown_section(name: str, content: object) -> str:
    """What to say of a section that does not exist. `content`: a table, or a value that stands outside any section."""
    if not isinstance(content, dict):
        owner = next((section for section, keys in SECTIONS.items() if name in keys), "")
        if owner:
            return f"belongs into the section [{owner}]"
    meant = near(name, list(SECTIONS))
    return f"there is no section [{quoted(name)}]; " + (
        f"did you mean [{meant}]?" if meant else f"there are {', '.join(f'[{each}]' for each in SECTIONS)}"
    )


def unknown_key(section: str, name: str, known: Sequence[str]) -> str:
    """What to say of a key that `section` (or a table in it, with keys `known`) does not have."""
    elsewhere = [other for other, keys in SECTIONS.items() if name in keys and other != section]
    meant = near(name, known)
    if elsewhere and not (meant and difflib.SequenceMatcher(None, meant, name).ratio() > 0.8):
        return f"there is no such key here; did you mean {elsewhere[0]}.{name}?"
    if meant:
        return f"there is no such key; did you mean {meant}?"
    owners = {key: f"{other}.{key}" for other, keys in SECTIONS.items() for key in keys}
    close = difflib.get_close_matches(name.lower(), owners, n=1, cutoff=0.6)
    if close:
        return f"there is no such key; did you mean {owners[close[0]]}?"
    return f"there is no such key; known here: {', '.join(known)}"
