"""AUTH (RFC 4954): PLAIN (RFC 4616) and LOGIN, inside TLS only.

Decides what a client may say to log in, in which order, and what it is answered: one sentence for every failure,
so that it never tells an unknown name from a wrong password. Whose name and password it is, is the matter of
`relay.capture.logins`. Account names are the addresses of our people.
"""

from __future__ import annotations

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable

from relay.capture import bounds
from relay.capture.connection import Mode
from relay.capture.gate import client_network
from relay.capture.house import House, unlimited
from relay.capture.logins import Busy, TooMany
from relay.capture.securing import Securing
from relay.mail import reply
from relay.mail.envelope import Client

_NAME = b"VXNlcm5hbWU6"  # "Username:", the words that clients of LOGIN wait for
_PASSWORD = b"UGFzc3dvcmQ6"  # "Password:"

TRIES = 3
"""Failed logins on a connection. A person who mistypes has that many in a mail program, too."""


class Authenticating(Securing):
    """A connection on which one of our people may log in."""

    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(house, loop)
        self._failed_logins = 0
        self._next: Callable[[bytes], None] | None = None  # what the client's next answer is for

    def _slowly(self, command: Awaitable[None]) -> None:
        """Let a coroutine answer; input waits until it has."""
        raise NotImplementedError

    def _begin_anew(self, secured: asyncio.Transport) -> None:
        super()._begin_anew(secured)
        self._next = None

    def _longest(self, beginning: bytes) -> int:
        """Octets that a command line with this beginning may have, with its CRLF."""
        return bounds.AUTH_LINE if self._client.tls and beginning[:5].upper() == b"AUTH " else bounds.COMMAND_LINE

    def _auth(self, argument: str) -> None:
        mechanism, _, initial = argument.partition(" ")
        start = {"PLAIN": self._plain, "LOGIN": self._login}.get(mechanism.upper())
        if self.house.logins is None:
            self._refuse(reply.NOT_OFFERED)
        elif not self._client.tls:
            self._refuse(reply.AUTH_NEEDS_TLS)
        elif not self._greeted:
            self._refuse(reply.SAY_HELLO)
        elif self._client.account:
            self._refuse(reply.AUTH_ALREADY)
        elif self._mail is not None:
            self._refuse(reply.MAIL_IN_PROGRESS)
        elif self._failed_logins >= TRIES:
            self._leave(reply.TOO_MANY_LOGINS, "logins")
        elif start is None:
            self._refuse(reply.AUTH_MECHANISM)
        else:
            start(initial.strip(" "))

    def _plain(self, initial: str) -> None:
        self._ask(b"", self._plain_answered, initial)

    def _login(self, initial: str) -> None:
        self._ask(_NAME, self._login_named, initial)

    def _login_named(self, name: bytes) -> None:
        self._ask(_PASSWORD, lambda password: self._try(name, password))

    def _plain_answered(self, octets: bytes) -> None:
        """`[authorization] NUL name NUL password`."""
        parts = octets.split(b"\0")
        if len(parts) != 3 or parts[0] not in (b"", parts[1]):
            self._refuse(reply.AUTH_UNREADABLE)  # to act for somebody else is not for a rep
        else:
            self._try(parts[1], parts[2])

    def _ask(self, prompt: bytes, then: Callable[[bytes], None], initial: str = "") -> None:
        """Have the client's answer, which is here already or has to be asked for."""
        if initial:
            self._answered(b"" if initial == "=" else initial.encode(), then, empty=initial == "=")
        else:
            self._next = then
            self._become(Mode.CHALLENGE)
            self._write(b"334 " + prompt + b"\r\n")

    def _challenged(self, data: bytes) -> bytes:
        """The next line answers a challenge (mode CHALLENGE). Returns what follows it."""
        end = data.find(b"\n")
        if end < 0:
            if len(data) > bounds.AUTH_LINE:
                self._skipping = True
                data = data[-1:]
            self._rest = data
            return b""
        if end == 0 or data[end - 1] != 13:
            self._leave(reply.BARE_LINE_FEED, "bare-line-feed")
            return b""
        line, then = data[: end - 1], self._next
        too_long = self._skipping or len(line) > bounds.AUTH_LINE - 2
        self._skipping, self._next = False, None
        self._become(Mode.COMMAND)
        if too_long:
            self._refuse(reply.AUTH_TOO_LONG)
        elif line == b"*":
            self._refuse(reply.AUTH_CANCELLED)
        elif then is not None:
            self._answered(line, then, empty=True)
        return data[end + 1 :]

    def _answered(self, written: bytes, then: Callable[[bytes], None], *, empty: bool) -> None:
        try:
            octets = b64decode(written, validate=True)
        except (binascii.Error, ValueError):
            self._refuse(reply.AUTH_UNREADABLE)
            return
        if octets or empty:
            then(octets)
        else:
            self._refuse(reply.AUTH_UNREADABLE)

    def _try(self, name: bytes, password: bytes) -> None:
        try:
            known = name.decode(), password.decode()
        except UnicodeDecodeError:
            self._refuse(reply.AUTH_UNREADABLE)
            return
        self._slowly(self._compare(*known))

    async def _compare(self, name: str, password: str) -> None:
        house, client = self.house, self._client
        assert house.logins is not None  # noqa: S101  for the type checker: `_auth` has looked
        try:
            login = await house.logins.check(client_network(client.address), name, password)
        except TooMany:
            house.warn_now_and_then(self.loop.time(), "session.login_refused", why="too-many", **self._told())
            self._failed_logins += 1
            self._write(reply.AUTH_PAUSED.wire)
            return
        except Busy:
            self._later(reply.AUTH_LATER, "logins")
            return
        except Exception as error:  # noqa: BLE001  a database that cannot be read: nobody's password is wrong
            house.warn_now_and_then(
                self.loop.time(), "session.login_refused", why="cannot-check", what=str(error), **self._told()
            )
            self._write(reply.AUTH_LATER.wire)
            return
        if self.transport is None:
            return
        if login is None:
            self._failed_logins += 1
            house.tell("session.login_refused", "session", "wrong", **self._told())
            self._write(reply.AUTH_FAILED.wire)
            return
        self._logged_in = login
        self._client = Client(client.address, client.name, client.tls, str(login.staff))
        if not unlimited(self._admitted):
            self._bounds = house.known
        self._errors = 0
        house.tell("session.login", "session", **self._told(), staff_id=login.staff)
        self._write(reply.AUTH_OK.wire)
