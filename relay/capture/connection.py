"""A connection: its octets, its mode, its clock, and how it ends.

Decides when octets may be looked at and when they must wait, how long a client may be silent or slow, and
that nobody holds memory for ever. Commands are the matter of `relay.capture.session`, content that of
`relay.capture.reception`.

A subclass of aiosmtpd's protocol whose reader, command loop and timer are replaced: they hold octets
without bound, cost a task and three copies for each line, and answer faults of ours with a permanent 500.
Here octets go from the transport into this object, and commands are answered before `data_received`
returns.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from enum import IntEnum
from typing import cast

from aiosmtpd.smtp import SMTP

from relay.attribution import admission
from relay.attribution.admission import Decision
from relay.capture import bounds
from relay.capture.content import Content
from relay.capture.house import House, Told, unlimited
from relay.mail import reply
from relay.mail.envelope import Client
from relay.mail.reply import Reply


class Mode(IntEnum):
    """What the next octet is."""

    GREETING = 0
    """Too early: we have not greeted yet."""
    COMMAND = 1
    DATA = 2
    MEMORY = 3
    """Content, but there is no memory for it now: we do not read."""
    REPLY = 4
    """Something after a command whose reply is due: it waits."""
    CLOSED = 5
    """Of no interest any more."""
    CHALLENGE = 6
    """A line that answers what AUTH asked."""
    HANDSHAKE = 7
    """TLS's, which reads it itself."""


_READING = frozenset({Mode.COMMAND, Mode.DATA, Mode.CHALLENGE})
"""Modes in which octets are looked at as they come."""


class Connection(SMTP):
    """One connection. Lives in the loop's thread. Subclasses say what octets mean: `_commands`, `_data`."""

    def __init__(self, house: House, loop: asyncio.AbstractEventLoop) -> None:
        # Not SMTP.__init__: it builds a reader, a task and tables of methods, 0.3 ms for each connection.
        self.house = house
        self.loop = loop
        self.transport: asyncio.Transport | None = None
        self.mode = Mode.GREETING
        house.opened += 1
        self._name = f"{house.run}-{house.opened}"
        self._client = Client("")
        self._admitted = admission.NOT_ADMITTED
        self._bounds = house.stranger
        self._rest = b""  # octets that were received and not looked at yet
        self._skipping = False  # in the middle of an overlong command line
        self._reading_paused = False
        self._ended = False  # the client will send nothing more
        self._errors = 0  # refused commands
        self._messages = 0
        self._timer: asyncio.TimerHandle | None = None
        self._since = self._heard = self._mode_since = loop.time()
        self._unread_since: float | None = None
        self._content = Content()
        self._reserved = 0  # octets of memory that are reserved for the message
        self._held = 0  # octets of it that are here without a reservation
        self._withdraw: Callable[[], None] | None = None
        self._in_vault = False  # the vault has the message and will tell
        self._parting = False  # a message was finished while we stop

    # -- the connection ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        house = self.house
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=bounds.WRITE_BUFFER)
        self._client, self._admitted = self._whom(transport)
        address = self._client.address
        trusted = unlimited(self._admitted)
        self._bounds = house.trusted if trusted else house.stranger
        house.sessions.add(self)
        why = house.gate.enter(address, self._since, trusted=trusted)
        self._timer = self.loop.call_later(self._bounds.check, self._tick)
        if why:
            house.warn_now_and_then(self._since, "session.refused", why=why, **self._told())
            self._leave(reply.TOO_MANY_CONNECTIONS, why)
        else:
            self._welcome()
            if house.closing:  # it was there before the listener was closed
                self.shut_down()

    def _welcome(self) -> None:
        """All is well: greet, now or when it is time."""
        if self._bounds.greeting_delay:
            self.loop.call_later(self._bounds.greeting_delay, self._greet)
        else:
            self._greet()

    def _whom(self, transport: asyncio.BaseTransport) -> tuple[Client, Decision]:
        """Who has connected, and whether they may hand in mail."""
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) and peer else ""
        return Client(address), self.house.admit(address)

    def connection_lost(self, _: Exception | None) -> None:
        if self.transport is None:
            return  # told twice, as of a handshake that failed
        self.house.gate.leave(self._client.address, trusted=unlimited(self._admitted))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.mode = Mode.CLOSED
        self.transport = None
        self._rest = b""
        self._content = Content()
        if not self._in_vault:
            self._give_memory_back()  # else when the vault has done with the message
        self.house.sessions.discard(self)
        self.house.log.debug("session.closed", **self._told(), messages=self._messages, errors=self._errors)
        if self.house.emptied is not None and not self.house.sessions:
            self.house.emptied()

    def eof_received(self) -> bool:
        """The client has said its last. What it is owed a reply for is still answered."""
        self._ended = True
        return self.mode is Mode.REPLY

    def pause_writing(self) -> None:
        self._unread_since = self.loop.time()
        self._pause_reading()

    def resume_writing(self) -> None:
        self._unread_since = None
        if self.mode is not Mode.MEMORY:
            self._go_on()

    def data_received(self, data: bytes) -> None:
        if self.mode is Mode.DATA or b"\n" in data:
            self._heard = self.loop.time()  # between messages only a whole line is a sign of life
        if self._rest:
            data, self._rest = self._rest + data, b""
        self._work(data)

    def _work(self, data: bytes) -> None:
        """Do all that `data` allows; what must wait stays in `_rest`."""
        try:
            while data:
                mode = self.mode
                if mode is Mode.COMMAND and self._unread_since is None:
                    data = self._commands(data)
                elif mode is Mode.DATA:
                    data = self._data(data)
                elif mode is Mode.CHALLENGE and self._unread_since is None:
                    data = self._challenged(data)
                elif mode is Mode.GREETING:
                    self._leave(reply.NOT_SYNCHRONISED, "talked-first")
                elif mode is Mode.CLOSED:
                    return
                else:
                    self._rest = data
                    if len(data) > bounds.INPUT_WAITING:
                        self._pause_reading()
                    return
        except Exception as error:  # noqa: BLE001  whatever it is, it is ours: 451 and an incident, never a 500
            self._trouble(error)

    def _go_on(self) -> None:
        """Take up what had to wait."""
        rest, self._rest = self._rest, b""
        if rest:
            self._work(rest)
        if self._ended and self.mode in _READING:
            self._close()  # nothing more will come: half a command, or half a message
        elif self._reading_paused and self.mode in _READING and self._unread_since is None:
            self._reading_paused = False
            if self.transport is not None and not self.transport.is_closing():
                self.transport.resume_reading()

    def _pause_reading(self) -> None:
        if not self._reading_paused and self.transport is not None and not self.transport.is_closing():
            self._reading_paused = True
            self.transport.pause_reading()

    def _greet(self) -> None:
        if self.mode is Mode.GREETING:
            self._become(Mode.COMMAND)
            self._write(self._greeting)

    @property
    def _greeting(self) -> bytes:
        return self.house.greeting

    def _told(self) -> Told:
        """What every event of this session tells."""
        return {"session": self._name, "client": self._client.address}

    def _become(self, mode: Mode) -> None:
        self.mode = mode
        self._mode_since = self.loop.time()

    def _write(self, octets: bytes) -> None:
        if self.transport is not None:
            self.house.replies[octets[0]] += 1
            self.transport.write(octets)

    def _leave(self, last_words: Reply, why: str) -> None:
        """Say why and close. Who does not read it in time is cut off (`_tick`)."""
        if self.mode is Mode.CLOSED or self.transport is None:
            return
        # When we stop, it is all of them; at the gate, as many as like to come. Both are said once (server, gate).
        quiet = self.house.closing or last_words is reply.TOO_MANY_CONNECTIONS
        if quiet:
            self.house.log.debug("session.cut", why=why, **self._told(), code=last_words.code)
        else:
            self.house.tell("session.cut", "session", why, **self._told(), code=last_words.code)
        self._write(last_words.wire)
        self._close()

    def _close(self) -> None:
        if not self._in_vault:
            self._give_memory_back()
        self._content = Content()
        self._rest = b""
        self._become(Mode.CLOSED)
        if self.transport is not None:
            self.transport.close()

    def shut_down(self) -> None:
        """The server stops: leave when the client is silent, or after the message that is under way."""
        self._part(self.loop.time() + bounds.PARTING)

    def _part(self, until: float) -> None:
        """Leave once nobody has said anything for a moment, at `until` in any case. A message goes on to its end."""
        now = self.loop.time()
        if now < (due := min(until, self._heard + bounds.SILENT)):
            self.loop.call_later(due - now, self._part, until)
        elif self.mode in (Mode.COMMAND, Mode.GREETING, Mode.CHALLENGE):
            self._leave(reply.SHUTTING_DOWN, "closing")

    def _after_message(self) -> None:
        """The server stops, and the client has its answer: it may say QUIT, or what it has begun to say."""
        if self._parting:
            self._leave(reply.SHUTTING_DOWN, "closing")
        else:
            self._parting = True
            self.loop.call_later(bounds.SILENT, self._part, 0.0)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    # -- time --------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Look at the clock. One timer, set again here and not by each command."""
        now = self.loop.time()
        due, last_words, why = self._due(now)
        if now < due:
            self._timer = self.loop.call_later(min(due - now, self._bounds.check), self._tick)
            return
        self._timer = self.loop.call_later(self._bounds.check, self._tick)
        if last_words is not None and self._unread_since is None:
            self._leave(last_words, why)
            return
        self.house.tell("session.cut", "session", why, **self._told())
        self.abort()

    def _due(self, now: float) -> tuple[float, Reply | None, str]:
        """When to end this session as things stand, with which words (None: without any), and why."""
        limit = self._bounds
        if self._unread_since is not None:
            return self._unread_since + limit.unread, None, "unread"
        mode = self.mode
        if mode is Mode.CLOSED:
            return self._mode_since + limit.closing, None, "not-closing"
        if mode is Mode.REPLY:
            return self._mode_since + limit.vault_wait, None, "vault-wait"
        if mode is Mode.HANDSHAKE:
            return self._mode_since + bounds.HANDSHAKE + limit.closing, None, "tls-too-slow"
        if mode is Mode.MEMORY:
            return self._mode_since + limit.memory_wait, reply.NO_MEMORY, "memory"
        if mode is Mode.DATA:
            due = min(self._heard + limit.data_idle, self._mode_since + limit.data)
            took = now - self._mode_since
            if took > bounds.DATA_RATE_AFTER and self._content.size < took * limit.data_rate:
                due = now
            return due, reply.DATA_TOO_SLOW, "data-too-slow"
        idle = limit.idle
        if not unlimited(self._admitted) and self.house.gate.crowded(bounds.STRESS):
            idle = min(idle, bounds.STRESS_IDLE)
        due = max(self._heard, self._mode_since) + idle
        if limit.session is not None and self._since + limit.session < due:
            return self._since + limit.session, reply.SESSION_TOO_LONG, "session-time"
        return due, reply.IDLE_TOO_LONG, "idle"

    # -- faults of ours ----------------------------------------------------------------------------

    def _incident(self, event: str, error: BaseException) -> Reply:
        """Log what failed here, and the reply that names it. The client learns no more than the number."""
        incident = secrets.token_hex(4)
        self.house.log.error(
            event,
            incident=incident,
            **self._told(),
            exc_info=error,
            **({"why": str(error)} if event == "mail.not_kept" else {}),
        )
        return reply.trouble(incident)

    def _trouble(self, error: Exception) -> None:
        """Something in our code failed. Between messages the session can go on; inside one it cannot."""
        last_words = self._incident("session.trouble", error)
        if self.mode is Mode.COMMAND:
            self._forget_mail()
            self._write(last_words.wire)
        else:
            self._leave(last_words, "trouble")

    # -- what octets mean --------------------------------------------------------------------------

    def _commands(self, data: bytes) -> bytes:
        """Take in octets in mode COMMAND; returns those that are not for it."""
        raise NotImplementedError

    def _challenged(self, data: bytes) -> bytes:
        """Take in octets in mode CHALLENGE; returns those that are not for it."""
        raise NotImplementedError

    def _data(self, data: bytes) -> bytes:
        """Take in octets in mode DATA; returns those that follow the message."""
        raise NotImplementedError

    def _forget_mail(self) -> None:
        """Begin anew: there is no transaction."""
        raise NotImplementedError

    def _give_memory_back(self) -> None:
        """Release what this connection has reserved, holds, or waits for."""
        if self._withdraw is not None:
            self._withdraw()
            self._withdraw = None
        if self._reserved:
            reserved, self._reserved = self._reserved, 0
            self.house.budget.release(reserved)
        if self._held:
            held, self._held = self._held, 0
            self.house.budget.drop(held)
