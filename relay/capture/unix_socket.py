"""The unix socket for LMTP: made, replaced when nobody answers on it any more, removed at the end.

Decides who may connect, by the rights on the file: mode 0660 and the group of the folder it lies in. Whoever
can connect is fully trusted, so the folder is the place to say who that is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct
from pathlib import Path

from relay.capture.listener import BACKLOG, ListenError

MODE = 0o660
"""Owner and group may connect (connecting needs the right to write), nobody else."""

PRIVATE = 0o600
"""Owner only: a socket in the vault's folder, where nothing is for others."""

LONGEST = 107
"""Octets of a path that the kernel takes (unix(7): sun_path has 108 with the NUL at its end)."""

_PEER = struct.Struct("3i")  # struct ucred, unix(7): pid, uid, gid


def listen_unix(path: Path, mode: int = MODE) -> socket.socket:
    """A listening socket at `path`. What is left of a program that died is replaced. Raises ListenError."""
    _look(path)
    # Made beside its place and moved there: at no moment can anybody connect whom the rights keep out.
    making = path.with_name(f".{path.name}.{os.getpid()}")
    if len(os.fsencode(making)) > LONGEST:
        raise ListenError(
            f"cannot listen on {path}: the path is too long for a socket; choose a shorter [capture] lmtp"
        )
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        making.unlink(missing_ok=True)
        opened.bind(os.fspath(making))
        _give_rights(making, path.parent.stat().st_gid, mode)
        opened.listen(BACKLOG)
        opened.setblocking(False)
        making.replace(path)
    except OSError as error:
        opened.close()
        with contextlib.suppress(OSError):
            making.unlink(missing_ok=True)
        raise ListenError(f"cannot listen on {path}: {_reason(error, path)}") from error
    return opened


def _give_rights(made: Path, group: int, mode: int = MODE) -> None:
    """Let `group` connect. Raises OSError.

    Others may write in this folder: what lies at this name now need not be what we made there. So the rights are
    given to what was opened and seen to be a socket, and never through a link to a file of ours elsewhere.
    """
    opened = os.open(made, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if not stat.S_ISSOCK(os.fstat(opened).st_mode):
            raise OSError(errno.EEXIST, "somebody put another file in the place of our socket")
        itself = Path(f"/proc/self/fd/{opened}")  # a descriptor made with O_PATH takes no fchmod(2)
        with contextlib.suppress(PermissionError):  # a group that we are not in: then it is our own
            os.chown(itself, -1, group)
        itself.chmod(mode)
    finally:
        os.close(opened)


def _look(path: Path) -> None:
    """Is the place free, or only taken by a socket that nobody answers on? Raises ListenError if not."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise ListenError(f"cannot listen on {path}: {_reason(error, path)}") from error
    if not stat.S_ISSOCK(found.st_mode):
        raise ListenError(f"cannot listen on {path}: a file that is no socket lies there; remove it or choose another")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            return  # its program is gone
        except OSError as error:
            # A full backlog (EAGAIN) or a socket of another kind: somebody is there.
            if error.errno in (errno.ENOENT, errno.ECONNRESET):
                return
    raise ListenError(f"cannot listen on {path}: another program answers there; see which with: ss -lxp")


def _reason(error: OSError, path: Path) -> str:
    match error.errno:
        case errno.ENOENT:
            return f"there is no folder {path.parent}; make it, or let systemd (RuntimeDirectory=)"
        case errno.EACCES | errno.EPERM:
            return f"no right to write in {path.parent}; give it to the user that runs the relay"
        case _:
            return (error.strerror or str(error)).lower()


def remove(path: Path, made: os.stat_result) -> None:
    """Take our socket away, unless another program has put its own there in the meantime."""
    with contextlib.suppress(OSError):
        now = path.lstat()
        if (now.st_dev, now.st_ino) == (made.st_dev, made.st_ino):
            path.unlink()


def peer(connected: socket.socket) -> str:
    """Who is at the other end, as the kernel knows it (SO_PEERCRED): `unix:uid=107,pid=4711`."""
    pid, uid, _ = _PEER.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return f"unix:uid={uid},pid={pid}"
