"""The certificate that is shown to clients, judged. Reading it is pure, too: octets are arguments."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from relay.doctor.finding import Finding, error, hint, ok, warning

SOON = 14
"""Days left from which a renewal is overdue: certificates of 90 days are renewed with 30 left."""

MOST = 10
"""Certificates of a chain that are looked at."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate and its chain. `keys`, `whole`: SHA-256 of each one's public key and of all of it, ours first.

    `gap`: the subject of the first one that the next does not sign, '' when all are in order.
    """

    names: tuple[str, ...]
    until: datetime
    since: datetime
    self_signed: bool
    gap: str
    keys: tuple[str, ...]
    whole: tuple[str, ...]


def read(certificates: Sequence[x509.Certificate]) -> Shown:
    """What stands in them; the first is ours."""
    chain = certificates[:MOST]
    first = chain[0]
    gap = ""
    for one, following in pairwise(chain):
        if not gap and not _signed(one, following):
            gap = one.subject.rfc4514_string()
    spki = [each.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for each in chain]
    return Shown(
        names=_names(first),
        until=_utc(first, "not_valid_after"),
        since=_utc(first, "not_valid_before"),
        self_signed=first.subject == first.issuer,
        gap=gap,
        keys=tuple(hashlib.sha256(each).hexdigest() for each in spki),
        whole=tuple(hashlib.sha256(each.public_bytes(Encoding.DER)).hexdigest() for each in chain),
    )


def read_pem(octets: bytes) -> Shown:
    """Raises ValueError when there is no certificate in them."""
    return read(x509.load_pem_x509_certificates(octets))


def read_der(octets: bytes) -> Shown:
    """The one that a server showed. Raises ValueError."""
    return read([x509.load_der_x509_certificate(octets)])


def _utc(certificate: x509.Certificate, which: str) -> datetime:
    aware = getattr(certificate, f"{which}_utc", None)  # since cryptography 42
    found: datetime = aware if aware is not None else getattr(certificate, which).replace(tzinfo=UTC)
    return found


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(name.lower() for name in found.get_values_for_type(x509.DNSName))


def _signed(one: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(by)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def key_fits(key: bytes, shown: Shown) -> bool:
    """Is this private key (PEM, no password) the certificate's? Raises ValueError when it is none."""
    try:
        private = load_pem_private_key(key, None)
    except TypeError as problem:
        raise ValueError("it is locked by a password") from problem
    spki = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(spki).hexdigest() == shown.keys[0]


def covers(names: Sequence[str], hostname: str) -> bool:
    """As RFC 6125 §6.4.3: an asterisk is the whole first label."""
    return hostname in names or f"*.{hostname.partition('.')[2]}" in names


def judge(shown: Shown, hostname: str, now: datetime, where: str) -> list[Finding]:
    """Names, chain and days left. `where`: what was looked at, for a person."""
    found = []
    renew = f"certbot renew --cert-name {hostname}    # or what else renews it"
    days = (shown.until - now).days
    if now < shown.since:
        found.append(error("certificate", f"{where} is valid only from {shown.since:%Y-%m-%d}: is the clock right?"))
    elif now > shown.until:
        found.append(error("certificate", f"{where} was valid until {shown.until:%Y-%m-%d}", renew))
    elif days < SOON:
        found.append(warning("certificate", f"{where} is valid for {days} more days", renew))
    if not covers(shown.names, hostname):
        named = ", ".join(shown.names[:5]) or "nobody"
        todo = f"certbot certonly -d {hostname}    # or what else makes it"
        found.append(warning("certificate", f"{where} names {named}, and not {hostname}", todo))
    if shown.gap:
        todo = "put the chain behind the certificate in the order in which each is signed by the next (fullchain.pem)"
        found.append(warning("certificate", f"the chain of {where} is broken behind {shown.gap}", todo))
    if shown.self_signed:
        told = f"{where} is signed by itself: senders encrypt to it, MTA-STS and mail clients with AUTH do not take it"
        found.append(hint("certificate", told, f"certbot certonly -d {hostname}    # or what else makes it"))
    return found or [ok("certificate", f"{where} is for {hostname}, valid for {days} more days")]


def key(path: str, mode: int, *, fits: bool | None) -> Finding:
    """The private key's file. `mode`: its rights; `fits`: it is the certificate's, None when it could not be read."""
    if mode & 0o077:
        return error("key", f"{path} may be read by others than its owner ({mode & 0o777:04o})", f"chmod 0600 {path}")
    if fits is False:
        return error("key", f"{path} is not the key of the certificate", "put both of one pair into [tls]")
    if fits is None:
        return ok("key", f"{path} is its owner's alone")
    return ok("key", f"{path} is the certificate's, and its owner's alone")
