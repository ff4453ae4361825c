"""Segment: calls of its HTTP Tracking API, one or a batch, as our events.

Calls and batches   https://www.twilio.com/docs/segment/connections/sources/catalog/libraries/server/http-api
Common fields       https://www.twilio.com/docs/segment/connections/spec/common
Ecommerce events    https://www.twilio.com/docs/segment/connections/spec/ecommerce/v2
Consent             https://www.twilio.com/docs/segment/privacy/consent-management/consent-in-unify

Of what a call says, `properties` are kept. `traits` and `context` (name, address, IP, device) describe a
person, and `writeKey` is a secret: they are not.
"""

from __future__ import annotations

import msgspec

from evermail import clock
from evermail.events import Code, EventName, Refusal
from functions import incoming_fields as fields
from functions.incoming_fields import Fields, MaybeRaw, given

NAMES = {
    "Product Viewed": EventName.VIEW_ITEM,
    "Product List Viewed": EventName.VIEW_ITEM_LIST,
    "Product Clicked": EventName.SELECT_ITEM,
    "Products Searched": EventName.SEARCH,
    "Product Added": EventName.ADD_TO_CART,
    "Wishlist Product Added to Cart": EventName.ADD_TO_CART,
    "Product Removed": EventName.REMOVE_FROM_CART,
    "Product Added to Wishlist": EventName.ADD_TO_WISHLIST,
    "Order Completed": EventName.PURCHASE,
    "Segment Consent Preference Updated": EventName.UPDATE_CONSENT,
}
"""What is taken of `track`, and what it is here."""

_FORM = "segment"
_OF_A_LIST = frozenset({EventName.VIEW_ITEM_LIST, EventName.PURCHASE})
_OF_NO_ITEM = frozenset({EventName.SEARCH, EventName.UPDATE_CONSENT})
_OF_A_PRODUCT = frozenset(
    {"product_id", "sku", "category", "name", "brand", "variant", "price", "quantity", "coupon", "position"}
    | {"url", "image_url"}
)
_KNOWN = frozenset({"products", "currency", "value"})
_CHOSEN_CATEGORY = ("personalization", "personalisation")


class _Call(msgspec.Struct):
    type: MaybeRaw = msgspec.UNSET
    event: MaybeRaw = msgspec.UNSET
    messageId: MaybeRaw = msgspec.UNSET
    anonymousId: MaybeRaw = msgspec.UNSET
    userId: MaybeRaw = msgspec.UNSET
    timestamp: MaybeRaw = msgspec.UNSET
    originalTimestamp: MaybeRaw = msgspec.UNSET
    sentAt: MaybeRaw = msgspec.UNSET
    properties: MaybeRaw = msgspec.UNSET
    traits: MaybeRaw = msgspec.UNSET
    context: MaybeRaw = msgspec.UNSET


def translate(body: bytes, calls: list[msgspec.Raw], now_us: int) -> list[Fields | Refusal]:
    """Our fields of each call, or why there are none, in order. `body` is what stands round a batch: its
    `context` and `sentAt` hold for the calls that have none. `event_time` is left out where no time was
    sent."""
    batch = _call(body) or _Call()
    translated: list[Fields | Refusal] = []
    for raw in calls:
        try:
            translated.append(_translate(batch, raw, now_us))
        except Refusal as refusal:
            translated.append(refusal)
    return translated


def _translate(batch: _Call, raw: msgspec.Raw, now_us: int) -> Fields:
    call = _call(raw)
    if call is None:
        raise Refusal(Code.NOT_AN_OBJECT, "the call is not an object")
    name = _name(call)
    sent = given(call.properties)
    properties = fields.as_object(sent, "properties") if sent and name is not EventName.IDENTIFY else {}
    translated = _said(name, properties)
    shopper = {"client_id": given(call.anonymousId), "user_id": given(call.userId)}
    translated |= {key: fields.text(value) for key, value in shopper.items() if value}
    timestamp, original = given(call.timestamp), given(call.originalTimestamp)
    sent_at = given(call.sentAt) or given(batch.sentAt)
    time = timestamp or original or sent_at
    if time:
        # A library gives one time, by its own clock. What gives both comes from Segment, which has done this.
        is_right = timestamp and original
        translated["event_time"] = time if is_right else _corrected(time, sent_at, now_us)
    consent = _consent(call) or _consent(batch)
    if consent:
        translated["consent"] = consent
    order = properties.get("order_id") if name is EventName.PURCHASE else None
    translated["event_id"] = given(call.messageId) or fields.quoted(
        fields.purchase_id(_FORM, order)
        or fields.derived_id(_FORM, bytes(raw), bytes(time or fields.hour(now_us)))
    )
    translated["event_name"] = fields.quoted(name)
    translated["source"] = fields.quoted(_FORM)
    return translated


def _corrected(original: msgspec.Raw, sent_at: msgspec.Raw | None, now_us: int) -> msgspec.Raw:
    """The time of an event whose sender's clock may be wrong, by when that clock says it was sent:
    receivedAt - (sentAt - originalTimestamp), as Segment has it (see Common fields), and never later than
    now. Without two times to compare, the original."""
    try:
        waited_us = max(0, _time_us(sent_at) - _time_us(original))
        return fields.quoted(clock.to_rfc3339(now_us - waited_us))
    except (ValueError, OverflowError):
        return original


def _time_us(raw: msgspec.Raw | None) -> int:
    return clock.from_rfc3339(fields.as_string(raw) or "")


def _call(raw: bytes | msgspec.Raw) -> _Call | None:
    try:
        return msgspec.json.decode(raw, type=_Call)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _name(call: _Call) -> EventName:
    """A call that was sent to an address of its own, such as /v1/track, need not say its type."""
    kind = fields.as_string(given(call.type))
    if kind is None and given(call.type) is None:
        kind = "track" if given(call.event) else "identify" if given(call.traits) else None
        if kind is None:
            raise Refusal(Code.MISSING_FIELD, "the call has neither a type nor an event")
    if kind == "identify":
        return EventName.IDENTIFY
    if kind != "track":
        raise Refusal(Code.UNKNOWN_EVENT_NAME, "of Segment's calls track and identify are taken")
    event = fields.as_string(given(call.event))
    if event is None:
        raise Refusal(Code.MISSING_FIELD, "the call has no event that is a string")
    if event not in NAMES:
        raise Refusal(Code.UNKNOWN_EVENT_NAME, f"of Segment's events these are taken: {', '.join(NAMES)}")
    return NAMES[event]


def _said(name: EventName, properties: Fields) -> Fields:
    """What the properties say, in our words; what they say besides, in theirs."""
    known, said = _KNOWN, {}
    if name is EventName.SEARCH and fields.as_string(properties.get("query")) is not None:
        known |= {"query"}
        said["search_term"] = properties["query"]
    elif name in _OF_A_LIST:
        if "products" in properties:
            said["items"] = _items(fields.as_array(properties["products"], "properties.products"))
    elif name not in _OF_NO_ITEM:
        known |= _OF_A_PRODUCT
        product = {key: value for key, value in properties.items() if key in _OF_A_PRODUCT}
        if product:
            said["items"] = msgspec.Raw(msgspec.json.encode([_item(product)]))
    if "currency" in properties:
        said["currency"] = properties["currency"]
    for key in ("value", "revenue", "total"):
        if key in properties:
            said["value"] = fields.number(properties[key])
            break
    return fields.others(properties, frozenset(known), _FORM) | said


def _items(products: list[msgspec.Raw]) -> msgspec.Raw:
    items = [_item(fields.as_object(each, "an element of properties.products")) for each in products]
    return msgspec.Raw(msgspec.json.encode(items))


def _item(product: Fields) -> Fields:
    """`product_id` is what Segment hands on as GA4's `item_id`; `sku` stands in for it."""
    item = dict(product)
    for key in ("product_id", "sku"):
        if key in item:
            item["item_id"] = fields.text(item.pop(key))
            break
    if "category" in item:
        item["item_category"] = item.pop("category")
    for key, mend in (("price", fields.number), ("quantity", fields.whole)):
        if key in item:
            item[key] = mend(item[key])
    return item


def _consent(call: _Call) -> msgspec.Raw | None:
    """Which categories there are, each shop decides. That of personalization speaks for itself; without
    one, only who agreed to all of them is taken to have agreed to this."""
    context = given(call.context)
    consent = fields.as_object(context, "context").get("consent") if context else None
    preferences = fields.as_object(consent, "context.consent").get("categoryPreferences") if consent else None
    if preferences is None:
        return None
    categories = fields.as_object(preferences, "context.consent.categoryPreferences")
    allowed = [bytes(value) == b"true" for value in categories.values()]
    chosen = [bytes(value) == b"true" for key, value in categories.items() if key.lower() in _CHOSEN_CATEGORY]
    return fields.said(allowed=bool(allowed) and all(chosen or allowed), beside=categories)
