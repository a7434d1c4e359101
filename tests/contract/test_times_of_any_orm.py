"""A deal's dates in the words of any ORM are understood, and what is not understood is found."""

from __future__ import annotations

import pytest

from relay.store.verify import verify
from tests.store.mailroom import Mailroom
from tests.store.stranger import Stranger

TEN = "2026-11-22T10:00:00.000Z"

UNDERSTOOD = {
    "2026-11-22 10:00:00.000000": TEN,  # Rails
    "2026-11-22 10:00:00": TEN,  # Laravel, Python
    "2026-11-22T10:00:00+00:00": TEN,  # isoformat
    "2026-11-22 10:00:00.123456+00:00": "2026-11-22T10:00:00.123Z",  # Django
    "2026-11-22 10:00:00.000 +00:00": TEN,  # Sequelize
    "2026-11-22T10:00:00.000Z": TEN,  # JSON, Prisma
    "2026-11-22T11:00:00+01:00": TEN,
    "2026-11-22 11:00:00 +0100": TEN,  # Ruby
    "2026-11-22 10:00:00 UTC": TEN,
    "2026-11-22T10:00": TEN,  # <input type="datetime-local">
    "2026-11-22": "2026-11-22T00:00:00.000Z",
    1795341600: TEN,
    1795341600.5: "2026-11-22T10:00:00.500Z",
    1795341600000: TEN,  # Date.now(), knex
    "Sun Nov 22 2026 11:00:00 GMT+0100 (Central European Standard Time)": TEN,  # String(new Date())
}


@pytest.mark.parametrize("written", UNDERSTOOD)
def test_it_is_understood(mailroom: Mailroom, crm: Stranger, written: object) -> None:
    crm("INSERT INTO deal (lead_id, opened_at, closed_at) VALUES (1, ?, ?)", written, written)
    crm("UPDATE deal SET title = 'Boat'")
    assert crm("SELECT opened_key, closed_key FROM deal") == [[UNDERSTOOD[written]] * 2]
    assert [d for d in verify(mailroom.db) if d.name == "deal-time"] == []


@pytest.mark.parametrize(
    "written", ["", "next week", "now", "2026", "20261122", "0000-00-00 00:00:00", "2026-13-45", "22.11.2026", 12]
)
def test_it_is_not_and_verify_says_so(mailroom: Mailroom, crm: Stranger, written: object) -> None:
    crm("INSERT INTO deal (lead_id, opened_at) VALUES (1, ?)", written)
    assert crm("SELECT opened_key FROM deal") == [[None]]
    assert crm("SELECT count(*) FROM ambiguous_deal") == [[0]]
    assert [d.name for d in verify(mailroom.db)] == ["deal-time"]


def test_the_times_of_leads_and_colleagues_are_looked_at_too(mailroom: Mailroom, crm: Stranger) -> None:
    for written in UNDERSTOOD:
        crm("INSERT INTO lead (created_at, updated_at) VALUES (?, ?)", written, written)
        crm("INSERT INTO staff (left_at) VALUES (?)", written)
    assert list(verify(mailroom.db)) == []
    crm("INSERT INTO staff (left_at) VALUES ('')")
    crm("UPDATE lead SET created_at = 'long ago' WHERE id = 1")
    assert [d.row["entity"] for d in verify(mailroom.db)] == ["lead.created_at", "staff.left_at"]
