"""What a shopper has in the cart and has bought: both by event time, whatever order events arrive in."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable

import msgspec

from evermail.events import Event, EventName

MAX_CART = 50
MAX_CART_CHANGES = 16
MAX_PURCHASED = 200
"""Items; those bought longest ago go first, as nobody here knows when a shop shows them to their buyer
again. Of those that go it is not known any more that they were bought."""

CHANGE_HOLDINGS = frozenset({EventName.PURCHASE, EventName.ADD_TO_CART, EventName.REMOVE_FROM_CART})

Change = tuple[int, int, int]
"""Event time, hash of the event's id, change of the quantity."""


class CartLine(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Changes of one item's quantity since it was last bought, in the order of event time."""

    cleared_at: int = 0
    changes: tuple[Change, ...] = ()

    @property
    def quantity(self) -> int:
        """What the changes come to. More than is there cannot be removed: a cart may have been filled before
        we were told."""
        quantity = 0
        for _, _, change in self.changes:
            quantity = max(0, quantity + change)
        return quantity

    @property
    def last_at(self) -> int:
        return max(self.cleared_at, self.changes[-1][0] if self.changes else 0)

    def cleared(self, at: int) -> CartLine:
        """The line after its item was bought at `at`."""
        cleared_at = max(self.cleared_at, at)
        return CartLine(cleared_at, tuple(change for change in self.changes if change[0] > cleared_at))

    def changed(self, *several: Change) -> CartLine:
        """The line with more changes; those before the last purchase say nothing any more."""
        changes = list(self.changes)
        for change in several:
            if change[0] > self.cleared_at:
                insort(changes, change)
        while len(changes) > MAX_CART_CHANGES:
            (_, _, first), (time_us, event_hash, second) = changes[0], changes[1]
            changes[:2] = [(time_us, event_hash, max(0, first) + second)]
        return CartLine(self.cleared_at, tuple(changes))


class Holdings(msgspec.Struct, array_like=True):
    """Cart lines by item, and the time of the last purchase of each item."""

    lines: dict[str, CartLine] = {}
    purchased: dict[str, int] = {}

    def copy(self) -> Holdings:
        return Holdings(dict(self.lines), dict(self.purchased))

    def apply(self, event: Event, time_us: int, event_hash: int) -> None:
        """Takes in an event of a cart or a purchase, happened at `time_us`; any other changes nothing."""
        name = event.event_name
        if name is EventName.PURCHASE:
            for item in event.items:
                self._buy(item.item_id, time_us)
            self.purchased = _newest(self.purchased, MAX_PURCHASED)
        elif name in (EventName.ADD_TO_CART, EventName.REMOVE_FROM_CART):
            sign = 1 if name is EventName.ADD_TO_CART else -1
            for item in event.items:
                line = self.lines.get(item.item_id) or CartLine(self.purchased.get(item.item_id, 0))
                change = time_us, event_hash, sign * item.quantity
                self.lines[item.item_id] = line.changed(change)
        else:
            return
        self._bound()

    def merge(self, other: Holdings) -> None:
        """Takes in what is held elsewhere."""
        for item_id, line in other.lines.items():
            mine = self.lines.get(item_id) or CartLine(self.purchased.get(item_id, 0))
            if line.cleared_at:
                mine = mine.cleared(line.cleared_at)
            self.lines[item_id] = mine.changed(*line.changes)
        for item_id, time_us in other.purchased.items():
            self._buy(item_id, time_us)
        self.purchased = _newest(self.purchased, MAX_PURCHASED)
        self._bound()

    def keep(self, allowed: Callable[[int], bool]) -> None:
        """Drops whatever happened at a time (microseconds) that is not allowed."""
        self.purchased = {item_id: time_us for item_id, time_us in self.purchased.items() if allowed(time_us)}
        lines = {}
        for item_id, line in self.lines.items():
            changes = tuple(change for change in line.changes if allowed(change[0]))
            if changes:
                lines[item_id] = CartLine(self.purchased.get(item_id, 0), changes)
        self.lines = lines

    def quantities(self) -> dict[str, int]:
        """What is in the cart, by item."""
        found = {item_id: quantity for item_id, line in self.lines.items() if (quantity := line.quantity)}
        return dict(sorted(found.items()))

    def _buy(self, item_id: str, time_us: int) -> None:
        self.purchased[item_id] = max(self.purchased.get(item_id, 0), time_us)
        line = self.lines.get(item_id)
        if line is not None:
            self.lines[item_id] = line.cleared(time_us)

    def _bound(self) -> None:
        if len(self.lines) > MAX_CART:
            last = {item_id: line.last_at for item_id, line in self.lines.items()}
            self.lines = {item_id: self.lines[item_id] for item_id in _newest(last, MAX_CART)}


def _newest(times: dict[str, int], count: int) -> dict[str, int]:
    if len(times) <= count:
        return times
    return dict(sorted(times.items(), key=lambda entry: (-entry[1], entry[0]))[:count])
