"""Threads come out the same in any order of arrival and in any batches, equal to brute force."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from relay.attribution.thread import MANY, join

Messages = list[tuple[tuple[str, ...], str]]

ids = st.lists(st.sampled_from([f"<{n}@x>" for n in range(12)]), min_size=1, max_size=4, unique=True).map(tuple)
messages = st.lists(st.tuples(ids, st.sampled_from(["offer", "invoice"])), max_size=25)


def file_in_batches(order: Messages, size: int) -> list[int]:
    """What a store does with the joinings: apply each, then look a message's thread up at the end."""
    known: dict[tuple[str, str], int] = {}
    threads: list[int] = []
    next_id = 1
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        wanted = {(i, subject) for own, subject in batch for i in own}
        joining = join(batch, {r: t for r, t in known.items() if r in wanted}, next_id)
        next_id = max([next_id, *(t + 1 for t in joining.created)])
        known.update(joining.seen)
        known = {r: joining.joined.get(t, t) for r, t in known.items()}
        threads = [joining.joined.get(t, t) for t in threads] + list(joining.assigned)
        assert not set(joining.created) & set(joining.joined)
    return threads


def partition(order: Messages, threads: list[int]) -> set[frozenset[tuple[tuple[str, ...], str]]]:
    groups: dict[int, set[tuple[tuple[str, ...], str]]] = {}
    for message, thread in zip(order, threads, strict=True):
        groups.setdefault(thread, set()).add(message)
    return {frozenset(group) for group in groups.values()}


def brute_force(order: Messages) -> set[frozenset[tuple[tuple[str, ...], str]]]:
    groups: list[set[tuple[tuple[str, ...], str]]] = []
    for message in order:
        meets = [g for g in groups if any(set(m[0]) & set(message[0]) and m[1] == message[1] for m in g)]
        groups = [g for g in groups if g not in meets] + [{message}.union(*meets)]
    return {frozenset(group) for group in groups}


@given(messages, st.randoms(use_true_random=False), st.integers(1, 8))
def test_threads_are_the_same_in_any_order_of_arrival(order: Messages, rnd, size: int) -> None:
    shuffled = order[:]
    rnd.shuffle(shuffled)
    expected = brute_force(order)
    assert partition(order, file_in_batches(order, size)) == expected
    assert partition(shuffled, file_in_batches(shuffled, size)) == expected


def test_the_oldest_thread_survives_a_joining() -> None:
    joining = join([(("c", "a", "b"), "s")], {("a", "s"): 7, ("b", "s"): 3}, 10)
    assert joining.assigned == (3,)
    assert joining.joined == {7: 3}
    assert joining.seen == {("c", "s"): 3}
    assert joining.created == {}


def test_of_large_threads_the_largest_stays_so_that_few_messages_move() -> None:
    sizes = {3: 2, 7: MANY + 1, 8: MANY}
    asked: list[int] = []

    def size(thread: int) -> int:
        asked.append(thread)
        return sizes[thread]

    known = {("a", "s"): 3, ("b", "s"): 7, ("c", "s"): 8, ("d", "s"): 9}
    joining = join([(("a", "b"), "s"), (("c", "a"), "s"), (("d",), "s")], known, 10, size)
    assert joining.joined == {3: 7, 8: 7}
    assert joining.assigned == (7, 7, 9)
    assert sorted(asked) == [3, 7, 8], "asked once, and only about threads that meet"


def test_threads_that_grow_by_joining_count_as_grown() -> None:
    known = {("a", "s"): 1, ("b", "s"): 2, ("c", "s"): 3, ("d", "s"): 4}
    joining = join([(("c", "d"), "s"), (("a", "c"), "s"), (("b", "a"), "s")], known, 10, lambda _: MANY // 2 + 1)
    assert joining.joined == {4: 3, 1: 3, 2: 3}, "3 and 4 together are large: nothing of them moves again"


def test_a_message_without_any_id_has_a_thread_of_its_own() -> None:
    joining = join([((), "s"), ((), "s")], {}, 5)
    assert joining.assigned == (5, 6)
    assert joining.created == {5: "s", 6: "s"}
