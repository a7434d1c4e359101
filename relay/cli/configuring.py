"""`config`: looks at the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from relay.cli.command import Group, answer, as_json, say
from relay.cli.opened import configuration

if TYPE_CHECKING:
    from relay.config.effective import Value


@click.group(cls=Group)
def config() -> None:
    """Look at the configuration."""


@config.command()
@click.pass_context
def check(context: click.Context) -> None:
    """Tell every mistake in the configuration at once.

    Reads what a start or a reload would read: the file, conf.d/*.toml beside it, the environment. Each
    mistake as file:line: key: message; exit status 1 if there is any.
    """
    found = configuration(context)
    say([f"ok: {file}" for file in (found.file, *found.drop_ins)])


@config.command()
@click.option("--origin", is_flag=True, help="Tell where each value comes from.")
@as_json
@click.pass_context
def show(context: click.Context, origin: bool, as_json: bool) -> None:
    """Show what is in effect, as a configuration file that says the same.

    With --origin each value names where it comes from: file:line, a variable of the environment, a
    credential, or the default. A daemon that runs has what it read at its start or last reload.
    """
    from relay.config.effective import effective

    values = effective(configuration(context))
    if as_json:
        answer([value.as_row() for value in values])
    else:
        say(_page(values, origin))


@config.command()
def example() -> None:
    """Print a commented configuration: every key with its default."""
    from relay.config.sample import sample

    say(sample().splitlines())


def _page(values: list[Value], origin: bool) -> list[str]:
    lines: list[str] = []
    section = ""
    for value in values:
        if value.section != section:
            section = value.section
            lines += [*([""] if lines else []), f"[{section}]"]
        # A key without a value cannot be written in TOML: it stands as a comment.
        written = f"{value.name} = {value.toml}" if value.toml else f"#{value.name} ="
        lines.append(f"{written:<50}  # {value.origin}" if origin else written)
    return lines
