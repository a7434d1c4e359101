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


class Trust(StrEnum):
    """What people are told of a mail's origin, in one word or two."""

    PROVED = "proved"
    """The author's domain vouches for this very message, or the author logged in here."""
    VOUCHED = "vouched"
    """A machine that we trust says who it is from."""
    ADDRESS_ONLY = "address only"
    """Whoever sent it knew a secret address; anybody may have written it."""


@dataclass(frozen=True, slots=True)
class Signature:
    """One DKIM signature (RFC 6376). `domain`: d=; `selector`: s=; `bits`: of an RSA key, 0 where unknown.

    `result` is PASS only when all holds that we ask for (From signed, whole body, not expired, no SHA-1, key of 1024
    bits or more); POLICY when it verifies and one of these is missing. `why`: a short name when it is not PASS.
    `signed_at`: its t=, else the Date that it signs; None: it does not tell. `aligned`: its domain is the author's, or
    of the same organisation (as the author's domain wants it, DMARC's adkim); says nothing of `result`.
    """

    domain: str
    selector: str
    result: Result
    algorithm: str = ""
    bits: int = 0
    signed_at: datetime | None = None
    why: str = ""
    aligned: bool = False


@dataclass(frozen=True, slots=True)
class Spf:
    """SPF (RFC 7208) of the reverse-path, of the HELO name where that is null. `domain`: the one that was asked.

    `aligned`: it is the author's, or of the same organisation (DMARC's aspf); says nothing of `result`.
    """

    result: Result = Result.NONE
    domain: str = ""
    aligned: bool = False


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

    `passed`: (method, domain) of what the newest sealer's own results say passed: 'dkim', 'spf', 'dmarc'; worth
    something only when `result` is PASS. `sealed_at`: t= of the newest seal, None without one.
    """

    result: Result = Result.NONE
    sealer: str = ""
    instances: int = 0
    passed: tuple[tuple[str, str], ...] = ()
    sealed_at: datetime | None = None


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
