"""The company of the behaviours: Bob and Mia write mail, the CRM asks in plain SQL, and nothing is known of the inside.

Bob Baker writes from bob@example.org, and privately from bob@private.example; Mia Moreau from mia@example.org. The
CRM is another process with the system's own SQLite and default settings.
"""

from __future__ import annotations

import os
import subprocess
import time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from running import CAPTURE, PATIENCE, Relay

from tests.store.stranger import Stranger

BOB, MIA = "Bob Baker <bob@example.org>", "Mia Moreau <mia@example.org>"
MONDAY = "Mon, 02 Mar 2026 10:15:00 +0000"
MONDAY_AT = "2026-03-02T10:15:00.000Z"


class Company:
    def __init__(self, relay: Relay) -> None:
        self.relay = relay.start()
        self.crm = Stranger(relay.database)
        self.crm("PRAGMA busy_timeout = 5000")
        self.domain = ""
        self._ids = 0
        for number, name, *addresses in ((1, "Bob Baker", "bob@example.org", "bob@private.example", "bob@büro.example"),
                                         (2, "Mia Moreau", "mia@example.org")):  # fmt: skip
            self.crm("INSERT INTO staff (id, name) VALUES (?, ?)", number, name)
            for address in addresses:
                self.crm("INSERT INTO staff_address (staff_id, address) VALUES (?, ?)", number, address)

    def close(self) -> None:
        self.crm.close()
        self.relay.stop()

    # -- the CRM

    def at(self, name: str) -> str:
        """An address at this test's domain."""
        return f"{name}@{self.domain}"

    def lead(self, name: str = "Anna", *addresses: str, organization: str | None = None) -> int:
        """A new lead with these addresses, or `name@domain`. Returns its id."""
        [[lead]] = self.crm("INSERT INTO lead (name, organization) VALUES (?, ?) RETURNING id", name, organization)
        for address in addresses or (self.at(name.lower()),):
            self.address(int(str(lead)), address)
        return int(str(lead))

    def address(self, lead: int, address: str) -> None:
        self.crm("INSERT INTO lead_address (lead_id, address) VALUES (?, ?)", lead, address)

    def deal(self, lead: int, title: str, opened_at: str = "2026-01-01", **columns: str) -> int:
        columns = {"opened_at": opened_at, **columns}
        [[deal]] = self.crm(
            f"INSERT INTO deal (lead_id, title, {', '.join(columns)}) VALUES (?, ?{', ?' * len(columns)}) RETURNING id",
            lead, title, *columns.values(),
        )  # fmt: skip
        return int(str(deal))

    def leads(self, message: int) -> dict[int, str]:
        """lead -> reason, as the CRM sees it."""
        rows = self.crm("SELECT lead_id, reason FROM lead_message WHERE message_id = ? ORDER BY 1", message)
        return {int(str(lead)): str(reason) for lead, reason in rows}

    def roles(self, message: int) -> dict[int, str]:
        return dict(self.crm("SELECT lead_id, role FROM lead_message WHERE message_id = ?", message))

    def of(self, message: int, *columns: str) -> tuple[object, ...] | object:
        """Columns of a message; the value itself when it is one."""
        [row] = self.crm(f"SELECT {', '.join(columns)} FROM message WHERE id = ?", message)
        return row[0] if len(columns) == 1 else tuple(row)

    def why(self, message: int) -> str | None:
        """Why the message waits for a person; None when it does not."""
        rows = self.crm("SELECT why FROM unresolved_message WHERE message_id = ?", message)
        return str(rows[0][0]) if rows else None

    def until(self, query: str, *arguments: object) -> list[list[object]]:
        """Wait until the first column of the first row is true. What triggers leave to the relay takes a moment."""
        end = time.monotonic() + PATIENCE
        while not ((rows := self.crm(query, *arguments)) and rows[0][0]):
            assert time.monotonic() < end, f"waited in vain for {query!r} {arguments!r}\n{self.relay.log()[-2000:]}"
            time.sleep(0.005)
        return rows

    # -- mail

    def mail(
        self, from_: str = BOB, to: str = "", *, cc: str = "", subject: str = "Offer", text: str | None = "Here it is.\n",
        html: str = "", date: str | None = MONDAY, message_id: str | None = "", answers: str = "", attach: tuple[tuple[str, str, bytes], ...] = (),
        forward: tuple[bytes, ...] = (), fields: dict[str, str] | None = None,
    ) -> bytes:  # fmt: skip
        """The octets of a mail; `message_id` None: it has none, '': one of its own. `attach`: (name, type, content)."""
        mail = EmailMessage(policy=SMTP)
        mail["From"] = from_
        for name, value in (("To", to), ("Cc", cc), ("Date", date)):
            if value:
                mail[name] = value
        mail["Subject"] = subject
        if message_id is not None:
            self._ids += 1
            mail["Message-ID"] = message_id or f"<{self._ids}@{self.domain}>"
        if answers:
            mail["In-Reply-To"] = mail["References"] = answers
        for name, value in (fields or {}).items():
            mail[name] = value
        if text is not None:
            mail.set_content(text)
        if html:
            mail.add_alternative(html, subtype="html")
        for name, media_type, content in attach:
            mail.add_attachment(content, *media_type.split("/"), filename=name)
        for octets in forward:
            mail.add_attachment(message_from_bytes(octets, policy=SMTP))
        return mail.as_bytes()

    def hand_in(self, mail: bytes, *, to: str = CAPTURE, sender: str = "bob@example.org") -> str:
        """Send a mail to the capture address and wait until it has its outcome. Returns the vault id."""
        [vault_id] = self.relay.send(mail, sender=sender, to=(to,))
        epoch, _, number = vault_id.partition("-")
        self.until("SELECT count(*) FROM _vault_outcome WHERE epoch = ? AND number = ?", epoch, int(number))
        return vault_id

    def messages(self, vault_id: str) -> list[int]:
        """What a mail was filed as, in order."""
        rows = self.crm("SELECT message_id FROM envelope WHERE vault_id = ? ORDER BY position", vault_id)
        return [int(str(message)) for (message,) in rows]

    def raw(self, vault_id: str) -> bytes:
        """The octets that were accepted, as the `raw` command gives them."""
        done = subprocess.run(
            self.relay.command("raw", vault_id), capture_output=True, check=True, timeout=PATIENCE,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        return done.stdout

    def file(self, mail: bytes, *, to: str = CAPTURE, sender: str = "bob@example.org") -> int:
        """Hand in a mail that is one message. Returns its id."""
        [message] = self.messages(self.hand_in(mail, to=to, sender=sender))
        return message

    def copy(self, to: str, **options) -> int:
        """Bob writes to somebody with the capture address in Bcc."""
        return self.file(self.mail(to=to, **options))
