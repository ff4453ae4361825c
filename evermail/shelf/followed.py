"""Where a click in an email leads: to the item that was shown, or, if it cannot be bought now, to another. It
is links that are followed here; the moves of a shopper's name are followed in `evermail.moves`."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from evermail.documents import Key, Product
from evermail.shelf.met import Met
from evermail.shelf.reading import Reading


class Followed(msgspec.Struct, frozen=True):
    """`shown` is what was clicked on, `item_id` and `url` where that leads now."""

    shown: str
    item_id: str
    url: str

    @property
    def replaced(self) -> bool:
        return self.item_id != self.shown


def item_in_slot(met: Met, slot: int) -> str | None:
    """What stood there when the email was opened last, however long ago; `slot` counts from 1."""
    slots = met.impression.slots if met.impression is not None else []
    return slots[slot - 1].item_id if slot <= len(slots) else None


def still_there(met: Met, read: Reading, item_id: str) -> Product | None:
    """The product, if it can be bought and the shop does not hide it."""
    product = read.keys([Key(Product.COLLECTION, item_id)]).get(Key(Product.COLLECTION, item_id))
    if not isinstance(product, Product) or not product.available or not is_web_address(product.url):
        return None
    return None if met.known and met.screen.hides(product) else product


def is_web_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
