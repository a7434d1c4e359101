"""Restore: a backup put back, whole or not at all.

Everything is copied beside its place and proved there (digests, SQLite's own check) before anything is
moved. Then what is there is moved aside, never deleted, and the copies are renamed into place. Meanwhile
the locks of the daemon are ours, so none can start; a file in the vault's folder says that a restore is
under way, so that none starts when we are killed in the middle: restoring again then finishes the job.

relay.db comes back with a new feed id and ids that leap (`relay.store.lineage`); the vault's writer finds
that its segments are copies and begins a new epoch. So nothing that was given out comes back as another.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from relay import sqlite
from relay.lock import Lock, Taken
from relay.store import migrations
from relay.store.accounts import place as accounts_place
from relay.store.lineage import Mark, begin_new_feed, marks, note_file, read_mark, write_mark
from relay.vault.copying import whole
from relay.vault.segment import UNFINISHED_RESTORE, make_folder, segments, sync_folder
from relay.work.backup import Progress, Step
from relay.work.manifest import BackupError, Manifest, becoming, copy_file, read_manifest, told
from relay.work.standing import newer_than

STEPS = ("restore.vault_staged", "restore.store_staged", "restore.begun", "restore.vault_in_place", "restore.in_place")

STAGED = "restoring"
"""Where segments wait in the vault's folder until all are there."""

ROOM = 64 * 1024 * 1024
"""Octets that must be left free beside the copies."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, and where that went which was there before (None: there was nothing)."""

    manifest: Manifest
    store_aside: Path | None
    vault_aside: Path | None


def restore(
    store: Path,
    vault: Path,
    folder: Path,
    *,
    store_too: bool = True,
    vault_too: bool = True,
    force: bool = False,
    progress: Progress = lambda _: None,
    at: Step = lambda _: None,
) -> Restored:
    """Put the backup in `folder` back as the database `store` and the vault in folder `vault`.

    `force`: move what is there aside. Raises BackupError, StoreError, a VaultError; what was there is as it
    was then, or (killed in the middle) a second run finishes.
    """
    what = f"restore from {folder}"
    with told(folder, what):
        manifest = read_manifest(folder)
    if manifest is None:
        raise BackupError(f"{folder}: there is no backup (no manifest.json)")
    if manifest.store.schema > migrations.VERSION:
        raise BackupError(f"{folder}: made by a newer bcc-relay ({manifest.program}); upgrade this program first")
    _must_be_free(store, vault, manifest, store_too=store_too, vault_too=vault_too, force=force)
    store_aside = vault_aside = None
    with told(vault, what), contextlib.ExitStack() as held:
        again = (vault / UNFINISHED_RESTORE).exists()
        if not again:
            made = not vault.exists()
            make_folder(vault)
            if made:
                _give(vault, vault.parent)
        held.callback(_give_to_owner, vault)  # also what a restore that was refused has made
        for name in ("writer.lock", "filer.lock"):
            held.enter_context(_ours(vault / name))
        _room(manifest, store, vault, store_too=store_too, vault_too=vault_too)
        if vault_too:
            _stage_vault(manifest, folder, vault, progress)
            at("restore.vault_staged")
        if store_too:
            with told(store.parent, what):
                staged, mark = _stage_store(manifest, folder, store, vault, progress)
                at("restore.store_staged")
                _nobody_has(store)
        # From here on only renaming.
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        (vault / UNFINISHED_RESTORE).touch(mode=0o600)
        sync_folder(vault)
        at("restore.begun")
        if vault_too:
            vault_aside = _set_vault_aside(vault, vault / f"before-restore-{stamp}")
            for path in sorted((vault / STAGED).iterdir()):
                path.rename(vault / path.name)
            (vault / STAGED).rmdir()
            sync_folder(vault)
            at("restore.vault_in_place")
        if store_too:
            with told(store.parent, what):
                store_aside = _set_store_aside(store, store.with_name(f"{store.name}.before-restore-{stamp}"))
                staged.rename(store)
                sync_folder(store.parent)
            write_mark(vault, mark)
        at("restore.in_place")
        (vault / UNFINISHED_RESTORE).unlink()
        sync_folder(vault)
    return Restored(manifest, store_aside, vault_aside)


def _must_be_free(
    store: Path, vault: Path, manifest: Manifest, *, store_too: bool, vault_too: bool, force: bool
) -> None:
    """Refuse to move anything aside unless told to, and say what would be lost from sight. Raises BackupError."""
    if force:
        return
    try:
        if vault_too and segments(vault):
            more = newer_than(vault, manifest)
            has = f"has {more:,} mails that the backup does not have" if more else "has nothing newer than the backup"
            raise BackupError(
                f"{vault}: there is a vault, which {has}; `--only store` keeps it and restores relay.db alone, "
                "`--force` moves it aside"
            )
    except FileNotFoundError:
        pass
    except PermissionError:
        raise BackupError(f"{vault}: no right to use the vault; restore as the user that runs bcc-relay") from None
    if store_too and store.exists():
        raise BackupError(f"{store}: there is a database; `--force` moves it aside")


@contextlib.contextmanager
def _ours(path: Path) -> Iterator[None]:
    try:
        lock = Lock(path)
    except Taken as taken:
        raise BackupError(f"the relay is running (process {taken.holder or '?'}); stop it, then restore") from None
    with lock:
        yield


def _room(manifest: Manifest, store: Path, vault: Path, *, store_too: bool, vault_too: bool) -> None:
    """Is there room for the copies beside what is there? Raises BackupError before anything is copied."""
    wanted: dict[int, int] = {}
    if vault_too:
        wanted[vault.stat().st_dev] = sum(each.size for each in manifest.vault)
    if store_too:
        device = store.parent.stat().st_dev
        wanted[device] = wanted.get(device, 0) + manifest.store.size
    for place in (vault, store.parent):
        short = wanted.pop(place.stat().st_dev, 0) + ROOM - shutil.disk_usage(place).free
        if short > ROOM:
            raise BackupError(f"the disk of {place} is too full: {short >> 20:,} MiB more are needed to restore beside")


def _stage_vault(manifest: Manifest, folder: Path, vault: Path, progress: Progress) -> None:
    staged = vault / STAGED
    if staged.exists():
        shutil.rmtree(staged)  # of a restore that was interrupted
    staged.mkdir(mode=0o700)
    for each in manifest.vault:
        with becoming(staged / each.name) as part:
            _copy_proved(folder / each.file, part, each.sha256, progress)
            if not whole(part):
                raise BackupError(f"{folder / each.file}: damaged; restore another backup")
    if manifest.accounts is not None:
        with becoming(accounts_place(staged)) as part:
            _copy_proved(folder / manifest.accounts.file, part, manifest.accounts.sha256, progress)
    sync_folder(staged)


def _stage_store(manifest: Manifest, folder: Path, store: Path, vault: Path, progress: Progress) -> tuple[Path, Mark]:
    """The database beside its place, proved, with a new feed. Returns its path (renaming keeps its inode) and mark."""
    staged = store.with_name(f"{store.name}.restoring")
    mark = Mark("")
    with becoming(staged) as part:
        part.chmod(migrations.MODE)
        _copy_proved(folder / manifest.store.file, part, manifest.store.sha256, progress)
        try:
            with contextlib.closing(sqlite.alone(part)) as copied:
                said = [row[0] for row in copied.execute("PRAGMA integrity_check(1)")]
                copied.execute("BEGIN IMMEDIATE")
                begin_new_feed(copied.execute, read_mark(vault))
                note_file(copied.execute, part)
                copied.execute("COMMIT")
                mark = marks(copied)
        except sqlite.DatabaseError as error:
            said = [str(error)]
        if said != ["ok"]:
            raise BackupError(f"{folder / manifest.store.file}: damaged ({said[0]}); restore another backup")
        _give(part, store.parent)
    return staged, mark


def _copy_proved(source: Path, target: Path, sha256: str, progress: Progress) -> None:
    """Copy a file of the backup and prove it on the way. Raises BackupError when it is not what was written."""
    try:
        found = copy_file(source, target, progress)
    except FileNotFoundError:
        raise BackupError(f"{source}: missing in the backup; restore another one") from None
    if found != sha256:
        raise BackupError(f"{source}: damaged, it is not what was written; restore another backup")


def _nobody_has(store: Path) -> None:
    """Fold the log of the database that will be moved aside into it. Raises BackupError while a program has it open.

    Giving up WAL needs the file for itself: where that is refused, somebody would go on writing into a
    database that nobody else sees.
    """
    if not store.exists():
        return
    try:
        with contextlib.closing(sqlite.connect(store, timeout=2.0)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite.Error as error:
        if "locked" in str(error) or "busy" in str(error):
            raise BackupError(f"{store}: another program has it open; stop the CRM, then restore") from None
        # Damaged: it is moved aside as it is, with its log.


def _set_vault_aside(vault: Path, aside: Path) -> Path | None:
    """Move the segments, with their logs, and the file of accounts into a folder beside them."""
    old = [path for each in segments(vault) for path in _trio(each.path) if path.exists()]
    old += [path for path in (accounts_place(vault),) if path.exists()]
    if not old:
        return None
    aside.mkdir(mode=0o700, exist_ok=True)
    for path in old:
        path.rename(aside / path.name)
    sync_folder(aside)
    return aside


def _set_store_aside(store: Path, aside: Path) -> Path | None:
    """Move the database and its log. A log left beside another database would be replayed into it."""
    moved = None
    for old, new in zip(_trio(store), _trio(aside), strict=True):
        if old.exists():
            old.rename(new)
            moved = aside
    return moved


def _trio(path: Path) -> tuple[Path, ...]:
    return path, Path(f"{path}-wal"), Path(f"{path}-shm")


def _give(path: Path, folder: Path) -> None:
    """What root restores must belong to whom the folder belongs to, or the daemon cannot open it."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _give_to_owner(vault: Path) -> None:
    if os.geteuid() == 0:
        for path in vault.rglob("*"):
            _give(path, vault)
