"""Writes docs/bcc-relay.1, the manual page, from the program: man(7) as groff and mandoc read it. A test holds it true."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).parent.parent))

from relay.cli.program import program

REVISED = "2026-11-22"
"""When the words below were last looked at by a person."""

FILE = Path(__file__).parent.parent / "docs" / "bcc-relay.1"

DESCRIPTION = """\
bcc-relay is a mail server for copies.
It takes the mail that people put into Bcc, or forward, to a capture address, works out who wrote to whom, and files each
message on the right leads in a SQLite database that any CRM reads.
.PP
A
.I MESSAGE
is its number, its <Message-ID>, or the id in the 250 reply that accepted it.
A
.I LEAD
or
.I DEAL
is its number, ext:X for an external id, or an address.
"""

AFTER = """\
.SH EXIT STATUS
.TP
.B 0
Done.
.TP
.B 1
It could not be done; one line on standard error says why and what to do.
.BR verify :
there are differences.
.TP
.B 2
The command line was wrong.
.TP
.B status
0 ok, 1 warning, 2 critical, 3 unknown or a wrong command line, as Nagios has it.
.TP
.B deliver
0 or 75 (try again later), never another.
.SH ENVIRONMENT
.TP
.B BCC_RELAY_CONFIG
The configuration file, unless
.B \\-c
names one.
.TP
.BI BCC_RELAY__ SECTION __ KEY
Wins over the configuration file, as in BCC_RELAY__CAPTURE__MAX_SIZE.
.TP
.B NO_COLOR
No colours, whatever its value.
.SH FILES
.TP
.I /etc/bcc-relay/bcc-relay.toml
The configuration;
.I conf.d/*.toml
beside it is read after it.
.TP
.I /var/lib/bcc-relay/shared/relay.db
The database that a CRM reads and writes.
.TP
.I /var/lib/bcc-relay/vault
Accepted mail as it came, for the relay alone.
.SH EXAMPLES
.nf
bcc-relay staff add "Bob Baker" bob@example.org
bcc-relay lead add "Anna Lindqvist" anna@lindqvist.example
bcc-relay timeline anna@lindqvist.example
sqlite3 relay.db "SELECT originated_at, subject FROM lead_timeline WHERE lead_id = 1 ORDER BY 1 DESC LIMIT 10"
.fi
.SH SEE ALSO
.BR sqlite3 (1),
.BR systemctl (1)
"""


def told(text: str) -> str:
    """Text as roff takes it: no word of ours is a request, and hyphens of options are not broken."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in escaped.splitlines())


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text; one that click must not wrap (it begins with \\b) keeps its lines."""
    for piece in text.strip().split("\n\n"):
        lines = [line.strip() for line in piece.splitlines()]
        if lines and lines[0] == "\b":
            yield ".nf\n" + told("\n".join(lines[1:])) + "\n.fi"
        else:
            yield told(" ".join(lines))


def names(parameter: click.Parameter, context: click.Context) -> str:
    """An option's names and its value, bold and in italics."""
    made = ", ".join(f"\\fB{told(name)}\\fR" for name in (*parameter.opts, *parameter.secondary_opts))
    if isinstance(parameter, click.Option) and not parameter.is_flag and not parameter.count:
        made += f" \\fI{told(parameter.make_metavar(context))}\\fR"
    return made


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        told_elsewhere = {"--help", "--version"} & set(parameter.opts)
        if record and isinstance(parameter, click.Option) and not told_elsewhere:
            yield f".TP\n{names(parameter, context)}\n{told(record[1])}"


def commands(command: click.Command, context: click.Context) -> Iterator[str]:
    """Each command below `command`: how it is written, what it does, its options."""
    if not isinstance(command, click.Group):
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        inner = click.Context(found, info_name=name, parent=context)
        if not isinstance(found, click.Group) or found.invoke_without_command:
            pieces = " ".join(found.collect_usage_pieces(inner))
            path = inner.command_path.removeprefix("bcc-relay ")
            yield f".SS {told(path)} {told(pieces)}"
            yield "\n.PP\n".join(paragraphs(found.help or ""))
            shown = list(options(found, inner))
            if shown:
                yield "\n".join([".RS", *shown, ".RE"])
        yield from commands(found, inner)


def page() -> str:
    """The whole of docs/bcc-relay.1."""
    context = click.Context(program, info_name="bcc-relay", **program.context_settings)
    pieces = [
        '.\\" Made by scripts/make_man_page.py from the program itself.',
        f'.TH BCC\\-RELAY 1 "{REVISED}" "bcc\\-relay" "User Commands"',
        ".SH NAME",
        "bcc\\-relay \\- file BCC copies and forwarded mail on the leads of a CRM",
        ".SH SYNOPSIS",
        ".B bcc\\-relay\n[\\fB\\-c\\fR \\fIFILE\\fR] \\fICOMMAND\\fR [\\fIARGUMENTS\\fR]",
        ".SH DESCRIPTION",
        DESCRIPTION.rstrip(),
        ".SH OPTIONS",
        *options(program, context),
        ".TP\n\\fB\\-\\-version\\fR\nShow the version; works after each command too.",
        ".TP\n\\fB\\-h\\fR, \\fB\\-\\-help\\fR\nShow the help; works after each command too.",
        ".SH COMMANDS",
        *commands(program, context),
        AFTER.rstrip(),
    ]
    return "\n".join(pieces) + "\n"


if __name__ == "__main__":
    FILE.write_text(page(), encoding="utf-8")
