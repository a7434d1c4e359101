"""Writes docs/cli.md from the program: every command with its --help text. A test holds the file against it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parent.parent))

from relay.cli.program import program

FILE = Path(__file__).parent.parent / "docs" / "cli.md"

OPENING = """\
# The command line

Made by `scripts/make_cli_docs.py` from the program itself; a test holds it true.

`-c FILE` stands before the command; `-h`, `--help` and `--version` work everywhere. What reads has `--json`, and long lists
have `--limit` and `--before`: an older page begins before the last row seen.

| exit status | means |
|---|---|
| 0 | done |
| 1 | it could not be done; one line on standard error says why and what to do. `verify`, `rebuild`, `maintain`, `crm-check`: something was found |
| 2 | the command line was wrong |
| `deliver` | 0 the message is on the relay's disk, 75 in every other case: the mail server keeps it |
| `status` | 0 ok, 1 warning, 2 critical, 3 unknown or a wrong command line (as Nagios has it) |

Colours are used on a terminal only, and not with `NO_COLOR`. An arrow to the right is mail of ours, to the left mail for us.
"""


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """(path, help text) of a command and of all below it."""
    yield context.command_path, command.get_help(context).rstrip()
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, click.Context(found, info_name=name, parent=context))


def manual() -> str:
    """The whole of docs/cli.md."""
    root = click.Context(program, info_name="bcc-relay", **{**program.context_settings, "terminal_width": 100})
    pieces = [OPENING]
    pieces += [f"## {path}\n\n```text\n{text}\n```\n" for path, text in commands(program, root)]
    return "\n".join(pieces)


if __name__ == "__main__":
    FILE.write_text(manual(), encoding="utf-8")
