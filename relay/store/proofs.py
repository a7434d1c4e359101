"""Proofs: what is known of where each copy came from, beside its envelope.

Written from the envelope in the vault and never changed: what DNS said that day cannot be asked again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from relay import sqlite
from relay.attribution.admission import PERSONAL_VISIBLE
from relay.mail.origin import Origin
from relay.store.times import text_time

if TYPE_CHECKING:  # reading asks us in processes that read no mail
    from relay.attribution.record import Record

Row = dict[str, Any]


def write(db: sqlite.Connection, numbered: Iterable[tuple[int, Record]]) -> None:
    """The proofs of these envelopes (id, record), where there are any: none of mail that is fully trusted."""
    looked_at = [(i, r.envelope) for i, r in numbered if r.envelope.origin is not None or r.envelope.owners]
    if not looked_at:
        return
    proofs = [(i, e.origin, e.client.account) for i, e in looked_at if e.origin is not None]
    db.executemany(
        "INSERT INTO envelope_proof (envelope_id, trust, also, host, account, spf, spf_domain, spf_aligned, dmarc, "
        "dmarc_domain, dmarc_policy, arc, arc_sealer, arc_said, upstream, upstream_said, dns_faults) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_row(i, origin, account) for i, origin, account in proofs],
    )
    db.executemany(
        "INSERT INTO envelope_signature (envelope_id, position, domain, selector, algorithm, bits, result, aligned, "
        "why, signed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                i, at, one.domain, one.selector, one.algorithm, one.bits, one.result.value, one.aligned, one.why,
                None if one.signed_at is None else text_time(one.signed_at),
            )
            for i, origin, _ in proofs
            for at, one in enumerate(origin.proof.signatures)
        ],
    )  # fmt: skip
    db.executemany(
        "INSERT OR IGNORE INTO envelope_owner (envelope_id, staff_id, seen) VALUES (?, ?, ?)",
        [
            (i, staff, e.origin is not None and PERSONAL_VISIBLE in e.origin.defects)
            for i, e in looked_at
            for staff in e.owners
        ],
    )


def _row(envelope: int, origin: Origin, account: str) -> tuple[object, ...]:
    proof = origin.proof
    return (
        envelope, origin.trust.value, json.dumps(origin.also), proof.host, account,
        proof.spf.result.value, proof.spf.domain, proof.spf.aligned,
        proof.dmarc.result.value, proof.dmarc.domain, proof.dmarc.policy,
        proof.arc.result.value, proof.arc.sealer, json.dumps(proof.arc.passed),
        proof.said.authserv_id, json.dumps(proof.said.passed), json.dumps(proof.faults),
    )  # fmt: skip


_LISTS = ("also", "arc_said", "upstream_said", "dns_faults")


def of_envelope(db: sqlite.Connection, envelope: int) -> Row | None:
    """The row of envelope_proof, its lists read, with `signatures`; None for a copy of somebody with full trust."""
    cursor = db.execute("SELECT * FROM envelope_proof WHERE envelope_id = ?", (envelope,))
    row = cursor.fetchone()
    if row is None:
        return None
    found: Row = dict(zip([column[0] for column in cursor.description], row, strict=True))
    del found["envelope_id"]
    for name in _LISTS:
        found[name] = json.loads(found[name])
    found["spf_aligned"] = bool(found["spf_aligned"])
    cursor = db.execute(
        "SELECT domain, selector, algorithm, bits, result, aligned, why, signed_at FROM envelope_signature "
        "WHERE envelope_id = ? ORDER BY position",
        (envelope,),
    )
    names = [column[0] for column in cursor.description]
    found["signatures"] = [dict(zip(names, each, strict=True)) for each in cursor]
    for each in found["signatures"]:
        each["aligned"] = bool(each["aligned"])
    return found


def owners(db: sqlite.Connection, envelope: int) -> list[Row]:
    """Whose personal addresses the copy was sent to: `id`, `name`."""
    query = (
        "SELECT o.staff_id, coalesce(s.name, '') FROM envelope_owner o LEFT JOIN staff s ON s.id = o.staff_id "
        "WHERE o.envelope_id = ? ORDER BY 1"
    )
    return [{"id": staff, "name": name} for staff, name in db.execute(query, (envelope,))]


def in_sight(db: sqlite.Connection, *, staff: int | None, since: str, limit: int) -> list[Row]:
    """Mail that came since then in which outsiders read a capture address, newest first, of one colleague or all.

    `envelope_id`, `message_id`, `received_at`, `subject`, `author_address`, `staff_id` (whose mail it was) and
    `personal` (1: it was that colleague's own address, which is a secret).
    """
    cursor = db.execute(
        "SELECT e.id AS envelope_id, e.message_id, e.received_at, m.subject, m.author_address, "
        "coalesce(o.staff_id, m.staff_id) AS staff_id, o.staff_id IS NOT NULL AS personal "
        "FROM envelope e INDEXED BY envelope_by_date JOIN message m ON m.id = e.message_id "
        "LEFT JOIN envelope_owner o ON o.envelope_id = e.id AND o.seen = 1 "
        "WHERE e.received_at >= ?2 AND m.visibility = 'all' AND (e.admitted_by = 'known-thread' OR o.seen = 1) "
        "AND (?1 IS NULL OR coalesce(o.staff_id, m.staff_id) = ?1) "
        "ORDER BY e.received_at DESC, e.id DESC LIMIT ?3",
        (staff, since, limit),
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
