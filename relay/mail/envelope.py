"""The envelope: what the SMTP session said about a message, beside the message itself.

A mail object (RFC 5321 §2.3.1) is an envelope and a content. It is what the vault keeps, so its
envelope has a written form here (`encode`, `decode`), which every later version must go on reading.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from relay.mail import origin
from relay.mail.address import Address
from relay.mail.origin import Origin

WRITTEN_FORM = 1

IMPORT_SOCKET = "import.sock"
"""In the vault's folder (mode 0700): where the daemon takes imported mail."""

ERASED = "erased"
"""In place of the admission rule: this mail object was erased. No rule has this name."""

_WRITE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once: used for each mail accepted


@dataclass(frozen=True, slots=True)
class Client:
    """The connecting host (RFC 5321 §2.3.5).

    `address`: its IP address as text; `name`: what it said in HELO or EHLO; `tls`: protocol and
    cipher, '' without TLS; `account`: who logged in, '' for nobody.
    """

    address: str
    name: str = ""
    tls: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Who handed in what, for which capture addresses, and why it was admitted.

    `reverse_path` is None for the null reverse-path `<>` (RFC 5321 §4.5.5). `received_at` is an aware
    UTC time. `admitted_by` is the name of the admission rule that held. `dated`: when a mailbox received the mail,
    by the mailbox's own word (imported mail only, an aware UTC time); None: it does not tell. `owners`: staff.id of
    those whose personal addresses are among the forward paths, which do not show them. `origin`: what is known of
    where it came from; None for mail from those who have full trust, which is asked for nothing.
    """

    reverse_path: Address | None
    forward_paths: tuple[Address, ...]
    client: Client
    received_at: datetime
    admitted_by: str
    dated: datetime | None = None
    owners: tuple[int, ...] = ()
    origin: Origin | None = None

    def encode(self) -> bytes:
        """The written form: JSON with short keys, versioned by `v`."""
        reverse = self.reverse_path
        form: dict[str, object] = {
            "v": WRITTEN_FORM,
            "from": None if reverse is None else [reverse.local_part, reverse.domain],
            "to": [[a.local_part, a.domain] for a in self.forward_paths],
            "client": [self.client.address, self.client.name, self.client.tls, self.client.account],
            "at": self.received_at.timestamp(),
            "by": self.admitted_by,
        }
        if self.dated is not None:
            form["dated"] = self.dated.timestamp()
        if self.owners:
            form["owners"] = self.owners
        if self.origin is not None:
            form["origin"] = self.origin.written()
        return _WRITE(form).encode("utf-8", "replace")


def decode(written: bytes) -> Envelope:
    """Read the written form. Raises ValueError when it is not one of ours or is of a newer version."""
    try:
        form = json.loads(written)
        if form["v"] != WRITTEN_FORM:
            raise ValueError(f"envelope of version {form['v']}, this program reads {WRITTEN_FORM}")
        reverse = form["from"]
        return Envelope(
            reverse_path=None if reverse is None else Address(reverse[0], reverse[1]),
            forward_paths=tuple(Address(local, domain) for local, domain in form["to"]),
            client=Client(*form["client"]),
            received_at=datetime.fromtimestamp(form["at"], UTC),
            admitted_by=form["by"],
            dated=datetime.fromtimestamp(form["dated"], UTC) if "dated" in form else None,
            owners=tuple(form.get("owners", ())),
            origin=origin.read(form["origin"]) if "origin" in form else None,
        )
    except (KeyError, TypeError, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"not a written envelope: {error!r}") from error


@dataclass(frozen=True, slots=True)
class MailObject:
    """An envelope and the content: exactly the octets received after DATA, dot-stuffing undone."""

    envelope: Envelope
    content: bytes

    @property
    def erased(self) -> bool:
        """Was the content overwritten since, as its message was taken back? Nothing but the id and the time is left."""
        return self.envelope.admitted_by == ERASED


@dataclass(frozen=True, slots=True, order=True)
class VaultId:
    """`EPOCH-N`: where an accepted mail object lies in the vault. Never given out twice."""

    epoch: str
    number: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}"

    @classmethod
    def read(cls, text: str) -> VaultId | None:
        """The vault id that `text` writes (8 hex digits, dash, number), or None."""
        epoch, dash, number = text.strip().partition("-")
        if dash and len(epoch) == 8 and set(epoch) <= set("0123456789abcdef") and number.isascii() and number.isdigit():
            return cls(epoch, int(number[:18]))
        return None
