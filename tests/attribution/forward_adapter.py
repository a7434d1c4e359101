"""Runs whole messages through parse and compose, for the scorer of forwarded mail.

    PYTHONPATH=. python .../forwards/score.py --whole tests.attribution.forward_adapter:whole

Not a test: the scorer calls `whole` with the octets of each case.
"""

from __future__ import annotations

from datetime import UTC, datetime

from relay.attribution.compose import compose
from relay.attribution.directory import Directory
from relay.attribution.original import handed_in
from relay.attribution.record import Role, Route
from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.mail.reading import parse

DIRECTORY = Directory(
    domains=frozenset({"ourcompany.example"}),
    capture=frozenset({"capture@relay.example"}),
    staff={"riley.rep@ourcompany.example": 1},
)


def whole(content: bytes) -> dict:
    envelope = Envelope(
        reverse_path=Address("riley.rep", "ourcompany.example"),
        forward_paths=(Address("capture", "relay.example"),),
        client=Client("127.0.0.1"),
        received_at=datetime(2026, 5, 5, 9, 30, tzinfo=UTC),
        admitted_by="network",
    )
    message = parse(content)
    record = compose(VaultId("00000000", 1), MailObject(envelope, content), message, DIRECTORY)[0]
    forwarded = record.route in (Route.FORWARD, Route.ATTACHED)
    if not forwarded:
        return {"forwarded": False}
    original = handed_in(message, envelope, DIRECTORY).originals[0]
    return {
        "forwarded": True,
        "from_address": record.author.key if record.author else "",
        "from_name": record.author_name,
        "to": [str(p.address) for p in record.parties if p.role is Role.TO],
        "cc": [str(p.address) for p in record.parties if p.role is Role.CC],
        "subject": record.subject,
        "date_text": original.date_text,
        "body": original.message.text or "",
        "message": record.note,
    }
