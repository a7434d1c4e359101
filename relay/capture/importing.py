"""The door for imports: an LMTP session on a socket in the vault's own folder, which nobody but its owner may enter.

Decides what such a client may say beyond LMTP: that its mail comes out of a mailbox, and when the mailbox received it.
Who can open the socket could write the vault itself, so both are believed; no other client can say either.
"""

# ruff: noqa: SLF001  a variant of its parent, not a stranger to it

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

from relay.attribution import admission
from relay.attribution.admission import Decision
from relay.capture.lmtp import LmtpSession
from relay.capture.session import Session
from relay.capture.unix_socket import PRIVATE, listen_unix
from relay.mail.envelope import IMPORT_SOCKET, Client

_DATED = re.compile(r" XDATED=(\d{1,11})(?= |$)")


class ImportSession(LmtpSession):
    """One connection of `bcc-relay import`."""

    def _whom(self, transport: asyncio.BaseTransport) -> tuple[Client, Decision]:
        return super()._whom(transport)[0], admission.BY_IMPORT

    def _mail_from(self, argument: str) -> None:
        """`MAIL FROM:<...> XDATED=n`: seconds since 1970 at which the mailbox received it."""
        found = _DATED.search(argument)
        super()._mail_from(_DATED.sub("", argument, count=1))
        if found is not None and self._mail is not None and self._dated is None:
            with suppress(ValueError, OverflowError):
                self._dated = datetime.fromtimestamp(int(found[1]), UTC)

    _answers: ClassVar[Mapping[bytes, Callable[[Session, str], None]]] = {
        **LmtpSession._answers,
        b"MAIL": lambda session, argument: session._mail_from(argument),
    }


def listen_in(folder: Path) -> tuple[socket.socket, Path]:
    """(a listening socket in the vault's folder, its path). Raises ListenError, OSError.

    Reached by the folder's descriptor: the path of a vault may be longer than a socket's name can be.
    """
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return listen_unix(Path(f"/proc/self/fd/{descriptor}") / IMPORT_SOCKET, PRIVATE), folder / IMPORT_SOCKET
    finally:
        os.close(descriptor)
