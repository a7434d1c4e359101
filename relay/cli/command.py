"""How our commands are made: --version everywhere, the options that several share, and one way to answer.

Decides the common form of the command line and nothing about mail.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO, TypeVar

import click

from relay import __version__

F = TypeVar("F", bound=Callable[..., Any])


def _version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        click.echo(f"bcc-relay {__version__}")
        context.exit()


class _Versioned(click.Command):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.params.append(
            click.Option(
                ["--version"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_version,
                help="Show the version and exit.",
            )
        )

    def get_short_help_str(self, limit: int = 45) -> str:  # noqa: ARG002  click's signature
        """The first line of the help, whole: ours are written to fit."""
        return (self.help or "").strip().partition("\n")[0]


class Command(_Versioned):
    """A command with --version."""


class Group(_Versioned, click.Group):
    """A group whose commands have --version too, listed in the order in which a person needs them."""

    command_class = Command

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self.commands)


Group.group_class = Group

as_json = click.option(
    "--json", "as_json", is_flag=True, help="Answer in JSON; rows with the column names of the database."
)


MOST_ROWS = 10_000
"""Rows of one answer at the most; there is `--before` for more."""


def page(before: str) -> Callable[[F], F]:
    """--limit and --before; `before` says what names the last row seen."""

    def decorate(function: F) -> F:
        function = click.option("--before", metavar=before, help="Go on after this one: the next page.")(function)
        return click.option(
            "--limit", type=click.IntRange(1, MOST_ROWS), default=50, show_default=True, help="At most so many."
        )(function)

    return decorate


def _encoding(stream: TextIO) -> str:
    return (getattr(stream, "encoding", None) or "ascii").lower()


def answer(value: object) -> None:
    """One JSON document on standard output; characters that it cannot take are escaped as JSON has it."""
    json.dump(value, sys.stdout, ensure_ascii=not _encoding(sys.stdout).startswith("utf"), indent=2)
    sys.stdout.write("\n")


def say(lines: Iterable[str], *, err: bool = False) -> None:
    """Lines on standard output; characters that it cannot take become question marks."""
    stream = sys.stderr if err else sys.stdout
    encoding = _encoding(stream)
    for line in lines:
        stream.write(line.encode(encoding, "replace").decode(encoding) + "\n")
