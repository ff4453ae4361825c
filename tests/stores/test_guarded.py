"""A guarded store tries again while there is time, and leaves a store alone that is down."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.documents import Document, Key, Suppression
from evermail.stores import Outcome, Store, StoreUnavailable, UnreadableDocument, WriteResult
from evermail.stores.breaker import FAILURES, REST_S, Breaker
from evermail.stores.guarded import FAIR_TIMEOUT_S, GuardedStore

KEY = Key("suppressions", "a")
DOCUMENT = Suppression(id="a", version=1, updated_at=1, reason="asked")
FOUND: dict[Key, Document] = {KEY: DOCUMENT}


class World:
    """A clock that only calls and pauses move, and a store that does what `answer` says."""

    def __init__(self, answer: Callable[[], bool], *, takes_s: float = 0.001) -> None:
        self.now = 100.0
        self.timeouts: list[float | None] = []
        self.writes = 0
        self._answer, self._takes_s = answer, takes_s
        self.breaker = Breaker(monotonic=lambda: self.now)
        self.guarded = GuardedStore(
            cast(Store, self),
            self.breaker,
            monotonic=lambda: self.now,
            sleep=self._sleep,
            dice=random.Random(1),
        )

    def _sleep(self, seconds: float) -> None:
        assert seconds >= 0.0
        self.now += seconds

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None, with_memory: bool) -> Any:
        self.timeouts.append(timeout_s)
        self.now += self._takes_s if timeout_s is None else min(self._takes_s, timeout_s)
        if not self._answer():
            raise StoreUnavailable("down")
        return FOUND

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        self.writes += 1
        outcome = Outcome.WRITTEN if self._answer() else Outcome.TRANSIENT
        return [WriteResult(one.key, outcome) for one in documents]


def answers(*outcomes: bool) -> Callable[[], bool]:
    left = list(outcomes)
    return lambda: left.pop(0) if left else True


def read(world: World, timeout_s: float | None = 0.2) -> dict[Key, Document]:
    return world.guarded.get_many([KEY], timeout_s=timeout_s)


def test_a_read_that_fails_soon_is_tried_again_within_its_time() -> None:
    world = World(answers(False, False, True))
    assert read(world) == FOUND
    assert len(world.timeouts) == 3
    given = [timeout for timeout in world.timeouts if timeout is not None]
    assert given == sorted(given, reverse=True)
    assert given[0] == 0.2


def test_a_read_that_hangs_is_not_tried_again() -> None:
    world = World(lambda: False, takes_s=10)
    with pytest.raises(StoreUnavailable):
        read(world)
    assert len(world.timeouts) == 1


@given(st.floats(0.0, 1.0), st.floats(0.0001, 0.3))
def test_the_time_that_was_given_is_never_exceeded(timeout_s: float, takes_s: float) -> None:
    world = World(lambda: False, takes_s=takes_s)
    begun = world.now
    with pytest.raises(StoreUnavailable):
        read(world, timeout_s)
    assert world.now - begun <= timeout_s + 1e-9


def test_without_a_time_there_is_one_try() -> None:
    world = World(lambda: False)
    with pytest.raises(StoreUnavailable):
        read(world, None)
    assert len(world.timeouts) == 1


def test_a_document_that_cannot_be_read_is_no_reason_to_try_again_nor_a_sign_of_a_dead_store() -> None:
    world = World(lambda: True)

    def unreadable(*_: Any, **__: Any) -> Any:
        world.writes += 1
        raise UnreadableDocument("a")

    world.get_many = unreadable  # type: ignore[method-assign]
    for _ in range(2 * FAILURES):
        with pytest.raises(UnreadableDocument):
            read(world)
    assert world.writes == 2 * FAILURES


def bring_down(world: World) -> None:
    while not world.breaker.down:
        with pytest.raises(StoreUnavailable):
            read(world, None)


def test_a_store_that_is_down_costs_one_try_a_rest() -> None:
    world = World(lambda: False)
    bring_down(world)
    assert len(world.timeouts) == FAILURES
    for _ in range(100):
        before = world.now
        with pytest.raises(StoreUnavailable):
            read(world)
        assert world.now == before
    assert len(world.timeouts) == FAILURES
    world.now += REST_S
    for _ in range(100):
        with pytest.raises(StoreUnavailable):
            read(world)
    assert len(world.timeouts) == FAILURES + 1


def test_a_store_that_has_come_back_is_used_again_after_one_trial() -> None:
    world = World(answers(*[False] * FAILURES))
    bring_down(world)
    world.now += REST_S
    assert all(read(world) == FOUND for _ in range(10))


def test_failures_count_in_a_row_only() -> None:
    world = World(answers(*([False] * (FAILURES - 1) + [True]) * 10))
    for _ in range(10):
        for _ in range(FAILURES - 1):
            with pytest.raises(StoreUnavailable):
                read(world, None)
        assert read(world, None) == FOUND


def test_a_store_is_not_to_blame_for_an_unfair_timeout() -> None:
    world = World(lambda: False)
    for _ in range(3 * FAILURES):
        with pytest.raises(StoreUnavailable):
            read(world, FAIR_TIMEOUT_S / 2)
    assert not world.breaker.down


def test_writes_fail_and_recover_with_reads() -> None:
    world = World(answers(*[False] * FAILURES))
    for _ in range(FAILURES):
        assert [one.outcome for one in world.guarded.put_many([DOCUMENT])] == [Outcome.TRANSIENT]
    assert world.breaker.down
    [held_back] = world.guarded.put_many([DOCUMENT])
    assert (held_back.key, held_back.outcome) == (KEY, Outcome.TRANSIENT)
    assert world.writes == FAILURES
    world.now += REST_S
    assert [one.outcome for one in world.guarded.put_many([DOCUMENT])] == [Outcome.WRITTEN]
    assert read(world) == FOUND
