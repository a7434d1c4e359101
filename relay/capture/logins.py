"""Logins: how many at once, how often, and how long an answer takes.

Comparing a password costs a fifth of a second and 16 MiB by design, so one is compared at a time, in a thread of its
own, and few wait: a flood of logins takes neither memory nor the loop from mail. Failures are counted for an hour,
per client network and per account, known or not. Who logged in to an account from a network before is not held up
by others' failures on it: nobody can lock a colleague out from elsewhere. All of it is in memory, and bounded.
"""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from relay.capture.judge import Login

Check = Callable[[str, str], tuple[int, str] | None]
"""(staff.id, which password it is) of who has this name and this password, or None. For a thread; raises what it likes
when it cannot tell.
"""

FAILURES = 20
"""Failed logins an hour, for a client network and for an account. Too few to guess, enough for a phone with an old
password that tries all day to tell its owner.
"""

SHARE = 5
"""Of these, how many count for an account from one network: neither a stranger with one address nor a phone of her own
shuts out a colleague who is somewhere else for the first time.
"""

HOUR = 3600.0

REMEMBERED = 10_000
"""Networks and accounts whose failures are remembered; beyond that, those that failed longest ago are forgotten."""

WELL_KNOWN = 1_000
"""Pairs of account and network that logged in, remembered while we run."""

WAITING = 32
"""Logins that may wait for their turn: some six seconds. More are told to come again."""

DELAY = 1.0, 2.0
"""Seconds after which a failure is told, drawn anew each time, so that its time tells nothing."""


class Busy(Exception):  # noqa: N818  no fault
    """Too many wait."""


class TooMany(Exception):  # noqa: N818
    """Too many failures: nothing is compared for a while."""


class Logins:
    """For the loop's thread. `check` runs in another. `clock`: seconds."""

    def __init__(self, check: Check, clock: Callable[[], float], delay: tuple[float, float] = DELAY) -> None:
        self._check = check
        self._clock = clock
        self._delay = delay
        self._failed: OrderedDict[tuple[str, str], deque[tuple[float, str]]] = OrderedDict()  # when, and from where
        self._well_known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._waiting = 0
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="login")

    async def check(self, network: str, name: str, password: str) -> Login | None:
        """Who it is, or None when name or password is wrong, told after a while. Raises Busy, TooMany, and what `check`
        raises.
        """
        account = name.strip().lower()[:320]
        counted = [("network", network)]
        if (account, network) not in self._well_known:
            counted.append(("account", account))
        now = self._clock()
        if any(self._full(each, now) for each in counted):
            raise TooMany
        if self._waiting >= WAITING:
            raise Busy
        # Counted before it is known: twenty at the same time are twenty.
        for each in counted:
            self._note(each, now, network)
        self._waiting += 1
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._check, name, password)
        except BaseException:
            self._forgive(counted, now, network)
            raise
        finally:
            self._waiting -= 1
        if found is None:
            await asyncio.sleep(random.uniform(*self._delay))  # noqa: S311  it hides, it protects nothing
            return None
        self._forgive(counted, now, network)
        self._well_known[account, network] = None
        self._well_known.move_to_end((account, network))
        while len(self._well_known) > WELL_KNOWN:
            self._well_known.popitem(last=False)
        return Login(*found)

    def close(self) -> None:
        """No more logins. One that is being compared is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _full(self, whose: tuple[str, str], now: float) -> bool:
        times = self._failed.get(whose)
        return times is not None and len(times) >= FAILURES and now - times[0][0] < HOUR

    def _note(self, whose: tuple[str, str], now: float, network: str) -> None:
        times = self._failed.setdefault(whose, deque(maxlen=FAILURES))
        mine = sum(1 for at, where in times if where == network and now - at < HOUR)
        if whose[0] == "network" or mine < SHARE:
            times.append((now, network))
        self._failed.move_to_end(whose)
        while len(self._failed) > REMEMBERED:
            self._failed.popitem(last=False)

    def _forgive(self, counted: list[tuple[str, str]], noted: float, network: str) -> None:
        for each in counted:
            times = self._failed.get(each)
            if times is not None and (noted, network) in times:
                times.remove((noted, network))
                if not times:
                    del self._failed[each]
