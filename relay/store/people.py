"""What a person tells the database: colleagues, leads and deals (`decision` has where a message belongs).

Plain SQL of the kind any CRM may write; the triggers keep `lead_message`, so nothing here relates
anything. Every write is one BEGIN IMMEDIATE transaction that leaves a row in `audit`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from relay import sqlite
from relay.mail.address import Address

ACTOR = "command"


class RefusedError(Exception):
    """What was asked contradicts what is there. Its text is one line for a person; nothing was written."""


@contextlib.contextmanager
def writing(db: sqlite.Connection) -> Iterator[None]:
    """One transaction with the write lock from its start: COMMIT at the end, ROLLBACK when anything is raised."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def addresses(written: Iterable[str]) -> list[str]:
    """Addresses as typed, read and each once. Raises RefusedError naming the first that is none."""
    found: dict[str, str] = {}
    for text in written:
        address = Address.read(text)
        if address is None:
            raise RefusedError(f'"{text}" is not an address; write it like "anna@lead.example"')
        found.setdefault(address.key, str(address))
    return list(found.values())


def add_staff(db: sqlite.Connection, name: str, written: Sequence[str]) -> int:
    """A colleague with addresses; for a name already there, the addresses are added. Returns staff.id."""
    wanted = addresses(written)
    with writing(db):
        row = db.execute("SELECT id FROM staff WHERE name = ? AND left_at IS NULL", (name,)).fetchone()
        staff = row[0] if row else _insert(db, "INSERT INTO staff (name) VALUES (?)", (name,))
        for address in wanted:
            owner = db.execute(
                "SELECT s.id, s.name FROM staff_address a LEFT JOIN staff s ON s.id = a.staff_id"
                " WHERE a.address_key = lower(?)",
                (address,),
            ).fetchone()
            if owner and owner[0] != staff:
                raise RefusedError(f"{address} belongs to {owner[1]} (staff {owner[0]}) already")
            if not owner:
                db.execute("INSERT INTO staff_address (staff_id, address) VALUES (?, ?)", (staff, address))
        audit(db, "staff-add", "staff", staff, {"addresses": len(wanted)})
    return staff


def staff_leaves(db: sqlite.Connection, staff: int) -> bool:
    """A colleague leaves; the addresses stay ours. Returns False when she had left before."""
    with writing(db):
        changed = db.execute("UPDATE staff SET left_at = ? WHERE id = ? AND left_at IS NULL", (now(), staff)).rowcount
        if changed:
            audit(db, "staff-leave", "staff", staff, {})
    return bool(changed)


def add_lead(
    db: sqlite.Connection,
    name: str,
    written: Sequence[str],
    *,
    external_id: str | None = None,
    organization: str | None = None,
    by: int | None = None,
) -> tuple[int, int]:
    """A new lead with addresses. Returns (lead.id, messages that came on it at once)."""
    wanted = addresses(written)
    with writing(db):
        if external_id is not None:
            row = db.execute("SELECT id, name FROM lead WHERE external_id = ?", (external_id,)).fetchone()
            if row:
                raise RefusedError(
                    f"ext:{external_id} is lead {row[0]} ({row[1]}) already; `lead address add` adds addresses to it"
                )
        lead = _insert(
            db, "INSERT INTO lead (name, external_id, organization) VALUES (?, ?, ?)", (name, external_id, organization)
        )
        _add_addresses(db, lead, wanted)
        audit(db, "lead-add", "lead", lead, {"addresses": len(wanted)}, by)
        (attached,) = db.execute("SELECT count(*) FROM lead_message WHERE lead_id = ?", (lead,)).fetchone()
    return lead, attached


def add_lead_addresses(
    db: sqlite.Connection, lead: int, written: Sequence[str], *, by: int | None = None
) -> tuple[int, int]:
    """More addresses for a lead. Returns (addresses that are new to it, messages that came on it at once)."""
    wanted = addresses(written)
    count = "SELECT count(*) FROM lead_message WHERE lead_id = ?"
    with writing(db):
        (before,) = db.execute(count, (lead,)).fetchone()
        added = _add_addresses(db, lead, wanted)
        audit(db, "lead-address-add", "lead", lead, {"addresses": added}, by)
        (after,) = db.execute(count, (lead,)).fetchone()
    return added, after - before


def remove_lead_address(db: sqlite.Connection, lead: int, address: str, *, by: int | None = None) -> None:
    """An address that was added by mistake goes, and its mail with it, unless something else puts that there."""
    with writing(db):
        db.execute("DELETE FROM lead_address WHERE lead_id = ? AND address_key = lower(?)", (lead, address))
        audit(db, "lead-address-remove", "lead", lead, {"addresses": 1}, by)


def _add_addresses(db: sqlite.Connection, lead: int, wanted: Sequence[str]) -> int:
    added = 0
    for address in wanted:
        ours = db.execute(
            "SELECT s.name FROM staff_address a JOIN staff s ON s.id = a.staff_id WHERE a.address_key = lower(?)",
            (address,),
        ).fetchone()
        if ours:
            raise RefusedError(f"{address} is an address of our colleague {ours[0]}; it can never be a lead's")
        added += db.execute(
            "INSERT INTO lead_address (lead_id, address) SELECT ?1, ?2 WHERE NOT EXISTS"
            " (SELECT 1 FROM lead_address WHERE lead_id = ?1 AND address_key = lower(?2))",
            (lead, address),
        ).rowcount
    return added


def add_deal(
    db: sqlite.Connection, lead: int, title: str, *, external_id: str | None = None, kind: str = "deal"
) -> int:
    """A new deal of a lead. Returns deal.id."""
    with writing(db):
        if external_id is not None:
            row = db.execute("SELECT id, title FROM deal WHERE external_id = ?", (external_id,)).fetchone()
            if row:
                raise RefusedError(f"ext:{external_id} is deal {row[0]} ({row[1]}) already")
        deal = _insert(
            db,
            "INSERT INTO deal (lead_id, title, kind, external_id, opened_at) VALUES (?, ?, ?, ?, ?)",
            (lead, title, kind, external_id, now()),
        )
        audit(db, "deal-add", "deal", deal, {"lead_id": lead})
    return deal


def _insert(db: sqlite.Connection, statement: str, values: Sequence[object]) -> int:
    """Insert one row. Returns its id."""
    number = db.execute(statement, values).lastrowid
    assert number is not None  # noqa: S101  an INSERT of one row has one
    return int(number)


def audit(
    db: sqlite.Connection,
    action: str,
    kind: str,
    subject: int | None,
    detail: dict[str, object],
    by: int | None = None,
) -> None:
    """Note in `audit` what was done; `by` is staff.id of the colleague who decided it."""
    db.execute(
        "INSERT INTO audit (actor, action, subject_kind, subject_id, detail) VALUES (?, ?, ?, ?, ?)",
        (ACTOR if by is None else f"staff:{by}", action, kind, subject, json.dumps(detail, separators=(",", ":"))),
    )


def now() -> str:
    """The present moment, as a time of the contract."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
