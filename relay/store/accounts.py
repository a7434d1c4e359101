"""Accounts: the secrets of our people, as hashes, in a file of their own.

`accounts.json` lies in the vault's folder, which nobody but the relay may enter. relay.db is shared: whoever may
make reports from it must not take the passwords of colleagues home, and a CRM that is talked into strange SQL must
not make an account. relay.db still says who is one of us: a secret counts while its person is in `staff` and has
not left, whoever wrote that.

The file is small and is read whole; it is written whole beside its place and renamed, under the write lock of
relay.db, so that two commands at once lose nothing and the row in `audit` stands when the change does.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from relay import sqlite
from relay.attribution.personal import make_token, token_hash
from relay.store import password as passwords
from relay.store.opening import StoreError
from relay.store.people import RefusedError, audit, writing
from relay.store.times import text_time

NAME = "accounts.json"
FORM = 1

MARK = "accounts"
"""Name of the row in _relay by which relay.db and the file are known to belong together."""

GRACE = timedelta(days=14)
"""For so long a personal address that was replaced still works: it stands in address books and in running threads."""

HERE = "(staff.left_at IS NULL OR datetime(staff.left_at) > datetime('now'))"
"""SQL: who has not left, or will leave later. What no time can be read from counts as left."""

KEYS = 8
"""Personal addresses of one person that work at once. Whoever replaces more often has the oldest end early."""

LARGEST = 16 << 20
"""Octets of the file: some 50,000 people."""


class AccountsError(StoreError):
    """The file of accounts cannot be used. Its text is one line for a person."""


@dataclass(frozen=True, slots=True)
class Key:
    """A personal address: `hash` of its token, and when it was made and replaced (times of the contract)."""

    hash: str
    made_at: str
    replaced_at: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """What one person has: `keys`, the oldest first; `password` in its kept form, '' for none, and since when."""

    keys: tuple[Key, ...] = ()
    password: str = ""
    password_at: str | None = None

    @property
    def key_at(self) -> str | None:
        """Since when the person has the personal address that was made last; None: there is none."""
        return self.keys[-1].made_at if self.keys and self.keys[-1].replaced_at is None else None


Accounts = Mapping[int, Account]
"""By staff.id."""


@dataclass(frozen=True, slots=True)
class Book:
    """The whole file. `database`: the mark of the relay.db whose staff.id it goes by: in another one, made anew, the
    same number may be somebody else.
    """

    database: str = ""
    accounts: Accounts = field(default_factory=dict)

    def of(self, db: sqlite.Connection) -> Accounts:
        """The accounts, if they are of this relay.db; else none."""
        return self.accounts if self.database and self.database == mark(db) else {}


def mark(db: sqlite.Connection) -> str:
    """What relay.db is known by in the file of accounts, over backup and restore; '' before the first account."""
    row = db.execute("SELECT value FROM _relay WHERE name = ?", (MARK,)).fetchone()
    return "" if row is None else str(row[0])


def place(vault: Path) -> Path:
    """Where the file of accounts lies, for the vault in this folder."""
    return vault / NAME


def read(path: Path) -> Book:
    """The file; an empty one when there is none yet. Raises AccountsError."""
    try:
        with path.open("rb") as file:
            octets = file.read(LARGEST + 1)
    except FileNotFoundError:
        return Book()
    except OSError as error:
        raise AccountsError(f"{path}: {error.strerror}; only the user that runs the relay may read it") from error
    try:
        form = json.loads(octets)
        if form["form"] != FORM:
            raise AccountsError(f"{path}: written by another version of bcc-relay (form {form['form']}); use that one")
        people = form["people"].items()
        return Book(
            str(form["database"]),
            {
                int(staff): Account(tuple(Key(**key) for key in e["keys"]), str(e["password"]), e["password_at"])
                for staff, e in people
            },
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise AccountsError(
            f"{path}: damaged; put the one of a backup back, or remove it and give out new ones"
        ) from error


def owners(accounts: Accounts, now: datetime) -> dict[str, int]:
    """Token hash -> staff.id, for each personal address that works now."""
    return {key.hash: staff for staff, each in accounts.items() for key in each.keys if _works(key, now)}


def _works(key: Key, now: datetime) -> bool:
    return key.replaced_at is None or datetime.fromisoformat(key.replaced_at) + GRACE > now


def give_address(
    db: sqlite.Connection, path: Path, staff: int, now: datetime, *, rotate: bool = False, grace: bool = True
) -> str:
    """A personal address for a colleague who has none, or another one with `rotate`. Returns its token, for once.

    `grace`: the one before works for `GRACE` yet. Raises RefusedError, AccountsError.
    """
    token = make_token(secrets.choice)

    def change(account: Account) -> Account:
        if account.key_at is not None and not rotate:
            raise RefusedError(
                f"there is one already, of {account.key_at[:10]}; only its hash is kept, so it cannot be shown again: "
                "--rotate makes another one"
            )
        at = text_time(now)
        old = [replace(key, replaced_at=key.replaced_at or at) for key in account.keys if grace and _works(key, now)]
        return replace(account, keys=(*old[1 - KEYS :], Key(token_hash(token), at)))

    _change(db, path, staff, change, "staff-capture-address", {"replaced": rotate, "grace": rotate and grace})
    return token


def set_password(db: sqlite.Connection, path: Path, staff: int, written: str, now: datetime) -> None:
    """Give a colleague this password, instead of any other. Raises RefusedError, AccountsError."""
    found = passwords.normal(written)
    if found is None or len(found) < passwords.SHORTEST:
        raise RefusedError(
            f"a password has {passwords.SHORTEST} to {passwords.LONGEST} characters, and no control characters"
        )
    form = passwords.kept(found)
    at = text_time(now)
    _change(db, path, staff, lambda a: replace(a, password=form, password_at=at), "staff-password", {})


def remove_password(db: sqlite.Connection, path: Path, staff: int) -> None:
    """The colleague logs in no more. Raises RefusedError when there is no password."""

    def change(account: Account) -> Account:
        if not account.password:
            raise RefusedError("there is no password")
        return replace(account, password="", password_at=None)

    _change(db, path, staff, change, "staff-password-remove", {})


def remove_all(db: sqlite.Connection, path: Path, staff: int) -> bool:
    """All secrets of a colleague end now. Returns whether there were any. Raises AccountsError."""
    with writing(db):
        book = read(path)
        left = {i: account for i, account in book.accounts.items() if i != staff}
        if len(left) == len(book.accounts):
            return False
        audit(db, "staff-secrets-remove", "staff", staff, {})
        _write(path, Book(book.database, left))
    return True


def _change(
    db: sqlite.Connection,
    path: Path,
    staff: int,
    change: Callable[[Account], Account],
    action: str,
    detail: dict[str, object],
) -> None:
    with writing(db):
        row = db.execute(f"SELECT name, {HERE} FROM staff WHERE id = ?", (staff,)).fetchone()
        if row is None or not row[1]:
            raise RefusedError(f"{row[0] if row else f'staff {staff}'} has left; who has left hands in no mail")
        # Who left by the CRM's word, and whom it deleted, loses the secrets for good at this opportunity.
        here = {i for (i,) in db.execute(f"SELECT id FROM staff WHERE {HERE}")}
        accounts = {i: account for i, account in read(path).of(db).items() if i in here}
        accounts[staff] = change(accounts.get(staff, Account()))
        audit(db, action, "staff", staff, detail)
        if not mark(db):
            db.execute("INSERT INTO _relay (name, value) VALUES (?, ?)", (MARK, secrets.token_hex(8)))
        _write(path, Book(mark(db), accounts))


def _write(path: Path, book: Book) -> None:
    form = {
        "what": "secrets of our people, as hashes: docs/accounts.md of bcc-relay",
        "form": FORM,
        "database": book.database,
        "people": {str(staff): asdict(account) for staff, account in book.accounts.items()},
    }
    new = path.with_name(f"{path.name}.new")
    try:
        with contextlib.suppress(FileNotFoundError):
            new.unlink()
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(form, file, indent=1)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise AccountsError(
            f"{path}: {error.strerror}; run it as the user that runs the relay, after its first start"
        ) from error
