"""Every configuration key, its type, default and meaning, in one place.

The loader, `config check`, and the documentation all read these types. Values here are already read:
sizes in octets, times in seconds, paths absolute, networks parsed. What a key means is its `doc`;
`pending` says in one sentence that a key has no effect yet (`config check` repeats it).
"""

# ruff: noqa: RUF009  every call of `key` gives a dataclass field

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any

from relay.config import values
from relay.config.values import Endpoint, Network, Reader

__all__ = ["Admission", "Capture", "Company", "Dns", "Endpoint", "Filing", "Limits", "Network", "Settings"]
__all__ += ["Store", "Tls", "Upstream", "VaultKeep"]


def key(
    doc: str, reads: Reader | None, *, default: Any = None, required: bool = False, pending: str = "", of: Any = None
) -> Any:
    """A configuration key: its meaning in one line, how it is read, its default, and what it still lacks.

    `of` is the dataclass of an array of tables, which has no reader of its own.
    """
    metadata = {"doc": doc, "reads": reads, "required": required, "pending": pending, "of": of}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Capture:
    """[capture]: where mail comes in."""

    hostname: str = key("our SMTP name, said in the greeting", values.domain, default="", required=True)
    listen: tuple[Endpoint, ...] = key(
        "addresses to listen on; sockets inherited from systemd win",
        values.each(values.endpoint),
        default=(Endpoint("0.0.0.0", 25), Endpoint("::", 25)),  # noqa: S104  an MX listens everywhere
    )
    listen_tls: tuple[Endpoint, ...] = key(
        "addresses for implicit TLS",
        values.each(values.endpoint),
        default=(),
        pending="TLS comes with the admission release; nothing listens there yet",
    )
    lmtp: Path | None = key(
        "LMTP on this unix socket", values.path, pending="LMTP comes with the service release; no socket is made yet"
    )
    addresses: tuple[str, ...] = key(
        "capture addresses, without tags", values.each(values.capture_address), default=(), required=True
    )
    max_size: int = key("largest message taken", values.size(1 << 10, 512 << 20), default=50 * 1024 * 1024)


@dataclass(frozen=True, slots=True)
class Company:
    """[company]: who we are."""

    domains: tuple[str, ...] = key("our own domains", values.each(values.domain), default=())


@dataclass(frozen=True, slots=True)
class Upstream:
    """[[admission.upstream]]: an MTA of ours that takes mail from the internet."""

    networks: tuple[Network, ...] = key("its addresses", values.each(values.network), default=())
    authserv_id: str = key("the id of its Authentication-Results", values.text, default="")
    client_certificate: str = key("the name in its TLS client certificate", values.text, default="")


def _loopback() -> tuple[Network, ...]:
    return (IPv4Network("127.0.0.0/8"), IPv6Network("::1/128"))


PROOFS = "sender proofs come with the admission release; only [admission] networks may hand in mail"


@dataclass(frozen=True, slots=True)
class Admission:
    """[admission]: who may hand in mail."""

    networks: tuple[Network, ...] = key(
        "fully trusted clients; they write into every timeline", values.each(values.network), default=_loopback
    )
    arc_sealers: tuple[str, ...] = key(
        "domains whose ARC seal we believe", values.each(values.domain), default=(), pending=PROOFS
    )
    upstream: tuple[Upstream, ...] = key("MTAs whose proofs we believe", None, of=Upstream, default=(), pending=PROOFS)


@dataclass(frozen=True, slots=True)
class Tls:
    """[tls]: certificate for STARTTLS and implicit TLS."""

    certificate: Path | None = key(
        "certificate chain, PEM", values.path, pending="TLS comes with the admission release"
    )
    key: Path | None = key("private key, PEM", values.path, pending="TLS comes with the admission release")


@dataclass(frozen=True, slots=True)
class Dns:
    """[dns]: the resolver for sender proofs."""

    servers: tuple[str, ...] = key(
        "resolvers; empty: the system's", values.each(values.resolver), default=(), pending=PROOFS
    )
    timeout: float = key(
        "seconds for all questions of one message", values.duration(0.1, 300), default=8.0, pending=PROOFS
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """[limits]: what strangers may take. Clients in [admission] networks have no connection limits."""

    connections: int = key("open connections in all", values.count(1, 100_000), default=512)
    connections_per_client: int = key("per /24 and /64; 0: no limit", values.count(0, 100_000), default=20)
    new_connections_per_minute: int = key("per client; 0: no limit", values.count(0, 1_000_000), default=60)


@dataclass(frozen=True, slots=True)
class Filing:
    """[filing]: what is kept."""

    unknown: str = key(
        'mail with no known lead: "keep", or "facts" (no text, no parts)',
        values.choice("keep", "facts"),
        default="keep",
        pending='"facts" comes with the attribution release; everything is kept',
    )


@dataclass(frozen=True, slots=True)
class Store:
    """[store]: the contract database."""

    path: Path = key(
        "relay.db; search.db lies beside it", values.path, default=Path("/var/lib/bcc-relay/shared/relay.db")
    )
    checkpoint: str = key(
        'who takes WAL checkpoints: "self" or "external"',
        values.choice("self", "external"),
        default="self",
        pending='"external" comes with the service release; we take them ourselves',
    )


@dataclass(frozen=True, slots=True)
class VaultKeep:
    """[vault]: accepted mail as it came."""

    path: Path = key("a folder for nobody else", values.path, default=Path("/var/lib/bcc-relay/vault"))
    keep: float = key(
        "how long",
        values.duration(86400, 1000 * 365.25 * 86400),
        default=10 * 365.25 * 86400,
        pending="retention comes with the service release; everything is kept",
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
