"""`doctor`: everything around the relay that keeps mail from coming, or lets in the wrong mail."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.opened import configuration

if TYPE_CHECKING:
    from relay.doctor.finding import Finding
    from relay.doctor.patient import Patient


@click.command(cls=Command)
@as_json
@click.option("--no-network", is_flag=True, help="Ask nothing of DNS and of other hosts.")
@click.option("--no-mail", is_flag=True, help="Send no mail through the front door, neither forged nor honest.")
@click.option("--dns", is_flag=True, help="Only print the DNS records to publish.")
@click.pass_context
def doctor(context: click.Context, as_json: bool, no_network: bool, no_mail: bool, dns: bool) -> None:
    """Look at everything around the relay, and say what to do.

    DNS, certificate, the front door as strangers and forgers meet it, disk, clock, rights, a Postfix on this
    machine, whose mail can be proved; and a mail through the front door, traced to its row and taken back. Run it as
    root, while the relay runs. Exit status 0: all is well, 1: warnings, 2: errors.
    """
    from relay.cli.doctor_page import finding_lines, last_line, zone_lines
    from relay.cli.ownership import become_owner
    from relay.cli.terminal import screen
    from relay.doctor import zone
    from relay.doctor.examination import as_root, examine
    from relay.doctor.finding import status
    from relay.doctor.looking import interface_addresses
    from relay.doctor.patient import Patient

    read = configuration(context, as_owner=False)  # keys are root's
    settings = read.settings
    capture = settings.capture
    records = zone.lines(capture.hostname, capture.addresses, interface_addresses(), settings.company.domains)
    if dns:
        if as_json:
            answer([{**asdict(line), "line": str(line)} for line in records])
        else:
            say(zone_lines(records)[1:])
        return
    patient = Patient(settings, read.file, datetime.now(UTC), network=not no_network, mail=not no_mail)
    rooted = as_root(patient)
    become_owner(settings)
    found: list[Finding] = []

    def tell(finding: Finding) -> None:
        found.append(finding)
        if not as_json:
            say(finding_lines(finding, screen()))

    for finding in examine(patient, rooted):
        tell(finding)
    if not no_mail:
        tell(_through_the_door(context, patient))
    if as_json:
        findings = [{**asdict(finding), "level": finding.level.value} for finding in found]
        answer({"status": status(found), "findings": findings, "dns": [str(line) for line in records]})
    else:
        say([*zone_lines(records), "", last_line(found)])
    context.exit(status(found))


def _through_the_door(context: click.Context, patient: Patient) -> Finding:
    """A mail, its row, and nothing of it afterwards."""
    from relay import sqlite
    from relay.cli.forgetting import finish
    from relay.cli.opened import store
    from relay.doctor.finding import Finding, warning
    from relay.doctor.front import follow, hand_over
    from relay.store.opening import StoreError
    from relay.work.forgetting import forget

    began = time.monotonic()
    vault_id = hand_over(patient)
    if isinstance(vault_id, Finding):
        return vault_id
    messages, finding = follow(patient, vault_id, began)
    if not messages:
        return finding
    try:
        db = store(context, write=True)
        forget(db, patient.settings.vault.path, messages, action="doctor")
        finish(context, db)
    except (StoreError, sqlite.Error, OSError) as problem:
        told = f"accepted as {vault_id} and filed, but it could not be taken back: {problem}"
        return warning("front-door", told, f"sudo bcc-relay forget {vault_id} --yes")
    return finding
