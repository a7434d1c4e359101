"""A list of leads becomes leads: all of it or nothing, and a second time nothing new.

Which lead an entry means: the one with its external_id; else the one that has one of its addresses and no
other external_id. What the list says of a lead that it names by external_id is true (the CRM knows
best); to a lead found by an address it only adds what that lacks. Never takes anything away.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from relay import sqlite
from relay.store.finding import NotFoundError, find_staff, merged
from relay.store.lead_file import Entry, Mistake
from relay.store.people import ACTOR


class ImportRefusedError(Exception):
    """Nothing was written; `mistakes` says why, in the order of the list."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = sorted(mistakes, key=lambda each: each.line)


@dataclass(slots=True)
class Imported:
    """What came of it: leads `added`, `changed` and `same`, and the `messages` that came on leads at once."""

    added: int = 0
    changed: int = 0
    same: int = 0
    messages: int = 0
    mistakes: list[Mistake] = field(default_factory=list)


def import_leads(
    db: sqlite.Connection,
    entries: Sequence[Entry],
    *,
    dry_run: bool = False,
    done: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Write the list in one transaction. Raises ImportRefusedError with all mistakes, and then has written nothing.

    `dry_run` does it all and takes it back. `done` is told the number of entries as they are worked through.
    """
    found = Imported()
    owners: dict[str, int | None] = {}
    count = "SELECT count(*) FROM lead_message"
    db.execute("BEGIN IMMEDIATE")
    try:
        (before,) = db.execute(count).fetchone()
        for entry in entries:
            try:
                _import(db, entry, found, owners)
            except _Refused as refused:
                found.mistakes.append(Mistake(entry.line, str(refused)))
            done(1)
        (after,) = db.execute(count).fetchone()
        found.messages = max(0, after - before)
        detail = json.dumps({"added": found.added, "changed": found.changed})
        db.execute(
            "INSERT INTO audit (actor, action, subject_kind, detail) VALUES (?, 'lead-import', 'lead', ?)",
            (ACTOR, detail),
        )
        db.execute("ROLLBACK" if found.mistakes or dry_run else "COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    if found.mistakes:
        raise ImportRefusedError(found.mistakes)
    return found


class _Refused(Exception):  # noqa: N818  becomes a Mistake with its line
    pass


def _import(db: sqlite.Connection, entry: Entry, found: Imported, owners: dict[str, int | None]) -> None:
    for address in entry.addresses:
        ours = db.execute("SELECT staff_id FROM staff_address WHERE address_key = lower(?)", (address,)).fetchone()
        if ours:
            raise _Refused(f"{address} is an address of ours (staff {ours[0]}); it can never be a lead's")
    wanted: dict[str, Any] = {
        "name": entry.name, "organization": entry.organization, "external_id": entry.external_id,
        "status": entry.status, "owner_staff_id": _owner(db, entry.owner, owners) if entry.owner else "",
        "extra": json.dumps(dict(entry.extra), ensure_ascii=False, default=str) if entry.extra else "",
    }  # fmt: skip
    wanted = {column: value for column, value in wanted.items() if value != ""}
    lead, by_external_id = _lead_of(db, entry)
    if lead is None:
        wanted.setdefault("name", entry.addresses[0] if entry.addresses else "")
        holes = ", ".join("?" * len(wanted))
        lead = db.execute(f"INSERT INTO lead ({', '.join(wanted)}) VALUES ({holes})", list(wanted.values())).lastrowid
        _add_addresses(db, int(lead or 0), entry)
        found.added += 1
        return
    columns = ", ".join(wanted) or "id"
    now = dict(zip(wanted, db.execute(f"SELECT {columns} FROM lead WHERE id = ?", (lead,)).fetchone(), strict=False))
    wanted = {c: v for c, v in wanted.items() if (now[c] != v if by_external_id else now[c] in (None, ""))}
    wanted.pop("external_id", None) if by_external_id else None
    if wanted:
        changes = ", ".join(f"{column} = ?" for column in wanted)
        db.execute(f"UPDATE lead SET {changes} WHERE id = ?", [*wanted.values(), lead])
    added = _add_addresses(db, lead, entry)
    if wanted or added:
        found.changed += 1
    else:
        found.same += 1


def _lead_of(db: sqlite.Connection, entry: Entry) -> tuple[int | None, bool]:
    """(lead.id that the entry means, was it found by its external_id?)."""
    if entry.external_id:
        row = db.execute("SELECT id FROM lead WHERE external_id = ?", (entry.external_id,)).fetchone()
        if row:
            return merged(db, row[0]), True
    rows = db.execute(
        "SELECT DISTINCT l.id, l.external_id FROM json_each(?) w JOIN lead_address a ON a.address_key = lower(w.value)"
        " JOIN lead l ON l.id = a.lead_id ORDER BY l.id",
        (json.dumps(entry.addresses),),
    ).fetchall()
    # A person of another key may share an address with this one (office@...): that is another lead.
    fits = [number for number, key in rows if not (entry.external_id and key)]
    if len(fits) > 1:
        raise _Refused(f"its addresses are on several leads: {', '.join(map(str, fits[:5]))}; give it an external_id")
    return (fits[0], False) if fits else (None, False)


def _add_addresses(db: sqlite.Connection, lead: int, entry: Entry) -> int:
    return sum(
        db.execute(
            "INSERT INTO lead_address (lead_id, address) SELECT ?1, ?2 WHERE NOT EXISTS"
            " (SELECT 1 FROM lead_address WHERE lead_id = ?1 AND address_key = lower(?2))",
            (lead, address),
        ).rowcount
        for address in entry.addresses
    )


def _owner(db: sqlite.Connection, owner: str, owners: dict[str, int | None]) -> int:
    """staff.id of who looks after the lead; each name is looked up once."""
    if owner not in owners:
        try:
            owners[owner] = find_staff(db, owner)
        except NotFoundError:
            owners[owner] = None
    number = owners[owner]
    if number is None:
        raise _Refused(f'owner "{owner[:60]}" is none of our people, or several; `bcc-relay staff list` shows them')
    return number
