"""Facts: what is done with the records of new mail, each exactly once.

Which mail objects have been filed is known from `_vault_outcome`, written in the same transaction as the
facts. Ids are given out, copies find the message that they are of, and where the configuration says so
nothing of the body is written of mail with no known lead. How rows are written is in `rows`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from relay import sqlite
from relay.attribution import identity
from relay.attribution.direction import AUTHOR_OURS, NO_OTHER_PARTY, ONLY_OURS
from relay.attribution.record import Record, Role
from relay.attribution.tombstone import FORGOTTEN
from relay.attribution.united import with_blind
from relay.attribution.unknown import facts_only, is_known
from relay.attribution.withheld import DROPPED
from relay.mail.envelope import VaultId
from relay.store import dropping, forwarded, imported, notes, relation, spoken, tagging, taken_back
from relay.store.contents import drop_contents
from relay.store.rows import Batch, Rows, large_parts
from relay.store.times import read_time


class Transaction(Rows):
    """What can be done while the write lock is held.

    `keeps_unknown`: is the text of mail with no known lead kept ([filing] unknown)?
    """

    def __init__(self, connection: sqlite.Connection, *, keeps_unknown: bool = True) -> None:
        super().__init__(connection)
        self._keeps_unknown = keeps_unknown

    def file(
        self,
        records: Sequence[Record],
        *,
        up_to: VaultId,
        at: Callable[[str], None] = lambda _: None,
        contents: taken_back.Contents | None = None,
    ) -> int:
        """Write the records of the stretch of the vault that ends with `up_to`. Returns how many were new to us.

        `contents`: the octets of the mail objects, by which one that was taken back and comes again is known.
        """
        new = taken_back.marked(self._db, self._not_filed_yet(records), contents)
        dropped = [record for record in new if record.outcome in (DROPPED, FORGOTTEN)]
        wanted = [record for record in new if record.outcome not in (DROPPED, FORGOTTEN)]
        taken_back.note(self._db, dropped, wanted)
        dropping.drop(self._db, [record for record in dropped if record.outcome == DROPPED])
        batch = self._identified(wanted)
        self.filed = [(record.vault_id, message) for record, message in zip(wanted, batch.ids, strict=True)]
        self.dropped = [record.vault_id for record in dropped if record.outcome == DROPPED]
        self.forgotten = [record.vault_id for record in dropped if record.outcome == FORGOTTEN]
        if wanted:
            self._written(batch)
            self._copied(batch)
            drop_contents(self._db, {part.digest for _, record in batch.copies() for part in large_parts(record)})
            united = self._unite(batch)
            self._envelopes(batch)
            if self._keeps_unknown:
                notes.write(self._db, wanted)
            imported.remember(self._db, wanted)
        self._outcomes((*dropped, *wanted))  # of a mail with several originals the last word is 'filed'
        self._db.execute("INSERT OR REPLACE INTO _relay (name, value) VALUES ('filed_up_to', ?)", (str(up_to),))
        at("filer.written")
        if wanted:
            self.read_again_later(i for i, r in batch.fresh() if (r.vault_id, r.position) in self.undecided)
            relation.relate(self._db, sorted({message for message, _ in batch.fresh()} | united))
            if not self._keeps_unknown:
                self._texts_of_known(batch)
                self._texts_of_united(united)
        at("filer.related")
        return len(new)

    def audit(self, action: str, detail: dict[str, object]) -> None:
        """What a person had done to the data, in the table that only grows."""
        self._db.execute(
            "INSERT INTO audit (actor, action, detail) VALUES ('command', ?, ?)", (action, json.dumps(detail))
        )

    def _written(self, batch: Batch) -> None:
        """The rows of all new messages: of their text only what is kept before we know whether they have a lead."""
        kept = batch
        if not self._keeps_unknown:
            kept = Batch([facts_only(record) for record in batch.records], batch.ids, batch.new)
        threads = self._threads(kept)
        self._messages(kept, threads)
        self._addresses(kept)
        self._parts(kept)
        spoken.write(self._db, kept.fresh())
        forwarded.write(self._db, kept.fresh())

    def _texts_of_known(self, batch: Batch) -> None:
        """The texts and parts of new messages that are on a lead. Of the others a mark says that they have none."""
        fresh = [(i, record) for i, record in batch.fresh() if record.outcome == "filed"]
        known = self.known([i for i, _ in fresh])
        # A large part would stretch our hold: such a mail is read once more, and its parts written ahead of it.
        small = [(i, r) for i, r in fresh if i in known and not large_parts(r)]
        filled = {i for i, _ in small}
        mark = self._mark()
        self._db.executemany(
            "UPDATE message SET snippet = ?, attachment_count = ?, defects = ? WHERE id = ?",
            [(r.snippet, r.attachment_count, json.dumps(r.defects), i) for i, r in small],
        )
        self._db.executemany(
            "UPDATE message_text SET text = ?, quoted = ?, html = ?, note = ? WHERE message_id = ?",
            [(r.text, r.quoted, r.html, r.note, i) for i, r in small],
        )
        self._parts(Batch([r for _, r in small], [i for i, _ in small], [True] * len(small)))
        tagging.mark(self._db, filled)
        self._untell(mark, filled)  # they are new: one row in the feed is enough
        bare = [i for i, _ in fresh if i not in filled]
        self._db.executemany("INSERT INTO _facts_only (message_id) VALUES (?)", [(i,) for i in bare])
        notes.write(self._db, (r for _, r in small))
        self.read_again_later(i for i in bare if i in known)

    def known(self, messages: Iterable[int]) -> set[int]:
        """Those of the messages whose text is kept in any case, since they are on a lead."""
        ids = json.dumps(list(messages))
        rows = self._db.execute(
            "SELECT m.id, m.direction, lm.reason FROM json_each(?1) w CROSS JOIN message m ON m.id = w.value "
            "CROSS JOIN lead_message lm ON lm.message_id = m.id WHERE lm.lead_id IN (SELECT id FROM lead) "
            "UNION ALL SELECT m.id, m.direction, e.reason FROM json_each(?1) w CROSS JOIN message m ON m.id = w.value "
            "CROSS JOIN explicit_attribution e ON e.message_id = m.id "
            "WHERE e.verdict = 'attach' AND e.lead_id IN (SELECT id FROM lead)",
            (ids,),
        )
        reasons: dict[tuple[int, str], set[str]] = {}
        for message, direction, reason in rows:
            reasons.setdefault((message, direction), set()).add(reason)
        return {message for (message, direction), found in reasons.items() if is_known(direction, frozenset(found))}

    def _copied(self, batch: Batch) -> None:
        """Copies of messages that are there: a better source, or one with a note, is reason to read all of them again.

        (Before the envelopes of the batch are written.)
        """
        copies = list(batch.copies())
        if not copies:
            return
        forwarded.take_over(self._db, batch)
        ranks: dict[int, set[int]] = {i: set() for i, _ in copies}
        rows = self._db.execute(
            "SELECT e.message_id, e.route, e.evidence "
            "FROM json_each(?) w CROSS JOIN envelope e ON e.message_id = w.value",
            (json.dumps(sorted(ranks)),),
        )
        for message, route, evidence in rows:
            ranks[message].add(identity.source_rank(route, evidence))
        for i, record in batch.fresh():  # a message and its copy in one batch
            if i in ranks:
                ranks[i].add(identity.source_rank(record.route, record.evidence))
        self.read_again_later(
            i for i, r in copies if r.note or identity.source_rank(r.route, r.evidence) < min(ranks[i], default=0)
        )

    def _unite(self, batch: Batch) -> set[int]:
        """Who received a message unseen, by the word of a copy alone, is on it too. Returns messages that changed."""
        copies = [(i, r) for i, r in batch.copies() if any(party.role is Role.BCC for party in r.parties)]
        changed: set[int] = set()
        for i, record in copies:
            known = self._parties(i)
            parties = with_blind(known, record.parties)
            if len(parties) == len(known):
                continue
            (at,) = self._db.execute("SELECT originated_at FROM message WHERE id = ?", (i,)).fetchone()
            self._addresses(Batch([replace(record, parties=parties, originated_at=read_time(at))], [i], [True]))
            if record.verdict == AUTHOR_OURS:
                self._db.execute(
                    "UPDATE message SET direction = ?1, direction_reason = ?2 "
                    "WHERE id = ?3 AND direction_reason IN (?4, ?5)",
                    (AUTHOR_OURS.direction.value, AUTHOR_OURS.reason, i, ONLY_OURS.reason, NO_OTHER_PARTY.reason),
                )
            changed.add(i)
        known_before = changed - {i for i, _ in batch.fresh()}
        self._db.executemany(
            "INSERT INTO change (entity, entity_id, op) VALUES ('message', ?, 'update')",
            [(i,) for i in sorted(known_before)],
        )
        return changed

    def _texts_of_united(self, messages: set[int]) -> None:
        """Mail of which only facts were kept, and that is on a lead now, is read again."""
        query = "SELECT f.message_id FROM json_each(?) w CROSS JOIN _facts_only f ON f.message_id = w.value"
        bare = [message for (message,) in self._db.execute(query, (json.dumps(sorted(messages)),))]
        self.read_again_later(self.known(bare))

    def read_again_later(self, messages: Iterable[int], *, wanted: bool = True) -> None:
        """The filer is to read these again from the vault (relay/work/rereading.py), or no longer is."""
        statement = "INSERT OR IGNORE INTO _read_again (message_id) VALUES (?)"
        if not wanted:
            statement = "DELETE FROM _read_again WHERE message_id = ?"
        self._db.executemany(statement, [(i,) for i in messages])

    def _not_filed_yet(self, records: Sequence[Record]) -> list[Record]:
        ids = sorted({(record.vault_id.epoch, record.vault_id.number) for record in records})
        rows = self._db.execute(
            "SELECT o.epoch, o.number FROM json_each(?) w CROSS JOIN _vault_outcome o "
            "ON o.epoch = w.value ->> 0 AND o.number = w.value ->> 1",
            (json.dumps(ids),),
        )
        filed = {VaultId(epoch, number) for epoch, number in rows}
        return [record for record in records if record.vault_id not in filed]

    def _identified(self, records: list[Record]) -> Batch:
        """Give each record its message: a known one when it is a copy, else a new id."""
        known = self._stored({key for record in records if (key := identity.asked(record))})
        alike = forwarded.Alike(self._db, records)
        batch = Batch(records, [], [])
        next_id = self._next_id("message")
        for record in records:
            key = identity.asked(record)
            found = identity.same(record, known.get(key, ())) if key else None
            told = found is not None
            if not told:
                found = alike.find(record)
            batch.new.append(found is None)
            if found is None:
                found, next_id = next_id, next_id + 1
            if key and not told:  # also of a message that a forward told of: its next copy has this key
                known.setdefault(key, []).append(identity.known_as(record, found))
            alike.add(record, found)
            batch.ids.append(found)
        self.undecided = alike.undecided
        self._identities((i, r) for i, r in batch.fresh() if identity.asked(r))
        return batch

    def _outcomes(self, records: Iterable[Record]) -> None:
        outcomes = {record.vault_id: record.outcome for record in records}
        self._db.executemany(
            "INSERT INTO _vault_outcome (epoch, number, outcome) VALUES (?, ?, ?)",
            [(vault_id.epoch, vault_id.number, outcome) for vault_id, outcome in outcomes.items()],
        )
