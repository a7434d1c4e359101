"""Bounds: how much of us one client may take. Every number with its reason, in one place.

Start values from research on what real senders need. Clients in [admission] networks are machines of our
own: they have no limit on connections, rate or length of the session, but memory and idle time are bounded
for everybody. Octets and seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one session may do. None: no limit."""

    idle: float
    """Seconds without a command. Octets that drip and make no line do not count."""
    data_idle: float
    """Seconds of silence inside a message."""
    data: float
    """Seconds for a whole message."""
    data_rate: float
    """Octets a second that a message must reach on the average, once it took longer than `DATA_RATE_AFTER`."""
    session: float | None
    """Seconds for a whole session."""
    messages: int | None
    """Messages in a session."""
    errors: int
    """Refused commands, of any kind."""
    idle_commands: int
    """NOOP, RSET, EHLO, VRFY and the like between two messages."""
    unknown_recipients: int
    """Recipients that are not here. A few are typing errors, more is a search for addresses."""
    greeting_delay: float
    """Seconds before the greeting. Who talks first is no mail client (RFC 5321 §4.3.1)."""
    in_turn: bool
    """Must wait for the reply to EHLO and DATA before saying more (RFC 2920 §3.1). Who does not is a program that
    cannot hear us: malware, or a web application that was talked into this."""
    unread: float = 60.0
    """Seconds for which our replies may lie unread; then the connection is aborted."""
    closing: float = 10.0
    """Seconds to read our last words; then the connection is aborted."""
    memory_wait: float = 120.0
    """Seconds that a large message waits for its turn. Senders wait 3 minutes per block (RFC 5321 §4.5.3.2.5)."""
    vault_wait: float = 480.0
    """Seconds that a message waits for the vault. Senders wait 10 minutes (§4.5.3.2.6); they then try again,
    and what was committed after all is told apart by its Message-ID."""

    @property
    def check(self) -> float:
        """Seconds between two looks at the clock: the shortest bound that a change of state may bring."""
        session = 10.0 if self.session is None else self.session
        return min(10.0, session, self.idle, self.data_idle, self.data, self.unread, self.closing, self.memory_wait)


TRUSTED = Bounds(
    idle=300.0,  # RFC 5321 §4.5.3.2.7: a server should wait five minutes at least; MTAs keep connections for reuse
    data_idle=180.0,  # §4.5.3.2.5: between two blocks of data
    data=1800.0,  # 50 MiB over a line of 30 KB/s
    data_rate=0.0,
    session=None,
    messages=None,
    errors=1000,  # an MTA may pass on the typing errors of all its users on one connection
    idle_commands=1000,  # probes of monitoring and connection caches
    unknown_recipients=1000,  # as with errors
    greeting_delay=0.0,
    in_turn=False,  # scripts of our own may be simple
)

STRANGER = Bounds(
    idle=60.0,
    data_idle=60.0,
    data=600.0,
    data_rate=1000.0,  # slower is no mail server, it is someone holding memory
    session=600.0,
    messages=100,
    errors=10,
    idle_commands=30,
    unknown_recipients=5,
    greeting_delay=0.3,
    in_turn=True,
)

KNOWN = replace(
    STRANGER,
    idle=300.0,  # mail programs keep their connection between two mails
    data_idle=180.0,
    data=1800.0,  # a phone in a train, with photographs
    data_rate=0.0,
    session=3600.0,
    messages=1000,
    errors=50,
    idle_commands=1000,
    unknown_recipients=50,
    in_turn=False,
)
"""One of our people who logged in: a person, whose program may be clumsy, but not a server of ours."""

STRESS = 0.8
"""Share of [limits] connections above which strangers have only `STRESS_IDLE` (Postfix's rule)."""

STRESS_IDLE = 10.0
"""Seconds of silence allowed under stress."""

DATA_RATE_AFTER = 30.0
"""Seconds: the start of a transfer, and short messages, say nothing about the rate."""

WRITE_BUFFER = 64 * 1024
"""Octets of replies that lie unread before we stop reading."""

COMMAND_LINE = 2048
"""Octets of a command with its CRLF. RFC 5321 §4.5.3.1.4 asks for 512, SIZE, BODY and SMTPUTF8 add 46, VERP makes
long paths; whoever sends more sends no commands."""

AUTH_LINE = 12_288
"""Octets of AUTH with its initial response, or of an answer to its challenge, with the CRLF (RFC 4954 §4)."""

PARTING = 2.0
"""Seconds that a dialogue may go on once we stop, up to its DATA or QUIT: a mail takes a client five answers from us,
each as far away as it is. To be cut off between two of them is to have to come again."""

SILENT = 0.5
"""Seconds of silence between commands after which there is no dialogue while we stop. Also what a client has for its
QUIT after the 250 of its last mail: told 421 there, common mail libraries report a failure of what was accepted."""

HANDSHAKE = 15.0
"""Seconds for a TLS handshake: six packets, also over a slow line with losses."""

INPUT_WAITING = 64 * 1024
"""Octets that may wait while a reply is due (pipelining); then reading pauses. One read adds at most 256 KiB."""

RECIPIENTS = 100
"""Recipients of a message: what RFC 5321 §4.5.3.1.8 asks for. The client sends the rest in another transaction."""

FREE_DATA = 256 * 1024
"""Octets that a message may have without a reservation: nearly all mail never asks."""

FREE = 128 * 1024 * 1024
"""Octets that all messages without a reservation may have together: 512 connections x 256 KiB."""

MUCH = 32 * 1024 * 1024
"""Octets held at once after which freed memory is worth giving back to the system."""

CALM = 1.0
"""Seconds without any reservation after which freed memory is given back to the system."""

DISCARDED = 1024 * 1024 * 1024
"""Octets that we read and throw away of a message that is refused, to reach its end and say so."""

SPARE_DESCRIPTORS = 128
"""File descriptors kept for databases, pipes, logs and listeners, and 64 for questions to DNS: accept with
none left floods the log."""


def memory(max_size: int) -> int:
    """Octets that all large messages in flight may hold together.

    Five of the largest size, so that one slow sender of 50 MiB does not stop the others; 256 MiB where
    messages are small. Beside it there is what small messages hold (`FREE`), the copy that
    the end of a message makes (one at a time), and what SQLite takes for one commit: about three times one
    message. With max_size 50 MiB everything together stays below 512 MiB.
    """
    return max(256 * 1024 * 1024, 5 * max_size)
