"""The configuration as text for people: a commented sample, and the reference in docs/configuration.md.

Both are made from the types in `settings`, so what they say is what the program does.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

from relay.config import written
from relay.config.loading import default
from relay.config.settings import Settings

WIDTH = 100

MARK = "<!-- From here on made by scripts/make_configuration_docs.py from relay/config/settings.py. -->"
"""Stands in docs/configuration.md before what `reference` gives."""

OPENING = """\
# bcc-relay: configuration. Copy to /etc/bcc-relay/bcc-relay.toml, or name a file with -c.
# `bcc-relay config check` tells every mistake at once. Unknown keys are mistakes.
# Relative paths are relative to this file. conf.d/*.toml beside it wins over it, and BCC_RELAY__SECTION__KEY
# in the environment over both; `bcc-relay config show --origin` tells what is in effect and where it comes from.
# Lines with "#" before a key show its default. Only the first two keys must be set.
"""


def as_toml(known: Field[Any], value: Any) -> str:
    """A value as TOML, in the units that people write; arrays of tables inline."""
    of = known.metadata["of"]
    if of is None:
        return known.metadata["kind"].write(value) if value is not None else written.toml("")
    tables = []
    for each in value:
        pairs = [f"{one.name} = {as_toml(one, getattr(each, one.name))}" for one in fields(of)]
        tables.append(f"{{ {', '.join(pairs)} }}")
    return f"[{', '.join(tables)}]"


def _paragraph(text: str) -> Iterator[str]:
    for line in textwrap.wrap(" ".join(text.split()), WIDTH - 2, break_long_words=False, break_on_hyphens=False):
        yield f"# {line}"


def _shown(known: Field[Any]) -> str:
    return known.metadata["example"] or as_toml(known, default(known))


def sample() -> str:
    """A commented configuration that shows every key with its default: the whole of config/bcc-relay.toml."""
    lines = [*OPENING.splitlines()]
    for section in fields(Settings):
        kind: Any = section.default_factory
        lines += ["", *_paragraph(inspect.getdoc(kind) or ""), f"[{section.name}]"]
        for place, known in enumerate(fields(kind)):
            lines += [""] if place else []
            of = known.metadata["of"]
            if of is not None:
                lines += [
                    *_paragraph(inspect.getdoc(of) or ""),
                    f"#[[{section.name}.{known.name}]]",
                ]
                for one in fields(of):
                    lines += [*_paragraph(one.metadata["doc"]), f"#{one.name} = {_shown(one)}"]
                continue
            must = " Must be set." if known.metadata["required"] else ""
            lines += _paragraph(f"{known.metadata['doc']}{must}")
            # Our domains are no must, but a relay without them takes every mail for incoming.
            given = known.metadata["required"] or (section.name, known.name) == ("company", "domains")
            lines.append(f"{'' if given else '#'}{known.name} = {_shown(known)}")
    return "\n".join(lines) + "\n"


def reference() -> str:
    """Every key with its default and what a reload does, as Markdown: the second half of docs/configuration.md."""
    lines: list[str] = []
    for section in fields(Settings):
        kind: Any = section.default_factory
        lines += [f"### [{section.name}]", "", " ".join((inspect.getdoc(kind) or "").split()), ""]
        for known in fields(kind):
            lines += _entry(known)
            if known.metadata["of"] is not None:
                lines += [f"  {line}" if line else "" for one in fields(known.metadata["of"]) for line in _entry(one)]
        lines.append("")
    return "\n".join(lines)


def _entry(known: Field[Any]) -> Iterator[str]:
    about = known.metadata
    facts = []
    if about["of"] is not None:
        facts.append("tables, any number of them")
    else:
        facts.append(about["kind"].says)
    if about["required"]:
        facts.append("must be set")
    elif default(known) not in (None, "", ()):
        facts.append(f"default `{as_toml(known, default(known))}`")
    else:
        facts.append("not set by default" if default(known) is None else "empty by default")
    facts.append("changed by a reload" if about["live"] else "**takes a restart**")
    doc = " ".join(about["doc"].split())
    yield f"* `{known.name}`: {doc}"
    yield f"  *({', '.join(facts)})*"
