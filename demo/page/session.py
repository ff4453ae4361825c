"""Who is looking at the page: a shopper's id in a cookie, and what the shop itself remembers of that shopper.

The shop's memory (cart, wishlist, the strip of products looked at) answers a click at once. What the pipeline
knows is another matter: it shows in the email.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from evermail.events import EventName

COOKIE = "evermail_shopper"
HISTORY = 12
"""How many distinct products the strip shows."""

REMEMBERED = 200
"""How many shoppers' carts are kept; the one away longest is forgotten first."""

_ID = re.compile(r"visitor-[0-9a-f]{12}")


def new_id() -> str:
    """An id for a shopper nobody has seen."""
    return f"visitor-{secrets.token_hex(6)}"


def is_id(text: str | None) -> bool:
    """Whether a cookie's value is an id that we gave: any other is replaced."""
    return text is not None and _ID.fullmatch(text) is not None


@dataclass
class Visitor:
    """A shopper with a browser. `client_id` is what their events carry."""

    client_id: str
    history: list[str] = field(default_factory=list)
    cart: dict[str, int] = field(default_factory=dict)
    wishlist: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def label(self) -> str:
        """How the page calls them."""
        return self.client_id[-4:]

    def note(self, name: EventName, item_ids: Sequence[str]) -> None:
        """The shop's own side of an event."""
        with self.lock:
            for item_id in item_ids:
                if name is EventName.ADD_TO_CART:
                    self.cart[item_id] = self.cart.get(item_id, 0) + 1
                elif name in (EventName.REMOVE_FROM_CART, EventName.PURCHASE):
                    self.cart.pop(item_id, None)
                elif name is EventName.ADD_TO_WISHLIST:
                    self.wishlist = [item_id, *(one for one in self.wishlist if one != item_id)]
                elif name in (EventName.VIEW_ITEM, EventName.EMAIL_CLICK):
                    self.history = [item_id, *(one for one in self.history if one != item_id)][:HISTORY]

    def shown(self) -> dict[str, object]:
        """What the page shows of them."""
        with self.lock:
            return {
                "label": self.label,
                "history": list(self.history),
                "cart": [{"item_id": item_id, "quantity": n} for item_id, n in self.cart.items()],
                "wishlist": list(self.wishlist),
            }


class Visitors:
    """The shoppers that came by. Thread-safe."""

    def __init__(self, remembered: int = REMEMBERED) -> None:
        self._lock = threading.Lock()
        self._remembered = remembered
        self._visitors: OrderedDict[str, Visitor] = OrderedDict()

    def get(self, client_id: str) -> Visitor:
        """The shopper of an id, remembered or new."""
        with self._lock:
            visitor = self._visitors.setdefault(client_id, Visitor(client_id))
            self._visitors.move_to_end(client_id)
            while len(self._visitors) > self._remembered:
                self._visitors.popitem(last=False)
            return visitor
