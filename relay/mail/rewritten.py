"""Rewritten reverse-paths: the address that a forwarder or a guard against bounces wrote another one into.

SRS (`SRS0=hash=stamp=domain=local@forwarder`, also `SRS1`), BATV (`prvs=...=local@domain`,
`btv1==...==local@domain`) and Gmail's own (`local+caf_=to=where@domain`). They are what SPF made of an envelope,
and only evidence of who sent a mail.
"""

from __future__ import annotations

import re

from relay.mail.address import Address, addr_spec

_SRS0 = re.compile(r"srs0[=+-][^=]{1,20}=[^=]{1,20}=([^=]{1,255})=(.{1,200})", re.IGNORECASE | re.DOTALL)
_SRS1 = re.compile(r"srs1[=+-][^=]{1,20}=[^=]{1,255}=([=+-].{1,400})", re.IGNORECASE | re.DOTALL)
_BATV = re.compile(r"(?:prvs=[0-9a-z]{6,20}=|btv1==[0-9a-z]{2,20}==)(.{1,200})", re.IGNORECASE | re.DOTALL)
_BATV_BEHIND = re.compile(r"(.{1,200})=prvs=[0-9a-z]{6,20}", re.IGNORECASE | re.DOTALL)
_CAF = re.compile(r"([^+]{1,200}(?:\+[^+]{1,200})?)\+caf_=.{1,250}", re.IGNORECASE | re.DOTALL)


def undone(address: Address) -> Address:
    """The address before it was rewritten; the address itself when it was not, or when nothing legible is in it."""
    for _ in range(3):  # a guarded address that was forwarded
        inner = _undone(address)
        if inner is None:
            return address
        address = inner
    return address


def _undone(address: Address) -> Address | None:
    local = address.local_part
    if "=" not in local:
        return None
    twice = _SRS1.fullmatch(local)
    if twice is not None:
        local = f"SRS0{twice[1]}"
    once = _SRS0.fullmatch(local)
    if once is not None:
        return addr_spec(f"{once[2]}@{once[1]}")
    for pattern in (_BATV, _BATV_BEHIND, _CAF):
        found = pattern.fullmatch(local)
        if found is not None:
            return addr_spec(f"{found[1]}@{address.domain}")
    return None
