"""Origin: what was found out about where a mail came from, and what was made of it, as it is kept with the envelope.

A mail from a client that has full trust has none. Its written form is part of the envelope's (`relay.mail.envelope`):
bounded, since strangers choose nearly all of what is in it, and readable for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from relay.mail.proof import Arc, Dmarc, Proof, Result, Said, Signature, Spf, Trust

LONGEST = 255
"""Characters of a name that are kept: no domain is longer (RFC 1035 §2.3.4)."""

MOST = 20
"""Entries of each list that are kept; real mail has two signatures and a chain of three."""


_NOTHING = Proof()


@dataclass(frozen=True, slots=True)
class Origin:
    """`trust`: the summary for people. `also`: the names of further rules that held, beside the one that admitted.
    `staff`: staff.id of who handed it in, None for somebody who is none of us. `defects`: what is to be noted on the
    message.
    """

    trust: Trust
    also: tuple[str, ...] = ()
    staff: int | None = None
    proof: Proof = _NOTHING
    defects: tuple[str, ...] = ()

    def written(self) -> list[object]:
        """As values of JSON."""
        proof = self.proof
        return [
            self.trust.value,
            list(self.also[:MOST]),
            self.staff,
            list(self.defects[:MOST]),
            _short(proof.host),
            [proof.spf.result.value, _short(proof.spf.domain), proof.spf.aligned],
            [_signature(one) for one in proof.signatures[:MOST]],
            [proof.dmarc.result.value, _short(proof.dmarc.domain), proof.dmarc.policy, proof.dmarc.by],
            [
                proof.arc.result.value, _short(proof.arc.sealer), proof.arc.instances, _pairs(proof.arc.passed),
                _moment(proof.arc.sealed_at),
            ],
            [_short(proof.said.authserv_id), _pairs(proof.said.passed)],
            [_short(text) for text in proof.faults[:MOST]],
        ]  # fmt: skip


def read(written: Any) -> Origin:
    """The written form back. Raises ValueError, TypeError, IndexError where it is none."""
    trust, also, staff, defects, host, spf, signatures, dmarc, arc, said, faults = written[:11]
    proof = Proof(
        host,
        Spf(Result(spf[0]), *spf[1:3]),
        tuple(_read_signature(one) for one in signatures),
        Dmarc(Result(dmarc[0]), *dmarc[1:4]),
        Arc(Result(arc[0]), arc[1], arc[2], _read_pairs(arc[3]), _read_moment(arc[4])),
        Said(said[0], _read_pairs(said[1])),
        tuple(faults),
    )
    return Origin(Trust(trust), tuple(also), staff, proof, tuple(defects))


def _short(text: str) -> str:
    return text[:LONGEST]


def _pairs(pairs: tuple[tuple[str, str], ...]) -> list[list[str]]:
    return [[_short(one), _short(other)] for one, other in pairs[:MOST]]


def _read_pairs(written: Any) -> tuple[tuple[str, str], ...]:
    return tuple((one, other) for one, other in written)


def _moment(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _read_moment(written: float | None) -> datetime | None:
    return None if written is None else datetime.fromtimestamp(written, UTC)


def _signature(one: Signature) -> list[object]:
    return [
        _short(one.domain), _short(one.selector), one.result.value, _short(one.algorithm), one.bits,
        _moment(one.signed_at), _short(one.why), one.aligned,
    ]  # fmt: skip


def _read_signature(written: Any) -> Signature:
    domain, selector, result, algorithm, bits, signed_at, why, aligned = written[:8]
    return Signature(domain, selector, Result(result), algorithm, bits, _read_moment(signed_at), why, aligned)
