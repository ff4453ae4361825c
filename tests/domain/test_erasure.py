"""Erasure: nothing up to its second stays, nothing of it comes back, and everything is accounted for."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shopper_support import LATENESS, LATER, NOW, Run, event

from evermail import clock
from evermail.event_ids import MAX_IDS
from evermail.events import Event
from evermail.profiles import from_profile, to_profile
from evermail.shopper import Verdict


def erases(at: int) -> Event:
    return event((), at=at, name="erase_user")


def a_past() -> list[Event]:
    return [
        event("A", at=0),
        event("B", at=1, name="add_to_cart"),
        event("C", at=2, name="purchase"),
        event((), at=3, name="search"),
    ]


def test_nothing_of_the_past_is_in_the_memory() -> None:
    run = Run([*a_past(), erases(10)])
    state = run.state
    assert (state.events, state.touches, state.holdings.lines, state.holdings.purchased) == (0, [], {}, {})
    assert len(state.ids.seen) == 1  # the erasure itself
    assert state.dropped == 5


def test_the_document_is_gone_at_once() -> None:
    profile = to_profile(Run([*a_past(), erases(10)]).state, "s", NOW)
    assert profile.expire_at is not None
    assert profile.expire_at <= NOW
    assert (profile.history, profile.events, profile.memory) == ([], 0, b"")


def test_older_events_that_arrive_later_are_dropped() -> None:
    run = Run([erases(10)])
    assert [run.take(one) for one in a_past()] == [Verdict.ERASED] * 4
    assert run.profile.history == []


def test_copies_of_erased_events_are_dropped_as_well() -> None:
    past = a_past()
    run = Run([*past, erases(10)])
    assert {run.take(one) for one in past} == {Verdict.ERASED}


def test_a_copy_of_the_erasure_is_a_duplicate() -> None:
    one = erases(10)
    assert Run([one, one]).verdicts == [Verdict.ACCEPTED, Verdict.DUPLICATE]


def test_who_comes_back_begins_anew() -> None:
    run = Run([*a_past(), erases(10), event("D", at=11)])
    assert ([seen.item_id for seen in run.profile.history], run.profile.events) == (["D"], 1)
    assert run.weights("D") == {}


def test_what_happened_after_the_erasure_stays_though_the_erasure_arrives_later() -> None:
    run = Run([*a_past(), event("D", at=11), event("E", at=12, name="add_to_cart"), erases(10)])
    assert [seen.item_id for seen in run.profile.history] == ["E", "D"]
    assert (run.profile.events, run.profile.cart, run.state.dropped) == (2, {"E": 1}, 5)


def test_an_erasure_is_never_too_late() -> None:
    run = Run(a_past())
    assert run.take(erases(10), oldest_us=NOW + LATENESS) is Verdict.ACCEPTED
    assert run.profile.history == []


def test_an_erasure_by_a_clock_that_is_ahead_erases_what_is_known_by_now() -> None:
    run = Run()
    run.take(event("A", at=500), now_us=NOW)
    assert run.take(erases(600), now_us=NOW + clock.SECOND) is Verdict.ACCEPTED
    assert run.profile.history == []
    assert run.take(event("B", at=2), now_us=NOW + 2 * clock.SECOND) is Verdict.ACCEPTED


def test_of_a_very_busy_shopper_nothing_stays_either() -> None:
    run = Run([event("A", at=at) for at in range(3 * MAX_IDS)])
    run.take(erases(3 * MAX_IDS))
    assert (run.state.events, run.state.dropped) == (0, 3 * MAX_IDS + 1)


def test_of_a_very_busy_shopper_what_came_after_stays() -> None:
    run = Run([event("A", at=at) for at in range(3 * MAX_IDS)])
    run.take(erases(3 * MAX_IDS - 11))
    assert (run.state.events, run.state.dropped) == (10, 3 * MAX_IDS - 10 + 1)


@pytest.mark.parametrize("first", [5, 10])
def test_the_latest_erasure_rules(first: int) -> None:
    run = Run([erases(first), erases(15 - first), event("A", at=7)])
    assert run.verdicts[-1] is Verdict.ERASED


@given(
    st.lists(
        st.one_of(
            st.builds(event, st.sampled_from("ABC"), at=st.integers(0, 60)),
            st.builds(erases, st.integers(0, 60)),
        ),
        max_size=25,
    ),
    st.randoms(use_true_random=False),
    st.booleans(),
)
def test_whatever_the_order_the_same_remains_and_every_event_is_counted_once(
    events: list[Event], shuffle: random.Random, store_between: bool
) -> None:
    arriving = list(events)
    shuffle.shuffle(arriving)
    mixed, ordered = Run(arriving, store_between=store_between), Run(sorted(events, key=_when))
    assert mixed.profile == ordered.profile
    for run in (mixed, ordered):
        count = Counter(run.verdicts)
        assert count[Verdict.ACCEPTED] + count[Verdict.ERASED] == len(events)
        assert run.profile.events + run.state.dropped == count[Verdict.ACCEPTED]


@given(
    st.lists(st.builds(event, st.sampled_from("ABCDE"), at=st.integers(0, 30)), max_size=12),
    st.lists(st.builds(event, st.sampled_from("ABCDE"), at=st.integers(32, 60)), max_size=12),
    st.randoms(use_true_random=False),
)
def test_what_came_after_pairs_with_nothing_of_before_whenever_the_erasure_arrives(
    before: list[Event], after: list[Event], shuffle: random.Random
) -> None:
    """Pairs of before remain: they tell what goes together, and of nobody."""
    late = Run([*before, *shuffle.sample(after, len(after)), erases(31)])
    in_time = Run([*before, erases(31), *after])
    rows = [
        {key: (row.top(99), row.total()) for key, row in run.rows.items() if len(row)}
        for run in (late, in_time)
    ]
    assert rows[0] == rows[1]


def _rows(run: Run) -> dict[str, object]:
    return {key: (row.top(99), row.total()) for key, row in run.rows.items() if len(row)}


def _when(one: Event) -> tuple[int, bool]:
    return one.event_time, one.event_name == "erase_user"


def test_the_erasure_outlives_a_lost_state() -> None:
    state = Run([*a_past(), erases(10), event("D", at=11)]).state
    again = Run()
    again.state = from_profile(to_profile(state, "s", NOW))
    assert again.take(event("A", at=5), now_us=LATER) is Verdict.ERASED
