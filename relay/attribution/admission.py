"""Admission: may this client hand in mail, and is this recipient a capture address?

Pure: the client's address, the networks and the directory are arguments, the answer is a decision with
the name of its reason, which is logged and stored (`envelope.admitted_by`). Rules are tried in order and
the first that holds admits. There is one rule now, `network`. Later rules (`account` after AUTH,
`upstream`, then `dkim`, `spf`, `arc`, `secret`, which can be decided only when the message is there) are
further functions that return a `Decision`; the last group is asked at the end of data, before the vault.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from relay.attribution.directory import Directory
from relay.mail import reply
from relay.mail.address import Address
from relay.mail.reply import Reply


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason`: the rule that held, or why none did. `refusal`: what to answer, None when admitted."""

    reason: str
    refusal: Reply | None = None

    @property
    def admitted(self) -> bool:
        return self.refusal is None


BY_NETWORK = Decision("network")
BY_LMTP = Decision("lmtp")  # whoever may open the socket; the rights on it are the admission
BY_DELIVER = Decision("deliver")  # `bcc-relay deliver` by a user who may write the vault
BY_IMPORT = Decision("import")  # `bcc-relay import` by a user who may write the vault: old mail out of mailboxes
FULL_TRUST = frozenset({BY_NETWORK.reason, BY_LMTP.reason, BY_DELIVER.reason, BY_IMPORT.reason})
"""Rules whose clients are believed in all they say: their operator trusts them with every timeline."""

NOT_ADMITTED = Decision("client-not-admitted", reply.CLIENT_NOT_ADMITTED)
CAPTURE_ADDRESS = Decision("capture-address")
NO_CAPTURE_ADDRESS = Decision("no-capture-address", reply.NO_CAPTURE_ADDRESS)


def host(address: str) -> IPv4Address | IPv6Address | None:
    """The IP address that `address` writes, IPv4 also when it came mapped into IPv6; None if it is none."""
    try:
        found = ip_address(address.partition("%")[0])  # fe80::1%eth0: the zone is no part of it
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def client(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> Decision:
    """May the host with this IP address hand in mail?"""
    found = host(address)
    if found is not None and any(found in network for network in networks):
        return BY_NETWORK
    return NOT_ADMITTED


def recipient(forward_path: Address, directory: Directory) -> Decision:
    """Is the recipient a capture address, with or without a tag?"""
    return CAPTURE_ADDRESS if directory.is_capture(forward_path) else NO_CAPTURE_ADDRESS
