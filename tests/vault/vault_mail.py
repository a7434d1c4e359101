"""Mail objects in one line."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.vault.writer import Vault

AT = datetime(2026, 3, 1, 12, 30, 15, 250000, UTC)


def mail(content: bytes | str = b"x\r\n") -> MailObject:
    envelope = Envelope(
        Address("rep", "example.org"), (Address("crm", "crm.example.org"),), Client("127.0.0.1", "rep"), AT, "network"
    )
    return MailObject(envelope, content.encode() if isinstance(content, str) else content)


async def put_all(vault: Vault, contents: Sequence[bytes | str]) -> list[VaultId]:
    return list(await asyncio.gather(*(vault.put(mail(content)) for content in contents)))
