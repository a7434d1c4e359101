"""Forwards as real clients make them are one message with their originals; other mails, however alike, are not.

Runs where the corpus lies beside the repository (or BCC_RELAY_CORPUS names it); it is never part of it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from mailbuilder import message
from rereading_room import CAPTURE, Room

from relay.attribution.compose import compose
from relay.attribution.directory import Directory
from relay.attribution.likeness import Letter, letter, same_mail
from relay.attribution.record import Record
from relay.attribution.wording import words
from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.mail.reading import parse

CORPUS = Path(os.environ.get("BCC_RELAY_CORPUS", Path(__file__).parents[3] / "shared" / "corpus")) / "forwards"
pytestmark = pytest.mark.skipif(not (CORPUS / "score.py").exists(), reason="no corpus beside the repository")

REP = "riley.rep@ourcompany.example"
OURS = Directory(frozenset({"ourcompany.example"}), frozenset({CAPTURE}), {REP: 1})


@cache
def cases() -> list[dict[str, Any]]:
    lines = (CORPUS / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@cache
def builder() -> Callable[..., tuple[bytes, dict[str, Any]]]:
    spec = importlib.util.spec_from_file_location("forward_score", CORPUS / "score.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build_message


def read(content: bytes) -> Record:
    envelope = Envelope(
        Address.read(REP),
        tuple(filter(None, [Address.read(CAPTURE)])),
        Client("127.0.0.1"),
        datetime(2026, 5, 5, 9, 30, tzinfo=UTC),
        "network",
    )
    return compose(VaultId("00000000", 1), MailObject(envelope, content), parse(content), OURS)[0]


def pairs(step: int) -> list[tuple[bytes, bytes]]:
    """(forward, original): the forward as the client made it, the original as its author wrote it.

    Each has an author of its own, for nearly all cases forward one mail.
    """
    made = []
    for number, case in enumerate(cases()[::step]):
        want = case["expected"]
        if not want["forwarded"] or not want["from_address"]:
            continue
        author = f"author{number}@acme.example"
        told = {
            field: case[field].replace(want["from_address"], author) if isinstance(case[field], str) else None
            for field in ("body_text", "body_html", "eml")
        }
        forward, _ = builder()({**case, **told}, "mix", CAPTURE)
        seen = read(forward)
        if seen.date_source == "received":
            continue  # no readable date
        original = message(
            from_=f"{want['from_name'] or ''} <{author}>",
            to=", ".join(want["to"] or ()),
            subject=want["subject"] or seen.subject,
            text=want["body"] + "\n",
            date=format_datetime(seen.originated_at.replace(second=17)),
            message_id=f"<{number}@acme.example>",
            fields={"Cc": ", ".join(want["cc"])} if want["cc"] else {},
        )
        made.append((forward, original))
    return made


@pytest.mark.parametrize("first", ["forwards", "originals"])
def test_the_forward_of_every_client_and_its_original_are_one_whichever_comes_first(tmp_path: Path, first: str) -> None:
    room = Room(tmp_path)
    room.sql("INSERT INTO staff (name) VALUES ('Riley')")
    room.sql("INSERT INTO staff_address (staff_id, address) VALUES (1, ?)", REP)
    found = pairs(2)
    forwards, originals = [forward for forward, _ in found], [original for _, original in found]
    assert len(found) >= 40
    for mails in (forwards, originals) if first == "forwards" else (originals, forwards):
        room.file(*mails, sender=REP)
    room.settle()
    apart = room.rows("SELECT author_address FROM message GROUP BY 1 HAVING count(*) > 1")
    assert len(apart) <= len(found) // 20, apart
    query = (
        "SELECT e.message_id, count(DISTINCT m.author_address) FROM envelope e JOIN message m ON m.id = e.message_id"
    )
    assert all(authors == 1 for _, authors in room.rows(f"{query} GROUP BY 1"))
    room.verify()


def test_texts_of_real_people_under_one_subject_in_one_minute_are_as_many_messages(tmp_path: Path) -> None:
    texts = dict.fromkeys(
        case["expected"]["body"] or case["body_text"] for case in cases()[1::2] if not case["eml"] and case["body_text"]
    )
    block = f"---------- Forwarded message ---------\nFrom: <anna@lead.example>\nDate: Mon, Mar 2, 2026 at 10:15 AM\nSubject: Offer\nTo: <{REP}>\n\n\n"
    found: list[tuple[Letter, Letter]] = []
    for number, text in enumerate(texts):
        rewrapped = "\n".join(textwrap.fill(line, 64) for line in text.splitlines())
        mails = (
            message(from_="<anna@lead.example>", to=REP, subject="Offer", text=text, message_id=f"<{number}@x.example>",
                    date="Mon, 02 Mar 2026 10:15:24 +0000"),
            message(from_=REP, to=CAPTURE, subject="Fwd: Offer", text=block + rewrapped),
        )  # fmt: skip
        one, other = (letter(read(mail), number, OURS.domains) for mail in mails)
        assert one is not None
        assert other is not None
        found.append((one, other))
    joined = [original for original, forward in found if same_mail(original, forward)]
    assert len(joined) > 0.95 * len(found) > 30
    for (one, its), (other, other_its) in combinations(found, 2):
        if same_mail(one, other_its) or same_mail(its, other):
            first, second = words(one.text or ""), words(other.text or "")
            shorter = min(len(first), len(second))
            begin = next((at for at in range(shorter) if first[at] != second[at]), shorter)
            assert begin > 0.6 * shorter, (one.text, other.text)  # the same text over another signature or notice
