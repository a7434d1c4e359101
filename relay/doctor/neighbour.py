"""A Postfix on this machine: would it send copies in a circle, or keep them? Pure but for `ask`, the edge.

We never send, so a loop is always Postfix's own: it takes the capture domain for its own, or finds itself at the
other end of the MX record.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from relay.doctor.finding import Finding, error, hint, ok, warning

PARAMETERS = (
    "mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains", "transport_maps",
    "virtual_alias_maps", "canonical_maps", "recipient_canonical_maps", "always_bcc", "recipient_bcc_maps",
    "sender_bcc_maps", "message_size_limit", "inet_interfaces",
)  # fmt: skip

PATIENCE = 10.0
"""Seconds for one of Postfix's commands."""

MAPS = 8
"""Maps of one parameter that are asked."""


@dataclass(frozen=True, slots=True)
class Postfix:
    """`parameters`: as `postconf` tells them, expanded. `found`: (parameter, key) -> what its maps say."""

    parameters: Mapping[str, str]
    found: Mapping[tuple[str, str], str] = field(default_factory=dict)


def judge(
    postfix: Postfix, addresses: Sequence[str], hostname: str, max_size: int, *, lmtp: str, holds_port: bool
) -> list[Finding]:
    """`addresses`: the capture addresses. `lmtp`: our socket, '' for none. `holds_port`: port 25 here is Postfix's."""
    told: list[Finding] = []
    way = f"lmtp:unix:{lmtp}" if lmtp else f"smtp:[{hostname}]"
    for address in addresses:
        domain = address.rpartition("@")[2]
        told += _one(postfix, address, domain, f"{domain} {way}    # in transport_maps", holds_port=holds_port)
    limit = postfix.parameters.get("message_size_limit", "")
    if limit.isdigit() and (int(limit) == 0 or int(limit) > max_size):
        told.append(_larger(int(limit), max_size))
    return told or [ok("postfix", "the Postfix here sends the copies on, and in no circle")]


def _larger(limit: int, max_size: int) -> Finding:
    """Postfix takes larger mail than the relay. `limit`: 0 for none."""
    said = f"the Postfix here takes mail of {f'up to {limit:,}' if limit else 'any number of'} octets, and the relay"
    todo = f"editor bcc-relay.toml    # [capture] max_size = {limit or max_size}"
    if not limit:
        todo = f"postconf -e message_size_limit={max_size}"
    return warning("postfix", f"{said} up to {max_size:,}: copies of larger mail bounce", todo)


def _one(postfix: Postfix, address: str, domain: str, line: str, *, holds_port: bool) -> list[Finding]:
    def says(parameter: str) -> str:
        return postfix.found.get((parameter, address)) or postfix.found.get((parameter, f"@{domain}")) or ""

    told = [
        error("postfix", f"Postfix takes {domain} for its own ({parameter}): copies stay with it",
              f"postconf -e '{parameter} = ...'    # without {domain}; then {line}")
        for parameter in ("mydestination", "virtual_alias_domains", "virtual_mailbox_domains")
        if domain in _words(postfix.parameters.get(parameter, ""))
    ]  # fmt: skip
    told += [
        error("postfix", f"Postfix rewrites {address} to {says(parameter)} ({parameter})",
              f"postmap -q {address} $(postconf -h {parameter})    # take this entry out")
        for parameter in ("virtual_alias_maps", "canonical_maps", "recipient_canonical_maps")
        if says(parameter) and address not in _words(says(parameter))
    ]  # fmt: skip
    told += [
        warning("postfix", f"Postfix copies the copies for {address} to {says(parameter)} ({parameter})",
                f"{address} DUNNO    # above the others in {parameter}")
        for parameter in ("recipient_bcc_maps", "sender_bcc_maps")
        if says(parameter)
    ]  # fmt: skip
    sends_on = postfix.found.get(("transport_maps", address)) or postfix.found.get(("transport_maps", domain))
    if not told and not sends_on and holds_port:
        told.append(error("postfix", f"no transport for {domain}: its MX leads to this machine, where port 25 is "
                          "Postfix's, so mail for it loops back", line))  # fmt: skip
    elif not told and not sends_on:
        told.append(hint("postfix", f"a Postfix is installed here and has no transport for {domain}: right if it "
                         "brings no copies, or finds the relay by the MX", line))  # fmt: skip
    return told


def _words(text: str) -> list[str]:
    return [word.lower() for word in text.replace(",", " ").split()]


def ask(addresses: Sequence[str]) -> Postfix | None:
    """What the Postfix of this machine says; None where there is none, or it does not say."""
    postconf, postmap = shutil.which("postconf"), shutil.which("postmap")
    if postconf is None or postmap is None:
        return None
    told = _run(postconf, "-x", *PARAMETERS)
    if told is None:
        return None
    parameters = {}
    for line in told.splitlines():
        name, sign, value = line.partition("=")
        if sign:
            parameters[name.strip()] = value.strip()
    found: dict[tuple[str, str], str] = {}
    keys = dict.fromkeys(key for a in addresses for key in (a, a.rpartition("@")[2], "@" + a.rpartition("@")[2]))
    for parameter in PARAMETERS:
        if not parameter.endswith("_maps"):
            continue
        for table in _words_as_written(parameters.get(parameter, ""))[:MAPS]:
            for key in keys:
                said = _run(postmap, "-q", key, table)
                if said and (parameter, key) not in found:
                    found[parameter, key] = said.strip()
    return Postfix(parameters, found)


def _words_as_written(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _run(*words: str) -> str | None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None
