"""Comparison: messages of relay.db, and the same messages made anew in a database beside it.

Decides which messages belong together (a message, its copies, what came in the same mail objects, its
thread), what of the CRM's rows they need, and what must be equal. Reads only from relay.db. Reading the
vault and filing what it holds is `relay.work.rebuilding`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from relay import sqlite
from relay.attribution.kind import ATTACHMENTS_NOT_KEPT
from relay.mail.envelope import VaultId
from relay.store import pictures, tagging
from relay.store.verify import Difference

SENTENCE = "what the vault says now is what relay.db says"

_COLUMNS = (
    "internet_message_id, direction, direction_reason, automatic, subject, author_address, author_name, staff_id, "
    "originated_at, date_source, received_at, size, status"
)

_BODY = {
    # A part is compared as its message alone has it: what returns in other messages is `verify`'s to judge.
    # Contents that are not kept ([filing] attachments_up_to, which may have been another) are no difference; that none
    # is missing without that defect is `verify`'s to judge, too.
    "message": f"SELECT snippet, {pictures.OWN_COUNT}, (SELECT json_group_array(d.value) FROM json_each(defects) d "
    f"WHERE d.value <> '{ATTACHMENTS_NOT_KEPT}') FROM message WHERE id = ?",
    "message_text": "SELECT text, quoted, html, note FROM message_text WHERE message_id = ?",
    "envelope_note": "SELECT e.vault_id, e.position, n.note FROM envelope e "
    "JOIN envelope_note n ON n.envelope_id = e.id WHERE e.message_id = ? ORDER BY 1, 2",
    "part": "SELECT p.position, p.media_type, p.filename, p.content_id, p.size, p.digest, p.danger, "
    f"{pictures.OWN_KIND}, coalesce((SELECT length(b.content) FROM blob b WHERE b.digest = p.digest), p.size) "
    "FROM part p WHERE p.message_id = ? "
    "ORDER BY p.position, p.digest",
}
"""What is not kept of mail with no known lead where the configuration says so."""

_FACTS = {
    "message": f"SELECT {_COLUMNS} FROM message WHERE id = ?",
    "message_text": "SELECT subject FROM message_text WHERE message_id = ?",
    "message_address": "SELECT a.address, ma.role, ma.display_name, ma.position, ma.originated_at "
    "FROM message_address ma JOIN address a ON a.id = ma.address_id WHERE ma.message_id = ? ORDER BY ma.position, 1",
    "envelope": "SELECT vault_id, position, route, reverse_path, client, tls, admitted_by, staff_id, received_at, "
    "evidence FROM envelope WHERE message_id = ? ORDER BY vault_id, position",
    "envelope_recipient": "SELECT e.vault_id, e.position, r.forward_path FROM envelope e "
    "JOIN envelope_recipient r ON r.envelope_id = e.id WHERE e.message_id = ? ORDER BY 1, 2, 3",
    "envelope_original": "SELECT e.vault_id, e.position, o.written_date FROM envelope e "
    "JOIN envelope_original o ON o.envelope_id = e.id WHERE e.message_id = ? ORDER BY 1, 2",
    "envelope_proof": "SELECT e.vault_id, e.position, p.trust, p.also, p.host, p.account, p.spf, p.spf_domain, "
    "p.spf_aligned, p.dmarc, p.dmarc_domain, p.dmarc_policy, p.arc, p.arc_sealer, p.arc_said, p.upstream, "
    "p.upstream_said, p.dns_faults FROM envelope e JOIN envelope_proof p ON p.envelope_id = e.id "
    "WHERE e.message_id = ? ORDER BY 1, 2",
    "envelope_signature": "SELECT e.vault_id, e.position, s.position AS place, s.domain, s.selector, s.algorithm, "
    "s.bits, s.result, s.aligned, s.why, s.signed_at FROM envelope e JOIN envelope_signature s ON s.envelope_id = e.id "
    "WHERE e.message_id = ? ORDER BY 1, 2, 3",
    "envelope_owner": "SELECT e.vault_id, e.position, o.staff_id, o.seen FROM envelope e "
    "JOIN envelope_owner o ON o.envelope_id = e.id WHERE e.message_id = ? ORDER BY 1, 2, 3",
    "_identity": "SELECT fingerprint, nameless FROM _identity WHERE message_id = ?",
    "_forwarded": "SELECT author, base_subject FROM _forwarded WHERE message_id = ?",
    "_message_tag": "SELECT source, kind, value FROM _message_tag WHERE message_id = ? ORDER BY 1, 2, 3",
    "_answer": "SELECT internet_message_id FROM _answer WHERE message_id = ?",
    "_delivery_report": "SELECT address, about, ours, action, permanent, reason FROM _delivery_report "
    "WHERE message_id = ? ORDER BY 1",
    "_absence": "SELECT address, absent_until, has_left FROM _absence WHERE message_id = ?",
    "_vault_outcome": "SELECT o.epoch, o.number, o.outcome FROM envelope e JOIN _vault_outcome o "
    "ON o.epoch = substr(e.vault_id, 1, 8) AND o.number = CAST(substr(e.vault_id, 10) AS INTEGER) "
    "WHERE e.message_id = ? ORDER BY 1, 2",
}

_LEADS = (
    "SELECT lm.lead_id, lm.originated_at, lm.role, lm.deal_id, lm.reason FROM lead_message lm "
    "WHERE lm.message_id = ? AND lm.lead_id IN (SELECT id FROM lead) ORDER BY 1"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Messages that are compared together. `mails`: vault id -> its messages by position. `whole`: threads of which
    all messages are chosen; what a thread does to its messages is compared of these only.
    """

    messages: frozenset[int]
    mails: Mapping[VaultId, Mapping[int, int]]
    whole: frozenset[int]


def choose(live: sqlite.Connection, seeds: Iterable[int], bound: int) -> Chosen:
    """The seeds and all that they hang together with, `bound` messages of it at the most (and the copies of those)."""
    messages: set[int] = set()
    mails: dict[VaultId, dict[int, int]] = {}
    threads: set[int] = set()
    cut: set[int] = set()
    new = set(seeds)
    while new:
        messages |= new
        ids = json.dumps(sorted(new))
        rows = live.execute(
            "SELECT DISTINCT o.vault_id, o.position, o.message_id FROM json_each(?) w "
            "CROSS JOIN envelope e ON e.message_id = w.value CROSS JOIN envelope o ON o.vault_id = e.vault_id",
            (ids,),
        ).fetchall()
        found: set[int] = set()
        for vault_id, position, message in rows:
            if (read := VaultId.read(vault_id)) is not None:
                mails.setdefault(read, {})[position] = message
                found.add(message)
        for (thread,) in live.execute(
            "SELECT DISTINCT m.thread_id FROM json_each(?) w CROSS JOIN message m ON m.id = w.value", (ids,)
        ).fetchall():
            if thread is None or thread in threads:
                continue
            threads.add(thread)
            members = {
                i for (i,) in live.execute("SELECT id FROM message WHERE thread_id = ? LIMIT ?", (thread, bound + 1))
            }
            if len(messages | found | members) > bound:
                cut.add(thread)
            else:
                found |= members
        new = found - messages
    return Chosen(frozenset(messages), mails, frozenset(threads - cut))


_NAMED_DEALS = "id IN (SELECT deal_id FROM explicit_attribution WHERE message_id IN (SELECT value FROM json_each(?)))"


def copy_people(live: sqlite.Connection, scratch: sqlite.Connection) -> None:
    """Our people: few, and whom a mail is by hangs on them."""
    _copy(live, scratch, "staff", "id, name, role, manager_id, left_at", "SELECT {} FROM staff")
    _copy(live, scratch, "staff_address", "id, staff_id, address", "SELECT {} FROM staff_address")


def copy_leads(live: sqlite.Connection, scratch: sqlite.Connection, messages: Collection[int]) -> None:
    """The rows of the CRM that have to do with these messages: all leads that claim an address on them, with their
    deals, and all decisions.
    """
    forms = json.dumps([form for (form,) in scratch.execute("SELECT DISTINCT form FROM _address_form")])
    ids = json.dumps(sorted(messages))
    leads = json.dumps(
        sorted(
            {
                lead
                for query, argument in (
                    ("SELECT lead_id FROM lead_address WHERE address_key IN (SELECT value FROM json_each(?))", forms),
                    ("SELECT lead_id FROM explicit_attribution WHERE message_id IN (SELECT value FROM json_each(?))", ids),  # noqa: E501
                    (f"SELECT lead_id FROM deal WHERE {_NAMED_DEALS} AND lead_id IS NOT NULL", ids),
                )
                for (lead,) in live.execute(query, (argument,))
            }
        )
    )  # fmt: skip
    of_leads = "SELECT {} FROM %s WHERE %s IN (SELECT value FROM json_each(?))"
    # merged_into is left out: what it moves has been moved.
    _copy(live, scratch, "lead", "id, name, organization", of_leads % ("lead", "id"), leads)
    columns = "id, lead_id, title, kind, outcome, opened_at, closed_at"
    _copy(live, scratch, "deal", columns, of_leads % ("deal", "lead_id"), leads)
    scratch.execute("DELETE FROM _deal_end")
    ended = (
        "SELECT {} FROM _deal_end WHERE deal_id IN "
        "(SELECT id FROM deal WHERE lead_id IN (SELECT value FROM json_each(?)))"
    )
    _copy(live, scratch, "_deal_end", "deal_id, at", ended, leads)
    _copy(live, scratch, "lead_address", "id, lead_id, address", of_leads % ("lead_address", "address_key"), forms)
    columns = "id, message_id, lead_id, deal_id, verdict, reason, decided_by, decided_at"
    _copy(live, scratch, "explicit_attribution", columns, of_leads % ("explicit_attribution", "message_id"), ids)
    _copy(live, scratch, "dismissal", "message_id, dismissed_at", of_leads % ("dismissal", "message_id"), ids)
    tagging.hold(scratch)


def _copy(
    live: sqlite.Connection, scratch: sqlite.Connection, table: str, columns: str, query: str, *arguments: object
) -> None:
    marks = ", ".join("?" * len(columns.split(",")))
    scratch.executemany(
        f"INSERT INTO {table} ({columns}) VALUES ({marks})", live.execute(query.format(columns), arguments)
    )


@dataclass(slots=True)
class Compared:
    """What a comparison found. `same`: messages that came out as they are; `outdated`: other ones, which were filed
    by an older reader, or when our people or domains were others (`refile` reads them again); `gone`: messages
    whose mail the vault does not have any more.
    """

    differences: list[Difference] = field(default_factory=list)
    same: int = 0
    outdated: int = 0
    gone: int = 0

    def sentence(self) -> str:
        """What was found, for a person."""
        said = [f"{self.same:,} messages made anew from the vault came out the same"]
        if self.differences:
            said.append(f"{len(self.differences):,} differences")
        if self.outdated:
            said.append(
                f"{self.outdated:,} would be read otherwise today: our people, domains or the parser have changed "
                "since (`refile --dry-run` shows how)"
            )
        if self.gone:
            said.append(f"of {self.gone:,} the vault has no mail any more")
        return "; ".join(said)

    def add(self, other: Compared) -> None:
        self.differences += other.differences
        self.same += other.same
        self.outdated += other.outdated
        self.gone += other.gone


def compare(
    live: sqlite.Connection, scratch: sqlite.Connection, chosen: Chosen, gone: Collection[int], directory_at: str
) -> Compared:
    """Compare the messages of `chosen`, apart from those that are `gone` (or can only be told with such).

    `directory_at`: since when our people and domains are what they are, as a time of the contract.
    """
    found = Compared(gone=len(gone))
    apart: set[int] = set(gone)  # messages whose threads say nothing
    pending = {message for (message,) in live.execute("SELECT message_id FROM _read_again")}
    for message in sorted(chosen.messages - set(gone)):
        differs = list(_facts(live, scratch, message))
        if not differs:
            found.same += 1
            continue
        apart.add(message)
        if message in pending or _outdated(live, scratch, message, directory_at):
            found.outdated += 1
        else:
            found.differences += differs
    cut = {t for (t,) in live.execute("SELECT thread_id FROM _cut_thread")}
    whole_threads = {thread for thread in chosen.whole - cut if not apart & _members(live, thread)}
    found.differences += _threads(live, scratch, whole_threads)
    waiting = {t for (t,) in live.execute("SELECT subject_id FROM _deal_due WHERE kind = 'thread'")}
    told = whole_threads - waiting
    for message in sorted(chosen.messages - apart):
        (thread,) = live.execute("SELECT thread_id FROM message WHERE id = ?", (message,)).fetchone()
        whole = thread in told
        ours, theirs = (
            # what a thread gives, its leads and its deal, can be told of whole threads only
            [
                row if whole else (*row[:3], row[-1])
                for row in db.execute(_LEADS, (message,))
                if whole or row[-1] != "thread"
            ]
            for db in (live, scratch)
        )
        if ours != theirs:
            found.differences.append(_difference("lead_message", message, ours, theirs))
    return found


def _facts(live: sqlite.Connection, scratch: sqlite.Connection, message: int) -> Iterator[Difference]:
    bare = live.execute("SELECT 1 FROM _facts_only WHERE message_id = ?", (message,)).fetchone()
    for queries in (_FACTS,) if bare else (_FACTS, _BODY):
        for table, query in queries.items():
            ours, theirs = (db.execute(query, (message,)).fetchall() for db in (live, scratch))
            if ours != theirs:
                yield _difference(table, message, ours, theirs, query)


def _difference(table: str, message: int, ours: object, theirs: object, query: str = "") -> Difference:
    """Which table and message, and for a row of a table the columns; never what they contain."""
    row: dict[str, object] = {"table": table, "message_id": message}
    if isinstance(ours, list) and isinstance(theirs, list):
        row |= {"rows": len(ours), "rebuilt": len(theirs)}
        names = [
            name.strip().rpartition(".")[2] for name in query.partition("SELECT ")[2].partition(" FROM ")[0].split(",")
        ]
        if len(ours) == len(theirs) == 1 and len(names) == len(ours[0]):
            row["columns"] = ",".join(n for n, a, b in zip(names, ours[0], theirs[0], strict=True) if a != b)
        if table == "lead_message":
            row |= {"leads": str([r[0] for r in ours]), "rebuilt_leads": str([r[0] for r in theirs])}
    return Difference("rebuild", SENTENCE, row)


def _outdated(live: sqlite.Connection, scratch: sqlite.Connection, message: int, directory_at: str) -> bool:
    """Was the message filed by another reader, or when our people were others?"""
    parsers = [db.execute("SELECT parser FROM message WHERE id = ?", (message,)).fetchone() for db in (live, scratch)]
    if parsers[1] is not None and parsers[0] != parsers[1]:
        return True
    (first,) = live.execute(
        "SELECT min(o.at) FROM envelope e JOIN _vault_outcome o ON o.epoch = substr(e.vault_id, 1, 8) "
        "AND o.number = CAST(substr(e.vault_id, 10) AS INTEGER) WHERE e.message_id = ?",
        (message,),
    ).fetchone()
    return first is None or first <= directory_at


def _threads(live: sqlite.Connection, scratch: sqlite.Connection, threads: Collection[int]) -> Iterator[Difference]:
    """Who is in one conversation; the numbers of conversations are nobody's business."""
    for thread in sorted(threads):
        ours = _members(live, thread)
        if not ours:
            continue
        row = scratch.execute("SELECT thread_id FROM message WHERE id = ?", (min(ours),)).fetchone()
        theirs = _members(scratch, row[0]) if row else set()
        if ours != theirs:
            yield Difference(
                "rebuild",
                SENTENCE,
                {"table": "thread", "thread_id": thread, "messages": sorted(ours)[:20], "rebuilt": sorted(theirs)[:20]},
            )


def _members(db: sqlite.Connection, thread: int | None) -> set[int]:
    return {message for (message,) in db.execute("SELECT id FROM message WHERE thread_id = ?", (thread,))}
