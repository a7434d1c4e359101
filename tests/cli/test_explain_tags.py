"""`explain` tells of every tag what became of it, also where a person or a CRM decided otherwise since."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from relay.cli.explain_leads import tags
from relay.store.reasons import reasons
from tests.store.mailroom import Mailroom

OF_ANNA = "UPDATE explicit_attribution SET {} WHERE message_id = 1 AND lead_id = 1"
ON_THE_MAIL = "VALUES (1, 1, 'attach', 'person')"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Mailroom]:
    made = Mailroom(tmp_path / "relay.db")
    made.db.execute("INSERT INTO lead (id, name) VALUES (1, 'Anna'), (2, 'Bob')")
    made.db.execute("INSERT INTO lead_address (lead_id, address) VALUES (2, 'bob@y.example')")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("sender", "tag", "then", "said"),
    [
        ("new@z.example", "lead-1", "", "lead-1, in the capture address: applied, it names Anna (lead 1)."),
        ("new@z.example", "lead-9", "", "lead-9, in the capture address: it names nothing that is here"),
        ("new@z.example", "[D-9]", "", "deal-9, in the subject: it names nothing that is here"),
        ("new@z.example", "deal-x", "", "deal-x, in the capture address: it names nothing that is here"),
        ("bob@y.example", "lead-1", "", "lead-1, in the capture address: not applied, it names Anna (lead 1), which does not"),
        ("new@z.example", "lead-1", OF_ANNA.format("verdict = 'detach', reason = 'person'"), "not applied, for somebody took"),
        ("new@z.example", "lead-1", OF_ANNA.format("reason = 'person'"), "nothing to do, somebody put the mail there, it"),
        ("new@z.example", "lead-1", "DELETE FROM explicit_attribution", "applied once, and the decision was taken away since"),
        ("bob@y.example", "lead-1", f"INSERT INTO explicit_attribution (message_id, lead_id, verdict, reason) {ON_THE_MAIL}",
         "nothing to do, somebody put the mail there, it names Anna (lead 1)."),
    ],
)  # fmt: skip
def test_of_every_tag_it_is_told_what_became_of_it(room: Mailroom, sender: str, tag: str, then: str, said: str) -> None:
    message = room.message(sender, "rep@own.example", tags=[tag])
    room.settle()
    if then:
        room.db.execute(then)
        room.settle()
    [told] = tags(reasons(room.db, message))
    assert said in told
