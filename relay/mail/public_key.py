"""Public keys of DKIM and ARC, as DNS gives them (RFC 6376 §3.6.1, RFC 8463), and what they verify."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from relay.mail.tag_list import tag_list, unfolded

SHORTEST, LONGEST = 1024, 8192
"""Bits of an RSA key. Below the first, others have made signatures for it (RFC 8301 §3.2); above the second, a stranger
could make us calculate for long."""

EXPONENT = 64
"""Bits of an RSA exponent; nearly all have seventeen, and the time of a verification grows with them."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """`kind`: 'rsa' or 'ed25519'; `bits`: of an RSA key, else 0. `strict`: i= must be d= itself (t=s).

    `why`: what is wrong with it, '' when it can be used: 'key-revoked', 'key-syntax', 'key-short', 'key-long',
    'key-not-for-mail', 'key-not-for-sha256'.
    """

    kind: str = "rsa"
    bits: int = 0
    strict: bool = False
    why: str = ""
    _key: RSAPublicKey | Ed25519PublicKey | None = field(default=None, repr=False)

    def verifies(self, signature: bytes, digest: bytes) -> bool:
        """Is `signature` one of this key over a SHA-256 digest? (RFC 8463 signs the digest itself.)"""
        try:
            if isinstance(self._key, RSAPublicKey):
                self._key.verify(signature, digest, PKCS1v15(), Prehashed(SHA256()))
            elif self._key is not None:
                self._key.verify(signature, digest)
            else:
                return False
        except (InvalidSignature, ValueError):
            return False
        return True


def read_key(text: str) -> PublicKey:
    """The key that a TXT record holds; never raises, see `why`.

    t=y, "we are only testing", changes nothing: it is left standing for years, and a signature that holds is proof.
    """
    tags = tag_list(text)
    if tags is None or tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        return PublicKey(why="key-syntax")
    kind = tags.get("k", "rsa").lower()
    strict = "s" in (flag.strip() for flag in tags.get("t", "").split(":"))
    if kind not in ("rsa", "ed25519"):
        return PublicKey(why="key-syntax")
    if "s" in tags and not {"*", "email"} & {each.strip() for each in tags["s"].split(":")}:
        return PublicKey(kind, why="key-not-for-mail")
    if "h" in tags and "sha256" not in {each.strip().lower() for each in tags["h"].split(":")}:
        return PublicKey(kind, why="key-not-for-sha256")
    written = unfolded(tags["p"])
    if not written:
        return PublicKey(kind, why="key-revoked")
    try:
        octets = b64decode(written, validate=True)
        key = Ed25519PublicKey.from_public_bytes(octets) if kind == "ed25519" else load_der_public_key(octets)
    except (Error, ValueError, UnsupportedAlgorithm, TypeError):
        return PublicKey(kind, why="key-syntax")
    if isinstance(key, Ed25519PublicKey):
        return PublicKey(kind, strict=strict, _key=key)
    if not isinstance(key, RSAPublicKey):
        return PublicKey(kind, why="key-syntax")
    if key.key_size < SHORTEST:
        return PublicKey(kind, key.key_size, why="key-short")
    if key.key_size > LONGEST:
        return PublicKey(kind, key.key_size, why="key-long")
    exponent = key.public_numbers().e
    if exponent < 3 or exponent.bit_length() > EXPONENT:
        return PublicKey(kind, key.key_size, why="key-syntax")
    return PublicKey(kind, key.key_size, strict, _key=key)
