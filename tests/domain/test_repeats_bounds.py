"""Returns of shoppers whose history is longer than what is remembered of it: nothing is ever taken back that
was not counted, and what is counted is right as far as it can be known."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shopper_support import LATER, NOW, event

from evermail import clock, repeats, shopper
from evermail.decay import UNIT
from evermail.event_ids import hash_of_id
from evermail.events import Consent, Event
from evermail.repeats import ROW_ID, WINDOW
from evermail.shopper import MAX_HISTORY, ShopperState, Updates

Ledger = Counter[tuple[str, str, int]]
"""What rows were told in all, by row, entry and time: forward decay cannot hide what was never counted."""

KNOWN = MAX_HISTORY - WINDOW
"""Touches of a full history that have all before them that is looked at."""


@contextmanager
def bounds(history: int, window: int) -> Iterator[None]:
    """Smaller ones, so that short histories go beyond them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shopper, "MAX_HISTORY", history)
        patch.setattr(repeats, "WINDOW", window)
        yield


def post(ledger: Ledger, updates: Updates) -> None:
    for row, update in updates:
        for item_id, amount in update.amounts:
            ledger[row, item_id, update.event_time] += amount
    assert min(ledger.values(), default=0) >= 0, "taken back, and never counted"


def take(state: ShopperState, ledger: Ledger, *events: Event) -> None:
    for one in events:
        post(ledger, state.apply(one, oldest_us=0, now_us=LATER)[1])


def returns(ledger: Ledger) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (row, entry, _), amount in ledger.items():
        if row == ROW_ID:
            found[entry] += amount
    return {entry: amount // UNIT for entry, amount in found.items() if amount}


def counted(events: Iterable[Event]) -> dict[str, int]:
    """What the steps of a history say, counted without any memory of them."""
    items = [one.items[0].item_id for one in sorted(events, key=lambda one: one.event_time)]
    found: Counter[str] = Counter()
    for index, item_id in enumerate(items):
        before = items[max(0, index - repeats.WINDOW) : index][::-1]
        found.update(filter(None, [repeats.key(before, item_id)]))
    return dict(found)


def looks(count: int, seed: int = 1, kinds: str = "ABCDEF") -> list[Event]:
    dice = random.Random(seed)
    return [event(dice.choice(kinds), at=at) for at in range(count)]


def late(events: list[Event], most: int, dice: random.Random) -> list[Event]:
    """In an order in which at most so many are there before one that is older."""
    places = {id(one): place + dice.uniform(0, most) for place, one in enumerate(events)}
    return sorted(events, key=lambda one: places[id(one)])


# What people do, in any order: browsers become a user's, names change, and what was said is withdrawn


class Person:
    """The memories of two browsers and a user, and all that rows were told of them."""

    def __init__(self) -> None:
        self.ledger: Ledger = Counter()
        self.user = ShopperState()
        self.browsers = [ShopperState(), ShopperState()]
        self.joined: set[int] = set()

    def touches(self, browser: int, items: str, at: int, name: str) -> None:
        known = browser < 2 and browser not in self.joined
        state = self.browsers[browser] if known else self.user
        take(state, self.ledger, event(items, at=at, name=name))

    def joins(self, browser: int) -> None:
        given_, updates = self.browsers[browser].hand_over()
        post(self.ledger, updates)
        post(self.ledger, self.user.take_over(given_, 0))
        self.joined.add(browser)

    def is_renamed(self) -> None:
        given_, updates = self.user.hand_over("new")
        post(self.ledger, updates)
        self.user = ShopperState()
        post(self.ledger, self.user.take_over(given_))

    def asks(self, name: str, at: int) -> None:
        fields = {"consent": Consent(name == "agree")} if name != "erase_user" else {}
        kind = name if name == "erase_user" else "update_consent"
        take(self.user, self.ledger, event((), at=at, name=kind, **fields))


times = st.integers(0, 40)
touching = st.tuples(
    st.just("touches"),
    st.integers(0, 2),
    st.text("ABC", min_size=1, max_size=3),
    times,
    st.sampled_from(["view_item", "view_item", "email_click", "add_to_cart"]),
)
acts = st.one_of(
    touching,
    touching,
    touching,
    st.tuples(st.just("joins"), st.integers(0, 1)),
    st.tuples(st.just("is_renamed")),
    st.tuples(st.just("asks"), st.sampled_from(["erase_user", "withdraw", "agree"]), times),
)


@given(st.lists(acts, max_size=40), st.integers(4, 8), st.integers(1, 3))
def test_nothing_is_taken_back_that_was_not_counted(
    acts: list[tuple[str, object]], history: int, window: int
) -> None:
    with bounds(history, window):
        person = Person()
        for name, *arguments in acts:
            getattr(person, name)(*arguments)


@pytest.mark.parametrize("seed", range(20))
def test_nor_within_the_bounds_that_hold_in_production(seed: int) -> None:
    dice = random.Random(seed)
    person = Person()
    for one in late(looks(300, seed, kinds="ABCDEFGHIJKL"), dice.choice([30, 100, 300]), dice):
        at = (one.event_time - NOW) // clock.SECOND
        person.touches(dice.choice([0, 0, 1, 2]), one.items[0].item_id, at, "view_item")
        if dice.random() < 0.02:
            dice.choice([lambda: person.joins(0), lambda: person.joins(1), person.is_renamed])()
        if dice.random() < 0.01:
            person.asks(dice.choice(["erase_user", "withdraw", "agree"]), at - dice.randrange(100))


# What is counted is right


@given(
    st.lists(st.sampled_from("ABCD"), max_size=40),
    st.integers(1, 4),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_latecomers_of_what_is_known_count_as_if_they_had_come_in_time(
    items: list[str], window: int, known: int, dice: random.Random
) -> None:
    events = [event(item_id, at=at) for at, item_id in enumerate(items)]
    with bounds(window + known, window):
        ledger: Ledger = Counter()
        take(ShopperState(), ledger, *late(events, known, dice))
        assert returns(ledger) == counted(events)


@pytest.mark.parametrize("seed", range(10))
def test_so_do_the_newest_in_production(seed: int) -> None:
    events, ledger = looks(200, seed), Ledger()
    take(ShopperState(), ledger, *late(events, KNOWN, random.Random(seed)))
    assert returns(ledger) == counted(events)


@pytest.mark.parametrize(("after", "counts"), [(KNOWN, 1), (KNOWN + 1, 0)])
def test_what_came_before_those_that_are_known_counts_as_no_return(after: int, counts: int) -> None:
    events, ledger = looks(MAX_HISTORY + 30), Ledger()
    latecomer = events.pop(-1 - after)
    state = ShopperState()
    take(state, ledger, *events)
    before = sum(returns(ledger).values())
    take(state, ledger, latecomer)
    assert sum(returns(ledger).values()) == before + counts


@pytest.mark.parametrize("back", range(WINDOW - 1, WINDOW + 3))
def test_a_late_touch_changes_what_is_said_of_as_many_after_it_as_are_looked_at(back: int) -> None:
    """The only other look at A comes so many touches after it."""
    first, latecomer = event("B", at=0), event("A", at=1)
    later = [event("B" if at < back else "A", at=1 + at) for at in range(1, back + 3)]
    ledger: Ledger = Counter()
    take(ShopperState(), ledger, first, *later, latecomer)
    assert returns(ledger) == counted([first, latecomer, *later])


def test_no_more_is_looked_at_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    state, calls, key = ShopperState(), Counter[str](), repeats.key

    def watched(before: list[str], item_id: str) -> str | None:
        calls["key"] += 1
        return key(before, item_id)

    latecomer, *events = looks(MAX_HISTORY)
    take(state, Counter(), *events)
    monkeypatch.setattr(repeats, "key", watched)
    state.apply(latecomer, oldest_us=0, now_us=LATER)
    assert calls["key"] == 1 + 2 * WINDOW  # itself, and what each was and is


@pytest.mark.parametrize(
    ("count", "left"), [(MAX_HISTORY, 0), (MAX_HISTORY + 1, WINDOW + 1), (200, 200 - KNOWN)]
)
def test_who_hands_over_takes_back_what_is_known(count: int, left: int) -> None:
    """Of the oldest that are remembered, those before them have been let go."""
    events, ledger = looks(count), Ledger()
    state = ShopperState()
    take(state, ledger, *events)
    given_, updates = state.hand_over()
    post(ledger, updates)
    assert returns(ledger) == counted(events[:left])
    post(ledger, ShopperState().take_over(given_, 0))
    assert returns(ledger) == counted(events)


def test_where_they_end_outlives_a_restart() -> None:
    events, ledger = looks(MAX_HISTORY + 1), Ledger()
    state = ShopperState()
    take(state, ledger, *events)
    _, updates = ShopperState.from_bytes(state.to_bytes()).hand_over()
    post(ledger, updates)
    assert returns(ledger) == counted(events[: WINDOW + 1])


@pytest.mark.parametrize("name", ["erase_user", "update_consent"])
def test_what_leaves_a_history_is_nothing_to_come_back_to(name: str) -> None:
    """Whether it left before or after those came that stay."""
    before, after = [event("A", at=0), event("B", at=1)], [event("A", at=9), event("B", at=10)]
    fields = {"consent": Consent(False)} if name == "update_consent" else {}
    leaves = [event((), at=5, name=name, **fields)]
    if fields:
        leaves.append(event((), at=6, name=name, consent=Consent(True)))
    ledger: Ledger = Counter()
    take(ShopperState(), ledger, *leaves[1:], *before, *after, leaves[0])
    assert returns(ledger) == {"1n0-": 2}


def test_what_is_not_known_stays_so_when_nothing_is_left() -> None:
    """A withdrawal and a new consent, both of long ago: what is older than where returns end may come."""
    events = [event("ABC"[at % 3], at=1000 * at) for at in range(MAX_HISTORY + 1)]
    said = [event((), at=at, name="update_consent", consent=Consent(at > 5)) for at in (5, 6)]
    older = [event("AB"[at % 2], at=100 + at) for at in range(MAX_HISTORY + 30)]
    ledger, state = Ledger(), ShopperState()
    take(state, ledger, *events, *said)
    before = sum(returns(ledger).values())
    take(state, ledger, *older)
    assert sum(returns(ledger).values()) == before
    post(ledger, state.hand_over()[1])


def test_at_the_moment_where_they_end_nothing_is_counted() -> None:
    """All happens at once: no touch is later than those that are not known."""
    events = sorted((event("A", at=0) for _ in range(MAX_HISTORY + 20)), key=hash_of_id)
    ledger, state = Ledger(), ShopperState()
    take(state, ledger, *events[: MAX_HISTORY + 1])
    before = returns(ledger)
    take(state, ledger, *events[MAX_HISTORY + 1 :])
    assert returns(ledger) == before


def test_who_has_handed_over_begins_anew() -> None:
    ledger, state = Ledger(), ShopperState()
    take(state, ledger, *(event("A", at=100 + at) for at in range(MAX_HISTORY + 1)))
    post(ledger, state.hand_over()[1])
    before = sum(returns(ledger).values())
    take(state, ledger, event("A", at=0), event("B", at=1))
    assert sum(returns(ledger).values()) == before + 1
