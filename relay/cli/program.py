"""The program `bcc-relay`: its commands, their exit statuses, and one line for every foreseeable fault.

Modules of commands import nothing heavy themselves; what a command needs it imports when it runs, so that
`bcc-relay --help` and a shell's completion answer at once.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from relay.cli import (
    accounts,
    capturing,
    completing,
    configuring,
    crm_checking,
    deciding,
    delivering,
    demonstration,
    doctoring,
    explaining,
    filing,
    following,
    forgetting,
    health,
    importing,
    keeping,
    lead_importing,
    never_logging,
    people,
    person,
    reading,
    refiling,
    serving,
    triaging,
)
from relay.cli.command import Group
from relay.cli.fault import sentence

USAGE, UNKNOWN = 2, 3


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-c",
    "--config",
    metavar="FILE",
    help="The configuration. Default: $BCC_RELAY_CONFIG, or bcc-relay.toml here, or in /etc/bcc-relay.",
)
@click.pass_context
def program(context: click.Context, config: str | None) -> None:
    """Files BCC copies and forwarded mail on the right leads, in SQLite, for any CRM.

    A MESSAGE is its id, <Message-ID>, or the id in the 250 reply. A LEAD (DEAL) is its id, ext:X for an
    external id, or an address. Everything that reads has --json.
    """
    context.obj = config and os.fsdecode(config.encode())  # a file name in the locale's own form


for _command in (
    demonstration.demo,
    serving.serve,
    configuring.config,
    people.staff,
    people.lead,
    people.deal,
    reading.timeline,
    reading.thread,
    reading.show,
    reading.raw,
    explaining.explain,
    reading.search,
    capturing.captured,
    triaging.unresolved,
    deciding.attach,
    deciding.detach,
    deciding.visibility,
    never_logging.never_log,
    following.changes,
    forgetting.forget,
    person.erase,
    person.export,
    filing.file,
    refiling.refile,
    importing.import_mail,
    delivering.deliver,
    health.status,
    health.verify,
    doctoring.doctor,
    crm_checking.crm_check,
    keeping.backup,
    keeping.restore,
    keeping.rebuild,
    keeping.maintain,
    completing.completion,
):
    program.add_command(_command)
people.lead.add_command(lead_importing.lead_import)
people.staff.add_command(accounts.capture_address)
people.staff.add_command(accounts.password)
people.staff.add_command(accounts.card)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line. Returns its exit status; nothing foreseeable is raised."""
    words = list(map(_readable, sys.argv[1:] if arguments is None else arguments))
    if sys.stdout is None:  # started with a closed standard output: what is said goes nowhere
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  for the life of the process
    try:
        status = program.main(words, prog_name="bcc-relay", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return _usage(error)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "bcc-relay"
        _complain(f"{error.format_message()} See {path} --help.")
        return _usage(error)
    except click.ClickException as error:
        _complain(error.format_message())
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130  # as a shell tells it: 128 + SIGINT
    except BrokenPipeError:
        # The reader (`head`) has gone. Python would complain once more when it flushes at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        told = sentence(error)
        if told is None:
            raise  # our own fault: the traceback is what a developer needs
        _complain(told, named=not _tells_place(error))
        return UNKNOWN if _is_status(words) else 1
    return status if isinstance(status, int) else 0


def _usage(error: click.UsageError) -> int:
    """Usage errors exit 2; those of `status` 3, which is "unknown" to Nagios (2 would be "critical")."""
    name = error.ctx.command.name if error.ctx else None
    return UNKNOWN if name == "status" else USAGE


def _is_status(words: list[str]) -> bool:
    """Was the command `status`? Its faults are "unknown" to Nagios, too."""
    rest = iter(words)
    for word in rest:
        if word in ("-c", "--config"):
            next(rest, None)
        elif not word.startswith("-"):
            return word == "status"
    return False


def _readable(word: str) -> str:
    """A word of the command line as UTF-8, also where the locale knows ASCII only.

    Python keeps octets that the locale does not know as lone surrogates, which no database takes.
    """
    return word.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _tells_place(error: Exception) -> bool:
    """Mistakes in the configuration begin with file and line, so that an editor can go there."""
    mistakes = getattr(error, "mistakes", ())
    return any(each.line for each in mistakes)


def _complain(told: str, *, named: bool = True) -> None:
    """To standard error, each line with our name before it (unless it begins with a place)."""
    for line in told.splitlines():
        click.echo(f"bcc-relay: {line}" if named else line, err=True)
