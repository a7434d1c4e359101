"""Backup: both databases into a folder, while the daemon runs and mail comes in.

relay.db is copied first and the vault after it, so everything that relay.db calls filed is in the vault:
put back together, nothing is missing and what is not filed yet is filed at the next start. Sealed segments
do not change and are copied once; the growing one is copied each time. search.db is derived and not copied.
Nothing here takes a lock that mail or a CRM waits for (`relay.sqlite.copy`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from relay import __version__, sqlite
from relay.lock import Lock, Taken
from relay.mail.envelope import VaultId
from relay.store.accounts import place as accounts_place
from relay.store.connection import open_store
from relay.store.lineage import COPY, marks
from relay.vault.copying import copy_segment, erased_in
from relay.vault.failure import VaultError
from relay.vault.segment import Segment, must_not_be_half_restored, segments, sync_folder
from relay.work.manifest import (
    LOCK,
    NAME,
    SEGMENTS,
    BackupError,
    FileCopy,
    Manifest,
    SegmentCopy,
    StoreCopy,
    becoming,
    copy_file,
    digest,
    read_manifest,
    remove_others,
    told,
    write_manifest,
)

Step = Callable[[str], None]
"""Told the name of each step as it is reached, so that a test can stop the process there."""

STEPS = ("backup.store_copied", "backup.segment_copied", "backup.vault_copied", "backup.in_place")

Progress = Callable[[int], None]
"""Told octets as they are copied or read again."""


@dataclass(frozen=True, slots=True)
class Made:
    """A backup as it was made: how many segments were `copied` now, and how many were there already (`kept`).

    `missing`: segments of earlier backups that the vault does not have any more although they are younger
    than [vault] keep; the backup keeps them.
    """

    manifest: Manifest
    copied: int
    kept: int
    missing: tuple[str, ...]


def backup(
    store: Path,
    vault: Path,
    folder: Path,
    *,
    keep: float,
    check: bool = False,
    progress: Progress = lambda _: None,
    at: Step = lambda _: None,
) -> Made:
    """Copy the database `store` and the vault in folder `vault` into `folder` (made when missing, 0700).

    `keep`: seconds for which the vault keeps mail: older segments that it has dropped are dropped here, too.
    `check`: read the segments that are there already again. Raises BackupError, StoreError, a VaultError;
    the backup that was in `folder` is as it was then.
    """
    what = f"backup to {folder}"
    _may_read(vault)
    with told(folder, what), contextlib.ExitStack() as opened:
        _prepare(folder, store, vault)
        try:
            opened.enter_context(Lock(folder / LOCK))
        except Taken as taken:
            raise BackupError(f"{what}: another backup is being written there (process {taken.holder})") from None
        before = read_manifest(folder)
        _must_be_of_this_vault(before, vault, folder)
        now = datetime.now(UTC)
        stamp = now.strftime("%Y%m%dT%H%M%S.%fZ")
        copy = _copy_store(store, folder, f"relay-{stamp}.db", progress)
        accounts = _copy_accounts(accounts_place(vault), folder, f"accounts-{stamp}.json")
        at("backup.store_copied")
        found = _copy_vault(vault, folder, before, stamp, check=check, progress=progress, at=at)
        dropped = _missing(before, found.copies, now - timedelta(seconds=keep))
        at("backup.vault_copied")
        # Those that only the backup has stand in their place, before the younger ones.
        vault_copies = tuple(sorted((*dropped, *found.copies), key=lambda each: (each.name[9:], each.name)))
        manifest = Manifest(now.isoformat(timespec="seconds"), __version__, copy, vault_copies, accounts)
        sync_folder(folder / SEGMENTS)
        sync_folder(folder)
        write_manifest(folder, manifest)
        at("backup.in_place")
        remove_others(folder, manifest)
    return Made(manifest, found.copied, found.kept, tuple(each.name for each in dropped))


def _may_read(vault: Path) -> None:
    try:
        must_not_be_half_restored(vault)
        segments(vault)
    except FileNotFoundError:
        raise BackupError(f"{vault}: there is no vault; `bcc-relay serve` makes it") from None
    except PermissionError:
        raise BackupError(
            f"{vault}: no right to read the vault; run the backup as the user that runs bcc-relay"
        ) from None


def _prepare(folder: Path, store: Path, vault: Path) -> None:
    """Make the folder, private. Refuse what must not become a backup. Raises BackupError, OSError."""
    real, store_folder, real_vault = folder.resolve(), store.parent.resolve(), vault.resolve()
    if real == real_vault or real_vault in real.parents or real in real_vault.parents:
        raise BackupError(f"{folder}: a backup cannot be in or around the vault {vault}; name another folder")
    if real == store_folder or store_folder in real.parents:
        raise BackupError(f"{folder}: the CRM reads there, and a backup holds everybody's mail; name another folder")
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        if not folder.is_dir():
            raise BackupError(f"{folder}: a backup is a folder, and this is a file; name another one") from None
        ours = {LOCK, NAME}
        if not ours & set(os.listdir(folder)) and any(folder.iterdir()):  # noqa: PTH208  names will do
            raise BackupError(f"{folder}: not empty, and no backup of ours; name a new or an empty folder") from None
        folder.chmod(0o700)
    (folder / SEGMENTS).mkdir(mode=0o700, exist_ok=True)


def _must_be_of_this_vault(before: Manifest | None, vault: Path, folder: Path) -> None:
    """A new, empty vault must not replace the backup of the one that was lost. Raises BackupError."""
    if before is None or not before.vault_last:
        return
    epochs = {segment.epoch for segment in segments(vault)}
    if epochs.isdisjoint(each.name[:8] for each in before.vault):
        raise BackupError(
            f"{folder}: holds the backup of another vault (of {before.made_at}), none of whose mail is in {vault}; "
            "restore it, or name another folder"
        )


def _copy_store(store: Path, folder: Path, name: str, progress: Progress) -> StoreCopy:
    with contextlib.closing(open_store(store, read_only=True)) as source, becoming(folder / name) as part:
        (page,) = source.execute("PRAGMA page_size").fetchone()
        sqlite.copy(source, part, _octets(progress, page))
        with contextlib.closing(sqlite.alone(part)) as copied:
            copied.execute("INSERT OR REPLACE INTO _relay (name, value) VALUES ('file', ?)", (COPY,))
            said = [row[0] for row in copied.execute("PRAGMA quick_check(1)")]
            if said != ["ok"]:
                raise BackupError(f"{store}: damaged ({said[0]}); the backup before is kept; restore it")
            mark = marks(copied)
            (schema,) = copied.execute("PRAGMA user_version").fetchone()
            (messages,) = copied.execute("SELECT count(*) FROM message").fetchone()
        size, sha256 = part.stat().st_size, digest(part)
    return StoreCopy(
        name, size, sha256, schema, mark.feed_id, mark.sequences.get("change", 0), str(mark.filed_up_to or ""), messages
    )


def _copy_accounts(source: Path, folder: Path, name: str) -> FileCopy | None:
    """The secrets of our people, which go by the staff.id of the database: copied after it. None: there are none."""
    if not source.exists():
        return None
    with becoming(folder / name) as part:
        sha256 = copy_file(source, part)
        return FileCopy(name, part.stat().st_size, sha256)


@dataclass(slots=True)
class _Vault:
    copies: tuple[SegmentCopy, ...]
    copied: int
    kept: int


def _copy_vault(
    vault: Path, folder: Path, before: Manifest | None, stamp: str, *, check: bool, progress: Progress, at: Step
) -> _Vault:
    known = {each.name: each for each in before.vault if each.sealed} if before else {}
    copies: list[SegmentCopy] = []
    kept = 0
    found = segments(vault)
    for segment in found:
        sealed = segment != found[-1]
        there = known.get(segment.path.name)
        changed = sealed and there is not None and _erased_since(segment, folder / there.file)
        if sealed and there and not changed and _whole(folder / there.file, there, progress if check else None):
            copies.append(there)
            kept += 1
            continue
        # A name of its own also for what was erased in since: the backup before is whole until this one is.
        name = segment.path.name if sealed and not changed else f"{segment.path.stem}.growing-{stamp}.db"
        try:
            copies.append(_copy_one(segment, folder, f"{SEGMENTS}/{name}", sealed=sealed, progress=progress))
        except (FileNotFoundError, VaultError):
            if segment.path.exists():
                raise
            continue  # removed by retention meanwhile: all its mail is filed and old enough to go
        at("backup.segment_copied")
    return _Vault(tuple(copies), len(copies) - kept, kept)


def _erased_since(segment: Segment, copy: Path) -> bool:
    """Was mail in this sealed segment erased after it was copied? Then the copy must not keep it either."""
    try:
        return erased_in(segment.path) != erased_in(copy)
    except VaultError:
        return False  # gone or damaged: whoever copies it says so


def _copy_one(segment: Segment, folder: Path, file: str, *, sealed: bool, progress: Progress) -> SegmentCopy:
    with becoming(folder / file) as part:
        holds = copy_segment(segment, part, growing=not sealed, progress=_octets(progress, 1 << 14))
        size, sha256 = part.stat().st_size, digest(part)
    last = str(VaultId(segment.epoch, holds.last_number))
    newest = "" if holds.newest_at is None else holds.newest_at.isoformat(timespec="seconds")
    return SegmentCopy(segment.path.name, file, sealed, size, sha256, last, newest)


def _whole(path: Path, known: SegmentCopy, progress: Progress | None) -> bool:
    """Is the copy as it was written: by its size, and with `progress` by its digest."""
    try:
        return path.stat().st_size == known.size and (progress is None or digest(path, progress) == known.sha256)
    except FileNotFoundError:
        return False


def _missing(before: Manifest | None, copies: tuple[SegmentCopy, ...], expired: datetime) -> list[SegmentCopy]:
    """Copies of segments that the vault has lost, not dropped: the backup must not forget them."""
    present = {each.name for each in copies}
    return [
        # It is not written any more, whatever it was when it was copied.
        replace(each, sealed=True)
        for each in (before.vault if before else ())
        if each.name not in present and each.newest_at and datetime.fromisoformat(each.newest_at) >= expired
    ]


def _octets(progress: Progress, page: int) -> Callable[[int, int], None]:
    """`sqlite.copy` tells pages done; people are told octets."""
    told_pages = 0

    def tell(done: int, _pages: int) -> None:
        nonlocal told_pages
        progress((done - told_pages) * page)
        told_pages = done

    return tell
