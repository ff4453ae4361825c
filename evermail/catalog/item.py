"""One item of a feed as it was read, before anybody judged it."""

from __future__ import annotations

import msgspec

LABELS = tuple(f"custom_label_{n}" for n in range(5))
"""What a shop calls its products for its own use (https://support.google.com/merchants/answer/6324473)."""

ATTRIBUTES = frozenset(
    {
        "id",
        "title",
        "link",
        "image_link",
        "price",
        "sale_price",
        "sale_price_effective_date",
        "availability",
        "brand",
        "product_type",
        "google_product_category",
        *LABELS,
    }
)
"""What is read of an item, by Google's names. Descriptions are most of a feed, and nothing shows them."""

MAX_VALUE_CHARS = 4_000
"""Of a longer value, this many characters are read: twice what any attribute may have."""


class Item(msgspec.Struct, frozen=True):
    """`line` is where it begins in the feed, `position` its number among the items; both count from 1."""

    line: int
    position: int
    attributes: dict[str, str]
    """By Google's names; of a repeated attribute the first."""
    problem: str = ""
    """Why it cannot be read as an item, if so. What was read all the same is in `attributes`."""
