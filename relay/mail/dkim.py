"""DKIM signatures: what they claim, and whether it holds (RFC 6376, RFC 8301, RFC 8463).

Two steps, because a key lies between them: `claims` reads the signatures of a header, `judge` says what one is worth
when its key is there. Judged more strictly than the RFC asks of a verifier, since a signature here opens a door: From
must be signed, the whole body, nothing expired, no SHA-1, a key of 1024 bits or more, and beside a field that is signed
no second one of the same name, which a reader might show instead (§8.15).

Our own, because the library at hand says True to expired signatures, added text and unsigned From, False to a DNS that
does not answer, and takes 17 s for eighty kilobytes of blanks.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import islice

from relay.mail.address import a_labels
from relay.mail.canonical import Field, chosen, header
from relay.mail.proof import Result, Signature
from relay.mail.public_key import PublicKey
from relay.mail.tag_list import tag_list, unfolded

MANY = 10
"""Signatures of one message that are read at all; large providers make two or three."""

LONGEST = 16 * 1024
"""Octets of one signature field; real ones have one or two thousand."""

AHEAD = timedelta(hours=1)
"""How far t= may lie in the future: clocks differ."""

_ONCE = frozenset(
    b"from sender reply-to to cc subject date message-id in-reply-to references mime-version content-type "
    b"content-transfer-encoding".split()
)
"""Fields that a message has once (RFC 5322 §3.6) and that we read."""

_OWN_SIGNATURE = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")
_NAME = re.compile(r"[!-9;-~]+")

BodyHash = Callable[[bool], bytes]
"""SHA-256 of the body in canonical form; relaxed or not."""


@dataclass(frozen=True, slots=True)
class Claim:
    """One signature field as it is written. `why`: why it cannot be verified whatever the key, '' if it can.

    `length`: it covers only the beginning of the body (l=). `user_domain`: right of the @ of i=.
    """

    field: bytes
    domain: str
    selector: str
    algorithm: str = ""
    signature: bytes = b""
    body_hash: bytes = b""
    names: tuple[str, ...] = ()
    relaxed_header: bool = False
    relaxed_body: bool = False
    length: bool = False
    user_domain: str = ""
    signed_at: datetime | None = None
    expires_at: datetime | None = None
    why: str = ""

    @property
    def key_name(self) -> str:
        """Where its key stands in DNS (RFC 6376 §3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


def claims(fields: Sequence[Field]) -> tuple[Claim, ...]:
    """The signatures of a header, from the top; those without a domain and a selector are left out."""
    return tuple(islice(_claims(fields), MANY))


def _claims(fields: Sequence[Field]) -> Iterator[Claim]:
    for name, field in fields:
        if name.lower() != b"dkim-signature" or len(field) > LONGEST:
            continue
        claim = claim_of(field)
        if claim is not None:
            yield claim


def claim_of(field: bytes, *, sealing: bool = False) -> Claim | None:
    """What a signature field says, None when it names no domain and selector to look under.

    `sealing`: it is a field of ARC, which has no v= and, if it is a seal, no body (RFC 8617 §4.1).
    """
    tags = tag_list(field.partition(b":")[2].decode("utf-8", "replace"))
    if tags is None:
        return None
    domain, selector = _domain(tags.get("d", "")), _domain(tags.get("s", ""))
    if not domain or not selector:
        return None
    why = "" if sealing or tags.get("v") == "1" else "syntax"
    header_form, _, body_form = tags.get("c", "simple/simple").lower().partition("/")
    names = tuple(each.strip().lower() for each in tags.get("h", "").split(":"))
    signature, body_hash = _octets(tags.get("b", "")), _octets(tags.get("bh", ""))
    signed_at, expires_at = _time(tags.get("t")), _time(tags.get("x"))
    if not all(tags[name].isascii() and tags[name].isdigit() for name in ("t", "x", "l") if name in tags):
        why = why or "syntax"
    body_form = body_form.strip() or "simple"
    header_form = header_form.strip()
    user = "" if sealing else tags.get("i", "")  # in ARC, i= is the number of the set
    user_domain = _domain(unfolded(user).rpartition("@")[2]) or domain
    if not signature or {header_form, body_form} - {"simple", "relaxed"}:
        why = why or "syntax"
    if not sealing and (not body_hash or not all(map(_NAME.fullmatch, names))):
        why = why or "syntax"
    if user_domain != domain and not user_domain.endswith("." + domain):
        why = why or "syntax"
    if "dns/txt" not in [each.strip().lower() for each in tags.get("q", "dns/txt").split(":")]:
        why = why or "syntax"
    return Claim(
        field=field,
        domain=domain,
        selector=selector,
        algorithm=tags.get("a", "").lower(),
        signature=signature,
        body_hash=body_hash,
        names=names,
        relaxed_header=header_form == "relaxed",
        relaxed_body=body_form == "relaxed",
        length="l" in tags,
        user_domain=user_domain,
        signed_at=signed_at,
        expires_at=expires_at,
        why=why,
    )


def judge(claim: Claim, key: PublicKey, fields: Sequence[Field], body_hash: BodyHash, now: datetime) -> Signature:
    """What the signature is worth. `fields`: the header that it stands in, from the top; `now`: an aware time."""
    why = claim.why or key.why or _unfit(claim, key)
    if why:
        return _worth(claim, key, Result.PERMERROR, why)
    result, why = _worthless(claim, fields, body_hash, now)
    if why:
        return _worth(claim, key, result, why)
    if not key.verifies(claim.signature, signed_digest(claim, fields)):
        return _worth(claim, key, Result.FAIL, "signature-wrong")
    return _worth(claim, key, Result.PASS, "")


def _worthless(claim: Claim, fields: Sequence[Field], body_hash: BodyHash, now: datetime) -> tuple[Result, str]:
    """Why it is worth nothing whatever its key is: the result and a short name, which is '' when the key decides."""
    if claim.why or claim.algorithm.endswith("-sha1"):
        return Result.PERMERROR, claim.why or "sha1"  # RFC 8301 §3.1
    if claim.length:
        return Result.POLICY, "body-length"  # what follows could be anybody's
    if "from" not in claim.names:
        return Result.POLICY, "from-not-signed"
    why = untimely(claim, now)
    if why:
        return Result.POLICY, why
    if added(claim, fields):
        return Result.POLICY, "field-added"
    if body_hash(claim.relaxed_body) != claim.body_hash:
        return Result.FAIL, "body-changed"
    return Result.PASS, ""


def untimely(claim: Claim, now: datetime) -> str:
    """Why a signature does not count now: 'expired', 'in-the-future'; '' when it does."""
    if claim.expires_at is not None and claim.expires_at < now:
        return "expired"
    return "in-the-future" if claim.signed_at is not None and claim.signed_at > now + AHEAD else ""


def added(claim: Claim, fields: Sequence[Field]) -> bool:
    """Is there one more field of a name that is signed, which a message has only once? It stands above the signed one,
    and many readers show the first.
    """
    present = Counter(name.lower() for name, _ in fields)
    signed = Counter(claim.names)
    return any(present[name] > signed[name.decode()] > 0 for name in _ONCE)


def dates(claim: Claim) -> bool:
    """Is Date signed, so that it tells when the message was made?"""
    return "date" in claim.names


def unanswered(claim: Claim, fields: Sequence[Field], body_hash: BodyHash, now: datetime) -> Signature:
    """What it is worth while DNS does not answer: what no key could mend is not put off."""
    result, why = _worthless(claim, fields, body_hash, now)
    return _worth(claim, PublicKey(), *((result, why) if why else (Result.TEMPERROR, "no-answer")))


def refused(claim: Claim, why: str) -> Signature:
    """One that is not even looked at."""
    return _worth(claim, PublicKey(), Result.PERMERROR, why)


def signed_digest(claim: Claim, fields: Sequence[Field]) -> bytes:
    """SHA-256 over the header fields that a signature covers, and over itself without its b= (RFC 6376 §3.7)."""
    covered = [header(field, relaxed=claim.relaxed_header) for field in chosen(fields, claim.names)]
    return sha256(b"".join(covered) + without_signature(claim)).digest()


def without_signature(claim: Claim) -> bytes:
    """The signature field as it was when it was signed: b= empty, no CRLF at its end."""
    name, colon, value = claim.field.partition(b":")
    bare = name + colon + _OWN_SIGNATURE.sub(rb"\1", value, count=1)
    return header(bare, relaxed=claim.relaxed_header).removesuffix(b"\r\n")


def _unfit(claim: Claim, key: PublicKey) -> str:
    """Why this key is none for this signature."""
    if claim.algorithm.endswith("-sha1"):
        return "sha1"  # RFC 8301 §3.1
    if claim.algorithm != f"{key.kind}-sha256":
        return "algorithm"
    if key.strict and claim.user_domain != claim.domain:
        return "user-domain"
    return ""


def _worth(claim: Claim, key: PublicKey, result: Result, why: str) -> Signature:
    return Signature(claim.domain, claim.selector, result, claim.algorithm, key.bits, claim.signed_at, why)


def _domain(text: str) -> str:
    """A domain name in lower-case A-labels, '' when it is none."""
    return a_labels(unfolded(text).lower().rstrip(".")) or ""


def _octets(text: str) -> bytes:
    try:
        return b64decode(unfolded(text), validate=True)
    except (Error, ValueError):
        return b""


def _time(text: str | None) -> datetime | None:
    """Seconds since 1970, as t= and x= write them; None when there is none. Beyond all calendars is their last day."""
    if text is None or not text.isascii() or not text.isdigit():
        return None
    if len(text.lstrip("0")) > 11:
        return datetime.max.replace(tzinfo=UTC)
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (OverflowError, ValueError):
        return None
