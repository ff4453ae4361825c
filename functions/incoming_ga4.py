"""Google Analytics 4: the body of a Measurement Protocol request, as our events.

Envelope and times   https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference
                     https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events
Events and items     https://developers.google.com/analytics/devguides/collection/ga4/reference/events

The protocol has no event ids. They are made of what was sent: of `transaction_id` for a purchase, as GA4
itself knows a repeated one, else of the whole event, its shopper and its time. `user_properties`,
`user_data`, `ip_override` and the like describe a person and are not kept.
"""

from __future__ import annotations

from collections import Counter

import msgspec

from evermail import clock
from evermail.events import Code, EventName, Refusal
from functions import incoming_fields as fields
from functions.incoming_fields import Fields, MaybeRaw, given

NAMES = {
    "view_item": EventName.VIEW_ITEM,
    "view_item_list": EventName.VIEW_ITEM_LIST,
    "select_item": EventName.SELECT_ITEM,
    "search": EventName.SEARCH,
    "view_search_results": EventName.SEARCH,
    "add_to_cart": EventName.ADD_TO_CART,
    "remove_from_cart": EventName.REMOVE_FROM_CART,
    "add_to_wishlist": EventName.ADD_TO_WISHLIST,
    "purchase": EventName.PURCHASE,
    "login": EventName.IDENTIFY,
    "sign_up": EventName.IDENTIFY,
}
"""What is taken, and what it is here. Erasing somebody, say, takes more than an analytics event."""

_FORM = "ga4"
_KNOWN = frozenset({"items", "value", "currency", "search_term"})
_CONSENTS = ("ad_personalization", "ad_user_data")
_YEAR_10000_US = 253_402_300_800 * clock.SECOND


class _Body(msgspec.Struct):
    client_id: MaybeRaw = msgspec.UNSET
    app_instance_id: MaybeRaw = msgspec.UNSET
    user_id: MaybeRaw = msgspec.UNSET
    timestamp_micros: MaybeRaw = msgspec.UNSET
    consent: MaybeRaw = msgspec.UNSET
    non_personalized_ads: MaybeRaw = msgspec.UNSET


class _Event(msgspec.Struct):
    name: MaybeRaw = msgspec.UNSET
    params: MaybeRaw = msgspec.UNSET
    timestamp_micros: MaybeRaw = msgspec.UNSET
    event_name: MaybeRaw = msgspec.UNSET


def speaks(events: list[msgspec.Raw]) -> bool:
    """Whether these are GA4's: some have a `name`, none has the `event_name` that all of ours have."""
    named = False
    for raw in events:
        event = _event(raw)
        if event is not None and event.event_name is not msgspec.UNSET:
            return False
        named = named or (event is not None and event.name is not msgspec.UNSET)
    return named


def translate(body: bytes, events: list[msgspec.Raw], now_us: int) -> list[Fields | Refusal]:
    """Our fields of each event, or why there are none, in order. `event_time` is left out where no time
    was sent."""
    envelope = msgspec.json.decode(body, type=_Body)
    seen: Counter[str] = Counter()
    translated: list[Fields | Refusal] = []
    for raw in events:
        try:
            translated.append(_translate(envelope, raw, now_us, seen))
        except Refusal as refusal:
            translated.append(refusal)
    return translated


def _translate(envelope: _Body, raw: msgspec.Raw, now_us: int, seen: Counter[str]) -> Fields:
    event = _event(raw)
    if event is None:
        raise Refusal(Code.NOT_AN_OBJECT, "the event is not an object")
    name = _name(event)
    params_raw = given(event.params)
    params = fields.as_object(params_raw, "params") if params_raw else {}
    sent_time = given(event.timestamp_micros) or given(envelope.timestamp_micros)
    shopper = _shopper(envelope)
    translated = fields.others(params, _KNOWN, _FORM)
    translated |= shopper
    translated |= {key: params[key] for key in ("currency", "search_term") if key in params}
    if "value" in params:
        translated["value"] = fields.number(params["value"])
    if "items" in params:
        translated["items"] = _items(params["items"])
    consent = _consent(envelope)
    if consent:
        translated["consent"] = consent
    if sent_time:
        translated["event_time"] = _time(sent_time)
    transaction = params.get("transaction_id") if name is EventName.PURCHASE else None
    event_id = fields.purchase_id(_FORM, transaction)
    if event_id is None:
        said = (bytes(raw), *map(bytes, shopper.values()), bytes(sent_time or fields.hour(now_us)))
        event_id = fields.derived_id(_FORM, *said)
        seen[event_id] += 1
        if seen[event_id] > 1:  # the same twice in one body happened twice
            event_id = fields.derived_id(_FORM, *said, str(seen[event_id]).encode())
    translated["event_id"] = fields.quoted(event_id)
    translated["event_name"] = fields.quoted(name)
    translated["source"] = fields.quoted(_FORM)
    return translated


def _event(raw: msgspec.Raw) -> _Event | None:
    try:
        return msgspec.json.decode(raw, type=_Event)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _name(event: _Event) -> EventName:
    name = given(event.name)
    if name is None:
        raise Refusal(Code.MISSING_FIELD, "the event has no name")
    text = fields.as_string(name)
    if text is None:
        raise Refusal(Code.WRONG_TYPE, "the name of the event is not a string")
    if text not in NAMES:
        raise Refusal(Code.UNKNOWN_EVENT_NAME, f"of GA4's events these are taken: {', '.join(NAMES)}")
    return NAMES[text]


def _shopper(envelope: _Body) -> Fields:
    client_id = given(envelope.client_id) or given(envelope.app_instance_id)
    user_id = given(envelope.user_id)
    sent = {"client_id": client_id, "user_id": user_id}
    return {key: fields.text(value) for key, value in sent.items() if value}


def _items(raw: msgspec.Raw) -> msgspec.Raw:
    items = []
    for each in fields.as_array(raw, "params.items"):
        item = fields.as_object(each, "an element of params.items")
        for key, mend in (("item_id", fields.text), ("price", fields.number), ("quantity", fields.whole)):
            if key in item:
                item[key] = mend(item[key])
        items.append(item)
    return msgspec.Raw(msgspec.json.encode(items))


def _consent(envelope: _Body) -> msgspec.Raw | None:
    """Personalization is allowed if nothing that was said is anything but `GRANTED`."""
    raw = given(envelope.consent)
    consent = fields.as_object(raw, "consent") if raw else {}
    stated = [fields.as_string(consent[key]) == "GRANTED" for key in _CONSENTS if key in consent]
    refused = given(envelope.non_personalized_ads)
    if refused:  # the predecessor of `ad_personalization`
        stated.append(bytes(refused) == b"false")
    return fields.said(allowed=all(stated), beside=consent) if stated else None


def _time(raw: msgspec.Raw) -> msgspec.Raw:
    micros = fields.whole(raw)
    try:
        time_us = msgspec.json.decode(micros, type=int)
    except (msgspec.DecodeError, ValueError):
        time_us = -1
    if not 0 <= time_us < _YEAR_10000_US:
        raise Refusal(Code.INVALID_EVENT_TIME, "timestamp_micros is not a time in microseconds since 1970")
    return fields.quoted(clock.to_rfc3339(time_us))
