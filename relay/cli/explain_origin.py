"""Where a copy came from, in plain words: what that is worth, by which rule, and what was looked at. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from relay.attribution import telling
from relay.attribution.admission import FULL_TRUST
from relay.attribution.telling import told
from relay.cli.explain_leads import named
from relay.cli.terminal import neutral

Row = Mapping[str, Any]

SIGNATURES = 5


def in_short(envelope: Row) -> str:
    """One phrase: what the origin is worth and by which rule ('proved by dkim'); also where only full trust speaks."""
    proof = envelope if envelope.get("trust") else envelope.get("proof")
    by = neutral(envelope.get("admitted_by", ""))
    if proof is None:
        return f"vouched by {by}" if by in FULL_TRUST else f"let in by {by or 'no rule'}"
    return f"{neutral(proof['trust'])} by {by}"


def origin(envelope: Row) -> list[str]:
    """Sentences on one copy; none of one that full trust let in, whose rule says all there is."""
    proof = envelope["proof"]
    sentences = []
    if proof is not None:
        also = ", ".join(map(neutral, proof["also"]))
        sentences.append(
            f"{in_short(envelope)[:1].upper()}{in_short(envelope)[1:]}: {told(telling.TRUSTS, proof['trust'])}."
            + (f" These rules held too: {also}." if also else "")
        )
        sentences.append(f"{_client(envelope, proof)}. {_checks(proof)}.")
        sentences += [_signature(one) for one in proof["signatures"][:SIGNATURES]]
        if proof["dns_faults"]:
            sentences.append(f"DNS did not answer: {', '.join(map(neutral, proof['dns_faults']))}.")
    if envelope["owners"]:
        whose = ", ".join(named(one["name"], one["id"], "staff") for one in envelope["owners"])
        sentences.append(f"It was sent to the personal address of {whose}.")
    return sentences


def _client(envelope: Row, proof: Row) -> str:
    host = f"its name by DNS is {neutral(proof['host'])}" if proof["host"] else "it has no name by DNS"
    tls = f", {neutral(envelope['tls'])}" if envelope["tls"] else ", without TLS"
    account = f", logged in as {neutral(proof['account'])}" if proof["account"] else ""
    return f"Client {neutral(envelope['client'])}: {host}{tls}{account}"


def _checks(proof: Row) -> str:
    aligned = " (the author’s)" if proof["spf_aligned"] else ""
    checks = [f"SPF of {neutral(proof['spf_domain']) or 'nobody'}{aligned}: {neutral(proof['spf'])}"]
    policy = (
        f", {neutral(proof['dmarc_domain'])} asks for {neutral(proof['dmarc_policy'])}" if proof["dmarc_policy"] else ""
    )
    checks.append(f"DMARC: {neutral(proof['dmarc'])}{policy}")
    if proof["arc"] != "none":
        said = ", ".join(f"{neutral(method)} {neutral(domain)}" for method, domain in proof["arc_said"]) or "nothing"
        checks.append(
            f"ARC: {neutral(proof['arc'])}, sealed by {neutral(proof['arc_sealer'])}, who says passed: {said}"
        )
    if proof["upstream"]:
        said = (
            ", ".join(f"{neutral(method)} {neutral(domain)}" for method, domain in proof["upstream_said"]) or "nothing"
        )
        checks.append(f"{neutral(proof['upstream'])} says passed: {said}")
    return "; ".join(checks)


def _signature(one: Row) -> str:
    whose = "the author’s" if one["aligned"] else "not the author’s"
    why = f" ({telling.SIGNATURES.get(one['why'], neutral(one['why']))})" if one["why"] else ""
    bits = f", {one['bits']} bits" if one["bits"] else ""
    key = f"key {neutral(one['selector'])}, {neutral(one['algorithm'])}{bits}"
    return f"DKIM of {neutral(one['domain'])} ({whose}; {key}): {neutral(one['result'])}{why}."
