"""Threads: which messages belong to one conversation, the same in any order of arrival.

Two messages are in one thread when they share a Message-ID (their own, or one they refer to) *and*
have the same base subject (RFC 8621 §3). An id that is referred to before its message was seen is a
*ghost*: it has a thread but no message, so there is always something to join and the order in which
mail arrives does not matter. This module only decides; it does not know where threads are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

MANY = 100
"""Messages that may move when threads are joined; of larger threads the largest keeps its id."""

Reference = tuple[str, str]
"""(Message-ID, base subject): what two messages must share to be in one thread."""


@dataclass(frozen=True, slots=True)
class Joining:
    """What a batch of messages does to the threads.

    `assigned`: the thread of each message, in the order given; `created`: new thread ids with their
    base subjects; `joined`: threads that turned out to be one (loser -> survivor);
    `seen`: references not known before, with their thread.
    """

    assigned: tuple[int, ...]
    created: Mapping[int, str]
    joined: Mapping[int, int]
    seen: Mapping[Reference, int]


def join(
    messages: Iterable[tuple[tuple[str, ...], str]],
    known: Mapping[Reference, int],
    next_id: int,
    size: Callable[[int], int] = lambda _: 0,
) -> Joining:
    """Find the thread of each message, given as (its own and referred ids, its base subject).

    `known` holds the thread of every reference of these messages that was seen before; `next_id` is
    the first free thread id. Of threads that meet, the smallest id survives, unless one has more than `MANY`
    messages: then the largest, or one mail could move fifty thousand messages, and the next one again.
    `size` tells how many messages a known thread has; it is asked only about threads that meet.
    """
    parent: dict[int, int] = {}
    sizes: dict[int, int] = {}

    def survivor(thread: int) -> int:
        root = thread
        while root in parent:
            root = parent[root]
        while thread != root:  # path compression keeps long chains of joins flat
            parent[thread], thread = root, parent[thread]
        return root

    def one_of(met: list[int]) -> int:
        """Join threads (smallest first) that meet. Returns the one that stays."""
        if len(met) == 1:
            return met[0]
        for thread in met:
            if thread not in sizes:
                sizes[thread] = 0 if thread in created else size(thread)
        largest = max(met, key=lambda thread: (sizes[thread], -thread))
        stays = largest if sizes[largest] > MANY else met[0]
        sizes[stays] = sum(sizes[thread] for thread in met)
        parent.update((thread, stays) for thread in met if thread != stays)
        return stays

    seen: dict[Reference, int] = {}
    created: dict[int, str] = {}
    placed: list[int] = []
    for ids, base_subject in messages:
        references = [(identifier, base_subject) for identifier in ids]
        met = sorted(
            {
                survivor(found)
                for reference in references
                if (found := known.get(reference, seen.get(reference))) is not None
            }
        )
        if met:
            thread = one_of(met)
        else:
            thread = next_id
            next_id += 1
            created[thread] = base_subject
        for reference in references:
            if reference not in known and reference not in seen:
                seen[reference] = thread
        placed.append(thread)
    return Joining(
        assigned=tuple(survivor(thread) for thread in placed),
        created={thread: subject for thread, subject in created.items() if thread not in parent},
        joined={loser: survivor(loser) for loser in parent if loser not in created},
        seen={reference: survivor(thread) for reference, thread in seen.items()},
    )
