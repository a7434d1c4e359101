"""`backup`, `restore`, `rebuild`, `maintain`: the databases kept safe, put back and proved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relay.cli.command import Command, answer, as_json, say
from relay.cli.opened import configuration, vault

if TYPE_CHECKING:
    from relay.config.settings import Settings
    from relay.work.rebuilding import Source

_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))


@click.command(cls=Command)
@_FOLDER
@click.option("--check", is_flag=True, help="Read also those segments again that are there already.")
@as_json
@click.pass_context
def backup(context: click.Context, folder: Path, check: bool, as_json: bool) -> None:
    """Copy both databases into a folder, while mail comes in.

    DIR is made when it is missing (for nobody else: everybody's mail is in it) and holds one backup. Run
    again into the same DIR only what is new is copied: the database, and the vault's newest file. The
    backup before stays whole until the new one is.
    """
    from relay.cli.progress import Octets
    from relay.work import backup as making

    settings = configuration(context, as_owner=False).settings  # DIR may be root's
    with Octets("copied") as progress:
        made = making.backup(
            settings.store.path,
            settings.vault.path,
            folder,
            keep=settings.vault.keep,
            check=check,
            progress=progress.add,
        )
    store, segments = made.manifest.store, made.manifest.vault
    if as_json:
        answer(
            {
                "folder": str(folder),
                "made_at": made.manifest.made_at,
                "messages": store.messages,
                "feed_id": store.feed_id,
                "seq": store.seq,
                "filed_up_to": store.filed_up_to or None,
                "vault_last": made.manifest.vault_last or None,
                "segments": len(segments),
                "segments_copied": made.copied,
                "size": store.size + sum(each.size for each in segments),
                "missing_in_vault": list(made.missing),
            }
        )
        return
    from relay.cli.words import many

    last = made.manifest.vault_last
    say(
        [
            f"relay.db: {many(store.messages, 'message')}, {_size(store.size)}",
            f"vault: up to {last}, {many(made.copied, 'file')} copied, {made.kept} there already" if last
            # nothing was accepted yet
            else "vault: empty",
            f"backup in {folder}",
        ]
    )  # fmt: skip
    for name in made.missing:
        say([f"bcc-relay: {name} is no more in the vault, and not by retention; the backup keeps its copy"], err=True)


@click.command(cls=Command)
@_FOLDER
@click.option("--only", type=click.Choice(["store", "vault"]), help="Only relay.db, or only the vault.")
@click.option("--force", is_flag=True, help="Move what is there aside. Nothing is deleted.")
@click.option("--full", is_flag=True, help="Afterwards prove every message against the vault, not a sample.")
@click.pass_context
def restore(context: click.Context, folder: Path, only: str | None, force: bool, full: bool) -> None:
    """Put a backup back. The relay must be stopped, and the CRM too.

    All of it is copied and proved before anything is moved. What a CRM wrote after the backup is gone with
    the database; mail is not: what the vault has and relay.db lacks is filed at the next start.
    """
    from relay.cli.ownership import become_owner
    from relay.cli.progress import Octets
    from relay.cli.words import many
    from relay.store.migrations import prepare
    from relay.work import restore as putting
    from relay.work.standing import standing

    settings = configuration(context, as_owner=False).settings  # DIR may be root's
    with Octets("restored") as progress:
        done = putting.restore(
            settings.store.path,
            settings.vault.path,
            folder,
            store_too=only != "vault",
            vault_too=only != "store",
            force=force,
            progress=progress.add,
        )
    become_owner(settings)
    manifest = done.manifest
    lines = []
    if only != "vault":
        lines.append(f"relay.db: restored as of {manifest.made_at}, {many(manifest.store.messages, 'message')}")
        lines.append("  what CRMs wrote after that is gone; a new feed id tells them to read all again")
    if only != "store":
        lines.append(f"vault: restored, {many(len(manifest.vault), 'file')}, up to {manifest.vault_last or 'nothing'}")
        lines.append("  the next mail begins a new epoch of vault ids, so that none is given out twice")
    lines += [f"  what was there is in {aside}" for aside in (done.store_aside, done.vault_aside) if aside]
    say(lines)
    if not settings.store.path.exists():
        say(["there is no relay.db: restore it (`--only store`), or start `serve`, which files the vault anew"])
        return
    prepare(settings.store.path)  # a backup of an older version
    stand = standing(settings.store.path, settings.vault.path)
    if stand.to_file:
        say([f"{many(stand.to_file, 'mail')} in the vault and not in relay.db: filed at the next start"])
    if stand.not_in_vault:
        lacking = f"{many(stand.not_in_vault, 'mail')} in relay.db and not in the vault"
        say([f"{lacking}: read and searched as before, but the octets received are gone (`raw`, `refile`)"])
    context.exit(_proved(source(settings), sample=None if full else -1, as_json=False))


@click.command(cls=Command)
@click.option("--verify", is_flag=True, help="Make messages anew beside relay.db and show every difference.")
@click.option("--sample", type=click.IntRange(1, 1_000_000), metavar="N", help="With so many mails drawn at random.")
@click.option("--full", is_flag=True, help="With all messages (the default without --sample).")
@as_json
@click.pass_context
def rebuild(context: click.Context, verify: bool, sample: int | None, full: bool, as_json: bool) -> None:
    """Prove relay.db against the vault: make it anew and compare.

    Reads mail from the vault again, files it in a database aside with the same ids, adds what the CRM
    wrote, and shows each difference; there must be none. Exit status 1 if there is any. May run beside the
    daemon.

    It changes nothing in relay.db. If relay.db is lost: `bcc-relay restore DIR --only store`. Without a
    backup, start the relay (or `bcc-relay file`): it makes a new one and files the whole vault; what the CRM
    wrote is lost then.
    """
    if not verify:
        raise click.UsageError(
            "rebuild proves relay.db and changes nothing, with --verify. A lost relay.db comes back by "
            "`restore DIR --only store`; without a backup by starting the relay, which files the vault anew."
        )
    if sample and full:
        raise click.UsageError("--sample or --full, not both.")
    context.exit(_proved(source(configuration(context).settings), sample=sample, as_json=as_json))


@click.command(cls=Command)
@as_json
@click.pass_context
def maintain(context: click.Context, as_json: bool) -> None:
    """Do what a timer does every night: retention, proofs, statistics.

    Removes files of the vault whose mail is older than [vault] keep, verifies the database, makes a sample
    of messages anew from the vault, and lets SQLite look after its statistics. Prints a line for each, and
    exits with 1 if anything is wrong. Safe beside the running relay.
    """
    from relay.work.maintenance import maintain as do

    settings = configuration(context).settings
    found = []
    for done in do(source(settings), settings.vault.keep):
        found.append(done)
        if not as_json:
            say(
                [f"{done.job}: {'' if done.well else 'NOT WELL: '}{done.line}", *(f"  {each}" for each in done.details)]
            )
    if as_json:
        answer(
            [{"job": each.job, "well": each.well, "line": each.line, "details": list(each.details)} for each in found]
        )
    context.exit(0 if all(each.well for each in found) else 1)


def source(settings: Settings) -> Source:
    """What is proved against what, as the configuration says it."""
    from relay.work.rebuilding import Source

    return Source(
        settings.store.path,
        vault(settings),
        frozenset(settings.company.domains),
        frozenset(settings.capture.addresses),
    )


def _proved(proving: Source, *, sample: int | None, as_json: bool) -> int:
    """Hold relay.db against the vault and tell. `sample`: None for all messages, -1 for the usual sample."""
    from relay.cli.progress import Progress
    from relay.work.rebuilding import SAMPLE, prove

    with Progress("messages made anew") as progress:
        found = prove(proving, sample=SAMPLE if sample == -1 else sample, progress=progress.add)
    if as_json:
        rows = [{"name": each.name, "sentence": each.sentence, "row": each.row} for each in found.differences]
        answer({"same": found.same, "outdated": found.outdated, "gone": found.gone, "differences": rows})
    else:
        say([str(each) for each in found.differences])
        say([found.sentence()])
    return 1 if found.differences else 0


def _size(octets: int) -> str:
    return f"{octets / (1 << 20):,.1f} MiB"
