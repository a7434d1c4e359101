"""What commands open: the configuration and the database. Decides only how; closes with the command."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from relay import sqlite
    from relay.attribution.directory import Directory
    from relay.config.loading import Configuration
    from relay.config.settings import Settings

SETTLING = 2.0
"""Seconds a command goes on setting right what its write could not; the relay does the rest."""

_READ = "bcc-relay.configuration"


def configuration(context: click.Context, *, as_owner: bool = True) -> Configuration:
    """The configuration that -c or the environment names, read once. Raises Mistaken.

    From then on root is the user that the data belongs to (`ownership`), but for `as_owner=False`.
    """
    from relay.cli.ownership import become_owner
    from relay.config.loading import Configuration, load, locate

    found = context.meta.get(_READ)
    if not isinstance(found, Configuration):
        found = load(locate(context.find_root().obj, os.environ), os.environ)
        context.meta[_READ] = found
    if as_owner:
        become_owner(found.settings)
    return found


def vault(settings: Settings) -> Path:
    """The vault's folder. Raises ClickException when there is none yet."""
    if not settings.vault.path.is_dir():
        raise click.ClickException(f"{settings.vault.path}: there is no vault yet; `bcc-relay serve` makes it")
    return settings.vault.path


def store(context: click.Context, *, write: bool = False) -> sqlite.Connection:
    """relay.db, closed when the command ends. Raises StoreError when it cannot be used."""
    from relay.store.connection import open_store

    db = open_store(configuration(context).settings.store.path, read_only=not write)
    context.call_on_close(db.close)
    return db


def directory(settings: Settings, db: sqlite.Connection) -> Directory:
    """Who we are, by the configuration and the database."""
    from relay.attribution.directory import Directory
    from relay.store import who

    return Directory(frozenset(settings.company.domains), frozenset(settings.capture.addresses), who.staff(db))


def settle(db: sqlite.Connection) -> None:
    """Set right at once what triggers leave to the relay, so that the next command sees it with no relay running."""
    from relay.store.relation import settle as settle_some

    end = time.monotonic() + SETTLING
    while settle_some(db) and time.monotonic() < end:
        pass


def page_before(db: sqlite.Connection, before: str | None) -> tuple[str, int] | None:
    """The place in a list that --before names: a MESSAGE, or a time. Raises NotFoundError."""
    if before is None:
        return None
    from relay.store.finding import find_message
    from relay.store.reading import place
    from relay.store.times import text_time

    if not before.isdigit():
        try:
            moment = datetime.fromisoformat(before).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        else:
            return text_time(moment), 0
    return place(db, find_message(db, before))


def number_before(before: str | None) -> int | None:
    """The id that --before names in a list that is ordered by id."""
    if before is None:
        return None
    if not (before.isascii() and before.isdigit() and len(before) < 19):
        raise click.UsageError(f"--before takes an id of the list, not {before!r}.")
    return int(before)
