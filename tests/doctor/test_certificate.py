"""The certificate: names, days, chain, key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from relay.doctor import certificate
from relay.doctor.finding import Level

NOW = datetime(2026, 3, 14, 12, tzinfo=UTC)
HOST = "crm.example.org"

Pair = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def make(name: str, *names: str, days: float = 60, issuer: Pair | None = None) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=days))
    )
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in names]), critical=False)
    return made.sign(issuer[1] if issuer else key, hashes.SHA256()), key


AUTHORITY = make("authority", days=3000)


def pem(*pairs: Pair) -> bytes:
    return b"".join(each.public_bytes(Encoding.PEM) for each, _ in pairs)


def judged(octets: bytes, now: datetime = NOW) -> dict[Level, str]:
    return {each.level: each.said for each in certificate.judge(certificate.read_pem(octets), HOST, now, "tls.crt")}


def test_a_certificate_for_us_with_its_chain_and_with_time_left_is_right() -> None:
    assert set(judged(pem(make(HOST, HOST, issuer=AUTHORITY), AUTHORITY))) == {Level.OK}
    assert set(judged(pem(make(HOST, "*.example.org", issuer=AUTHORITY)))) == {Level.OK}


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [(-1, Level.ERROR, "was valid until 2026-03-13"), (5, Level.WARNING, "valid for 5 more days")],
)
def test_the_days_that_are_left_are_told(days: float, level: Level, words: str) -> None:
    found = judged(pem(make(HOST, HOST, days=days, issuer=AUTHORITY)))
    assert words in found[level]


def test_one_from_the_future_means_a_wrong_clock() -> None:
    found = judged(pem(make(HOST, HOST, issuer=AUTHORITY)), NOW - timedelta(days=40))
    assert "is the clock right?" in found[Level.ERROR]


@pytest.mark.parametrize("names", [["other.example.org"], ["*.crm.example.org"], ["*.org"], []])
def test_one_for_another_name_is_told(names: list[str]) -> None:
    assert f"and not {HOST}" in judged(pem(make(HOST, *names, issuer=AUTHORITY)))[Level.WARNING]


def test_a_chain_in_disorder_is_told() -> None:
    found = judged(pem(make(HOST, HOST, issuer=AUTHORITY), make("another", days=3000)))
    assert "the chain of tls.crt is broken behind CN=crm.example.org" in found[Level.WARNING]


def test_one_that_signed_itself_is_a_hint() -> None:
    assert "signed by itself" in judged(pem(make(HOST, HOST)))[Level.HINT]


def test_what_a_server_shows_is_read_too() -> None:
    one = make(HOST, HOST)
    assert certificate.read_der(one[0].public_bytes(Encoding.DER)) == certificate.read_pem(pem(one))
    with pytest.raises(ValueError, match="PEM"):
        certificate.read_pem(b"no certificate")


def written(key: ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    locked = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)


def test_the_key_must_be_the_certificates() -> None:
    one, other = make(HOST, HOST), make(HOST, HOST)
    shown = certificate.read_pem(pem(one))
    assert certificate.key_fits(written(one[1]), shown)
    assert not certificate.key_fits(written(other[1]), shown)
    with pytest.raises(ValueError, match="locked by a password"):
        certificate.key_fits(written(one[1], b"secret"), shown)
    with pytest.raises(ValueError, match=r"PEM|load"):
        certificate.key_fits(b"no key", shown)


def test_the_key_is_for_its_owner_alone() -> None:
    assert certificate.key("tls.key", 0o100600, fits=True).level is Level.OK
    assert certificate.key("tls.key", 0o100600, fits=None).level is Level.OK
    assert certificate.key("tls.key", 0o100600, fits=False).level is Level.ERROR
    found = certificate.key("tls.key", 0o100640, fits=True)
    assert (found.level, found.todo) == (Level.ERROR, "chmod 0600 tls.key")
