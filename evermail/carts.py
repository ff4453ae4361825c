"""Carts left without a purchase: what one visit of a shopper did to a cart, and what is left at its end.

A cart is what was added since the visit began, or since it was last empty within it. What a shopper carried
over from an earlier visit is not known here: it is in the profile, and was announced when that visit ended.
`Visit` adds up in any order and grouping, and stays small.

Who fills a cart before saying who they are has two visits: the browser's, and from then on the user's. Both
have the event that joins them (`visits`), so the browser's can be added to the user's (`ended`): one cart,
with what was put in on either side of the login, and without what was bought or removed since.

A browser is its user's if that was received while its own visit lasted. Said later it changes nothing: the
cart is announced as the browser's, or was, and not a second time as the user's. When it was received, and not
when it was worked on, decides, so that a backlog makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from hashlib import blake2b

import msgspec

from evermail import clock, consent
from evermail.event_ids import hash_of_id
from evermail.events import Accepted, Event, EventName

MAX_CHANGES = 256
"""Changes of a cart that are remembered of one visit, the newest. Some 100 bytes each."""

MAX_PARTS = 8
"""Users whom a browser's visit may turn out to be of, the first, and stretches of it that only what they did
holds together: more of either than a visit has, unless it is a machine's."""

CART_LEFT = "cart_left"
"""The name of the trigger."""

_NEVER = -(1 << 62)
_EVER = 1 << 62
_NOBODY = (_NEVER, "")
_CHANGING = (EventName.ADD_TO_CART, EventName.REMOVE_FROM_CART, EventName.PURCHASE)
_OF_BROWSER_TOO = (EventName.IDENTIFY, EventName.REMOVE_FROM_CART, EventName.PURCHASE)
_SOME_TIME = 1 << 62
"""A dead letter came back; when is not known, and for its cart it counts as too late."""


class Change(msgspec.Struct, array_like=True, frozen=True):
    """One line of an event that changes a cart. `price` is the unit price, in `currency`."""

    event_time: int
    event_hash: int
    line: int
    action: EventName
    item_id: str
    quantity: int
    price: float | None
    currency: str | None


class Visit(msgspec.Struct, array_like=True, frozen=True):
    """What the events of one visit, or some of them, say about the cart.

    `last_at` is the time of the newest, in microseconds. Where `withheld` is true the shopper was erased or
    withdrew the consent to personalisation during the visit: nothing else is remembered of it. `identified`
    is, for a browser, the time of the first event that says whose it is, and that user. `told_at` is when
    Pub/Sub took the newest event that concerns both a browser and its user; 0 if there is none. `first_at` is
    the time of the oldest.
    """

    last_at: int = _NEVER
    withheld: bool = False
    changes: tuple[Change, ...] = ()
    identified: tuple[int, str] = _NOBODY
    told_at: int = 0
    first_at: int = _EVER

    @property
    def user(self) -> str:
        """Who a browser's shopper turned out to be; empty if that is not known, or known all along."""
        return self.identified[1]

    @property
    def bought(self) -> bool:
        """Whether anything was bought."""
        return any(change.action is EventName.PURCHASE for change in self.changes)


class CartItem(msgspec.Struct, frozen=True, omit_defaults=True):
    item_id: str
    quantity: int
    price: float | None = None


class CartLeft(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message to whoever automates emails: this cart was left. Times are RFC 3339, prices are of one unit.

    `cart_id` is the same for the same cart, however often it is found: the hash of the shopper's key and of
    when the first item went in. Prices, `value` (all of the cart) and `currency` are there as far as events
    and the catalog gave them; amounts in several currencies are left out, as they do not add up.
    """

    trigger: str
    cart_id: str
    shopper: str
    items: tuple[CartItem, ...]
    first_added_at: str
    left_at: str
    value: float | None = None
    currency: str | None = None


def visits(accepted: Accepted) -> Iterator[tuple[str, Visit]]:
    """(shopper, visit) of each visit that an event is part of; none for an event that is nobody's."""
    shopper, event = accepted.shopper, accepted.event
    if not shopper:
        return
    withheld = _withholds(event)
    changes = () if withheld else _changes(event)
    part = Visit(event.event_time, withheld, changes, first_at=event.event_time)
    browser = event.client_id
    if browser and browser != shopper and (withheld or event.event_name in _OF_BROWSER_TOO):
        receipt = event.receipt
        told_at = _SOME_TIME if receipt.first_seen else receipt.received_at or event.event_time
        part = msgspec.structs.replace(part, told_at=told_at)
        yield browser, msgspec.structs.replace(part, identified=(event.event_time, shopper))
    yield shopper, part


def together(parts: Iterable[Visit]) -> Visit:
    """The sum of parts of a visit. The result does not depend on how it was divided, nor on the order, nor on
    what is in several of the parts."""
    last_at, withheld, identified, told_at, first_at = _NEVER, False, _NOBODY, 0, _EVER
    changes: list[Change] = []
    for part in parts:
        first_at, last_at = min(first_at, part.first_at), max(last_at, part.last_at)
        withheld = withheld or part.withheld
        if part.user and (part.identified < identified or identified == _NOBODY):
            identified = part.identified
        told_at = max(told_at, part.told_at)
        changes += part.changes
        if len(changes) > 2 * MAX_CHANGES:
            changes = _newest(changes)
    if withheld:
        return Visit(last_at, withheld=True, first_at=first_at)
    return Visit(last_at, False, tuple(_newest(changes)), identified, told_at, first_at)


def thinned(parts: Iterable[Visit], gap_us: int) -> list[Visit]:
    """A bounded number of parts that say of a visit what these say, to `ended`: now, and with more of it.

    A shopper's own are added up to stretches without a pause of `gap_us`, the earliest first; then comes one
    part for each user a browser is said to be of, as it was first received.
    """
    own: list[Visit] = []
    of_users: dict[str, Visit] = {}
    for part in sorted(parts, key=lambda part: part.first_at):
        if part.user:
            known = of_users.get(part.user)
            of_users[part.user] = part if known is None else _both_said(known, part)
        elif own and part.first_at < own[-1].last_at + gap_us:
            own[-1] = together((own[-1], part))
        else:
            own.append(part)
    if any(part.withheld for part in (*own, *of_users.values())):
        return [together((*own, *of_users.values()))]
    if len(own) > MAX_PARTS:
        own[MAX_PARTS - 1 :] = [together(own[MAX_PARTS - 1 :])]
    return _with_newest([*own, *sorted(of_users.values(), key=_received)[:MAX_PARTS]])


def ended(shopper: str, parts: Iterable[Visit], gap_us: int) -> tuple[str, Visit] | None:
    """Whom a visit that has ended is to be told to, and what of it; None if there is nothing to tell.

    `parts` are all there are of it, thinned or not. `gap_us` is how long nothing happens after a visit, in
    microseconds. A browser's visit that is told to its user has `identified`: the user's visit of that time
    ends later, and decides.
    """
    parts = thinned(parts, gap_us)
    whole = together(parts)
    if not whole.user:
        return (shopper, whole) if whole.changes or whole.told_at else None
    own = [part for part in parts if not part.user]
    if not any(part.changes for part in own):
        return None  # the user's own visit says the same
    end = own[0].last_at + gap_us
    in_time = [part.identified for part in parts if part.user and part.told_at < end]
    if not in_time:
        return shopper, msgspec.structs.replace(whole, identified=_NOBODY, told_at=0)
    first = _, user = min(in_time)
    of_user = together(part for part in parts if part.user in ("", user))
    return user, msgspec.structs.replace(of_user, identified=first, told_at=0)


def left_cart(shopper: str, whole: Visit) -> CartLeft | None:
    """The cart that was left at the end of a visit; None where nothing was added, or nothing is left of it.

    Events count in the order of their times. A purchase takes out what it names, whatever the quantity, as it
    does in the profile; the rest is still in the cart. What was never put in cannot be removed.
    """
    lines: dict[str, _Line] = {}
    first_added_at = 0
    for change in sorted(whole.changes, key=_order):
        if change.action is EventName.ADD_TO_CART:
            if not lines:
                first_added_at = change.event_time
            lines.setdefault(change.item_id, _Line()).add(change)
        elif change.action is EventName.PURCHASE:
            lines.pop(change.item_id, None)
        elif change.item_id in lines and not lines[change.item_id].remove(change.quantity):
            del lines[change.item_id]
    if not lines:
        return None
    currencies = {line.currency for line in lines.values() if line.price is not None}
    one_currency = len(currencies) == 1
    return CartLeft(
        trigger=CART_LEFT,
        cart_id=cart_id(shopper, first_added_at),
        shopper=shopper,
        items=tuple(
            CartItem(item_id, line.quantity, line.price if one_currency else None)
            for item_id, line in lines.items()
        ),
        first_added_at=clock.to_rfc3339(first_added_at),
        left_at=clock.to_rfc3339(whole.last_at),
        value=_value(lines.values()) if one_currency else None,
        currency=currencies.pop() if one_currency else None,
    )


def cart_id(shopper: str, first_added_at: int) -> str:
    """A cart's own name: 32 hexadecimal digits."""
    return blake2b(f"{shopper} {first_added_at}".encode(), digest_size=16).hexdigest()


class _Line:
    """One item in a cart. The price is what the newest addition with a price says."""

    def __init__(self) -> None:
        self.quantity = 0
        self.price: float | None = None
        self.currency: str | None = None

    def add(self, change: Change) -> None:
        self.quantity += change.quantity
        if change.price is not None:
            self.price, self.currency = change.price, change.currency

    def remove(self, quantity: int) -> int:
        """Returns what is left."""
        self.quantity = max(0, self.quantity - quantity)
        return self.quantity


def _value(lines: Iterable[_Line]) -> float | None:
    """Summed in decimals, as a receipt is. Nothing where a price is not known."""
    total = Decimal()
    for line in lines:
        if line.price is None:
            return None
        total += Decimal(repr(line.price)) * line.quantity
    return float(total)


def _changes(event: Event) -> tuple[Change, ...]:
    if event.event_name not in _CHANGING:
        return ()
    event_hash = hash_of_id(event)
    return tuple(
        Change(
            event.event_time,
            event_hash,
            line,
            event.event_name,
            item.item_id,
            item.quantity,
            item.price,
            event.currency,
        )
        for line, item in enumerate(event.items)
    )


def _withholds(event: Event) -> bool:
    return event.event_name is EventName.ERASE_USER or consent.withheld(event)


def _both_said(one: Visit, other: Visit) -> Visit:
    """Parts of the same user. Whose a browser is, and when that was known, is as it was first received."""
    first = min(one, other, key=_received)
    both = together((one, other))
    return msgspec.structs.replace(both, identified=first.identified, told_at=first.told_at)


def _received(part: Visit) -> tuple[int, tuple[int, str]]:
    return part.told_at, part.identified


def _with_newest(parts: list[Visit]) -> list[Visit]:
    """The parts with the newest changes of all of them together."""
    changes = [change for part in parts for change in part.changes]
    if len(changes) <= MAX_CHANGES:
        return parts
    kept = set(_newest(changes))
    return [
        msgspec.structs.replace(part, changes=tuple(change for change in part.changes if change in kept))
        for part in parts
    ]


def _newest(changes: list[Change]) -> list[Change]:
    different = list(dict.fromkeys(changes))
    return different if len(different) <= MAX_CHANGES else sorted(different, key=_order)[-MAX_CHANGES:]


def _order(change: Change) -> tuple[object, ...]:
    """Of one visit's changes. Total, so that ties cannot make the order of arrival matter."""
    price = -1.0 if change.price is None else change.price
    return (
        change.event_time,
        change.event_hash,
        change.line,
        change.item_id,
        change.action,
        change.quantity,
        price,
        change.currency or "",
    )
