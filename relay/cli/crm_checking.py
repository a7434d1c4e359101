"""`crm-check`: what in the setting of a CRM will hurt. Needs no configuration; run it as the CRM's user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from relay.cli.command import Command, answer, as_json, say

if TYPE_CHECKING:
    from relay.store.crm_content import Finding

TIMEOUTS = (
    "busy timeout: 0 in PHP's SQLite3, the sqlite3 command, node:sqlite and Ruby, 5 s in Python and better-sqlite3, "
    "60 s in PDO: set 5 s or more, and begin what writes with BEGIN IMMEDIATE"
)


@click.command("crm-check", cls=Command)
@click.argument("database", metavar="DB", type=click.Path(readable=False, dir_okay=False, path_type=Path))
@click.option(
    "--library-version",
    metavar="VERSION",
    help="What SELECT sqlite_version() answers in the CRM. Default: the usual programs on the PATH are asked.",
)
@click.option(
    "--watch",
    metavar="SECONDS",
    type=click.FloatRange(0, 3600),
    default=0.0,
    help="Watch so long for snapshots and write locks that are held too long, while the CRM works.",
)
@as_json
@click.pass_context
def crm_check(context: click.Context, database: Path, library_version: str | None, watch: float, as_json: bool) -> None:
    """Tell what in a CRM's setting will hurt.

    DB is the file relay.db; no configuration is needed. Run it as the user that the CRM runs as, best while
    the CRM works: library version, rights, disk, dates, addresses, triggers, REPLACE, snapshots held open.
    One line each: what, why it hurts, what to do. Exit status 1 if anything will hurt.
    """
    found: list[Finding] = []
    for finding in _findings(database, library_version, watch):
        found.append(finding)
        if not as_json:
            say([f"{'hurts' if finding.hurts else 'know '}  {finding}"])
    hurts = any(finding.hurts for finding in found)
    if as_json:
        columns = ("name", "hurts", "what", "why", "todo")
        answer([{column: getattr(finding, column) for column in columns} for finding in found])
    else:
        say([f"know   {TIMEOUTS}"])
        if not hurts:
            say(["ok: nothing found that will hurt"])
    context.exit(1 if hurts else 0)


def _findings(path: Path, library: str | None, seconds: float) -> Iterator[Finding]:
    from relay.store import crm_setting, readers
    from relay.store.connection import open_store
    from relay.store.crm_content import Finding, content_findings
    from relay.store.opening import StoreError

    try:
        path.stat()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise StoreError(f"{path}: {why} for this user; name the file relay.db, as [store] path has it") from error
    libraries = crm_setting.libraries() if library is None else {"the CRM": _version(library)}
    guarded = any(holder.ours for holder in readers.held(path).snapshots)
    yield from crm_setting.library_findings(libraries, guarded=guarded)
    yield from crm_setting.right_findings(path)
    try:
        db = open_store(path, read_only=True)
    except StoreError as error:
        yield Finding("open", True, "it cannot be opened", "nothing will work", str(error))
        return
    try:
        (mode,) = db.execute("PRAGMA journal_mode").fetchone()
        if mode != "wal":
            why = "readers and writers wait for each other, and the relay expects it"
            yield Finding("journal-mode", True, f"journal_mode is {mode}", why, "PRAGMA journal_mode = WAL, once")
        yield from content_findings(db)
    finally:
        db.close()
    if seconds:
        yield from crm_setting.watch_findings(path, seconds)
    else:
        yield from crm_setting.held_findings(path)


def _version(text: str) -> tuple[int, ...]:
    from relay.store.crm_setting import version

    found = version(text)
    if found is None:
        raise click.UsageError(
            f"--library-version takes what SELECT sqlite_version() answers, as in 3.40.1, not {text!r}."
        )
    return found
