"""Listeners: the sockets that mail comes in by, ours or inherited from systemd.

Decides which sockets are used (inherited ones win) and turns what stands in the way into one line for a
person. Knows nothing of SMTP.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass

from relay.config.settings import Endpoint

FIRST_INHERITED = 3
"""The first descriptor that systemd hands over (sd_listen_fds(3))."""

BACKLOG = 512
"""Connections that the kernel holds while we are busy: as many as [limits] connections by default."""

SECURED = frozenset({"smtps", "submissions"})
"""FileDescriptorName= of sockets where TLS is spoken from the first octet (port 465)."""

LMTP = "lmtp"
"""FileDescriptorName= of unix sockets for LMTP."""


class ListenError(Exception):
    """We cannot listen there. Its text is one line for a person."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """A descriptor from systemd and its FileDescriptorName=, '' when it has none."""

    descriptor: int
    name: str


def inherited(environment: Mapping[str, str], process: int) -> tuple[Inherited, ...]:
    """The descriptors that systemd gave to `process`, as the environment tells (sd_listen_fds(3)).

    None when LISTEN_PID is another process: the variables were meant for our parent. Raises ListenError.
    """
    if environment.get("LISTEN_PID", "") != str(process):
        return ()
    text = environment.get("LISTEN_FDS", "0")
    if not (text.isascii() and text.isdigit()) or int(text) > 1024:
        raise ListenError("systemd: LISTEN_FDS is not a number of sockets: look at the socket unit")
    count = int(text)
    names = environment.get("LISTEN_FDNAMES", "").split(":")
    names += [""] * (count - len(names))
    return tuple(Inherited(FIRST_INHERITED + place, names[place]) for place in range(count))


@dataclass(frozen=True, slots=True)
class Doors:
    """Listening sockets by what is spoken on them."""

    smtp: tuple[socket.socket, ...] = ()
    smtps: tuple[socket.socket, ...] = ()
    lmtp: tuple[socket.socket, ...] = ()


def take_inherited(environment: MutableMapping[str, str]) -> Doors:
    """The inherited sockets. The variables are removed, so that no child takes them too.

    Raises ListenError for a descriptor that is no listening TCP socket, or no unix socket when it is named "lmtp".
    """
    found = inherited(environment, os.getpid())
    if found:
        for variable in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
            environment.pop(variable, None)
    smtp: list[socket.socket] = []
    smtps: list[socket.socket] = []
    lmtp: list[socket.socket] = []
    for entry in found:
        try:
            opened = socket.socket(fileno=entry.descriptor)
            listening = opened.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError as error:
            raise ListenError(f"systemd: descriptor {entry.descriptor} is no socket ({error.strerror})") from error
        if entry.name == LMTP:
            if not listening or opened.family != socket.AF_UNIX or opened.type != socket.SOCK_STREAM:
                raise ListenError("systemd: lmtp does not listen on a unix socket; give ListenStream= a path")
            lmtp.append(opened)
        elif not listening or opened.family not in (socket.AF_INET, socket.AF_INET6):
            raise ListenError(
                f"systemd: {entry.name or entry.descriptor} does not listen on TCP; give ListenStream= a port, "
                "or the socket FileDescriptorName=lmtp"
            )
        else:
            (smtps if entry.name in SECURED else smtp).append(opened)
        opened.setblocking(False)
        os.set_inheritable(entry.descriptor, False)
    return Doors(tuple(smtp), tuple(smtps), tuple(lmtp))


def listen(endpoints: Iterable[Endpoint]) -> list[socket.socket]:
    """Listening sockets, one for each endpoint; all of them or none. Raises ListenError."""
    with contextlib.ExitStack() as undo:
        sockets = [undo.enter_context(contextlib.closing(_listen(endpoint))) for endpoint in endpoints]
        undo.pop_all()
    return sockets


def _listen(endpoint: Endpoint) -> socket.socket:
    family = socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET
    opened = None
    try:
        opened = socket.socket(family, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # at a restart old connections may linger
        if family == socket.AF_INET6:
            # So that "[::]:25" and "0.0.0.0:25" can stand side by side.
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setblocking(False)
        opened.bind((endpoint.host, endpoint.port))
        opened.listen(BACKLOG)
    except OSError as error:
        if opened is not None:
            opened.close()
        raise ListenError(f"cannot listen on {endpoint}: {_reason(error, endpoint)}") from error
    return opened


def _reason(error: OSError, endpoint: Endpoint) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"another program does; see which with: ss -ltnp 'sport = :{endpoint.port}'"
        case errno.EACCES | errno.EPERM:
            return "no right to; start it by the systemd socket, give it CAP_NET_BIND_SERVICE, or use a port above 1023"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have that address; see: ip address"
        case errno.EAFNOSUPPORT:
            return "this machine has no IPv6; remove it from [capture] listen"
        case errno.EMFILE | errno.ENFILE:
            return "too many open files; raise LimitNOFILE"
        case _:
            return error.strerror or str(error)


def endpoint_of(opened: socket.socket) -> Endpoint:
    """Where the socket listens; the port is the real one also where 0 was asked for."""
    host, port = opened.getsockname()[:2]
    return Endpoint(host, port)
