"""The certificate: which one we show, and the contexts for handshakes that are made of it.

Decides when the files are read again (when they are other files, looked at now and then and before handshakes), and
that a new pair which cannot be used changes nothing: it is told, and the old one stays. Who renews certificates
needs no command and no restart.

A client certificate is asked for only of hosts in networks of an [[admission.upstream]] that names one: a sender
on the internet that shows its own self-made certificate because it was asked would fail the handshake.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from relay.attribution.admission import host
from relay.config.settings import Admission, Network, Tls

if TYPE_CHECKING:
    from relay.capture.house import Log

LOOK = 1.0
"""Seconds between two looks at the files, however many handshakes there are: a look is two calls of the system."""

WATCH = 60.0
"""Seconds between two looks without any handshake, so that `status` tells of a renewal that went wrong."""

Stamp = tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Pair:
    """What was made of one pair of files."""

    plain: ssl.SSLContext
    asking: ssl.SSLContext | None
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...]


class Certificate:
    """The pair of [tls], as it is now. For the loop's thread; `not_after` and `trouble` for any."""

    def __init__(self, tls: Tls, admission: Admission, log: Log) -> None:
        self._log = log
        self._tls = tls
        self._client_ca: Path | None = None
        self._asked: tuple[Network, ...] = ()
        self._pair: _Pair | None = None
        self._stamp: Stamp | None = None
        self._looked = float("-inf")
        self.trouble = ""
        """Why the files that are there cannot be used, '' when they can."""
        self.adopt(tls, admission)

    def adopt(self, tls: Tls, admission: Admission) -> None:
        """Go by these from the next handshake on, and read the files again."""
        named = tls.certificate != self._tls.certificate or tls.key != self._tls.key
        self._tls = tls
        self._client_ca = admission.client_ca
        self._asked = tuple(
            network for each in admission.upstream if each.client_certificate for network in each.networks
        )
        self._stamp = None
        if tls.certificate is None or tls.key is None:
            self._pair, self.trouble = None, ""
        else:
            self._look(told_before="" if named else self.trouble)

    @property
    def not_after(self) -> float | None:
        """When the certificate in use expires, seconds since 1970; None without one."""
        return None if self._pair is None else self._pair.not_after.timestamp()

    @property
    def not_before(self) -> float | None:
        """When it began, likewise."""
        return None if self._pair is None else self._pair.not_before.timestamp()

    @property
    def configured(self) -> bool:
        """Does [tls] name a pair, usable or not?"""
        return self._tls.certificate is not None

    def ready(self, now: float) -> bool:
        """Is there a certificate to show? `now`: seconds of the loop's clock."""
        self.look(now)
        return self._pair is not None

    def context(self, address: str, now: float) -> ssl.SSLContext | None:
        """For a handshake with the host at this address; None when there is no certificate."""
        self.look(now)
        if self._pair is None:
            return None
        found = host(address) if self._asked else None
        if found is not None and any(found in network for network in self._asked):
            return self._pair.asking
        return self._pair.plain

    def look(self, now: float) -> None:
        """Read the files again if they are others than those in use."""
        if self.configured and now - self._looked >= LOOK:
            self._looked = now
            self._look(told_before=self.trouble)

    def _look(self, *, told_before: str) -> None:
        certificate, key = self._tls.certificate, self._tls.key
        assert certificate is not None  # noqa: S101  for the type checker: they come as a pair
        assert key is not None  # noqa: S101
        files = [certificate, key, *([self._client_ca] if self._client_ca else [])]
        try:
            stamp = tuple(_stamp(path) for path in files)
            if stamp == self._stamp:
                return
            self._stamp = stamp  # also of a pair that is no good: it is looked at once
            pair = _load(certificate, key, self._client_ca, asking=bool(self._asked))
        except (OSError, ValueError) as error:
            self.trouble = _said(error, certificate, key)
            if isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
                self._stamp = None
            if self.trouble != told_before:
                kept = "the one before stays in use" if self._pair else "there is no TLS until it can be"
                self._log.error("tls.certificate_unusable", path=str(certificate), why=f"{self.trouble}; {kept}")
            return
        if self._pair is None or pair.not_after != self._pair.not_after or told_before:
            self._log.info("tls.certificate", names=" ".join(pair.names[:5]), until=f"{pair.not_after:%Y-%m-%d}")
        self._pair, self.trouble = pair, ""


def certificate_names(peer: object) -> frozenset[str]:
    """The host names in a client's certificate that was verified, lower case. `peer`: as `getpeercert` gives it."""
    if not isinstance(peer, dict):
        return frozenset()
    names = {value for kind, value in peer.get("subjectAltName", ()) if kind == "DNS"}
    if not names:  # RFC 6125 §6.4.4: only where there is no other name
        names = {value for part in peer.get("subject", ()) for kind, value in part if kind == "commonName"}
    return frozenset(name.lower() for name in names)


def _load(certificate: Path, key: Path, client_ca: Path | None, *, asking: bool) -> _Pair:
    """Raises OSError (ssl.SSLError is one) or ValueError."""
    first = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
    plain = _context(certificate, key)
    other = None
    if asking:
        other = _context(certificate, key)
        other.verify_mode = ssl.CERT_OPTIONAL
        other.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a certificate of one's own may be its own authority
        if client_ca is None:
            other.load_default_certs(ssl.Purpose.CLIENT_AUTH)
        else:
            other.load_verify_locations(client_ca)
    try:
        names = tuple(
            first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(
                x509.DNSName
            )
        )
    except x509.ExtensionNotFound:
        names = ()
    return _Pair(plain, other, first.not_valid_before_utc, first.not_valid_after_utc, names)


def _context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS as it is safe today: Python's own list of ciphers has forward secrecy only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: nothing before it
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION  # CRIME; handshakes cost us more than a client
    # Without a password OpenSSL would ask for one on the terminal, and the daemon would stand still.
    context.load_cert_chain(certificate, key, password="")
    return context


def _stamp(path: Path) -> tuple[int, int, int, int]:
    found = os.stat(path)  # noqa: PTH116  what certbot replaces is behind a link, which is followed
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _said(error: Exception, certificate: Path, key: Path) -> str:
    """One line for a person."""
    if isinstance(error, ssl.SSLError):
        if error.reason == "KEY_VALUES_MISMATCH":
            return f"the key {key} is not that of the certificate {certificate}"
        if error.reason in ("BAD_PASSWORD_READ", "BAD_DECRYPT"):
            return f"the key {key} has a password; give it without one, for the relay's user alone"
        return f"{certificate} and {key} cannot be used: {error.reason or error}"
    if isinstance(error, OSError):
        return f"{error.filename or certificate}: {error.strerror or error}; the relay's user must be able to read it"
    return f"{certificate}: this is no certificate in PEM form"
