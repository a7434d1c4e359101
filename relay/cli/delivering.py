"""`deliver`: the page of help; the work is done in `handing_over`, which `bcc-relay deliver` enters before click."""

from __future__ import annotations

import click

from relay.cli.command import Command


@click.command(cls=Command, context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
@click.option("--sender", metavar="S", help="The envelope sender; '' or '<>' is the null one. Default: $SENDER.")
@click.option("--recipient", metavar="R...", help="The capture addresses; may also be given several times.")
@click.option("--socket", metavar="PATH", help="The relay's LMTP socket; then no configuration is read.")
def deliver(**_: str) -> None:
    """Take one message from a mail server's pipe, on standard input.

    Exits 0 when the message is on the relay's disk, and 75 (try again later) in every
    other case, with the reason on standard error. Hands it over by [capture] lmtp; where
    no relay listens there, straight into the vault, if that belongs to this user.

    Lines may end with LF or CRLF, an mbox "From " line before the header is left out. A
    message that is too large stays in the mail server's queue: give it the same limit.
    """
    raise click.UsageError("deliver is entered before the command line is read; this is a fault of bcc-relay")
