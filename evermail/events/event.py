"""The shape of a valid event. Names follow Google Analytics 4 ecommerce
(https://developers.google.com/analytics/devguides/collection/ga4/reference/events)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec


class EventName(StrEnum):
    VIEW_ITEM = "view_item"
    VIEW_ITEM_LIST = "view_item_list"
    SELECT_ITEM = "select_item"
    SEARCH = "search"
    ADD_TO_CART = "add_to_cart"
    REMOVE_FROM_CART = "remove_from_cart"
    ADD_TO_WISHLIST = "add_to_wishlist"
    PURCHASE = "purchase"
    EMAIL_OPEN = "email_open"
    EMAIL_CLICK = "email_click"
    IDENTIFY = "identify"
    UPDATE_CONSENT = "update_consent"
    ERASE_USER = "erase_user"


NEEDS_ITEMS = frozenset(
    {
        EventName.VIEW_ITEM,
        EventName.SELECT_ITEM,
        EventName.ADD_TO_CART,
        EventName.REMOVE_FROM_CART,
        EventName.ADD_TO_WISHLIST,
        EventName.PURCHASE,
    }
)
"""Events that mean nothing without an item."""


class WireItem(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What we know of a line, as it is sent."""

    item_id: str
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    price: Annotated[float, msgspec.Meta(ge=0, le=1e12)] | None = None
    item_category: str | None = None


class Item(WireItem, frozen=True, omit_defaults=True):
    """One line of an event. `price` is the unit price in the event's currency; `extra` as in `Event`."""

    extra: dict[str, Any] = {}


class WireConsent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What we know of a consent, as it is sent."""

    personalization: bool = True


class Consent(WireConsent, frozen=True, omit_defaults=True):
    """What the shopper allows. `extra` as in `Event`: consents for other purposes travel with ours."""

    extra: dict[str, Any] = {}


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """How an event reached us. None of it is part of what the sender said."""

    received_at: int = 0
    """When Pub/Sub took the message, in microseconds since the epoch: what lateness is counted from. It stays
    the same however often the message is delivered, so a backlog or a replay is judged as it was at first."""
    attempts: int = 1
    first_seen: int = 0
    """Microseconds since the epoch; when it first became a dead letter, 0 if it never was one."""
    user_aliases: tuple[str, ...] = ()
    client_aliases: tuple[str, ...] = ()
    """What the same identifiers were called under earlier pseudonym keys, newest first."""
    linked_at: int = 0
    """Event time (microseconds) of the `identify` that says whose event this is; 0 if it says so itself."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A valid event. `event_time` is in microseconds since the epoch."""

    event_id: str
    event_name: EventName
    event_time: int
    client_id: str | None = None
    user_id: str | None = None
    items: tuple[Item, ...] = ()
    value: float | None = None
    currency: str | None = None
    search_term: str | None = None
    campaign_id: str | None = None
    consent: Consent | None = None
    source: str | None = None
    extra: dict[str, Any] = {}
    """Fields this version does not know, kept for the archive."""
    receipt: Receipt = Receipt()

    @property
    def shopper(self) -> str:
        """Who the event is about: the known user, else the browser."""
        return self.user_id or self.client_id or ""


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """An event that counts, once, and whose it is: `shopper` is the key of a profile, empty for an event that
    may feed aggregates only. Such an event has no identifiers left in it."""

    shopper: str
    event: Event
