"""Receiving a message: from the 354 to the reply that follows the vault's answer.

Decides how much memory a message may take, when it must wait for it, and that the 250 is said after the
commit and never before. Whatever goes wrong on our side is a 4xx, so that the sender keeps the mail. Knows
nothing of commands; the vault is a function.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from relay.capture import bounds
from relay.capture.connection import Connection, Mode
from relay.capture.content import Content
from relay.capture.house import House
from relay.mail import reply
from relay.mail.address import Address
from relay.mail.envelope import Envelope, MailObject, VaultId
from relay.mail.origin import Origin
from relay.mail.path import MailArgument
from relay.mail.reply import Reply

STEPS = ("session.handed_over", "session.replied")
"""Steps at which a test may stop the process: the message is with the vault; the 250 is with the kernel."""

_RCPT_OK = reply.RCPT_OK.wire


class Reception(Connection):
    """A connection with at most one transaction: MAIL's argument, the recipients, the content."""

    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(house, loop)
        self._mail: MailArgument | None = None
        self._recipients: list[Address] = []
        self._owners: list[int] = []  # staff.id of those whose personal addresses are among the recipients
        self._accepted = 0  # RCPT commands of this transaction that were answered 250, the same address twice included
        self._strayed = 0  # recipients of this session that are not here
        self._refusal: Reply | None = None  # of the message that is coming in
        self._octets = 0  # of the message that is with the vault
        self._idle_commands = 0  # since the last message
        self._dated: datetime | None = None  # when a mailbox received it (imports only)

    def _forget_mail(self) -> None:
        self._mail = None
        self._recipients = []
        self._owners = []
        self._accepted = 0
        self._refusal = None
        self._dated = None

    def _take_recipient(self, path: Address) -> None:
        """The mail is for this capture address too."""
        self._accepted += 1
        if path not in self._recipients:
            self._recipients.append(path)
        self._write(_RCPT_OK)

    def _for_each(self, wire: bytes) -> bytes:
        """The reply to a message: said once. In LMTP for each recipient."""
        return wire

    def _data(self, data: bytes) -> bytes:
        """Collect the message; at its end hand it over."""
        content = self._content
        rest = content.feed(data)
        if rest is None:
            self._grown(content)
            return b""
        if self._refusal is None and content.size > self.house.max_size:
            octets = content.take()  # stuffed dots do not count (RFC 1870 §3)
            if len(octets) > self.house.max_size:
                self._refusal = self.house.too_large
        elif self._refusal is None:
            octets = content.take()
        self._content = Content()
        if self._refusal is None and not self._reserved and not self._room(len(octets)):
            self._refusal = reply.NO_MEMORY
        if self._refusal is None:
            self._hand_over(octets)
        else:
            self._decline(self._refusal)
        return rest

    def _decline(self, refusal: Reply, reason: str = "size") -> None:
        """Answer a message that was read to its end and is not taken."""
        words = self._for_each(refusal.wire)
        self._give_memory_back()
        self._forget_mail()
        self._become(Mode.COMMAND)
        if refusal is reply.NO_MEMORY:
            self._later(refusal, "memory", words)
        else:
            self.house.turned_away(reason, self._told(), code=refusal.code)
            self._refuse(refusal, words)
        if self.house.closing:
            self._after_message()

    def _room(self, octets: int) -> bool:
        """Have the whole message counted: among the small ones, else among those with a reservation."""
        if self._hold(octets):
            return True
        if not self.house.budget.take(octets):
            return False
        self._have(octets)
        return True

    def _hold(self, octets: int) -> bool:
        """Have the message counted as so large, without a reservation. False: there is no memory for it."""
        if not self.house.budget.hold(octets - self._held):
            return False
        self._held = octets
        return True

    def _grown(self, content: Content) -> None:
        """The message goes on. See whether it may be that large, ask for memory, wait for it, or give it up."""
        house = self.house
        most = house.max_size + house.max_size // 3 + len(".\r\n")  # every line may be one dot, stuffed
        if self._refusal is not None:
            if content.size > bounds.DISCARDED:
                self._leave(self._refusal, "endless")
        elif content.size > most:
            self._give_up(content, house.too_large)
        elif self._reserved:
            # More than was declared, or full of stuffed dots. Never wait while holding a reservation.
            if content.size <= self._reserved:
                return
            if house.budget.take(most - self._reserved):
                self._reserved = most
            else:
                self._give_up(content, reply.NO_MEMORY)
        elif content.size > bounds.FREE_DATA or not self._hold(content.size):
            self._reserve(content)

    def _reserve(self, content: Content) -> None:
        """Ask, once, for all the memory that the message may need."""
        budget = self.house.budget
        declared = self._mail.size if self._mail is not None else None
        wanted = max(declared or self.house.max_size, content.size)
        if budget.take(wanted):
            self._have(wanted)
        elif self._hold(content.size):  # what is here already counts while we wait
            self._become(Mode.MEMORY)
            self._pause_reading()
            self._withdraw = budget.wait(wanted, lambda: self._granted(wanted))
        else:
            self._give_up(content, reply.NO_MEMORY)

    def _have(self, octets: int) -> None:
        """So much is reserved for the message; what is here of it is part of that."""
        self._reserved = octets
        held, self._held = self._held, 0
        self.house.budget.drop(held)

    def _give_up(self, content: Content, refusal: Reply) -> None:
        """Keep nothing of the message; its end will be answered with `refusal`."""
        self._refusal = refusal
        content.throw_away()
        self._give_memory_back()

    def _granted(self, octets: int) -> None:
        self._withdraw = None
        self._have(octets)
        self._heard = self.loop.time()
        self._become(Mode.DATA)
        self._go_on()

    def _hand_over(self, octets: bytes, reason: str = "", origin: Origin | None = None) -> None:
        """Give the message to the vault. Until it answers, input waits and the memory stays reserved.

        `reason`: the rule that admitted it, if not the client alone; `origin`: what is known of where it comes from.
        """
        house = self.house
        mail = self._mail
        assert mail is not None  # noqa: S101  for the type checker: DATA needs MAIL
        envelope = Envelope(
            mail.path, tuple(self._recipients), self._client, house.clock(), reason or self._admitted.reason,
            self._dated, tuple(self._owners), origin,
        )  # fmt: skip
        self._octets = len(octets)
        self._become(Mode.REPLY)
        self._in_vault = True
        try:
            house.put(MailObject(envelope, octets), self._kept)
        except Exception as error:  # noqa: BLE001  the message is not kept: say so, whatever it was
            self._kept(error)
        else:
            house.at("session.handed_over")

    def _kept(self, result: VaultId | Exception) -> None:
        """The vault's answer, in the loop's thread. The client may be gone by now."""
        self._in_vault = False
        self._give_memory_back()
        house = self.house
        kept = isinstance(result, VaultId)
        if isinstance(result, VaultId):
            self._messages += 1
            answer = reply.accepted(result).wire
            house.accepted += 1
            house.octets += self._octets
            house.tell("mail.accepted", "vault_id", vault_id=str(result), **self._told())
        elif not house.room():
            answer = reply.NO_ROOM.wire
            house.warn_now_and_then(self.loop.time(), "mail.deferred", why="no-room", **self._told())
        else:
            answer = self._incident("mail.not_kept", result).wire
        if self.mode is not Mode.REPLY or self.transport is None:
            house.log.info("mail.reply_unheard", kept=kept, **self._told())
            return
        answer = self._for_each(answer)
        self._forget_mail()
        self._idle_commands = 0
        if kept and self._bounds.session is None:
            self._errors = self._strayed = 0  # a trusted MTA keeps its connection for days
        self._become(Mode.COMMAND)
        self._write(answer)
        house.at("session.replied")
        if house.closing:
            self._after_message()
        if self._rest or self._reading_paused or self._ended:
            self._go_on()

    def _later(self, refusal: Reply, why: str, words: bytes = b"") -> None:
        """Our trouble, not the client's error. `words`: the refusal as it is said, when not once."""
        self.house.warn_now_and_then(self.loop.time(), "mail.deferred", why=why, **self._told())
        self._write(words or refusal.wire)

    def _not_here(self, refusal: Reply) -> None:
        """Refuse a recipient; too many of them end the session."""
        self._strayed += 1
        if self._strayed > self._bounds.unknown_recipients:
            self._leave(reply.TOO_MANY_UNKNOWN, "unknown-recipients")
        else:
            self._refuse(refusal)

    def _refuse(self, refusal: Reply, words: bytes = b"") -> None:
        """Say what was wrong; too much of it ends the session."""
        self._errors += 1
        if self._errors > self._bounds.errors:
            self._leave(reply.TOO_MANY_ERRORS, "errors")
        else:
            self._write(words or refusal.wire)
