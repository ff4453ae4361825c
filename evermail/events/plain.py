"""Most events, quickly: of known fields alone, with nothing wrong or unusual about them.

`reading` checks one thing after the other, to say what it found; here a message passes everything at once, or
is left to `reading`. Whatever is taken here it would take, and make the same event of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from evermail import clock
from evermail.events import checks
from evermail.events.checks import EARLIEST_TIME_US, LIMITS, MAX_FUTURE_US, TELLING_CHARS
from evermail.events.event import NEEDS_ITEMS, Consent, Event, EventName, Item, WireConsent, WireItem


class _Item(WireItem, frozen=True, forbid_unknown_fields=True):
    item_id: Annotated[str, Meta(min_length=1, max_length=checks.MAX_ITEM_ID_CHARS)]
    item_category: Annotated[str, Meta(max_length=checks.MAX_CATEGORY_CHARS)] | None = None


class _Consent(WireConsent, frozen=True, forbid_unknown_fields=True):
    pass


class _Event(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    event_id: Annotated[str, Meta(min_length=1, max_length=LIMITS["event_id"])]
    event_name: EventName
    event_time: Annotated[datetime, Meta(tz=True)]
    client_id: Annotated[str, Meta(max_length=LIMITS["client_id"])] | None = None
    user_id: Annotated[str, Meta(max_length=LIMITS["user_id"])] | None = None
    items: Annotated[tuple[_Item, ...], Meta(max_length=checks.MAX_ITEMS)] | None = None
    value: Annotated[float, Meta(ge=-1e12, le=1e12)] | None = None
    currency: Annotated[str, Meta(max_length=LIMITS["currency"])] | None = None
    search_term: Annotated[str, Meta(max_length=LIMITS["search_term"])] | None = None
    campaign_id: Annotated[str, Meta(max_length=LIMITS["campaign_id"])] | None = None
    consent: _Consent | None = None
    source: Annotated[str, Meta(max_length=LIMITS["source"])] | None = None


_DECODER = msgspec.json.Decoder(_Event)
_NEED_MORE = frozenset({EventName.IDENTIFY, EventName.UPDATE_CONSENT})


def read(data: bytes, now_us: int) -> Event | None:
    """The event of a message, or None where `reading` has to look. Never raises."""
    try:
        sent = _DECODER.decode(data)
        time_us = clock.from_datetime(sent.event_time)
    except (msgspec.DecodeError, ValueError, RecursionError, OverflowError):
        return None
    name, user_id, client_id = sent.event_name, sent.user_id or None, sent.client_id or None
    if name in _NEED_MORE or not (user_id or client_id) or (name in NEEDS_ITEMS and not sent.items):
        return None
    if not EARLIEST_TIME_US <= time_us <= now_us + MAX_FUTURE_US:
        return None
    texts = [sent.event_id, user_id, client_id, sent.campaign_id, sent.currency, sent.source]
    items = []
    for item in sent.items or ():
        item_id, category = item.item_id, item.item_category or None
        line = f"{item_id} {category}" if category else item_id
        if "@" in line or "%" in line or "#" in line or "＠" in line:  # an email address?
            return None
        for own in (user_id, client_id):
            if own and len(own) >= TELLING_CHARS and (own in item_id or (category and own in category)):
                return None
        texts += item_id, category
        items.append(Item(item_id, item.quantity, item.price, category))
    for text in texts:
        if text and not (text.isprintable() and text.strip() == text):
            return None
    return Event(
        sent.event_id,
        name,
        time_us,
        client_id,
        user_id,
        tuple(items),
        sent.value,
        sent.currency or None,
        sent.search_term or None,
        sent.campaign_id or None,
        Consent(sent.consent.personalization) if sent.consent else None,
        sent.source or None,
    )
