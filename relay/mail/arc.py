"""ARC: what a forwarder found before it changed a message, sealed (RFC 8617).

Sets of three fields, numbered: results, a signature of the message as it was then, and a seal over all sets up to here.
Two steps as with DKIM: `chain` reads, `judge` says what the chain is worth when the keys are there. A chain that passes
proves who sealed, not that the sealer is honest: only listed sealers are believed, and only what they say themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from relay.mail import authres
from relay.mail.canonical import Field, header
from relay.mail.dkim import LONGEST, BodyHash, Claim, added, claim_of, signed_digest, untimely, without_signature
from relay.mail.proof import Arc, Result
from relay.mail.public_key import PublicKey
from relay.mail.tag_list import tag_list

MOST = 10
"""Sets that are followed (the RFC allows 50): each costs a key and a signature, and real ways have two or three."""

_KINDS = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")
_INSTANCE = re.compile(r"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*(\d{1,2})[ \t\r\n]*(?:;|$)")


@dataclass(frozen=True, slots=True)
class Set:
    """One instance: three fields as received, and what two of them claim."""

    results: bytes
    message: Claim
    seal: Claim

    def says(self) -> tuple[tuple[str, str], ...]:
        """(method, domain) of what passed by its results; nothing when they cannot be read."""
        found = authres.read(self.results.partition(b":")[2].decode("utf-8", "replace"), arc=True)
        return found.passed() if found is not None else ()


@dataclass(frozen=True, slots=True)
class Chain:
    """All instances from 1 on. `broken`: no keys are needed to see that the chain is not valid."""

    sets: tuple[Set, ...]
    broken: bool = False

    @property
    def key_names(self) -> tuple[str, ...]:
        """What must be asked of DNS: the key of the newest message signature, and that of each seal."""
        if self.broken:
            return ()
        return tuple(dict.fromkeys((self.sets[-1].message.key_name, *(one.seal.key_name for one in self.sets))))


def chain(fields: Sequence[Field]) -> Chain | None:
    """The ARC sets of a header, None when it has none (RFC 8617 §5.2, steps 1 to 3)."""
    found: dict[bytes, dict[int, bytes]] = {kind: {} for kind in _KINDS}
    for name, field in fields:
        kind = name.lower()
        if kind not in found:
            continue
        instance = _instance(field)
        if len(field) > LONGEST or not 1 <= instance <= MOST or instance in found[kind]:
            return Chain((), broken=True)
        found[kind][instance] = field
    last = max((instance for each in found.values() for instance in each), default=0)
    if not last:
        return None
    if any(set(each) != set(range(1, last + 1)) for each in found.values()):
        return Chain((), broken=True)
    sets = []
    for instance in range(1, last + 1):
        results, message, seal = (found[kind][instance] for kind in _KINDS)
        one = _set(instance, results, message, seal)
        if one is None:
            return Chain((), broken=True)
        sets.append(one)
    return Chain(tuple(sets))


def judge(
    found: Chain, keys: Mapping[str, PublicKey | None], fields: Sequence[Field], body_hash: BodyHash, now: datetime
) -> Arc:
    """What the chain is worth (§5.2, steps 4 to 6). `keys`: by name; None where DNS did not answer."""
    if found.broken:
        return Arc(Result.FAIL)
    newest = found.sets[-1]
    claimed = Arc(
        sealer=newest.seal.domain,
        instances=len(found.sets),
        passed=newest.says(),
        sealed_at=newest.seal.signed_at,
    )
    if not _covers(newest.message, fields, body_hash, now):
        return replace(claimed, result=Result.FAIL, passed=())
    if any(keys.get(name, PublicKey(why="key-missing")) is None for name in found.key_names):
        return replace(claimed, result=Result.TEMPERROR)  # what no key could mend was told before
    if not _signed(newest.message, keys, fields) or not _sealed(found.sets, keys):
        return replace(claimed, result=Result.FAIL, passed=())
    return replace(claimed, result=Result.PASS)


def _covers(claim: Claim, fields: Sequence[Field], body_hash: BodyHash, now: datetime) -> bool:
    """May the newest message signature, whatever its key, be one over this message? It signs no seals (§4.1.2)."""
    if claim.why or claim.length or "from" not in claim.names or "arc-seal" in claim.names:
        return False
    return not untimely(claim, now) and not added(claim, fields) and body_hash(claim.relaxed_body) == claim.body_hash


def _signed(claim: Claim, keys: Mapping[str, PublicKey | None], fields: Sequence[Field]) -> bool:
    """Is the newest message signature one by its key?"""
    key = keys.get(claim.key_name)
    if key is None or key.why or claim.algorithm != f"{key.kind}-sha256":
        return False
    return key.verifies(claim.signature, signed_digest(claim, fields))


def _sealed(sets: Sequence[Set], keys: Mapping[str, PublicKey | None]) -> bool:
    """Is each seal one over all sets up to its own? (§5.1.1)"""
    covered = b""
    for one in sets:
        seal, key = one.seal, keys.get(one.seal.key_name)
        if key is None or key.why or seal.why or seal.algorithm != f"{key.kind}-sha256":
            return False
        covered += header(one.results, relaxed=True) + header(one.message.field, relaxed=True)
        if not key.verifies(seal.signature, sha256(covered + without_signature(seal)).digest()):
            return False
        covered += header(seal.field, relaxed=True)
    return True


def _set(instance: int, results: bytes, message: bytes, seal: bytes) -> Set | None:
    signature, sealed = claim_of(message, sealing=True), claim_of(seal, sealing=True)
    tags = tag_list(seal.partition(b":")[2].decode("utf-8", "replace")) or {}
    validation = tags.get("cv", "").lower()
    # The first has found no chain before it, each later one a valid chain (step 3); a seal has no h= (§4.1.3).
    if signature is None or sealed is None or validation != ("none" if instance == 1 else "pass") or "h" in tags:
        return None
    if not signature.body_hash:
        return None
    return Set(results, signature, _relaxed(sealed))


def _relaxed(seal: Claim) -> Claim:
    """Seals are made over relaxed fields and have no c= to say so (§4.1.3)."""
    return Claim(
        field=seal.field, domain=seal.domain, selector=seal.selector, algorithm=seal.algorithm,
        signature=seal.signature, relaxed_header=True, signed_at=seal.signed_at, why=seal.why,
    )  # fmt: skip


def _instance(field: bytes) -> int:
    """i= of a field, where it stands first or among tags; 0 when there is none."""
    value = field.partition(b":")[2][:LONGEST].decode("utf-8", "replace")
    first = _INSTANCE.match(value)
    if first is not None:
        return int(first[1])
    written = (tag_list(value) or {}).get("i", "")
    return int(written) if written.isascii() and written.isdigit() and len(written) <= 2 else 0
