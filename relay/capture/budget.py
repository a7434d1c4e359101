"""The memory budget: which large messages may be in flight, over all connections.

Decides who may go on, in the order of asking. A message that outgrows the free share asks once for all it
may need, so nobody holds memory while waiting for more, and there is no deadlock. Knows no sockets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Budget:
    """`size` octets to be shared. For the loop's thread."""

    def __init__(self, size: int, emptied: Callable[[], None] = lambda: None) -> None:
        """`emptied` is called each time the last reservation is given back."""
        self.size = size
        self._emptied = emptied
        self.reserved = 0
        self._waiting: deque[tuple[int, Callable[[], None]]] = deque()
        self._wanted = 0

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
