"""The memory budget: which messages may be in flight, over all connections.

Small messages are counted as they come in (`hold`), and beyond `free` octets they are not taken. Large ones
ask once for all they may need, in the order of asking, so nobody holds a reservation while waiting for more
and there is no deadlock. Knows no sockets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from relay.capture import bounds


class Budget:
    """`size` octets to be reserved, and `free` ones beside them. For the loop's thread."""

    def __init__(self, size: int, emptied: Callable[[], None] = lambda: None, *, free: int = bounds.FREE) -> None:
        """`emptied` is called each time the last reservation is given back, or the last of much that was free."""
        self.size = size
        self.free = free
        self._emptied = emptied
        self.reserved = 0
        self.held = 0
        self._much = False  # was more held than is worth giving back?
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._wanted = 0

    def hold(self, octets: int) -> bool:
        """Count `octets` more without a reservation, if there is room for them."""
        held = self.held + octets
        if held > self.free:
            return False
        self.held = held
        if held > bounds.MUCH:
            self._much = True
        return True

    def drop(self, octets: int) -> None:
        """They are no longer held."""
        self.held -= octets
        if self._much and not self.held:
            self._much = False
            self._emptied()

    def take(self, octets: int) -> bool:
        """Reserve at once, if there is room and nobody waits. `octets` above the size count as the size."""
        octets = min(octets, self.size)
        if self._waiting or self.reserved + octets > self.size:
            return False
        self.reserved += octets
        return True

    def wait(self, octets: int, granted: Callable[[], None]) -> Callable[[], None]:
        """Reserve when it is our turn; then `granted` is called. Returns what takes the wish back."""
        entry = (min(octets, self.size), granted)
        self._waiting.append(entry)
        self._wanted += entry[0]

        def withdraw() -> None:
            for place, other in enumerate(self._waiting):
                if other is entry:
                    del self._waiting[place]
                    self._wanted -= entry[0]
                    self._grant()
                    return

        self._grant()
        return withdraw

    def release(self, octets: int) -> None:
        """Give back what was taken."""
        self.reserved -= min(octets, self.size)
        self._grant()
        if not self.reserved:
            self._emptied()

    @property
    def hopeless(self) -> bool:
        """Would a newcomer wait for more than the whole budget to turn over?"""
        return self._wanted >= self.size

    def _grant(self) -> None:
        while self._waiting and self.reserved + self._waiting[0][0] <= self.size:
            octets, granted = self._waiting.popleft()
            self._wanted -= octets
            self.reserved += octets
            granted()
