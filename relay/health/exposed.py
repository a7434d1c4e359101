"""Exposed: personal capture addresses that outsiders have read, and that are still in use.

Whoever knows one can write as its owner, so it should be replaced. Whose they are is in relay.db, since when each is in
use in the file of accounts, which not every user may read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from relay import sqlite
from relay.store import accounts, examined


def exposed(db: sqlite.Connection, vault: Path) -> list[dict[str, Any]] | None:
    """staff_id, name and seen_at of each whose address stood in To or Cc since it was given out; None: this user may
    not see it. Raises sqlite.Error.
    """
    try:
        return among(db, accounts.read(accounts.place(vault)).of(db))
    except accounts.AccountsError:
        return None


def among(db: sqlite.Connection, kept: accounts.Accounts) -> list[dict[str, Any]]:
    """The same of these accounts. Raises sqlite.Error."""
    found = []
    for staff, name, at in examined.seen_openly(db):
        since = kept[staff].key_at if staff in kept else None
        if since is not None and at > since:
            found.append({"staff_id": staff, "name": name, "seen_at": at})
    return found
