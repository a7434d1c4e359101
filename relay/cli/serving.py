"""`serve`: the daemon in the foreground."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from relay.cli.command import Command
from relay.cli.opened import configuration

if TYPE_CHECKING:
    from relay.config.loading import Configuration
    from relay.config.settings import Settings


@click.command(cls=Command)
@click.option(
    "--only", type=click.Choice(["accept", "file"]), help="Only this half of the work: two services instead of one."
)
@click.option("--verbose", is_flag=True, help="Tell also each session and each mail as it is accepted.")
@click.pass_context
def serve(context: click.Context, only: str | None, verbose: bool) -> None:
    """Accept and file mail, in the foreground, until SIGTERM.

    Prints a line when it is ready, and tells systemd. SIGTERM (or Ctrl-C) finishes what was accepted; the
    same again stops at once, and what was accepted waits. SIGHUP reads the configuration again; one with
    mistakes is told in the log, and the old one stays.
    """
    from relay import daemon, log
    from relay.config.loading import load

    def in_effect(found: Configuration) -> Settings:
        """The settings, with the option of the command line, which wins."""
        return replace(found.settings, log=replace(found.settings.log, level="debug")) if verbose else found.settings

    def read() -> Settings:
        return in_effect(load(found.file, os.environ))

    found = configuration(context)
    settings = in_effect(found)
    log.configure(level=settings.log.level, form=settings.log.format)

    def ready(endpoints: list[str]) -> None:
        listening = f", listening on {' '.join(endpoints)}" if endpoints else ""
        click.echo(f"bcc-relay: ready{listening}")

    context.exit(daemon.serve(settings, read=read, ready=ready, accept=only != "file", file=only != "accept"))
