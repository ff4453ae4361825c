"""One shopper's memory: what counts once, what it comes to, and that the order of arrival is irrelevant."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shopper_support import LATENESS, LATER, NOW, Run, event

from evermail import clock, holdings, profiles
from evermail.documents import Profile, Seen
from evermail.event_ids import MAX_IDS, MAX_RETRY_US
from evermail.events import Consent, Event, EventName, Item
from evermail.interest import MAX_LINES
from evermail.profiles import to_profile
from evermail.shopper import MAX_HISTORY, ShopperState, Verdict

# Duplicates and collisions

RICH = event(
    "AB",
    event_id="rich",
    name="purchase",
    user_id="u",
    value=9.5,
    currency="EUR",
    search_term="red",
    campaign_id="k",
    consent=Consent(personalization=True),
    source="web",
    extra={"sent_at": 1, "page": {"a": 1, "b": 2}},
)


def test_a_copy_is_a_duplicate_and_changes_nothing() -> None:
    run = Run([RICH])
    before = run.outcome()
    assert run.take(RICH) is Verdict.DUPLICATE
    assert run.outcome()[0] == before[0]
    assert run.outcome()[2] == before[2]


SAME = {
    "another time of sending": {"extra": {"sent_at": 2, "page": {"a": 1, "b": 2}}},
    "no unknown fields": {"extra": {}},
    "unknown fields of its items": {
        "items": tuple(Item(one.item_id, extra={"list": 3}) for one in RICH.items)
    },
    "consents for other purposes": {"consent": Consent(personalization=True, extra={"ads": True})},
    "a time stamped by the next attempt": {"event_time": RICH.event_time + 5 * clock.SECOND},
    "a time stamped by an attempt before": {"event_time": RICH.event_time - MAX_RETRY_US},
    "a time at the end of the hour": {"event_time": RICH.event_time + MAX_RETRY_US},
}


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_a_repeated_attempt_is_a_duplicate(changes: dict[str, Any]) -> None:
    again = msgspec.structs.replace(RICH, **changes)
    assert Run([RICH, again]).verdicts[1] is Verdict.DUPLICATE
    assert Run([again, RICH]).verdicts[1] is Verdict.DUPLICATE


OTHER = {
    "name": {"event_name": EventName.ADD_TO_CART},
    "items": {"items": (Item("A"), Item("C"))},
    "order of items": {"items": RICH.items[::-1]},
    "quantity": {"items": (Item("A", 2), Item("B"))},
    "price": {"items": (Item("A", price=1.0), Item("B"))},
    "category": {"items": (Item("A", item_category="x"), Item("B"))},
    "browser": {"client_id": "another"},
    "value": {"value": 9.6},
    "currency": {"currency": "JPY"},
    "search term": {"search_term": "blue"},
    "campaign": {"campaign_id": None},
    "consent": {"consent": Consent(personalization=False)},
    "lack of consent": {"consent": None},
    "source": {"source": "app"},
    "day": {"event_time": RICH.event_time - clock.DAY},
    "time, more than an hour later": {"event_time": RICH.event_time + MAX_RETRY_US + clock.SECOND},
}


@pytest.mark.parametrize("changes", OTHER.values(), ids=OTHER)
def test_another_event_under_the_same_id_is_a_collision(changes: dict[str, Any]) -> None:
    run = Run([RICH])
    before = run.profile
    assert run.take(msgspec.structs.replace(RICH, **changes)) is Verdict.COLLISION
    assert run.profile.events == before.events == 1
    assert run.profile.history == before.history


def test_the_first_of_several_attempts_counts() -> None:
    first, second = event("A", at=0, event_id="1"), event("A", at=7, event_id="1")
    assert Run([first, second]).profile.as_of == NOW
    assert Run([second, first]).profile.as_of == NOW + 7 * clock.SECOND


# What comes too late


def test_older_than_the_oldest_is_late_and_changes_nothing() -> None:
    run = Run()
    limit = NOW - LATENESS
    too_old = event("A", at=-LATENESS // clock.SECOND - 1)
    assert run.take(too_old, oldest_us=limit) is Verdict.LATE
    assert run.state == ShopperState()
    assert run.take(event("A", at=-LATENESS // clock.SECOND), oldest_us=limit) is Verdict.ACCEPTED


def test_a_copy_of_what_was_accepted_is_a_duplicate_however_old_it_is_by_now() -> None:
    run, old = Run(), event("A", at=-90_000)
    assert run.take(old) is Verdict.ACCEPTED
    assert run.take(old, oldest_us=NOW) is Verdict.DUPLICATE


def test_ids_are_forgotten_oldest_first_and_events_of_their_time_are_refused_from_then_on() -> None:
    events = [event("A", at=at) for at in range(MAX_IDS + 1)]
    run = Run(events)
    assert set(run.verdicts) == {Verdict.ACCEPTED}
    assert len(run.state.ids.seen) == MAX_IDS * 3 // 4
    forgotten = MAX_IDS + 1 - len(run.state.ids.seen)
    assert {run.take(one) for one in events[:forgotten]} == {Verdict.FORGOTTEN}
    assert {run.take(one) for one in events[forgotten:]} == {Verdict.DUPLICATE}
    assert run.take(event("B", at=forgotten - 2)) is Verdict.FORGOTTEN
    assert run.take(event("B", at=forgotten)) is Verdict.ACCEPTED


def test_ids_expire_and_events_of_their_time_are_refused_rather_than_counted_twice() -> None:
    old, day = event("A", at=0), 86_400
    run = Run([old, *(event("A", at=9 * day + at) for at in range(MAX_IDS // 4))])
    assert len(run.state.ids.seen) == MAX_IDS // 4
    assert run.take(old, oldest_us=0) is Verdict.FORGOTTEN
    assert run.take(event("B", at=day), oldest_us=0) is Verdict.ACCEPTED


def test_a_burst_within_a_second_is_accepted_as_far_as_ids_are_remembered() -> None:
    burst = [event("A", at=0) for _ in range(MAX_IDS)]
    run = Run([*burst, *burst])
    assert run.verdicts == [Verdict.ACCEPTED] * MAX_IDS + [Verdict.DUPLICATE] * MAX_IDS


def test_no_event_of_a_larger_burst_is_counted_twice_or_called_late() -> None:
    burst = [event("A", at=0) for _ in range(3 * MAX_IDS)]
    run = Run([*burst, *burst])
    assert run.verdicts.count(Verdict.ACCEPTED) == run.profile.events >= MAX_IDS
    assert Verdict.ACCEPTED not in run.verdicts[len(burst) :]
    assert set(run.verdicts) == {Verdict.ACCEPTED, Verdict.DUPLICATE, Verdict.FORGOTTEN}
    assert len(run.state.ids.seen) <= MAX_IDS
    assert run.take(event("A", at=1)) is Verdict.ACCEPTED


def test_a_clock_that_is_ahead_shuts_nobody_out() -> None:
    run = Run()
    for _ in range(2 * MAX_IDS):
        run.take(event("A", at=600), now_us=NOW)
    honest = [run.take(event("B", at=at), now_us=NOW + at * clock.SECOND) for at in range(1, 100)]
    assert set(honest) == {Verdict.ACCEPTED}


def test_only_the_first_lines_of_an_event_become_history() -> None:
    many = event([f"SKU{n}" for n in range(200)], at=10, name="purchase")
    state = ShopperState()
    for at in range(5):
        state.apply(event("A", at=at), oldest_us=0, now_us=LATER)
    _, updates = state.apply(many, oldest_us=0, now_us=LATER)
    assert [touch.item_id for touch in state.touches] == ["A"] * 5 + [f"SKU{n}" for n in range(MAX_LINES)]
    assert len(updates) == MAX_LINES + 1
    assert len(state.holdings.purchased) == 200


# Cart and purchases


def cart(*events: Event) -> dict[str, int]:
    carts = [Run(order).profile.cart for order in itertools.permutations(events)]
    assert all(one == carts[0] for one in carts), "the order of arrival matters"
    return carts[0]


def added(items: str, at: int, quantity: int = 1) -> Event:
    return event(items, at=at, name="add_to_cart", quantity=quantity)


def removed(items: str, at: int, quantity: int = 1) -> Event:
    return event(items, at=at, name="remove_from_cart", quantity=quantity)


def bought(items: str, at: int) -> Event:
    return event(items, at=at, name="purchase")


CARTS = {
    "added": ([added("A", 0, 2), added("B", 1)], {"A": 2, "B": 1}),
    "added twice": ([added("A", 0, 2), added("A", 1, 3)], {"A": 5}),
    "twice in one event": ([added("AA", 0)], {"A": 2}),
    "removed": ([added("A", 0, 3), removed("A", 1, 2)], {"A": 1}),
    "all removed": ([added("A", 0, 2), removed("A", 1, 2)], {}),
    "more removed than there was": ([added("A", 0), removed("A", 1, 5)], {}),
    "removed what was never added, then added": ([removed("A", 0), added("A", 1)], {"A": 1}),
    "bought": ([added("A", 0), added("B", 0), bought("A", 1)], {"B": 1}),
    "bought and added again": ([added("A", 0), bought("A", 1), added("A", 2)], {"A": 1}),
    "bought several": ([added("AB", 0), added("C", 1), bought("AC", 2)], {"B": 1}),
    "bought within the same moment": ([added("A", 0), bought("A", 0)], {}),
    "only looked at": ([event("A", at=0)], {}),
}


@pytest.mark.parametrize(("events", "expected"), CARTS.values(), ids=CARTS)
def test_a_cart_is_what_its_events_come_to_in_the_order_of_their_times(
    events: list[Event], expected: dict[str, int]
) -> None:
    assert cart(*events) == expected


def test_a_purchase_is_remembered_by_its_latest_time() -> None:
    run = Run([bought("AB", 5), bought("A", 9), bought("A", 2)])
    assert run.profile.purchased == {"A": NOW + 9 * clock.SECOND, "B": NOW + 5 * clock.SECOND}


def test_what_was_bought_long_ago_does_not_come_back_into_the_cart() -> None:
    run = Run([added("A", 0), bought("A", 10)])
    for n in range(holdings.MAX_CART + 5):
        run.take(added(chr(0x400 + n), 20 + n))
    assert run.take(added("A", 5)) is Verdict.ACCEPTED
    assert "A" not in run.profile.cart


def test_purchases_do_not_push_things_out_of_the_cart() -> None:
    run = Run([added("A", 0)])
    for n in range(holdings.MAX_CART + 5):
        run.take(bought(chr(0x400 + n), 20 + n))
    assert run.profile.cart == {"A": 1}


def test_a_cart_with_many_changes_comes_to_the_same() -> None:
    run = Run([added("A", n, 2) if n % 2 else removed("A", n) for n in range(101)])
    assert run.profile.cart == {"A": 50}
    [line] = run.state.holdings.lines.values()
    assert len(line.changes) <= holdings.MAX_CART_CHANGES


# The profile


def test_a_profile_tells_what_is_known_newest_first() -> None:
    run = Run([event("A", at=0), added("BC", 1), event("A", at=2, name="search"), bought("B", 3)])
    profile = to_profile(run.state, "shopper", NOW + 9)
    assert ShopperState.from_bytes(profile.memory) == run.state
    assert msgspec.structs.replace(profile, memory=b"") == Profile(
        id="shopper",
        version=NOW + 9,
        updated_at=NOW + 9,
        expire_at=NOW + 3 * clock.SECOND + profiles.PROFILE_RETENTION_US,
        as_of=NOW + 3 * clock.SECOND,
        events=4,
        history=[
            Seen("B", NOW + 3 * clock.SECOND, "purchase"),
            Seen("C", NOW + 1 * clock.SECOND, "add_to_cart"),
            Seen("B", NOW + 1 * clock.SECOND, "add_to_cart"),
            Seen("A", NOW, "view_item"),
        ],
        cart={"C": 1},
        purchased={"B": NOW + 3 * clock.SECOND},
    )


def test_as_of_is_the_newest_event_and_not_the_last_to_come() -> None:
    assert Run([event(at=9), event(at=3)]).profile.as_of == NOW + 9 * clock.SECOND


@given(st.lists(st.integers(0, 10**6), min_size=2, max_size=20))
def test_versions_grow_even_where_clocks_go_back(times: list[int]) -> None:
    state = ShopperState()
    versions = []
    for now_us in times:
        versions.append(to_profile(state, "s", now_us).version)
        state = ShopperState.from_bytes(state.to_bytes())
    assert versions == sorted(set(versions))
    assert all(version >= now_us for version, now_us in zip(versions, times, strict=True))


# Order and repetition

letters = st.text("ABCDEFGHIJKLMNO", min_size=1, max_size=3)
histories = st.lists(
    st.builds(
        event,
        letters,
        at=st.integers(-LATENESS // clock.SECOND, 600),
        name=st.sampled_from(
            ["view_item", "view_item", "add_to_cart", "remove_from_cart", "purchase", "search"]
        ),
        quantity=st.integers(1, 3),
    ),
    max_size=20,
)


@given(histories, st.randoms(use_true_random=False), st.booleans())
def test_neither_order_nor_repetition_nor_storing_between_changes_the_outcome(
    events: list[Event], shuffle: random.Random, store_between: bool
) -> None:
    arriving = events + [one for one in events if shuffle.random() < 0.3]
    shuffle.shuffle(arriving)
    run = Run(arriving, store_between=store_between)
    profile, verdicts, rows = Run(sorted(events, key=lambda one: one.event_time)).outcome()
    assert run.outcome()[0] == profile
    assert run.outcome()[2] == rows
    assert verdicts == Counter({Verdict.ACCEPTED: len(events)} if events else {})
    assert Counter(run.verdicts) == Counter(
        {Verdict.ACCEPTED: len(events), Verdict.DUPLICATE: len(arriving) - len(events)}
    )


@given(histories)
def test_a_state_is_read_as_it_was_stored(events: list[Event]) -> None:
    state = Run(events).state
    assert ShopperState.from_bytes(state.to_bytes()) == state


@given(histories)
def test_no_weight_is_taken_back_that_was_not_given(events: list[Event]) -> None:
    given_so_far: Counter[tuple[str, str, int]] = Counter()
    state = ShopperState()
    for one in events:
        for row, update in state.apply(one, oldest_us=0, now_us=LATER)[1]:
            for neighbor, amount in update.amounts:
                given_so_far[row, neighbor, update.event_time] += amount
    assert all(amount >= 0 for amount in given_so_far.values())


# Bounds


def long_run(count: int, order: Sequence[int] | None = None) -> Run:
    draw = random.Random(7)
    names = ["view_item"] * 6 + ["add_to_cart", "add_to_cart", "remove_from_cart", "purchase"]
    events = [
        Event(
            event_id=f"long-{n}",
            event_name=EventName(draw.choice(names)),
            event_time=NOW + n * clock.SECOND,
            client_id="c",
            items=(Item(f"SKU{draw.randrange(3000):06}", draw.randrange(1, 4)),),
        )
        for n in range(count)
    ]
    return Run(events if order is None else [events[n] for n in order])


def test_no_part_of_the_memory_grows_without_end() -> None:
    run = long_run(10_000)
    state = run.state
    assert set(run.verdicts) == {Verdict.ACCEPTED}
    assert state.events == 10_000
    assert len(state.ids.seen) <= MAX_IDS
    assert len(state.touches) <= MAX_HISTORY
    assert len(state.holdings.lines) <= holdings.MAX_CART
    assert len(state.holdings.purchased) <= holdings.MAX_PURCHASED
    assert len(state.to_bytes()) < 28_000
    assert state.size < 220_000
    profile = run.profile
    assert len(profile.history) == profiles.PROFILE_HISTORY
    assert [seen.event_time for seen in profile.history] == sorted(
        (seen.event_time for seen in profile.history), reverse=True
    )


def test_the_size_of_the_memory_does_not_depend_on_how_long_a_shopper_has_been_known() -> None:
    assert len(long_run(10_000).state.to_bytes()) < 1.2 * len(long_run(3_000).state.to_bytes())


def test_what_is_older_than_the_history_counts_but_pairs_with_nothing() -> None:
    run = Run([event("ABCDEFG"[at % 7], at=at) for at in range(100, 200)])
    before = {item_id: run.weights(item_id) for item_id in run.rows}
    assert run.take(event("Z", at=1)) is Verdict.ACCEPTED
    assert run.profile.events == 101
    assert run.weights("Z") == {}
    assert {item_id: run.weights(item_id) for item_id in before} == before
    assert "Z" not in [seen.item_id for seen in run.profile.history]


def test_a_history_that_arrives_backwards_is_never_counted_for_more_than_in_order() -> None:
    in_order, backwards = long_run(300), long_run(300, range(299, -1, -1))
    assert backwards.profile.history == in_order.profile.history
    total = sum(row.total() for row in in_order.rows.values())
    assert sum(row.total() for row in backwards.rows.values()) <= total
