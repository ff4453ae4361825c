"""The items that are shown where nothing can be read: a file that is deployed with the functions.

A JSON array of items as emails show them, prices and all: what a shop can stand by for as long as the file is
in use. `evermail static` makes one of what is popular.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from evermail.shelf.followed import Followed, is_web_address
from evermail.shelf.presentation import RecommendedItem

MAX_ITEMS = 20


def read(path: Path) -> list[RecommendedItem]:
    """Raises `ValueError`, which says what is wrong with the file."""
    try:
        items = msgspec.json.decode(path.read_bytes(), type=list[RecommendedItem])
    except OSError as problem:
        raise ValueError(f"{path} cannot be read: {problem.strerror}") from None
    except msgspec.DecodeError as problem:
        raise ValueError(f"{path} is not a list of items: {problem}") from None
    if not items:
        raise ValueError(f"{path} has no items")
    for number, item in enumerate(items, start=1):
        if not (is_web_address(item.url) and is_web_address(item.image)):
            raise ValueError(f"{path}: item {number} needs complete addresses of its page and its picture")
    return items[:MAX_ITEMS]


def followed(items: Sequence[RecommendedItem], slot: int, item_id: str) -> Followed | None:
    """Where a click on one of them leads: by its id, or by the slot (from 1 on) that it stands in."""
    named = [one for one in items if one.item_id == item_id] if item_id else list(items[slot - 1 : slot])
    return Followed(named[0].item_id, named[0].item_id, named[0].url) if named else None


def written(items: Sequence[RecommendedItem]) -> bytes:
    """The file."""
    return msgspec.json.format(msgspec.json.encode(items), indent=2) + b"\n"
