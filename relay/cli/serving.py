"""`serve`: the daemon in the foreground."""

from __future__ import annotations

import logging

import click

from relay.cli.command import Command
from relay.cli.opened import configuration


@click.command(cls=Command)
@click.option(
    "--only", type=click.Choice(["accept", "file"]), help="Only this half of the work: two services instead of one."
)
@click.option("--verbose", is_flag=True, help="Tell also each session and each mail as it is accepted.")
@click.pass_context
def serve(context: click.Context, only: str | None, verbose: bool) -> None:
    """Accept and file mail, in the foreground, until SIGTERM.

    Prints a line when it is ready, and tells systemd. SIGTERM (or Ctrl-C) finishes what was accepted.
    """
    from relay import daemon, log

    found = configuration(context)
    log.configure(level=logging.DEBUG if verbose else logging.INFO)
    for name, why in found.pending:
        log.log().warning("config.no_effect_yet", key=name, why=why)

    def ready(endpoints: list[str]) -> None:
        listening = f", listening on {' '.join(endpoints)}" if endpoints else ""
        click.echo(f"bcc-relay: ready{listening}")

    context.exit(daemon.serve(found.settings, ready=ready, accept=only != "file", file=only != "accept"))
