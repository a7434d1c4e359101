"""Deciding: mail from those who have no full trust waits, before the vault, for what its origin can prove.

Here is how the session waits: input waits, memory stays reserved, and there is a deadline; whatever fails is a 451.
What is proved and what follows from it is found out by the house's judge. Clients with full trust never come here.
"""

from __future__ import annotations

import asyncio

from relay.attribution import admission, personal
from relay.attribution.directory import Directory
from relay.capture.connection import Mode
from relay.capture.judge import CannotTell, Handed, Judged, Login
from relay.capture.reception import Reception
from relay.mail import reply
from relay.mail.address import Address
from relay.mail.heading import goes_round
from relay.mail.origin import Origin
from relay.mail.reply import Reply

AT_A_TIME = 5.0
"""Seconds that whose address it is may take to find out: a look into a database on this machine."""


class Deciding(Reception):
    """A reception that asks the judge."""

    _logged_in: Login | None = None
    """Who logged in."""
    _certificates: tuple[str, ...] = ()
    """The names in the client's certificate, if it was verified, lower case."""

    def _hand_over(self, octets: bytes, reason: str = "", origin: Origin | None = None) -> None:
        if reason or self._admitted.reason in admission.FULL_TRUST:
            if self._admitted is not admission.BY_IMPORT and not reason and goes_round(octets):
                self._decline(reply.TOO_MANY_HOPS, "loop")
                return
            super()._hand_over(octets, reason, origin)
            return
        self._octets = len(octets)
        self._become(Mode.REPLY)
        self._in_vault = True  # not yet; but it is here, and counts as memory until it is decided
        self._deciding = self.loop.create_task(self._decide(octets))

    async def _decide(self, octets: bytes) -> None:
        house, mail = self.house, self._mail
        now = house.clock()
        try:
            judge = house.judge
            assert judge is not None and mail is not None  # noqa: PT018, S101  MAIL was let through
            handed = Handed(
                self._client, mail.path, tuple(self._recipients), tuple(self._owners), octets, now, self._name,
                self._logged_in, self._certificates,
            )  # fmt: skip
            judged = await asyncio.wait_for(judge.decide(handed), judge.deadline)
        except (CannotTell, TimeoutError) as error:
            house.warn_now_and_then(
                self.loop.time(), "mail.deferred", why="cannot-check", what=str(error) or "no time", **self._told()
            )
            judged = Judged("cannot-check", refusal=reply.LATER)
        except Exception as error:  # noqa: BLE001  whatever it is, it is ours, and the sender keeps the mail
            judged = Judged("trouble", refusal=self._incident("session.trouble", error))
        self._in_vault = False
        if self.mode is not Mode.REPLY or self.transport is None:
            self._give_memory_back()  # nobody waits for the answer any more: whoever sent it will try again
            return
        if judged.refusal is not None:
            self._turn_away(judged.refusal, judged.reason)
            return
        house.tell("mail.admitted", "session", judged.reason, **self._told())
        self._hand_over(octets, judged.reason, judged.origin)

    def _turn_away(self, refusal: Reply, reason: str) -> None:
        """It was read and judged, and is not taken."""
        house = self.house
        house.turned_away(reason, self._told(), code=refusal.code)
        self._give_memory_back()
        self._forget_mail()
        self._become(Mode.COMMAND)
        if refusal is reply.LOGIN_ENDED:
            self._leave(refusal, reason)  # a program that goes on with this connection could never log in anew
        elif refusal.code < 500:  # our trouble, or DNS's: no error of the client
            self._write(refusal.wire)
        else:
            self._refuse(refusal)
        if house.closing:
            self._after_message()
        self._go_on()

    # -- recipients that are secrets ---------------------------------------------------------------

    async def _whose(self, path: Address, directory: Directory) -> None:
        """Answer RCPT for a capture address with a personal token in it."""
        house = self.house
        trusted = self._admitted.reason in admission.FULL_TRUST
        found: tuple[int, ...] = ()
        try:
            if house.judge is not None:
                asked = house.judge.owners(personal.token_hashes(path, directory), house.clock())
                found = await asyncio.wait_for(asked, AT_A_TIME)
        except (CannotTell, TimeoutError) as error:
            if not trusted:
                house.warn_now_and_then(
                    self.loop.time(), "mail.deferred", why="cannot-check", what=str(error) or "no time", **self._told()
                )
                self._write(reply.LATER.wire)
                return
        if self.transport is None or self._mail is None:
            return
        if not found and not trusted:
            # The same words as for what is no capture address at all: nobody learns that it once was one.
            house.turned_away(admission.NO_CAPTURE_ADDRESS.reason, self._told())
            self._not_here(reply.NO_CAPTURE_ADDRESS)
            return
        self._owners += [one for one in found if one not in self._owners]
        self._take_recipient(personal.shown(path, directory))
