"""Power failure: the daemon under load, and its disk as it may be found after any instant.

The daemon, its filer and its indexer run for real and their changes to files are recorded; clients note when each
250 came. Then the disk is made as it may have been at many instants, and opened.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from relay import sqlite
from relay.vault.failure import VaultError
from relay.vault.reader import Reader
from relay.vault.segment import segments
from tests.faults import recording
from tests.faults.clients import LEAD, Load, hand_in, number_of
from tests.faults.disk import Disk, Form
from tests.faults.recording import Change
from tests.faults.serving import FAULT
from tests.running import Relay

SERVING = str(Path(__file__).with_name("serving.py"))
OURS = ("vault", "shared")
"""The folders of the data; beside them lie the configuration and the log of the run."""


@dataclass
class Run:
    """What was recorded: the folder as it was before, each change, each 250."""

    before: Path
    changes: list[Change]
    load: Load


@dataclass
class Found:
    """What was found on all disks. `wrong`: a line for each that is not as promised. `filed`: of how many the daemon
    was started."""

    disks: int = 0
    filed: int = 0
    acknowledged: int = 0
    wrong: list[str] = field(default_factory=list)
    forms: Counter[str] = field(default_factory=Counter)
    wrong_forms: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    segments: int = 0


def record(folder: Path, messages: int, fault: str = "") -> Run:
    """Run the daemon in `folder` under a load of `messages`, until all are filed, and give what was recorded."""
    relay = Relay(folder / "relay")
    relay.run("lead", "add", "Anna", LEAD)
    before = folder / "before"
    shutil.copytree(relay.folder, before)
    library = recording.build(folder)
    written = folder / "record"
    relay.start(program=SERVING, environment={**recording.environment(library, relay.folder, written), FAULT: fault})
    load = Load()
    try:
        hand_in(load, lambda: relay.port, range(messages))
        assert len(load.acknowledged) == messages, relay.log()
        if not fault:
            relay.until("SELECT count(*) >= ? FROM _vault_outcome", messages)
            time.sleep(2.2)  # the logs are emptied when it is quiet: moments in which the power may fail, too
    finally:
        relay.stop()
    return Run(before, recording.read(written), load)


def instants(run: Run, count: int, rnd: random.Random) -> list[float]:
    """When the power fails: as a 250 is read, beside each sync and each change of names, and at any time."""
    acknowledged = list(run.load.acknowledged.values())
    edges = [change.time for change in run.changes if change.kind in "ebt"]
    names = [change.time for change in run.changes if change.kind in "curd"]
    first, last = run.changes[0].time, run.changes[-1].time + 1
    found = [last]
    while len(found) < count:
        kind = len(found) % 4
        beside = rnd.choice((-1e-9, 0.0, 1e-9))
        if kind == 0:
            found.append(rnd.uniform(first, last))
        elif kind == 1:
            found.append(rnd.choice(acknowledged))
        elif kind == 2:
            found.append(rnd.choice(names) + beside)
        else:
            found.append(rnd.choice(edges) + beside)
    return sorted(found)


def replay(
    run: Run, folder: Path, disks: int, *, filed: int, seed: int = 1, told: Callable[[int], None] = lambda _: None
) -> Found:
    """Make `disks` disks in `folder` and look at each; let the daemon go on with `filed` of them."""
    rnd = random.Random(seed)
    found = Found(changes=Counter(change.kind for change in run.changes))
    forms = list(Form)
    moments = instants(run, -(-disks // len(forms)), rnd)
    lives = set(rnd.sample(range(disks), filed))
    disk = Disk(run.before, run_inodes(run))
    place = 0
    for moment in moments:
        while place < len(run.changes) and run.changes[place].time <= moment:
            disk.change(run.changes[place])
            place += 1
        acknowledged = {number for number, when in run.load.acknowledged.items() if when <= moment}
        for form in forms:
            if found.disks == disks:
                break
            where = folder / f"disk-{found.disks}"
            _write(disk.after(form, rnd), where)
            wrong = _wrong(where, acknowledged)
            if not wrong and found.disks in lives:
                wrong = _wrong_after_filing(where, acknowledged, found.disks)
                found.filed += 1
            found.disks += 1
            found.acknowledged = max(found.acknowledged, len(acknowledged))
            found.forms[form.name] += 1
            if wrong:
                found.wrong_forms[form.name] += 1
                found.wrong.append(f"{where.name} ({form.name}, {moment - run.changes[0].time:.6f} s): {wrong}")
            found.segments = max(found.segments, len(list((where / "vault").glob("*.db"))))
            shutil.rmtree(where)
            told(found.disks)
    # SQLite makes the index of its log (-shm) anew after a crash; data must not be written past the record.
    found.wrong += [f"{name} is written through memory" for name in disk.mapped if not name.endswith("-shm")]
    return found


def _write(files: dict[str, bytes], where: Path) -> None:
    for folder in OURS:
        (where / folder).mkdir(parents=True)
    for name, content in files.items():
        if "/" in name and not name.endswith("-shm"):  # SQLite makes -shm anew at the first opening after a start
            (where / name).write_bytes(content)
    for path in (where / "vault").glob("*.db*"):
        path.chmod(0o600)


def _wrong(where: Path, acknowledged: set[int]) -> str:
    """What is wrong with the data on this disk, '' if nothing is."""
    try:
        numbers = _in_vault(where / "vault")
        for database in sorted([*(where / "vault").glob("*.db"), *(where / "shared").glob("*.db")]):
            with contextlib.closing(sqlite.connect(database)) as opened:
                told = opened.execute("PRAGMA integrity_check").fetchall()
            if told != [("ok",)]:
                return f"{database.name}: {told[0][0]}"
    except (VaultError, sqlite.Error, AssertionError) as error:
        return f"{type(error).__name__}: {error}"
    lost = acknowledged - set(numbers)
    if lost:
        return f"{len(lost)} of {len(acknowledged)} acknowledged messages lost"
    twice = [number for number, count in Counter(numbers).items() if count > 1]
    return f"{len(twice)} messages twice" if twice else ""


def _in_vault(vault: Path) -> list[int]:
    numbers: list[int] = []
    last = None
    with Reader(vault) as reader:
        while batch := reader.after(last, 500):
            numbers += [number_of(mail.content) for _, mail in batch]
            last = batch[-1][0]
    return numbers


def _wrong_after_filing(where: Path, acknowledged: set[int], disk: int) -> str:
    """Let the daemon start on this disk, without help, and take one more message."""
    kept = sorted(_in_vault(where / "vault"))
    if disk % 2:
        _same_place(where / "vault")
    relay = Relay(where / "as-new")
    for folder in OURS:
        shutil.rmtree(relay.folder / folder, ignore_errors=True)
        (where / folder).rename(relay.folder / folder)
    try:
        relay.start()
        load = Load()
        hand_in(load, lambda: relay.port, [1_000_000 + disk], clients=1)
        relay.filed(*load.ids.values())
        kept.append(1_000_000 + disk)
        rows = relay.sql("SELECT internet_message_id, count(*) FROM message GROUP BY 1 HAVING count(*) > 1 LIMIT 3")
        if rows:
            return f"filed twice: {rows}"
        here = {row[0] for row in relay.sql("SELECT internet_message_id FROM message")}
        if here != {f"{number}@example.org" for number in kept}:
            return f"filed are {len(here)}, in the vault {len(kept)}"
        relay.stop()
        relay.verify()
    except AssertionError as error:
        return f"after a start: {error}"
    finally:
        relay.stop()
    return ""


def _same_place(vault: Path) -> None:
    """A segment knows where it was made, and at another place is a copy. A disk after a power failure is no copy."""
    for segment in segments(vault):
        with contextlib.closing(sqlite.connect(segment.path)) as opened:
            opened.execute("UPDATE segment SET inode = ?", (segment.path.stat().st_ino,))


def run_inodes(run: Run) -> dict[str, int]:
    """The inodes, in the record, of the files that were there before: the first that was opened by that name."""
    first: dict[str, int] = {}
    for change in run.changes:
        if change.kind == "o":
            first.setdefault(change.path, change.inode)
    return first


def outcome(found: Found) -> str:
    """The outcome as one line."""
    kinds = {"w": "writes", "t": "cuts", "e": "syncs", "u": "removals", "r": "renamings", "c": "new files"}
    told = ", ".join(f"{found.changes[kind]} {name}" for kind, name in kinds.items() if found.changes[kind])
    return (
        f"{found.disks} disks of {len(found.forms)} forms, {found.acknowledged} messages, {told}, "
        f"up to {found.segments} segments, {found.filed} started again: {len(found.wrong)} wrong"
    )


def skip_reason() -> str:
    """Why it cannot be tried here, '' if it can."""
    if recording.compiler() is None:
        return "needs a C compiler: apt-get install gcc libc6-dev"
    return "" if os.uname().sysname == "Linux" else "needs Linux"
