"""Logins: what the daemon must look up of our people's secrets. Reads only; no secret leaves it.

For threads: nothing here waits for the write lock, but disks may be slow. What cannot be read now is an exception
(StoreError), so that a client is told to come again, and never that its password is wrong.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import threading
from collections import OrderedDict
from datetime import datetime
from pathlib import Path

from relay import sqlite
from relay.mail.address import Address
from relay.store import accounts as book
from relay.store import password as passwords
from relay.store.accounts import Account, Book
from relay.store.connection import open_store
from relay.store.opening import refused

PATIENCE = 1.0
"""Seconds to wait for a database that is being upgraded or checkpointed; then the client is told to come again."""

REMEMBERED = 1000
"""Logins that were right of late: they need no scrypt, so that reps get in while strangers keep it busy."""


class Logins:
    """Answers out of relay.db and the file of accounts beside the vault, in folder `vault`."""

    def __init__(self, store: Path, vault: Path) -> None:
        self._store = store
        self._path = book.place(vault)
        self._stamp: tuple[int, ...] = ()
        self._book = Book()
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(32)  # what is remembered fits no other process
        self._right: OrderedDict[bytes, None] = OrderedDict()

    def book(self) -> Book:
        """All accounts, read again when the file is another one. Raises AccountsError."""
        with self._lock:
            try:
                found = os.stat(self._path)  # noqa: PTH116  one call, for each login
                stamp: tuple[int, ...] = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
            except FileNotFoundError:
                stamp = (0,)
            except OSError as error:
                raise book.AccountsError(f"{self._path}: {error.strerror}") from error
            if stamp != self._stamp:
                self._book = book.read(self._path)
                self._stamp = stamp
            return self._book

    def owners(self, db: sqlite.Connection, now: datetime) -> dict[str, int]:
        """Token hash -> staff.id of each personal address that works now, of people who have not left.

        `db`: relay.db, open for reading. Raises AccountsError, sqlite.Error.
        """
        here = {i for (i,) in db.execute(f"SELECT id FROM staff WHERE {book.HERE}")}
        found = book.owners(self.book().of(db), now)
        return {token: staff for token, staff in found.items() if staff in here}

    def holds(self, db: sqlite.Connection, staff: int, password: str) -> bool:
        """Has the person still the password with which they logged in? `password`: as `check` told it.

        `db`: relay.db, open for reading. Raises AccountsError, sqlite.Error.
        """
        return _which(self.book().of(db).get(staff, Account()).password) == password

    def check(self, name: str, password: str) -> tuple[int, str] | None:
        """(staff.id, which password it is) of the colleague with this address and this password, or None, after the
        same time.

        Raises StoreError when it cannot be told now.
        """
        address, given = Address.read(name), passwords.normal(password) or ""
        staff, account = self._account("" if address is None else address.key)
        form = account.password or passwords.DUMMY
        mark = hmac.digest(self._key, f"{staff}\0{form}\0{given}".encode("utf-8", "replace"), "sha256")
        with self._lock:
            known = mark in self._right
        if not known and not passwords.matches(given, form):
            return None
        if staff is None or form == passwords.DUMMY:
            return None
        with self._lock:
            self._right[mark] = None
            self._right.move_to_end(mark)
            while len(self._right) > REMEMBERED:
                self._right.popitem(last=False)
        return staff, _which(form)

    def _account(self, key: str) -> tuple[int | None, Account]:
        query = (
            "SELECT staff.id FROM staff_address a JOIN staff ON staff.id = a.staff_id "
            f"WHERE a.address_key = ? AND {book.HERE}"
        )
        try:
            with contextlib.closing(open_store(self._store, read_only=True, timeout=PATIENCE)) as db:
                row = db.execute(query, (key,)).fetchone()
                accounts = self.book().of(db)
        except sqlite.Error as error:
            raise refused(self._store, error) from error
        return (None, Account()) if row is None else (int(row[0]), accounts.get(row[0], Account()))


def _which(form: str) -> str:
    """What tells a password from the one before: a hash of its kept form, which has a salt of its own."""
    return hashlib.sha256(form.encode()).hexdigest()
