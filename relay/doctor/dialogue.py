"""An SMTP client that only asks: greeting, extensions, TLS, what is refused. Edges; `door` judges.

It says what a stranger could say and never sends mail anywhere but to the relay that it examines.
"""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

PATIENCE = 10.0
"""Seconds for each reply. The relay answers at once, or is in trouble."""

KEEPING = 60.0
"""Seconds for the reply to a message: a disk may be slow, and proofs are asked of DNS."""

NAME = "doctor.invalid"
"""What we call ourselves: a name that nobody can have (RFC 6761), so that no host profits by it."""

FOREIGN = "somebody@elsewhere.invalid"


@dataclass(frozen=True, slots=True)
class Met:
    """What a server said. `trouble`: why there was no greeting. `replies`: of each step, as 'CODE text'."""

    place: str
    trouble: str = ""
    greeting: str = ""
    starttls: bool = False
    tls: str = ""
    """The version that was spoken, '' for none."""
    tls_trouble: str = ""
    certificate: bytes = b""
    """As it was shown, DER."""
    foreign: str = ""
    """The reply to RCPT for an address elsewhere."""


def meet(host: str, port: int, hostname: str, *, source: str = "", secured: bool = False) -> Met:
    """Go through the door by which mail comes in. `source`: an address of ours to come from. `secured`: TLS first."""
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        with contextlib.closing(_Client(host, port, source)) as client:
            if secured:
                client.secure(hostname)
            greeting = client.reply()
            extensions = client.ehlo()
            starttls = "STARTTLS" in extensions
            if starttls:
                try:
                    client.say("STARTTLS", "220")
                    client.secure(hostname)
                    client.ehlo()
                except (OSError, smtplib.SMTPException) as error:
                    return Met(place, "", greeting, True, "", _why(error))
            foreign = client.foreign()
            client.quit()
            return Met(place, "", greeting, starttls, client.tls, "", client.certificate, foreign)
    except (OSError, smtplib.SMTPException) as error:
        return Met(place, _why(error))


def hand_in(host: str, port: int, content: bytes, sender: str, recipient: str, *, source: str = "") -> str:
    """Try to hand in one message. Returns the last reply, 'CODE text': 250 with the vault id, or what refused it."""
    try:
        with contextlib.closing(_Client(host, port, source)) as client:
            said = client.reply()
            if not said.startswith("220"):
                return said
            client.ehlo()
            for command in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA"):
                said = client.command(command)
                if said[:1] not in "23":
                    client.quit()
                    return said
            client.patience(KEEPING)
            client.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
            said = client.reply()
            client.quit()
            return said
    except (OSError, smtplib.SMTPException) as error:
        return f"000 {_why(error)}"


class _Client:
    """One connection. Raises OSError and SMTPException."""

    def __init__(self, host: str, port: int, source: str) -> None:
        self._socket: socket.socket = socket.create_connection(
            (host, port), PATIENCE, source_address=(source, 0) if source else None
        )
        self._lines = self._socket.makefile("rb")
        self.tls = ""
        self.certificate = b""

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def patience(self, seconds: float) -> None:
        self._socket.settimeout(seconds)

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def reply(self) -> str:
        """The last line of the next reply."""
        return self._reply()[-1]

    def _reply(self) -> list[str]:
        lines: list[str] = []
        while len(lines) < 64:
            octets = self._lines.readline(2048)
            if not octets.endswith(b"\n"):
                raise smtplib.SMTPServerDisconnected("it closed the connection")
            lines.append(octets.decode("utf-8", "replace").rstrip("\r\n"))
            if lines[-1][3:4] != "-":
                return lines
        raise smtplib.SMTPServerDisconnected("its reply does not end")

    def command(self, line: str) -> str:
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def say(self, line: str, code: str) -> None:
        said = self.command(line)
        if not said.startswith(code):
            raise smtplib.SMTPResponseException(int(said[:3]) if said[:3].isdigit() else 0, said)

    def ehlo(self) -> list[str]:
        self.send(f"EHLO {NAME}\r\n".encode())
        return [line[4:].strip().upper() for line in self._reply()]

    def foreign(self) -> str:
        """What is said to mail for elsewhere. Nothing is sent."""
        said = self.command(f"MAIL FROM:<{FOREIGN}>")
        if said.startswith("2"):
            said = self.command(f"RCPT TO:<{FOREIGN}>")
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self.command("RSET")
        return said

    def quit(self) -> None:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self.command("QUIT")

    def secure(self, hostname: str, context: ssl.SSLContext | None = None) -> None:
        """TLS from here on; without a `context` whatever the certificate: it is looked at, and nothing is confided."""
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        self._lines.close()
        secured = context.wrap_socket(self._socket, server_hostname=hostname)
        self._socket, self._lines = secured, secured.makefile("rb")
        self.tls = secured.version() or ""
        self.certificate = secured.getpeercert(binary_form=True) or b""


def distrust(met: Met, host: str, port: int, hostname: str, *, secured: bool = False) -> str:
    """Why a client that verifies would not take the certificate, '' when it would. By another connection."""
    if not met.tls:
        return ""
    try:
        with contextlib.closing(_Client(host, port, "")) as client:
            if not secured:
                client.reply()
                client.ehlo()
                client.say("STARTTLS", "220")
            client.secure(hostname, ssl.create_default_context())
            return ""
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, smtplib.SMTPException) as error:
        return _why(error)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    if isinstance(error, smtplib.SMTPResponseException):
        return str(error.smtp_error)
    return str(error)


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the daemon listens, by its own word. (host, port) each; `lmtp`: paths."""

    smtp: tuple[tuple[str, int], ...] = ()
    secured: tuple[tuple[str, int], ...] = ()
    lmtp: tuple[str, ...] = ()


def doors(places: Iterable[str]) -> Doors:
    """Of '192.0.2.1:25', 'tls:[::]:465' and 'lmtp:/path'."""
    smtp: list[tuple[str, int]] = []
    secured: list[tuple[str, int]] = []
    lmtp: list[str] = []
    for place in places:
        if place.startswith("lmtp:"):
            lmtp.append(place[5:])
            continue
        host, _, port = place.removeprefix("tls:").rpartition(":")
        if port.isdigit():
            (secured if place.startswith("tls:") else smtp).append((host.strip("[]"), int(port)))
    return Doors(tuple(smtp), tuple(secured), tuple(lmtp))
