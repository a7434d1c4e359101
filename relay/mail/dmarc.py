"""DMARC: what the author's domain wants to be believed of its mail (RFC 7489), and when two domains are one house.

Alignment asks whether the domain that signed, or that sent, belongs to the organisation of the author's domain. Where
an organisation ends is no rule of DNS but a list that people keep (the Public Suffix List): example.co.uk is one, co.uk
is none, and neither is a domain under which strangers rent names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from publicsuffixlist import PublicSuffixList

from relay.mail.proof import Dmarc, Result, Signature, Spf
from relay.mail.tag_list import tag_list

_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")


@dataclass(frozen=True, slots=True)
class Policy:
    """A DMARC record. `policy`, `subdomains`: 'none', 'quarantine' or 'reject'."""

    policy: str
    subdomains: str
    strict_dkim: bool = False
    strict_spf: bool = False


def names(domain: str) -> tuple[str, ...]:
    """Where the record of an author's domain may stand, in the order in which it is looked for (§6.6.3)."""
    organisation = organisational(domain)
    found = [domain] if organisation in ("", domain) else [domain, organisation]
    return tuple(f"_dmarc.{each}" for each in found)


def policy(records: Iterable[str]) -> Policy | None:
    """The policy that TXT records state; None when none does, or more than one (§6.6.3)."""
    found = [text for text in records if _VERSION.match(text)]
    tags = tag_list(found[0]) if len(found) == 1 else None
    if tags is None:
        return None
    wanted = _word(tags.get("p", "")) or ("none" if "rua" in tags else "")
    if not wanted:
        return None
    below = _word(tags.get("sp", "")) or wanted
    if tags.get("pct", "100").strip() == "0":  # for no mail at all: somebody is trying it out (§6.6.4)
        wanted, below = _one_less(wanted), _one_less(below)
    return Policy(
        wanted,
        below,
        strict_dkim=tags.get("adkim", "r").strip().lower() == "s",
        strict_spf=tags.get("aspf", "r").strip().lower() == "s",
    )


def align(
    author: str, stated: Policy | None, signatures: Sequence[Signature], spf: Spf, *, unknown: bool = False
) -> tuple[tuple[Signature, ...], Spf]:
    """The same with `aligned` told, as the author's domain wants it. `unknown`: what it wants could not be asked, so
    only the very same domain is aligned for certain.
    """
    strict_dkim, strict_spf = (stated.strict_dkim, stated.strict_spf) if stated else (unknown, unknown)
    return tuple(replace(one, aligned=aligned(one.domain, author, strict=strict_dkim)) for one in signatures), replace(
        spf, aligned=aligned(spf.domain, author, strict=strict_spf)
    )


def strictly(author: str, stated: Policy | None, passed: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """What others say passed, without near domains where the author's domain wants the very same: an MTA tells of each
    signature that it is right, and leaves it to DMARC whether it counts.
    """
    strict = {"dkim": stated is not None and stated.strict_dkim, "spf": stated is not None and stated.strict_spf}
    return tuple(
        (method, domain)
        for method, domain in passed
        if domain == author or not (strict.get(method, False) and aligned(domain, author))
    )


def judge(author: str, found_at: str, stated: Policy | None, signatures: Sequence[Signature], spf: Spf) -> Dmarc:
    """DMARC's result for the domain of the author. `found_at`: the domain whose record `stated` is.

    Without a record, alignment is told all the same: it is what opens our door.
    """
    by = ""
    if any(one.result is Result.PASS and one.aligned for one in signatures):
        by = "dkim"
    elif spf.result is Result.PASS and spf.aligned:
        by = "spf"
    if stated is None:
        return Dmarc(by=by)
    held = stated.policy if found_at == author else stated.subdomains
    return Dmarc(Result.PASS if by else Result.FAIL, found_at, held, by)


def aligned(domain: str, author: str, *, strict: bool = False) -> bool:
    """Are both of one organisation? `strict`: are they the same (§3.1)?"""
    if not domain or not author:
        return False
    if domain == author:
        return True
    organisation = organisational(author)
    return not strict and bool(organisation) and organisational(domain) == organisation


def organisational(domain: str) -> str:
    """The domain one label below a public suffix; '' when there is none (a suffix itself, an address)."""
    return "" if domain.startswith("[") else str(_suffixes().privatesuffix(domain) or "")


@cache
def _suffixes() -> PublicSuffixList:
    """Read at the first question: it takes a tenth of a second."""
    return PublicSuffixList(accept_unknown=True)


def _one_less(word: str) -> str:
    return {"reject": "quarantine"}.get(word, "none")


def _word(text: str) -> str:
    word = text.strip().lower()
    return word if word in ("none", "quarantine", "reject") else ""
