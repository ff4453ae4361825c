"""Which items go together: pairs worked out by hand, and what a late event changes."""

from __future__ import annotations

import pytest
from shopper_support import LATER, NOW, Run, event

from evermail import interest
from evermail.decay import UNIT
from evermail.events import EventName
from evermail.interest import RowUpdate, pack_all, unpack_all
from evermail.shopper import ShopperState


def test_the_first_item_has_nothing_to_go_with() -> None:
    run = Run([event("A")])
    assert run.weights("A") == {}
    assert run.rows["A"].as_of == NOW


def test_an_item_goes_with_those_before_it_the_nearer_the_more() -> None:
    run = Run([event("A", at=0), event("B", at=1), event("C", at=2)])
    assert run.weights("A") == {"B": 1.0, "C": 0.5}
    assert run.weights("B") == {"C": 1.0, "A": 0.75}
    assert run.weights("C") == {"B": 0.75, "A": 0.375}


def test_an_item_seen_again_counts_by_its_nearest_place_and_not_with_itself() -> None:
    run = Run([event("A", at=0), event("B", at=1), event("A", at=2), event("A", at=3)])
    # B after A: 1. A after B, twice: each 1 from B, and three quarters of it back.
    assert run.weights("A") == {"B": 1.0 + 0.75 + 0.75}
    assert run.weights("B") == {"A": 0.75 + 1.0 + 1.0}


@pytest.mark.parametrize(
    ("name", "weight"),
    [("view_item", 1.0), ("email_click", 1.5), ("add_to_wishlist", 2), ("add_to_cart", 3), ("purchase", 5)],
)
def test_the_later_event_decides_how_strongly_they_go_together(name: str, weight: float) -> None:
    run = Run([event("A", at=0, name="purchase"), event("B", at=1, name=name)])
    assert run.weights("A") == {"B": weight}
    assert run.weights("B") == {"A": weight * 0.75}


def test_items_bought_at_once_go_together_in_the_order_of_their_lines() -> None:
    run = Run([event("V", at=0), event("ABC", at=1, name="purchase")])
    assert run.weights("V") == {"A": 5.0, "B": 2.5, "C": round(5 / 3, 4)}
    assert run.weights("A") == {"V": 3.75, "B": 5.0, "C": 2.5}
    assert run.weights("B") == {"A": 3.75, "V": 1.875, "C": 5.0}
    assert run.weights("C") == {"B": 3.75, "A": 1.875, "V": 1.25}


def test_only_the_last_four_distinct_items_go_with_a_new_one() -> None:
    run = Run([event(letter, at=at) for at, letter in enumerate("BCDEEEF")])
    assert run.weights("F") == {
        letter: pytest.approx(0.75 / d, abs=1e-4) for d, letter in enumerate("EDCB", 1)
    }
    later = Run([event(letter, at=at) for at, letter in enumerate("ABCDEF")])
    assert "A" not in later.weights("F")


@pytest.mark.parametrize(
    "name",
    sorted(set(EventName) - set(interest.TOUCHES) - {EventName.ERASE_USER}),
)
def test_other_events_count_but_touch_nothing(name: str) -> None:
    run = Run([event("A", at=0), event("B", at=1, name=name), event("C", at=2)])
    assert run.weights("A") == {"C": 1.0}
    assert run.profile.events == 3
    assert [seen.item_id for seen in run.profile.history] == ["C", "A"]


@pytest.mark.parametrize("name", interest.TOUCHES)
@pytest.mark.parametrize("distance", range(1, interest.LOOK_BACK + 1))
def test_every_amount_is_a_whole_number_of_units(name: EventName, distance: int) -> None:
    weight = interest.TOUCHES[name]
    first = [event(f"{letter}", at=at) for at, letter in enumerate("ABCDEFGHIJ")]
    state = ShopperState()
    for one in first:
        state.apply(one, oldest_us=0, now_us=LATER)
    _, updates = state.apply(event("Z", at=99, name=name), oldest_us=0, now_us=LATER)
    nth = "JIHGFEDCBA"[distance - 1]
    amounts = {row: dict(update.amounts) for row, update in updates}
    assert amounts[nth]["Z"] * distance == weight * UNIT
    assert amounts["Z"][nth] * distance * 4 == 3 * weight * UNIT


def test_an_event_makes_one_record_for_each_row() -> None:
    state = ShopperState()
    for at, letter in enumerate("ABCDEFGHIJ"):
        state.apply(event(letter, at=at), oldest_us=0, now_us=LATER)
    _, updates = state.apply(event("KKLM", at=50, name="purchase"), oldest_us=0, now_us=LATER)
    rows = [row for row, _ in updates]
    assert len(rows) == len(set(rows)) <= 3 + interest.LOOK_BACK + 1
    assert {row for row, update in updates if update.touched} == {"K", "L", "M"}


def test_a_late_event_slips_in_between() -> None:
    in_order = Run([event("A", at=0), event("B", at=1), event("C", at=2)])
    late = Run([event("A", at=0), event("C", at=2), event("B", at=1)])
    for item_id in "ABC":
        assert late.weights(item_id) == in_order.weights(item_id)


def test_an_update_of_a_row_is_plain_data() -> None:
    _, [(row, update)] = ShopperState().apply(event("A"), oldest_us=0, now_us=LATER)
    assert (row, update) == ("A", RowUpdate(NOW, True, []))


def test_updates_travel_packed_and_come_back_equal() -> None:
    updates = [RowUpdate(NOW, True, [("A", -5), ("B", 10_080)]), RowUpdate(NOW + 1, False, [])]
    assert [RowUpdate.unpack(update.pack()) for update in updates] == updates
    assert unpack_all(pack_all([update.pack() for update in updates])) == updates
