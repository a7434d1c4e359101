"""A relay on a public port, the DNS of the world around it, and clients with signed mail.

127.0.0.1 is a stranger here (full trust has 127.0.0.9), 127.0.0.5 an upstream of ours; DNS is `dns_stub` on loopback.
"""

from __future__ import annotations

import json
import smtplib
import time
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from types import SimpleNamespace

import dkim
from dns_stub import NameServer
from running import CAPTURE, PATIENCE, Relay
from signing import pem, record, rsa

STRANGER, TRUSTED, UPSTREAM = "127.0.0.1", "127.0.0.9", "127.0.0.5"

BOB, EVE = "bob@example.org", "eve@example.org"
"""Our people: one who signs, one who has left."""

KIM = "kim@private.example"
"""Bob's colleague with an address at a domain that is not ours."""

CUSTOMER = "anna@lead.example"

SETTINGS = f"""
[admission]
networks = ["{TRUSTED}/32"]
arc_sealers = ["sealer.example"]
[[admission.upstream]]
networks = ["{UPSTREAM}/32"]
authserv_id = "mx.example.org"
[dns]
servers = ["%s"]
timeout = "2 s"
[limits]
connections_per_client = 0
new_connections_per_minute = 0
"""


def key() -> tuple[bytes, str]:
    """(private key in PEM, DKIM record): one for all, made once per process."""
    return pem(rsa()), record(rsa())


def records() -> dict[str, list[str]]:
    """The world's DNS. SPF of example.org lists nobody here; lists.example lists everybody on loopback."""
    signed = {f"s._domainkey.{domain} TXT": [key()[1]] for domain in ("example.org", "private.example", "lead.example")}
    signed["s._domainkey.sealer.example TXT"] = [key()[1]]
    return signed | {
        "example.org TXT": ["v=spf1 -all"],
        "private.example TXT": ["v=spf1 ip4:127.0.0.0/8 -all"],
        "lead.example TXT": ["v=spf1 -all"],
        "strict.example TXT": ["v=spf1 -all"],
        "_dmarc.strict.example TXT": ["v=DMARC1; p=reject"],
        "1.0.0.127.in-addr.arpa PTR": ["mail.client.example."],
        "mail.client.example A": ["127.0.0.1"],
    }


_count = iter(range(1, 1_000_000))


def mail(
    author: str = BOB,
    to: str = CUSTOMER,
    *,
    subject: str = "An offer",
    fields: str = "",
    body: str = "Dear Anna,\r\nhere is our offer.\r\n",
    date: float | None = None,
    message_id: str = "",
) -> bytes:
    """A mail with CRLF, unsigned. `fields`: more of the header, each ended with CRLF."""
    written = formatdate(time.time() if date is None else date)
    message_id = message_id or f"<{next(_count)}.{time.time_ns()}@example.org>"
    return (
        f"From: {author}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {written}\r\nMessage-ID: {message_id}\r\n"
        f"{fields}\r\n{body}"
    ).encode()


def signed(content: bytes, domain: str = "example.org", *, at: float | None = None, **more: object) -> bytes:
    """The mail with a DKIM signature on top, as the mail service of `domain` puts it; made at that time."""
    options: dict[str, object] = {"include_headers": [b"from", b"to", b"subject", b"date", b"message-id"], **more}
    clock = dkim.time
    dkim.time = SimpleNamespace(time=lambda: time.time() if at is None else at)
    try:
        return dkim.sign(content, b"s", domain.encode(), key()[0], **options) + content
    finally:
        dkim.time = clock


class World:
    """The running relay and its DNS. Bob is staff 1, Kim 2; `secret`: Bob's personal address."""

    def __init__(self, folder: Path, dns: NameServer) -> None:
        self.dns = dns
        self.relay = Relay(folder, SETTINGS % dns.place)
        self.relay.start()
        try:
            self.relay.run("staff", "add", "Bob Baker", BOB, "bob@strict.example")
            self.relay.run("staff", "add", "Kim Keen", KIM)
            self.relay.run("staff", "add", "Eve Early", EVE)
            self.relay.run("staff", "leave", "Eve Early")
            self.secret = self.personal()
        except BaseException:
            self.relay.stop()
            raise

    def personal(self, name: str = "Bob Baker") -> str:
        """A new personal address of a colleague."""
        said = self.relay.run("staff", "capture-address", name, "--rotate")
        return next(word.strip("<>,.;") for word in said.split() if "+me-" in word)

    def say(
        self,
        content: bytes,
        *,
        sender: str = BOB,
        to: tuple[str, ...] = (CAPTURE,),
        client: str = STRANGER,
        helo: str = "mail.client.example",
    ) -> tuple[int, str]:
        """The first reply that is no success, else the one to the message, of a session of its own."""
        with smtplib.SMTP(timeout=PATIENCE, local_hostname=helo, source_address=(client, 0)) as smtp:
            smtp.connect("127.0.0.1", self.relay.port)
            smtp.ehlo()
            return said(smtp, content, sender, to)

    def taken(self, content: bytes, **more: object) -> str:
        """The vault id of a mail that must be taken."""
        code, text = self.say(content, **more)  # type: ignore[arg-type]
        assert (code, text[:18]) == (250, "2.0.0 accepted as "), (code, text, self.relay.log())
        return text.split()[-1]

    def facts(self, vault_id: str, columns: str) -> list[object]:
        """Columns of the envelope `e` of a mail, its proof `p` and its message `m`, once it is filed."""
        self.relay.filed(vault_id)
        [row] = self.relay.sql(
            f"SELECT {columns} FROM envelope e JOIN message m ON m.id = e.message_id "
            "LEFT JOIN envelope_proof p ON p.envelope_id = e.id WHERE e.vault_id = ?",
            vault_id,
        )
        return row

    def explained(self, vault_id: str) -> dict[str, object]:
        self.relay.filed(vault_id)
        return json.loads(self.relay.run("explain", vault_id, "--json"))


def said(smtp: smtplib.SMTP, content: bytes, sender: str, to: tuple[str, ...]) -> tuple[int, str]:
    steps: list[Callable[[], tuple[int, bytes]]] = [lambda: smtp.mail(sender)]
    steps += [lambda each=each: smtp.rcpt(each) for each in to]  # type: ignore[misc]
    steps.append(lambda: smtp.data(content))
    for step in steps:
        code, text = step()
        if code >= 400:
            break
    return code, text.decode()
