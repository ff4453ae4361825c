"""What one shopper's events say: history, cart, purchases, and which items go together.

`ShopperState` is the whole memory of one shopper and `apply` its only update. The result does not
depend on the order in which events arrive: event time rules, and when a late event slips in
between earlier ones, the co-visits that it changes are taken back and made again. That is exact as far
as the memory reaches, which is bounded in every part.
"""

from __future__ import annotations

from bisect import insort
from enum import Enum
from hashlib import blake2b

import msgspec

from evermail import clock
from evermail.decay import UNIT
from evermail.documents import Profile, Seen
from evermail.events import Event, EventName

TOUCHES = {
    EventName.VIEW_ITEM: 1.0,
    EventName.EMAIL_CLICK: 1.5,
    EventName.ADD_TO_WISHLIST: 2.0,
    EventName.ADD_TO_CART: 3.0,
    EventName.PURCHASE: 5.0,
}
"""How strongly an event speaks for its items. A first guess, to be tuned on data; halves only, so that
amounts stay whole numbers."""

HALF_LIFE_US = 14 * clock.DAY
"""A co-visit counts half after this time: writer and reader must use the same."""

LOOK_BACK = 10
"""A touch is paired with this many previous distinct items, the d-th with weight 1/d."""

BACKWARD = 0.5
"""Weight of "seen before" against "seen after"."""

MAX_HISTORY = 64
MAX_LINES = 10
"""Lines of one event that become touches. A page or an order of hundreds of lines says little about each, and
would push everything else out of the history."""

MAX_IDS = 1024
"""Event ids remembered for each shopper. 18 bytes each: what a very busy one costs."""

MAX_CART = 50
MAX_CART_CHANGES = 16
MAX_PURCHASED = 200
PROFILE_HISTORY = 50
PROFILE_RETENTION_US = 180 * clock.DAY

MAX_RETRY_US = clock.HOUR
"""A copy whose event time is further off than this is another event under the same id."""

_FINGERPRINT_MASK = 0xFFFFFFFF


class Touch(msgspec.Struct, array_like=True, frozen=True, order=True):
    """One item in one event. The order of fields is the order of a history: time, then event, then line."""

    event_time: int
    event_hash: int
    line: int
    item_id: str
    event: str


class CartLine(msgspec.Struct, array_like=True):
    """Changes of one item's quantity since it was last bought: [event time, event hash, change]."""

    cleared_at: int = 0
    changes: list[tuple[int, int, int]] = []

    @property
    def quantity(self) -> int:
        """What the changes come to in the order of event time. More than is there cannot be removed: a cart
        may have been filled before we were told."""
        quantity = 0
        for _, _, change in self.changes:
            quantity = max(0, quantity + change)
        return quantity


class Verdict(Enum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    COLLISION = "id_collision"
    LATE = "late"
    FORGOTTEN = "ids_forgotten"


class RowUpdate(msgspec.Struct, array_like=True, frozen=True):
    """What one event changes in the neighbours of one item: amounts in `decay.UNIT`s, made at `event_time`.

    `touched` says that the row's own item was touched then.
    """

    event_time: int
    touched: bool
    amounts: list[tuple[str, int]]


class ShopperState(msgspec.Struct, array_like=True):
    """The memory of one shopper, bounded in every part.

    `seen_ids` maps the hash of an event id to its time in seconds and 32 bits of its content's hash. Ids up
    to `id_horizon` (time in seconds, hash) have been forgotten: whether such an event is new cannot be known.
    Touches up to `history_horizon` have been: what comes from before it still counts as an event, and in
    cart and purchases, but pairs with nothing, since its neighbours in time are not known any more.
    """

    events: int = 0
    as_of: int = 0
    version: int = 0
    id_horizon: tuple[int, int] = (0, 0)
    seen_ids: dict[int, int] = {}
    touches: list[Touch] = []
    cart: dict[str, CartLine] = {}
    purchased: dict[str, int] = {}
    history_horizon: int = 0

    def apply(
        self, event: Event, *, oldest_us: int, now_us: int
    ) -> tuple[Verdict, list[tuple[str, RowUpdate]]]:
        """Takes one event in, unless it is a duplicate, a collision, older than `oldest_us`, or of a time
        whose ids have been forgotten.

        Returns the verdict and the changes it makes to rows of neighbours, at most one record
        for each row and event time.

        A known id is a duplicate if the event says the same: name, shopper, items, and every other field that
        we know. Unknown fields may differ, since senders put counters of attempts and times of sending there,
        and so may the event time, by `MAX_RETRY_US`: a browser may leave it to `collect`, which then stamps
        each attempt anew. All else is a collision: two events of which one would be lost in silence.
        """
        event_hash, fingerprint = _hashes(event)
        known = self.seen_ids.get(event_hash)
        if known is not None:
            apart_us = abs((known >> 32) - event.event_time // clock.SECOND) * clock.SECOND
            same = known & _FINGERPRINT_MASK == fingerprint and apart_us <= MAX_RETRY_US
            return (Verdict.DUPLICATE if same else Verdict.COLLISION), []
        if event.event_time < oldest_us:
            return Verdict.LATE, []
        # A clock that is ahead must not make us forget what happens now.
        second = min(event.event_time, now_us) // clock.SECOND
        if (second, event_hash) <= self.id_horizon:
            return Verdict.FORGOTTEN, []
        self._remember_id(event_hash, fingerprint, second, oldest_us // clock.SECOND)
        self.events += 1
        self.as_of = max(self.as_of, event.event_time)
        changes = _Changes()
        if event.event_name in TOUCHES:
            for line, item in enumerate(event.items[:MAX_LINES]):
                touch = Touch(event.event_time, event_hash, line, item.item_id, event.event_name.value)
                self._insert(touch, changes)
        self._change_cart(event, event_hash)
        return Verdict.ACCEPTED, changes.records()

    def to_profile(self, shopper: str, now_us: int) -> Profile:
        """The document of this shopper. Its version is the time of writing, moved on where clocks go back."""
        self.version = max(self.version + 1, now_us)
        quantities = {item_id: quantity for item_id, line in self.cart.items() if (quantity := line.quantity)}
        return Profile(
            id=shopper,
            version=self.version,
            updated_at=now_us,
            expire_at=self.as_of + PROFILE_RETENTION_US,
            as_of=self.as_of,
            events=self.events,
            history=[
                Seen(touch.item_id, touch.event_time, touch.event)
                for touch in reversed(self.touches[-PROFILE_HISTORY:])
            ],
            cart=dict(sorted(quantities.items())),
            purchased=dict(sorted(self.purchased.items())),
        )

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> ShopperState:
        return _STATE_DECODER.decode(data)

    def _remember_id(self, event_hash: int, fingerprint: int, second: int, oldest_second: int) -> None:
        self.seen_ids[event_hash] = second << 32 | fingerprint
        if len(self.seen_ids) <= MAX_IDS:
            return
        # What is too old to be accepted is not needed; beyond that, a quarter is forgotten at once.
        kept = [entry for entry in self.seen_ids.items() if entry[1] >> 32 >= oldest_second]
        excess = len(kept) - MAX_IDS * 3 // 4
        if excess > 0:
            kept.sort(key=lambda entry: (entry[1] >> 32, entry[0]))
            last_hash, last_value = kept[excess - 1]
            self.id_horizon = (last_value >> 32, last_hash)
            kept = kept[excess:]
        self.seen_ids = dict(kept)

    def _insert(self, touch: Touch, changes: _Changes) -> None:
        touches = self.touches
        if touch.event_time <= self.history_horizon:
            changes.touch(touch)
            return
        if not touches or touch > touches[-1]:
            touches.append(touch)
            changes.add(touch, _look_back(touches, len(touches) - 1))
        else:
            self._insert_late(touch, changes)
        if len(touches) > MAX_HISTORY:
            excess = len(touches) - MAX_HISTORY
            self.history_horizon = touches[excess - 1].event_time
            del touches[:excess]

    def _insert_late(self, touch: Touch, changes: _Changes) -> None:
        before = list(self.touches)
        insort(self.touches, touch)
        at = self.touches.index(touch)
        changes.add(touch, _look_back(self.touches, at))
        for index in range(at + 1, len(self.touches)):
            old, new = _look_back(before, index - 1), _look_back(self.touches, index)
            if old == new:
                break  # the newcomer is out of sight of this touch, and so of all later ones
            changes.replace(self.touches[index], old, new)

    def _change_cart(self, event: Event, event_hash: int) -> None:
        name = event.event_name
        if name is EventName.PURCHASE:
            for item in event.items:
                self.purchased[item.item_id] = max(self.purchased.get(item.item_id, 0), event.event_time)
                line = self.cart.get(item.item_id)
                if line is not None:
                    line.cleared_at = max(line.cleared_at, event.event_time)
                    line.changes = [change for change in line.changes if change[0] > line.cleared_at]
            self.purchased = _newest(self.purchased, MAX_PURCHASED)
        elif name in (EventName.ADD_TO_CART, EventName.REMOVE_FROM_CART):
            sign = 1 if name is EventName.ADD_TO_CART else -1
            for item in event.items:
                line = self.cart.get(item.item_id)
                if line is None:
                    line = self.cart[item.item_id] = CartLine(self.purchased.get(item.item_id, 0))
                if event.event_time > line.cleared_at:
                    insort(line.changes, (event.event_time, event_hash, sign * item.quantity))
                    _merge_oldest(line.changes)
        if len(self.cart) > MAX_CART:
            last = {
                key: max([line.cleared_at, *(c[0] for c in line.changes)]) for key, line in self.cart.items()
            }
            self.cart = {key: self.cart[key] for key in _newest(last, MAX_CART)}


_STATE_DECODER = msgspec.msgpack.Decoder(ShopperState)


class _Changes:
    """Collects the changes of one event by row and event time."""

    def __init__(self) -> None:
        self._amounts: dict[tuple[str, int], dict[str, int]] = {}
        self._touched: set[tuple[str, int]] = set()

    def touch(self, touch: Touch) -> None:
        self._touched.add((touch.item_id, touch.event_time))
        self._amounts.setdefault((touch.item_id, touch.event_time), {})

    def add(self, touch: Touch, earlier: list[str]) -> None:
        self.touch(touch)
        self._pair(touch, earlier, 1)

    def replace(self, touch: Touch, old: list[str], new: list[str]) -> None:
        self._pair(touch, old, -1)
        self._pair(touch, new, 1)

    def records(self) -> list[tuple[str, RowUpdate]]:
        result = []
        for (row, event_time), amounts in self._amounts.items():
            changed = [(item_id, amount) for item_id, amount in amounts.items() if amount]
            touched = (row, event_time) in self._touched
            if changed or touched:
                result.append((row, RowUpdate(event_time, touched, changed)))
        return result

    def _pair(self, touch: Touch, earlier: list[str], sign: int) -> None:
        for distance, item_id in enumerate(earlier, start=1):
            forward, backward = _AMOUNTS[touch.event][distance]
            self._one(item_id, touch, touch.item_id, sign * forward)
            self._one(touch.item_id, touch, item_id, sign * backward)

    def _one(self, row: str, touch: Touch, item_id: str, amount: int) -> None:
        amounts = self._amounts.setdefault((row, touch.event_time), {})
        amounts[item_id] = amounts.get(item_id, 0) + amount


def _amounts(weight: float) -> list[tuple[int, int]]:
    """(forward, backward) amounts for each distance; the list is indexed by distance, from 1."""
    return [(0, 0)] + [
        (round(weight * UNIT / distance), round(weight * BACKWARD * UNIT / distance))
        for distance in range(1, LOOK_BACK + 1)
    ]


_AMOUNTS = {name.value: _amounts(weight) for name, weight in TOUCHES.items()}


def _look_back(touches: list[Touch], index: int) -> list[str]:
    """The distinct other items before `touches[index]`, newest first, at most `LOOK_BACK`."""
    own, found = touches[index].item_id, []
    for at in range(index - 1, -1, -1):
        item_id = touches[at].item_id
        if item_id != own and item_id not in found:
            found.append(item_id)
            if len(found) == LOOK_BACK:
                break
    return found


def _hashes(event: Event) -> tuple[int, int]:
    """63 bits of the id's hash, and 32 bits of the hash of what the event says."""
    id_hash = int.from_bytes(blake2b(event.event_id.encode(), digest_size=8).digest(), "big") >> 1
    says = (
        event.event_name,
        event.client_id,
        event.user_id,
        [(item.item_id, item.quantity, item.price, item.item_category) for item in event.items],
        event.value,
        event.currency,
        event.search_term,
        event.campaign_id,
        event.consent and event.consent.personalization,
        event.source,
    )
    content = blake2b(msgspec.msgpack.encode(says), digest_size=4).digest()
    return id_hash, int.from_bytes(content, "big")


def _newest(times: dict[str, int], count: int) -> dict[str, int]:
    if len(times) <= count:
        return times
    return dict(sorted(times.items(), key=lambda entry: (-entry[1], entry[0]))[:count])


def _merge_oldest(changes: list[tuple[int, int, int]]) -> None:
    while len(changes) > MAX_CART_CHANGES:
        (_, _, first), (time_us, event_hash, second) = changes[0], changes[1]
        changes[:2] = [(time_us, event_hash, max(0, first) + second)]
