"""The watchdog: tells systemd that we live, but only when that is true, and in a line how we are.

Alive means that mail can be taken: the loop turned (or we would not be here), and the vault's writer
answered a question that was put into its queue behind the mail. A disk that hangs leaves the question
unanswered, systemd hears nothing and starts us anew. A full disk does not: its writer answers, and senders
hear 452 until there is room. The filer is no matter of ours: while it is stuck or away mail is taken.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from relay.log import log
from relay.notify import notify
from relay.vault.writer import Vault

STATUS_EVERY = 5.0
"""Seconds between two looks at how we are, for the line in `systemctl status`."""

SETTLED = 1.0
"""Seconds before the first one: what is just being started need not be told as missing."""

OFTENER = 3
"""How many times in systemd's interval we feed the watchdog: twice is the custom, and one may come late."""

LOOKS = 5
"""How many times we look for the writer's answer between two feedings: a commit may be under way."""


class Watchdog:
    """Feeds until `stop`. `interval`: seconds that systemd waits, None when it does not watch.

    `status` is asked for the line; it may take its time.
    """

    def __init__(self, interval: float | None, vault: Vault | None, status: Callable[[], str]) -> None:
        self._interval = interval
        self._vault = vault
        self._status = status
        self._said = ""
        self._silent = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(self._tell()))
        if self._interval is not None:
            self._tasks.append(loop.create_task(self._feed(self._interval / OFTENER)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _feed(self, pause: float) -> None:
        while True:
            if self._vault is not None:
                self._vault.knock()
            await asyncio.sleep(pause / LOOKS)
            while not self._answered(pause):  # noqa: ASYNC110  the answer comes from a thread that may hang
                await asyncio.sleep(pause / LOOKS)
            notify("WATCHDOG=1")
            await asyncio.sleep(pause * (LOOKS - 1) / LOOKS)

    def _answered(self, pause: float) -> bool:
        """Has the vault's writer shown that it turns? Said in the log once when it has not for long."""
        silent = 0.0 if self._vault is None else self._vault.unanswered()
        if silent > pause and not self._silent:
            self._silent = True
            log().error("vault.silent", for_s=round(silent, 1), why="the disk does not answer; no mail is kept")
        elif self._silent and not silent:
            self._silent = False
            log().info("vault.answers")
        return not silent

    async def _tell(self) -> None:
        pause = SETTLED
        while True:
            await asyncio.sleep(pause)
            pause = STATUS_EVERY
            # In a thread: it asks the disk, and a disk that hangs must not stop the loop.
            try:
                told = await asyncio.to_thread(self._status)
            except Exception as error:  # noqa: BLE001  a line for people is worth no daemon
                told = f"cannot tell how it is: {type(error).__name__}"
            if told != self._said:
                self._said = told
                notify(f"STATUS={told}")
