"""Where an event counts, and for how much."""

from __future__ import annotations

import pytest

from evermail import trending
from evermail.events import Event, EventName, Item
from evermail.interest import MAX_LINES, TOUCHES

SHOE, BOOK = Item("SKU1", item_category="Shoes"), Item("SKU2")


def scopes(name: EventName, *items: Item) -> list[tuple[str, str, float]]:
    return list(trending.scopes(Event("e", name, 0, "c", items=items)))


@pytest.mark.parametrize("name", TOUCHES)
def test_a_touch_counts_everywhere_and_in_its_category(name: EventName) -> None:
    weight = TOUCHES[name]
    assert scopes(name, SHOE, BOOK) == [
        ("global", "SKU1", weight),
        ("category:Shoes", "SKU1", weight),
        ("global", "SKU2", weight),
    ]


@pytest.mark.parametrize("name", sorted(set(EventName) - set(TOUCHES)))
def test_other_events_count_nowhere(name: EventName) -> None:
    assert scopes(name, SHOE) == []


def test_a_category_is_never_taken_for_the_whole_shop_or_its_catalog() -> None:
    named = {trending.category_scope(name) for name in ("global", "catalog", "")}
    assert not named & {trending.GLOBAL, trending.CATALOG}


@pytest.mark.parametrize("name", TOUCHES)
def test_lines_without_a_category_are_those_that_count_in_none(name: EventName) -> None:
    event = Event("e", name, 0, "c", items=(SHOE, BOOK, Item("SKU3", item_category="")))
    assert list(trending.without_category(event)) == [("SKU2", TOUCHES[name]), ("SKU3", TOUCHES[name])]
    in_categories = {item_id for scope, item_id, _ in trending.scopes(event) if scope != trending.GLOBAL}
    assert in_categories == {"SKU1"}


def test_lines_that_count_nowhere_lack_nothing() -> None:
    assert list(trending.without_category(Event("e", EventName.VIEW_ITEM_LIST, 0, "c", items=(BOOK,)))) == []
    many = Event("e", EventName.VIEW_ITEM, 0, "c", items=(BOOK,) * (MAX_LINES + 1))
    assert len(list(trending.without_category(many))) == MAX_LINES


@pytest.mark.parametrize(("time_us", "end_us"), [(0, 60), (59, 60), (60, 120), (-1, 0)])
def test_a_window_ends_with_the_next_multiple_of_its_length(time_us: int, end_us: int) -> None:
    assert trending.window_end(time_us, 60) == end_us
