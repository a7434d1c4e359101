"""Certificates for tests, made here: self-signed, for a name, valid for some days."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make(folder: Path, name: str = "crm.example.org", *, days: float = 30, stem: str = "tls") -> tuple[Path, Path]:
    """(certificate, key), in place of what was there."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    paths = folder / f"{stem}.crt", folder / f"{stem}.key"
    for path, octets in zip(paths, (certificate.public_bytes(serialization.Encoding.PEM), private), strict=True):
        new = path.with_suffix(".new")
        new.write_bytes(octets)
        new.replace(path)
    return paths


def trusting(certificate: Path) -> ssl.SSLContext:
    """A client's context that knows this certificate and checks names."""
    return ssl.create_default_context(cafile=str(certificate))
