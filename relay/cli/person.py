"""`erase`, `export`: what the law lets a person ask for, for one address."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.forgetting import agreed, finish
from relay.cli.opened import configuration, settle, store

if TYPE_CHECKING:
    from relay import sqlite
    from relay.store.person import Person


@click.command(cls=Command)
@click.argument("address")
@click.option("--lead", "leads", is_flag=True, help="Also the address of leads, and leads with no other address.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--yes", is_flag=True, help="Without asking.")
@as_json
@click.pass_context
def erase(context: click.Context, address: str, leads: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Erase a person: all that is kept about an address.

    Messages with nobody else outside are removed as by `forget`. Messages with others stay without the person:
    the party, and, where the person wrote them, subject, words and attachments. What is left to look at is
    reported: words of others that name the person, leads of the CRM. It cannot be undone.
    """
    from relay.cli.progress import Progress
    from relay.store import person as of
    from relay.work.forgetting import erase as take_away

    db = store(context, write=not dry_run)
    person = of.find(db, address)
    report = _report(db, person, _indexed(context, of.words_of(db, person)), leads=leads)
    if not as_json:
        say(_lines(report, leads=leads))
    if dry_run:
        if as_json:
            answer(report)
        return
    agreed(yes=yes)
    with Progress("messages") as progress:
        take_away(db, configuration(context).settings.vault.path, person, leads=leads, progress=progress.add)
    settle(db)
    left = finish(context, db)
    if as_json:
        answer({**report, "still_waiting": len(left)})
    else:
        say(["erased; the audit says that it was done, and not whom", *left])


def _indexed(context: click.Context, phrases: list[str]) -> list[int]:
    """Where the search index finds these; nothing where there is none."""
    from relay.store import question
    from relay.store.opening import StoreError

    try:
        index = question.open_search(configuration(context).settings.store.path)
    except StoreError:
        return []
    with contextlib.closing(index):
        return question.mentioning(index, phrases)


def _report(db: sqlite.Connection, person: Person, indexed: list[int], *, leads: bool) -> dict[str, Any]:
    """What goes, what stays, and where a person has to look. Without anything that a message says."""
    from relay.store import person as of

    return {
        "addresses": list(person.addresses),
        "removed": list(person.alone),
        "emptied": list(person.wrote),
        "taken_out": list(person.named),
        "may_name": of.places(db, person, indexed),
        "leads": of.leads_of(db, person),
        "leads_erased": leads,
        "never_log": of.never_logged(db, person),
    }


def _lines(report: dict[str, Any], *, leads: bool) -> list[str]:
    from relay.attribution.directory import without_tag
    from relay.cli.terminal import neutral
    from relay.cli.words import many
    from relay.mail.address import Address

    told = [
        f"addresses: {', '.join(map(neutral, report['addresses']))}",
        f"removed: {many(len(report['removed']), 'message')} with nobody else outside",
        f"emptied: {many(len(report['emptied']), 'message')} the person wrote to others too{_ids(report['emptied'])}",
        f"taken out: as a party of {many(len(report['taken_out']), 'message')} of others{_ids(report['taken_out'])}",
    ]
    if report["may_name"]:
        told.append(
            f"to look at: words of others name the person{_ids(report['may_name'])}; `forget` removes a message"
        )
    for row in report["leads"]:
        done = "erased" if leads else "stays, it is the CRM's (--lead erases it)"
        told.append(f"lead {row['lead_id']} {neutral(row['name'] or '')}, {neutral(row['address'])}: {done}")
    if not (report["removed"] or report["emptied"] or report["taken_out"] or report["leads"]):
        given = Address.read(report["addresses"][0])
        plus = given is not None and "+" in given.local_part
        told.append(
            "no message and no lead has this address"
            + (f"; without its plus tag, {without_tag(given.key)}, all its forms are meant" if given and plus else "")
        )
    told += [f"never-log has {neutral(pattern)}: stays, it keeps such mail out" for pattern in report["never_log"]]
    return told


def _ids(messages: list[int]) -> str:
    shown = ", ".join(f"#{message}" for message in messages[:20])
    return f": {shown}{' ...' if len(messages) > 20 else ''}" if messages else ""


@click.command(cls=Command)
@click.argument("address")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Into this file, for nobody else."
)
@click.option("--contents", is_flag=True, help="With the contents of attachments (base64).")
@as_json
@click.pass_context
def export(context: click.Context, address: str, output: Path | None, contents: bool, as_json: bool) -> None:
    """Give all that is kept about an address.

    One JSON object a line: first what it is, then each message with its words, parties, copies and attachments,
    then what leads, reports of mail systems and the never-log list have about the address. docs/privacy.md
    describes it. With --json: one JSON list of the same objects.
    """
    from relay.store import person as of

    db = store(context)
    person = of.find(db, address, ours=True)
    found = of.everything(db, person, contents=contents)
    if output is None:
        _write(sys.stdout, found, whole=as_json)
        return
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123  its rights from the first octet on
        _write(file, found, whole=as_json)
    from relay.cli.words import many

    say([f"{output}: {many(len(person.messages), 'message')}"], err=True)


def _write(file: TextIO, found: Iterator[dict[str, Any]], *, whole: bool) -> None:
    """One a line, also of a list: a hundred thousand messages are not held in memory."""
    for number, each in enumerate(found):
        before = ("[\n" if number == 0 else ",\n") if whole else ""
        file.write(before + json.dumps(each, ensure_ascii=True) + ("" if whole else "\n"))
    if whole:
        file.write("\n]\n")
