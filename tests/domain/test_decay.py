"""Forward decay: the order of arrival is irrelevant, weights fade, and a row stays small."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock
from evermail.decay import UNIT, DecayedRow

HALF_LIFE = 14 * clock.DAY
START = 1_795_489_200 * clock.SECOND

Contribution = tuple[str, int, int]
"""(key, amount, time)"""


def row_of(contributions: Sequence[Contribution], *, capacity: int = 50) -> DecayedRow:
    row = DecayedRow(HALF_LIFE, capacity)
    for key, amount, time_us in contributions:
        row.add(key, amount, time_us)
        row.touch(time_us)
    return row


def stored_and_read(row: DecayedRow) -> DecayedRow:
    return DecayedRow.from_bytes(row.to_bytes(), row.half_life_us, row.capacity)


def reading(row: DecayedRow) -> tuple[list[tuple[str, float]], float, int]:
    return row.top(100), row.total(), row.as_of


keys = st.sampled_from("abcdefgh")
amounts = st.integers(1, 5 * UNIT)
times = st.integers(0, 400 * clock.DAY).map(lambda offset: START + offset)
contributions = st.lists(st.tuples(keys, amounts, times), max_size=40)


# Order


@given(contributions, st.randoms(use_true_random=False))
def test_the_order_of_arrival_is_irrelevant(given_in: list[Contribution], shuffle: random.Random) -> None:
    shuffled = given_in.copy()
    shuffle.shuffle(shuffled)
    assert reading(row_of(shuffled)) == reading(row_of(given_in))


@given(contributions, st.lists(st.integers(0, 40), max_size=5))
def test_so_is_where_the_state_was_stored_in_between(given_in: list[Contribution], cuts: list[int]) -> None:
    row = DecayedRow(HALF_LIFE, 50)
    for at, (key, amount, time_us) in enumerate(given_in):
        if at in cuts:
            row = stored_and_read(row)
        row.add(key, amount, time_us)
        row.touch(time_us)
    assert reading(stored_and_read(row)) == reading(row_of(given_in))
    assert row.to_bytes() == row_of(given_in).to_bytes()


@given(contributions, contributions, st.randoms(use_true_random=False))
def test_what_is_taken_back_was_never_there(
    kept: list[Contribution], regretted: list[Contribution], shuffle: random.Random
) -> None:
    everything = [
        *kept,
        *regretted,
        *((key, -amount, time_us) for key, amount, time_us in regretted),
    ]
    shuffle.shuffle(everything)
    row, expected = row_of(everything), row_of(kept)
    latest = max([START, *(time_us for _, _, time_us in everything)])
    row.touch(latest)
    expected.touch(latest)
    assert reading(row) == reading(expected)


@given(keys, amounts, times, times)
def test_a_lone_contribution_taken_back_leaves_nothing_at_all(
    key: str, amount: int, made_at: int, landmark_moved_at: int
) -> None:
    row = row_of([(key, amount, made_at), ("mover", UNIT, landmark_moved_at), (key, -amount, made_at)])
    assert [held for held, _ in row.top(9)] == ["mover"]
    assert len(row) == 1


# Reading


def test_a_weight_halves_in_a_half_life() -> None:
    row = row_of([("a", UNIT, START)])
    for half_lives, weight in [(0, 1.0), (1, 0.5), (2, 0.25), (3.5, 2**-3.5)]:
        row.touch(START + round(half_lives * HALF_LIFE))
        assert row.top(1) == [("a", pytest.approx(weight, rel=1e-5))]


def test_a_sum_is_expressed_as_of_the_latest_touch() -> None:
    row = row_of(
        [("a", 2 * UNIT, START), ("b", UNIT, START + HALF_LIFE), ("a", UNIT // 2, START + HALF_LIFE)]
    )
    assert row.as_of == START + HALF_LIFE
    assert row.top(9) == [("a", 1.5), ("b", 1.0)]
    assert row.total() == 2.5


@given(contributions.filter(bool))
def test_agrees_with_arithmetic_in_floats(given_in: list[Contribution]) -> None:
    row = row_of(given_in)
    expected: dict[str, float] = {}
    for key, amount, time_us in given_in:
        fade = 2.0 ** ((time_us - row.as_of) / HALF_LIFE)
        expected[key] = expected.get(key, 0.0) + amount / UNIT * fade
    assert row.as_of == max(time_us for _, _, time_us in given_in)
    assert dict(row.top(99)) == pytest.approx(expected, rel=2e-5, abs=1e-8)
    assert row.total() == pytest.approx(sum(expected.values()), rel=2e-5)


@given(contributions.filter(bool), st.lists(st.integers(0, 5 * HALF_LIFE), min_size=2, max_size=5))
def test_only_fades_while_nothing_happens(given_in: list[Contribution], waits: list[int]) -> None:
    row = row_of(given_in)
    before = dict(row.top(99))
    for wait in waits:
        row.touch(row.as_of + wait)
        after = dict(row.top(99))
        assert all(after[key] <= before[key] for key in after)
        before = after


def test_an_earlier_touch_changes_nothing() -> None:
    row = row_of([("a", UNIT, START)])
    row.touch(START - clock.DAY)
    assert reading(row) == ([("a", 1.0)], 1.0, START)


@given(contributions, st.integers(0, 9))
def test_the_top_is_the_beginning_of_the_whole(given_in: list[Contribution], count: int) -> None:
    row = row_of(given_in)
    assert row.top(count) == row.top(99)[:count]


def test_equal_weights_are_in_the_order_of_their_keys() -> None:
    row = row_of([(key, UNIT, START) for key in "dbeac"])
    assert [key for key, _ in row.top(4)] == ["a", "b", "c", "d"]


def test_weights_that_read_equal_are_in_the_order_of_their_keys_too() -> None:
    row = row_of([("b", 10**9 * UNIT + 1, START), ("a", 10**9 * UNIT, START)])
    assert [key for key, _ in row.top(1)] == ["a"]


def test_an_empty_row_reads_as_nothing() -> None:
    row = stored_and_read(DecayedRow(HALF_LIFE, 5))
    assert (row.top(5), row.total(), len(row)) == ([], 0.0, 0)


def test_what_was_only_taken_back_does_not_show() -> None:
    row = row_of([("a", -UNIT, START), ("b", UNIT, START)])
    assert row.top(5) == [("b", 1.0)]
    assert row.total() == 1.0


# Times far apart


@pytest.mark.parametrize("years", [1, 5, 30, 500])
@pytest.mark.parametrize("newest_first", [True, False])
def test_years_later_only_what_is_new_counts(years: int, newest_first: bool) -> None:
    later = START + years * 365 * clock.DAY
    contributed = [("new", UNIT, later), ("old", 5 * UNIT, START)]
    row = row_of(contributed if newest_first else contributed[::-1])
    assert row.as_of == later
    assert row.top(1) == [("new", 1.0)]
    assert row.total() == pytest.approx(1.0, abs=1e-7)


@pytest.mark.parametrize("half_life", [clock.SECOND, clock.HOUR, HALF_LIFE])
@pytest.mark.parametrize("years", [-40, -3, 3, 40])
def test_a_touch_years_away_from_the_weights_breaks_nothing(half_life: int, years: int) -> None:
    row = DecayedRow(half_life, 5)
    row.add("a", UNIT, START)
    row.touch(START + years * 365 * clock.DAY)
    row = stored_and_read(row)
    assert math.isfinite(row.total())
    assert all(math.isfinite(weight) and weight > 0 for _, weight in row.top(5))


def test_a_row_reads_as_of_a_touch_before_its_weights() -> None:
    row = DecayedRow(HALF_LIFE, 5)
    row.add("a", UNIT, START)
    row.touch(START - 3 * HALF_LIFE)
    assert reading(row) == ([("a", 8.0)], 8.0, START - 3 * HALF_LIFE)


def test_a_row_that_was_never_touched_reads_as_of_the_half_life_of_its_newest_weight() -> None:
    row = DecayedRow(HALF_LIFE, 5)
    row.add("a", UNIT, START)
    assert row.as_of == START // HALF_LIFE * HALF_LIFE
    [(_, weight)] = row.top(5)
    assert weight == pytest.approx(2 ** ((START - row.as_of) / HALF_LIFE), rel=1e-5)


# Bounds


def test_the_heaviest_stay() -> None:
    row = row_of([(f"k{n:03}", (n + 1) * UNIT, START) for n in range(101)], capacity=50)
    assert len(row) == 50
    assert [key for key, _ in row.top(50)] == [f"k{n:03}" for n in range(100, 50, -1)]


def test_a_newcomer_has_time_to_grow() -> None:
    row = row_of([(f"k{n:03}", 100 * UNIT, START) for n in range(50)], capacity=50)
    for n in range(500):
        row.add("newcomer", UNIT, START + n)
        row.add(f"passer-by-{n % 40}", 1, START + n)
    assert row.top(1)[0][0] == "newcomer"


@given(st.lists(st.tuples(st.text(max_size=8), amounts, times), max_size=60), st.integers(1, 6))
def test_a_row_never_holds_more_than_twice_its_capacity(given_in: list[Contribution], capacity: int) -> None:
    row = DecayedRow(HALF_LIFE, capacity)
    for key, amount, time_us in given_in:
        row.add(key, amount, time_us)
        assert len(row) <= 2 * capacity
        assert len(row.top(capacity)) <= capacity


def test_a_row_takes_a_bounded_number_of_bytes() -> None:
    row = DecayedRow(HALF_LIFE, 50)
    draw = random.Random(1)
    for n in range(20_000):
        row.add(f"SKU{draw.randrange(5000):06}", 5 * UNIT, START + n * clock.MINUTE)
    assert len(row.to_bytes()) <= 40 + 100 * (16 + 10)


def test_ten_thousand_million_purchases_in_a_half_life_can_be_stored() -> None:
    row = DecayedRow(HALF_LIFE, 5)
    row.add("a", 10**10 * 5 * UNIT, START)
    row.add("a", 10**10 * 5 * UNIT, START)
    row.touch(START)
    assert stored_and_read(row).top(1) == [("a", 1e11)]


@pytest.mark.parametrize("factor", [0.5, 2, 3.7])
def test_a_row_goes_on_with_another_half_life(factor: float) -> None:
    row = DecayedRow(HALF_LIFE, 50)
    row.add("a", 3 * UNIT, START)
    row.add("b", 5 * UNIT, START)
    row.touch(START)
    before = dict(row.top(9))
    other = DecayedRow.from_bytes(row.to_bytes(), round(HALF_LIFE * factor), 50)
    other.add("c", UNIT, START)
    after = dict(other.top(9))
    assert after["c"] == pytest.approx(1.0)
    assert after["a"] / after["b"] == pytest.approx(before["a"] / before["b"], rel=1e-5)
    # What fades differently is only the way from the landmark, which is within a half-life of the weights.
    assert 0.5 < after["b"] / before["b"] < 2.0


def test_what_is_less_than_the_least_weight_is_dropped_one_by_one() -> None:
    in_time, late = DecayedRow(HALF_LIFE, 10), DecayedRow(HALF_LIFE, 10)
    for row, order in ((in_time, (0, 46)), (late, (46, 0))):
        for half_lives in order:
            for _ in range(10_000 if half_lives == 0 else 1):
                row.add("old" if half_lives == 0 else "new", UNIT, half_lives * HALF_LIFE)
        row.touch(46 * HALF_LIFE)
    assert in_time.top(9) == [("new", 1.0), ("old", pytest.approx(10_000 * 2.0**-46, rel=1e-5))]
    assert late.top(9) == [("new", 1.0)]
