"""An SMTP session: what each command means at each moment (RFC 5321 §4.1.4).

Decides the order of commands, within the bounds of `bounds.py`. Who is admitted is decided by
`relay.attribution.admission`, what a path is by `relay.mail.path`; all texts are `relay.mail.reply`'s.
The frequent commands are answered at once. Rare ones are coroutines `smtp_NAME`, as in the library, during
which input waits. STARTTLS and AUTH are the matter of `securing` and `auth`.
"""

# ruff: noqa: SLF001  the table of commands names methods of the same object

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import ClassVar

from relay.attribution import admission, personal
from relay.capture import bounds
from relay.capture.auth import Authenticating
from relay.capture.connection import Mode
from relay.capture.house import House
from relay.capture.securing import SecuredFirst
from relay.mail import reply
from relay.mail.envelope import Client
from relay.mail.path import MailArgument, has_control, mail_argument, rcpt_argument
from relay.mail.reply import Reply

_HTTP = frozenset({b"GET", b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"CONNECT", b"TRACE", b"PRI"})
_LAST = frozenset({b"EHLO", b"HELO", b"DATA", b"AUTH"})  # a client may only say it last, and then waits (RFC 2920 §3.1)
_GO_AHEAD = reply.GO_AHEAD.wire
_MAIL_OK = reply.MAIL_OK.wire
_NOOP_OK = reply.NOOP_OK.wire
_RESET_OK = reply.RESET_OK.wire


class Session(Authenticating):
    """One connection and the transactions on it."""

    _not_offered: ClassVar[frozenset[bytes]] = frozenset(
        {b"BDAT", b"ETRN", b"TURN", b"ATRN", b"EXPN", b"LHLO", b"SEND", b"SOML", b"SAML"}
    )

    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(house, loop)
        self._rare: asyncio.Task[None] | None = None

    # -- commands ----------------------------------------------------------------------------------

    def _commands(self, data: bytes) -> bytes:
        """Answer the commands in `data`; what is left is for another mode, or must wait."""
        start = 0
        while self.mode is Mode.COMMAND and self._unread_since is None:
            end = data.find(b"\n", start)
            if end < 0:
                if (more := len(data) - start) > bounds.COMMAND_LINE and more > self._longest(data[start:]):
                    self._skipping = True
                    start = len(data) - 1  # its last octet may be the CR of the end
                self._rest = data[start:]
                return b""
            if end == start or data[end - 1] != 13:
                # Whether LF alone ends a line is what smuggling lives on: we do not guess.
                self._leave(reply.BARE_LINE_FEED, "bare-line-feed")
                return b""
            line = data[start : end - 1]
            start = end + 1
            if self._skipping or (len(line) > bounds.COMMAND_LINE - 2 and len(line) > self._longest(line) - 2):
                self._skipping = False
                self._refuse(reply.LINE_TOO_LONG)
            elif start < len(data) and self._bounds.in_turn and line[:4].upper() in _LAST:
                self._leave(reply.NOT_SYNCHRONISED, "talked-past")
            else:
                self._command(line)
        return data[start:]

    def _command(self, line: bytes) -> None:
        verb, _, octets = line.partition(b" ")
        answer = self._answers.get(verb) or self._answers.get(verb.upper())
        if answer is None:
            self._unknown(verb.upper(), line)
            return
        try:
            argument = octets.decode()
        except UnicodeDecodeError:
            self._refuse(reply.NOT_TEXT)
            return
        if has_control(argument):
            self._refuse(reply.CONTROL_OCTETS)
        else:
            answer(self, argument)

    def _unknown(self, verb: bytes, line: bytes) -> None:
        if not self._greeted and (verb in _HTTP or b": " in line):
            self._leave(reply.NOT_SMTP, "not-smtp")  # a browser or a web application that was talked into this
        elif has_control(line.decode("latin-1")):
            self._refuse(reply.CONTROL_OCTETS)
        else:
            self._refuse(reply.NOT_OFFERED if verb in self._not_offered else reply.UNKNOWN_COMMAND)

    def _count_idle(self) -> bool:
        """May another command be answered that brings no mail nearer?"""
        self._idle_commands += 1
        if self._idle_commands <= self._bounds.idle_commands:
            return True
        self._leave(reply.TOO_MANY_IDLE_COMMANDS, "idle-commands")
        return False

    def _hello(self, argument: str, answer: bytes) -> None:
        name = argument.strip()
        if not name:
            self._refuse(reply.NAME_MISSING)
        elif self._count_idle():
            self._forget_mail()
            self._greeted = True
            known = self._client
            self._client = Client(known.address, personal.hidden(name[:255]), known.tls, known.account)
            self._write(answer)

    def _ehlo(self, argument: str) -> None:
        self._hello(argument, self._offers())

    def _helo(self, argument: str) -> None:
        self._hello(argument, self.house.helo)

    def _noop(self, _: str) -> None:
        if self._count_idle():
            self._write(_NOOP_OK)

    def _rset(self, argument: str) -> None:
        if argument:
            self._refuse(reply.NO_ARGUMENT_ALLOWED)
        elif self._count_idle():
            self._forget_mail()
            self._write(_RESET_OK)

    def _quit(self, argument: str) -> None:
        if argument:
            self._refuse(reply.NO_ARGUMENT_ALLOWED)
            return
        self._write(reply.BYE.wire)
        self._close()

    def _mail_from(self, argument: str) -> None:
        house = self.house
        if not self._greeted:
            self._refuse(reply.SAY_HELLO)
            return
        if self._mail is not None:
            self._refuse(reply.MAIL_IN_PROGRESS)
            return
        if self._admitted.refusal is not None and house.judge is None:
            house.turned_away(self._admitted.reason, self._told())
            self._refuse(self._admitted.refusal)
            return
        mail = mail_argument(argument, auth=bool(self._client.tls) and house.logins is not None)
        if isinstance(mail, Reply):
            self._refuse(mail)
        elif self._bounds.messages is not None and self._messages >= self._bounds.messages:
            self._leave(reply.TOO_MANY_MESSAGES, "messages")
        elif mail.size is not None and mail.size > house.max_size:
            self._refuse(house.too_large)
        elif not house.room():
            self._later(reply.NO_ROOM, "no-room")
        elif mail.size is not None and mail.size > bounds.FREE_DATA and house.budget.hopeless:
            self._later(reply.NO_MEMORY, "memory")
        else:
            self._mail = self._without_secret(mail)
            self._write(_MAIL_OK)

    def _without_secret(self, mail: MailArgument) -> MailArgument:
        """What MAIL said, as it may be kept: some have their personal address in their program as their own."""
        if mail.path is None or "me-" not in mail.path.local_part.lower():
            return mail
        return replace(mail, path=personal.shown(mail.path, self.house.directory()))

    def _rcpt_to(self, argument: str) -> None:
        if self._mail is None:
            self._refuse(reply.MAIL_FIRST if self._greeted else reply.SAY_HELLO)
            return
        path = rcpt_argument(argument, utf8=self._mail.utf8)
        if isinstance(path, Reply):
            self._refuse(path)
            return
        directory = self.house.directory()
        decision = admission.recipient(path, directory)
        if decision.refusal is not None:
            self.house.turned_away(decision.reason, self._told())
            self._not_here(decision.refusal)
        elif self._accepted >= bounds.RECIPIENTS:
            self._refuse(reply.TOO_MANY_RECIPIENTS)
        elif "me-" in path.local_part.lower() and personal.token_hashes(path, directory):
            self._slowly(self._whose(path, directory))
        elif self._mail.path is None and self._admitted.reason not in admission.FULL_TRUST:
            self.house.turned_away("null-reverse-path", self._told())
            self._refuse(reply.NULL_REVERSE_PATH)
        else:
            self._take_recipient(path)

    def _data_command(self, argument: str) -> None:
        if argument:
            self._refuse(reply.NO_ARGUMENT_ALLOWED)
        elif self._mail is None:
            self._refuse(reply.MAIL_FIRST if self._greeted else reply.SAY_HELLO)
        elif not self._recipients:
            self._refuse(reply.NO_RECIPIENT)
        else:
            self._become(Mode.DATA)
            self._write(_GO_AHEAD)

    # -- rare commands, as coroutines --------------------------------------------------------------

    def _vrfy(self, argument: str) -> None:
        self._rarely(self.smtp_VRFY(argument))

    def _help(self, argument: str) -> None:
        self._rarely(self.smtp_HELP(argument))

    def _rarely(self, command: Awaitable[None]) -> None:
        """Let a coroutine answer; input waits until it has."""
        if self._count_idle():
            self._slowly(command)
        elif asyncio.iscoroutine(command):
            command.close()  # never to be begun

    def _slowly(self, command: Awaitable[None]) -> None:
        """The same for a command that brings mail nearer."""
        self._become(Mode.REPLY)
        self._rare = self.loop.create_task(self._finish(command))

    async def _finish(self, command: Awaitable[None]) -> None:
        try:
            await command
        except Exception as error:  # noqa: BLE001  a fault of ours, as everywhere
            self._write(self._incident("session.trouble", error).wire)
        if self.mode is Mode.REPLY:
            self._become(Mode.COMMAND)
            self._go_on()

    async def push(self, status: str | bytes) -> None:
        """One reply line, as the library's coroutines send it."""
        self._write((status.encode("ascii", "replace") if isinstance(status, str) else status) + b"\r\n")

    async def smtp_VRFY(self, _: str) -> None:  # noqa: N802  the library's names
        """Nobody is told which addresses exist (RFC 5321 §7.3)."""
        await self.push(str(reply.VERIFY))

    async def smtp_HELP(self, _: str) -> None:  # noqa: N802
        await self.push(str(reply.HELP))

    _answers: ClassVar[Mapping[bytes, Callable[[Session, str], None]]] = {
        b"EHLO": _ehlo,
        b"HELO": _helo,
        b"MAIL": _mail_from,
        b"RCPT": _rcpt_to,
        b"DATA": _data_command,
        b"RSET": _rset,
        b"NOOP": _noop,
        b"QUIT": _quit,
        b"VRFY": _vrfy,
        b"HELP": _help,
        b"STARTTLS": lambda session, argument: session._starttls(argument),
        b"AUTH": lambda session, argument: session._auth(argument),
    }


class SecuredSession(SecuredFirst, Session):
    """A session inside TLS from its first octet (port 465)."""
