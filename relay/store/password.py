"""Passwords: how one is kept, and how one is compared.

Kept as scrypt (RFC 7914) with its parameters and a salt of its own, so that a password costs whoever steals the file
as much as possible, and later versions may ask for more. Compared in the same time whether there is one or not.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import unicodedata
from base64 import b64decode, b64encode

SHORTEST = 12
"""Characters. A password stands alone here, with nothing beside it that a thief would also need."""

LONGEST = 256
"""Characters. SASL programs send no more (RFC 4616), and whoever sends more is no person."""

LOG_N, R, P = 14, 8, 3
"""16 MiB and about 0.2 s: 2^14 blocks of 1 KiB, three times over one after the other. The memory is taken by one
comparison at a time (`relay.capture.logins`), beside the mail in flight."""

MAXMEM = 64 << 20
"""Octets that a comparison may take, also with parameters that a file names."""


def normal(written: str) -> str | None:
    """A password as it is compared: an OpaqueString (RFC 8265 §4.2), or None when it can be none.

    Blanks of any script are blanks, accents are one character however the keyboard sends them.
    """
    text = unicodedata.normalize("NFC", "".join(" " if unicodedata.category(c) == "Zs" else c for c in written))
    if not text or len(text) > LONGEST or any(unicodedata.category(c) in ("Cc", "Cs", "Cn", "Zl", "Zp") for c in text):
        return None
    return text


def kept(password: str) -> str:
    """The form in which a password in its `normal` form is kept: `scrypt:LOG_N:R:P:SALT:HASH`."""
    salt = secrets.token_bytes(16)
    found = _scrypt(password, salt, LOG_N, R, P)
    return f"scrypt:{LOG_N}:{R}:{P}:{b64encode(salt).decode()}:{b64encode(found).decode()}"


def matches(password: str, form: str) -> bool:
    """Is it the password that is kept as `form`? False for a form that is none of ours, after the same time."""
    try:
        log_n, r, p, salt, expected = form.removeprefix("scrypt:").split(":")
        found = _scrypt(password, b64decode(salt), int(log_n), int(r), int(p))
        return hmac.compare_digest(found, b64decode(expected))
    except ValueError:
        _scrypt(password, bytes(16), LOG_N, R, P)
        return False


DUMMY = f"scrypt:{LOG_N}:{R}:{P}:{b64encode(bytes(16)).decode()}:{b64encode(bytes(32)).decode()}"
"""Compared with where there is no password. No password has a hash of 32 zeros."""


def _scrypt(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    if not (1 <= log_n <= 20 and 1 <= r <= 32 and 1 <= p <= 16):
        raise ValueError("parameters")
    return hashlib.scrypt(
        password.encode("utf-8", "replace"), salt=salt, n=1 << log_n, r=r, p=p, maxmem=MAXMEM, dklen=32
    )
