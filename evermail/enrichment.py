"""What the catalog adds to events: the category and the price of an item, where the event does not say them.

What an event says itself is never overruled. What the catalog does not know yet counts without a category,
and `Waiting` keeps for a while what would have counted in one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from evermail import clock
from evermail.events import Event, EventName, Item

FIRST_PAUSE_US = 5 * clock.SECOND
LONGEST_PAUSE_US = 5 * clock.MINUTE
"""An unknown product is asked for again after pauses that double from the first to the longest."""

MAX_WINDOWS = 256
"""Windows of trending for which lines of one item wait; the oldest, which weigh least, are given up first."""

_NEEDS_PRICE = frozenset({EventName.ADD_TO_CART, EventName.PURCHASE})


class ProductFacts(msgspec.Struct, frozen=True, array_like=True):
    """What the catalog says of a product that events may lack. `price` is what it costs, in `currency`."""

    category: str | None
    price: float
    currency: str


def lacking(event: Event) -> list[str]:
    """The items of an event that the catalog should be asked about: those without a category, and, where
    money is meant, without a price. None for an event that says all."""
    needs_price = event.event_name in _NEEDS_PRICE
    return [
        item.item_id for item in event.items if not item.item_category or (needs_price and item.price is None)
    ]


def join(event: Event, facts: Mapping[str, ProductFacts | None]) -> Event:
    """The event with what `facts` (by item id) add to it.

    Prices of the catalog are in the catalog's currency: they are taken only if the event's is the same, or if
    it names none and no amount of its own; then it gets the catalog's.
    """
    currency = event.currency
    if currency is None and event.value is None and all(item.price is None for item in event.items):
        currency = next((known.currency for item in event.items if (known := facts.get(item.item_id))), None)
    items = tuple(_joined(item, facts.get(item.item_id), currency) for item in event.items)
    return msgspec.structs.replace(event, items=items, currency=currency)


def _joined(item: Item, facts: ProductFacts | None, currency: str | None) -> Item:
    if facts is None:
        return item
    price = item.price
    if price is None and facts.currency == currency:
        price = facts.price
    return msgspec.structs.replace(item, item_category=item.item_category or facts.category, price=price)


class Amounts(msgspec.Struct, array_like=True):
    """Lines of one item in one window: what they add up to in `decay.UNIT`s, and how many they are.

    They are given up when the pauses between asking have come to `until_us`.
    """

    amount: int
    lines: int
    until_us: int = 0


class Waiting(msgspec.Struct, array_like=True):
    """Lines of one item that wait for the catalog to know it, by the end of their window in microseconds.

    How long they have waited is counted in pauses rather than read from a clock: `waited_us` is the sum of
    those that are over, `pause_us` is the one that runs, 0 before the first.
    """

    windows: dict[int, Amounts] = {}
    waited_us: int = 0
    pause_us: int = 0

    def add(self, window_end_us: int, amount: int, lines: int, *, wait_us: int) -> int:
        """Takes lines in, to wait for `wait_us` or up to one pause longer. Returns how many others had to be
        given up for them."""
        until_us = self.waited_us + self.pause_us + wait_us
        known = self.windows.get(window_end_us)
        if known is not None:
            amount, lines = known.amount + amount, known.lines + lines
        self.windows[window_end_us] = Amounts(amount, lines, until_us)
        if len(self.windows) <= MAX_WINDOWS:
            return 0
        return self.windows.pop(min(self.windows)).lines

    def next_pause(self) -> int:
        """Begins the next pause, in microseconds. It ends no later than the wait of any line."""
        pause_us = min(2 * self.pause_us, LONGEST_PAUSE_US) if self.pause_us else FIRST_PAUSE_US
        left_us = min(amounts.until_us for amounts in self.windows.values()) - self.waited_us
        self.pause_us = max(1, min(pause_us, left_us))
        return self.pause_us

    def end_pause(self) -> None:
        self.waited_us += self.pause_us

    def give_up(self) -> int:
        """Lets go of the lines that have waited long enough. Returns how many."""
        over = [end for end, amounts in self.windows.items() if amounts.until_us <= self.waited_us]
        return sum(self.windows.pop(end).lines for end in over)

    def amounts(self) -> Iterator[tuple[int, int]]:
        """(end of the window, amount) of all that waits, the oldest first."""
        for window_end_us in sorted(self.windows):
            yield window_end_us, self.windows[window_end_us].amount

    @property
    def lines(self) -> int:
        return sum(amounts.lines for amounts in self.windows.values())

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> Waiting:
        return _DECODER.decode(data)


_DECODER = msgspec.msgpack.Decoder(Waiting)
