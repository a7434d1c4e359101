"""`config`: looks at the configuration."""

from __future__ import annotations

import click

from relay.cli.command import Group, say
from relay.cli.opened import configuration


@click.group(cls=Group)
def config() -> None:
    """Look at the configuration."""


@config.command()
@click.pass_context
def check(context: click.Context) -> None:
    """Tell every mistake in the configuration at once.

    Each as file:line: key: message; exit status 1 if there is any. Keys that are set and have no effect
    yet are told too; they are no mistakes.
    """
    found = configuration(context)
    say([f"ok: {found.file}", *(f"{found.origins[name]}: {name}: no effect yet: {why}" for name, why in found.pending)])
