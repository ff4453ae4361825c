"""How often one token may ask."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from functions.rate_limit import RateLimit


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def limit(time: Time, **options: int) -> RateLimit:
    return RateLimit(60, 3, monotonic=time, **options)


def test_a_burst_is_let_through_and_then_one_a_second() -> None:
    time = Time()
    rate = limit(time)
    assert [rate.wait_s("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    assert rate.wait_s("a") == 1.0
    time.now += 1.0
    assert rate.wait_s("a") == 0.0
    assert rate.wait_s("a") == 1.0


def test_each_key_has_an_allowance_of_its_own() -> None:
    rate = limit(Time())
    assert [rate.wait_s(key) for key in "abcabcabc"] == [0.0] * 9
    assert rate.wait_s("b") > 0.0


def test_who_waits_as_told_is_let_in() -> None:
    time = Time()
    rate = limit(time)
    waits = 0
    for _ in range(20):
        wait_s = rate.wait_s("a")
        if wait_s:
            waits += 1
            time.now += wait_s
            assert rate.wait_s("a") == 0.0
    assert waits == 17


@given(st.lists(st.floats(min_value=0, max_value=10), max_size=60))
def test_never_more_than_the_burst_and_the_rate_since(pauses: list[float]) -> None:
    time = Time()
    rate = limit(time)
    begun, let_in = time.now, 0
    for pause in pauses:
        time.now += pause
        let_in += rate.wait_s("a") == 0.0
        assert let_in <= 3 + (time.now - begun) + 1e-6


def test_memory_is_bounded_and_the_one_asked_longest_ago_is_forgotten() -> None:
    rate = limit(Time(), capacity=2)
    for _ in range(3):
        rate.wait_s("a")
    assert rate.wait_s("a") > 0.0
    rate.wait_s("b")
    rate.wait_s("c")
    assert rate.wait_s("a") == 0.0
