"""Trending scopes: where an event counts, and how much.

A scope is `global` or `category:NAME`. Windows count touches per scope and item; a decayed row per
scope adds the windows up.
"""

from __future__ import annotations

from collections.abc import Iterator

from evermail.events import Event
from evermail.interest import MAX_LINES, TOUCHES

GLOBAL = "global"

CATALOG = "catalog"
"""Not counted: the products a shop lists first, written with its catalog, for a shop without events yet."""


def category_scope(category: str) -> str:
    return f"category:{category}"


def scopes(event: Event) -> Iterator[tuple[str, str, float]]:
    """(scope, item id, weight) of everything an event counts towards."""
    weight = TOUCHES.get(event.event_name)
    if weight is None:
        return
    for item in event.items[:MAX_LINES]:
        yield GLOBAL, item.item_id, weight
        if item.item_category:
            yield category_scope(item.item_category), item.item_id, weight
