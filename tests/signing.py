"""Signing, word for word as the RFCs have it and without our own code: DKIM signatures with whatever tags a test wants,
ARC sets, and the keys to publish. dkimpy says in the tests that what is made here is right.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

NOW = 1_770_000_000
"""The time of the tests, seconds since 1970: 2026-02-02 02:40 UTC."""

HEADERS = "from:to:subject:date:message-id"

Key = RSAPrivateKey | Ed25519PrivateKey


@cache
def rsa(bits: int = 1024) -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=bits)


@cache
def ed25519() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@cache
def record(key: Key) -> str:
    """The TXT record of a key."""
    if isinstance(key, Ed25519PrivateKey):
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={b64encode(public).decode()}"
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={b64encode(public).decode()}"


@cache
def pem(key: RSAPrivateKey) -> bytes:
    """The private key as dkimpy reads it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def signed(
    message: bytes,
    domain: str = "rep.example",
    *,
    key: Key | None = None,
    headers: str = HEADERS,
    form: str = "relaxed/relaxed",
    tags: Mapping[str, str | None] | None = None,
) -> bytes:
    """The message with a signature on top. `tags`: others than usual, None leaves one out."""
    key = key or rsa()
    head, _, body = message.partition(b"\r\n\r\n")
    header_form, _, body_form = form.partition("/")
    octets = _body(body, body_form)
    kind = "ed25519-sha256" if isinstance(key, Ed25519PrivateKey) else "rsa-sha256"
    values: dict[str, str | None] = {
        "v": "1", "a": kind, "c": form, "d": domain, "s": "s1", "t": str(NOW), "h": headers,
        "bh": b64encode(sha256(octets).digest()).decode(),
    }  # fmt: skip
    values |= tags or {}
    if values.get("l"):
        octets = octets[: int(values["l"] or 0)]
        values["bh"] = b64encode(sha256(octets).digest()).decode()
    field = b"DKIM-Signature: " + _written(values) + b"; b="
    covered = _covered(_fields(head), (values["h"] or "").split(":"), header_form)
    signature = _sign(
        key, covered + _header(field, header_form).removesuffix(b"\r\n"), sha1="sha1" in (values["a"] or "")
    )
    return field + signature + b"\r\n" + message


def sealed(
    message: bytes,
    domain: str = "fwd.example",
    *,
    results: str = "dkim=pass header.d=rep.example",
    key: Key | None = None,
    seal_tags: Mapping[str, str | None] | None = None,
    headers: str = HEADERS,
) -> bytes:
    """The message with one more ARC set on top (RFC 8617 §5.1)."""
    key = key or rsa()
    head, _, body = message.partition(b"\r\n\r\n")
    fields = _fields(head)
    before = {
        (name, int(found[1])): field
        for name, field in fields
        if name.startswith("arc-") and (found := re.search(rb"[ ;]i=(\d+)", field))
    }
    number = 1 + len(before) // 3
    said = f"ARC-Authentication-Results: i={number}; mx.{domain}; {results}\r\n".encode()
    message_tags = {
        "i": str(number), "a": "rsa-sha256", "c": "relaxed/relaxed", "d": domain, "s": "s1", "t": str(NOW),
        "h": headers, "bh": b64encode(sha256(_body(body, "relaxed")).digest()).decode(),
    }  # fmt: skip
    made = b"ARC-Message-Signature: " + _written(message_tags) + b"; b="
    covered = _covered(fields, headers.split(":"), "relaxed")
    made += _sign(key, covered + _header(made, "relaxed").removesuffix(b"\r\n")) + b"\r\n"
    values: dict[str, str | None] = {
        "i": str(number), "a": "rsa-sha256", "cv": "none" if number == 1 else "pass", "d": domain, "s": "s1",
        "t": str(NOW),
    }  # fmt: skip
    values |= seal_tags or {}
    seal = b"ARC-Seal: " + _written(values) + b"; b="
    kinds = ("arc-authentication-results", "arc-message-signature", "arc-seal")
    chain = [before[kind, each] for each in range(1, number) for kind in kinds]
    octets = b"".join(_header(field, "relaxed") for field in (*chain, said, made))
    seal += _sign(key, octets + _header(seal, "relaxed").removesuffix(b"\r\n")) + b"\r\n"
    return seal + made + said + message


def _written(values: Mapping[str, str | None]) -> bytes:
    return "; ".join(f"{name}={value}" for name, value in values.items() if value is not None).encode()


def _fields(head: bytes) -> list[tuple[str, bytes]]:
    found = re.split(rb"\r\n(?![ \t])", head)
    return [(field.partition(b":")[0].strip().decode().lower(), field + b"\r\n") for field in found if field]


def _covered(fields: Sequence[tuple[str, bytes]], names: Sequence[str], form: str) -> bytes:
    left = list(fields)
    covered = b""
    for name in names:
        for at in reversed(range(len(left))):
            if left[at][0] == name.strip().lower():
                covered += _header(left.pop(at)[1], form)
                break
    return covered


def _header(field: bytes, form: str) -> bytes:
    """RFC 6376 §3.4.1 and §3.4.2."""
    if form == "simple":
        return field.removesuffix(b"\r\n") + b"\r\n"
    name, _, value = field.partition(b":")
    value = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" \t")
    return name.strip(b" \t").lower() + b":" + value + b"\r\n"


def _body(body: bytes, form: str) -> bytes:
    """RFC 6376 §3.4.3 and §3.4.4."""
    if form == "relaxed":
        body = b"\r\n".join(re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n"))
    end = len(body)
    while body[end - 2 : end] == b"\r\n":
        end -= 2
    body = body[:end]
    return body + b"\r\n" if body or form != "relaxed" else b""


def _sign(key: Key, octets: bytes, *, sha1: bool = False) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        return b64encode(key.sign(sha256(octets).digest()))
    return b64encode(key.sign(octets, PKCS1v15(), SHA1() if sha1 else SHA256()))
