"""What tags ask for, kept and applied: an applied tag is a row in `explicit_attribution`, as a person's decision is.

Each is applied once. What a person or a CRM decides about the same message and lead stands, before it and after: their
row is never overwritten, and one that they take away is not written again. Tags that name nothing that is there, or a
lead that is not among the parties, wait: triggers queue them (`_tag_due`) when a lead, an address or a deal comes
or changes. What may be believed is decided by `attribution.tagging`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import groupby

from relay import sqlite
from relay.attribution.record import Record
from relay.attribution.tag import WAITING, Tag, read
from relay.attribution.tagging import DISPUTED, UNKNOWN, Named, State, judge, narrowed

CHAIN = 100
"""Merges that are followed from one lead to the next."""

_TAGS = """
SELECT t.message_id, t.id, t.source, t.kind, t.value, t.state, t.lead_id
  FROM json_each(?) w CROSS JOIN _message_tag t ON t.message_id = w.value
 ORDER BY t.message_id, t.id
"""

_PARTIES = """
SELECT r.message_id, x.lead_id, r.address_id, coalesce(l.organization, '')
  FROM json_each(?) w
 CROSS JOIN message_address r ON r.message_id = w.value
 CROSS JOIN _match x ON x.address_id = r.address_id
 CROSS JOIN lead l ON l.id = x.lead_id
"""

_DECISIONS = """
SELECT e.message_id, e.lead_id, e.verdict, e.reason, e.deal_id
  FROM json_each(?) w CROSS JOIN explicit_attribution e ON e.message_id = w.value
"""

# Disputed tags that a lead has to do with: by its own name, as a party of the message, or in the place of one that is
# no more.
_OF_LEADS = """
SELECT d.message_id FROM json_each(?1) w CROSS JOIN _disputed_tag d ON d.lead_id = w.value
UNION
SELECT d.message_id FROM _disputed_tag d
 WHERE NOT EXISTS (SELECT 1 FROM lead l WHERE l.id = d.lead_id)
    OR EXISTS (SELECT 1 FROM lead_message lm
                WHERE lm.message_id = d.message_id AND lm.lead_id IN (SELECT value FROM json_each(?1)))
"""

_Decision = tuple[str, str, int | None]
"""(verdict, reason, deal_id)"""


@dataclass(frozen=True, slots=True)
class _Tag:
    """A row of `_message_tag`."""

    id: int
    source: str
    kind: str
    value: str
    state: str
    lead: int | None

    @property
    def reason(self) -> str:
        return f"{self.source}-tag"


def remember(connection: sqlite.Connection, copies: Iterable[tuple[int, Record, bool]]) -> None:
    """Keep what the copies of messages ask for: (message, record, is it new?). Tags of old messages are queued."""
    rows: list[tuple[int, str, str, str]] = []
    old: set[int] = set()
    for message, record, new in copies:
        asked = _asked(record)
        rows += [(message, *each) for each in asked]
        if asked and not new:
            old.add(message)
    if not rows:
        return
    connection.executemany(
        "INSERT OR IGNORE INTO _message_tag (message_id, source, kind, value) VALUES (?, ?, ?, ?)", rows
    )
    look_again(connection, old)


def _asked(record: Record) -> list[tuple[str, str, str]]:
    """(source, kind, value) of the tags that a copy bears and that are kept."""
    if not record.tags and not record.subject_tags:
        return []
    return [
        (source, tag.kind, tag.value)
        for source, texts in (("address", record.tags), ("subject", record.subject_tags))
        for text in texts
        for tag in read(text)
        if tag.kind in WAITING
    ]


def forget_but(connection: sqlite.Connection, message: int, records: Iterable[Record]) -> None:
    """Remove tags that no copy of the message has, as they are read now. What was applied was decided, and stays."""
    kept = {each for record in records for each in _asked(record)}
    rows = connection.execute("SELECT id, source, kind, value FROM _message_tag WHERE message_id = ?", (message,))
    gone = [(number,) for number, *tag in rows.fetchall() if tuple(tag) not in kept]
    connection.executemany("DELETE FROM _message_tag WHERE id = ?", gone)


def look_again(connection: sqlite.Connection, messages: Iterable[int]) -> None:
    """Queue the tags of these messages for `relation.settle`."""
    connection.executemany(
        "INSERT INTO _tag_due (kind, subject_id) SELECT 'message', ?1 "
        "WHERE NOT EXISTS (SELECT 1 FROM _tag_due WHERE kind = 'message' AND subject_id = ?1)",
        [(message,) for message in sorted(messages)],
    )


def later(connection: sqlite.Connection, messages: Collection[int]) -> None:
    """The same for those of these messages that have any tag: leads have come to them, or left them."""
    query = (
        "SELECT DISTINCT t.message_id FROM json_each(?) w CROSS JOIN _message_tag t ON t.message_id = w.value "
        "WHERE t.kind <> 'unknown'"
    )
    look_again(connection, [message for (message,) in connection.execute(query, (json.dumps(list(messages)),))])


def lead_gone(connection: sqlite.Connection, lead: int) -> None:
    """Queue the disputed tags that name this lead, which is no more: they name nothing now."""
    found = connection.execute("SELECT DISTINCT message_id FROM _disputed_tag WHERE lead_id = ?", (lead,)).fetchall()
    look_again(connection, [message for (message,) in found])


def due(connection: sqlite.Connection) -> bool:
    """Do tags wait to be looked at again?"""
    return connection.execute("SELECT 1 FROM _tag_due LIMIT 1").fetchone() is not None


def take(connection: sqlite.Connection, limit: int) -> list[int]:
    """Take from the queue. Returns messages, for which `relate` is to be called: it applies their tags."""
    work = connection.execute("SELECT kind, subject_id FROM _tag_due ORDER BY kind, subject_id LIMIT ?", (limit,))
    found = work.fetchall()
    leads = [subject for kind, subject in found if kind == "lead"]
    if leads:
        look_again(connection, [message for (message,) in connection.execute(_OF_LEADS, (json.dumps(leads),))])
        found = [row for row in found if row[0] == "lead"]
    connection.executemany("DELETE FROM _tag_due WHERE kind = ? AND subject_id = ?", found)
    return [] if leads else [subject for _, subject in found]


def apply(connection: sqlite.Connection, messages: Collection[int]) -> None:
    """Judge the tags of these messages and write what follows. In the transaction and before the work of `relate`."""
    ids = json.dumps(list(messages))
    rows = connection.execute(_TAGS, (ids,)).fetchall()
    if not rows:
        return  # no mail of the batch asked for anything
    held: dict[int, dict[int, set[int]]] = {}
    organizations: dict[int, str] = {}
    for message, lead, address, organization in connection.execute(_PARTIES, (ids,)):
        held.setdefault(message, {}).setdefault(lead, set()).add(address)
        organizations[lead] = organization
    decisions: dict[int, dict[int, _Decision]] = {}
    for message, lead, *decision in connection.execute(_DECISIONS, (ids,)):
        decisions.setdefault(message, {})[lead] = (decision[0], decision[1], decision[2])
    known: dict[tuple[str, str], Named] = {}
    wrote: list[int] = []
    for message, group in groupby(rows, key=lambda row: row[0]):
        tags = [_Tag(*row[1:]) for row in group]
        decided = decisions.setdefault(message, {})
        before = dict(decided)
        _judge(connection, message, tags, {lead: organizations[lead] for lead in held.get(message, {})}, decided, known)
        _narrow(connection, message, held.get(message, {}), decided)
        if decided != before:
            wrote.append(message)
    # what a new decision leads to, the caller does now
    connection.executemany("DELETE FROM _unsettled WHERE kind = 'message' AND subject_id = ?", [(m,) for m in wrote])
    mark(connection, sorted({row[0] for row in rows}))


def _judge(
    connection: sqlite.Connection,
    message: int,
    tags: Collection[_Tag],
    parties: dict[int, str],
    decided: dict[int, _Decision],
    known: dict[tuple[str, str], Named],
) -> None:
    """Apply those that agree and were not applied before. `decided` is kept in step."""
    waiting = [tag for tag in tags if tag.state != State.APPLIED]
    named = []
    for tag in waiting:
        key = (tag.kind, tag.value)
        if key not in known:
            known[key] = resolve(connection, *key)
        named.append(known[key])
    for tag, means, state in zip(waiting, named, judge(named, parties), strict=True):
        lead, becomes = means.lead, state
        if lead is not None and lead in decided:
            verdict, reason, deal = decided[lead]
            ours = verdict == "attach" and reason in ("address-tag", "subject-tag")
            if ours and state is State.APPLIED and means.deal is not None and deal is None:
                decided[lead] = (verdict, reason, means.deal)
                connection.execute(
                    "UPDATE explicit_attribution SET deal_id = ? WHERE message_id = ? AND lead_id = ?",
                    (means.deal, message, lead),
                )
            elif ours and means.deal not in (None, deal):
                becomes = State.DISPUTED  # another tag named another deal of this lead, and came first
            else:
                becomes = State.APPLIED  # it is so already, or a person decided about it
        elif lead is not None and state is State.APPLIED:
            decided[lead] = ("attach", tag.reason, means.deal)
            connection.execute(
                "INSERT INTO explicit_attribution (message_id, lead_id, deal_id, reason) VALUES (?, ?, ?, ?)",
                (message, lead, means.deal, tag.reason),
            )
        named_lead = means.awaited if lead is None else lead  # when that one comes, a trigger asks for another look
        if (becomes, named_lead) != (tag.state, tag.lead):
            connection.execute(
                "UPDATE _message_tag SET state = ?, lead_id = ? WHERE id = ?", (becomes, named_lead, tag.id)
            )


def _narrow(
    connection: sqlite.Connection, message: int, held: dict[int, set[int]], decided: dict[int, _Decision]
) -> None:
    """Take the message off leads that share the address of one that a tag named; each once."""
    named = {
        lead: reason
        for lead, (verdict, reason, _) in decided.items()
        if verdict == "attach" and reason in ("address-tag", "subject-tag")
    }
    if not named or len(held) < 2:
        return
    reason = min(named.values())  # 'address-tag' before 'subject-tag'
    for lead in sorted(narrowed(named.keys(), held) - decided.keys()):
        if connection.execute(
            "INSERT INTO _narrowed (message_id, lead_id) SELECT ?1, ?2 "
            "WHERE NOT EXISTS (SELECT 1 FROM _narrowed WHERE message_id = ?1 AND lead_id = ?2)",
            (message, lead),
        ).rowcount:
            decided[lead] = ("detach", reason, None)
            connection.execute(
                "INSERT INTO explicit_attribution (message_id, lead_id, verdict, reason) VALUES (?, ?, 'detach', ?)",
                (message, lead, reason),
            )


def resolve(connection: sqlite.Connection, kind: str, value: str) -> Named:
    """The lead, and the deal, that a tag names as things are: merges are followed, external ids found in any case."""
    table, _, external = kind.partition("-")
    if table not in ("lead", "deal"):
        return Named(None)
    column = "id" if table == "lead" else "lead_id"
    query = f"SELECT id, {column} FROM {table} WHERE "
    rows = (
        connection.execute(query + "lower(external_id) = lower(?1) ORDER BY external_id <> ?1 LIMIT 3", (value,))
        if external
        else connection.execute(query + "id = ?", (int(value),))
    ).fetchall()
    exact = external and len(rows) > 1 and _is_exact(connection, table, rows[0][0], value)
    if not rows or (len(rows) > 1 and not exact):
        return Named(None)
    number, lead = rows[0]
    found = _last(connection, lead)
    if found is None:
        return Named(None, awaited=lead)
    return Named(found[0], number if table == "deal" else None, found[1] or "")


def _is_exact(connection: sqlite.Connection, table: str, number: int, value: str) -> bool:
    row = connection.execute(f"SELECT external_id FROM {table} WHERE id = ?", (number,)).fetchone()
    return bool(row and row[0] == value)


def _last(connection: sqlite.Connection, lead: int | None) -> tuple[int, str | None] | None:
    """(id, organization) of the last existing lead of a chain of merges; None when there is no such lead at all."""
    found: tuple[int, str | None] | None = None
    seen: set[int] = set()
    while lead is not None and lead not in seen and len(seen) < CHAIN:
        seen.add(lead)
        query = "SELECT id, organization, merged_into FROM lead WHERE id = ?"
        row = connection.execute(query, (lead,)).fetchone()
        if row is None:
            break
        found, lead = (row[0], row[1]), row[2]
    return found


def mark(connection: sqlite.Connection, messages: Collection[int]) -> None:
    """Keep the defects of these messages, and `_disputed_tag`, in step with their tags."""
    rows = connection.execute(_TAGS, (json.dumps(list(messages)),)).fetchall()
    for message, group in groupby(rows, key=lambda row: row[0]):
        tags = [_Tag(*row[1:]) for row in group]
        wanted = {str(Tag(tag.kind, tag.value)): tag.lead for tag in tags if tag.state == State.DISPUTED}
        query = "SELECT tag, lead_id FROM _disputed_tag WHERE message_id = ?"
        if dict(connection.execute(query, (message,)).fetchall()) != wanted:
            connection.execute("DELETE FROM _disputed_tag WHERE message_id = ?", (message,))
            connection.executemany(
                "INSERT INTO _disputed_tag (message_id, tag, lead_id) VALUES (?, ?, ?)",
                [(message, tag, lead) for tag, lead in wanted.items()],
            )
        (text,) = connection.execute("SELECT defects FROM message WHERE id = ?", (message,)).fetchone() or ("[]",)
        defects = json.loads(text)
        told = [name for name in defects if name not in (DISPUTED, UNKNOWN)]
        told += [UNKNOWN] if any(tag.state in (State.UNKNOWN, "new") for tag in tags) else []
        told += [DISPUTED] if wanted else []
        if sorted(told) != sorted(defects):
            connection.execute("UPDATE message SET defects = ? WHERE id = ?", (json.dumps(told), message))


def hold(scratch: sqlite.Connection) -> None:
    """In a database that is made for comparison: tags ask for nothing, the decisions that they led to were copied."""
    scratch.execute("UPDATE _message_tag SET state = 'applied'")
    scratch.execute(  # nor do they narrow anything once more
        "INSERT OR IGNORE INTO _narrowed (message_id, lead_id) SELECT DISTINCT t.message_id, x.lead_id "
        "FROM _message_tag t CROSS JOIN message_address r ON r.message_id = t.message_id "
        "CROSS JOIN _match x ON x.address_id = r.address_id"
    )
    scratch.execute("DELETE FROM _tag_due")


def carry(live: sqlite.Connection, scratch: sqlite.Connection, messages: Collection[int]) -> None:
    """And what became of them, which depends on when leads and decisions came."""
    for message, _, source, kind, value, state, lead in live.execute(_TAGS, (json.dumps(sorted(messages)),)):
        scratch.execute(
            "UPDATE _message_tag SET state = ?, lead_id = ? "
            "WHERE message_id = ? AND source = ? AND kind = ? AND value = ?",
            (state, lead, message, source, kind, value),
        )
    mark(scratch, messages)
