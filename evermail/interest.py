"""Which items go together: touches of items by one shopper, and the pairs they make.

A touch is paired with the distinct items before it, and it tells whether the shopper came back to one of them
(`evermail.repeats`). The result does not depend on the order in which touches arrive: event time rules, and
when a late one slips in between earlier ones, the pairs and returns that it changes are taken back and made
again.

A history is bounded, and a return is told from the touches before it: where some of them have been let go,
what was counted cannot be told any more. Such a touch has had its word: what it counted stays, and is neither
counted again nor taken back. A shopper's memory keeps up to when that holds (`returns_horizon`).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Sequence

import msgspec

from evermail import clock, repeats
from evermail.constants import SERVED, Constants
from evermail.decay import UNIT, DecayedRow
from evermail.events import EventName

TOUCHES = {
    EventName.VIEW_ITEM: 1.0,
    EventName.EMAIL_CLICK: 1.5,
    EventName.ADD_TO_WISHLIST: 2.0,
    EventName.ADD_TO_CART: 3.0,
    EventName.PURCHASE: 5.0,
}
"""How strongly an event speaks for its items. A guess: public click data, which know views
only, cannot tune it."""

LOOKS = frozenset({EventName.VIEW_ITEM.value, EventName.EMAIL_CLICK.value})
"""What counts as coming back to an item. That a cart is filled with the item just seen does not."""

HALF_LIFE_US = round(SERVED.half_life_days * clock.DAY)
"""Of all rows of neighbours: writer and reader must use the same."""

LOOK_BACK = SERVED.look_back

MAX_LINES = 10
"""Lines of one event that become touches. A page or an order of hundreds of lines says little about each, and
would push everything else out of the history."""


class Touch(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """One item in one event. The order of fields is the order of a history: time, then event, then line."""

    event_time: int
    event_hash: int
    line: int
    item_id: str
    event: str


class RowUpdate(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one event changes in the neighbours of one item: amounts in `decay.UNIT`s, made at `event_time`.

    `touched` says that the row's own item was touched then.
    """

    event_time: int
    touched: bool
    amounts: list[tuple[str, int]]

    def pack(self) -> bytes:
        """The form it travels and waits in."""
        return _ENCODER.encode(self)

    def apply(self, row: DecayedRow) -> None:
        """Makes the change in its row."""
        if self.touched:
            row.touch(self.event_time)
        for item_id, amount in self.amounts:
            row.add(item_id, amount, self.event_time)

    @classmethod
    def unpack(cls, packed: bytes) -> RowUpdate:
        return _DECODER.decode(packed)


class Changes:
    """Collects what a piece of work changes in rows of neighbours, by row and event time.

    Of touches up to `returns_horizon`, returns are neither counted nor taken back.
    """

    def __init__(self, returns_horizon: int = 0) -> None:
        self._returns_horizon = returns_horizon
        self._amounts: dict[tuple[str, int], dict[str, int]] = {}
        self._touched: set[tuple[str, int]] = set()

    def touch(self, touch: Touch) -> None:
        """Notes that the row's own item was touched, though it is paired with nothing."""
        row = touch.item_id, touch.event_time
        self._touched.add(row)
        if row not in self._amounts:
            self._amounts[row] = {}

    @staticmethod
    def of_next(touches: list[Touch], touch: Touch) -> list[tuple[str, RowUpdate]]:
        """The records of one touch, alone and later than all of a history, to which it is added.

        What `insert` and `records` do, for the case that almost always is: returns are told of it.
        """
        own, time = touch.item_id, touch.event_time
        own_amounts: list[tuple[str, int]] = []
        result = [(own, RowUpdate(time, True, own_amounts))]
        earlier = _look_back(touches, len(touches), own)
        for item_id, (forward, backward) in zip(earlier, _AMOUNTS[touch.event], strict=False):
            own_amounts.append((item_id, backward))
            result.append((item_id, RowUpdate(time, False, [(own, forward)])))
        entry = _return(touches, len(touches), touch)
        if entry is not None:
            result.append((repeats.ROW_ID, RowUpdate(_grain(time), True, [(entry, UNIT)])))
        touches.append(touch)
        return result

    def insert(self, touches: list[Touch], touch: Touch) -> None:
        """Puts a touch into its place of a history, oldest first, with the pairs this makes and unmakes."""
        self.touch(touch)
        if not touches or touch > touches[-1]:
            self._pair(touch, _look_back(touches, len(touches), touch.item_id), 1)
            self._count(touch, self._return(touches, len(touches), touch), 1)
            touches.append(touch)
            return
        before = list(touches)
        insort(touches, touch)
        at = touches.index(touch)
        self._pair(touch, _look_back(touches, at, touch.item_id), 1)
        self._count(touch, self._return(touches, at, touch), 1)
        for index in range(at + 1, min(len(touches), at + 1 + repeats.WINDOW)):
            later = touches[index]
            self._recount(later, self._return(before, index - 1, later), self._return(touches, index, later))
        for index in range(at + 1, len(touches)):
            later = touches[index]
            old = _look_back(before, index - 1, later.item_id)
            new = _look_back(touches, index, later.item_id)
            if old == new:
                break  # the newcomer is out of sight of this touch, and so of all later ones
            self._pair(later, old, -1)
            self._pair(later, new, 1)

    def take_back(self, touches: Sequence[Touch]) -> None:
        """Unmakes all pairs that a history shows."""
        for index, touch in enumerate(touches):
            self._pair(touch, _look_back(touches, index, touch.item_id), -1)
            self._count(touch, self._return(touches, index, touch), -1)

    def narrow(self, touches: Sequence[Touch], kept: Sequence[Touch]) -> None:
        """Takes out what some touches of a history were paired with the ones that leave it. Pairs among those
        that leave stay: they tell what goes together, and of nobody."""
        place = {touch: index for index, touch in enumerate(touches)}
        for index, touch in enumerate(kept):
            old = _look_back(touches, place[touch], touch.item_id)
            new = _look_back(kept, index, touch.item_id)
            if old != new:
                self._pair(touch, old, -1)
                self._pair(touch, new, 1)
            self._recount(touch, self._return(touches, place[touch], touch), self._return(kept, index, touch))

    def records(self) -> list[tuple[str, RowUpdate]]:
        """At most one record for each row and event time."""
        touched = self._touched
        result = []
        for key, amounts in self._amounts.items():
            changed = [change for change in amounts.items() if change[1]]
            own = key in touched
            if changed or own:
                result.append((key[0], RowUpdate(key[1], own, changed)))
        return result

    def _pair(self, touch: Touch, earlier: Iterable[str], sign: int) -> None:
        rows, time, own = self._amounts, touch.event_time, touch.item_id
        own_row = rows.setdefault((own, time), {})
        for item_id, (forward, backward) in zip(earlier, _AMOUNTS[touch.event], strict=False):
            row = rows.get((item_id, time))
            if row is None:
                rows[item_id, time] = {own: sign * forward}
            else:
                row[own] = row.get(own, 0) + sign * forward
            own_row[item_id] = own_row.get(item_id, 0) + sign * backward

    def _return(self, touches: Sequence[Touch], index: int, touch: Touch) -> str | None:
        return _return(touches, index, touch) if touch.event_time > self._returns_horizon else None

    def _recount(self, touch: Touch, old: str | None, new: str | None) -> None:
        if old != new:
            self._count(touch, old, -1)
            self._count(touch, new, 1)

    def _count(self, touch: Touch, entry: str | None, sign: int) -> None:
        if entry is None:
            return
        row = repeats.ROW_ID, _grain(touch.event_time)
        if sign > 0:
            self._touched.add(row)
        amounts = self._amounts.setdefault(row, {})
        amounts[entry] = amounts.get(entry, 0) + sign * UNIT


def _look_back(touches: Sequence[Touch], index: int, own: str) -> list[str]:
    """The distinct other items before `touches[index]`, newest first, at most `LOOK_BACK`."""
    found: list[str] = []
    for at in range(index - 1, -1, -1):
        item_id = touches[at].item_id
        if item_id != own and item_id not in found:
            found.append(item_id)
            if len(found) == LOOK_BACK:
                break
    return found


def _return(touches: Sequence[Touch], index: int, touch: Touch) -> str | None:
    """What `touch`, in its place `index` after those before it, says of returns to earlier items."""
    if touch.event not in LOOKS:
        return None
    before = [earlier.item_id for earlier in touches[max(0, index - repeats.WINDOW) : index]]
    before.reverse()
    return repeats.key(before, touch.item_id)


def _grain(time_us: int) -> int:
    return time_us // repeats.GRAIN_US * repeats.GRAIN_US


def amounts(weight: float, constants: Constants) -> list[tuple[int, int]]:
    """(forward, backward) amounts of a touch that weighs so much, by distance, nearest first."""
    found = []
    for distance in range(1, constants.look_back + 1):
        amount = weight * UNIT / distance
        found.append((round(amount), round(amount * constants.backward)))
    return found


def pack_all(packed: list[bytes]) -> bytes:
    """Several packed updates of one row as one."""
    return _ENCODER.encode(packed)


def unpack_all(packed: bytes) -> list[RowUpdate]:
    """The updates of `pack_all`."""
    return [_DECODER.decode(one) for one in _SEVERAL.decode(packed)]


_ENCODER = msgspec.msgpack.Encoder()
_SEVERAL = msgspec.msgpack.Decoder(list[bytes])
_DECODER = msgspec.msgpack.Decoder(RowUpdate)

_AMOUNTS = {name.value: amounts(weight, SERVED) for name, weight in TOUCHES.items()}
