"""TLS on a connection: STARTTLS (RFC 3207), and TLS from the first octet (RFC 8314).

Decides that nothing from before the handshake is believed or kept: neither the name that the client said, nor a
mail that it began, nor octets that it sent too early, which would be commands of somebody on the way. Both kinds
accept a plain connection first, so that it counts at the gate before it costs a handshake.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from relay.capture import bounds
from relay.capture.connection import Mode
from relay.capture.deciding import Deciding
from relay.capture.house import House
from relay.capture.tls import certificate_names
from relay.mail import reply
from relay.mail.envelope import Client
from relay.mail.reply import Reply


class Securing(Deciding):
    """A connection that can become a TLS connection."""

    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(house, loop)
        self._greeted = False
        self._handshake: asyncio.Task[None] | None = None

    def _offers(self) -> bytes:
        """The answer to EHLO: what works here and now."""
        house = self.house
        if self._client.tls:
            return house.ehlo_secured
        ready = house.certificate is not None and house.certificate.ready(self.loop.time())
        return house.ehlo_starttls if ready else house.ehlo

    def _starttls(self, argument: str) -> None:
        house = self.house
        if self._client.tls:
            self._refuse(reply.TLS_ALREADY)
        elif house.certificate is None or not house.certificate.configured:
            self._refuse(reply.NOT_OFFERED)
        elif argument:
            self._refuse(reply.NO_ARGUMENT_ALLOWED)
        elif not self._greeted:
            self._refuse(reply.SAY_HELLO)
        else:
            context = house.certificate.context(self._client.address, self.loop.time())
            if context is None:
                self._later(reply.TLS_NOT_NOW, "no-certificate")
            else:
                self._secure(context, go_ahead=True)

    def _secure(self, context: ssl.SSLContext, *, go_ahead: bool) -> None:
        """Begin the handshake. Nothing is read until TLS reads it."""
        self._become(Mode.HANDSHAKE)
        self._pause_reading()
        self._handshake = self.loop.create_task(self._shake_hands(context, go_ahead=go_ahead))

    async def _shake_hands(self, context: ssl.SSLContext, *, go_ahead: bool) -> None:
        plain = self.transport
        if plain is None or self.mode is not Mode.HANDSHAKE:
            return
        if go_ahead and self._rest:
            # RFC 3207 §4: the client must wait for our answer. What came behind is thrown away unread.
            self._leave(reply.NOT_SYNCHRONISED, "talked-before-tls")
            return
        if go_ahead:
            self._write(reply.TLS_GO_AHEAD.wire)
        begun = self.loop.create_task(
            self.loop.start_tls(
                plain, self, context, server_side=True,
                ssl_handshake_timeout=bounds.HANDSHAKE, ssl_shutdown_timeout=self._bounds.closing,
            )
        )  # fmt: skip
        if not go_ahead:
            # When the task has run once, TLS is told of its connection; then it can be fed.
            self.loop.call_soon(lambda: self.loop.call_soon(self._feed, plain))
        try:
            secured = await begun
        except Exception as error:  # noqa: BLE001  whatever a stranger sent for a handshake
            why = "tls-too-slow" if isinstance(error, ConnectionAbortedError) else "tls-handshake"
            self.house.tell("session.cut", "session", why, **self._told())
            plain.abort()
            self.connection_lost(None)  # loops do not always tell of a connection that ended in a handshake
            return
        if secured is None or self._cut():  # while we shook hands
            plain.abort()
            return
        secured.set_write_buffer_limits(high=bounds.WRITE_BUFFER)
        self.transport = secured
        self._reading_paused = False
        self._unread_since = None
        self._begin_anew(secured)
        if go_ahead:
            self._become(Mode.COMMAND)
            self._go_on()
        else:
            self._become(Mode.GREETING)
            self._welcome()
            if self._rest:
                self._go_on()

    def _feed(self, plain: asyncio.Transport) -> None:
        """Give TLS what came before it was there: loops begin to read a new connection, paused or not."""
        early, self._rest = self._rest, b""
        tls: Any = plain.get_protocol()  # an asyncio.BufferedProtocol in either loop
        while early and self.mode is Mode.HANDSHAKE:
            room = memoryview(tls.get_buffer(len(early)))
            octets = min(len(room), len(early))
            room[:octets] = early[:octets]
            early = early[octets:]
            tls.buffer_updated(octets)

    def _cut(self) -> bool:
        return self.transport is None or self.mode is not Mode.HANDSHAKE

    def _begin_anew(self, secured: asyncio.Transport) -> None:
        """Forget all that came before (RFC 3207 §4.2)."""
        self._forget_mail()
        self._greeted = False
        self._errors = self._idle_commands = 0
        ended: ssl.SSLObject = secured.get_extra_info("ssl_object")
        cipher = ended.cipher()
        told = f"{ended.version()} {cipher[0]}" if cipher else str(ended.version())
        self._certificates = tuple(sorted(certificate_names(secured.get_extra_info("peercert"))))
        self._logged_in = None
        self._client = Client(self._client.address, tls=told)

    def eof_received(self) -> bool:
        """Inside TLS there is no half of a connection: who has said its last hears no more either."""
        return super().eof_received() and not self._client.tls

    def shut_down(self) -> None:
        if self.mode is Mode.HANDSHAKE:
            self.abort()
        else:
            super().shut_down()


class SecuredFirst(Securing):
    """What differs where TLS is spoken from the first octet."""

    def _welcome(self) -> None:
        if self._client.tls:
            super()._welcome()
            return
        certificate = self.house.certificate
        now = self.loop.time()
        context = None if certificate is None else certificate.context(self._client.address, now)
        if context is None:
            self.house.warn_now_and_then(now, "session.refused", why="no-certificate", **self._told())
            self._close()
        else:
            self._secure(context, go_ahead=False)

    def _leave(self, last_words: Reply, why: str) -> None:
        """A client that expects TLS cannot read words outside it: it is cut off without any."""
        if self._client.tls or self.mode is Mode.CLOSED:
            super()._leave(last_words, why)
        else:
            self.house.log.debug("session.cut", why=why, **self._told(), code=last_words.code)
            self._close()
