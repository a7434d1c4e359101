"""Completion for shells: the script that a shell reads, and the names that only the database knows.

Options and commands click completes by itself. For a LEAD and for one of our people the database is asked,
read only. Whatever goes wrong, there is nothing to complete: a person in the middle of a line wants no
complaint.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click
from click.shell_completion import get_completion_class

from relay.cli.command import Command

if TYPE_CHECKING:
    from collections.abc import Iterable

SHELLS = ("bash", "fish", "zsh")

OFFERED = 50
"""Names offered at once: more than a person reads, few enough to be there before the next key."""


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Write a shell's completion of our commands, leads and people.

    bash: bcc-relay completion bash > /usr/share/bash-completion/completions/bcc-relay

    zsh:  bcc-relay completion zsh > /usr/local/share/zsh/site-functions/_bcc-relay

    fish: bcc-relay completion fish > /usr/share/fish/vendor_completions.d/bcc-relay.fish
    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101  click knows all of SHELLS
    click.echo(found(context.find_root().command, {}, "bcc-relay", "_BCC_RELAY_COMPLETE").source())


def leads(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Addresses of leads that begin with `begun`."""
    return _asked(
        context,
        "SELECT DISTINCT address_key FROM lead_address WHERE address_key >= ?1 AND address_key < ?2"
        " ORDER BY address_key LIMIT ?3",
        begun.lower(),
    )


def people(context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Names of our people that begin with `begun`."""
    return _asked(
        context,
        "SELECT name FROM staff WHERE name >= ?1 AND name < ?2 AND left_at IS NULL ORDER BY name LIMIT ?3",
        begun,
    )


def _asked(context: click.Context, query: str, begun: str) -> list[str]:
    from relay.cli.opened import configuration
    from relay.store.connection import open_store

    with contextlib.suppress(Exception):
        db = open_store(configuration(context).settings.store.path, read_only=True)
        with contextlib.closing(db):
            rows: Iterable[tuple[str]] = db.execute(query, (begun, begun + "\U0010ffff", OFFERED))
            return [name for (name,) in rows]
    return []
