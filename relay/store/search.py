"""search.db: kept in step with relay.db, a little at a time, and never in its way.

The index is derived. It follows the change feed from a cursor that is written in the same transaction
as the rows, so a crash repeats at most one step; when the feed no longer reaches back that far, or is
another feed, it starts over by walking all messages. How a person's words become a query is in
`question`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from relay import sqlite
from relay.store.connection import open_store
from relay.store.migrations import make_file, statements, switch_to_wal
from relay.store.opening import SameFile, StoreError, connect, refused

VERSION = 1
"""Of search.sql, kept as `PRAGMA user_version`. Another version is thrown away and built anew."""

STEP = 200
"""Messages indexed in one transaction: about 20 ms, so that a stop or a crash costs no more."""

FEED_STEP = 2000
"""Rows of the feed read at once; those of leads and deals are only passed over."""

MERGED = 500
"""Pages of the index merged in one transaction when removed words are cleaned out: some milliseconds."""

MAX_TEXT = 32_000
"""Characters of one message that are indexed: a log file pasted into a mail is found by its beginning."""

_ROWS = """
SELECT m.id,
       m.subject,
       substr(coalesce(t.text || char(10) || t.note || char(10) || t.quoted, ''), 1, ?),
       m.author_name || coalesce((SELECT ' ' || group_concat(ma.display_name, ' ') FROM message_address ma
                                   WHERE ma.message_id = m.id AND ma.display_name NOT IN ('', m.author_name)), ''),
       coalesce(m.author_address, '')
         || coalesce((SELECT ' ' || group_concat(a.address, ' ')
                        FROM message_address ma JOIN address a ON a.id = ma.address_id
                       WHERE ma.message_id = m.id AND a.address IS NOT m.author_address), ''),
       coalesce((SELECT group_concat(p.filename, ' ') FROM part p WHERE p.message_id = m.id AND p.filename <> ''), '')
  FROM json_each(?) w
 CROSS JOIN message m ON m.id = w.value
  LEFT JOIN message_text t ON t.message_id = m.id
 WHERE m.visibility <> 'withdrawn'
"""


def search_path(store: Path) -> Path:
    """Where the index of a relay.db lies: beside it."""
    return store.with_name("search.db")


def open_index(store: Path) -> sqlite.Connection:
    """A writing connection to the index of the database at `store`, made when there is none.

    An index of another version is emptied. Raises StoreError when it cannot be written.
    """
    path = search_path(store)
    make_file(path)
    connection = connect(path)
    try:
        # Derived: after a power failure the cursor and the rows are back where they both were.
        connection.execute("PRAGMA synchronous = NORMAL")
        switch_to_wal(connection)
        if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            rebuild(connection)
    except sqlite.Error as error:
        connection.close()
        raise refused(path, error) from error
    return connection


def rebuild(index: sqlite.Connection) -> None:
    """Empty the index. The next calls of `catch_up` fill it again."""
    index.execute("BEGIN IMMEDIATE")
    try:
        _empty(index)
        index.execute("COMMIT")
    except BaseException:
        if index.in_transaction:
            index.execute("ROLLBACK")
        raise


def _empty(index: sqlite.Connection) -> None:
    """Make the tables anew, whatever an earlier version of search.sql had."""
    index.execute("DROP TABLE IF EXISTS message_search")  # takes its shadow tables along
    index.execute("DROP TABLE IF EXISTS _search")
    script = (resources.files("relay.store") / "schema" / "search.sql").read_text("utf-8")
    for statement in statements(script):
        index.execute(statement)
    index.execute(f"PRAGMA user_version = {VERSION}")


def catch_up(store: sqlite.Connection, index: sqlite.Connection, limit: int = STEP) -> int:
    """Index up to `limit` messages that are new, changed or gone since the last call, in one transaction.

    Returns how many were looked at; 0 means that the index is in step. Raises OperationalError when a
    database is locked; nothing is lost then.
    """
    if _in_step(store, index):
        return 0
    index.execute("BEGIN IMMEDIATE")  # from here on no other process moves the cursor
    try:
        done = _step(store, index, limit)
        index.execute("COMMIT")
    except BaseException:
        if index.in_transaction:
            index.execute("ROLLBACK")
        raise
    return done


def _in_step(store: sqlite.Connection, index: sqlite.Connection) -> bool:
    state = _state(index)
    feed, oldest = store.execute("SELECT feed_id, oldest_seq FROM contract").fetchone()
    (newest,) = store.execute("SELECT coalesce(max(seq), ?) FROM change", (oldest - 1,)).fetchone()
    return (
        bool(state)
        and state["feed_id"] == feed
        and int(state["seq"]) == newest
        and int(state["walked"]) >= int(state["walk_to"])
    )


def _state(index: sqlite.Connection) -> dict[str, str]:
    return dict(index.execute("SELECT name, value FROM _search").fetchall())


def _step(store: sqlite.Connection, index: sqlite.Connection, limit: int) -> int:
    state = _state(index)
    feed, oldest = store.execute("SELECT feed_id, oldest_seq FROM contract").fetchone()
    if state and (state["feed_id"] != feed or int(state["seq"]) + 1 < oldest):
        _empty(index)
        state = {}
    if not state:
        # Whatever happens from here on will be met in the feed, after the walk.
        (newest,) = store.execute("SELECT coalesce(max(seq), ?) FROM change", (oldest - 1,)).fetchone()
        (last,) = store.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()
        state = {"feed_id": feed, "seq": str(newest), "walked": "0", "walk_to": str(last)}
    walked, walk_to = int(state["walked"]), int(state["walk_to"])
    known: list[int] = []
    if walked < walk_to:
        found = store.execute(
            "SELECT id FROM message WHERE id > ? AND id <= ? ORDER BY id LIMIT ?", (walked, walk_to, limit)
        ).fetchall()
        ids = [message for (message,) in found]
        state["walked"] = str(ids[-1] if len(ids) == limit else walk_to)
    else:
        ids, known, state["seq"] = _changed(store, int(state["seq"]), limit, walk_to)
    index.executemany("DELETE FROM message_search WHERE rowid = ?", [(message,) for message in known])
    index.executemany(
        "INSERT INTO message_search (rowid, subject, text, names, addresses, file_names) VALUES (?, ?, ?, ?, ?, ?)",
        store.execute(_ROWS, (MAX_TEXT, json.dumps(ids))).fetchall(),
    )
    index.executemany("INSERT OR REPLACE INTO _search (name, value) VALUES (?, ?)", state.items())
    return len(ids) or 1


def _changed(store: sqlite.Connection, seq: int, limit: int, walked: int) -> tuple[list[int], list[int], str]:
    """(messages to index, those of them that may be in the index already, last change seen).

    A new message is not in the index, unless the walk of a rebuild has met it before its row in the feed.
    """
    ids: dict[int, None] = {}
    known: dict[int, None] = {}
    rows = store.execute(
        "SELECT seq, entity, entity_id, op FROM change WHERE seq > ? ORDER BY seq LIMIT ?", (seq, FEED_STEP)
    )
    for change, entity, message, op in rows.fetchall():
        if entity == "message":
            if message not in ids and len(ids) == limit:
                break
            ids[message] = None
            if op != "insert" or message <= walked:
                known[message] = None
        seq = change
    return list(ids), list(known), str(seq)


def clean(store: sqlite.Connection, index: sqlite.Connection, alive: Callable[[], None] = lambda: None) -> bool:
    """Make words of messages that were removed illegible in the file, if that is asked for. Returns whether it was.

    FTS5 keeps the words of a deleted row until all its segments are merged into one; a little at a time, `alive` is
    called in between. Raises OperationalError while a reader is in the way: to be tried again.
    """
    row = store.execute("SELECT asked_at FROM _erasure WHERE kind = 'search'").fetchone()
    if row is None or _state(index).get("cleaned") == row[0] or not _in_step(store, index):
        return False
    pages = -MERGED
    while True:
        alive()
        before = index.total_changes
        index.execute("INSERT INTO message_search (message_search, rank) VALUES ('merge', ?)", (pages,))
        if index.total_changes - before < 2:  # as FTS5 tells that nothing is left to merge
            break
        pages = MERGED
    (busy, _, _) = index.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise sqlite.OperationalError("search.db: a reader keeps the log")
    index.execute("INSERT OR REPLACE INTO _search (name, value) VALUES ('cleaned', ?)", row)
    return True


class Indexer:
    """The filer's side of search: both databases open, a step whenever there is time."""

    def __init__(self, store: Path) -> None:
        self._store = open_store(store, read_only=True)
        try:
            self._index = open_index(store)
        except StoreError:
            self._store.close()
            raise
        self._files = SameFile(store), SameFile(search_path(store))

    def must_be_there(self) -> None:
        """Raises StoreError when one of the databases was deleted or replaced under us."""
        for file in self._files:
            file.check()

    def catch_up(self, limit: int = STEP) -> int:
        """See `catch_up`."""
        return catch_up(self._store, self._index, limit)

    def clean(self, alive: Callable[[], None] = lambda: None) -> bool:
        """See `clean`."""
        return clean(self._store, self._index, alive)

    def rebuild(self) -> None:
        """See `rebuild`."""
        rebuild(self._index)

    def close(self) -> None:
        with contextlib.closing(self._store), contextlib.closing(self._index):
            pass
