"""Rows: how a batch of records is written, table by table.

Nothing about mail is decided here. What a record has to do with what is there, `identity` and `thread`
(pure) find out. All statements are set-based: one per table and batch, since the write lock of a shared
database is being held meanwhile. Who calls this, and when: `facts` for new mail, `renewal` for old mail
that is read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from relay import sqlite
from relay.attribution import identity, tag, thread
from relay.attribution.identity import Known
from relay.attribution.record import Direction, FiledPart, Party, Record, Role
from relay.mail.address import Address, forms
from relay.store import pictures, proofs, spoken, tagging
from relay.store.contents import keep_contents, missing_contents
from relay.store.taken_back import answers_missing
from relay.store.times import read_time, text_time

LARGE_PART = 256 * 1024
"""Octets from which a part is written in a transaction of its own: a 20 MB attachment must not stretch
the hold of the write lock in which the facts are written."""

COUNTED = 5000
"""Messages counted of a thread when threads meet: half a millisecond."""


def large_parts(record: Record) -> list[FiledPart]:
    """The parts that are written ahead of the facts. They may turn out to be a copy's, of which no part is kept."""
    return [part for part in record.parts if part.kept and len(part.content) >= LARGE_PART]


def answers(record: Record) -> str | None:
    """The Message-ID that an incoming message answers, None when it answers nothing."""
    if record.message_id and len(record.thread_ids) > 1 and record.verdict.direction is Direction.INCOMING:
        return record.thread_ids[1]
    return None


@dataclass(slots=True)
class Batch:
    """What is known of a batch while it is written: record by record, the message id and whether it is new."""

    records: list[Record]
    ids: list[int]
    new: list[bool]

    def fresh(self) -> Iterator[tuple[int, Record]]:
        return ((i, r) for i, r, new in zip(self.ids, self.records, self.new, strict=True) if new)

    def copies(self) -> Iterator[tuple[int, Record]]:
        return ((i, r) for i, r, new in zip(self.ids, self.records, self.new, strict=True) if not new)


class Rows:
    """The tables, while the write lock is held."""

    def __init__(self, connection: sqlite.Connection) -> None:
        self._db = connection
        self.execute = connection.execute
        self.executemany = connection.executemany

    def keep(self, contents: Iterable[tuple[str, bytes]]) -> None:
        """Store decoded contents by their digest, each once."""
        keep_contents(self._db, contents)

    def _mark(self) -> int:
        """The end of the feed: what is written from here on has a larger seq."""
        return self._next_id("change") - 1

    def _untell(self, mark: int, messages: Iterable[int], op: str = "update") -> None:
        """Take back what this transaction has told of these messages. Nobody has seen it."""
        self._db.execute(
            "DELETE FROM change WHERE seq > ? AND entity = 'message' AND op = ? "
            "AND entity_id IN (SELECT value FROM json_each(?))",
            (mark, op, json.dumps(sorted(messages))),
        )

    def _stored(self, keys: Iterable[str]) -> dict[str, list[Known]]:
        """What is stored under these keys (`identity.asked`), the newest of each."""
        known: dict[str, list[Known]] = {}
        rows = self._db.execute(
            "SELECT w.value, m.id, m.internet_message_id, m.author_address, t.base_subject, m.originated_at, "
            "f.fingerprint "
            "FROM json_each(?1) w CROSS JOIN message m ON m.id IN "
            "(SELECT n.id FROM message n WHERE n.internet_message_id = substr(w.value, 4) ORDER BY n.id DESC LIMIT ?2) "
            "CROSS JOIN _identity f ON f.message_id = m.id LEFT JOIN thread t ON t.id = m.thread_id "
            "WHERE w.value LIKE 'id:%' "
            "UNION ALL "
            "SELECT w.value, m.id, m.internet_message_id, m.author_address, t.base_subject, m.originated_at, "
            "f.fingerprint "
            "FROM json_each(?1) w CROSS JOIN _identity f ON f.message_id IN "
            "(SELECT i.message_id FROM _identity i WHERE i.fingerprint = substr(w.value, 4) AND i.nameless "
            "ORDER BY i.message_id DESC LIMIT ?2) "
            "CROSS JOIN message m ON m.id = f.message_id LEFT JOIN thread t ON t.id = m.thread_id "
            "WHERE w.value LIKE 'fp:%'",
            (json.dumps(sorted(keys)), identity.CANDIDATES),
        )
        for key, message, internet_id, author, base_subject, originated_at, fingerprint in rows:
            known.setdefault(key, []).append(
                Known(message, internet_id, author, base_subject or "", fingerprint, read_time(originated_at))
            )
        return known

    def _next_id(self, table: str) -> int:
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone()
        return 1 if row is None else int(row[0]) + 1

    def _threads(self, batch: Batch, keep: int | None = None) -> tuple[int, ...]:
        """Find or make the thread of each new message, and join threads that turn out to be one.

        `keep`: an empty thread, which the one message is to have again if nothing joins it to another.
        """
        fresh = list(batch.fresh())
        # By the whole key: a Message-ID may have been used under ten thousand subjects.
        wanted = sorted({(identifier, record.base_subject) for _, record in fresh for identifier in record.thread_ids})
        known = {
            (identifier, base_subject): found
            for identifier, base_subject, found in self._db.execute(
                "SELECT r.internet_message_id, r.base_subject, r.thread_id FROM json_each(?) w CROSS JOIN _reference r "
                "ON r.internet_message_id = w.value ->> 0 AND r.base_subject = w.value ->> 1",
                (json.dumps(wanted),),
            )
        }
        messages = [(r.thread_ids, r.base_subject) for _, r in fresh]
        joining = thread.join(messages, known, self._next_id("thread"), self._size)
        if keep is not None and joining.created:
            [(_, subject)] = joining.created.items()
            self._db.execute("UPDATE thread SET base_subject = ? WHERE id = ?", (subject, keep))
            joining = thread.Joining((keep,), {}, {}, dict.fromkeys(joining.seen, keep))
        self._db.executemany("INSERT INTO thread (id, base_subject) VALUES (?, ?)", joining.created.items())
        for loser, survivor in joining.joined.items():
            self._db.execute("UPDATE message SET thread_id = ? WHERE thread_id = ?", (survivor, loser))
            self._db.execute("UPDATE _reference SET thread_id = ? WHERE thread_id = ?", (survivor, loser))
            self._db.execute("UPDATE OR IGNORE _cut_thread SET thread_id = ? WHERE thread_id = ?", (survivor, loser))
            self._db.execute("DELETE FROM thread WHERE id = ?", (loser,))
        self._db.executemany(
            "INSERT INTO _reference (internet_message_id, base_subject, thread_id) VALUES (?, ?, ?)",
            [(identifier, subject, found) for (identifier, subject), found in joining.seen.items()],
        )
        self._db.executemany(  # a ghost becomes a message
            "UPDATE _reference SET message_id = ? "
            "WHERE internet_message_id = ? AND base_subject = ? AND message_id IS NULL",
            [(i, record.message_id, record.base_subject) for i, record in fresh if record.message_id],
        )
        return joining.assigned

    def _size(self, thread_id: int) -> int:
        counted = "SELECT count(*) FROM (SELECT 1 FROM message WHERE thread_id = ? LIMIT ?)"
        return int(self._db.execute(counted, (thread_id, COUNTED)).fetchone()[0])

    def _messages(self, batch: Batch, threads: tuple[int, ...]) -> None:
        fresh = list(batch.fresh())
        self._db.executemany(
            "INSERT INTO message (id, internet_message_id, thread_id, direction, direction_reason, automatic, subject, "
            "author_address, author_name, staff_id, originated_at, date_source, received_at, size, snippet, "
            "attachment_count, status, defects, parser) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [
                (
                    i, r.message_id, found, r.verdict.direction.value, r.verdict.reason, r.automatic, r.subject,
                    r.author.key if r.author else None, r.author_name, r.staff_id, text_time(r.originated_at),
                    r.date_source, text_time(r.envelope.received_at), r.size, r.snippet, r.attachment_count, r.outcome,
                    json.dumps(r.defects), r.parser,
                )
                for (i, r), found in zip(fresh, threads, strict=True)
            ],
        )  # fmt: skip
        self._texts(fresh)
        self._answers(fresh)

    def _texts(self, fresh: Iterable[tuple[int, Record]]) -> None:
        self._db.executemany(
            "INSERT INTO message_text (message_id, subject, text, quoted, html, note) VALUES (?,?,?,?,?,?)",
            [(i, r.subject, r.text, r.quoted, r.html, r.note) for i, r in fresh],
        )

    def _identities(self, fresh: Iterable[tuple[int, Record]]) -> None:
        self._db.executemany(
            "INSERT INTO _identity (message_id, fingerprint, nameless) VALUES (?, ?, ?)",
            [(i, r.fingerprint, r.message_id is None) for i, r in fresh],
        )

    def _answers(self, fresh: Iterable[tuple[int, Record]]) -> None:
        self._db.executemany(
            "INSERT INTO _answer (message_id, internet_message_id) VALUES (?, ?)",
            answers_missing(self._db, [(i, answered) for i, r in fresh if (answered := answers(r))]),
        )

    def _addresses(self, batch: Batch) -> None:
        """Every party, with the spellings under which a CRM may have typed its address."""
        seen: dict[str, Address] = {p.address.key: p.address for _, r in batch.fresh() for p in r.parties}
        ids: dict[str, int] = dict(
            self._db.execute(
                "SELECT a.address, a.id FROM json_each(?) w JOIN address a ON a.address = w.value",
                (json.dumps(sorted(seen)),),
            ).fetchall()
        )
        next_id = self._next_id("address")
        missing = sorted(seen.keys() - ids.keys())
        fresh = frozenset(missing)
        ids.update({key: next_id + n for n, key in enumerate(missing)})
        self._db.executemany(
            "INSERT INTO address (id, address, domain) VALUES (?, ?, ?)", [(ids[k], k, seen[k].domain) for k in missing]
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO _address_form (form, address_id, rank) VALUES (?, ?, ?)",
            # Letters beyond ASCII have spellings that a version before this one did not know: those are made good for.
            [
                (form, ids[key], rank)
                for key in seen
                if key in fresh or "xn--" in key or not key.isascii()
                for form, rank in forms(seen[key])
            ],
        )
        self._db.executemany(
            "INSERT OR IGNORE INTO message_address "
            "(message_id, address_id, originated_at, role, display_name, position) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (i, ids[p.address.key], text_time(r.originated_at), p.role.value, p.display_name, position)
                for i, r in batch.fresh()
                for position, p in enumerate(r.parties)
            ],
        )
        spoken.touch(self._db, [i for i, _ in batch.fresh()])

    def _parties(self, message: int) -> tuple[Party, ...]:
        """The parties of a message as they are stored, in order."""
        rows = self._db.execute(
            "SELECT a.address, ma.role, ma.display_name FROM message_address ma "
            "JOIN address a ON a.id = ma.address_id WHERE ma.message_id = ? ORDER BY ma.position",
            (message,),
        ).fetchall()
        found = ((Address.read(address), role, name) for address, role, name in rows)
        return tuple(Party(address, Role(role), name) for address, role, name in found if address is not None)

    def _parts(self, batch: Batch) -> None:
        fresh = [(i, part, record) for i, record in batch.fresh() for part in record.parts]
        if not fresh:
            return
        kept = [part for _, part, _ in fresh if part.kept]
        # Written ahead of us, unless somebody took it away meanwhile with the last message that had it.
        gone = missing_contents(self._db, (part.digest for part in kept if len(part.content) >= LARGE_PART))
        self.keep((p.digest, p.content) for p in kept if len(p.content) < LARGE_PART or p.digest in gone)
        kinds = pictures.kinds(self._db, batch.fresh())
        next_id = self._next_id("part")
        self._db.executemany(
            "INSERT INTO part (id, message_id, position, media_type, filename, content_id, size, digest, kind, danger) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (n, i, p.position, p.media_type, p.filename, p.content_id, len(p.content), p.digest, kind, p.danger)
                for n, ((i, p, _), kind) in enumerate(zip(fresh, kinds, strict=True), next_id)
            ],
        )
        pictures.remember(
            self._db, pictures.of_parts((n, i, p, record) for n, (i, p, record) in enumerate(fresh, next_id))
        )

    def _envelopes(self, batch: Batch, ids: Sequence[int] = ()) -> None:
        """The envelope of each record, with these ids or else new ones."""
        next_id = self._next_id("envelope")
        ids = ids or range(next_id, next_id + len(batch.ids))
        numbered = list(zip(ids, zip(batch.ids, batch.records, strict=True), strict=True))
        self._db.executemany(
            "INSERT INTO envelope (id, vault_id, position, message_id, route, reverse_path, client, tls, admitted_by, "
            "evidence, staff_id, received_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
            [
                (
                    n, str(r.vault_id), r.position, i, r.route.value,
                    str(r.envelope.reverse_path) if r.envelope.reverse_path else "",
                    f"{r.envelope.client.address} {r.envelope.client.name}".strip(), r.envelope.client.tls,
                    r.envelope.admitted_by, r.evidence, r.handed_in_by, text_time(r.envelope.received_at),
                )
                for n, (i, r) in numbered
            ],
        )  # fmt: skip
        self._db.executemany(
            "INSERT INTO envelope_original (envelope_id, written_date) VALUES (?, ?)",
            [(n, r.written_date) for n, (_, r) in numbered if r.written_date],
        )
        self._db.executemany(
            "INSERT INTO envelope_recipient (envelope_id, forward_path) VALUES (?, ?)",
            [(n, tag.without_secret(str(path))) for n, (_, r) in numbered for path in r.envelope.forward_paths],
        )
        proofs.write(self._db, ((n, r) for n, (_, r) in numbered))
        tagging.remember(self._db, zip(batch.ids, batch.records, batch.new, strict=True))
