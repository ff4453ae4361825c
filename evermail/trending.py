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


def window_end(event_time: int, window_us: int) -> int:
    """When the window that a time falls into is over. In microseconds, like its arguments."""
    return event_time // window_us * window_us + window_us


def scopes(event: Event) -> Iterator[tuple[str, str, float]]:
    """(scope, item id, weight) of everything an event counts towards."""
    weight = TOUCHES.get(event.event_name)
    if weight is None:
        return
    for item in event.items[:MAX_LINES]:
        yield GLOBAL, item.item_id, weight
        if item.item_category:
            yield category_scope(item.item_category), item.item_id, weight


def without_category(event: Event) -> Iterator[tuple[str, float]]:
    """(item id, weight) of the lines that count towards no category, as theirs is not known."""
    weight = TOUCHES.get(event.event_name)
    if weight is None:
        return
    for item in event.items[:MAX_LINES]:
        if not item.item_category:
            yield item.item_id, weight
