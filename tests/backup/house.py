"""A relay whose vault is filled without SMTP, in segments as small as a test wants them, and filed by the command."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailbuilder import message
from running import Relay

from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.store.lineage import filed_marks
from relay.vault.writer import Vault

ROOT = Path(__file__).parents[2]


class House(Relay):
    """`accept` puts mails into the vault as the daemon would; `run("file")` files them."""

    def run(self, *words: str, status: int | None = 0) -> str:
        return self.say(*words, status=status)

    def accept(
        self, *mails: bytes, segment_size: int = 1 << 30, ago: timedelta = timedelta(0), **options
    ) -> list[VaultId]:
        received = datetime.now(UTC) - ago

        async def put() -> list[VaultId]:
            filed = filed_marks(self.database, self.vault) if self.database.exists() else {}
            vault = Vault.open(self.vault, filed=filed, segment_size=segment_size, **options)
            try:
                envelope = Envelope(
                    Address("bob", "example.org"),
                    (Address("crm", "crm.example.org"),),
                    Client("127.0.0.1", "client"),
                    received,
                    "network",
                )
                return [await vault.put(MailObject(envelope, mail)) for mail in mails]
            finally:
                await asyncio.to_thread(vault.close)

        return asyncio.run(put())

    def mails(self, start: int, count: int, *, size: int = 2000) -> list[bytes]:
        return [
            message(
                to=f"a{n % 5} <a{n % 5}@lead.example>",
                subject=f"Offer {n}",
                message_id=f"<{n}@example.org>",
                text=f"Dear {n}\n" + "word " * (size // 5),
            )
            for n in range(start, start + count)
        ]

    def one(self, query: str, *arguments: object) -> object:
        return self.sql(query, *arguments)[0][0]

    def segments(self) -> list[str]:
        return sorted((path.name for path in self.vault.glob("*-*.db")), key=lambda name: name[9:])


def killed_at(step: str, program: str, *arguments: object) -> None:
    """Run `program` in a process of its own that is killed at `step`; `at` is what it passes on."""
    prelude = (
        f"import os, sys\nfrom pathlib import Path\ndef at(step):\n    if step == {step!r}: os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", prelude + program, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == -9, (step, done.stdout, done.stderr)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file in a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


Mails = Callable[..., list[VaultId]]
