"""An LMTP session (RFC 2033): SMTP on a unix socket, with a reply for each recipient after the message.

Decides what differs and nothing else: LHLO greets, and the end of data is answered once for each RCPT that was
accepted, in their order. It is one mail object for all of them, so they share its fate and its vault id. Who can
open the socket is fully trusted; the kernel says who it is.
"""

# ruff: noqa: SLF001  a variant of its parent, not a stranger to it

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import ClassVar

from relay.attribution import admission
from relay.attribution.admission import Decision
from relay.capture.session import Session
from relay.capture.unix_socket import peer
from relay.mail import reply
from relay.mail.envelope import Client

_NOT_HERE = frozenset({b"EHLO", b"HELO", b"DATA", b"STARTTLS", b"AUTH"})
"""Commands of SMTP that LMTP says otherwise, or has no use for on a socket of this machine."""


class LmtpSession(Session):
    """One connection to the LMTP socket."""

    _not_offered = (Session._not_offered - {b"LHLO"}) | {b"EHLO", b"HELO", b"STARTTLS", b"AUTH"}  # RFC 2033 §4.1

    @property
    def _greeting(self) -> bytes:
        return self.house.lmtp_greeting

    def _whom(self, transport: asyncio.BaseTransport) -> tuple[Client, Decision]:
        try:
            return Client(peer(transport.get_extra_info("socket"))), admission.BY_LMTP
        except OSError:  # gone already
            return Client("unix"), admission.BY_LMTP

    def _data_command(self, argument: str) -> None:
        if not argument and self._mail is not None and not self._recipients:
            self._refuse(reply.NO_LMTP_RECIPIENT)  # RFC 2033 §4.2 wants 503 here
        else:
            super()._data_command(argument)

    def _offers(self) -> bytes:
        return self.house.ehlo

    def _for_each(self, wire: bytes) -> bytes:
        return wire * self._accepted

    _answers: ClassVar[Mapping[bytes, Callable[[Session, str], None]]] = {
        **{verb: answer for verb, answer in Session._answers.items() if verb not in _NOT_HERE},
        b"LHLO": Session._ehlo,
        b"DATA": lambda session, argument: session._data_command(argument),
    }
