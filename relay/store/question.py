"""Searching: what a person typed, and the messages that answer it, newest first.

Words and "phrases" are looked for everywhere; `from:` `to:` `subject:` `before:` `after:` and
`has:attachment` narrow the result. Nothing a person types can break the query: every word reaches FTS5
as a quoted string. How the index is kept is in `search`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from relay import sqlite
from relay.store.connection import open_store
from relay.store.opening import StoreError
from relay.store.search import search_path

LOOK = 2000
"""Matches that are put in order of their date. If more match, these are the ones filed last, which
differs only when old mail was imported late; the answer then still comes in milliseconds."""

MAX_WORDS = 32
"""Terms of one question; the rest is not looked at."""

_TERM = re.compile(r'(-?)(?:(from|to|subject|before|after|has):)?(?:"([^"]*)"?|([^\s"]+))', re.IGNORECASE)
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d(\.\d+)?)?)?Z?)?)?)?")


class QuestionError(ValueError):
    """A question that cannot be understood. Its text is one line that says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `match` is an FTS5 query, '' when only filters are given; dates are text-time prefixes."""

    match: str = ""
    senders: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    attachment: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """A message that answers the question; the names are the columns of `message`."""

    message_id: int
    originated_at: str
    direction: str
    subject: str
    author_address: str | None
    author_name: str
    snippet: str = field(repr=False)
    attachment_count: int


def read(text: str) -> Question:
    """Read what a person typed. Raises QuestionError for a date that is none, or when nothing is asked."""
    wanted: list[str] = []
    unwanted: list[str] = []
    senders: list[str] = []
    recipients: list[str] = []
    before = after = ""
    attachment = False
    for term in list(_TERM.finditer(text))[:MAX_WORDS]:
        minus, key, phrase, word = term.groups()
        key = (key or "").lower()
        value = phrase if phrase is not None else word
        if key in ("before", "after"):
            if not _DATE.fullmatch(value):
                raise QuestionError(f"{key}: wants a date as in 2026-05-31, not {value[:40]!r}")
            before, after = (value, after) if key == "before" else (before, value)
        elif key == "has":
            if value.lower() not in ("attachment", "attachments"):
                raise QuestionError("has: knows only has:attachment")
            attachment = True
        elif quoted := _quoted(value, exact=phrase is not None):
            column = {"subject": "subject : ", "from": "{names addresses} : ", "to": "{names addresses} : "}.get(
                key, ""
            )
            (unwanted if minus else wanted).append(column + quoted)
            if not minus:
                {"from": senders, "to": recipients}.get(key, []).append(folded(value.rstrip("*")))
    if not (wanted or before or after or attachment):
        raise QuestionError("nothing to look for; give at least one word")
    match = " AND ".join(f"({w})" for w in wanted)
    if match and unwanted:
        match = f"({match}) NOT ({' OR '.join(unwanted)})"
    return Question(match, tuple(senders), tuple(recipients), before, after, attachment)


def _quoted(value: str, *, exact: bool) -> str:
    """The word as an FTS5 string, '' when the tokenizer would find nothing in it. `word*` looks for beginnings."""
    beginning = not exact and value.endswith("*")
    plain = value.rstrip("*") if beginning else value
    if not any(character.isalnum() for character in plain):
        return ""
    clean = "".join(" " if unicodedata.category(c) == "Cc" else c for c in plain).replace('"', '""')
    return f'"{clean}"' + ("*" if beginning else "")


def folded(text: str | None) -> str:
    """Text without case and marks, as the index compares it."""
    decomposed = unicodedata.normalize("NFD", (text or "").casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def open_search(store: Path) -> sqlite.Connection:
    """A reading connection to relay.db with its index attached as `search`. Raises StoreError."""
    path = search_path(store)
    if not path.exists():
        raise StoreError(f"{path}: no index yet; it is made while `bcc-relay serve` runs, or by `bcc-relay file`")
    connection = open_store(store, read_only=True)
    try:
        connection.execute("ATTACH ? AS search", (f"{path.absolute().as_uri()}?mode=ro",))
        connection.execute("SELECT count(*) FROM search._search").fetchone()
    except sqlite.Error as error:
        connection.close()
        raise StoreError(f"{path}: {error}: delete it, it is made again from relay.db") from error
    connection.create_function("folded", 1, folded, deterministic=True)
    return connection


_COLUMNS = (
    "m.id, m.originated_at, m.direction, m.subject, m.author_address, m.author_name, m.snippet, m.attachment_count"
)


def search(
    connection: sqlite.Connection, text: str, *, limit: int = 50, before: tuple[str, int] | None = None
) -> list[Found]:
    """The newest messages that answer `text`, for everybody's eyes (visibility 'all').

    `connection` is from `open_search`. `before` is (originated_at, message id) of the last message of
    the page before. Raises QuestionError.
    """
    question = read(text)
    conditions, values = _filters(question)
    if before:
        conditions.append("(m.originated_at, m.id) < (?, ?)")
        values.extend(before)
    where = " AND ".join(["m.visibility = 'all'", *conditions])
    if question.match:
        rows = connection.execute(
            "SELECT m.originated_at, m.id FROM search.message_search s CROSS JOIN message m ON m.id = s.rowid "
            f"WHERE message_search MATCH ? AND {where} ORDER BY s.rowid DESC LIMIT ?",
            (question.match, *values, max(LOOK, limit)),
        ).fetchall()
    else:
        rows = connection.execute(
            f"SELECT m.originated_at, m.id FROM message m WHERE {where} "
            "ORDER BY m.originated_at DESC, m.id DESC LIMIT ?",
            (*values, limit),
        ).fetchall()
    newest = sorted(rows, reverse=True)[:limit]
    found = (
        connection.execute(f"SELECT {_COLUMNS} FROM message m WHERE m.id = ?", (message,)).fetchone()
        for _, message in newest
    )
    return [Found(*row) for row in found if row]


def mentioning(connection: sqlite.Connection, phrases: Iterable[str]) -> list[int]:
    """The messages in which one of these phrases stands, as far as the index can tell: at least those.

    `connection` is from `open_search`.
    """
    match = " OR ".join(filter(None, (_quoted(phrase, exact=True) for phrase in phrases)))
    if not match:
        return []
    rows = connection.execute("SELECT rowid FROM search.message_search WHERE message_search MATCH ?", (match,))
    return [message for (message,) in rows]


_ADDRESSES = """
SELECT a.address, ma.display_name, count(*), max(ma.originated_at)  -- the name is of the row with the max()
  FROM json_each(?) w
 CROSS JOIN message_address ma ON ma.message_id = w.value
 CROSS JOIN address a ON a.id = ma.address_id
 WHERE a.domain NOT IN (SELECT value FROM json_each(?))
   AND NOT EXISTS (SELECT 1 FROM _address_form f JOIN staff_address o ON o.address_key = f.form
                    WHERE f.address_id = a.id)
 GROUP BY a.id
 ORDER BY 4 DESC, a.address
"""


def addresses(
    connection: sqlite.Connection, messages: Iterable[int], domains: Collection[str]
) -> list[dict[str, object]]:
    """Who is on these messages, each address once, those of the newest mail first; our own people are left out.

    `domains`: ours. The keys are columns of the view `unknown_address`: here the addresses of leads are told, too.
    """
    columns = ("address", "display_name", "message_count", "last_at")
    rows = connection.execute(_ADDRESSES, (json.dumps(list(messages)), json.dumps(sorted(domains))))
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _filters(question: Question) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    for sender in question.senders:
        # The index says that it is somebody on the message; here: that it is the author.
        conditions.append("(instr(folded(m.author_name), ?) OR instr(folded(m.author_address), ?))")
        values += [sender, sender]
    for recipient in question.recipients:
        conditions.append(
            "EXISTS (SELECT 1 FROM message_address r JOIN address a ON a.id = r.address_id WHERE r.message_id = m.id "
            "AND r.role IN ('to', 'cc', 'bcc') AND (instr(folded(r.display_name), ?) OR instr(a.address, ?)))"
        )
        values += [recipient, recipient]
    if question.before:
        conditions.append("m.originated_at < ?")
        values.append(question.before)
    if question.after:
        conditions.append("m.originated_at >= ?")
        values.append(question.after)
    if question.attachment:
        conditions.append("m.attachment_count > 0")
    return conditions, values
