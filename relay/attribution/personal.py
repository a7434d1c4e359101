"""Personal addresses: the capture address that one of our people has alone, `crm+me-TOKEN@...`.

Decides what a token is, in which forms it comes back, and as what it may be kept. Whoever knows the token may hand
in mail as that person, so only its hash is kept; the token itself is shown once, when it is made. A token is 130
random bits: nothing is gained by trying, and a hash without salt is as good as one with it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from relay.attribution.directory import Directory
from relay.attribution.tag import read, without_secret
from relay.mail.address import Address

LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
"""Base32 (RFC 4648 §6) in lower case: five bits each, the same whatever a client does with capitals."""

LENGTH = 26
"""Letters of a token: 130 bits. With `crm+me-` before it well within the 64 octets of a local part."""

# Also behind %2B, as the plus sign is written in a mailto: link.
_WRITTEN = re.compile(rf"(?:\b|(?<=%2B))me-[a-z0-9]{{{LENGTH}}}\b", re.IGNORECASE | re.ASCII)
_MISREAD = str.maketrans("018", "olb")  # digits that no token has, copied from paper


def make_token(choose: Callable[[str], str]) -> str:
    """A new token. `choose` draws one of the characters of a text (`secrets.choice`)."""
    return "".join(choose(LETTERS) for _ in range(LENGTH))


def token_hash(token: str) -> str:
    """As what a token is kept and looked up: SHA-256, hexadecimal, of its normal form."""
    normal = token.strip().lower().translate(_MISREAD)
    return hashlib.sha256(normal.encode("utf-8", "replace")).hexdigest()


def hidden(text: str) -> str:
    """A text of a message as it is kept: personal addresses in it, quoted by whoever saw one, are shown as `me-...`."""
    # Hardly any text has these letters at all: to find that out must cost nothing.
    if "-" not in text or not ("e-" in text or "E-" in text):
        return text
    return _WRITTEN.sub("me-...", text) if "me-" in text.lower() else text


def personal_address(capture_address: str, token: str) -> str:
    """The address to put into Bcc: a capture address with the token as its tag."""
    local, at, domain = capture_address.rpartition("@")
    return f"{local}+me-{token}{at}{domain}"


def token_hashes(forward_path: Address, directory: Directory) -> tuple[str, ...]:
    """The hashes of all tokens in an address of ours, in order; none for any other address."""
    found = directory.capture_address(forward_path)
    if found is None:
        return ()
    return tuple(token_hash(tag.value) for tag in read(found[1]) if tag.kind == "me")


def shown(forward_path: Address, directory: Directory) -> Address:
    """An address of ours as it is kept: without its token. Others are left alone, also where they look alike."""
    if not token_hashes(forward_path, directory):
        return forward_path
    local, _, _ = without_secret(str(forward_path)).rpartition("@")
    return Address(local, forward_path.domain)
