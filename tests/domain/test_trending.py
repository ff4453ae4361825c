"""Where an event counts, and for how much."""

from __future__ import annotations

import pytest

from evermail import trending
from evermail.events import Event, EventName, Item
from evermail.interest import TOUCHES

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
