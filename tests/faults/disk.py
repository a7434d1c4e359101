"""A disk that remembers which changes are safe, so that it can be had as a power failure would leave it.

A change is safe once a sync of its file that began after it has succeeded; a name once its folder was synced (POSIX
promises no more) or, on a disk with a journal, once anything was synced after it. What is not safe may be there or
not, and not only in order: `Form` says which part of it is.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from tests.faults.recording import Change

PAGE = 4096
"""Octets that a disk writes whole."""


class Form(Enum):
    """Which changes that are not safe the disk has all the same: of the content of files, and of names."""

    SYNCED = ("nothing", "nothing")
    SYNCED_JOURNAL = ("nothing", "journal")
    ALL = ("all", "all")
    PAGES = ("half of the pages", "any")
    PAGES_JOURNAL = ("half of the pages", "journal and some")
    LATEST = ("the latest change of each file", "all")
    LATEST_STRICT = ("the latest change of each file", "nothing")


@dataclass(slots=True)
class File:
    safe: bytearray = field(default_factory=bytearray)
    pending: list[Change] = field(default_factory=list)
    syncing: list[int] = field(default_factory=list)
    """For each sync that is under way: how many of `pending` it will have made safe. Who began first, ends first;
    where that is not so, less counts as safe than is."""

    def synced(self) -> None:
        count = self.syncing.pop(0) if self.syncing else 0
        for change in self.pending[:count]:
            _apply(self.safe, change)
        del self.pending[:count]
        self.syncing = [max(0, other - count) for other in self.syncing]

    def content(self, how: str, rnd: random.Random) -> bytes:
        now = bytearray(self.safe)
        pending = self.pending
        if how == "nothing":
            pending = []
        elif how == "the latest change of each file":
            pending = pending[-1:]
        for change in pending:
            if how == "half of the pages":
                for piece in _pieces(change):
                    if rnd.random() < 0.5:
                        _apply(now, piece)
            else:
                _apply(now, change)
        return bytes(now)


@dataclass(slots=True)
class Renaming:
    """A change of names, not safe yet. `made`: name -> inode. `gone`: names."""

    made: dict[str, int]
    gone: tuple[str, ...]
    journaled: bool = False

    def apply(self, names: dict[str, int]) -> None:
        for name in self.gone:
            names.pop(name, None)
        names.update(self.made)

    def folders(self) -> set[str]:
        return {name.rpartition("/")[0] for name in (*self.made, *self.gone)}


class Disk:
    """All that is below a folder. Begins with what is there, which counts as safe; then `change` after change."""

    def __init__(self, folder: Path, inodes: dict[str, int]) -> None:
        """`folder`: a copy of what was there; `inodes`: by name, those that the record uses of these files."""
        self.files: dict[int, File] = {}
        self.names: dict[str, int] = {}  # as a program sees them
        self.safe_names: dict[str, int] = {}
        self.pending: list[Renaming] = []
        self.folders: dict[int, str] = {}
        self.mapped: set[str] = set()
        """Names of files that were written through memory, which no record shows."""
        self._inodes: dict[int, int] = {}  # of the kernel -> ours: the kernel gives them out again
        self._syncing: dict[int, list[int]] = {}  # what is being synced -> how many of `pending` were there
        for path in folder.rglob("*"):
            if path.is_file():
                name = str(path.relative_to(folder))
                self._new(name, inodes.get(name, 0), path.read_bytes())
        self.safe_names = dict(self.names)
        self.pending = []

    def _new(self, name: str, inode: int, content: bytes = b"") -> None:
        ours = len(self.files) + 1
        self._inodes[inode] = ours
        self.files[ours] = File(bytearray(content))
        self.names[name] = ours
        self.pending.append(Renaming({name: ours}, ()))

    def change(self, change: Change) -> None:
        """Take in the next one."""
        kind, inode = change.kind, self._inodes.get(change.inode, 0)
        file = self.files.get(inode)
        if kind == "d":
            self.folders[change.inode] = change.path
        elif kind in "co":
            if file is None or self.names.get(change.path) != inode:
                self._new(change.path, change.inode)
        elif kind in "wt" and file is not None:
            file.pending.append(change)
        elif kind == "m":
            self.mapped.update(name for name, number in self.names.items() if number == inode)
        elif kind == "b":
            self._syncing.setdefault(change.inode, []).append(len(self.pending))
            if file is not None:
                file.syncing.append(len(file.pending))
        elif kind == "e":
            self._synced(change.inode, file)
        elif kind == "u":
            if self.names.pop(change.path, None) is not None:
                self.pending.append(Renaming({}, (change.path,)))
        elif kind in "rl":
            self._renamed(change.path, change.octets.decode(), gone=kind == "r")

    def _renamed(self, name: str, other: str, *, gone: bool) -> None:
        inode = self.names.get(name)
        if inode is None or not other:
            return
        renaming = Renaming({other: inode}, (name,) if gone else ())
        renaming.apply(self.names)
        self.pending.append(renaming)

    def _synced(self, inode: int, file: File | None) -> None:
        if file is not None:
            file.synced()
        waiting = self._syncing.get(inode)
        before = waiting.pop(0) if waiting else 0
        for renaming in self.pending[:before]:
            renaming.journaled = True
        folder = self.folders.get(inode)
        if folder is None:
            return
        kept = []
        for place, renaming in enumerate(self.pending):
            if place < before and folder in renaming.folders():
                renaming.apply(self.safe_names)
            else:
                kept.append(renaming)
        # What was counted from the beginning of the list is counted anew.
        gone = len(self.pending) - len(kept)
        self.pending = kept
        self._syncing = {other: [max(0, c - gone) for c in counts] for other, counts in self._syncing.items() if counts}

    def after(self, form: Form, rnd: random.Random) -> dict[str, bytes]:
        """The files, by name, as the disk has them when the power comes back."""
        how, names_how = form.value
        names = dict(self.safe_names)
        safe = max((place + 1 for place, renaming in enumerate(self.pending) if renaming.journaled), default=0)
        some = rnd.randint(safe, len(self.pending))
        for place, renaming in enumerate(self.pending):
            there = {
                "nothing": False,
                "all": True,
                "any": rnd.random() < 0.5,
                "journal": place < safe,
                "journal and some": place < some,
            }[names_how]
            if there:
                renaming.apply(names)
        return {name: self.files[inode].content(how, rnd) for name, inode in names.items()}


def _pieces(change: Change) -> list[Change]:
    """The change, one for each page of the disk that it touches."""
    if change.kind != "w":
        return [change]
    pieces = []
    place, end = change.at, change.at + len(change.octets)
    while place < end:
        until = min(end, (place // PAGE + 1) * PAGE)
        octets = change.octets[place - change.at : until - change.at]
        pieces.append(Change("w", change.time, change.inode, place, "", octets))
        place = until
    return pieces


def _apply(content: bytearray, change: Change) -> None:
    if change.kind == "t":
        del content[change.at :]
        content.extend(bytes(change.at - len(content)))
    else:
        if len(content) < change.at:
            content.extend(bytes(change.at - len(content)))
        content[change.at : change.at + len(change.octets)] = change.octets
