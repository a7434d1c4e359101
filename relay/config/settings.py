"""Every configuration key, its type, default and meaning, in one place.

The loader, `config check`, `config example`, `config show` and docs/configuration.md all read these types:
a class is a section, its docstring what the section is for, the text of a key what an operator must know to
set it. Values here are already read: sizes in octets, times in seconds, paths absolute, networks parsed.
"""

# ruff: noqa: RUF009  every call of `key` gives a dataclass field

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from relay.config import values
from relay.config.values import Endpoint, Kind, Network

__all__ = ["Admission", "Capture", "Company", "Dns", "Endpoint", "Filing", "Health", "Limits", "Logging"]
__all__ += ["Network", "Settings", "Store", "Tls", "Upstream", "VaultKeep"]


def key(
    doc: str,
    kind: Kind | None,
    *,
    default: Any = None,
    required: bool = False,
    example: str = "",
    live: bool = True,
    credential: bool = False,
    of: Any = None,
) -> Any:
    """A configuration key: its meaning for an operator, what its value may be, its default.

    `example`: TOML shown where the default says nothing. `live`: a reload (SIGHUP) changes it, else it takes
    a restart. `credential`: a systemd credential named `section.key` may stand in. `of`: the dataclass of an
    array of tables, which has no kind of its own.
    """
    metadata = {"doc": doc, "kind": kind, "required": required, "example": example, "live": live}
    metadata |= {"credential": credential, "of": of}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


ENDPOINTS = values.each(values.endpoint, "IP addresses with a port")
NETWORKS = values.each(values.network, "networks")


@dataclass(frozen=True, slots=True)
class Capture:
    """Where mail comes in."""

    hostname: str = key(
        "Our SMTP name, said in the greeting: the name that the MX record of the capture addresses leads to.",
        values.domain,
        default="",
        required=True,
        example='"crm.example.org"',
    )
    addresses: tuple[str, ...] = key(
        "The addresses that people put into Bcc or forward to. Write them without tags: with crm@crm.example.org, "
        "mail for crm+deal-42@crm.example.org comes here too.",
        values.each(values.capture_address, "mail addresses"),
        default=(),
        required=True,
        example='["crm@crm.example.org"]',
    )
    listen: tuple[Endpoint, ...] = key(
        "Where to listen for SMTP. Sockets inherited from systemd win, and the relay says so at start.",
        ENDPOINTS,
        default=(Endpoint("0.0.0.0", 25), Endpoint("::", 25)),  # noqa: S104  an MX listens everywhere
        live=False,
    )
    listen_tls: tuple[Endpoint, ...] = key(
        "Where to listen for SMTP inside TLS from the first octet (port 465).",
        ENDPOINTS,
        default=(),
        live=False,
    )
    lmtp: Path | None = key(
        "A unix socket to listen on for LMTP, for the mail server on this machine. Whoever may write to it is "
        "trusted as [admission] networks are: its folder decides who that is.",
        values.path,
        example='"/run/bcc-relay/lmtp.sock"',
        live=False,
    )
    max_size: int = key(
        "The largest message taken; a larger one is refused with 552. Not below what your mail server lets people "
        "send, or their copies bounce back to them. All messages in flight may take five times as much memory.",
        values.size(1 << 10, 512 << 20),
        default=50 * 1024 * 1024,
    )


@dataclass(frozen=True, slots=True)
class Company:
    """Who we are."""

    domains: tuple[str, ...] = key(
        "Our own domains: who writes from there is one of us, so their mail to a lead is outgoing. A subdomain is a "
        "domain of its own. For addresses of our people elsewhere: bcc-relay staff add NAME ADDRESS",
        values.each(values.domain, "domain names"),
        default=(),
        example='["example.org"]',
    )


@dataclass(frozen=True, slots=True)
class Upstream:
    """An MTA of ours that takes mail from the internet: it admits only what its own topmost
    Authentication-Results proves. May occur several times.
    """

    networks: tuple[Network, ...] = key(
        "The addresses that it connects from.", NETWORKS, default=(), example='["192.0.2.10/32"]'
    )
    authserv_id: str = key(
        "The name that it signs its Authentication-Results with; without it nothing is proved. It must remove such "
        "fields of others, and write its own on top, all results in one field.",
        values.text,
        default="",
        example='"mx.example.org"',
    )
    client_certificate: str = key(
        "The name in its TLS client certificate, which it must then show; client_ca verifies it.",
        values.text,
        default="",
        example='"mx.example.org"',
    )


def _loopback() -> tuple[Network, ...]:
    return (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


@dataclass(frozen=True, slots=True)
class Admission:
    """Who may hand in mail."""

    networks: tuple[Network, ...] = key(
        "Full trust: whoever can hand mail to these hosts writes into every timeline, as anybody, and has no "
        "connection limits. Name your own mail servers that take mail from your people only; never an MTA that takes "
        "mail from the internet.",
        NETWORKS,
        default=_loopback,
    )
    arc_sealers: tuple[str, ...] = key(
        "Domains whose ARC seal we believe, when they say that they had the mail from its author: forwarders and lists "
        "that change mail on its way. The very domain of the seal (d=), as explain tells it.",
        values.each(values.domain, "domain names"),
        default=(),
    )
    client_ca: Path | None = key(
        "What client certificates are verified by where an upstream names one, PEM: their authority, or "
        "the certificate itself. Without it: the authorities that the system trusts.",
        values.path,
        example='"/etc/bcc-relay/upstream-ca.crt"',
    )
    upstream: tuple[Upstream, ...] = key(Upstream.__doc__ or "", None, of=Upstream, default=())


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate for STARTTLS and for implicit TLS. Read again by itself when the files change."""

    certificate: Path | None = key(
        "The certificate and its chain, PEM.",
        values.path,
        example='"/etc/bcc-relay/tls.crt"',
        credential=True,
    )
    key: Path | None = key(
        "Its private key, PEM, readable by the user that runs the relay and by nobody else.",
        values.path,
        example='"/etc/bcc-relay/tls.key"',
        credential=True,
    )


@dataclass(frozen=True, slots=True)
class Dns:
    """The resolver that sender proofs are asked of."""

    servers: tuple[str, ...] = key(
        "Resolvers; empty: the system's. Best is one on this machine that validates DNSSEC: who can forge its answers "
        "can prove anything. Answers are remembered for their own time to live, between 5 seconds and an hour, that "
        "there is none for a minute, failures not at all.",
        values.each(values.resolver, "IP addresses, each with or without a port"),
        default=(),
    )
    timeout: float = key(
        "For all questions about one message together. What has no answer then proves nothing; the sender is told to "
        "try again (451) only if an answer could have admitted the mail.",
        values.duration(0.1, 300),
        default=8.0,
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """What strangers may take. Clients in [admission] networks have no connection limits."""

    connections: int = key(
        "Open connections of strangers in all. Each may take a file descriptor: LimitNOFILE of the service must allow "
        "for them and 128 more.",
        values.count(1, 100_000),
        default=512,
    )
    connections_per_client: int = key(
        "The same for each client, which is a /24 of IPv4 and a /64 of IPv6. 0: no limit.",
        values.count(0, 100_000),
        default=20,
    )
    new_connections_per_minute: int = key("Also for each client. 0: no limit.", values.count(0, 1_000_000), default=60)


@dataclass(frozen=True, slots=True)
class Filing:
    """What is kept of mail."""

    unknown: str = key(
        'Mail on which no lead is known: "keep" all of it, so that a lead made later has it, or "facts" only (who '
        'wrote to whom and when; no text, no parts). Take "facts" where the mail server copies everything here, '
        "private mail included: always_bcc, routing rules, journals. The vault holds all of it in either case.",
        values.choice("keep", "facts"),
        default="keep",
    )
    attachments_up_to: int = key(
        "Size of a message up to which its attachments are stored in relay.db. Of a larger one their names, types, "
        "sizes and SHA-256 are, with its text; the octets stay in the vault (`bcc-relay raw`). 0: those of every "
        "message.",
        values.size(0, 1 << 30),
        default=0,
    )


@dataclass(frozen=True, slots=True)
class Store:
    """The database that a CRM reads and writes."""

    path: Path = key(
        "relay.db; search.db lies beside it. The folder has mode 2770 and belongs to the group of the CRM, and so the "
        "files (0660) do.",
        values.path,
        default=Path("/var/lib/bcc-relay/shared/relay.db"),
        live=False,
    )
    checkpoint: str = key(
        'Who takes the checkpoints of its write-ahead log: "self", or "external" when Litestream does (two that do '
        "would make it copy the whole database again and again).",
        values.choice("self", "external"),
        default="self",
    )


@dataclass(frozen=True, slots=True)
class VaultKeep:
    """Accepted mail as it came: what databases are made from again."""

    path: Path = key(
        "A folder for nobody else, mode 0700: it must not lie where the CRM may enter.",
        values.path,
        default=Path("/var/lib/bcc-relay/vault"),
        live=False,
    )
    keep: float = key(
        "How long mail stays there after it was filed. What is in the database stays; mail that has left the vault "
        "cannot be filed again by a better parser.",
        values.duration(86400, 1000 * 365.25 * 86400),
        default=10 * 365.25 * 86400,
    )


@dataclass(frozen=True, slots=True)
class Logging:
    """What the relay says on standard error. Never subjects, bodies or secrets."""

    level: str = key(
        '"debug" tells each session and each mail too, "warning" and "error" only what a person should see to.',
        values.choice("debug", "info", "warning", "error"),
        default="info",
    )
    format: str = key(
        '"auto": coloured lines on a terminal, else logfmt (key=value), with priorities where systemd reads them. '
        '"logfmt" and "json" are the same everywhere.',
        values.choice("auto", "logfmt", "json"),
        default="auto",
    )


@dataclass(frozen=True, slots=True)
class Health:
    """When `bcc-relay status` warns, and where it tells a monitoring system."""

    listen: Endpoint | None = key(
        "Answer GET /metrics (Prometheus text) here. Only on a loopback address, for there is no password: let a proxy "
        "that asks for one pass it on.",
        values.loopback,
        example='"127.0.0.1:9425"',
        live=False,
    )
    backlog_warning: float = key(
        "Accepted mail that has waited so long to be filed is a warning ...",
        values.duration(1, 30 * 86400),
        default=300.0,
    )
    backlog_critical: float = key("... and so long is critical.", values.duration(1, 30 * 86400), default=3600.0)
    quiet_after: float = key(
        "A person of ours who has handed in mail before, and then none for so long, is named: perhaps the Bcc is "
        "forgotten, or a rule in their mail client broke.",
        values.duration(3600, 10 * 365.25 * 86400),
        default=7 * 86400.0,
    )
    disk_warning: int = key(
        "Less free disk than this, for the databases or the vault, is a warning ...",
        values.size(0, 1 << 50),
        default=1 << 30,
    )
    disk_critical: int = key(
        "... and less than this is critical. Below 256 MiB mail is put off (452) until there is room.",
        values.size(0, 1 << 50),
        default=512 << 20,
    )


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration, as the program uses it."""

    capture: Capture = field(default_factory=Capture)
    company: Company = field(default_factory=Company)
    admission: Admission = field(default_factory=Admission)
    tls: Tls = field(default_factory=Tls)
    dns: Dns = field(default_factory=Dns)
    limits: Limits = field(default_factory=Limits)
    filing: Filing = field(default_factory=Filing)
    store: Store = field(default_factory=Store)
    vault: VaultKeep = field(default_factory=VaultKeep)
    log: Logging = field(default_factory=Logging)
    health: Health = field(default_factory=Health)
