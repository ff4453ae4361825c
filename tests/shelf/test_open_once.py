"""One open shows one thing and counts once, and what could not be read overwrites nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_support import Shop, Store, seen
from shelf_support import NOW, product, row, rules

from evermail import clock
from evermail.documents import (
    Document,
    Exposures,
    Key,
)
from evermail.impressions import ONE_OPEN_US
from evermail.serving import Source
from evermail.shelf.policy import Rule, Where
from evermail.stores import Outcome, StoreUnavailable


def test_within_a_minute_the_same_is_shown_though_others_have_moved_on() -> None:
    shop = Shop()
    assert shop.shows() == "XYZ"
    shop.put(row("A", {"Q": 9.0, "R": 8.0, "P": 7.0}))
    shop.now_us += ONE_OPEN_US - 1
    assert shop.shows() == "XYZ"
    shop.now_us += 1
    assert shop.shows() == "QRP"


def test_three_opens_in_a_minute_are_one_impression() -> None:
    shop = Shop()
    for _ in range(3):
        shop.answer()
        shop.now_us += 20 * clock.SECOND - 1
    assert shop.impression.opens == 1
    assert [one.item_id for one in shop.impression.slots] == ["X", "Y", "Z"]
    shop.now_us += 3
    shop.answer()
    assert shop.impression.opens == 2


def test_opening_again_costs_one_read_and_no_write() -> None:
    shop = Shop()
    shop.answer()
    shop.store.calls = 0
    assert shop.answer().to_store == []
    assert shop.store.calls == 1


def test_an_event_of_the_shopper_moves_the_items_at_once() -> None:
    shop = Shop(row("C", {"P": 90.0}), product("C", "Desk"))
    assert shop.shows()[0] == "X"
    shop.store.documents[Key("profiles", "ann")] = seen("CAB", as_of=NOW + 1)
    assert shop.shows()[0] == "P"
    assert shop.impression.opens == 1
    assert shop.impression.slots[0].item_id == "P"


@pytest.mark.parametrize("gone", [product("Y", "Desk", available=False), None])
def test_what_sells_out_is_replaced_at_once(gone: Document | None) -> None:
    shop = Shop()
    assert shop.shows() == "XYZ"
    if gone is None:
        del shop.store.documents[Key("products", "Y")]
        shop.recommender = shop.another()
    else:
        shop.put(gone)
    assert "Y" not in shop.shows()
    assert "Y" not in [one.item_id for one in shop.impression.slots]


def test_what_the_shop_hides_is_replaced_at_once() -> None:
    shop = Shop()
    shop.answer()
    shop.put(rules(Rule(name="Recall", where=Where(items=("X",)), hide=True)))
    assert "X" not in shop.shows()


def test_what_is_shown_again_has_the_price_of_now() -> None:
    shop = Shop()
    shop.answer()
    shop.put(product("X", "Desk", price=5.0))
    assert shop.answer().items[0].price == "€5.00"


def test_fewer_slots_show_the_first_of_them_and_more_follow_those_that_stand() -> None:
    shop = Shop()
    shop.answer(3)
    assert shop.shows(1) == "X"
    assert len(shop.impression.slots) == 3, "a picture of one slot must not make the others forget theirs"
    shop.put(row("A", {"P": 9.0, "Q": 8.0, "R": 7.0, "T": 6.0}))
    assert shop.shows(5) == "XYZPQ"
    assert [one.item_id for one in shop.impression.slots] == list("XYZPQ")
    assert shop.impression.opens == 1


class Blind(Store):
    """Does not find anything out about shoppers."""

    blind = False

    def get_many(self, keys: Any, *, timeout_s: float | None = None) -> dict[Key, Document]:
        if self.blind and any(key.collection == "profiles" for key in keys):
            raise StoreUnavailable("slow")
        return super().get_many(keys, timeout_s=timeout_s)


def test_where_the_shopper_could_not_be_read_nothing_is_stored_or_overwritten() -> None:
    shop = Shop()
    shop.store = Blind(tuple(shop.store.documents.values()))
    shop.recommender = shop.another()
    shop.answer()
    before = shop.impression
    shop.now_us += 2 * ONE_OPEN_US
    shop.store.blind = True
    answer = shop.answer()
    assert (answer.source, answer.to_store) == (Source.TRENDING, [])
    assert shop.impression == before


def test_two_instances_that_answer_at_once_show_what_the_first_has_stored() -> None:
    shop = Shop()
    one, other = shop.another(), shop.another()
    first = one.recommend("ann", slots=2, campaign="may")
    shop.store.documents[Key("neighbors", "A")] = row("A", {"Q": 9.0})
    second = other.recommend("ann", slots=2, campaign="may")
    assert [item.item_id for item in second.items] == ["Q", "B"]
    shop.store.put_many(first.to_store)
    assert Outcome.STALE in {result.outcome for result in shop.store.put_many(second.to_store)}
    assert shop.shows(2) == "XY"


def test_a_prefetch_is_no_open_tires_nobody_and_decides_what_is_shown() -> None:
    shop = Shop()
    shop.answer(prefetch=True)
    assert (shop.impression.opens, shop.impression.prefetches) == (0, 1)
    assert not any(isinstance(one, Exposures) for one in shop.store.documents.values())
    assert shop.shows() == "XYZ"
    assert (shop.impression.opens, shop.impression.prefetches) == (1, 1)


def test_an_email_of_no_campaign_remembers_nothing() -> None:
    assert Shop().answer(campaign="").to_store == []


@given(
    st.lists(
        st.tuples(st.integers(0, 2 * ONE_OPEN_US), st.integers(1, 6), st.sampled_from("XYZBPQ")), max_size=12
    )
)
def test_whatever_happens_nothing_sold_out_is_shown_and_what_is_stored_is_what_was_shown(
    opens: list[tuple[int, int, str]],
) -> None:
    shop = Shop()
    for pause_us, slots, sold_out in opens:
        shop.now_us += pause_us
        before = shop.store.documents[Key("products", sold_out)]
        shop.put(product(sold_out, "Desk", available=False))
        shown = shop.shows(slots)
        assert sold_out not in shown
        assert [one.item_id for one in shop.impression.slots][: len(shown)] == list(shown)
        shop.put(before)
