"""`status` and `verify`: is the relay well, and do the databases keep their promises?"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.opened import configuration, settle, store

if TYPE_CHECKING:
    from relay import sqlite
    from relay.config.settings import Settings

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3


@click.command(cls=Command)
@as_json
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Tell how the relay is, for people and for monitoring.

    Exit status as Nagios has it: 0 ok, 1 warning, 2 critical, 3 unknown (also for usage errors).
    """
    from relay.cli.health_page import judge, status_page
    from relay.cli.terminal import screen
    from relay.store.opening import StoreError

    settings = configuration(context).settings
    try:
        db = store(context)
    except StoreError as error:
        answer({"level": "critical", "problems": [str(error)]}) if as_json else say([f"CRITICAL: {error}"])
        context.exit(CRITICAL)
    found = observe(settings, db)
    level, problems = judge(found, datetime.now(UTC))
    found["level"], found["problems"] = level, problems
    answer(found) if as_json else say(status_page(found, screen(), datetime.now(UTC)))
    context.exit({"ok": OK, "warning": WARNING, "critical": CRITICAL}[level])


def observe(settings: Settings, db: sqlite.Connection) -> dict[str, Any]:
    """Everything that `judge` looks at. Times are UTC text, sizes octets."""
    from relay.lock import held
    from relay.mail.envelope import VaultId
    from relay.store.facts import text_time
    from relay.store.reading import counts
    from relay.vault.reader import Reader

    found = counts(db)
    filed = VaultId.read(found["filed_up_to"] or "")
    with Reader(settings.vault.path) as vault:
        found["backlog"] = vault.count_after(filed)
        waiting = vault.after(filed, 1, 1) if found["backlog"] else []
        last = vault.last()
    found["oldest_waiting_at"] = text_time(waiting[0][1].envelope.received_at) if waiting else None
    found["last_vault_id"] = str(last) if last else None
    found["accepting"] = held(settings.vault.path / "writer.lock")
    found["filing"] = held(settings.vault.path / "filer.lock")
    found["store"], found["vault"] = str(settings.store.path), str(settings.vault.path)
    found["store_size"], found["wal_size"] = _size(settings.store.path), _size(Path(f"{settings.store.path}-wal"))
    found["disk_free"] = min(_free(settings.store.path.parent), _free(settings.vault.path))
    return found


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _free(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


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

    settings = configuration(context).settings
    db = store(context, write=True)
    settle(db)  # what a CRM wrote a moment ago and nobody has looked at yet is no difference
    found: list[dict[str, Any]] = []
    for each in differences(db):
        found.append({"name": each.name, "sentence": each.sentence, "row": each.row})
        if not as_json:
            say([str(each)])
    for vault_id in unaccounted(settings, db):
        sentence = "every accepted mail before the backlog has its outcome"
        found.append({"name": "vault-outcome", "sentence": sentence, "row": {"vault_id": vault_id}})
        if not as_json:
            say([f"vault-outcome: not so: {sentence}: vault_id={vault_id}"])
    if as_json:
        answer(found)
    elif not found:
        say(["ok: no differences"])
    context.exit(1 if found else 0)


def unaccounted(settings: Settings, db: sqlite.Connection) -> list[str]:
    """Vault ids that were accepted, are not in the backlog, and have no outcome."""
    from relay.mail.envelope import VaultId
    from relay.store.reading import counts
    from relay.vault.reader import Reader

    missing: list[str] = []
    filed = VaultId.read(counts(db)["filed_up_to"] or "")
    if filed is None:
        return missing
    with Reader(settings.vault.path) as vault:
        for vault_id in vault.ids():
            query = "SELECT 1 FROM _vault_outcome WHERE epoch = ? AND number = ?"
            if not db.execute(query, (vault_id.epoch, vault_id.number)).fetchone():
                missing.append(str(vault_id))
            if vault_id == filed:
                break
    return missing
