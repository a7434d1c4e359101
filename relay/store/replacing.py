"""Replacing: what a message says becomes what its record says now, under the id that it has.

Rows that are right stay as they are, with their ids, so reading a message again that comes out the same
writes nothing but the version of the parser. Which record is which message is decided in `renewal`.
"""

from __future__ import annotations

import json
from dataclasses import replace

from relay.attribution import identity
from relay.attribution.record import Record
from relay.attribution.unknown import facts_only
from relay.store import forwarded, pictures, spoken, tagging
from relay.store.contents import drop_contents, missing_contents
from relay.store.facts import Transaction
from relay.store.rows import Batch, answers
from relay.store.times import text_time

_PARTIES = (
    "SELECT a.address, ma.role, ma.display_name, ma.position FROM message_address ma "
    "JOIN address a ON a.id = ma.address_id WHERE ma.message_id = ? ORDER BY ma.position"
)
_PARTS = (
    "SELECT p.id, p.position, p.media_type, p.filename, p.content_id, p.size, p.digest, "
    f"{pictures.OWN_KIND}, p.danger, EXISTS (SELECT 1 FROM _picture x WHERE x.part_id = p.id) "
    "FROM part p WHERE p.message_id = ? ORDER BY p.position, p.id"
)
_COLUMNS = (
    "internet_message_id, thread_id, direction, direction_reason, automatic, subject, author_address, author_name, "
    "staff_id, originated_at, date_source, size, snippet, attachment_count, status, defects, parser"
)


class Replacing(Transaction):
    """What can be done with one message while the write lock is held."""

    def _replace(self, message: int, record: Record) -> bool:
        """Write what the record says over what the message says. Returns whether anything was different."""
        (bare,) = self._db.execute("SELECT count(*) FROM _facts_only WHERE message_id = ?", (message,)).fetchone()
        if bare and not self._keeps_unknown and not self.known([message]):
            record = facts_only(record)
        elif bare:
            self._db.execute("DELETE FROM _facts_only WHERE message_id = ?", (message,))
        old = self._db.execute(f"SELECT {_COLUMNS} FROM message WHERE id = ?", (message,)).fetchone()
        thread = self._thread_again(message, record)
        if old[6] != (record.author.key if record.author else None):
            pictures.forget(self._db, message)
        parts_differ = self._replace_parts(message, record)
        attachments = "SELECT count(*) FROM part WHERE message_id = ? AND kind = 'attachment'"
        (attachment_count,) = self._db.execute(attachments, (message,)).fetchone()  # without logos that returned
        row = (
            record.message_id, thread, record.verdict.direction.value, record.verdict.reason, record.automatic,
            record.subject, record.author.key if record.author else None, record.author_name, record.staff_id,
            text_time(record.originated_at), record.date_source, record.size, record.snippet,
            attachment_count, record.outcome, json.dumps(record.defects), record.parser,
        )  # fmt: skip
        different = [
            old[:-1] != row[:-1],
            self._replace_text(message, record),
            self._replace_parties(message, record, moved=old[9] != row[9]),
            spoken.replace(self._db, message, record),
            parts_differ,
        ]
        if old != row or parts_differ:
            names = ", ".join(f"{name} = ?" for name in _COLUMNS.split(", "))
            self._db.execute(f"UPDATE message SET {names} WHERE id = ?", (*row, message))
        self._replace_identity(message, record)
        tagging.mark(self._db, [message])
        return any(different)

    def _replace_text(self, message: int, record: Record) -> bool:
        wanted = (record.subject, record.text, record.quoted, record.html, record.note)
        query = "SELECT subject, text, quoted, html, note FROM message_text WHERE message_id = ?"
        if self._db.execute(query, (message,)).fetchone() == wanted:
            return False
        self._db.execute("DELETE FROM message_text WHERE message_id = ?", (message,))
        self._texts([(message, record)])
        return True

    def _replace_parties(self, message: int, record: Record, *, moved: bool) -> bool:
        """`moved`: the date of the message, which stands in these rows too, is another."""
        wanted = [(p.address.key, p.role.value, p.display_name, at) for at, p in enumerate(record.parties)]
        if not moved and self._db.execute(_PARTIES, (message,)).fetchall() == wanted:
            return False
        self._db.execute("DELETE FROM message_address WHERE message_id = ?", (message,))
        self._addresses(Batch([record], [message], [True]))
        return True

    def _replace_parts(self, message: int, record: Record) -> bool:
        """Parts keep their ids where their content and description are the same; contents that nobody has go."""
        rows = self._db.execute(_PARTS, (message,)).fetchall()
        counted = record.author is not None
        wanted = [
            (
                p.position, p.media_type, p.filename, p.content_id, len(p.content), p.digest, p.kind.value, p.danger,
                p.may_return and counted,
            )
            for p in record.parts
        ]  # fmt: skip
        self._keep_now(record)
        if [row[1:] for row in rows] == wanted:
            return False
        free: dict[tuple[object, ...], list[tuple[int, tuple[object, ...]]]] = {}
        for number, _, *description in rows:
            free.setdefault(tuple(description[:5]), []).append((number, tuple(description[5:])))
        missing = []
        for part, (position, *description) in zip(record.parts, wanted, strict=True):
            if not (ids := free.get(tuple(description[:5]))):
                missing.append(part)
                continue
            number, judged = ids.pop(0)
            self._db.execute("UPDATE part SET position = ? WHERE id = ?", (position, number))
            if judged != tuple(description[5:]):  # what we think of it is another
                self._db.execute("DELETE FROM _picture WHERE part_id = ?", (number,))
                self._db.execute(
                    "UPDATE part SET kind = ?, danger = ? WHERE id = ?", (part.kind.value, part.danger, number)
                )
        self._parts(Batch([replace(record, parts=tuple(missing))], [message], [True]))
        self._db.executemany("DELETE FROM part WHERE id = ?", [(i,) for ids in free.values() for i, _ in ids])
        pictures.remember(self._db, pictures.of_message(self._db, message, record))
        drop_contents(self._db, {row[6] for row in rows})
        return True

    def _keep_now(self, record: Record) -> None:
        """Contents that were not kept when the mail was filed ([filing] attachments_up_to), and are to be now."""
        kept = {part.digest: part.content for part in record.parts if part.kept}
        self.keep((digest, kept[digest]) for digest in sorted(missing_contents(self._db, kept)))

    def _replace_identity(self, message: int, record: Record) -> None:
        """By what it is recognised, and what it answers."""
        wanted = (record.fingerprint, record.message_id is None) if identity.asked(record) else None
        query = "SELECT fingerprint, nameless FROM _identity WHERE message_id = ?"
        if self._db.execute(query, (message,)).fetchone() != wanted:
            self._db.execute("DELETE FROM _identity WHERE message_id = ?", (message,))
            if wanted:
                self._identities([(message, record)])
        forwarded.replace_mark(self._db, message, record)
        query = "SELECT internet_message_id FROM _answer WHERE message_id = ?"
        if self._db.execute(query, (message,)).fetchone() != ((answered,) if (answered := answers(record)) else None):
            self._db.execute("DELETE FROM _answer WHERE message_id = ?", (message,))
            self._answers([(message, record)])

    def _thread_of(self, message: int) -> int | None:
        row = self._db.execute("SELECT thread_id FROM message WHERE id = ?", (message,)).fetchone()
        return None if row is None else row[0]

    def _thread_again(self, message: int, record: Record) -> int:
        """The thread of a message by the ids and the subject that it has now: the one that it is in, if that fits.

        Of a thread with more messages only this one can leave: what the others refer to is not known here.
        """
        thread = self._thread_of(message)
        wanted = {(identifier, record.base_subject) for identifier in record.thread_ids}
        alone = thread is not None and self._size_but_for(thread, message) == 0
        if alone:
            rows = self._db.execute(
                "SELECT internet_message_id, base_subject, message_id FROM _reference WHERE thread_id = ?", (thread,)
            ).fetchall()
            own = (record.message_id, record.base_subject)
            owner = {(identifier, subject): by for identifier, subject, by in rows}
            (subject,) = self._db.execute("SELECT base_subject FROM thread WHERE id = ?", (thread,)).fetchone()
            if owner.keys() == wanted and subject == record.base_subject and owner.get(own, message) == message:
                return thread or 0
            self._db.execute("DELETE FROM _reference WHERE thread_id = ?", (thread,))
        elif thread is not None:
            was, subject = self._db.execute(
                "SELECT m.internet_message_id, t.base_subject FROM message m JOIN thread t ON t.id = m.thread_id "
                "WHERE m.id = ?",
                (message,),
            ).fetchone()
            if (was, subject) != (record.message_id, record.base_subject):  # looks through all of the thread
                self._db.execute(
                    "UPDATE _reference SET message_id = NULL WHERE thread_id = ? AND message_id = ?", (thread, message)
                )
        (found,) = self._threads(Batch([record], [message], [True]), keep=thread if alone else None)
        if thread is not None and found != thread:
            self._db.execute("UPDATE message SET thread_id = ? WHERE id = ?", (found, message))
            self._end_thread_without_messages(thread)
        return found

    def _size_but_for(self, thread: int, message: int) -> int:
        """0 when nobody else is in the thread, else 1."""
        query = "SELECT count(*) FROM (SELECT 1 FROM message WHERE thread_id = ? AND id <> ? LIMIT 1)"
        return int(self._db.execute(query, (thread, message)).fetchone()[0])

    def _end_thread_without_messages(self, thread: int | None) -> None:
        if thread is not None and not self._size_but_for(thread, 0):
            self._db.execute("DELETE FROM _reference WHERE thread_id = ?", (thread,))
            self._db.execute("DELETE FROM thread WHERE id = ?", (thread,))
