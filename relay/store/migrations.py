"""The schema of relay.db: `.sql` files, applied in order, each exactly once.

The files in `schema/` are the truth, for people and for the database; nothing about tables is said in
Python. sqlite-utils' `Migrations` remembers in the database what was applied. All of it happens in one
BEGIN IMMEDIATE, so three processes that start at once agree, and a full disk leaves nothing half written.

A new database is made at once. An older one is upgraded by the filer, beside the daemon that goes on
accepting mail: it may take minutes, and readers go on reading (a CRM's open connection sees the old
schema until the COMMIT and the new one from then on).
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from relay import sqlite
from relay.store.opening import APPLICATION_ID, StoreError, connect, refused

if TYPE_CHECKING:
    from sqlite_utils import Database

SET = "relay"
"""The name under which sqlite-utils remembers our migrations."""

MODE = 0o660
"""The database is written by the relay and by the CRM's group. SQLite gives -wal and -shm the same mode."""

WAIT = 30.0
"""Seconds to wait for another process that is making or upgrading the same database."""

PATIENCE = 0.5
"""Seconds that one attempt to get the write lock waits, so that we can tell in between that we live."""

BEAT_EVERY = 100_000
"""Instructions of SQLite's machine between two signs of life during an upgrade: a few milliseconds. The longest
single instruction, the sort that ends CREATE INDEX, takes about a second for a million rows."""

Alive = Callable[[], None]
"""Called again and again during long work, to tell that we are not stuck; it may raise to end the work."""


def _nothing() -> None:
    return None


def scripts() -> list[tuple[str, str]]:
    """(name without .sql, text) of every schema file, in the order in which they are applied."""
    folder = resources.files("relay.store") / "schema"
    files = [f for f in folder.iterdir() if re.fullmatch(r"\d{4}_\w+\.sql", f.name)]
    return [(f.name.removesuffix(".sql"), f.read_text("utf-8")) for f in sorted(files, key=lambda f: f.name)]


def statements(script: str) -> Iterator[str]:
    """The statements of a script. (`executescript` would commit the transaction we are in.)"""
    collected = ""
    for line in script.splitlines(keepends=True):
        if not collected and (not line.strip() or line.startswith("--")):
            continue  # between statements: what a file says about itself
        collected += line
        if ";" in line and sqlite.complete_statement(collected):
            yield collected.strip()
            collected = ""
    if collected.strip():
        raise ValueError(f"an unfinished statement at the end of a schema file: {collected[:60]!r}")


def _apply(connection: sqlite.Connection) -> None:
    """Apply what has not been applied, in the transaction that is open."""
    # Only here: it takes 35 ms to import, and every command opens the database.
    from sqlite_utils import Database, Migrations  # noqa: PLC0415

    migrations = Migrations(SET)
    for name, script in scripts():
        migrations(name=name)(_step(script))
    # recursive_triggers stays as `connect` set it; plug-ins of sqlite-utils have no business here.
    migrations.apply(Database(connection, recursive_triggers=False, execute_plugins=False))


def _step(script: str) -> Callable[[Database], None]:
    def apply(database: Database) -> None:
        for statement in statements(script):
            database.conn.execute(statement)

    return apply


VERSION = len(scripts())
"""The schema version this program reads and writes, also kept as `PRAGMA user_version`: how many files there are (0005
is two, `a` before `b`; their names stand in databases and never change)."""


def is_current(path: Path) -> bool:
    """Is there a database of exactly our version? False also when it cannot be told: `prepare` then says why."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    try:
        connection = sqlite.connect(path, read_only=True)
        try:
            return _version(connection) == (APPLICATION_ID, VERSION)
        finally:
            connection.close()
    except sqlite.Error:
        return False


def awaits_upgrade(path: Path) -> bool:
    """Is there a database of ours of an older version? False also when it cannot be told: `prepare` says why."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    try:
        connection = sqlite.connect(path, read_only=True)
        try:
            application, version = _version(connection)
        finally:
            connection.close()
    except sqlite.Error:
        return False
    return application == APPLICATION_ID and version < VERSION


def must_be_current(path: Path, connection: sqlite.Connection) -> None:
    """Raises StoreError when the database is not ours or not of our version."""
    try:
        application, version = _version(connection)
    except sqlite.Error as error:
        raise refused(path, error) from error
    if application != APPLICATION_ID:
        raise StoreError(f"{path}: not a database of bcc-relay; look at [store] path")
    if version > VERSION:
        raise _newer(path, version)
    if version < VERSION:
        raise StoreError(f"{path}: made by an older bcc-relay; `bcc-relay serve` upgrades it: try again when it has")


def prepare(path: Path, alive: Alive = _nothing) -> None:
    """Make the database, or upgrade it to this program's version. Does nothing when it is current.

    `alive` is called while we wait and while we work; what it raises ends the work, and nothing is changed then.

    The file is made empty with mode 0660 before SQLite opens it (SQLite alone would make it 0640); the
    folder is left as it is. Raises StoreError, in one line, when the folder, the disk or the file do not
    allow it, or when the database is newer than this program or not ours; nothing is changed then.
    """
    made = make_file(path)
    connection = connect(path, timeout=PATIENCE)
    stopped: list[BaseException] = []

    def go_on() -> int:
        try:
            alive()
        except BaseException as error:  # noqa: BLE001  raised again below: SQLite would only say "interrupted"
            stopped.append(error)
        return len(stopped)

    try:
        if not made:
            _must_be_ours(path, connection)
            if _version(connection) == (APPLICATION_ID, VERSION):
                return
        switch_to_wal(connection)
        _begin(connection, alive)
        connection.set_progress_handler(go_on, BEAT_EVERY)
        # Looked at again under the lock: another process may have been faster, or newer.
        _must_be_ours(path, connection)
        if _version(connection) != (APPLICATION_ID, VERSION):
            _apply(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except sqlite.Error as error:
        if stopped:
            raise stopped[0] from None
        raise refused(path, error) from error
    finally:
        connection.set_progress_handler(None, 0)
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        connection.close()


def _begin(connection: sqlite.Connection, alive: Alive) -> None:
    """The write lock, which a CRM may hold for a while. Raises OperationalError after `WAIT`."""
    deadline = time.monotonic() + WAIT
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            alive()
        else:
            return


def make_file(path: Path) -> bool:
    """Make an empty file of mode 0660 if there is none. Returns whether we made it. Raises StoreError."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, MODE)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno == errno.ENOENT:
            reason = f"the folder {path.parent} does not exist; make it (mode 2770, group of the CRM)"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            reason = f"no right to make a file in {path.parent}; give this user the folder"
        elif error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = f"the disk of {path.parent} is full; make room and start again"
        else:
            reason = error.strerror or str(error)
        raise StoreError(f"{path}: {reason}") from error
    try:
        os.fchmod(descriptor, MODE)  # whatever the umask took away
    finally:
        os.close(descriptor)
    return True


def _version(connection: sqlite.Connection) -> tuple[int, int]:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return application, version


def _newer(path: Path, version: int) -> StoreError:
    return StoreError(
        f"{path}: made by a newer bcc-relay (schema {version}, this program knows {VERSION}); "
        "upgrade this program; nothing was changed"
    )


def _must_be_ours(path: Path, connection: sqlite.Connection) -> None:
    """Refuse what is newer, and what was never ours: a database with other tables than the CRM's own x_ ones."""
    try:
        application, version = _version(connection)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        known = {name for name, _ in scripts()}
        applied: set[str] = set()
        if "_sqlite_migrations" in tables:
            rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (SET,))
            applied = {name for (name,) in rows}
    except sqlite.Error as error:
        raise refused(path, error) from error
    if application == APPLICATION_ID and (version > VERSION or applied - known):
        raise _newer(path, version)
    strange = sorted(name for name in tables if not name.startswith(("x_", "sqlite_", "_sqlite_migrations")))
    if application != APPLICATION_ID and strange:
        raise StoreError(f"{path}: not a database of bcc-relay (it has a table {strange[0]}); look at [store] path")


def switch_to_wal(connection: sqlite.Connection) -> None:
    """WAL: readers never wait for a writer. The file remembers it.

    Switching needs the file for itself for a moment, and SQLite does not always wait for that.
    """
    deadline = time.monotonic() + WAIT
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            if mode != "wal":
                raise sqlite.OperationalError(f"journal_mode is {mode}: WAL needs a local disk")
            return
