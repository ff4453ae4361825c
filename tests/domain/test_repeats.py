"""How often shoppers come back: what one step counts as, and what is made of the counts."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shopper_support import NOW, Run, event

from evermail import clock, repeats
from evermail.repeats import PRIOR, ROW_ID


def looks(items: str) -> dict[str, float]:
    """What is counted of these views, the oldest first."""
    run = Run([event(item_id, at=at) for at, item_id in enumerate(items)])
    return run.weights(ROW_ID) if ROW_ID in run.rows else {}


@pytest.mark.parametrize(
    ("items", "counted"),
    [
        ("A", {}),
        ("AB", {"1n0-": 1}),
        ("AA", {"1n00": 1}),
        ("AAA", {"1n00": 1, "1s10": 1}),
        ("ABA", {"1n0-": 1, "2n01": 1}),
        ("ABAB", {"1n0-": 1, "2n01": 1, "2e11": 1}),
        ("ABCA", {"1n0-": 1, "2n0-": 1, "3n02": 1}),
        ("AABB", {"1n00": 1, "1s1-": 1, "2n10": 1}),
    ],
)
def test_what_a_step_counts_as(items: str, counted: dict[str, int]) -> None:
    assert looks(items) == counted


def test_numbers_of_items_and_returns_end_somewhere() -> None:
    assert looks("ABCDEFG")["5n0-"] == 2
    assert looks("ABABABA")["2e21"] == 3


@pytest.mark.parametrize(("back", "place"), [(1, "0"), (10, "9"), (11, "-"), (20, "-")])
def test_what_lies_far_back_counts_as_new(back: int, place: str) -> None:
    items = "ABCDEFGHIJKLMNOPQRSTUVW"
    assert repeats.key(list(reversed(items))[:20], items[-back]) == f"5n0{place}"


def test_a_cart_is_no_coming_back_but_something_to_come_back_to() -> None:
    events = [event("A", at=0), event("A", at=1, name="add_to_cart"), event("A", at=2)]
    assert Run(events).weights(ROW_ID) == {"1s10": 1.0}


def test_every_entry_of_the_row_is_kept() -> None:
    states = repeats.MOST_DISTINCT * 3 * (1 + repeats.MOST_RETURNS)
    assert states * (repeats.PLACES + 1) <= repeats.KEPT


def test_no_item_is_mistaken_for_the_row() -> None:
    assert ROW_ID.strip() != ROW_ID


def test_times_are_rounded_down_so_that_changes_can_be_added_up() -> None:
    run = Run([event("A", at=0), event("B", at=1)])
    assert run.rows[ROW_ID].as_of == NOW // clock.HOUR * clock.HOUR


histories = st.lists(st.sampled_from("ABC"), min_size=1, max_size=30)


@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_arrival_is_irrelevant(items: list[str], shuffle: random.Random) -> None:
    """Of days, so that what fades is right as well."""
    names = ["view_item", "view_item", "email_click", "add_to_cart"]
    day_s = 86_400
    events = [
        event(item_id, at=at * day_s // 20, name=names[at % 4], event_id=f"e{at}")
        for at, item_id in enumerate(items)
    ]
    expected = Run(events).rows
    found = Run(shuffle.sample(events, len(events))).rows
    assert (ROW_ID in found) == (ROW_ID in expected)
    if ROW_ID in expected:
        assert found[ROW_ID].top(999) == expected[ROW_ID].top(999)
        assert found[ROW_ID].as_of == expected[ROW_ID].as_of


@given(histories)
def test_who_hands_over_takes_everything_back(items: list[str]) -> None:
    run = Run([event(item_id, at=at) for at, item_id in enumerate(items)])
    _, updates = run.state.hand_over()
    run.update(updates)
    assert ROW_ID not in run.rows or run.weights(ROW_ID) == {}


# What is made of the counts


def test_without_counts_the_prior_holds() -> None:
    assert repeats.chances([], [], 20) == []
    assert repeats.chances(list("ABA"), [], 20) == [("A", PRIOR[0]), ("B", PRIOR[1])]


def test_counts_of_the_same_state_by_hand() -> None:
    """Two distinct items, the last one new. Another state with two items counts in general only, one with
    three not at all."""
    counts = [("2n00", 10.0), ("2n0-", 30.0), ("2e11", 40.0), ("3n01", 500.0)]
    general_a, general_b = (10 + 20 * PRIOR[0]) / 100, (40 + 20 * PRIOR[1]) / 100
    assert dict(repeats.chances(list("AB"), counts, 20)) == pytest.approx(
        {"A": (10 + 20 * general_a) / 60, "B": 20 * general_b / 60}
    )


counted = st.dictionaries(
    st.builds(
        "{}{}{}{}".format, st.integers(1, 5), st.sampled_from("nse"), st.integers(0, 2), st.integers(0, 9)
    ),
    st.floats(0, 1e6),
)


@given(histories, counted, st.floats(1, 100))
def test_chances_are_probabilities(items: list[str], counts: dict[str, float], prior: float) -> None:
    found = repeats.chances(items[:20], counts.items(), prior)
    assert [item_id for item_id, _ in found] == list(dict.fromkeys(items[:20]))
    assert all(0 < chance <= 1 for _, chance in found)
    assert sum(chance for _, chance in found) <= 1 + 1e-9
