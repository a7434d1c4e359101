"""Proof: what is known of a mail's origin beside what the mail says of itself.

Only values: gathered at the end of data, before anything is decided (`relay/proof`), judged by
`relay.attribution.admission`, kept with the envelope in the vault, and told to people in three words: *proved* (the
author's domain vouches for this very message), *vouched* (a machine that we trust does), *address only* (whoever knows
a secret address may use it).

Result names are those of RFC 8601 §2.7. Domains are lower-case A-labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Result(StrEnum):
    PASS = "pass"  # noqa: S105  a result, no password
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    POLICY = "policy"
    """Right by its mathematics, and not enough for us: `why` says what is missing."""
    TEMPERROR = "temperror"
    """DNS did not answer, or our time was up: another attempt may tell."""
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM signature (RFC 6376). `domain`: d=; `selector`: s=; `bits`: of an RSA key, 0 where unknown.

    `result` is PASS only when all holds that we ask for (From signed, whole body, not expired, no SHA-1, key of 1024
    bits or more); POLICY when it verifies and one of these is missing. `why`: a short name when it is not PASS.
    """

    domain: str
    selector: str
    result: Result
    algorithm: str = ""
    bits: int = 0
    signed_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Spf:
    """SPF (RFC 7208) of the reverse-path, of the HELO name where that is null. `domain`: the one that was asked."""

    result: Result = Result.NONE
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Dmarc:
    """DMARC (RFC 7489) of the author's domain. `domain`: where the record was found, '' for none.

    `policy`: 'none', 'quarantine' or 'reject', as it holds for the author's domain; '' without a record.
    `by`: what is aligned with the author, 'dkim' or 'spf', '' for neither.
    """

    result: Result = Result.NONE
    domain: str = ""
    policy: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Arc:
    """An ARC chain (RFC 8617). `result`: of the whole chain; `sealer`: d= of the newest seal; `instances`: its length.

    `passed`: domains for which the newest sealer's own results say dkim=pass or dmarc=pass.
    """

    result: Result = Result.NONE
    sealer: str = ""
    instances: int = 0
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What an upstream of ours says in its topmost Authentication-Results (RFC 8601).

    `passed`: (method, domain) of what passed: 'dkim', 'spf', 'dmarc'.
    """

    authserv_id: str = ""
    passed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """All of it. `host`: the name of the client by DNS that leads back to its address, '' for none.

    `faults`: the questions that DNS did not answer in time, as 'dkim example.org', 'spf example.org'.
    """

    host: str = ""
    spf: Spf = Spf()
    signatures: tuple[Signature, ...] = ()
    dmarc: Dmarc = Dmarc()
    arc: Arc = Arc()
    said: Said = Said()
    faults: tuple[str, ...] = ()
