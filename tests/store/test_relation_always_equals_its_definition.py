"""Whatever a stranger writes, in whatever order and with whatever settings, lead_message is what the contract defines."""

from __future__ import annotations

import random

import pytest

from relay.store import relation
from relay.store.verify import verify
from tests.store.definition import at_once, kept, strong, whole, wrongly_waiting
from tests.store.mailroom import Mailroom, day
from tests.store.stranger import Stranger

ADDRESSES = (
    "anna@x.example",
    "anna+a@x.example",
    "anna+b@x.example",
    "bob@y.example",
    "carl@xn--mnchen-3ya.example",
    "me@own.example",
)
TYPED = (
    "anna@x.example", " Anna@X.example\n", "anna+a@x.example", "ANNA+B@x.example", "bob@y.example", "bob@y.example\t",
    "carl@münchen.example", "carl@xn--mnchen-3ya.example", "me@own.example", "nobody@z.example",
)  # fmt: skip
TAGS = ("lead-1", "lead-2", "lead-ext-X1", "deal-1", "deal-2", "deal-ext-x3", "sales", "[D-1]", "[D-ext-x2]")
INSERT = ("INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE", "INSERT OR FAIL")
UPDATE = ("UPDATE", "UPDATE OR REPLACE", "UPDATE OR IGNORE")


class Chance:
    """Random operations over few leads, addresses and messages, so that they collide."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def stranger(self, messages: list[int]) -> tuple[str, list[object]]:
        pick = self.random.choice
        small, lead, message = self.random.randint(1, 6), self.random.randint(1, 5), pick(messages or [1])
        external = pick((None, "x1", "x2", "x3"))
        insert, update = pick(INSERT), pick(UPDATE)
        return pick(
            (
                (f"{insert} INTO lead (id, external_id, name) VALUES (?, ?, 'n')", [lead, external]),
                (f"{insert} INTO lead (external_id, name) VALUES (?, 'n')", [external]),
                ("INSERT INTO lead (external_id) VALUES (?) ON CONFLICT (external_id) DO UPDATE SET name = 'm'", [external]),
                (f"{update} lead SET external_id = ? WHERE id = ?", [external, lead]),
                ("UPDATE lead SET merged_into = ? WHERE id = ?", [pick((None, 1, 2, 3)), lead]),
                ("DELETE FROM lead WHERE id = ?", [lead]),
                (f"{insert} INTO lead_address (lead_id, address) VALUES (?, ?)", [lead, pick(TYPED)]),
                (f"{insert} INTO lead_address (lead_id, address) VALUES (?, ?), (?, ?)", [lead, pick(TYPED), small, pick(TYPED)]),
                (f"{insert} INTO lead_address (id, lead_id, address) VALUES (?, ?, ?)", [small, lead, pick(TYPED)]),
                ("INSERT INTO lead_address (lead_id, address) VALUES (?, ?) ON CONFLICT (lead_id, address_key) DO UPDATE SET address = excluded.address", [lead, pick(TYPED)]),
                (f"{update} lead_address SET lead_id = ? WHERE lead_id = ?", [lead, small]),
                (f"{update} lead_address SET address = ? WHERE id = ?", [pick(TYPED), small]),
                (f"{update} lead_address SET id = ? WHERE id = ?", [lead, small]),
                ("DELETE FROM lead_address WHERE id = ?", [small]),
                (f"{insert} INTO staff_address (id, staff_id, address) VALUES (?, 1, ?)", [pick((None, 1, 2)), pick(TYPED)]),
                (f"{update} staff_address SET address = ? WHERE id = ?", [pick(TYPED), pick((1, 2))]),
                (f"{update} staff_address SET id = ? WHERE id = ?", [pick((1, 2, 3)), pick((1, 2))]),
                ("DELETE FROM staff_address", []),
                (
                    f"{insert} INTO explicit_attribution (id, message_id, lead_id, verdict, deal_id) VALUES (?, ?, ?, ?, ?)",
                    [pick((None, 1, 2, 3)), message, lead, pick(("attach", "attach", "detach")), pick((None, 1, 2, 3, 7))],
                ),
                (f"{update} explicit_attribution SET message_id = ?, verdict = ? WHERE id = ?", [message, pick(("attach", "detach")), small]),
                (f"{update} explicit_attribution SET id = ?, lead_id = ? WHERE id = ?", [pick((1, 2, 3)), lead, small]),
                ("DELETE FROM explicit_attribution WHERE id = ?", [small]),
                (f"{insert} INTO dismissal (message_id) VALUES (?)", [message]),
                ("DELETE FROM dismissal WHERE message_id = ?", [message]),
                (f"{insert} INTO deal (external_id, lead_id) VALUES (?, ?)", [external, lead]),
                (
                    f"{insert} INTO deal (id, external_id, lead_id, outcome, opened_at, closed_at) VALUES (?, ?, ?, ?, ?, ?)",
                    [pick((None, 1, 2, 3)), external, lead, pick((None, None, "won")), pick((None, day(20), day(60))), pick((None, None, day(90)))],
                ),
                (f"{update} deal SET outcome = ? WHERE id = ?", [pick((None, "won", "lost")), small]),
                (f"{update} deal SET closed_at = ?, opened_at = ? WHERE id = ?", [pick((None, day(50), "2026-04-01")), pick((None, day(9))), small]),
                (f"{update} deal SET lead_id = ?, external_id = ? WHERE id = ?", [lead, external, small]),
                (f"{update} deal SET id = ? WHERE id = ?", [pick((1, 2, 3)), small]),
                (f"{update} lead SET organization = ? WHERE id = ?", [pick((None, "Acme", "ACME ")), lead]),
                ("DELETE FROM deal WHERE id = ?", [small]),
                ("PRAGMA recursive_triggers = 1", []),
                ("PRAGMA recursive_triggers = 0", []),
                ("PRAGMA foreign_keys = 1", []),
            )
        )  # fmt: skip

    def relay(self, room: Mailroom, threads: list[int], messages: list[int]) -> None:
        """Something that the relay itself does."""
        pick = self.random.choice
        what = self.random.randint(0, 9)
        if what < 6 or not messages:
            parties = self.random.sample(ADDRESSES, self.random.randint(1, 3))
            direction = pick(("incoming", "outgoing", "internal", "unknown"))
            tags = [pick(TAGS) for _ in range(pick((0, 0, 1, 2)))]
            messages.append(room.message(parties[0], parties[1:], direction=direction, thread=pick(threads), tags=tags))
        elif what == 6:
            room.db.execute("UPDATE message SET thread_id = ? WHERE id = ?", (pick(threads), pick(messages)))
        elif what == 7:
            room.db.execute(
                "UPDATE message SET originated_at = ? WHERE id = ?", (day(pick(range(200))), pick(messages))
            )
        elif what == 8:
            room.db.execute(
                "UPDATE message SET direction = ? WHERE id = ?", (pick(("incoming", "internal")), pick(messages))
            )
        else:
            gone = messages.pop(self.random.randrange(len(messages)))
            room.db.execute("DELETE FROM message WHERE id = ?", (gone,))


@pytest.mark.usefixtures("no_grace")
@pytest.mark.parametrize("seed", range(24))
def test_after_any_sequence_of_operations(mailroom: Mailroom, crm: Stranger, seed: int) -> None:
    chance = Chance(seed)
    threads = [mailroom.thread() for _ in range(4)]
    messages: list[int] = []
    done: list[object] = []
    for _ in range(120):
        if chance.random.random() < 0.25:
            chance.relay(mailroom, threads, messages)
            done.append(("relay", len(messages)))
        else:
            sql, values = chance.stranger(messages)
            failed = crm.ask(sql, *values)
            done.append((sql, values, failed))
        # Addresses and decisions hold at once, with nobody's help; threads and deals are the relay's.
        assert at_once(mailroom.db) == strong(mailroom.db), done[-12:]
        if chance.random.random() < 0.1:
            mailroom.settle()
            assert kept(mailroom.db) == whole(mailroom.db), done[-12:]
    mailroom.settle()
    assert kept(mailroom.db) == whole(mailroom.db)
    assert wrongly_waiting(mailroom.db) == []
    assert [str(difference) for difference in verify(mailroom.db) if difference.name != "staff-address"] == []


@pytest.mark.usefixtures("no_grace")
@pytest.mark.parametrize("seed", range(100, 104))
def test_inside_transactions_that_are_taken_back(mailroom: Mailroom, crm: Stranger, seed: int) -> None:
    chance = Chance(seed)
    threads = [mailroom.thread() for _ in range(3)]
    messages: list[int] = []
    for _ in range(15):
        for _ in range(3):
            chance.relay(mailroom, threads, messages)
        crm("BEGIN IMMEDIATE")
        for _ in range(10):
            crm.ask(*_flat(chance.stranger(messages)))
        crm(chance.random.choice(("COMMIT", "ROLLBACK")))
        assert at_once(mailroom.db) == strong(mailroom.db)
    mailroom.settle()
    assert kept(mailroom.db) == whole(mailroom.db)
    assert wrongly_waiting(mailroom.db) == []
    assert [str(difference) for difference in verify(mailroom.db) if difference.name != "staff-address"] == []


def _flat(operation: tuple[str, list[object]]) -> tuple[object, ...]:
    return (operation[0], *operation[1])


def test_a_lead_with_many_addresses_is_swept_a_stretch_at_a_time(mailroom, crm, no_grace) -> None:
    for n in range(relation.SWEPT + 20):
        crm("INSERT INTO lead_address (lead_id, address) VALUES (7, ?)", f"a{n}@lead.example")
    mailroom.message("a3@lead.example", "rep@own.example")
    crm("INSERT INTO lead (id) VALUES (7)")
    crm("DELETE FROM lead WHERE id = 7")
    mailroom.settle()
    assert crm("SELECT (SELECT count(*) FROM lead_address), (SELECT count(*) FROM lead_message)") == [[0, 0]]
    assert crm("SELECT count(*) FROM _unsettled") == [[0]]


def test_a_long_thread_is_settled_a_stretch_at_a_time(mailroom, crm, monkeypatch) -> None:
    monkeypatch.setattr(relation, "STRIDE", 5)
    thread = mailroom.thread()
    for n in range(17):
        mailroom.message(f"a{n}@lead.example", "rep@own.example", thread=thread, relate=False)
    crm("INSERT INTO lead (id) VALUES (1)")
    for wanted in (17, 0):
        if wanted:
            crm("INSERT INTO lead_address (lead_id, address) VALUES (1, 'a0@lead.example')")
        else:
            crm("DELETE FROM lead_address")
        mailroom.settle()
        assert crm("SELECT count(*) FROM lead_message") == [[wanted]]
        assert crm("SELECT count(*) FROM _unsettled") == [[0]]
