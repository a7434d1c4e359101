"""Disk, clock, rights: what of this machine keeps mail from being kept. Judgements, pure; `looking` has the facts."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass

from relay.doctor.finding import Finding, error, hint, ok, unseen, warning
from relay.words import lasting, octets

INODES = 10_000
"""Free inodes below which it is told: the vault and the databases need hundreds."""

SLOW_SYNC, STUCK_SYNC = 0.1, 1.0
"""Seconds of one sync: each mail waits for at least one, together with all that came meanwhile."""

BACK = 3600.0
"""Seconds by which the clock may be behind the newest mail we have accepted."""

AGENT = "systemctl enable --now systemd-timesyncd    # or chrony"


@dataclass(frozen=True, slots=True)
class Disk:
    """Where a folder lies. `inodes`: free ones, None where the file system has no number of them."""

    folder: str
    kind: str
    free: int
    inodes: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder: rights as `st_mode` has them, and names (or numbers) of its owner and group."""

    path: str
    mode: int
    owner: str
    group: str

    @property
    def rights(self) -> str:
        return f"{stat.S_IMODE(self.mode):04o}"


def disk(found: Disk, remote: Sequence[str], *, low: int, critical: int) -> list[Finding]:
    """`remote`: beginnings of the names of network file systems. `low`, `critical`: [health] disk_*, octets."""
    told = []
    where = f"{found.folder} ({found.kind or 'of an unknown file system'})"
    if found.kind.startswith(tuple(remote)):
        told.append(error("disk", f"{where} is on a network file system: locks and syncs there cannot be relied on",
                          "move it to a local disk: [store] path, [vault] path"))  # fmt: skip
    if found.kind in ("tmpfs", "ramfs"):
        told.append(error("disk", f"{where} is memory: mail is lost with the power", "move it to a disk"))
    if found.free < low:
        judge = error if found.free < critical else warning
        told.append(judge("disk", f"{where} has only {octets(found.free)} free", f"du -xhd1 {found.folder} | sort -h"))
    if found.inodes is not None and found.inodes < INODES:
        todo = f"du -x --inodes -d1 {found.folder} | sort -n"
        told.append(warning("disk", f"{where} has only {found.inodes:,} free inodes", todo))
    return told or [ok("disk", f"{where} has {octets(found.free)} free")]


def sync(folder: str, seconds: float | None) -> Finding:
    """`seconds`: the middle one of some syncs; None: this user may not write there."""
    if seconds is None:
        return unseen("sync", f"how fast {folder} is synced: no right to write there", "sudo bcc-relay doctor")
    told = f"{folder} is synced in {seconds * 1000:.1f} ms"
    if seconds > STUCK_SYNC:
        return error(
            "sync", f"{told}: every mail waits so long for its 250", "iostat -x 1    # what keeps the disk busy?"
        )
    if seconds > SLOW_SYNC:
        return warning("sync", f"{told}: every mail waits so long for its 250", "iostat -x 1")
    return ok("sync", told)


def clock(synchronised: bool | None, behind: float | None) -> Finding:
    """`synchronised`: as the kernel says, None where it does not. `behind`: seconds behind our newest mail."""
    if behind is not None and behind > BACK:
        told = f"the clock is {lasting(behind)} behind the newest mail: signatures seem to come from the future"
        return error("clock", told, AGENT)
    if synchronised is None:
        return unseen("clock", "whether the clock is kept right cannot be seen here", "timedatectl")
    if not synchronised:
        told = "nothing keeps the clock right: signatures and times of messages depend on it"
        return warning("clock", told, AGENT)
    return ok("clock", "the clock is kept right")


def vault(found: Place | None, path: str) -> Finding:
    if found is None:
        return unseen("vault", f"{path} is not there yet, or not to be seen by this user", "sudo bcc-relay doctor")
    if stat.S_IMODE(found.mode) & 0o077:
        told = f"{path} may be entered by others than {found.owner} ({found.rights}): all accepted mail is in it"
        return error("vault", told, f"chmod 0700 {path}")
    return ok("vault", f"{path} is {found.owner}'s alone")


def shared(folder: Place, file: Place | None, members: Sequence[str]) -> list[Finding]:
    """The CRM's way to relay.db. `members`: users other than the owner that are in the folder's group."""
    told = []
    if stat.S_IMODE(folder.mode) & 0o007:
        told.append(error("shared", f"{folder.path} may be entered by everybody ({folder.rights})",
                          f"chmod 2770 {folder.path}"))  # fmt: skip
    elif not folder.mode & stat.S_ISGID or folder.mode & 0o070 != 0o070:
        told.append(warning("shared", f"{folder.path} has {folder.rights}: others cannot open what one user makes",
                            f"chmod 2770 {folder.path}"))  # fmt: skip
    if file is not None and (file.group != folder.group or file.mode & 0o060 != 0o060):
        told.append(error("shared", f"{file.path} has {file.rights} and group {file.group}: the CRM cannot use it",
                          f"chgrp {folder.group} {file.path}* && chmod 0660 {file.path}*"))  # fmt: skip
    if file is not None and file.mode & 0o007:
        told.append(
            error("shared", f"{file.path} may be read by everybody ({file.rights})", f"chmod 0660 {file.path}*")
        )
    if told:
        return told
    if not members:
        return [hint("shared", f"no user is in group {folder.group}: nobody but {folder.owner} can open relay.db",
                     f"adduser www-data {folder.group}    # the user of your CRM")]  # fmt: skip
    return [ok("shared", f"{', '.join(members[:5])} may read and write relay.db (group {folder.group})")]


def configuration(found: Place, owner: str) -> Finding:
    """The file of the configuration. `owner`: the user that the relay runs as."""
    if found.mode & 0o002:
        return error("configuration", f"{found.path} may be written by everybody", f"chmod 0644 {found.path}")
    if found.mode & 0o020 and found.group not in ("root", owner):
        return warning("configuration", f"{found.path} may be written by group {found.group}: it says who is trusted",
                       f"chmod g-w {found.path}")  # fmt: skip
    return ok("configuration", f"{found.path} is written by {found.owner} only")


def versions(ours: str, running: Sequence[str]) -> Finding:
    """`running`: the versions that the daemons beside us say they are."""
    others = sorted({each for each in running if each != ours})
    if others:
        return warning("version", f"{', '.join(others)} runs, and {ours} is installed", "systemctl restart bcc-relay")
    return ok("version", f"bcc-relay {ours}" + ("" if running else " (none is running)"))
