"""`status` and `verify`: is the relay well, and do the databases keep their promises?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.opened import configuration, settle, store


@click.command(cls=Command)
@as_json
@click.option("--nagios", "form", flag_value="nagios", help="One line with performance data, for Nagios and its kin.")
@click.option("--metrics", "form", flag_value="metrics", help="Metrics as Prometheus reads them.")
@click.pass_context
def status(context: click.Context, as_json: bool, form: str | None) -> None:
    """Tell how the relay is, for people and for monitoring.

    Exit status as Nagios has it: 0 ok, 1 warning, 2 critical, 3 unknown (also for usage errors); with --metrics
    0 whenever they could be told. Thresholds are in [health] and in docs/health.md. Any user who may read the
    database may ask; what cannot be seen without the relay's own rights is said.
    """
    from relay.cli.health_page import nagios, status_page
    from relay.cli.terminal import screen
    from relay.health.metrics import LEVELS, exposition
    from relay.health.report import report

    if as_json and form:
        raise click.UsageError(f"--json and --{form} are two answers; ask for one.")
    now = datetime.now(UTC)
    found = report(configuration(context).settings, now)
    if form == "metrics":
        say(exposition(found).splitlines())
        return
    if as_json:
        answer(found)
    else:
        say(nagios(found, now) if form else status_page(found, screen(), now))
    context.exit(LEVELS[found["level"]])


@click.command(cls=Command)
@as_json
@click.pass_context
def verify(context: click.Context, as_json: bool) -> None:
    """Prove that the database keeps its promises.

    Recomputes the relation from the facts and shows every difference; there must be none. Also looks
    whether the file is intact, whether the schema is ours, and whether every accepted mail that is not in
    the backlog has its outcome. Exit status 1 if there is any difference.
    """
    from relay.store.verify import verify as differences
    from relay.work.standing import unaccounted

    settings = configuration(context).settings
    db = store(context, write=True)
    settle(db)  # what a CRM wrote a moment ago and nobody has looked at yet is no difference
    found: list[dict[str, Any]] = []
    for each in differences(db, domains=settings.company.domains):
        found.append({"name": each.name, "sentence": each.sentence, "row": each.row})
        if not as_json:
            say([str(each)])
    for vault_id in unaccounted(settings.vault.path, db):
        sentence = "every accepted mail before the backlog has its outcome"
        found.append({"name": "vault-outcome", "sentence": sentence, "row": {"vault_id": vault_id}})
        if not as_json:
            say([f"vault-outcome: not so: {sentence}: vault_id={vault_id}"])
    if as_json:
        answer(found)
    elif not found:
        say(["ok: no differences"])
    else:
        told = "1 difference" if len(found) == 1 else f"{len(found)} differences"
        say([f"{told}. What each means and what to do: docs/health.md (What verify finds)"], err=True)
    context.exit(1 if found else 0)
