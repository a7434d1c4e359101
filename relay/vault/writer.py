"""The vault's writer: makes accepted mail durable, many messages in one commit.

Decides when a mail object is safe, and only then tells whoever waits for it. One thread takes all that
is waiting (bounded), writes it in one transaction and commits; the commit returns when the disk has it
(WAL, synchronous=FULL). While one commit is on its way to the disk the next batch gathers, so the rate
rises with the load. A commit that fails fails for its whole batch, and the next one is tried as if
nothing had been. Knows nothing of SMTP.

Named steps, at which a test may stop the process (`at`): see `STEPS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import Empty, SimpleQueue

from relay.lock import Lock, Taken
from relay.log import log
from relay.mail.envelope import MailObject, VaultId
from relay.meter import Histogram
from relay.vault import erasing
from relay.vault.appender import Appender
from relay.vault.failure import VaultBusyError, VaultClosedError, VaultError, VaultFullError, explain
from relay.vault.segment import make_folder

STEPS = (
    "vault.begin",  # a batch is taken; nothing is written
    "vault.inserted",  # all of it is written, not committed
    "vault.committed",  # it is on the disk; nobody has been told
    "vault.replied",  # everybody of the batch has been told (in the loop's thread)
    "vault.rotated",  # a new segment was begun
)

SEGMENT_SIZE = 1024 * 1024 * 1024
"""Octets after which a new segment is begun: one file that a backup or a copy handles in seconds."""

BATCH_MAILS = 128
"""Messages in one commit: more than this many seldom wait, and each waits for the whole batch."""

BATCH_OCTETS = 8 * 1024 * 1024
"""Octets of content in one commit (at least one message): about 50 ms of writing, which all of them wait."""

RESERVE = 256 * 1024 * 1024
"""Octets of disk left free: mail already taken, the log, and the databases beside us still have room then."""

ROOM_CHECKED = 1.0
"""Seconds between two looks at the free space: at the fastest, 300 MB are written in between."""

AGE_CHECKED = 600.0
"""Seconds between two looks whether the segment is old enough to be sealed."""

Done = Callable[[VaultId | Exception], None]
"""Told, in the loop's thread, the vault id once the mail is on the disk, or the error (nothing is kept then)."""


_Entry = tuple[MailObject, Done, asyncio.AbstractEventLoop]

KNOCK = "knock"
"""In the queue: nothing to write, but whoever watches over us wants to see that it is read."""


def _nothing(_: object) -> None:
    return None


def _only_writer(folder: Path) -> Lock:
    """The lock of the process that writes this vault. Raises VaultBusyError, VaultError."""
    path = folder / "writer.lock"
    try:
        return Lock(path)
    except Taken as taken:
        who = f" (process {taken.holder})" if taken.holder else ""
        raise VaultBusyError(f"vault: {folder} is in use by another bcc-relay{who}; stop that one first") from None
    except OSError as error:
        raise explain(error, path) from error


class Vault:
    """The only writer of the vault in a folder. Made by `Vault.open`."""

    def __init__(
        self,
        path: Path,
        lock: Lock,
        appender: Appender,
        *,
        on_commit: Callable[[VaultId], None] | None,
        at: Callable[[str], None],
        clock: Callable[[], float],
        reserve: int,
    ) -> None:
        self._path = path
        self._lock = lock
        self._appender = appender
        self._on_commit = on_commit or _nothing
        self._at = at
        self._clock = clock
        self._reserve = reserve
        self._queue: SimpleQueue[_Entry | str | None] = SimpleQueue()
        self._closed = False
        self._closing = threading.Lock()
        self._busy_since: float | None = None
        self._last_commit: float | None = None
        self._trouble: VaultError | None = None
        self.commits = Histogram()
        """How long commits took, `append` included: what a client waits for at most, once its batch is begun."""
        self.commit_failures = 0
        self._knocked: float | None = None
        self._room: tuple[float | None, bool] = (None, True)
        self._age_every = AGE_CHECKED
        self._age_checked = -AGE_CHECKED
        self._thread = threading.Thread(target=self._run, name="vault-writer", daemon=True)
        self._thread.start()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        filed: Mapping[str, int] | None = None,
        on_commit: Callable[[VaultId], None] | None = None,
        at: Callable[[str], None] = _nothing,
        clock: Callable[[], float] = time.time,
        segment_size: int = SEGMENT_SIZE,
        seal_after: float | None = None,
        reserve: int = RESERVE,
    ) -> Vault:
        """Open the vault in folder `path` (made when missing) and start its writer.

        `filed`: for each epoch the highest number that counts as filed. Where the vault knows less than
        that, or is a copy, it is an older state: a new epoch is drawn, so that no id is given out twice.
        `seal_after`: seconds after which a segment with mail is followed by a new one, however small it is.
        `on_commit` is called in the loop's thread with the last id of each batch. Raises a VaultError.
        """
        make_folder(path)
        lock = _only_writer(path)
        try:
            appender = Appender.open(
                path, filed or {}, segment_size=segment_size, seal_after=seal_after, clock=clock, at=at
            )
        except BaseException:
            lock.release()
            raise
        return cls(path, lock, appender, on_commit=on_commit, at=at, clock=clock, reserve=reserve)

    # -- for the loop's thread ---------------------------------------------------------------------

    def hand_over(self, mail: MailObject, done: Done) -> None:
        """Take `mail`; `done` is told in the running loop when it is safe, or why it is not.

        Returns at once. Whatever becomes of the caller, the commit goes on. Raises VaultClosedError.
        """
        if self._closed:
            raise VaultClosedError("vault: closed, no mail is taken any more")
        self._queue.put((mail, done, asyncio.get_running_loop()))

    async def put(self, mail: MailObject) -> VaultId:
        """`hand_over` to be awaited. A cancelled caller does not stop the commit. Raises a VaultError."""
        outcome: asyncio.Future[VaultId] = asyncio.get_running_loop().create_future()

        def done(result: VaultId | Exception) -> None:
            if outcome.done():
                return  # cancelled; the mail is kept all the same
            if isinstance(result, Exception):
                outcome.set_exception(result)
            else:
                outcome.set_result(result)

        self.hand_over(mail, done)
        return await outcome

    # -- for anybody -------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Is there more than the reserve free on the disk? Looked up at most once in `ROOM_CHECKED`."""
        looked, room = self._room
        now = time.monotonic()
        if looked is None or now - looked > ROOM_CHECKED:
            try:
                disk = os.statvfs(self._path)
                room = disk.f_bavail * disk.f_frsize > self._reserve
            except OSError:
                room = False  # a disk that does not answer takes no mail
            self._room = (now, room)
        return room

    def stalled(self) -> float:
        """Seconds that the batch being written has been under way, 0.0 when none is: for a watchdog."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def seal_after(self, seconds: float | None) -> None:
        """Go by another age of segments from now on; see `open`."""
        self._appender.seal_after = seconds

    def knock(self) -> None:
        """Ask the writer to show that it turns and that the disk answers, also when no mail comes; see `unanswered`."""
        if self._knocked is None and not self._closed:
            self._knocked = time.monotonic()
            self._queue.put(KNOCK)

    def unanswered(self) -> float:
        """Seconds that the last `knock` has waited, 0.0 when it was answered: long only if a disk hangs."""
        since = self._knocked
        return 0.0 if since is None else time.monotonic() - since

    @property
    def last_commit(self) -> float | None:
        """When the last batch was committed, in seconds since 1970; None before the first one of this run."""
        return self._last_commit

    @property
    def trouble(self) -> VaultError | None:
        """Why the last batch failed, None when it did not."""
        return self._trouble

    def erase(self, mails: Mapping[VaultId, bool]) -> int:
        """Overwrite the content of these mail objects, in the caller's thread, beside the mail that comes in.

        Blocks until it is done; to be over before `close`. See `erasing.erase`. Raises a VaultError.
        """
        turn = self._appender.checkpointer.turn
        return erasing.erase(self._path, mails, turn=turn, clock=self._clock, at=self._at)

    def close(self) -> None:
        """Write what was handed over, put the log away and release the vault. Blocks; may be called twice."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
            self._thread.join()

    # -- the writer's thread -----------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while self._next_batch():
                pass
        finally:
            self._appender.close()
            self._lock.release()

    def _next_batch(self) -> bool:
        """Wait for mail and write all that is there. False when the vault is being closed and nothing is left."""
        try:
            first = self._queue.get(timeout=self._age_every)
        except Empty:
            self._seal_by_age()
            return True
        if first is None:
            return False
        if isinstance(first, str):
            # A commit would show that the disk answers; there is none to be made, so ask it for as little as possible.
            self._lock.touch()
            self._knocked = None
            self._seal_by_age()
            return True
        self._seal_by_age()
        batch = [first]
        octets = len(first[0].content)
        more = True
        with contextlib.suppress(Empty):
            while len(batch) < BATCH_MAILS and octets < BATCH_OCTETS:
                entry = self._queue.get_nowait()
                if entry is None:
                    more = False
                    break
                if isinstance(entry, str):
                    self._knocked = None
                    continue
                batch.append(entry)
                octets += len(entry[0].content)
        self._busy_since = began = time.monotonic()
        results: list[VaultId] | VaultError
        try:
            results = self._appender.append([mail for mail, _, _ in batch])
        except Exception as error:  # noqa: BLE001  whatever it is: the batch must hear of it, the next be tried
            results = self._trouble = explain(error, self._appender.segment.path)
            self.commit_failures += 1
            if isinstance(results, VaultFullError):
                self._room = (time.monotonic(), False)
        else:
            self._trouble = None
            self._last_commit = self._clock()
            self.commits.observe(time.monotonic() - began)
            self._at("vault.committed")
        self._busy_since = None
        self._knocked = None  # the disk has answered; a knock may wait behind many large messages
        self._tell(batch, results)
        return more

    def _seal_by_age(self) -> None:
        """Now and then, also when nothing comes: a disk that takes no new file is asked again later."""
        now = time.monotonic()
        if now < self._age_checked + self._age_every:
            return
        self._age_checked = now
        try:
            self._appender.seal_by_age()
        except Exception as error:  # noqa: BLE001  whatever it is: mail goes on into the segment that we have
            log().warning("vault.not_sealed", why=str(explain(error, self._appender.segment.path)))

    def _tell(self, batch: list[_Entry], results: list[VaultId] | VaultError) -> None:
        """Wake each loop once for all of its mail in the batch (there is one, but for programs of several)."""
        waiting: dict[asyncio.AbstractEventLoop, list[tuple[Done, VaultId | VaultError]]] = {}
        for place, (_, done, loop) in enumerate(batch):
            result = results if isinstance(results, VaultError) else results[place]
            waiting.setdefault(loop, []).append((done, result))
        for loop, told in waiting.items():
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits, the mail is kept
                loop.call_soon_threadsafe(self._deliver, loop, told)

    # -- the loop's thread again -------------------------------------------------------------------

    def _deliver(self, loop: asyncio.AbstractEventLoop, told: list[tuple[Done, VaultId | VaultError]]) -> None:
        for done, result in told:
            try:
                done(result)
            except Exception as error:  # noqa: BLE001  one caller's fault must not keep the others waiting
                loop.call_exception_handler({"message": "vault: telling the outcome failed", "exception": error})
        self._at("vault.replied")
        if isinstance(result, VaultId):
            self._on_commit(result)
