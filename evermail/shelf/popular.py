"""What fills the slots that nothing personal fills: trending lists, and the first pages of the catalog."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import TypeVar

from evermail.documents import Trending
from evermail.ranking import Ranked, Why

T = TypeVar("T")


def popular(lists: Iterable[Trending]) -> list[Ranked]:
    """Items of trending lists, the first list's first, each item once."""
    found: dict[str, Ranked] = {}
    for trending in lists:
        scope, _, category = trending.id.partition(":")
        why = _WHY_SCOPE.get(scope, Why.TRENDING)
        for item in trending.items:
            found.setdefault(item.item_id, Ranked(item.item_id, item.weight, why, category))
    return list(found.values())


def in_turn(lists: Iterable[Iterable[T]]) -> list[T]:
    """The first of each list, then the second of each, and so on: wherever it is cut, each had its share."""
    return [one for row in zip_longest(*lists) for one in row if one is not None]


_WHY_SCOPE = {"category": Why.TRENDING_CATEGORY, "catalog": Why.CATALOG}
