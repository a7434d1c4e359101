"""Mails in one line, for tests of what a mail means: our side is `our.example`, the capture address is
`crm@relay.example`, our people are rep (1), boss (2) and the rep's private address (1)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP

from relay.attribution.compose import compose
from relay.attribution.directory import Directory
from relay.attribution.record import Record
from relay.mail.address import Address
from relay.mail.envelope import Client, Envelope, MailObject, VaultId
from relay.mail.reading import parse

OURS = Directory(
    domains=frozenset({"our.example"}),
    capture=frozenset({"crm@relay.example"}),
    staff={"rep@our.example": 1, "boss@our.example": 2, "rep@private.example": 1},
)
REP, BOSS, ANNA = "Rep <rep@our.example>", "Boss <boss@our.example>", "Anna Lee <anna@lead.example>"
CRM = "crm@relay.example"
RECEIVED = datetime(2026, 5, 5, 9, 30, tzinfo=UTC)
DATE = "Tue, 05 May 2026 11:00:00 +0200"


def mail(
    *,
    from_: str = REP,
    to: str = ANNA,
    subject: str = "Offer",
    text: str | None = "Hello",
    html: str | None = None,
    attached: tuple[bytes, ...] = (),
    files: tuple[tuple[str, str, bytes], ...] = (),
    **fields: str,
) -> bytes:
    message = EmailMessage(policy=SMTP)
    headers = {"From": from_, "To": to, "Subject": subject, "Date": DATE, "Message-ID": "<one@our.example>"}
    headers |= {name.replace("_", "-"): value for name, value in fields.items()}
    for name, value in headers.items():
        if value:
            message[name] = value
    if text is not None:
        message.set_content(text)
    if html is not None and text is not None:
        message.add_alternative(html, subtype="html")
    elif html is not None:
        message.set_content(html, subtype="html")
    for name, media_type, content in files:
        main, _, sub = media_type.partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=name)
    octets = message.as_bytes()
    return with_messages(octets, attached) if attached else octets


def with_messages(wrapper: bytes, messages: tuple[bytes, ...]) -> bytes:
    """The wrapper as multipart/mixed with the messages as message/rfc822 parts, octet by octet."""
    line = f"=level{sum(map(len, messages))}".encode()  # a wrapper in a wrapper needs another boundary
    head, _, body = wrapper.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    outer = [line for line in lines if not line.lower().startswith((b"content-", b"mime-version"))]
    inner = [line for line in lines if line.lower().startswith(b"content-")]
    pieces = [b"\r\n".join(inner) + b"\r\n\r\n" + body]
    pieces += [b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n" + one for one in messages]
    out = b"\r\n".join(
        [*outer, b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="' + line + b'"', b"", b""]
    )
    for piece in pieces:
        out += b"--" + line + b"\r\n" + piece + b"\r\n"
    return out + b"--" + line + b"--\r\n"


def records(
    octets: bytes,
    *,
    reverse_path: str | None = "rep@our.example",
    forward_paths: tuple[str, ...] = (CRM,),
    directory: Directory = OURS,
    received: datetime = RECEIVED,
    admitted_by: str = "network",
) -> tuple[Record, ...]:
    envelope = Envelope(
        reverse_path=None if reverse_path is None else Address.read(reverse_path),
        forward_paths=tuple(a for a in map(Address.read, forward_paths) if a is not None),
        client=Client("127.0.0.1"),
        received_at=received,
        admitted_by=admitted_by,
    )
    return compose(VaultId("0badcafe", 7), MailObject(envelope, octets), parse(octets), directory)


def record(octets: bytes, **named: object) -> Record:
    (one,) = records(octets, **named)  # type: ignore[arg-type]
    return one


def people(one: Record) -> dict[str, str]:
    return {party.address.key: party.role.value for party in one.parties}
