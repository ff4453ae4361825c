"""A new database is written to slowly at first, by all workers together."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streaming_support import NOW, Sleeper

from evermail.clock import MINUTE, SECOND
from pipeline.ramp_up import FIRST_PER_S, RampUp, shared_ramp_up


class Process:
    """A worker process on a clock that only moves when somebody sleeps."""

    def __init__(self, workers: int = 1, *, begun_us: int = NOW) -> None:
        self.sleeper = Sleeper()
        self.started_s = self.sleeper.now_s
        self.written: list[tuple[float, int]] = []
        self.ramp_up = RampUp(begun_us, workers, wall_clock=self.now_us, monotonic=lambda: self.sleeper.now_s)

    def now_us(self) -> int:
        return NOW + round((self.sleeper.now_s - self.started_s) * SECOND)

    def write(self, count: int) -> None:
        done = 0
        for portion in self.ramp_up.portions(range(count), sleep=self.sleeper.sleep):
            assert list(portion) == list(range(done, done + len(portion)))
            done += len(portion)
            self.written.append((self.sleeper.now_s - self.started_s, len(portion)))
        assert done == count


@pytest.mark.parametrize(
    ("minutes", "per_second"), [(0, 500), (4.99, 500), (5, 750), (9.99, 750), (10, 1125), (30, 500 * 1.5**6)]
)
def test_it_begins_with_500_a_second_and_grows_by_half_every_five_minutes(
    minutes: float, per_second: float
) -> None:
    process = Process()
    process.sleeper.now_s += 60 * minutes
    assert process.ramp_up.per_second() == pytest.approx(per_second)


@pytest.mark.parametrize("minutes", [120, 60 * 24 * 365 * 10])
def test_in_the_end_nothing_is_held_back(minutes: int) -> None:
    process = Process(begun_us=NOW - minutes * MINUTE)
    process.write(100_000)
    assert process.sleeper.pauses == []
    assert process.written == [(0, 100_000)]


def test_the_first_goes_at_once_and_the_rest_when_its_second_comes() -> None:
    process = Process()
    process.write(1_200)
    assert process.written == [(0, 500), (1, 500), (2, 200)]


def test_who_waited_anyhow_does_not_wait_again() -> None:
    process = Process()
    process.write(500)
    process.sleeper.now_s += 7
    process.write(500)
    assert process.sleeper.pauses == []


def test_a_pause_earns_no_credit() -> None:
    process = Process()
    process.sleeper.now_s += 100
    process.write(1_000)
    assert [count for _, count in process.written] == [500, 500]
    assert process.sleeper.pauses == [pytest.approx(1.0)]


def test_workers_share_it() -> None:
    process = Process(workers=50)
    process.write(25)
    assert process.written == [(0, 10), (1, 10), (2, 5)]


def test_with_more_workers_than_writes_each_writes_one_now_and_then() -> None:
    process = Process(workers=2_000)
    process.write(3)
    assert process.written == [(0, 1), (4, 1), (8, 1)]


def test_a_worker_that_joins_later_has_the_pace_of_the_others() -> None:
    assert Process(begun_us=NOW - 11 * MINUTE).ramp_up.per_second() == pytest.approx(1_125)


def test_a_clock_that_was_set_back_does_not_stop_it() -> None:
    assert Process(begun_us=NOW + MINUTE).ramp_up.per_second() == FIRST_PER_S


@given(
    calls=st.lists(st.tuples(st.integers(0, 900), st.floats(0, 400)), max_size=20),
    workers=st.integers(1, 30),
)
def test_from_one_write_to_any_later_one_no_more_is_written_than_the_time_between_allows(
    calls: Sequence[tuple[int, float]], workers: int
) -> None:
    process = Process(workers)
    for count, idle_s in calls:
        process.write(count)
        process.sleeper.now_s += idle_s
    for first, (begin_s, _) in enumerate(process.written):
        since = 0
        for end_s, count in process.written[first:]:
            per_second = FIRST_PER_S * 1.5 ** (end_s // 300) / workers
            assert since <= per_second * (end_s - begin_s) + 1e-6
            assert count <= max(1, per_second)
            since += count


def test_threads_and_instances_of_a_process_share_one() -> None:
    clocks = {"wall_clock": lambda: NOW, "monotonic": lambda: 0.0}
    assert shared_ramp_up(NOW, 3, **clocks) is shared_ramp_up(NOW, 3, **clocks)
    assert shared_ramp_up(NOW, 3, **clocks) is not shared_ramp_up(NOW + 1, 3, **clocks)
