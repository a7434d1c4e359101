"""The facts of this machine: its addresses, disks, clock and rights. Edges; nothing is judged here."""

from __future__ import annotations

import contextlib
import ctypes
import grp
import os
import pwd
import statistics
import time
from ipaddress import ip_address
from pathlib import Path

from relay.doctor.machine import Disk, Place
from relay.store.crm_setting import file_system

SYNCS = 5
"""Syncs that are timed; the middle one counts."""

UNSYNCHRONISED = 5
"""TIME_ERROR of adjtimex(2)."""


def interface_addresses() -> list[str]:
    """The IP addresses of this machine but loopback and link-local ones, as the kernel's tables have them."""
    found: list[str] = []
    before = ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/fib_trie").read_text("ascii").splitlines():
            if "/32 host LOCAL" in line and before not in found:
                found.append(before)
            before = line.rpartition("-- ")[2].strip()
    with contextlib.suppress(OSError):
        six = Path("/proc/net/if_inet6").read_text("ascii").splitlines()
        found += [str(ip_address(bytes.fromhex(line.split()[0]))) for line in six]
    kept = (ip_address(each) for each in found)
    return [str(each) for each in kept if not each.is_loopback and not each.is_link_local]


def disk(folder: Path) -> Disk | None:
    """Where `folder` lies, or the nearest folder above that is there. None: it cannot be seen."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        told = os.statvfs(folder)
    except OSError:
        return None
    return Disk(
        str(folder), file_system(folder), told.f_bavail * told.f_frsize, told.f_favail if told.f_files else None
    )


def sync_seconds(folder: Path) -> float | None:
    """How long one sync of a small file takes there; None without the right to write."""
    path = folder / f".doctor.{os.getpid()}"
    took = []
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
    try:
        for _ in range(SYNCS):
            os.write(descriptor, bytes(4096))
            began = time.perf_counter()
            os.fsync(descriptor)
            took.append(time.perf_counter() - began)
    except OSError:
        return None
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            path.unlink()
    return statistics.median(took)


def clock_is_kept() -> bool | None:
    """Does anybody keep the kernel's clock right (adjtimex(2))? None where that cannot be asked."""
    try:
        room = (ctypes.c_byte * 1024)()  # struct timex has 208 octets; modes = 0 only asks
        state = ctypes.CDLL(None, use_errno=True).adjtimex(room)
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state != UNSYNCHRONISED)


def place(path: Path) -> Place | None:
    """None where it is not, or cannot be seen."""
    try:
        found = path.stat()
    except OSError:
        return None
    owner, group = str(found.st_uid), str(found.st_gid)
    with contextlib.suppress(KeyError):
        owner = pwd.getpwuid(found.st_uid).pw_name
    with contextlib.suppress(KeyError):
        group = grp.getgrgid(found.st_gid).gr_name
    return Place(str(path), found.st_mode, owner, group)


def members(group: str, but: str) -> list[str]:
    """Users that are in `group`, also as their first one, other than root and `but`."""
    try:
        found = grp.getgrnam(group)
    except KeyError:
        return []
    first = [user.pw_name for user in pwd.getpwall() if user.pw_gid == found.gr_gid]
    return sorted({*found.gr_mem, *first} - {but, "root"})
