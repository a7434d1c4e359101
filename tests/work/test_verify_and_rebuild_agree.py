"""Whatever strangers do while mail is filed and read again: `verify` and `rebuild --verify` both find nothing."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room, Shelved

from relay.store import relation
from tests.store.stranger import Stranger
from tests.store.test_relation_always_equals_its_definition import ADDRESSES, Chance


def drawn(chance: random.Random, number: int) -> list[bytes]:
    """Mail that hangs together with earlier mail: answers, copies, forwards of one or two."""
    from_, to = chance.sample([*ADDRESSES[:5], "bob@example.org", "bob@example.org"], 2)
    answered = f"<{chance.randrange(max(1, number))}@z.example>"
    fields = {"In-Reply-To": answered} if chance.random() < 0.5 else {}
    if chance.random() < 0.3:
        tag = chance.choice(("deal-1", "deal-2", "lead-1", "lead-3", "deal-ext-X2", "lead-ext-x1", "sales"))
        fields["Cc"] = CAPTURE.replace("@", f"+{tag}@")
    mail = message(
        from_=from_, to=to, subject=chance.choice(("Offer", "Re: Offer", "Lunch", "Re: [D-1] Offer")), fields=fields,
        message_id=f"<{number}@z.example>" if chance.random() < 0.9 else None, text=f"Text {number}.\n",
        attach={"a.pdf": b"x" * chance.randint(1, 3)} if chance.random() < 0.3 else None,
    )  # fmt: skip
    kind = chance.random()
    if chance.random() < 0.2:
        copied = inline(from_, to, number, note=chance.choice(("Please call.", "", "Ours?")))
        return chance.sample([copied, mail, copied], chance.randint(1, 3))
    if kind < 0.25:
        other = message(from_=to, to="bob@example.org", subject="Question", message_id=f"<f{number}@z.example>")
        enclosed = [mail, other] if chance.random() < 0.5 else [mail]
        forward = message(to=CAPTURE, subject="Fwd: Offer", text="Look.\n", forward=enclosed)
        return [forward, mail] if chance.random() < 0.5 else [forward]
    return [mail, b"Received: again\r\n" + mail] if kind < 0.45 else [mail]


def inline(from_: str, to: str, number: int, *, note: str) -> bytes:
    """The mail of this number as a colleague's client forwards it in the text."""
    block = f"{note}\n\n---------- Forwarded message ---------\nFrom: {from_}\nDate: Mon, 2 Mar 2026 at 10:15\n"
    block += f"Subject: Offer\nTo: {to}\n\n\nText {number}.\n"
    return message(to=CAPTURE, subject="Fwd: Offer", text=block, date="Mon, 02 Mar 2026 18:00:00 +0000")


@pytest.mark.parametrize("seed", range(12))
def test_after_any_mix_of_filing_reading_again_and_strangers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(relation, "GRACE", 0.0)  # rows of deleted leads are swept at once
    chance = Chance(seed)
    room = Room(tmp_path, keeps_unknown=seed % 2 == 0)
    room.shelf = Shelved(tmp_path / "vault")
    crm = Stranger(room.path)
    # whom a mail is by hangs on our people: with those changed, what differs is only told as outdated
    people = seed % 4 == 3
    try:
        for step in range(12):
            room.file(*(mail for n in range(2) for mail in drawn(chance.random, step * 2 + n)))
            ids = [i for (i,) in room.rows("SELECT id FROM message")]
            for _ in range(8):
                sql, values = chance.stranger(ids)
                if people or "staff_address" not in sql:
                    crm.ask(sql, *values)
            if chance.random.random() < 0.4:
                room.again(*chance.random.sample(ids, min(len(ids), 5)))
            if chance.random.random() < 0.4:
                room.settle()
    finally:
        crm.close()
    room.settle()
    room.verify(but="staff-address")
    found = room.rebuilt()
    assert [str(each) for each in found.differences] == []
    assert found.gone == 0
    (count,) = room.rows("SELECT count(*) FROM message")[0]
    assert found.same + found.outdated == count
    if not people:
        assert found.outdated == 0
