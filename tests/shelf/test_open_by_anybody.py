"""What everybody may see, and the last resort."""

from __future__ import annotations

import pytest
from open_support import Shop
from shelf_support import trending

from evermail.serving import NothingToShow, Source
from evermail.shelf.presentation import RecommendedItem


def test_who_asks_for_categories_that_are_none_makes_nobody_else_forget_anything() -> None:
    shop = Shop()
    shop.answer()
    for number in range(6_000):
        shop.recommender.popular(slots=1, category=f"made up {number}")
    shop.store.calls = 0
    shop.now_us += 1
    assert shop.answer(slots=2).source is Source.PERSONAL
    assert shop.store.calls == 1


def test_popular_is_the_same_for_everybody() -> None:
    shop = Shop()
    assert [one.item_id for one in shop.recommender.popular(slots=2).items] == ["P", "Q"]
    assert shop.recommender.popular(slots=2).as_of == trending("global", "PQR").as_of
    tea = shop.recommender.popular(slots=3, category="Tea")
    assert [one.item_id for one in tea.items] == ["T", "U", "P"]
    assert tea.source is Source.SEGMENT
    assert tea.to_store == []


LAST = [
    RecommendedItem(
        item_id=one,
        title=one,
        price="€1.00",
        image="https://shop.example/i",
        url="https://shop.example",
        reason="From our range",
    )
    for one in "LM"
]


def test_where_nothing_can_be_read_there_is_a_last_resort() -> None:
    shop = Shop(last_resort=LAST)
    shop.store.down = True
    for answer in (shop.answer(1), shop.recommender.popular(slots=1)):
        assert (answer.source, answer.to_store) == (Source.STATIC, [])
        assert [one.item_id for one in answer.items] == ["L"]
    shop.store.down = False
    assert shop.answer().source is Source.PERSONAL


def test_without_a_last_resort_there_is_nothing_to_show() -> None:
    shop = Shop()
    shop.store.down = True
    with pytest.raises(NothingToShow):
        shop.answer()
    with pytest.raises(NothingToShow):
        shop.recommender.popular(slots=1)
