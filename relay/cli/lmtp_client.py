"""An LMTP client (RFC 2033) for one message: what `deliver` hands over with.

Decides nothing about mail: says what it is told to a unix socket, and either all recipients were answered 250 after
the end of data, or it raises. Imports little, since an MTA starts it for each message.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

TYPE_CHECKING = False  # typing is not imported: see handing_over
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

CONNECTING = 10.0
"""Seconds for the greeting and the commands: the relay answers at once, or is in trouble."""

KEEPING = 600.0
"""Seconds for the reply to a message: the relay waits 480 s for its vault. RFC 5321 §4.5.3.2.6 says ten minutes."""

LONGEST = 2048
"""Octets of a reply line that we read (RFC 5321 §4.5.3.1.5 says 512)."""

LINES = 64
"""Lines of one reply, at most."""


class RefusedError(Exception):
    """The relay did not take it: its text is one line for a person."""


class NobodyError(Exception):
    """Nobody listens on the socket."""


class LmtpClient:
    """One connection. Raises NobodyError, RefusedError, and OSError where the connection broke."""

    def __init__(self, path: str, name: str = "deliver") -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._replies = self._socket.makefile("rb")
        try:
            self._socket.settimeout(CONNECTING)
            self._socket.connect(path)
            self._expect("220")
            self._extensions = self._say(f"LHLO {name}", "250")
        except (FileNotFoundError, ConnectionRefusedError) as error:
            self.close()
            raise NobodyError(path) from error
        except BaseException:
            self.close()
            raise

    @property
    def max_size(self) -> int | None:
        """The octets that a message may have, as the server declares them (RFC 1870)."""
        for line in self._extensions:
            if line[:5].upper() == "SIZE " and line[5:].isdigit():
                return int(line[5:]) or None
        return None

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> str:
        """Hand over one message, its lines ended with CRLF. Returns what was said about it: `accepted as ID`.

        Recipients that are refused for good are told behind it, if another one is taken: the relay has the message
        then, and to try again would bring it only what it has. Raises RefusedError when nobody is taken.
        """
        said = self.hand_over(sender, recipients, content)
        try:  # noqa: SIM105  contextlib would be one more import
            self._socket.sendall(b"QUIT\r\n")
        except OSError:
            pass  # a relay that stops closes behind its last 250; it has the message all the same
        return said

    def hand_over(self, sender: str, recipients: Sequence[str], content: bytes, more: str = "") -> str:
        """The same with the connection left open for the next message. `more`: parameters of MAIL."""
        plain = sender.isascii() and all(map(str.isascii, recipients))
        parameters = f" SIZE={len(content)}{more}"
        parameters += "" if content.isascii() else " BODY=8BITMIME"
        parameters += "" if plain else " SMTPUTF8"
        self._say(f"MAIL FROM:<{sender}>{parameters}", "250")
        refused: list[str] = []
        for recipient in recipients:
            try:
                self._say(f"RCPT TO:<{recipient}>", "250")
            except RefusedError as error:
                if not str(error).startswith("5") or len(refused) == len(recipients) - 1:
                    raise
                refused.append(f"; not for {recipient}: {error}")
        self._say("DATA", "354")
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        self._socket.settimeout(KEEPING)
        if stuffed.startswith(b"."):
            self._socket.sendall(b".")
        self._socket.sendall(stuffed)
        self._socket.sendall(b".\r\n")
        said = [self._expect("250")[0] for _ in recipients[len(refused) :]]  # RFC 2033 §4.2: one for each
        return "".join(said[:1] + refused)

    def _say(self, line: str, wanted: str) -> list[str]:
        self._socket.sendall(line.encode("utf-8", "surrogateescape") + b"\r\n")
        return self._expect(wanted)

    def _expect(self, code: str) -> list[str]:
        """The texts of the next reply, without codes. Raises RefusedError when it is another one."""
        lines = []
        for _ in range(LINES):
            octets = self._replies.readline(LONGEST)
            if not octets.endswith(b"\n"):
                raise RefusedError("the relay closed the connection")
            line = octets.decode("utf-8", "replace").rstrip("\r\n")
            lines.append(line)
            if line[3:4] != "-":
                break
        if not lines[-1].startswith(code):
            raise RefusedError(lines[-1])
        return [line[4:] for line in lines]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Without a word: a server takes that as QUIT."""
        self._replies.close()  # it keeps the connection open as the socket does
        self._socket.close()
