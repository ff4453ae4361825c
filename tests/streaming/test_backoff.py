"""Pauses between tries, on a clock that only moves when somebody sleeps."""

from __future__ import annotations

import pytest
from streaming_support import Sleeper

from pipeline.backoff import half_to_one_and_a_half


def test_pauses_double_up_to_the_longest() -> None:
    sleeper = Sleeper()
    tries = sleeper.backoff(first_s=1.0, longest_s=5.0).tries(1000)
    assert [next(tries) for _ in range(6)] == [False] * 6
    assert sleeper.pauses == [1, 2, 4, 5, 5]


def test_the_first_try_is_at_once() -> None:
    sleeper = Sleeper()
    next(sleeper.backoff().tries(10))
    assert sleeper.pauses == []


def test_the_last_try_is_when_the_time_is_up_and_not_later() -> None:
    sleeper = Sleeper()
    assert list(sleeper.backoff(first_s=1.0, longest_s=60.0).tries(10)) == [False] * 4 + [True]
    assert sleeper.pauses == [1, 2, 4, 3]
    assert sum(sleeper.pauses) == 10


def test_slow_tries_use_up_the_time_as_well() -> None:
    sleeper = Sleeper()
    tries = sleeper.backoff(first_s=1.0).tries(10)
    assert next(tries) is False
    sleeper.now_s += 30
    assert next(tries) is True
    assert sleeper.pauses == [0]
    assert list(tries) == []


def test_jitter_stretches_the_pauses() -> None:
    sleeper = Sleeper()
    tries = sleeper.backoff(first_s=2.0, jitter=lambda: 1.5).tries(100)
    next(tries), next(tries)
    assert sleeper.pauses == [3.0]


def test_the_jitter_of_a_running_job_is_between_a_half_and_one_and_a_half() -> None:
    factors = [half_to_one_and_a_half() for _ in range(200)]
    assert all(0.5 <= factor <= 1.5 for factor in factors)
    assert len(set(factors)) > 1
    assert sum(factors) / len(factors) == pytest.approx(1.0, abs=0.2)
