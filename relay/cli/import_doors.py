"""Doors for an import: through the daemon that runs, or into the vault itself where none does.

Decides which. The daemon listens on a socket in the vault's folder, so that no configuration is needed and nobody but
the vault's owner can say "this is an import". Through it mail is handed over on several connections, since each waits
for its commit and all waiting mails share one. Where no daemon writes, this process writes the vault, and files too if
nobody else does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from relay import lock
from relay.attribution import admission
from relay.cli.lmtp_client import LmtpClient, NobodyError, RefusedError
from relay.config.settings import Settings
from relay.mail.address import Address
from relay.mail.envelope import IMPORT_SOCKET, Client, Envelope, MailObject, VaultId
from relay.mail.path import rcpt_argument
from relay.mail.reply import Reply
from relay.oldmail.letter import Letter
from relay.store.connection import open_store
from relay.store.imported import filed_up_to
from relay.store.lineage import filed_marks
from relay.vault.failure import VaultBusyError, VaultError
from relay.vault.reader import Reader
from relay.vault.writer import Vault
from relay.work.filing_by_hand import HandFiling
from relay.work.importing import ImportStopped

CONNECTIONS = 8
"""To the daemon: as many mails share a commit. More do not make the filer faster, which is what we wait for."""

GLANCE = 0.02
"""Seconds between two looks at how far the filer has come."""

LOOKED = 2.0
"""Seconds for which we look for the filer of a daemon that runs; one with --only accept has none."""

NOBODY = 30.0
"""Seconds for which no filer may be seen before we say so: one that died is started again within 30 s."""

OLDEST = 315_532_800
"""Seconds since 1970 (1980): dates of mailboxes before it are clocks that were never set."""

Stopped = Callable[[], bool]


class Others:
    """Filing by another process: how far it is, seen from relay.db and the vault."""

    def __init__(self, settings: Settings, stopped: Stopped) -> None:
        self._db = open_store(settings.store.path, read_only=True)
        self._reader = Reader(settings.vault.path)
        self._lock = settings.vault.path / "filer.lock"
        self._stopped = stopped

    def wait(self, at_most: int) -> bool:
        seen = time.monotonic()
        while self._reader.count_after(VaultId.read(filed_up_to(self._db) or "")) > at_most:
            if self._stopped():
                return False
            if lock.held(self._lock):
                seen = time.monotonic()
            elif time.monotonic() - seen > NOBODY:
                raise ImportStopped("nobody files what was accepted; start the relay, then run the same command again")
            time.sleep(GLANCE)
        return True

    def finish(self) -> None:
        self.wait(0)

    def close(self) -> None:
        self._reader.close()
        self._db.close()


class Ourselves:
    """Filing by this process."""

    def __init__(self, settings: Settings) -> None:
        self._filing = HandFiling(settings)

    def wait(self, _: int) -> bool:
        while self._filing.step():
            pass
        return True

    def finish(self) -> None:
        self.wait(0)
        self._filing.finish()

    def close(self) -> None:
        self._filing.__exit__(None, None, None)


class DaemonDoor:
    """Through the daemon's socket. `sender`: an address of whose mailbox it is, '' for nobody's."""

    def __init__(self, settings: Settings, sender: str, stopped: Stopped) -> None:
        self._folder = os.open(settings.vault.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._socket = f"/proc/self/fd/{self._folder}/{IMPORT_SOCKET}"  # a socket's name may have 107 octets only
        self._sender = sender
        self._recipient = settings.capture.addresses[0]
        try:
            first = LmtpClient(self._socket, "import")
            self._idle: list[LmtpClient] = [first]
            self._filing = _filing(settings, stopped, LOOKED)
            self._threads = ThreadPoolExecutor(CONNECTIONS, "import")
        except BaseException:
            os.close(self._folder)
            raise
        self.wait, self.finish = self._filing.wait, self._filing.finish

    def send(self, letters: Sequence[Letter]) -> list[str]:
        try:
            return list(self._threads.map(self._one, letters))
        except (OSError, NobodyError) as error:
            raise ImportStopped(f"the relay went away ({error}); run the same command again when it is back") from None

    def _one(self, letter: Letter) -> str:
        client = self._idle.pop() if self._idle else LmtpClient(self._socket, "import")
        when = _dated(letter)
        try:
            client.hand_over(
                self._sender,
                [self._recipient],
                letter.content,
                f" XDATED={int(when.timestamp())}" if when is not None else "",
            )
        except RefusedError as error:
            client.close()
            if str(error).startswith("5"):
                return f"the relay refused it: {error}"
            raise OSError(str(error)) from None
        except BaseException:
            client.close()
            raise
        self._idle.append(client)
        return ""

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        for client in self._idle:
            client.close()
        self._filing.close()
        os.close(self._folder)


class VaultDoor:
    """Into the vault itself. Raises VaultBusyError while another process writes it."""

    def __init__(self, settings: Settings, sender: str, stopped: Stopped) -> None:
        path = rcpt_argument(f"TO:<{settings.capture.addresses[0]}>", utf8=True)
        assert not isinstance(path, Reply)  # noqa: S101  the configuration was checked
        self._to = path
        self._sender = Address.read(sender) if sender else None
        self._client = Client(f"unix:uid={os.getuid()},pid={os.getpid()}", "import")
        with contextlib.ExitStack() as opened:
            self._runner = opened.enter_context(asyncio.Runner())
            self._vault = Vault.open(settings.vault.path, filed=filed_marks(settings.store.path, settings.vault.path))
            opened.callback(self._vault.close)
            self._filing = _filing(settings, stopped, 0.0)
            opened.callback(self._filing.close)
            self._opened = opened.pop_all()
        self.wait, self.finish = self._filing.wait, self._filing.finish

    def send(self, letters: Sequence[Letter]) -> list[str]:
        if not self._vault.has_room():
            raise ImportStopped("the vault's disk is nearly full; make room, then run the same command again")
        try:
            self._runner.run(self._put(letters))
        except VaultError as error:
            raise ImportStopped(f"{error}; then run the same command again") from None
        return [""] * len(letters)

    async def _put(self, letters: Sequence[Letter]) -> None:
        await asyncio.gather(*(self._vault.put(self._mail(letter)) for letter in letters))

    def _mail(self, letter: Letter) -> MailObject:
        reason = admission.BY_IMPORT.reason
        now = datetime.now(UTC)
        return MailObject(
            Envelope(self._sender, (self._to,), self._client, now, reason, _dated(letter)), letter.content
        )

    def close(self) -> None:
        self._opened.close()


def _filing(settings: Settings, stopped: Stopped, looked: float) -> Others | Ourselves:
    """Who files: another process, if one is seen within `looked` seconds, else we."""
    end = time.monotonic() + looked
    while not (seen := lock.held(settings.vault.path / "filer.lock")) and time.monotonic() < end:
        time.sleep(GLANCE)
    if not seen:
        with contextlib.suppress(lock.Taken):
            return Ourselves(settings)
    return Others(settings, stopped)


def door(settings: Settings, sender: str, stopped: Stopped) -> DaemonDoor | VaultDoor:
    """The door that is open now. Raises ImportStopped, StoreError, VaultError, OSError."""
    try:
        return DaemonDoor(settings, sender, stopped)
    except NobodyError:
        pass
    except RefusedError as error:
        raise ImportStopped(f"the relay takes no imports now: {error}") from None
    try:
        return VaultDoor(settings, sender, stopped)
    except VaultBusyError as error:
        raise ImportStopped(f"{error} (it listens on no {IMPORT_SOCKET} there)") from None


def _dated(letter: Letter) -> datetime | None:
    when = letter.dated
    return when if when is not None and when.timestamp() >= OLDEST else None
