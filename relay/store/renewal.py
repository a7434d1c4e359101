"""Renewal: old mail that was read again is written over what was made of it before.

Ids survive, and with them all that people decided: what is read now is paired with what is stored
(`attribution.pairing`), and only what a mail says is replaced. The best copy of a message decides what it
says (`identity.source_rank`). One message is renewed at a time, with all of its copies that the vault
still has; everything happens in the caller's transaction, which may as well be rolled back to see what would
change. The feed tells each message that really changed once, and no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from relay.attribution import identity
from relay.attribution.identity import Known
from relay.attribution.pairing import pair
from relay.attribution.record import Party, Record
from relay.attribution.tombstone import FORGOTTEN
from relay.attribution.united import together, united
from relay.attribution.withheld import DROPPED
from relay.mail.envelope import VaultId
from relay.store import dropping, forwarded, merging, notes, relation, tagging, taken_back
from relay.store.contents import drop_contents
from relay.store.difference import ChangedField, Snapshot, differences, snapshot
from relay.store.replacing import Replacing
from relay.store.rows import Batch, large_parts
from relay.store.times import read_time

Today = Mapping[VaultId, Sequence[Record]]
"""What mail objects are read as now, those that can be read."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """What became of one message. `what`: 'changed', 'new', 'merged' (it is now `into`), or 'removed': what nobody
    could read before can be read now, and never-log says that it is not kept.
    """

    message: int
    what: str
    changes: tuple[ChangedField, ...] = ()
    into: int | None = None


@dataclass(slots=True)
class _Copy:
    """One record that was read now: which envelope row it had, and the message that it is of (None: not known yet)."""

    record: Record
    envelope: int | None
    message: int | None


class Renewal(Replacing):
    """What can be done while the write lock is held and old mail is read again."""

    def read_again(self, message: int, today: Today) -> tuple[Renewed, ...]:
        """Make of a message, and of all that came in the same mail objects, what they are read as now.

        Does nothing for a mail object that no message has come from any more (erased meanwhile).
        """
        mark = self._mark()
        self._db.execute("DELETE FROM _read_again WHERE message_id = ?", (message,))
        self._now_listed: list[int] = []
        before: dict[int, Snapshot] = {}
        copies: dict[VaultId, list[_Copy]] = {}
        for vault_id, records in today.items():
            paired = self._not_taken_back(vault_id, self._paired(vault_id, records))
            if paired:
                copies[vault_id] = paired
        for old in self._messages_of(copies):
            self._remember(old, before)
        sources = self._sources(copies)
        known = {old: self._known_as(old) for old in sources}
        touched = {old for old, record in sources.items() if self._replace(old, record)}
        self._find_others(copies, sources, before)
        new = self._write_new(copies)
        merged = self._write_envelopes(copies)
        notes.replace(self._db, (each.record for found in copies.values() for each in found))
        merged.update(self._merge_same(known, sources, before))
        self._write_outcomes(copies)
        touched.update(new, merged.values())
        relation.relate(self._db, sorted(touched - merged.keys()))
        self._fetch_texts(touched)
        drop_contents(self._db, {p.digest for records in today.values() for r in records for p in large_parts(r)})
        dropping.remove(self._db, self._now_listed)
        removed = tuple(Renewed(each, "removed") for each in self._now_listed)
        return (*self._told(mark, before, merged, new), *removed)

    # -- which record is which message

    def _paired(self, vault_id: VaultId, records: Sequence[Record]) -> list[_Copy]:
        rows: list[tuple[int, int]] = self._db.execute(
            "SELECT id, message_id FROM envelope WHERE vault_id = ? ORDER BY position", (str(vault_id),)
        ).fetchall()
        if not rows:
            return []
        stored = [self._known_as(message) for _, message in rows]
        filed = [record for record in records if record.outcome != DROPPED]
        listed = [record for record in records if record.outcome == DROPPED]
        paired = pair([*filed, *listed], stored)
        if any(message is not None for message in paired[len(filed) :]):
            # Filed before the entry was made: it stays as it is until somebody asks (`never-log add --purge`).
            self._now_listed += dropping.never_read(self._db, [message for _, message in rows])
            return []
        copies = []
        for record, message in zip(filed, paired, strict=False):
            row = next((row for row in rows if row[1] == message), None)
            if row:
                rows.remove(row)
            copies.append(_Copy(record, row[0] if row else None, message))
        return copies

    def _not_taken_back(self, vault_id: VaultId, copies: list[_Copy]) -> list[_Copy]:
        """Without what would be a new message and was taken back by a person."""
        new = [each.record for each in copies if each.message is None]
        if not new:
            return copies
        none = not taken_back.may_bring_new(self._db, vault_id)
        gone = {r.position for r in taken_back.marked(self._db, new) if none or r.outcome == FORGOTTEN}
        return [each for each in copies if each.message is not None or each.record.position not in gone]

    def _known_as(self, message: int) -> Known:
        """What is stored of a message to recognise it by."""
        internet_id, author, subject, fingerprint, at = self._db.execute(
            "SELECT m.internet_message_id, m.author_address, t.base_subject, f.fingerprint, m.originated_at "
            "FROM message m LEFT JOIN thread t ON t.id = m.thread_id LEFT JOIN _identity f ON f.message_id = m.id "
            "WHERE m.id = ?",
            (message,),
        ).fetchone()
        return Known(message, internet_id, author, subject or "", fingerprint or "", read_time(at))

    def _messages_of(self, copies: Mapping[VaultId, list[_Copy]]) -> list[int]:
        """All messages that these mail objects were filed as."""
        rows = self._db.execute(
            "SELECT DISTINCT e.message_id FROM json_each(?) w CROSS JOIN envelope e ON e.vault_id = w.value ORDER BY 1",
            (json.dumps([str(vault_id) for vault_id in copies]),),
        )
        return [message for (message,) in rows]

    def _sources(self, copies: Mapping[VaultId, list[_Copy]]) -> dict[int, Record]:
        """Message -> the record that decides what it says: the best of its copies, among equals the first that came.

        A message whose best copy was not read now keeps what it says. The comment of a colleague, and who
        received it unseen, may stand in any copy; what stands in none of those read is kept as long as not all were.
        """
        at_hand: dict[int, dict[int, Record]] = {}
        for each in (each for found in copies.values() for each in found):
            if each.message is not None and each.envelope is not None:
                at_hand.setdefault(each.message, {})[each.envelope] = each.record
        sources: dict[int, Record] = {}
        for message, records in at_hand.items():
            rows = self._db.execute(
                "SELECT id, route, evidence FROM envelope WHERE message_id = ?", (message,)
            ).fetchall()
            ranked = sorted(
                (
                    identity.source_rank(r.route, r.evidence) if (r := records.get(i)) else identity.source_rank(*by),
                    r is None,
                    i,
                )
                for i, *by in rows
            )
            _, absent, best = ranked[0]
            if absent or taken_back.is_cut(self._db, message):
                continue
            kept_notes = notes.of_message(self._db, message)
            note = together(
                record.note if (record := records.get(i)) else kept_notes.get(i, "")
                for i in sorted(i for i, *_ in rows)
            )
            kept, reason = self._kept(message) if len(records) < len(rows) else ((), "")
            if len(records) == len(rows):
                tagging.forget_but(self._db, message, records.values())
            others = [records[i] for _, _, i in ranked if i in records and i != best]
            sources[message] = replace(united(records[best], others, kept, reason), note=note)
        return sources

    def _kept(self, message: int) -> tuple[tuple[Party, ...], str]:
        """(parties, reason of the direction) as they are stored."""
        query = "SELECT direction_reason FROM message WHERE id = ?"
        (reason,) = self._db.execute(query, (message,)).fetchone()
        return self._parties(message), reason

    def _remember(self, message: int, before: dict[int, Snapshot]) -> None:
        """Keep what a message is before anything of it changes."""
        if message not in before:
            found = snapshot(self._db, message)
            assert found is not None  # noqa: S101  its row has just been read, under the write lock
            before[message] = found

    def _find_others(
        self, copies: Mapping[VaultId, list[_Copy]], sources: Mapping[int, Record], before: dict[int, Snapshot]
    ) -> None:
        """Give each record that is nobody's yet its message: one that is there already, or none (it is new)."""
        for vault_id, each in ((vault_id, each) for vault_id, found in copies.items() for each in found):
            source = None if each.message is None else sources.get(each.message)
            was = each.message, each.envelope
            if source and self._apart(each.record, source, each.message or 0):
                each.message = each.envelope = None  # it was filed as a copy of this message, and is none
            if each.message is None and (key := identity.asked(each.record)):
                each.message = identity.same(each.record, self._stored([key]).get(key, ()))
                if each.message is None:
                    each.message = forwarded.like(self._db, 0, each.record, sources)
                if each.message is not None:
                    self._remember(each.message, before)
                    if each.message == was[0]:
                        each.envelope = was[1]
                    elif not self._brought(vault_id, each.record.position, each.message):
                        self.read_again_later([each.message])  # it has a copy more, perhaps a better one

    def _brought(self, vault_id: VaultId, position: int, message: int) -> bool:
        """Is this place of the mail object a copy of the message already? Said twice, it would be said for ever."""
        query = "SELECT 1 FROM envelope WHERE vault_id = ? AND position = ? AND message_id = ?"
        return self._db.execute(query, (str(vault_id), position, message)).fetchone() is not None

    def _apart(self, record: Record, source: Record, message: int) -> bool:
        """Was the record filed as a copy of this message, and is none?"""
        return identity.apart(record, identity.known_as(source, message)) and forwarded.apart(self._db, record, source)

    def _fetch_texts(self, messages: Iterable[int]) -> None:
        """Mail of which only facts were kept, and that is on a lead as it is read now, is read once more."""
        query = "SELECT f.message_id FROM json_each(?) w CROSS JOIN _facts_only f ON f.message_id = w.value"
        bare = [message for (message,) in self._db.execute(query, (json.dumps(sorted(messages)),))]
        if bare:
            self.read_again_later(self.known(bare))

    # -- writing

    def _write_new(self, copies: Mapping[VaultId, list[_Copy]]) -> list[int]:
        """Messages that were not there before. Returns their ids."""
        nameless = [each for found in copies.values() for each in found if each.message is None]
        if not nameless:
            return []
        batch = self._identified([each.record for each in nameless])
        self._written(batch)
        for each, message in zip(nameless, batch.ids, strict=True):
            each.message = message
        new = [message for message, _ in batch.fresh()]
        if not self._keeps_unknown:  # whoever is on a lead is then read once more
            filed = [(i,) for i, r in batch.fresh() if r.outcome == "filed"]
            self._db.executemany("INSERT INTO _facts_only (message_id) VALUES (?)", filed)
        return new

    def _write_envelopes(self, copies: Mapping[VaultId, list[_Copy]]) -> dict[int, int]:
        """The envelopes of the mail objects, each with its own id where it had one.

        A message that a mail object gives no longer and that has no other copy is merged into the first one that
        the mail object gives now. Returns those: loser -> survivor.
        """
        merged: dict[int, int] = {}
        for vault_id, found in copies.items():
            rows = self._db.execute(
                "SELECT e.id, e.message_id, e.position, e.route, e.evidence, ifnull(o.written_date, ''), e.staff_id "
                "FROM envelope e LEFT JOIN envelope_original o ON o.envelope_id = e.id "
                "WHERE e.vault_id = ? ORDER BY e.position",
                (str(vault_id),),
            ).fetchall()
            wanted = [
                (
                    c.envelope, c.message, c.record.position, c.record.route, c.record.evidence, c.record.written_date,
                    c.record.handed_in_by,
                )
                for c in found
            ]  # fmt: skip
            if rows == wanted:
                continue  # what the client said in the session stands in the vault and never changes
            ids = [(row[0],) for row in rows]
            self._db.executemany("DELETE FROM envelope_recipient WHERE envelope_id = ?", ids)
            self._db.executemany("DELETE FROM envelope WHERE id = ?", ids)
            next_id = self._next_id("envelope")
            for each in found:
                if each.envelope is None:
                    each.envelope, next_id = next_id, next_id + 1
            self._envelopes(
                Batch([c.record for c in found], [c.message or 0 for c in found], [False] * len(found)),
                [c.envelope or 0 for c in found],
            )
            for old in {row[1] for row in rows} - {c.message for c in found}:
                if self._db.execute("SELECT 1 FROM envelope WHERE message_id = ?", (old,)).fetchone():
                    self.read_again_later([old])  # what it says may have come from this mail object
                else:
                    merged[old] = found[0].message or 0
                    self._merge(old, merged[old])
        return merged

    def _merge_same(
        self, known: Mapping[int, Known], sources: Mapping[int, Record], before: dict[int, Snapshot]
    ) -> dict[int, int]:
        """Messages that turn out to be one now that they are read better: the older id stays. Loser -> survivor."""
        merged: dict[int, int] = {}
        for message, record in sources.items():
            key = identity.asked(record)
            if key is None or not self._db.execute("SELECT 1 FROM message WHERE id = ?", (message,)).fetchone():
                continue
            other = None
            if known[message] != identity.known_as(record, message):
                others = [other for other in self._stored([key]).get(key, ()) if other.message != message]
                other = identity.same(record, others)
            if other is None:
                other = forwarded.like(self._db, message, record, sources)
            if other is None:
                continue
            self._remember(other, before)
            stays, goes = sorted((message, other))
            self._merge(goes, stays)
            self.read_again_later([stays])
            merged[goes] = stays
        return merged

    def _merge(self, old: int, into: int) -> None:
        thread = self._thread_of(old)
        forwarded.merged(self._db, old, into)
        merging.merge(self._db, old, into)
        self._end_thread_without_messages(thread)

    # -- what is told

    def _write_outcomes(self, copies: Mapping[VaultId, list[_Copy]]) -> None:
        self._db.executemany(
            "UPDATE _vault_outcome SET outcome = ?1 WHERE epoch = ?2 AND number = ?3 AND outcome <> ?1",
            [(found[-1].record.outcome, v.epoch, v.number) for v, found in copies.items()],
        )

    def _told(
        self, mark: int, before: Mapping[int, Snapshot], merged: Mapping[int, int], new: Sequence[int]
    ) -> tuple[Renewed, ...]:
        """One row in the feed for each message that changed, whatever triggers have told."""
        renewed = []
        for old, into in merged.items():
            while into in merged:  # the one that stood in its place was merged in turn
                into = merged[into]  # noqa: PLW2901  the end of the chain is what is told
            renewed.append(Renewed(old, "merged", into=into))
        renewed += [Renewed(message, "new") for message in new]
        changed = []
        for message, was in before.items():
            now = snapshot(self._db, message)
            if now is not None and (changes := differences(was, now)):
                renewed.append(Renewed(message, "changed", changes))
                changed.append(message)
        self._untell(mark, [*before, *new])
        self._untell(mark, merged, "delete")  # the row that says 'merge' says it all
        self._db.executemany(
            "INSERT INTO change (entity, entity_id, op) VALUES ('message', ?, 'update')", [(i,) for i in changed]
        )
        return tuple(sorted(renewed, key=lambda each: each.message))
