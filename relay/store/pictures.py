"""Pictures: what the database must know of small pictures to tell logos by their return.

Which pictures these are is decided in `attribution.logo`; the triggers of `schema/0008_h_attachments.sql` count them
and turn the parts to 'signature', on old messages too. What stands here writes and forgets the rows that are counted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from relay import sqlite
from relay.attribution.record import FiledPart, PartKind, Record

OWN_KIND = "coalesce((SELECT x.kind FROM _picture x WHERE x.part_id = p.id), p.kind)"
"""SQL: the kind of part `p` as its message alone has it, whatever returns."""

OWN_COUNT = (
    "attachment_count + (SELECT count(*) FROM part p JOIN _picture x ON x.part_id = p.id "
    "WHERE p.message_id = message.id AND x.kind = 'attachment' AND p.kind <> 'attachment')"
)
"""SQL: the attachments of `message` by the kinds that its parts have by it alone."""


def kinds(db: sqlite.Connection, fresh: Iterable[tuple[int, Record]]) -> list[str]:
    """The kind of each part of these messages, in order: of a picture in the text that is a logo by now, 'signature'.

    The triggers would say the same a moment later, at three times the cost.
    """
    parts = [(part, record.author.key if record.author else "") for _, record in fresh for part in record.parts]
    # An attachment that turns changes the count of its message: left to the triggers.
    pairs = {(p.digest, author) for p, author in parts if author and p.may_return and p.kind is PartKind.INLINE}
    asked = list(pairs)
    logos: set[tuple[str, str]] = set()
    if asked:
        known = db.execute(
            "SELECT w.key FROM json_each(?) w WHERE (SELECT count(*) FROM (SELECT DISTINCT x.message_id "
            "FROM _picture x WHERE x.digest = w.value ->> 0 AND x.author = w.value ->> 1 LIMIT 3)) = 3",
            (json.dumps(asked),),
        )
        logos = {asked[at] for (at,) in known}
    return [
        (
            PartKind.SIGNATURE if (p.digest, author) in logos and p.may_return and p.kind is PartKind.INLINE else p.kind
        ).value
        for p, author in parts
    ]


Picture = tuple[int, int, str, str, str]
"""(part.id, message.id, digest, the author's address, the kind of the part by its message alone)"""


def of_parts(numbered: Iterable[tuple[int, int, FiledPart, Record]]) -> list[Picture]:
    """Those of these parts (part.id, message.id, part, record) that are logos if they return."""
    return [
        (number, message, part.digest, record.author.key, part.kind.value)
        for number, message, part, record in numbered
        if part.may_return and record.author is not None
    ]


def of_message(db: sqlite.Connection, message: int, record: Record) -> list[Picture]:
    """The same of a message whose parts are stored, with ids that are not known here."""
    if not any(part.may_return for part in record.parts):
        return []
    query = "SELECT p.position, p.digest, p.id FROM part p WHERE p.message_id = ?"
    ids = {(position, digest): number for position, digest, number in db.execute(query, (message,))}
    return of_parts(
        (number, message, part, record)
        for part in record.parts
        if (number := ids.get((part.position, part.digest))) is not None
    )


def remember(db: sqlite.Connection, pictures: Sequence[Picture]) -> None:
    """Count these, whose parts have just been written. What turns is told once a message."""
    if not pictures:
        return
    end = "SELECT ifnull(max(seq), 0) FROM change"
    (mark,) = db.execute(end).fetchone()
    db.executemany(
        "INSERT OR IGNORE INTO _picture (part_id, message_id, digest, author, kind) VALUES (?, ?, ?, ?, ?)", pictures
    )
    if db.execute(end).fetchone() == (mark,):
        return  # nothing has turned
    # A signature has five icons, and all five return with the same message. New messages are told as new.
    db.execute(
        "DELETE FROM change WHERE seq > ?1 AND entity = 'message' AND op = 'update' AND (seq NOT IN "
        "(SELECT min(seq) FROM change WHERE seq > ?1 AND entity = 'message' AND op = 'update' GROUP BY entity_id) "
        "OR entity_id IN (SELECT value FROM json_each(?2)))",
        (mark, json.dumps(sorted({message for _, message, *_ in pictures}))),
    )


def forget(db: sqlite.Connection, message: int) -> None:
    """The parts of a message are what they are by it alone, and count for no author: its author is another now."""
    db.execute(
        f"UPDATE part AS p SET kind = {OWN_KIND} WHERE p.message_id = ? "
        "AND EXISTS (SELECT 1 FROM _picture x WHERE x.part_id = p.id)",
        (message,),
    )
    db.execute("DELETE FROM _picture WHERE part_id IN (SELECT id FROM part WHERE message_id = ?)", (message,))
