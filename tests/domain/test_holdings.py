"""What is remembered of purchases when there are more than can be: the newest, whatever came first."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shopper_support import NOW, Run, event

from evermail import clock, holdings
from evermail.events import Event
from evermail.holdings import MAX_PURCHASED, Holdings


def bought(item_id: str, at: int) -> Event:
    return event([item_id], at=at, name="purchase")


def held(*events: Event) -> Holdings:
    found = Holdings()
    for one in events:
        found.apply(one, one.event_time, 1)
    return found


def newest(events: list[Event], count: int) -> dict[str, int]:
    """The items bought last, each with its last purchase; of one moment the first by name."""
    last: dict[str, int] = {}
    for one in events:
        for item in one.items:
            last[item.item_id] = max(one.event_time, last.get(item.item_id, 0))
    return dict(sorted(last.items(), key=lambda entry: (-entry[1], entry[0]))[:count])


@given(
    st.lists(
        st.builds(
            event, st.text("ABCDEFGH", min_size=1, max_size=7), at=st.integers(0, 9), name=st.just("purchase")
        ),
        max_size=20,
    ),
    st.randoms(use_true_random=False),
    st.integers(1, 6),
)
def test_those_bought_longest_ago_go_first_whatever_comes_when_and_where(
    events: list[Event], dice: random.Random, most: int
) -> None:
    """Some came to another name of the shopper, which is joined in the middle."""
    arriving = dice.sample(events, len(events))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(holdings, "MAX_PURCHASED", most)
        cuts = sorted(dice.choices(range(len(events) + 1), k=2))
        found, elsewhere = held(*arriving[: cuts[0]]), held(*arriving[cuts[0] : cuts[1]])
        found.merge(elsewhere)
        for one in arriving[cuts[1] :]:
            found.apply(one, one.event_time, 1)
    assert found.purchased == newest(events, most)


def test_a_profile_tells_of_two_hundred() -> None:
    events = [bought(f"item-{at}", at) for at in range(MAX_PURCHASED + 3)]
    profile = Run(random.Random(3).sample(events, len(events))).profile
    assert profile.purchased == newest(events, MAX_PURCHASED)
    assert "item-2" not in profile.purchased
    assert "item-3" in profile.purchased


def test_what_is_bought_again_is_among_the_newest() -> None:
    events = [bought(f"item-{at}", at) for at in range(MAX_PURCHASED)]
    run = Run([*events, bought("item-0", MAX_PURCHASED), bought("new", MAX_PURCHASED + 1)])
    assert run.profile.purchased["item-0"] == NOW + MAX_PURCHASED * clock.SECOND
    assert "item-1" not in run.profile.purchased
